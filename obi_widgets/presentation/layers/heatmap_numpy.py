"""Columns of the heatmap: sizes at rest added up by price row and column of time, in NumPy.

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
    Bools = NDArray[np.bool_]
    Picture = tuple[int, int, int]
    Large = tuple[Ints, Ints, Floats, Ints, Ints]

LOOKS = 32
"""Looks at the book in a column."""

OCTAVE = 10
"""Steps of a cell's code for a size twice as large."""

UNKNOWN, BID, ASK = 0, 1, 129
"""Codes: not known; a bid row that is empty, and larger codes for larger sizes; the same of asks.
128 is not used."""

LARGEST = 126
"""Steps above the code of an empty row."""


def looked_at(
    time: Ints, bid: Floats, ask: Floats, origin: int, width: int, start: int, end: int
) -> tuple[Ints, Ints, Floats]:
    """Return which states are found by looking at the book at equal steps of some columns.

    A look finds the last state at its time or before. There is none after the newest state, and
    none before the oldest. The first look of a column is at its begin.

    Parameters
    ----------
    time, bid, ask : ndarray, shape (T,)
        Of a history, T ≥ 1.
    origin, width : int
        Begin of column 0, and the width of a column, ns.
    start, end : int
        The first column to look at, and the one after the last.

    Returns
    -------
    states : ndarray of int64, shape (V,)
        Rows of states with a bid and an ask.
    column : ndarray of int64, shape (V,)
        Column of each, counted from ``start``.
    looks : ndarray of float64, shape (V,)
        Number of looks in the column that found it.
    """
    steps = np.arange(LOOKS) * width // LOOKS
    at = (origin + np.arange(start, end)[:, None] * width + steps).ravel()
    column = np.repeat(np.arange(end - start), LOOKS)
    oldest, newest = time[[0, -1]]
    seen = at < newest  # a later state may be of the newest one's time
    seen[::LOOKS] |= at[::LOOKS] == newest
    seen &= at >= oldest
    at, column = at[seen], column[seen]
    states = np.searchsorted(time, at, "right") - 1
    new = np.append(True, (np.diff(states) != 0) | (np.diff(column) != 0))[: len(states)]
    first = np.flatnonzero(new)
    looks = np.diff(np.append(first, len(states))).astype(np.float64)
    states, column = states[first], column[first]
    there = np.isfinite(bid[states]) & np.isfinite(ask[states])
    return states[there], column[there], looks[there]


def add_states(
    ticks: NDArray[np.unsignedinteger[Any]],
    sizes: Singles,
    place: Ints,
    bid: Floats,
    ask: Floats,
    reach: Singles,
    tick_size: float,
    samples: Ints,
    amounts: Singles,
    begin: int,
    width: int,
    large: Large,
    numbers: Ints,
    column: Ints,
    looks: Floats,
    picture: Picture,
    sums: Floats,
    times: Floats,
) -> None:
    """Add what rested at some states of one block: kept levels, and beyond them depth.

    Parameters
    ----------
    ticks, sizes : ndarray, shape (tiles, 2, levels, TILE)
        A block of levels, see `obi_widgets.history.levels.Levels`.
    place : ndarray of int64, shape (V,)
        Where each state stands in the block.
    bid, ask : ndarray of float64, shape (V,)
        Best prices.
    reach : ndarray of float32, shape (2, V)
        How far each side is known, bps.
    samples, amounts, begin : ndarray, ndarray, int
        Samples of depth, see `add_depth`.
    width : int
        Ticks of a bin of depth; 0 without depth.
    large : tuple of ndarray, shape (N,)
        Large levels: 0 for bids, 1 for asks; price in ticks; size; number of the first state, and
        the one after the last.
    numbers : ndarray of int64, shape (V,)
        Numbers of the states, counted as ``history.start`` is.
    column, looks, sums, times
        See `add_levels`.
    picture : tuple of int
        Ticks of a row, number of the lowest row, number of rows.
    """
    height, low, _ = picture
    known: Ints = np.zeros((2, len(place)), np.int64)
    if not width or height < width:
        best = np.rint(np.stack([bid, ask]) / tick_size).astype(np.int64)
        known = covered(ticks, sizes, place, best, reach, picture)
        add_levels(ticks, sizes, place, best, known, column, looks, height, low, sums, times)
    if width:
        of = samples, amounts, begin, known, column, looks
        add_depth(*of, height, width, low, sums, times)
        if height < width:
            side, tick, size, first, end = large
            visits = np.searchsorted(numbers, np.stack([first, end]))
            add_large(*of, side, tick, size, visits, height, width, low, sums, times)


