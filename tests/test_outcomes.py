"""What became of the trades and large levels of a chart: as the tables say, and never early."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from history_tools import MS, SECOND, book, writer

import obi_widgets as obi
from obi_widgets.calibration.quality.mids_around import rows_after
from obi_widgets.market_data.events import Trade
from obi_widgets.presentation.charts.window import Window
from obi_widgets.presentation.layers.chart_layers import Appearance, LayerMaker
from obi_widgets.presentation.layers.outcomes import (
    AGAINST,
    PAID,
    PENDING,
    SECONDS,
    UNKNOWN,
    OutcomeMaker,
    bubble_outcomes,
    wall_outcomes,
)
from obi_widgets.presentation.layers.trade_bubbles import TradeBubbles
from obi_widgets.presentation.layers.walls import Walls

T0 = 1_700_000_000 * SECOND


@pytest.fixture(scope="module")
def simulated():
    return obi.simulate(seconds=200, seed=5)


@pytest.fixture(scope="module")
def walled():
    """Two minutes with walls, and a price range that has them all."""
    history, _ = obi.simulate_spoofs(seconds=120, seed=1, runs=120)
    return history, (float(np.nanmin(history.mid)) - 200, float(np.nanmax(history.mid)) + 200)


def bubbles_of(history, seconds=100.0, step=None, end=None):
    window = Window.ending(int(history.time[-1]) if end is None else end, seconds)
    return TradeBubbles().of(history, window, step or 4 * history.tick_size)


def by_the_table(history, bubbles):
    """Return the mean markouts of the trades of each bubble by `obi.markouts`, size-weighted."""
    _, width, step = bubbles.grid
    table = obi.markouts(history, SECONDS)
    time = table.index.astype("int64").to_numpy()
    column, row = time // width, np.floor(table["price"] / step + 1e-6)
    out = []
    for middle, price, size in bubbles.marks:
        of = (column == round(middle * MS) // width) & (table["side"] == np.sign(size))
        of &= row == np.floor(price / step + 1e-6)
        some = table[of]
        assert some["size"].sum() == pytest.approx(abs(size))
        waits = [bool((time[of] + s * SECOND > history.time[-1]).any()) for s in SECONDS]
        means = [
            np.nan if wait else np.average(some[f"markout_{s:g}s"], weights=some["size"])
            for s, wait in zip(SECONDS, waits, strict=True)
        ]
        out.append((waits, means))
    return out


@pytest.mark.parametrize("seconds", [20.0, 100.0])
def test_bubbles_have_the_markouts_of_the_table(simulated, seconds):
    bubbles = bubbles_of(simulated, seconds)
    bps, kinds = bubble_outcomes(simulated, bubbles)
    seen = set()
    for at, (waits, means) in enumerate(by_the_table(simulated, bubbles)):
        np.testing.assert_allclose(bps[at], means, rtol=1e-4, atol=1e-4)
        for wait, mean, kind in zip(waits, means, kinds[at].tolist(), strict=True):
            wanted = PENDING if wait else UNKNOWN if np.isnan(mean) else int(mean > 0)
            assert kind == wanted
            seen.add(kind)
    assert seen >= {AGAINST, PAID, PENDING}


def test_an_outcome_is_the_same_when_more_is_known(simulated):
    """What was said at a time is what is said later, and what was not known then was not said."""
    cut = len(simulated) - 400
    early, end = simulated[:cut], int(simulated.time[cut - 1])
    then, now = (bubbles_of(one, 60.0, 1.0, end) for one in (early, simulated))
    known, later = bubble_outcomes(early, then), bubble_outcomes(simulated, now)
    of = {int(key): at for at, key in enumerate(now.keys.tolist())}
    assert then.grid == now.grid
    told = 0
    for at, key in enumerate(then.keys.tolist()):
        for which in range(len(SECONDS)):
            if known[1][at, which] != PENDING and key in of:
                assert known[0][at, which] == later[0][of[key], which]
                told += 1
    assert told > 20
    assert (known[1] == PENDING).any()
    assert not (later[1][: len(then.keys) // 2] == PENDING).any()


def test_between_two_seconds_new_bubbles_are_pending_and_others_stay(simulated):
    maker, growing, told = OutcomeMaker(), TradeBubbles(), {}
    for until in range(len(simulated) - 100, len(simulated) + 1, 3):
        part = simulated[:until]
        bubbles = growing.of(part, Window.ending(int(part.time[-1]), 60), 1.0)
        found = maker.of(part, bubbles, ())
        assert maker.of(part, bubbles, ()) is found
        whole_bps, whole_kinds = bubble_outcomes(part, bubbles)
        for at, key in enumerate(bubbles.keys.tolist()):
            kind = found.kinds[at].tolist()
            if kind != whole_kinds[at].tolist():  # it has become known in this second
                assert PENDING in kind
            else:
                np.testing.assert_array_equal(found.bps[at], whole_bps[at])
            before = told.get(key, PENDING)
            assert before in (PENDING, kind[1])
            told[key] = kind[1]
    assert set(told.values()) >= {AGAINST, PAID, PENDING}


def test_after_a_pan_nothing_old_is_called_pending(simulated):
    maker, growing = OutcomeMaker(), TradeBubbles()
    for back in (0, 60, 120, 30):
        window = Window.ending(int(simulated.time[-1]) - back * SECOND, 30)
        bubbles = growing.of(simulated, window, 1.0)
        found = maker.of(simulated, bubbles, ())
        np.testing.assert_array_equal(found.kinds, bubble_outcomes(simulated, bubbles)[1])
        assert (found.kinds == PENDING).any() == (back == 0)


def test_a_gap_leaves_an_outcome_unknown_and_none_is_coarse():
    into = writer()
    lost = {5}
    for second in range(30):
        sides = ([], []) if second in lost else ([(100.0, 1.0)], [(100.1, 1.0)])
        if second in (3, 8):
            at = T0 + second * SECOND - 10 * MS
            into.tape.trade(Trade(at, at, 100.1, 2.0, +1, second), at)
        into.append(T0 + second * SECOND, T0 + second * SECOND, book(*sides))
    history = into.history()
    bubbles = bubbles_of(history, 60.0, 0.1)
    bps, kinds = bubble_outcomes(history, bubbles)
    assert kinds.tolist() == [[AGAINST, UNKNOWN], [AGAINST, AGAINST]]
    assert bps[1].tolist() == pytest.approx([-4.995, -4.995], abs=1e-3)
    coarse = replace(history, interval=0.5)
    assert bubble_outcomes(coarse, bubbles)[1].tolist() == [[UNKNOWN, UNKNOWN], [UNKNOWN, AGAINST]]


def of_table(table, wall):
    """Return the row of `obi.walls` of a wall that is drawn."""
    born = table["born"].astype("int64") == wall.born
    (row,) = table[born & (table["price"] == wall.price)].to_dict("records")
    return row


def test_walls_have_the_outcomes_of_the_table(walled):
    history, price_range = walled
    table, ends = obi.walls(history, seconds=[5]), set()
    for back in range(0, 100, 10):
        window = Window.ending(int(history.time[-1]) - back * SECOND, 20)
        walls = Walls().of(history, window, price_range)
        for wall, found in zip(walls, wall_outcomes(history, walls), strict=True):
            row = of_table(table, wall)
            assert found.refills == row["refills"]
            assert found.times_usual == pytest.approx(row["times_usual"])
            assert found.known.bps == pytest.approx(row["known_5s"], nan_ok=True)
            assert (found.ended is None) == (row["end"] == "standing")
            if found.ended is not None:
                assert found.ended.bps == pytest.approx(row["ended_5s"], nan_ok=True)
            ends.add(row["end"])
    assert "pulled" in ends
    assert wall_outcomes(history, ()) == ()


def test_each_wall_is_pending_until_its_time_has_passed(walled):
    history, price_range = walled
    table, seen = obi.walls(history, seconds=[5]), set()
    for until in range(100, len(history), 40):
        part = history[:until]
        newest = int(part.time[-1])
        walls = Walls().of(part, Window.ending(newest, 20), price_range)
        for wall, found in zip(walls, wall_outcomes(part, walls), strict=True):
            known = of_table(table, wall)["known"]
            assert (found.known.kind == PENDING) == (known.value + 5 * SECOND > newest)
            seen.add(("known", found.known.kind))
            if found.ended is not None:
                assert (found.ended.kind == PENDING) == (wall.ended + 5 * SECOND > newest)
                seen.add(("ended", found.ended.kind))
    assert seen >= {(name, kind) for name in ("known", "ended") for kind in (0, PAID, PENDING)}


def test_they_are_made_only_if_somebody_asks(simulated):
    window = Window.ending(int(simulated.time[-1]), 60)
    rows = float(np.nanmin(simulated.mid)) - 50, float(np.nanmax(simulated.mid)) + 50
    parameters, maker = obi.Settings().parameters, LayerMaker()
    assert maker.make(simulated, parameters, window, rows, Appearance()).outcomes is None
    asked = maker.make(simulated, parameters, window, rows, Appearance(outcomes=True))
    assert len(asked.outcomes.kinds) == len(asked.bubbles.marks) > 0
    assert len(asked.outcomes.walls) == len(asked.walls)
    read = maker.make(simulated, parameters, window, rows, Appearance(), read=5)
    assert read.outcomes is not None
    off = Appearance(outcomes=True, bubbles=False, walls=False)
    nothing = maker.make(simulated, parameters, window, rows, off).outcomes
    assert (len(nothing.kinds), len(nothing.bps), nothing.walls) == (0, 0, ())


def test_rows_across_a_gap_are_found_by_the_plain_rule():
    rng = np.random.default_rng(0)
    time = T0 + np.cumsum(rng.integers(1, 3, 300)) * SECOND
    bid = np.where(rng.random(300) < 0.05, np.nan, 100.0)[:, None]
    history = obi.History.from_arrays(time, bid, bid, bid + 0.1, bid, tick_size=0.1)
    at = np.arange(0, 290, 3)
    found = rows_after(history, time[at], at, 5.0)
    for row, end in zip(at.tolist(), found.tolist(), strict=True):
        until = int(np.searchsorted(time, time[row] + 5 * SECOND, "right")) - 1
        whole = not history.lost[row : until + 1].any() and time[row] + 5 * SECOND <= time[-1]
        assert end == (until if whole else -1)
