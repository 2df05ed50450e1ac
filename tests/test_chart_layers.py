"""Trades as bubbles, large levels, gaps, and what weights do to the heatmap: by hand and plain."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from history_tools import MS, SECOND, book, writer
from hypothesis import given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.market_data.events import Trade
from obi_widgets.presentation.charts.window import Window
from obi_widgets.presentation.layers.chart_layers import Appearance, LayerMaker, fade
from obi_widgets.presentation.layers.gap_spans import GapSpans
from obi_widgets.presentation.layers.heatmap_numpy import OCTAVE
from obi_widgets.presentation.layers.trade_bubbles import (
    BITS,
    FEWEST,
    MOST,
    TradeBubbles,
    added_up,
    merged,
    round_up,
)
from obi_widgets.presentation.layers.walls import MOST as MOST_WALLS
from obi_widgets.presentation.layers.walls import Walls, newest_rows

T0 = 1_700_000_000 * SECOND


@pytest.fixture(scope="module")
def simulated():
    return obi.simulate(seconds=120, seed=5)


# -- trades ------------------------------------------------------------------------------------


def plain_bubbles(history, window, step):
    """Return the sums of all trades in a window by column, row and side."""
    trades, sums = history.trades, defaultdict(lambda: [0.0, 0.0])
    for time, price, size, side in zip(
        trades.time.tolist(), trades.price.tolist(), trades.size.tolist(), trades.side.tolist(),
        strict=True,
    ):  # fmt: skip
        if window.start <= time // window.column * window.column < window.end:
            key = (time // window.column, side, int(price / step + 1e-6))
            sums[key][0] += size
            sums[key][1] += size * price
    return {
        (column * window.column + window.column // 2, round(value / size, 6), side): side * size
        for (column, side, _), (size, value) in sums.items()
    }


def told(bubbles):
    return {
        (round(time) * MS, round(price, 6), int(np.sign(size))): size
        for time, price, size in bubbles.marks
    }


@pytest.mark.parametrize("seconds", [20, 100])
def test_bubbles_are_sums_of_trades(simulated, seconds):
    window = Window.ending(int(simulated.time[-1]), seconds)
    step = 4 * simulated.tick_size
    bubbles = TradeBubbles().of(simulated, window, step)
    wanted = plain_bubbles(simulated, window, step)
    if bubbles.least:
        wanted = {key: size for key, size in wanted.items() if abs(size) >= bubbles.least}
    assert len(wanted) == len(bubbles.marks) > 5
    found = told(bubbles)
    for (time, price, side), size in wanted.items():
        near = [
            s
            for (t, p, one), s in found.items()
            if one == side and abs(t - time) < MS and abs(p - price) < 1e-4
        ]
        assert any(s == pytest.approx(size) for s in near)
    assert np.all(np.diff(bubbles.marks[:, 0]) >= 0)
    assert bubbles.largest >= np.abs(bubbles.marks[:, 2]).max()


@given(st.lists(st.integers(1, 300), min_size=1, max_size=10), st.sampled_from([10, 60]))
@settings(max_examples=20)
def test_growing_bubbles_are_those_of_the_whole(simulated, steps, seconds):
    growing, until, step = TradeBubbles(), 1, 3 * simulated.tick_size
    for more in steps:
        until = min(until + more, len(simulated))
        part = simulated[:until]
        window = Window.ending(int(part.time[-1]), seconds)
        grown = growing.of(part, window, step)
    wanted = {k: v for k, v in plain_bubbles(part, window, step).items() if abs(v) >= grown.least}
    assert len(grown.marks) == len(wanted)
    assert np.abs(grown.marks[:, 2]).sum() == pytest.approx(sum(map(abs, wanted.values())))


def test_few_bubbles_are_drawn_of_many_and_the_least_size_stays(simulated):
    growing, step = TradeBubbles(), simulated.tick_size
    least = set()
    for until in range(len(simulated) - 300, len(simulated), 5):
        part = simulated[:until]
        bubbles = growing.of(part, Window.ending(int(part.time[-1]), 60), step)
        assert len(bubbles.marks) <= MOST
        assert not bubbles.least or len(bubbles.marks) >= FEWEST
        assert np.all(np.abs(bubbles.marks[:, 2]) >= bubbles.least)
        least.add(bubbles.least)
    assert 1 <= len(least) <= 4
    assert max(least) > 0


def test_a_pan_to_the_past_finds_the_trades_there(simulated):
    growing, step = TradeBubbles(), simulated.tick_size
    for row in (-1, -300, -700, -20):
        window = Window.ending(int(simulated.time[row]), 10)
        bubbles = growing.of(simulated, window, step)
        wanted = plain_bubbles(simulated, window, step)
        assert len(bubbles.marks) == sum(abs(v) >= bubbles.least for v in wanted.values())


def test_a_trade_that_comes_late_belongs_to_its_time():
    into = writer()
    into.append(T0, T0, book([(100.0, 1.0)], [(100.1, 1.0)]))
    into.tape.trade(Trade(T0 + 10 * MS, T0 + 10 * MS, 100.1, 2.0, +1, 1), T0 + 20 * MS)
    into.append(T0 + SECOND, T0 + SECOND, book([(100.0, 2.0)], [(100.1, 1.0)]))
    growing, window = TradeBubbles(), Window(T0, T0 + 60 * SECOND, SECOND // 10)
    first = growing.of(into.history(), window, 0.1)
    assert told(first) == {(T0 + 50 * MS, 100.1, 1): 2.0}
    into.tape.trade(Trade(T0 + 30 * MS, T0 + 30 * MS, 100.1, 3.0, +1, 2), T0 + SECOND + 5)
    into.tape.trade(Trade(T0 + 40 * MS, T0 + 40 * MS, 100.0, 7.0, -1, 3), T0 + SECOND + 5)
    into.append(T0 + 2 * SECOND, T0 + 2 * SECOND, book([(100.0, 3.0)], [(100.1, 1.0)]))
    assert told(growing.of(into.history(), window, 0.1)) == {
        (T0 + 50 * MS, 100.0, -1): -7.0, (T0 + 50 * MS, 100.1, 1): 5.0,
    }  # fmt: skip


@pytest.mark.parametrize(("size", "rounded"), [(1.01, 1.5), (8.1, 10), (0.0021, 0.003), (2, 2)])
def test_sizes_are_rounded_up(size, rounded):
    assert round_up(size) == pytest.approx(rounded)


# -- large levels ------------------------------------------------------------------------------


def test_walls_are_the_large_levels_of_the_table(history):
    low, high = float(np.nanmin(history.mid)) - 20, float(np.nanmax(history.mid)) + 20
    window = Window.ending(int(history.time[-1]), 300)
    walls = Walls().of(history, window, (low, high))
    assert 0 < len(walls) <= MOST_WALLS
    table = history.large_levels.to_frame()
    for wall in walls:
        row = table[(table["price"] == wall.price) & (table["born"].astype("int64") == wall.born)]
        assert len(row) == 1
        (row,) = row.to_dict("records")
        assert row["side"] == wall.side
        assert row["end"] == wall.end
        assert row["stood_before"] == wall.older
        assert wall.size == (row["size"] if wall.end == "standing" else row["largest"])
        assert (wall.ended == 0) == (wall.end == "standing")
        assert low < wall.price < high
        assert wall.born < window.end
    standing = [wall for wall in walls if not wall.ended]
    prices = sorted(wall.price for wall in standing)
    assert all(np.diff(prices) > 0.04 * (high - low))


def test_the_choice_of_walls_is_steady(history):
    chooser, chosen = Walls(), []
    low, high = float(np.nanmin(history.mid)) - 20, float(np.nanmax(history.mid)) + 20
    for until in range(len(history) - 200, len(history), 5):
        part = history[:until]
        window = Window.ending(int(part.time[-1]), 300)
        chosen.append({wall.number for wall in chooser.of(part, window, (low, high))})
    changes = sum(one != other for one, other in pairwise(chosen))
    assert changes <= 4


def test_the_newest_row_of_each_level_is_found(simulated):
    whole = simulated.large_levels.whole
    newest = newest_rows(whole)
    wanted = {int(number): at for at, number in enumerate(whole[0])}
    assert sorted(newest.tolist()) == sorted(wanted.values())
    assert not len(newest_rows(whole[:, :0]))


# -- gaps --------------------------------------------------------------------------------------


def plain_gaps(history, window):
    lost = np.isnan(history.bid) & np.isnan(history.ask)
    time, out, begin = history.time.tolist(), [], None
    for row, gone in enumerate(lost.tolist()):
        if gone and begin is None:
            begin = time[row]
        elif not gone and begin is not None:
            out.append((begin, time[row]))
            begin = None
    if begin is not None:
        out.append((begin, time[-1]))
    return tuple(gap for gap in out if gap[0] < window.end and gap[1] > window.start)


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 7), st.integers(2, 30))
def test_gaps_are_found_once_each_as_states_come(lost, step, seconds):
    time = T0 + SECOND * np.arange(len(lost))
    bid = np.where(lost, np.nan, 100.0)[:, None]
    history = obi.History.from_arrays(time, bid, bid, bid + 0.1, bid, tick_size=0.1)
    found = GapSpans()
    for until in [*range(step, len(lost), step), len(lost)]:
        part = history[:until]
        window = Window.ending(int(part.time[-1]), seconds)
        assert found.of(part, window) == plain_gaps(part, window)
    later = history[len(lost) // 2 :]  # the oldest states are dropped
    window = Window.ending(int(later.time[-1]), 2)
    last = tuple(
        gap
        for gap in plain_gaps(history, window)
        if gap[1] > later.time[0] or (lost[-1] and gap[1] == time[-1])
    )
    assert found.of(later, window) == last


# -- weights and appearance --------------------------------------------------------------------


def test_weights_lower_codes_by_the_decay_and_hide_what_is_not_used(simulated):
    parameters = obi.Settings(decay=0.5, depth=50).parameters
    step = 4 * simulated.tick_size
    steps = fade(simulated, parameters, step, 200)
    mid = float(simulated.mid[-1])
    for row in (5, 10, 20):
        bps = 1e4 * row * step / mid
        assert steps[row] == pytest.approx(OCTAVE * 0.5 * bps / np.log(2), abs=1.1)
    shallow = fade(simulated, obi.Settings(decay=0.5, depth=3).parameters, step, 200)
    assert shallow[0] < 5
    assert (shallow[60:] == 255).all()


def test_without_weights_of_its_own_a_signal_hides_what_it_does_not_use(simulated):
    parameters = obi.Settings(signal="queue_imbalance").parameters
    steps = fade(simulated, parameters, simulated.tick_size, 300)
    assert set(steps.tolist()) == {0, 255}


@pytest.mark.parametrize("off", ["heatmap", "bubbles", "walls", "depth"])
def test_what_is_off_is_not_made(simulated, off):
    window = Window.ending(int(simulated.time[-1]), 60)
    rows = float(np.nanmin(simulated.mid)) - 50, float(np.nanmax(simulated.mid)) + 50
    parameters = obi.Settings().parameters
    layers = LayerMaker().make(
        simulated, parameters, window, rows, Appearance()._replace(**{off: False})
    )
    made = {"heatmap": layers.heat, "bubbles": layers.bubbles}
    for name, value in made.items():
        assert (value is None) == (name == off)
    assert not len(layers.fade)
    weighted = LayerMaker().make(simulated, parameters, window, rows, Appearance(weighted=True))
    assert len(weighted.fade) == weighted.heat.codes.shape[1] + 1


def test_a_source_without_trades_has_no_bubbles(simulated):
    history = replace(simulated, trades=type(simulated.trades).none())
    window = Window.ending(int(history.time[-1]), 60)
    layers = LayerMaker().make(history, obi.Settings().parameters, window, (1.0, 2.0), Appearance())
    assert layers.bubbles is None


@pytest.mark.parametrize(
    "wrong",
    [{"heatmap": 1}, {"intensity": 0.0}, {"intensity": 5}, {"weighted": "yes"}, {"outcomes": 1}],
)
def test_an_appearance_that_is_not_possible_is_refused(wrong):
    with pytest.raises(SettingsError):
        Appearance()._replace(**wrong).checked()


@given(st.integers(0, 2**32 - 1), st.integers(1, 2000), st.integers(1, 40), st.integers(1, 30))
def test_counting_in_a_grid_gives_what_sorting_gives(seed, count, columns, rows):
    random = np.random.default_rng(seed)
    column, row = random.integers(0, columns, count), 10_000 + random.integers(0, rows, count)
    bought, values = random.integers(0, 2, count) > 0, random.integers(1, 9, (2, count)) / 4
    keys, sums = added_up(column, row, bought, values)
    wanted_keys, wanted = merged((column << BITS) | (row << 1) | bought, values)
    np.testing.assert_array_equal(keys, wanted_keys)
    np.testing.assert_array_equal(sums, wanted)