def covered(
    ticks: NDArray[np.unsignedinteger[Any]],
    sizes: Singles,
    place: Ints,
    best: Ints,
    reach: Singles,
    picture: Picture,
) -> Ints:
    """Return the first row of the picture that the kept levels cover, and the one after the last.

    Parameters
    ----------
    best : ndarray of int64, shape (2, V)
        Best bid and best ask, ticks.
    ticks, sizes, place, reach, picture
        See `add_states`.

    Returns
    -------
    ndarray of int64, shape (2, V)
    """
    height, low, number = picture
    tile, at = np.divmod(place, TILE)
    last = (tile, slice(None), sizes.shape[2] - 1, at)
    deepest = np.where(sizes[last].T > 0, ticks[last].T, np.inf)  # ticks from the best
    mid = best.sum(axis=0) / 2
    away = reach.astype(np.float64) * 1e-4 * mid
    # The last tick that is known, downwards and upwards. A reach is rounded to float32.
    down = np.maximum(best[0] - deepest[0], np.ceil(mid - away[0] - 1e-3))
    up = np.minimum(best[1] + deepest[1], np.floor(mid + away[1] + 1e-3))
    first, end = np.ceil(down / height) - low, np.floor((up + 1) / height) - low
    known = np.clip(np.stack([first, end]), 0, number).astype(np.int64)
    known[:, known[0] >= known[1]] = 0
    return np.asarray(known)


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


def cells(
    sums: Floats,
    times: Floats,
    column: Ints,
    looks: Floats,
    bid: Floats,
    ask: Floats,
    tick_size: float,
    picture: Picture,
) -> tuple[Floats, Bools, Bools, Singles]:
    """Return the columns of which sizes and looks were added up; see `heatmap_cells.Cells`.

    Parameters
    ----------
    sums, times, column, looks
        See `add_levels`.
    bid, ask, tick_size, picture
        See `add_states`.
    """
    height, low, rows = picture
    place = (bid + ask) / (2 * tick_size * height) - low
    seen = np.bincount(column, looks, len(sums))
    with np.errstate(invalid="ignore"):  # a column that nobody looked at
        middle = np.bincount(column, looks * place, len(sums)) / seen
        means = np.maximum(np.max(sums, axis=1), 0.0) / times  # rounding may leave −1e-17
    asks = sums[:, 1] > sums[:, 0]
    empty = ~(sums > 0).any(axis=1)
    asks |= empty & (np.arange(rows) + 0.5 > middle[:, None])
    return means, asks, times > 0, middle.astype(np.float32)


def encoded(means: Floats, asks: Bools, known: Bools, smallest: float) -> NDArray[np.uint8]:
    """Return the codes of mean sizes; see `obi_widgets.presentation.layers.heatmap.Heat`.

    Parameters
    ----------
    means, asks, known
        See `heatmap_cells.Cells`.
    smallest : float
        Size of the first code above empty, base units; 0 if nothing rests anywhere.
    """
    steps = np.zeros(means.shape)
    if smallest:
        there = known & (means > 0)
        octaves = np.log2(means[there] / smallest)
        steps[there] = np.clip(np.ceil(octaves * OCTAVE), 1, LARGEST)
    codes = steps.astype(np.uint8) + np.where(asks, np.uint8(ASK), np.uint8(BID))
    codes[~known] = UNKNOWN
    return codes
