"""Mean sizes at rest by price row and column of time, from the three places that tell of them.

Where the kept levels of a state cover a row, they are taken. Beyond them depth by price bin is,
which is sampled once a second and spread evenly over the prices of a bin; large levels in a bin,
whose prices are known, stand at these. So all are sizes for one height of price.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.history.depth import ROW
from obi_widgets.history.levels import BLOCK
from obi_widgets.kernels.loader import Kernels
from obi_widgets.presentation.layers import heatmap_numpy
from obi_widgets.presentation.layers.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.levels import Levels
    from obi_widgets.presentation.charts.window import Window

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]

KERNELS = Kernels("obi_widgets.presentation.layers.heatmap_numba", heatmap_numpy)

ROWS = 160
"""The most rows of the price range that is shown; a chart gives each about two pixels."""

MARGIN = 0.125
"""Share of the price range that is pictured above and below it, so that a small move of the range
needs no new picture."""

HEIGHTS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
"""Heights of a row in ticks, times a power of ten, if that is a whole number."""

LOOKS = 32
"""Looks at the book in a column."""


class Rows(NamedTuple):
    """Rows of prices: ``number`` rows of ``height`` ticks, the lowest at ``low * height`` ticks."""

    height: int
    low: int
    number: int

    @classmethod
    def of(cls, low: float, high: float, tick_size: float) -> Rows:
        """Return the rows that picture a price range with its margin."""
        height = row_height((high - low) / tick_size)
        margin = MARGIN * (high - low)
        first = math.floor(max(low - margin, 0.0) / tick_size / height)
        last = math.ceil((high + margin) / tick_size / height)
        return cls(height, first, last - first)

    def cover(self, low: float, high: float, tick_size: float) -> bool:
        """Return whether they are of the right height for a price range, and cover it."""
        step = self.height * tick_size
        return (
            row_height((high - low) / tick_size) == self.height
            and self.low * step <= low
            and high <= (self.low + self.number) * step
        )


@lru_cache(16)
def row_height(ticks: float) -> int:
    """Return the height of a row, ticks, for a range of so many ticks."""
    need = max(ticks / ROWS, 1.0)
    power = 10.0 ** math.floor(math.log10(need))
    heights = [m * power for m in HEIGHTS if (m * power).is_integer()]
    return next(int(height) for height in heights if height >= need * (1 - 1e-9))


class Cells(NamedTuple):
    """Columns of a picture.

    Attributes
    ----------
    means : ndarray of float64, shape (columns, rows)
        Mean size of the side of which more rested there, base units.
    asks, known : ndarray of bool, shape (columns, rows)
        Whether that side is the asks; whether the row is known.
    middle : ndarray of float32, shape (columns,)
        Mean of mid, in rows from the lowest.
    """

    means: Floats
    asks: Bools
    known: Bools
    middle: Singles


class CellMaker:
    """Computes columns of a picture of a growing history."""

    def __init__(self) -> None:
        KERNELS.start()
        self._standing = Standing()

    def cells(self, history: History, window: Window, rows: Rows, start: int, end: int) -> Cells:
        """Return the columns of a window from one up to another."""
        columns = end - start
        sums = np.zeros((columns, 2, rows.number))
        times = np.zeros((columns, rows.number))
        states, column, looks = looked_at(history, window.start, window.column, start, end)
        bid, ask = history.bid[states], history.ask[states]
        best = np.rint(np.stack([bid, ask]) / history.tick_size).astype(np.int64)
        width = round(history.depth.step / history.tick_size)
        known = np.zeros((2, len(states)), np.int64)
        if not width or rows.height < width:
            known = covered(history, states, best, rows)
            add_levels(history, states, best, known, column, looks, rows, sums, times)
        if width:
            self._add_depth(history, states, known, column, looks, rows, width, sums, times)
        place = (bid + ask) / (2 * history.tick_size * rows.height) - rows.low
        seen = np.bincount(column, looks, columns)
        with np.errstate(invalid="ignore"):  # a column that nobody looked at
            middle = np.bincount(column, looks * place, columns) / seen
            means = np.maximum(np.max(sums, axis=1), 0.0) / times  # rounding may leave −1e-17
        asks = sums[:, 1] > sums[:, 0]
        empty = ~(sums > 0).any(axis=1)
        asks |= empty & (np.arange(rows.number) + 0.5 > middle[:, None])
        return Cells(means, asks, times > 0, middle.astype(np.float32))

    def _add_depth(
        self,
        history: History,
        states: Ints,
        known: Ints,
        column: Ints,
        looks: Floats,
        rows: Rows,
        width: int,
        sums: Floats,
        times: Floats,
    ) -> None:
        """Add what the levels do not cover: depth by price bin, with large levels at their prices.

        See `heatmap_numpy`.
        """
        depth, numbers = history.depth, history.start + states
        sample = depth.samples[ROW].searchsorted(numbers, "right") - 1
        there = sample >= 0
        if not there.any():
            return
        numbers = numbers[there]
        of = (
            np.ascontiguousarray(depth.samples[:, sample[there]]), depth.sizes, depth.start,
            np.ascontiguousarray(known[:, there]), column[there], looks[there],
        )  # fmt: skip
        picture = rows.height, width, rows.low, sums, times
        KERNELS.code.add_depth(*of, *picture)
        if rows.height >= width:
            return
        first, end = int(numbers[0]), int(numbers[-1]) + 1
        spans = self._standing.between(history.large_levels, first, end)
        tick = np.rint(np.abs(spans.key) / history.tick_size).astype(np.int64)
        bottom, top = rows.low * rows.height - width, (rows.low + rows.number) * rows.height + width
        seen = (bottom <= tick) & (tick < top)
        visits = np.searchsorted(numbers, np.stack([spans.first[seen], spans.end[seen]]))
        side = (spans.key[seen] < 0).astype(np.int64)
        KERNELS.code.add_large(*of, side, tick[seen], spans.size[seen], visits, *picture)


def looked_at(
    history: History, origin: int, width: int, start: int, end: int
) -> tuple[Ints, Ints, Floats]:
    """Return which states are found by looking at the book at equal steps of some columns.

    A look finds the last state at its time or before. There is none after the newest state, and
    none before the oldest. The first look of a column is at its begin.

    Parameters
    ----------
    history : History
        T states.
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
    oldest, newest = history.time[[0, -1]]
    seen = at < newest  # a later state may be of the newest one's time
    seen[::LOOKS] |= at[::LOOKS] == newest
    seen &= at >= oldest
    at, column = at[seen], column[seen]
    states = np.searchsorted(history.time, at, "right") - 1
    new = np.append(True, (np.diff(states) != 0) | (np.diff(column) != 0))[: len(states)]
    first = np.flatnonzero(new)
    looks = np.diff(np.append(first, len(states))).astype(np.float64)
    states, column = states[first], column[first]
    there = np.isfinite(history.bid[states]) & np.isfinite(history.ask[states])
    return states[there], column[there], looks[there]


