"""Sizes at rest added up by price row and column of time, in NumPy.

`heatmap_numba` has the same, to the bit: both add in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.history.depth import ASK_HIGH, ASK_LOW, BID_HIGH, BID_LOW, END
from obi_widgets.history.levels import TILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]


def add_levels(
    ticks: NDArray[np.unsignedinteger[Any]],
    sizes: Singles,
    place: Ints,
    best: Ints,
    known: Ints,
    column: Ints,
    looks: Floats,
    height: int,
    low: int,
    sums: Floats,
    times: Floats,
) -> None:
    """Add the kept levels of states to the rows that these levels cover wholly.

    Parameters
    ----------
    ticks, sizes : ndarray, shape (tiles, 2, levels, TILE)
        A block of levels, see `obi_widgets.history.levels.Levels`.
    place : ndarray of int64, shape (V,)
        Where each state stands in the block.
    best : ndarray of int64, shape (2, V)
        Best bid and best ask, ticks.
    known : ndarray of int64, shape (2, V)
        First row of the picture that the levels of each state cover, and the one after the last.
    column : ndarray of int64, shape (V,)
        Column of the picture.
    looks : ndarray of float64, shape (V,)
        How many looks at the book found this state.
    height : int
        Ticks of a row.
    low : int
        Number of the lowest row: it begins at ``low * height`` ticks.
    sums : ndarray of float64, shape (columns, 2, rows)
        Size times looks, bids first; is added to.
    times : ndarray of float64, shape (columns, rows)
        Looks at which the row was known; is added to.
    """
    for v in range(len(place)):
        first, last = int(known[0, v]), int(known[1, v])
        if first >= last:
            continue
        tile, at = divmod(int(place[v]), TILE)
        into, n = sums[column[v]], looks[v]
        times[column[v], first:last] += n
        for side, sign in ((0, -1), (1, 1)):
            amounts = sizes[tile, side, :, at].astype(np.float64)
            rows = (best[side, v] + sign * ticks[tile, side, :, at].astype(np.int64)) // height
            rows -= low
            inside = (rows >= first) & (rows < last) & (amounts > 0)
            np.add.at(into[side], rows[inside], n * amounts[inside])


def add_depth(
    samples: Ints,
    sizes: Singles,
    start: int,
    known: Ints,
    column: Ints,
    looks: Floats,
    height: int,
    width: int,
    low: int,
    sums: Floats,
    times: Floats,
) -> None:
    """Add depth by price bin to the rows that the kept levels do not cover.

    A bin's size is spread evenly over its ticks. A row is known if all of it lies in known bins.

    Parameters
    ----------
    samples : ndarray of int64, shape (8, V)
        The sample of each state, see `obi_widgets.history.depth.Depth`.
    sizes : ndarray of float32, shape (N,)
        Sizes of all samples.
    start : int
        Number of the first of these sizes.
    width : int
        Ticks of a bin.
    known, column, looks, height, low, sums, times
        See `add_levels`.
    """
    bottom = (low + np.arange(times.shape[1])) * height
    for v in range(samples.shape[1]):
        bids, asks = (int(samples[BID_LOW, v]), int(samples[BID_HIGH, v])), (
            int(samples[ASK_LOW, v]), int(samples[ASK_HIGH, v]),
        )  # fmt: skip
        if bids[0] == bids[1] or asks[0] == asks[1]:
            continue  # one side is not known
        begin = int(samples[END, v]) - start - (asks[1] - asks[0])
        inside = (bottom >= bids[0] * width) & (bottom + height <= asks[1] * width)
        inside[known[0, v] : known[1, v]] = False
        rows, n = np.flatnonzero(inside), looks[v]
        if not len(rows):
            continue
        into = sums[column[v]]
        times[column[v], rows] += n
        ground = bottom[rows]
        for side, (lowest, highest), first in (
            (0, bids, begin - (bids[1] - bids[0])), (1, asks, begin),
        ):  # fmt: skip
            value = np.zeros(len(rows))
            for step in range((height - 1) // width + 2):
                where = ground // width + step
                overlap = np.minimum(ground + height, (where + 1) * width)
                overlap -= np.maximum(ground, where * width)
                there = (overlap > 0) & (where >= lowest) & (where < highest)
                amounts = sizes[first + where[there] - lowest].astype(np.float64)
                value[there] += amounts * (overlap[there] / width)
            into[side, rows] += n * value


def add_large(
    samples: Ints,
    sizes: Singles,
    start: int,
    known: Ints,
    column: Ints,
    looks: Floats,
    side: Ints,
    tick: Ints,
    size: Floats,
    visits: Ints,
    height: int,
    width: int,
    low: int,
    sums: Floats,
    times: Floats,
) -> None:
    """Move large levels from the bins, over which `add_depth` has spread them, to their prices.

    Parameters
    ----------
    side, tick : ndarray of int64, shape (N,)
        0 for bids, 1 for asks; the price in ticks.
    size : ndarray of float64, shape (N,)
        Base units. Of a level that is larger than its bin, only as much as the bin is moved.
    visits : ndarray of int64, shape (2, N)
        First of the states at which the level stood like this, and the one after the last.
    samples, sizes, start, width
        See `add_depth`.
    known, column, looks, height, low, sums, times
        See `add_levels`.
    """
    bid_low, bid_high, ask_low, ask_high = samples[[BID_LOW, BID_HIGH, ASK_LOW, ASK_HIGH]]
    both = (bid_low < bid_high) & (ask_low < ask_high)
    # The first row that begins in a known bin, and the one after the last that ends in one.
    begin = -(-(bid_low * width) // height) - low
    end = np.minimum(ask_high * width // height - low, times.shape[1])
    asks_at = samples[END] - start - (ask_high - ask_low)
    for number in range(len(side)):
        which, own = int(side[number]), int(tick[number]) // height - low
        where = int(tick[number]) // width
        lowest, highest = ((bid_low, bid_high), (ask_low, ask_high))[which]
        first = asks_at - (0 if which else bid_high - bid_low)
        v = np.arange(visits[0, number], visits[1, number])
        v = v[both[v] & (lowest[v] <= where) & (where < highest[v])]
        bins = sizes[first[v] + where - lowest[v]].astype(np.float64)
        amount = np.minimum(size[number], bins)
        bottom, top = where * width // height - low, ((where + 1) * width - 1) // height - low
        for row in range(max(bottom, 0), min(top + 1, times.shape[1])):
            ground = (low + row) * height
            share = (min(ground + height, (where + 1) * width) - max(ground, where * width)) / width
            seen = (begin[v] <= row) & (row < end[v])
            seen &= ~((known[0, v] <= row) & (row < known[1, v]))
            moved = amount * (1.0 - share) if row == own else -(amount * share)
            np.add.at(sums[:, which, row], column[v[seen]], looks[v[seen]] * moved[seen])
