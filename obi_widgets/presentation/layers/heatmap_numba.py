"""Sizes at rest added up by price row and column of time, compiled: see `heatmap_numpy`.

Only the kernel loader imports this module: it imports numba, which takes a while. Fast-math is
off, so that results equal NumPy's to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.depth import ASK_HIGH, ASK_LOW, BID_HIGH, BID_LOW, END
from obi_widgets.history.levels import TILE


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


def compile_all():
    """Compile for the types that histories have."""
    place, both = np.zeros(1, np.int64), np.zeros((2, 1), np.int64)
    looks, sums, times = np.zeros(1), np.zeros((1, 2, 1)), np.zeros((1, 1))
    for dtype in (np.uint8, np.uint16, np.uint32):
        ticks, sizes = np.zeros((1, 2, 1, TILE), dtype), np.zeros((1, 2, 1, TILE), np.float32)
        add_levels(ticks, sizes, place, both, both, place, looks, 1, 0, sums, times)
    samples = np.zeros((8, 1), np.int64)
    for frozen in (True, False):  # a history's columns are read-only, a type of its own to numba
        amounts = np.zeros(1, np.float32)
        amounts.flags.writeable = not frozen
        add_depth(samples, amounts, 0, both, place, looks, 1, 1, 0, sums, times)
        ends, size = np.zeros((2, 1), np.int64), np.zeros(1)
        add_large(
            samples, amounts, 0, both, place, looks, place, place, size, ends, 1, 1, 0, sums, times
        )