def looks_before(newest: int, width: int) -> tuple[int, int]:
    """Return a column, and how many looks of it are before a newest state: all that it tells."""
    column = newest // width
    return column, max(-(-(newest - column * width) * LOOKS // width), 1)


def covered(history: History, states: Ints, best: Ints, rows: Rows) -> Ints:
    """Return the first row of the picture that the kept levels cover, and the one after the last.

    Parameters
    ----------
    history : History
        T states.
    states : ndarray of int64, shape (V,)
        Rows of states.
    best : ndarray of int64, shape (2, V)
        Best bid and best ask, ticks.
    rows : Rows
        Rows of the picture.

    Returns
    -------
    ndarray of int64, shape (2, V)
    """
    deepest = np.full((2, len(states)), np.inf)  # ticks from the best
    for part, block, place in by_block(history, states):
        at = np.unravel_index(place, (block.sizes.shape[0], block.sizes.shape[3]))
        last = (at[0], slice(None), history.levels - 1, at[1])
        full = block.sizes[last].T > 0
        deepest[:, part] = np.where(full, block.ticks[last].T, np.inf)
    mid = best.sum(axis=0) / 2
    reach = history.reach[:, states].astype(np.float64) * 1e-4 * mid
    # The last tick that is known, downwards and upwards. A reach is rounded to float32.
    down = np.maximum(best[0] - deepest[0], np.ceil(mid - reach[0] - 1e-3))
    up = np.minimum(best[1] + deepest[1], np.floor(mid + reach[1] + 1e-3))
    first = np.ceil(down / rows.height) - rows.low
    last = np.floor((up + 1) / rows.height) - rows.low
    known = np.clip(np.stack([first, last]), 0, rows.number).astype(np.int64)
    known[:, known[0] >= known[1]] = 0
    return np.asarray(known)


def add_levels(
    history: History,
    states: Ints,
    best: Ints,
    known: Ints,
    column: Ints,
    looks: Floats,
    rows: Rows,
    sums: Floats,
    times: Floats,
) -> None:
    """Add the kept levels of states to a picture; see `heatmap_numpy.add_levels`."""
    for part, block, place in by_block(history, states):
        KERNELS.code.add_levels(
            block.ticks, block.sizes, place, np.ascontiguousarray(best[:, part]),
            np.ascontiguousarray(known[:, part]), column[part], looks[part],
            rows.height, rows.low, sums, times,
        )  # fmt: skip


def by_block(history: History, states: Ints) -> Iterator[tuple[slice, Levels, Ints]]:
    """Yield a slice of the states, their block of levels, and where they stand in it."""
    edges = np.searchsorted(states + history.offset, np.arange(len(history.blocks) + 1) * BLOCK)
    for block, start, end in zip(
        history.blocks, edges[:-1].tolist(), edges[1:].tolist(), strict=True
    ):
        if start < end:
            yield slice(start, end), block, (states[start:end] + history.offset) % BLOCK
