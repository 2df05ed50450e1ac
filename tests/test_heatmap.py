"""The depth heatmap: each cell against a plain loop over looks at the book."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_tools import BOTH, EITHER, use

import obi_widgets as obi
from obi_widgets.history.depth import ASK_HIGH, ASK_LOW, BID_HIGH, BID_LOW, END, ROW, Depth
from obi_widgets.history.large_levels_numpy import KEY, NUMBER, SIZE, STANDING, STATE
from obi_widgets.history.large_levels_numpy import ROW as CHANGED
from obi_widgets.presentation.charts.window import PIXELS, Window
from obi_widgets.presentation.layers import heatmap as heatmap_module
from obi_widgets.presentation.layers.heatmap import Heatmap, steady
from obi_widgets.presentation.layers.heatmap_cells import ROWS, looked_at, row_height
from obi_widgets.presentation.layers.heatmap_numpy import (
    ASK,
    BID,
    LARGEST,
    LOOKS,
    OCTAVE,
    UNKNOWN,
)

SECOND = 1_000_000_000


# -- a plain version ---------------------------------------------------------------------------


def books_of(history):
    """Return of each state what its levels tell: sizes by tick and side, and the ticks known."""
    tick, out = history.tick_size, []
    columns = [history.prices(+1), history.sizes(+1), history.prices(-1), history.sizes(-1)]
    for row in range(len(history)):
        if not math.isfinite(history.bid[row] + history.ask[row]):
            out.append(None)
            continue
        sides, edges = [], []
        mid = (round(history.bid[row] / tick) + round(history.ask[row] / tick)) / 2
        for which in range(2):
            prices, sizes = columns[2 * which][row], columns[2 * which + 1][row]
            there = np.isfinite(prices)
            ticks = np.rint(prices[there] / tick).astype(int).tolist()
            sides.append(dict(zip(ticks, sizes[there].astype(float).tolist(), strict=True)))
            reach = float(history.reach[which, row]) * 1e-4 * mid
            edge = mid - reach if which == 0 else mid + reach
            if there.all():
                edge = max(edge, ticks[-1]) if which == 0 else min(edge, ticks[-1])
            edges.append(edge)
        out.append((sides, edges))
    return out


def walls_at(history, number):
    """Return what large levels had, as was known at the state of a number: size by key."""
    table, found = history.large_levels, {}
    for at in range(int(table.whole[CHANGED].searchsorted(number, "right"))):
        name = int(table.whole[NUMBER, at])
        found[name] = (
            table.whole[STATE, at] == STANDING,
            table.real[KEY, at],
            table.real[SIZE, at],
        )
    return [(key, size) for standing, key, size in found.values() if standing]


def bins_of(depth, at):
    """Return the bins of one sample: sizes by bin and side, and the bins that are known."""
    sample = depth.samples[:, at].tolist()
    bids, asks = sample[BID_HIGH] - sample[BID_LOW], sample[ASK_HIGH] - sample[ASK_LOW]
    first = sample[END] - depth.start - bids - asks
    sizes = depth.sizes.astype(float).tolist()
    sides = [
        {sample[BID_LOW] + k: sizes[first + k] for k in range(bids)},
        {sample[ASK_LOW] + k: sizes[first + bids + k] for k in range(asks)},
    ]
    return (sides, sample[BID_LOW], sample[ASK_HIGH]) if bids and asks else None


def plain_cells(history, heat):
    """Return mean size by side and whether it is known, of each cell, by a plain loop."""
    tick = history.tick_size
    height, low = round(heat.step / tick), round(heat.low / heat.step)
    columns, rows = heat.codes.shape
    books = books_of(history)
    depth, width = history.depth, round(history.depth.step / tick)
    means, seen = np.zeros((columns, 2, rows)), np.zeros((columns, rows))
    mids = np.zeros((columns, 2))
    for column, look in np.ndindex(columns, LOOKS):
        at = heat.start + column * heat.column + look * heat.column // LOOKS
        late = at > history.time[-1] if look == 0 else at >= history.time[-1]
        if late or at < history.time[0]:
            continue
        state = int(np.searchsorted(history.time, at, "right")) - 1
        if books[state] is None:
            continue
        mids[column] += (history.mid[state] / heat.step - low, 1)
        sides, edges = books[state]
        sample = int(depth.samples[ROW].searchsorted(history.start + state, "right")) - 1
        bins = bins_of(depth, sample) if sample >= 0 else None
        by_levels = not width or height < width
        walls = walls_at(history, history.start + state) if width and by_levels and bins else []
        for row in range(rows):
            ground, top = (low + row) * height, (low + row + 1) * height
            if by_levels and ground >= edges[0] - 1e-3 and top - 1 <= edges[1] + 1e-3:
                seen[column, row] += 1
                for which in range(2):
                    inside = (size for n, size in sides[which].items() if ground <= n < top)
                    means[column, which, row] += sum(inside)
            elif bins is not None and bins[1] * width <= ground and top <= bins[2] * width:
                seen[column, row] += 1
                for which in range(2):
                    of = bins[0][which]
                    for k in range(ground // width, (top - 1) // width + 1):
                        share = (min(top, (k + 1) * width) - max(ground, k * width)) / width
                        means[column, which, row] += of.get(k, 0.0) * share
                        for key, size in walls:
                            n = round(abs(key) / tick)
                            if n // width != k or (key < 0) != which:
                                continue
                            moved = min(size, of.get(k, 0.0))
                            own = ground <= n < top
                            means[column, which, row] += moved * (own - share)
    with np.errstate(invalid="ignore"):
        return means / seen[:, None], seen > 0, mids[:, 0] / mids[:, 1]


def assert_is_plain(history, heat):
    means, known, middle = plain_cells(history, heat)
    np.testing.assert_array_equal(heat.codes != UNKNOWN, known)
    np.testing.assert_allclose(heat.middle, middle, rtol=1e-5)
    steps = np.where(heat.codes >= ASK, heat.codes - ASK, heat.codes.astype(int) - BID)
    # A row's side is the one of which more rests there.
    bids, asks = means[:, 0][known], means[:, 1][known]
    size, is_ask = np.maximum(np.maximum(bids, asks), 0.0), (heat.codes >= ASK)[known]
    clear = np.abs(bids - asks) > 1e-9
    np.testing.assert_array_equal(is_ask[clear], (asks > bids)[clear])
    steps = steps[known]
    upper = heat.smallest * 2.0 ** (steps / OCTAVE)
    lower = np.where(steps > 1, heat.smallest * 2.0 ** ((steps - 1) / OCTAVE), 0.0)
    tiny = 1e-9
    assert np.all(size[steps == 0] <= tiny)
    some = steps > 0
    assert np.all((size[some] >= lower[some] * (1 - tiny)) | (size[some] <= tiny))
    under = some & (steps < LARGEST)
    assert np.all(size[under] <= upper[under] * (1 + tiny))
    return known


def narrow(history, seconds, pixels=12):
    """Return a window whose last columns end with the history; a plain loop takes no more."""
    return Window.ending(int(history.time[-1]), seconds * PIXELS / pixels)


def cut(heat, columns):
    """Return the last columns of a picture."""
    first = len(heat.codes) - columns
    return replace(
        heat, codes=heat.codes[first:], middle=heat.middle[first:],
        start=heat.start + first * heat.column,
    )  # fmt: skip


def price_range(history, share=0.3):
    mid = history.mid[np.isfinite(history.mid)]
    low, high = float(mid.min()), float(mid.max())
    return low - share * (high - low), high + share * (high - low)


@pytest.fixture(scope="module")
def simulated():
    """A minute in which few levels are kept, so that most of the picture is of depth by bin."""
    history = obi.simulate(seconds=90, seed=4)
    few = {n: history.prices(n)[:, :4] for n in (+1, -1)}
    sizes = {n: history.sizes(n)[:, :4] for n in (+1, -1)}
    cut_history = obi.History.from_arrays(
        history.time, few[+1], sizes[+1], few[-1], sizes[-1], tick_size=history.tick_size
    )
    return replace(history, blocks=cut_history.blocks, levels=4, offset=0)


@BOTH
def test_a_picture_is_what_a_plain_loop_finds(monkeypatch, code, simulated):
    use(monkeypatch, code)
    assert len(simulated.large_levels.price)
    heat = Heatmap().of(simulated, narrow(simulated, 60), price_range(simulated))
    known = assert_is_plain(simulated, cut(heat, 14))
    assert known.any()


@BOTH
def test_a_row_as_high_as_a_bin_is_taken_from_depth(monkeypatch, code, simulated):
    use(monkeypatch, code)
    low, high = price_range(simulated)
    wide = 170 * simulated.depth.step
    heat = Heatmap().of(simulated, narrow(simulated, 60), (low - wide, high + wide))
    assert heat.step > simulated.depth.step
    assert_is_plain(simulated, cut(heat, 6))


@BOTH
def test_without_depth_the_levels_are_all_that_is_known(monkeypatch, code, simulated):
    use(monkeypatch, code)
    history = replace(simulated, depth=Depth.none())
    heat = Heatmap().of(history, narrow(history, 60), price_range(history))
    known = assert_is_plain(history, cut(heat, 14))
    assert 0 < known.mean() < 0.9


@BOTH
def test_a_capture_is_what_a_plain_loop_finds(monkeypatch, code, history):
    use(monkeypatch, code)
    part = history[1500:2000]
    heat = Heatmap().of(part, narrow(part, 30, pixels=6), price_range(part, 1.0))
    assert_is_plain(part, cut(heat, 8))


@BOTH
def test_an_unknown_book_is_unknown(monkeypatch, code, simulated):
    use(monkeypatch, code)
    bid, ask = simulated.bid.copy(), simulated.ask.copy()
    lost = slice(len(bid) // 2, len(bid) // 2 + 150)
    bid[lost] = ask[lost] = np.nan
    history = replace(simulated, bid=bid, ask=ask)
    heat = cut(Heatmap().of(history, narrow(history, 60, pixels=24), price_range(history)), 30)
    assert_is_plain(history, heat)
    dark = (heat.codes == UNKNOWN).all(axis=1)
    assert dark[2:-2].any()
    assert np.isnan(heat.middle[dark]).all()


# -- while it grows ----------------------------------------------------------------------------


def same_codes(patch):
    """Have codes count from one size, and not from what was in view at first."""
    patch.setattr(heatmap_module, "smallest_of", lambda _: 2.0**-8)


@pytest.mark.slow
@given(st.lists(st.integers(1, 260), min_size=1, max_size=12), EITHER, st.sampled_from([5, 30, 80]))
@settings(max_examples=15)
def test_a_growing_picture_is_that_of_the_whole(simulated, steps, code, seconds):
    with pytest.MonkeyPatch.context() as patch:
        use(patch, code)
        same_codes(patch)
        heatmap, rows, until = Heatmap(), price_range(simulated), 1
        for step in steps:
            until = min(until + step, len(simulated))
            part = simulated[:until]
            window = Window.ending(int(part.time[-1]), seconds)
            grown = heatmap.of(part, window, rows)
        whole = Heatmap().of(part, window, rows)
        np.testing.assert_array_equal(grown.codes, whole.codes)
        np.testing.assert_array_equal(grown.middle, whole.middle)


@BOTH
def test_both_kernels_draw_the_same(monkeypatch, code, history):
    """Twins are equal to the bit; the other is compared with the compiled one."""
    window, rows = Window.ending(int(history.time[-1]), 300), price_range(history)
    use(monkeypatch, "numba")
    compiled = Heatmap().of(history, window, rows)
    use(monkeypatch, code)
    drawn = Heatmap().of(history, window, rows)
    np.testing.assert_array_equal(drawn.codes, compiled.codes)
    np.testing.assert_array_equal(drawn.middle, compiled.middle)
    assert drawn.limits == compiled.limits


def test_dropped_states_leave_the_picture(monkeypatch, simulated):
    same_codes(monkeypatch)
    heatmap, rows = Heatmap(), price_range(simulated)
    window = Window.ending(int(simulated.time[-1]), 80)
    before = heatmap.of(simulated, window, rows)
    later = simulated[333:]
    after = heatmap.of(later, window, rows)
    oldest = (int(later.time[0]) - after.start) // after.column
    assert (after.codes[:oldest] == UNKNOWN).all()
    # Of the first second, the picture keeps the depth that was sampled before the states it has.
    whole, first = Heatmap().of(later, window, rows), oldest + SECOND // after.column + 2
    np.testing.assert_array_equal(after.codes[first:], whole.codes[first:])
    assert (after.codes == UNKNOWN).mean() > (before.codes == UNKNOWN).mean()


def test_a_pan_to_the_past_and_back_is_that_of_the_whole(monkeypatch, simulated):
    same_codes(monkeypatch)
    heatmap, rows = Heatmap(), price_range(simulated)
    ends = [int(simulated.time[n]) for n in (-1, -200, -350, -100, -1)]
    for end in ends:
        window = Window.ending(end, 20)
        panned = heatmap.of(simulated, window, rows)
        whole = Heatmap().of(simulated, window, rows)
        np.testing.assert_array_equal(panned.codes, whole.codes)


def test_what_was_handed_out_stays_as_it_is(simulated):
    heatmap, rows = Heatmap(), price_range(simulated)
    first = heatmap.of(simulated[:300], Window.ending(int(simulated.time[299]), 30), rows)
    before = first.codes.copy()
    heatmap.of(simulated, Window.ending(int(simulated.time[-1]), 30), rows)
    np.testing.assert_array_equal(first.codes, before)


def test_a_new_state_changes_the_newest_columns_alone(simulated):
    heatmap, rows = Heatmap(), price_range(simulated)
    one, two = (
        heatmap.of(simulated[:n], Window.ending(int(simulated.time[n - 1]), 60), rows)
        for n in (400, 401)
    )
    moved = (two.start - one.start) // two.column
    kept = len(one.codes) - 1 - moved
    np.testing.assert_array_equal(one.codes[moved : moved + kept], two.codes[:kept])


def test_a_small_move_of_the_price_range_needs_no_new_picture(simulated):
    heatmap, window = Heatmap(), Window.ending(int(simulated.time[-1]), 60)
    low, high = price_range(simulated)
    before = heatmap.of(simulated, window, (low, high))
    move = 0.05 * (high - low)
    assert heatmap.of(simulated, window, (low + move, high + move)) is before
    move = 0.5 * (high - low)
    after = heatmap.of(simulated, window, (low + move, high + move))
    assert after.low <= low + move
    assert after.low + after.step * after.codes.shape[1] >= high + move


# -- rows and limits ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ticks", "height"),
    [(12, 1), (160, 1), (161, 2), (321, 3), (1600, 10), (1601, 12), (2401, 20), (1e7, 80_000)],
)
def test_rows_are_of_a_round_height(ticks, height):
    assert row_height(ticks) == height
    assert ticks / height <= ROWS


@pytest.mark.parametrize(
    ("shown", "wanted", "limit"),
    [(0.0, 3.3, 3.0), (3.0, 3.8, 3.0), (3.0, 4.1, 4.0), (3.0, 2.2, 2.0), (0.0, 0.0097, 0.01)],
)
def test_limits_are_round_and_stay(shown, wanted, limit):
    assert steady(shown, wanted) == pytest.approx(limit)


def test_nothing_is_drawn_without_states_or_prices(simulated):
    window = Window.ending(int(simulated.time[-1]), 60)
    assert Heatmap().of(simulated[:0], window, (1.0, 2.0)) is None
    assert Heatmap().of(simulated, window, (1.0, 1.0)) is None


def test_a_state_that_no_look_finds_needs_no_new_picture(simulated):
    heatmap, rows = Heatmap(), price_range(simulated)
    seconds = 60 * PIXELS  # a look each 1.9 s
    pictures, looks = set(), set()
    for until in range(len(simulated) - 200, len(simulated)):
        part = simulated[:until]
        heat = heatmap.of(part, Window.ending(int(part.time[-1]), seconds), rows)
        pictures.add(id(heat.codes))
        states, column, _ = looked_at(part, heat.start, heat.column, PIXELS - 1, PIXELS)
        looks.add((heat.start, *states.tolist(), *column.tolist()))
    assert 5 < len(looks) < 30
    whole = Heatmap().of(part, Window.ending(int(part.time[-1]), seconds), rows)
    np.testing.assert_array_equal(heat.codes, whole.codes)
    assert len(pictures) <= len(looks) + 1
