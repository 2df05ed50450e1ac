"""The event study: moves by hand, paths in plain loops, rates on random walks, a known lead."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import obi_widgets as obi
from obi_widgets.calibration.event_paths import SignalPath
from obi_widgets.calibration.moves import bounds, enough, find_moves, grid_of
from obi_widgets.calibration.statistics.sign_flips import mean_path
from obi_widgets.errors import SettingsError
from obi_widgets.presentation.tear_sheet.event_figure import shown, still_of

SECOND = 10**9
START = 1_700_000_000 * SECOND
EVERY = 0.2
SHORT = {"window": 1, "before": 5, "after": 5}


def market(mid_ticks, every=EVERY, interval=0):
    """Return a history of one level a side, whose mid is a number of ticks of 0.01."""
    mid = np.round(np.asarray(mid_ticks, float))
    time = START + np.round(np.arange(len(mid)) * every * SECOND).astype(np.int64)
    sizes = np.where(np.isnan(mid), np.nan, 1.0)[:, None]
    bid, ask = ((mid + side) * 0.01 for side in (-1, 1))
    return obi.History.from_arrays(
        time, bid[:, None], sizes, ask[:, None], sizes, tick_size=0.01, interval=interval
    )


def past(mid, seconds):
    """Return the change of mid over the last seconds."""
    back = round(seconds / EVERY)
    return np.append(np.full(back, np.nan), mid[back:] - mid[:-back])


def walk(seed, seconds=900):
    random = np.random.default_rng(seed)
    states = round(seconds / EVERY)
    return market(100_000 + np.cumsum(3 * random.standard_normal(states))), random


def leading(seed, lead=3.0, seconds=1200):
    """Return a market whose mid follows a signal of a second by a known lead, and the signal."""
    random = np.random.default_rng(seed)
    states, back, held = round(seconds / EVERY), round(lead / EVERY), round(1 / EVERY)
    signal = np.repeat(random.standard_normal(states // held), held)
    steps = 2 * np.append(np.zeros(back), signal[:-back]) + random.standard_normal(states)
    return market(100_000 + np.cumsum(steps)), signal


def test_moves_by_hand():
    mid = np.full(61, 10_000.0)  # a state a second, windows of 5 s
    mid[12:] += 100  # in the window from 10 to 15 s
    mid[33:] -= 50  # from 30 to 35 s
    mid[37:] += 50  # from 35 to 40 s: its path begins before the end of the last one
    mid[58:] += 100  # from 55 to 60 s: its path crosses the end
    history = market(mid, every=1.0)
    grid = grid_of(history, 5)
    assert grid.time.tolist() == (START + 5 * SECOND * np.arange(13)).tolist()
    assert np.flatnonzero(grid.bps).tolist() == [2, 6, 7, 11]
    assert grid.bps[2] == pytest.approx(100.0)  # 100.00 to 101.00
    found = find_moves(history, grid, np.full(12, 10.0), before=6, after=6)
    assert found.window.tolist() == [2, 6, 7, 11]
    assert found.overlap.tolist() == [False, False, True, False]
    assert found.gap.tolist() == [False, False, False, True]
    assert found.judged == 12


def test_no_move_and_no_path_spans_a_gap():
    mid = np.full(60, 10_000.0)
    mid[31:] += 100  # within the gap
    mid[44:] += 100  # seen at 45 s; the path from 45 - 16 s crosses the gap
    mid[30] = np.nan
    history = market(mid, every=1.0)
    grid = grid_of(history, 5)
    assert np.flatnonzero(np.isnan(grid.bps)).tolist() == [5, 6]  # it is lost at 30 s
    near, far = (find_moves(history, grid, np.full(11, 10.0), b, 6) for b in (5, 16))
    assert near.window.tolist() == far.window.tolist() == [8]
    assert near.kept.tolist() == [True]
    assert far.gap.tolist() == [True]


def test_a_bound_is_the_quantile_of_earlier_windows_alone():
    history, _ = walk(1)
    grid = grid_of(history, 1)
    found = bounds(grid, 0.9, 60)
    sizes = np.abs(grid.bps)
    assert enough(0.9) == 20
    assert np.isnan(found[:20]).all()
    for at in (20, 45, 200, 897):
        earlier = sizes[max(at - 60, 0) : at]
        assert found[at] == np.quantile(earlier, 0.9, method="higher")


def test_paths_and_usual_paths_are_those_of_a_plain_loop():
    history, random = walk(2)
    values = random.standard_normal(len(history))
    values[:300] = np.nan
    study = obi.event_study(history, {"one": values}, of_last=120, step=0.5, **SHORT)
    (one,) = study.signals
    series = pd.Series(values, history.time)
    grid = grid_of(history, 1)
    own, usual, signs = [], [], []
    for time, side in zip(study.time, study.side, strict=True):
        at = time + np.round(study.lags * SECOND).astype(np.int64)
        mine = series.reindex(at, method="ffill").to_numpy()
        borders = grid.time[(grid.time >= time - 120 * SECOND) & (grid.time <= time - 10 * SECOND)]
        before = np.array([
            series.reindex(borders + round(lag * SECOND), method="ffill").to_numpy()
            for lag in study.lags
        ])  # fmt: skip
        if np.isnan(mine).any() or ((~np.isnan(before)).sum(axis=1) < 10).any():
            continue
        own.append(side * mine)
        usual.append(side * np.nanmean(before, axis=1))
        signs.append(side)
    assert one.used == len(own)
    assert one.used + one.no_value + one.no_usual == study.moves
    assert one.no_value > 0
    assert one.no_usual > 0
    np.testing.assert_allclose(one.path, np.mean(own, axis=0), atol=1e-12)
    np.testing.assert_allclose(one.usual, np.mean(usual, axis=0), atol=1e-12)
    assert study.found == np.count_nonzero(np.abs(grid.bps) > bounds(grid, 0.95, 120))


def test_on_random_walks_nothing_leads_in_more_than_its_share():
    """The past of mid is what a start that is sought in the path would make a lead of."""
    told = {"five": 0, "one": 0, "slow": 0}
    any_of_them, seeds = 0, 40
    for seed in range(seeds):
        history, random = walk(seed)
        slow = np.cumsum(random.standard_normal(len(history)))  # as persistent as can be
        given = {"five": past(history.mid, 5), "one": past(history.mid, 1), "slow": slow}
        study = obi.event_study(history, given, seed=seed, **SHORT)
        found = [not np.isnan(one.lead) for one in study.signals]
        for name, one in zip(given, found, strict=True):
            told[name] += one
        any_of_them += any(found)
    assert any_of_them <= 5, told  # 5 % of 40 is 2; more than 5 come by chance in 1 %


def test_a_shuffled_signal_has_no_lead():
    history, signal = leading(0)
    given = {f"{n}": obi.shuffled(history, signal, seed=n) for n in range(12)}
    study = obi.event_study(history, given, **SHORT)
    assert [one.says for one in study.signals].count("no lead told") >= 11


@pytest.mark.parametrize("seed", range(3))
def test_a_known_lead_is_found_and_not_made_longer(seed):
    history, signal = leading(seed)
    study = obi.event_study(history, {"right": signal, "wrong": -signal}, step=0.5, **SHORT)
    right, wrong = study.signals
    # A second of the signal moves mid 3 to 4 s later. The state at the start of a window of one
    # second tells of nothing in it; that of 3 s before does, and those around it by less.
    assert 2.5 <= right.lead <= 3.5
    assert right.says.startswith("points with the move from")
    assert wrong.lead == right.lead
    assert wrong.says.startswith("points against the move from")


def test_a_gauge_is_not_signed():
    history = obi.simulate("sim:BTC-PERP", seconds=400, seed=1)
    study = obi.event_study(history, ["trade_frequency", "imbalance"], **SHORT)
    gauge, signal = study.signals
    assert (gauge.directional, signal.directional) == (False, True)
    assert gauge.path.min() > 0  # trades a second
    assert gauge.unit == "/s"


def test_what_uses_later_data_is_left_out_and_said():
    history, _ = walk(3)

    def later(given):
        return np.append(given.mid[5:], np.full(5, np.nan)) - given.mid

    study = obi.event_study(history, {"later": later}, **SHORT)
    assert study.says("later") == "left out: it uses later data"
    assert study.signals[0].used == 0
    assert "later uses later data" in study.notes[0]


def test_too_few_moves_are_said():
    history, random = walk(4, seconds=60)
    study = obi.event_study(history, {"one": random.standard_normal(len(history))}, **SHORT)
    assert study.says("one").startswith("too few moves to tell: ")
    moving, _ = leading(0)
    none = obi.event_study(moving, {"none": np.full(len(moving), np.nan)}, **SHORT)
    assert none.signals[0].no_value == none.moves > 0
    assert (
        none.says("none") == "no value around the moves: it may look back further than the record"
    )
    assert np.isnan(study.signals[0].half).all()
    assert np.isnan(study.signals[0].lead)
    few = obi.event_study(history[:40], {"one": np.ones(40)}, **SHORT)
    assert few.moves == 0
    assert "are too few for this quantile" in repr(few)
    assert few.to_frame().shape == (11, 8)
    assert "<img" not in shown(few)["text/html"]
    empty = obi.event_study(history[:0], {"one": np.empty(0)}, **SHORT)
    assert empty.found == 0


def test_a_constant_signal_tells_nothing():
    history, _ = walk(5)
    one = obi.event_study(history, {"one": np.ones(len(history))}, **SHORT).signals[0]
    assert one.says == "no lead told"
    assert np.isnan(one.band).all()


def test_several_histories_are_one_record():
    history, random = walk(6)
    values = random.standard_normal(len(history))
    halves = [history[:2000], history[2001:]]
    gap = obi.History.concat(halves)
    joined = np.concatenate([values[:2000], [np.nan], values[2001:]])
    whole = obi.event_study(gap, {"one": joined}, **SHORT)
    signal = obi.event_study(halves, [obi.imbalance], **SHORT)
    assert signal.time.tolist() == whole.time.tolist()
    assert signal.gap == whole.gap


def test_in_basis_points_every_window_is_judged():
    history, _ = walk(7)
    study = obi.event_study(history, beyond=1.5, beyond_is="bps", **SHORT)
    assert study.judged == study.windows
    assert (study.size_bps > 1.5).all()
    assert "by more than 1.5 bps" in study.heading


def test_an_interval_is_that_of_a_randomisation_test():
    random = np.random.default_rng(1)
    paths = random.standard_normal((40, 3)) + np.array([0.0, 0.3, 3.0])
    block = np.arange(40) // 2
    pre = np.array([True, True, False])
    found = mean_path(paths, block, pre, level=0.95, band_level=0.95, seed=3)
    assert found.blocks == 20
    np.testing.assert_allclose(found.mean, paths.mean(axis=0))
    # Where the interval leaves out 0, fewer than 5 % of flipped means are as large, and so on.
    sums = paths.reshape(20, 2, 3).sum(axis=1)
    signs = np.random.default_rng(9).choice([-1.0, 1.0], (4000, 20))
    as_large = (np.abs(signs @ sums) >= np.abs(sums.sum(axis=0)) - 1e-9).mean(axis=0)
    assert ((np.abs(found.mean) > found.half) == (as_large < 0.05)).all()
    assert found.half[0] == pytest.approx(2.093 * found_error(sums, 40)[0], rel=0.1)
    assert (found.band[:2] > found.half[:2]).all()
    assert np.isnan(found.band[2])


def found_error(sums, count):
    return np.sqrt(len(sums)) * sums.std(axis=0, ddof=1) / count


def test_the_band_misses_as_often_as_it_says():
    """Ten lags of one persistent path: about 5 % of bands leave out 0 somewhere."""
    missed, pre = 0, np.ones(10, bool)
    for seed in range(200):
        random = np.random.default_rng(seed)
        paths = np.cumsum(random.standard_t(3, (12, 10)), axis=1)
        found = mean_path(paths, np.arange(12), pre, level=0.95, band_level=0.95, seed=seed)
        missed += bool((np.abs(found.mean) > found.band).any())
    assert 3 <= missed <= 18


@pytest.mark.parametrize(
    ("told", "lead", "says"),
    [
        ([0, 0, 0, 0], np.nan, "no lead told"),
        ([0, 0, 0, 1], 0.0, "points with the move at the start of moves, and not before"),
        ([0, 1, 1, 1], 2.0, "points with the move from 2 s before the start of moves on"),
        ([1, 0, 1, 1], 1.0, "points with the move from 1 s before the start of moves on"),
        ([0, 1, 1, 0], 2.0, "points with the move from 2 s to 1 s before the start of moves"),
        ([0, 0, 1, 0], 1.0, "points with the move at 1 s before the start of moves, not at it"),
        ([0, -1, 1, 1], 1.0, "points with the move from 1 s before the start of moves on"),
        ([0, 0, 0, -1], 0.0, "points against the move at the start of moves, and not before"),
    ],
)
def test_a_lead_is_the_last_stretch_of_told_lags(told, lead, says):
    lags = np.arange(-3.0, 1.0)
    one = SignalPath(
        "x", "", True, lags, np.array(told, float), np.zeros(4), np.full(4, 0.2),
        np.full(4, 0.5), 20, 0, 0, 20, "",
    )  # fmt: skip
    np.testing.assert_equal(one.lead, lead)
    assert one.says.startswith(says)


def test_what_is_not_possible_is_said():
    history, _ = walk(8, seconds=30)
    for options, said in (
        ({"window": 0.01}, "window = 0.01"),
        ({"beyond": 1.2}, "beyond = 1.2"),
        ({"beyond_is": "sd"}, "beyond_is = 'sd'"),
        ({"of_last": 60, "window": 5}, "holds too few windows of 5 s"),
        ({"step": 0.01}, "too many lags"),
        ({"after": 1, "window": 5}, "after = 1"),
        ({"level": 1.0}, "level = 1.0"),
    ):
        with pytest.raises(SettingsError) as error:
            obi.event_study(history, **options)
        assert said in str(error.value)
    with pytest.raises(SettingsError, match=r"There are 13 signals\. Give 1 to 12\. "):
        obi.event_study(history, {str(n): np.ones(len(history)) for n in range(13)})
    with pytest.raises(SettingsError, match="too short for states"):
        obi.event_study(market(np.full(60, 10_000.0), 1.0, interval=1.0))


def test_the_picture_says_what_the_study_says():
    history, signal = leading(0)
    study = obi.event_study(history, {"lead": signal, "noise": signal[::-1]}, **SHORT)
    still = still_of(study)
    assert still.sentence == study.heading
    assert study.signals[0].says in still.image
    assert [row[0] for row in still.tables[0].rows] == ["Lead", "Noise"]
    assert still.tables[0].rows[0][1] == f"{study.signals[0].lead:g} s"
    assert still.image.count('class="B"') == sum(one.told.sum() for one in study.signals)
    bundle = shown(study)
    assert bundle["text/plain"] == repr(study)
    assert "obi-still" not in bundle["text/html"]  # no widget may hide it
    for sheet in (Path(obi.__file__).parent / "widgets" / "static").glob("*.css"):
        assert "obi-event-study" not in sheet.read_text(), "nor keep its sentences on one line"
    assert 'class="obi-event-study"' in bundle["text/html"]
    assert "<pre>" in study._repr_html_()
    assert study.summary["lead"].iloc[0] == study.signals[0].lead
    frame = study.to_frame().loc["lead"]
    np.testing.assert_array_equal(frame["more"], frame["path"] - frame["usual"])
    assert (frame["told"] == ((frame["band_low"] > 0) | (frame["band_high"] < 0))).all()


def test_the_page_runs(capsys):
    page = Path(__file__).parents[1] / "docs/event-study.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, page.name, "exec"), {})
    assert "moves of sim:BTC-PERP" in capsys.readouterr().out
