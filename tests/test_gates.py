"""Gates: by hand on short tapes, appended and whole, without later data, and in all that enters."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from history_tools import NAN, SECOND, START

import obi_widgets as obi
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.presentation.texts.outcome import name_of
from obi_widgets.session.link import Link
from obi_widgets.session.trials import Tried
from obi_widgets.signals import registry as signal_registry
from obi_widgets.signals.coverage import LevelsUsed
from obi_widgets.signals.depth_within import depth_within, sizes_within
from obi_widgets.signals.realised_volatility import volatility_of
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import Scanner
from obi_widgets.trading.gates import registry
from obi_widgets.trading.gates.depth import depth
from obi_widgets.trading.gates.hours import hours
from obi_widgets.trading.gates.large_level_age import large_level_age
from obi_widgets.trading.gates.largest_share import largest_share, shares
from obi_widgets.trading.gates.spread import spread
from obi_widgets.trading.gates.volatility import volatility

ALL = ("depth", "hours", "large_level_age", "largest_share", "spoofs", "spread", "volatility")
QUICK = {
    "depth": {"band_bps": 2, "window": 10, "quantile": 0.3},
    "hours": {},
    "large_level_age": {"age": 30, "within_bps": 30},
    "largest_share": {"window": 10, "depth": 5, "quantile": 0.7},
    "spoofs": {"closed_for": 3, "window": 20, "life": 5, "repeats": 2, "within_bps": 20},
    "spread": {"window": 10, "quantile": 0.7},
    "volatility": {"window": 3, "of_last": 10, "most": 0.7, "least": 0.1},
}
"""Values with which a minute has open and closed states."""


def book(bids, asks, sizes=None, every=SECOND, start=START, tick_size=0.1):
    """Return a history of one level a side, or of several of which the sizes are given."""
    bids, asks = np.array(bids, float), np.array(asks, float)
    levels = 1 if sizes is None else np.shape(sizes)[-1]
    away = tick_size * np.arange(levels)
    bid_sizes, ask_sizes = np.ones((2, len(bids), 1)) if sizes is None else np.array(sizes, float)
    time = start + every * np.arange(len(bids))
    return obi.History.from_arrays(
        time, bids[:, None] - away, bid_sizes, asks[:, None] + away, ask_sizes, tick_size=tick_size
    )


@pytest.fixture(scope="module")
def minute():
    return obi.simulate(seconds=90, seed=3, levels=10)


def one(gate, history, **values):
    """Return what a gate says where both sides are asked alike."""
    longs, shorts = gate(history, **values)
    np.testing.assert_array_equal(longs, shorts)
    return longs.tolist()


# -- by hand ------------------------------------------------------------------------------------


def test_a_spread_that_is_wide_for_its_past_closes():
    # Spreads in ticks: 1 1 1 2 1 3 1 1 1 1; the window of each state is the four before it.
    asks = [100.1, 100.1, 100.1, 100.2, 100.1, 100.3, 100.1, 100.1, 100.1, 100.1]
    history = book([100] * 10, asks)
    found = one(spread, history, quantile=0.5, window=10, most_bps=None)
    assert np.isnan(found).all()  # the window of 10 s is never full
    wide = replace(history, time=history.time[0] + 2 * (history.time - history.time[0]))
    found = one(spread, wide, quantile=0.9, window=10)
    # Full from the sixth state on. There, 5 states are less than 3 ticks.
    np.testing.assert_array_equal(found, [NAN] * 5 + [0, 1, 1, 1, 1])


def test_a_spread_beyond_a_limit_closes_at_once():
    history = book([100, 100, NAN, 100], [100.1, 100.2, NAN, 100.1])
    found = one(spread, history, quantile=None, most_bps=15)
    np.testing.assert_array_equal(found, [1, 0, NAN, 1])  # 10 and 20 bps


def test_a_spread_that_never_changes_is_never_wide():
    history = book([100] * 30, [100.1] * 30)
    assert one(spread, history, window=10, quantile=0.5)[10:] == [1] * 20


def test_a_gap_closes_until_the_window_is_full_again():
    bids = np.full(30, 100.0)
    bids[12] = NAN
    history = book(bids, bids + 0.1)
    found = np.array(one(spread, history, window=10))
    np.testing.assert_array_equal(np.flatnonzero(found == 1), [10, 11, *range(23, 30)])


def test_depth_is_that_of_the_thinner_side_within_the_band():
    # Levels 1 tick apart; mid 100.05, so 25 bps reach 100.05 ± 0.25: three levels a side.
    sizes = np.ones((2, 14, 4))
    sizes[0, 11] = [1, 0.2, 0.2, 9]  # thin bids; what is beyond the band does not count
    sizes[1, 12] = [0.1, 0.1, 0.1, 9]  # thin asks
    sizes[0, 13] = [5, 5, 5, 1]  # the asks are as ever
    history = book([100] * 14, [100.1] * 14, sizes)
    found = one(depth, history, band_bps=25, quantile=0.1, window=10)
    np.testing.assert_array_equal(found, [NAN] * 10 + [1, 0, 0, 1])


@pytest.mark.parametrize("band", [0.5, 1, 3, 20])
def test_what_rests_within_a_band_is_what_the_depth_of_the_book_says(band, minute):
    slow = [depth_within(minute, LevelsUsed(None, band), which)[0] for which in (0, 1)]
    np.testing.assert_array_equal(sizes_within(minute, band), slow)


def test_a_band_beyond_the_kept_levels_is_unknown():
    history = book([100] * 14, [100.1] * 14, np.ones((2, 14, 4)))
    assert np.isnan(one(depth, history, band_bps=60, window=10)).all()


def test_one_large_level_closes_to_entries_of_its_own_side():
    sizes = np.ones((2, 14, 4))
    sizes[0, 11] = [1, 7, 1, 1]  # 0.7 of the bids
    sizes[1, 12] = [3, 3, 3, 3]  # as even as before
    sizes[1, 13] = [1, 1, 1, 17]  # 0.85 of the asks
    history = book([100] * 14, [100.1] * 14, sizes)
    np.testing.assert_allclose(shares(history, 4)[0, [10, 11]], [0.25, 0.7])
    longs, shorts = largest_share(history, depth=4, quantile=0.9, window=10)
    np.testing.assert_array_equal(longs, [NAN] * 10 + [1, 0, 1, 1])
    np.testing.assert_array_equal(shorts, [NAN] * 10 + [1, 1, 1, 0])
    longs, shorts = largest_share(history, depth=4, quantile=None, most=0.8)
    assert longs.tolist() == [1] * 14
    assert shorts.tolist() == [1] * 13 + [0]


def test_realised_volatility_by_hand():
    mids = np.array([100, 100, 100.1, 100.1, 100.3, 100.3])
    history = book(mids - 0.1, mids + 0.1)
    # Moves over a second: none, 0, 0.1, 0, 0.2, 0. The window of 2 s has two of them.
    squares = np.array([NAN, 0, (0 + 0.01) / 2, (0.01 + 0) / 2, (0 + 0.04) / 2, (0.04 + 0) / 2])
    found = volatility_of(history, 2)
    np.testing.assert_allclose(found, 1e4 * np.sqrt(squares) / mids, rtol=1e-12)


def test_wild_and_still_times_close():
    mids = np.full(60, 100.0)
    mids[1:40:2] += 0.1  # a tick to and fro each second
    mids[40:46] += [1, 2, 3, 4, 5, 6]
    mids[46:] = 106
    history = book(mids - 0.1, mids + 0.1)
    found = np.array(one(volatility, history, window=2, most=0.9, least=None, of_last=20))
    assert np.isnan(found[:23]).all()  # 1 + 2 + 20 s
    assert (found[24:40] == 1).all()  # it moves as ever
    assert (found[41:44] == 0).all()  # later ones are no longer above nine tenths of the past
    found = np.array(one(volatility, history, window=2, most=None, least=0.1, of_last=20))
    assert (found[24:46] == 1).all()
    assert found[49] == 0  # it has stood still for the window


def test_hours_and_days_are_of_utc():
    hour = 3600 * SECOND
    friday = 1_700_179_200 * SECOND  # 17 November 2023, 00:00 UTC
    history = book([100] * 72, [100.1] * 72, every=hour, start=friday)
    longs = np.array(one(hours, history, from_hour=7, until_hour=9))
    assert np.flatnonzero(longs).tolist() == [7, 8, 31, 32, 55, 56]
    night = np.array(one(hours, history, from_hour=22, until_hour=1, days="weekends"))
    assert np.flatnonzero(night).tolist() == [24, 46, 47, 48, 70, 71]
    day = np.array(one(hours, history, from_hour=0, until_hour=0, days="weekdays"))
    assert np.flatnonzero(day).tolist() == list(range(24))


def test_a_young_large_level_closes_to_entries_of_its_own_side(minute):
    levels = obi.simulate(seconds=400, seed=5).large_levels
    history = obi.simulate(seconds=400, seed=5)
    age, band = 15, 20
    longs, shorts = large_level_age(history, age=age, within_bps=band)
    known = int(levels.whole[1, 0])
    assert np.isnan(longs[: known - 1]).all()
    # A slow reference: at each state, what its own slice of the history tells.
    rows = np.linspace(known, len(history) - 1, 60).astype(int)
    closed = 0
    for row in rows.tolist():
        then = history[: row + 1].large_levels
        mid, time = history.mid[row], history.time[row]
        young = (then.end == "standing") & ~then.stood_before & (time - then.born < age * SECOND)
        near = abs(then.price - mid) * 1e4 <= band * mid
        for side, said in ((+1, longs[row]), (-1, shorts[row])):
            expected = not (young & near & (then.side == side)).any()
            assert said == expected, (row, side)
            closed += not expected
    assert closed > 0


def test_a_history_without_large_levels_is_closed_and_told(minute):
    history = book([100] * 5, [100.1] * 5)
    assert np.isnan(one(large_level_age, history)).all()
    assert not obi.Gates(["large_level_age"]).allowed(history).any()


# -- of every gate ------------------------------------------------------------------------------


def test_all_of_them_are_tested():
    # `conflict` takes hours to know anything: see test_conflict.py.
    assert tuple(sorted({*registry.BUILT_IN} - {"conflict"})) == ALL == tuple(QUICK)


@pytest.mark.parametrize("name", ALL)
def test_appended_equals_whole_and_nothing_is_from_the_future(name, minute):
    gate, values = registry.find(name), QUICK[name]
    whole = gate(minute, **values)
    assert whole.shape == (2, len(minute))
    if name not in ("hours", "large_level_age", "spoofs"):
        assert {0.0, 1.0} <= set(whole[~np.isnan(whole)].tolist()), "it opens and closes"
    checked = gate.check(values)
    for cut in (len(minute) // 3, len(minute) // 2, len(minute) - 1):
        np.testing.assert_array_equal(gate(minute[:cut], **values), whole[:, :cut])
        np.testing.assert_array_equal(gate.compute(minute, checked, cut), whole[:, cut:])
        begin = gate.first_needed(minute, checked, cut)
        found = gate.compute(minute[begin:], checked, cut - begin)
        np.testing.assert_array_equal(found, whole[:, cut:])


# -- a user's own -------------------------------------------------------------------------------


@pytest.fixture
def narrow():
    @obi.gate(lookback="window")
    def narrow(history, *, most: obi.Bps(0, 50) = 2.0, window: obi.Seconds(1, 60) = 5.0):
        bps = 1e4 * history.spread / history.mid
        mean = np.cumsum(bps) / np.arange(1, len(history) + 1)
        return bps < most * mean

    yield narrow
    del registry._user_gates["narrow"]


def test_a_gate_of_ones_own_is_five_lines(narrow, minute):
    assert repr(narrow) == "<Gate narrow: most, window>"
    found = narrow(minute)
    assert np.isnan(found[:, minute.time - minute.time[0] < 5 * SECOND]).all()
    # It sums floats from the first row that it is given: fixed rows make appended equal whole.
    cut = len(minute) - 7
    values = narrow.check({})
    np.testing.assert_array_equal(narrow.compute(minute, values, cut), found[:, cut:])
    settings = obi.Settings(gates={narrow: {"most": 3}})
    assert settings.gates == {"narrow": {"most": 3.0, "window": 5.0}}


def test_one_that_is_run_from_a_text_is_known_by_its_name():
    exec(
        "import obi_widgets as obi\n@obi.gate\ndef typed(history):\n    return history.bid > 0", {}
    )
    try:
        assert list(obi.Settings(gates=["typed"]).gates) == ["typed"]
    finally:
        del registry._user_gates["typed"]


def test_a_signal_that_is_run_from_a_text_is_known_by_its_name():
    exec("import obi_widgets as obi\n@obi.signal\ndef typed(history):\n    return history.bid", {})
    try:
        assert obi.Settings("typed").signal.name == "typed"
        assert not signal_registry.is_built_in(obi.Settings("typed").signal)
    finally:
        del signal_registry._user_signals["typed"]


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda _: "wide", "The gate odd returned a str"),
        (lambda _: np.ones(3), "The gate odd returned the shape"),
        (lambda history: 2 * np.ones(len(history)), "The gate odd returned 2"),
    ],
)
def test_what_is_no_gate_is_refused(function, text, minute):
    odd = obi.gate(function, name="odd")
    try:
        with pytest.raises(obi.ObiError, match=text):
            odd(minute)
    finally:
        del registry._user_gates["odd"]


def test_the_name_of_a_built_in_gate_is_taken():
    with pytest.raises(obi.ObiError, match="A built-in gate has the name 'spread'"):
        obi.gate(lambda _: True, name="spread")


# -- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"spred": {}}, "There is no gate 'spred'.*spread"),
        ({"spread": {"quantil": 0.9}}, "The gate spread has no parameter 'quantil'.*quantile"),
        ({"spread": {"quantile": 2}}, "quantile = 2 is not possible"),
        ({"spread": 0.9}, "0.9 are no values of the gate spread"),
        ("spread", "gates = 'spread' is not possible"),
        (7, "gates = 7 is not possible"),
    ],
)
def test_gates_that_are_not_possible_are_refused(given, text):
    for kind in (obi.Settings, obi.Parameters):
        with pytest.raises(obi.ObiError, match=f"(?s){text}"):
            kind(gates=given)


def test_settings_keep_them_in_files_links_and_pickles(tmp_path):
    settings = obi.Settings(gates={"spread": {"quantile": None, "most_bps": 3}, "hours": {}})
    for name in ("one.toml", "one.json"):
        assert obi.Settings.load(settings.save(tmp_path / name)) == settings
    assert pickle.loads(pickle.dumps(settings)) == settings
    link = Link(("sim",), settings.parameters, TimeRange(300))
    assert Link.read(str(link)).settings == settings.parameters


def test_without_gates_nothing_is_written(tmp_path):
    assert "gates" not in obi.Parameters().as_table()
    assert "gates" not in obi.Settings().save(tmp_path / "one.toml").read_text()
    assert obi.Settings().gates == {}


def test_they_are_observed_and_undone():
    settings, seen = obi.Settings(), []
    settings.observe(lambda change: seen.append(dict(change["new"])), "gates")
    settings.gates = ["hours"]
    settings.gates = settings.gates.replace("hours", from_hour=3)
    assert [one["hours"]["from_hour"] for one in seen] == [7, 3]
    settings.undo()
    assert not settings.gates or settings.gates["hours"]["from_hour"] == 7


def test_each_gate_that_is_tried_is_a_trial():
    tried, settings = Tried(), obi.Settings()
    assert tried.add(settings.parameters) == 1
    for gates, count in (
        (["hours"], 2),
        ({"hours": {"from_hour": 5}}, 3),
        (["hours", "spread"], 4),
        (["hours"], 4),
        (None, 4),
    ):
        settings.gates = gates
        assert tried.add(settings.parameters) == count


# -- entries ------------------------------------------------------------------------------------


def gated(**changes):
    values = {"threshold": 0.2, "hold_seconds": 3, "gates": {n: QUICK[n] for n in ("spread",)}}
    return obi.Parameters(**{**values, **changes})


def test_no_entry_begins_where_a_gate_is_closed(minute):
    settings = gated()
    found = obi.entries(minute, settings)
    at = np.searchsorted(minute.time, pd.DatetimeIndex(found["entry_time"]).as_unit("ns").asi8)
    allowed = settings.gates.allowed(minute)
    side = found["side"].to_numpy()
    assert len(found) > 3
    assert allowed[np.where(side > 0, 0, 1), at].all()
    without = obi.entries(minute, settings.replace(gates=None))
    assert len(without) > len(found)


def test_an_exit_is_not_held_up(minute):
    found = obi.entries(minute, gated())
    held = found[found["ended"] == "held"]
    seconds = (held["exit_time"] - held["entry_time"]).dt.total_seconds()
    assert ((seconds >= 3) & (seconds < 4)).all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"latency_ms": 50.0, "slippage_bps": 2.0},
        {"execution": "post_only"},
        {"threshold_is": "quantile", "threshold": 0.6, "quantile_window": 10},
    ],
)
def test_a_growing_history_has_the_entries_of_the_whole(changes, minute):
    settings = gated(**changes)
    whole = obi.entries(minute, settings)
    scanner = Scanner(settings)
    signal = settings.signal.compute(minute, dict(settings.values))
    for stop in np.linspace(1, len(minute), 25).astype(int).tolist():
        scanner.extend(minute[:stop], signal[:stop])
    grown = scanner.trades(minute).to_frame()
    assert grown.equals(whole[grown.columns])
    assert len(whole) > 1


def test_a_sweep_is_made_of_single_runs(minute):
    settings = gated()
    surface = obi.sweep(
        [minute], settings=settings, threshold=[0.1, 0.3], hold_seconds=[2, 5], hold_out=0.3
    )
    counts = surface.parts[..., 0].sum(axis=-1).reshape(2, 2)
    for i, threshold in enumerate((0.1, 0.3)):
        for j, hold in enumerate((2, 5)):
            alone = obi.entries(minute, settings.replace(threshold=threshold, hold_seconds=hold))
            assert counts[i, j] == (alone["ended"] == "held").sum()


def test_several_histories_are_judged_with_their_own_levels(minute):
    settings = gated(gates={n: QUICK[n] for n in ("depth", "largest_share")})
    half = len(minute) // 2
    parts = [minute[:half], minute[half:]]
    several = obi.calibrate(parts, settings, horizons=(1, 3))
    joined = obi.calibrate(obi.History.concat(parts), settings, horizons=(1, 3))
    free = obi.calibrate(parts, settings.replace(gates=None), horizons=(1, 3))
    assert several.table["n"].tolist() == joined.table["n"].tolist()
    assert 0 < several.table["n"].iloc[0] < free.table["n"].iloc[0]


def test_the_default_decides_as_without_gates(minute):
    settings = obi.Parameters()
    signal = obi.imbalance(minute, settings)
    assert decisions(minute, signal, settings).entries is signal


@pytest.mark.parametrize("rule", ["crossing", "transition"])
def test_a_rule_of_entry_and_a_gate_both_have_to_allow_it(rule, minute):
    settings = gated(entry_rule=rule)
    signal = obi.imbalance(minute, settings)
    both = decisions(minute, signal, settings).entries
    ruled = decisions(minute, signal, settings.replace(gates=None)).entries
    opened = decisions(minute, signal, settings.replace(entry_rule="beyond")).entries
    beyond = np.abs(signal) > settings.threshold
    expected = ~np.isnan(ruled) & ~np.isnan(opened) & beyond
    np.testing.assert_array_equal(~np.isnan(both) & beyond, expected)
    assert 0 < expected.sum() < (~np.isnan(ruled) & beyond).sum()


def test_a_lab_that_follows_a_market_shows_the_entries_of_the_whole(minute):
    settings = gated(gates={name: QUICK[name] for name in ("spread", "largest_share")})
    analysis = Analysis(settings)
    cuts = [*np.linspace(100, len(minute) - 40, 12).astype(int).tolist()]
    for stop in [*cuts, *range(len(minute) - 39, len(minute) + 1)]:  # at last state by state
        analysis.update(minute[:stop], settings)
    shown = analysis.trades.to_frame()
    assert shown.equals(obi.entries(minute, settings)[shown.columns])
    free = settings.replace(gates=None)
    analysis.update(minute, free)
    shown = analysis.trades.to_frame()
    assert shown.equals(obi.entries(minute, free)[shown.columns])


def test_a_comparison_names_the_gates_that_differ():
    free = obi.Parameters()
    assert name_of(free.replace(gates=["hours", "spread"]), free) == "gates hours, spread"
    assert name_of(free, free.replace(gates=["hours"])) == "no gate"


def test_a_gate_tells_what_it_is():
    assert spread.__name__ == spread.name == "spread"
    assert spread.__doc__.startswith(spread.description)
    assert spread.description == "Return where the spread is not wide."
