"""Sizes at rest added up by price row and column of time, compiled: see `heatmap_numpy`.

Only the kernel loader imports this module: it imports numba, which takes a while. Fast-math is
off, so that results equal NumPy's to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.depth import ASK_HIGH, ASK_LOW, BID_HIGH, BID_LOW, END
from obi_widgets.history.levels import TILE
from obi_widgets.presentation.layers.heatmap_numpy import (
    ASK,
    BID,
    LARGEST,
    LOOKS,
    OCTAVE,
    UNKNOWN,
)


@njit(nogil=True, cache=True, error_model="numpy")
def add_levels(ticks, sizes, place, best, known, column, looks, height, low, sums, times):
    """Add the kept levels of states to a picture; see `heatmap_numpy.add_levels`."""
    levels = ticks.shape[2]
    for v in range(len(place)):
        first, last = known[0, v], known[1, v]
        if first >= last:
            continue
        tile, at = place[v] // TILE, place[v] % TILE
        at_column, n = column[v], looks[v]
        for row in range(first, last):
            times[at_column, row] += n
        for side in range(2):
            sign = -1 if side == 0 else 1
            for level in range(levels):
                amount = np.float64(sizes[tile, side, level, at])
                price = best[side, v] + sign * np.int64(ticks[tile, side, level, at])
                row = price // height - low
                if row < first if side == 0 else row >= last:
                    break  # levels behind are farther away
                if first <= row < last and amount > 0:
                    sums[at_column, side, row] += n * amount


@njit(nogil=True, cache=True, error_model="numpy")
def add_depth(samples, sizes, start, known, column, looks, height, width, low, sums, times):
    """Add depth by price bin to a picture; see `heatmap_numpy.add_depth`."""
    rows = times.shape[1]
    for v in range(samples.shape[1]):
        bid_low, bid_high = samples[BID_LOW, v], samples[BID_HIGH, v]
        ask_low, ask_high = samples[ASK_LOW, v], samples[ASK_HIGH, v]
        if bid_low == bid_high or ask_low == ask_high:
            continue
        asks = samples[END, v] - start - (ask_high - ask_low)
        bids = asks - (bid_high - bid_low)
        at_column, n = column[v], looks[v]
        # The first row that begins in a known bin, and the one after the last that ends in one.
        begin = max(-(-(bid_low * width) // height) - low, 0)
        end = min(ask_high * width // height - low, rows)
        for row in range(begin, end):
            if known[0, v] <= row < known[1, v]:
                continue
            times[at_column, row] += n
            ground = (low + row) * height
            for side in range(2):
                lowest, highest, first = (
                    (bid_low, bid_high, bids) if side == 0 else (ask_low, ask_high, asks)
                )
                value = 0.0
                for where in range(
                    max(ground // width, lowest), min((ground + height - 1) // width + 1, highest)
                ):
                    overlap = min(ground + height, (where + 1) * width)
                    overlap -= max(ground, where * width)
                    value += np.float64(sizes[first + where - lowest]) * (overlap / width)
                sums[at_column, side, row] += n * value


@njit(nogil=True, cache=True, error_model="numpy")
def add_large(
    samples, sizes, start, known, column, looks, side, tick, size, visits, height, width, low,
    sums, times,
):  # fmt: skip
    """Move large levels from their bins to their prices; see `heatmap_numpy.add_large`."""
    for number in range(len(side)):
        which, own, where = side[number], tick[number] // height - low, tick[number] // width
        lowest, highest = (BID_LOW, BID_HIGH) if which == 0 else (ASK_LOW, ASK_HIGH)
        bottom = where * width // height - low
        top = ((where + 1) * width - 1) // height - low
        for v in range(visits[0, number], visits[1, number]):
            bids = samples[BID_HIGH, v] - samples[BID_LOW, v]
            asks = samples[ASK_HIGH, v] - samples[ASK_LOW, v]
            if not samples[lowest, v] <= where < samples[highest, v] or bids == 0 or asks == 0:
                continue
            first = samples[END, v] - start - asks - (bids if which == 0 else 0)
            amount = min(size[number], np.float64(sizes[first + where - samples[lowest, v]]))
            begin = max(-(-(samples[BID_LOW, v] * width) // height) - low, 0)
            end = min(samples[ASK_HIGH, v] * width // height - low, times.shape[1])
            into = sums[column[v], which]
            for row in range(max(bottom, begin), min(top + 1, end)):
                if known[0, v] <= row < known[1, v]:
                    continue
                overlap = min((low + row + 1) * height, (where + 1) * width)
                overlap -= max((low + row) * height, where * width)
                share = overlap / width
                moved = amount * (1.0 - share) if row == own else -(amount * share)
                into[row] += looks[v] * moved


@njit(nogil=True, cache=True, error_model="numpy")
def looked_at(time, bid, ask, origin, width, start, end):
    """Return which states are found by looking at the book; see `heatmap_numpy.looked_at`."""
    room, there = (end - start) * LOOKS, 0
    states, column, looks = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    oldest, newest = time[0], time[-1]
    for number in range(start, end):
        before, known = -1, False
        for look in range(LOOKS):
            at = origin + number * width + look * width // LOOKS
            if at < oldest or at > newest or (at == newest and look):
                continue
            row = np.searchsorted(time, at, side="right") - 1
            if row != before:
                before, known = row, np.isfinite(bid[row]) and np.isfinite(ask[row])
                if known:
                    states[there], column[there], looks[there] = row, number - start, 0.0
                    there += 1
            if known:
                looks[there - 1] += 1.0
    return states[:there], column[:there], looks[:there]


@njit(nogil=True, cache=True, error_model="numpy")
def covered(ticks, sizes, place, best, reach, picture):
    """Return the rows of the picture that kept levels cover; see `heatmap_numpy.covered`."""
    height, low, number = picture
    last = ticks.shape[2] - 1
    known = np.zeros((2, len(place)), np.int64)
    for v in range(len(place)):
        tile, at = place[v] // TILE, place[v] % TILE
        deepest_bid = deepest_ask = np.inf  # ticks from the best
        if sizes[tile, 0, last, at] > 0:
            deepest_bid = np.float64(ticks[tile, 0, last, at])
        if sizes[tile, 1, last, at] > 0:
            deepest_ask = np.float64(ticks[tile, 1, last, at])
        mid = (best[0, v] + best[1, v]) / 2
        bids, asks = np.float64(reach[0, v]) * 1e-4 * mid, np.float64(reach[1, v]) * 1e-4 * mid
        down = max(best[0, v] - deepest_bid, np.ceil(mid - bids - 1e-3))
        up = min(best[1, v] + deepest_ask, np.floor(mid + asks + 1e-3))
        first = min(max(np.ceil(down / height) - low, 0.0), float(number))
        end = min(max(np.floor((up + 1) / height) - low, 0.0), float(number))
        if first < end:
            known[0, v], known[1, v] = first, end
    return known


@njit(nogil=True, cache=True, error_model="numpy")
def add_states(
    ticks, sizes, place, bid, ask, reach, tick_size, samples, amounts, begin, width, large,
    numbers, column, looks, picture, sums, times,
):  # fmt: skip
    """Add what rested at some states of one block; see `heatmap_numpy.add_states`."""
    height, low, _ = picture
    known = np.zeros((2, len(place)), np.int64)
    if not width or height < width:
        best = np.empty((2, len(place)), np.int64)
        for v in range(len(place)):
            best[0, v], best[1, v] = np.rint(bid[v] / tick_size), np.rint(ask[v] / tick_size)
        known = covered(ticks, sizes, place, best, reach, picture)
        add_levels(ticks, sizes, place, best, known, column, looks, height, low, sums, times)
    if width:
        add_depth(samples, amounts, begin, known, column, looks, height, width, low, sums, times)
        if height < width:
            side, tick, size, firsts, ends = large
            visits = np.empty((2, len(side)), np.int64)
            for one in range(len(side)):
                visits[0, one] = np.searchsorted(numbers, firsts[one])
                visits[1, one] = np.searchsorted(numbers, ends[one])
            add_large(
                samples, amounts, begin, known, column, looks, side, tick, size, visits, height,
                width, low, sums, times,
            )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def cells(sums, times, column, looks, bid, ask, tick_size, picture):
    """Return columns of which sizes and looks were added up; see `heatmap_numpy.cells`."""
    height, low, rows = picture
    seen, total = np.zeros(len(sums)), np.zeros(len(sums))
    for v in range(len(column)):
        seen[column[v]] += looks[v]
        total[column[v]] += looks[v] * ((bid[v] + ask[v]) / (2 * tick_size * height) - low)
    middle = total / seen
    means, asks, known = np.empty(times.shape), np.empty(times.shape, np.bool_), times > 0
    for number in range(len(sums)):
        for row in range(rows):
            buy, sell = sums[number, 0, row], sums[number, 1, row]
            means[number, row] = max(max(buy, sell), 0.0) / times[number, row]
            empty = not (buy > 0 or sell > 0)
            asks[number, row] = sell > buy or (empty and row + 0.5 > middle[number])
    return means, asks, known, middle.astype(np.float32)


@njit(nogil=True, cache=True, error_model="numpy")
def encoded(means, asks, known, smallest):
    """Return the codes of mean sizes; see `heatmap_numpy.encoded`."""
    codes = np.empty(means.shape, np.uint8)
    for number in range(means.shape[0]):
        for row in range(means.shape[1]):
            if not known[number, row]:
                codes[number, row] = UNKNOWN
                continue
            steps = 0.0
            if smallest and means[number, row] > 0:
                steps = np.ceil(np.log2(means[number, row] / smallest) * OCTAVE)
                steps = min(max(steps, 1.0), float(LARGEST))
            codes[number, row] = (ASK if asks[number, row] else BID) + np.int64(steps)
    return codes


def compile_all():
    """Compile for the types that histories have."""
    rows, values, singles = np.zeros(1, np.int64), np.ones(1), np.zeros(1, np.float32)
    time, prices = rows.copy(), values.copy()
    for column in (time, prices, singles):
        column.flags.writeable = False  # as a history's are: types of their own to numba
    sums, times, picture = np.zeros((1, 2, 1)), np.zeros((1, 1)), (1, 0, 1)
    looked_at(time, prices, prices, 0, 1, 0, 1)
    samples, large = np.zeros((8, 1), np.int64), (rows, rows, values, rows, rows)
    for dtype in (np.uint8, np.uint16, np.uint32):
        ticks, sizes = np.zeros((1, 2, 1, TILE), dtype), np.zeros((1, 2, 1, TILE), np.float32)
        add_states(
            ticks, sizes, rows, values, values, np.zeros((2, 1), np.float32), 1.0, samples,
            singles, 0, 0, large, rows, rows, values, picture, sums, times,
        )  # fmt: skip
    found = cells(sums, times, rows, values, values, values, 1.0, picture)
    encoded(*found[:3], 1.0)
