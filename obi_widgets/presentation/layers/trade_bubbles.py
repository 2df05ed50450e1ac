"""Trades as bubbles: what takers bought and sold, added up by column of time and row of prices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.trades import Trades
    from obi_widgets.presentation.charts.window import Window

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST = 120
"""Bubbles that are drawn, at most: the largest in view."""

FEWEST = 40
"""The least size that is drawn changes only when more than `MOST` or fewer than these have it."""

SIZES = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
"""Least sizes, times a power of ten."""

BITS = 33
"""Bits of a key below the column: 32 for the row, and one for the side."""

NO_END = 2**62

PIECE = 2**16
"""Trades that are added up at once; so many fit a processor's cache."""

DENSE = 2**22
"""The most cells of a grid in which trades are counted."""


class Grid(NamedTuple):
    """Columns of time and rows of prices in which trades are added up.

    Attributes
    ----------
    first, width : int
        Number of the first column, and the width of a column, ns.
    step : float
        Height of a row, quote currency.
    """

    first: int
    width: int
    step: float


@dataclass(frozen=True)
class Bubbles:
    """Bubbles in view, in the order of time.

    Attributes
    ----------
    marks : ndarray of float64, shape (N, 3)
        Middle of the column, ms UTC; mean price, quote currency, weighted by size; base units,
        below 0 where takers sold.
    least : float
        Least size that is drawn, base units; 0 if all are.
    largest : float
        Size of the largest bubble, rounded up, base units.
    keys : ndarray of int64, shape (N,)
        Column, row and side of each, increasing; see `merged`.
    grid : Grid
        What columns and rows are.
    """

    marks: Floats
    least: float
    largest: float
    keys: Ints
    grid: Grid


class TradeBubbles:
    """Adds up the trades of a growing history, each once."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all trades. Call it when the history is another one."""
        self._of: tuple[object, ...] = ()
        self._seen = 0  # number of the first trade that was not added
        self._first = NO_END  # the first column that was added up; keys count from it
        self._keys = np.empty(0, np.int64)  # increasing
        self._sums = np.empty((2, 0))  # size, and size times price
        self._least = self._largest = 0.0
        self._shown: tuple[int, ...] = ()  # what the bubbles are of
        self._bubbles: Bubbles | None = None

    def of(self, history: History, window: Window, step: float) -> Bubbles:
        """Return the bubbles in a window, for rows of a height in quote currency."""
        trades, width = history.trades, window.column
        first, end = window.start // width, -(-window.end // width)
        of = (width, step)
        if of != self._of or trades.start + len(trades) < self._seen:
            self.forget()
            self._of = of
        if first < self._first:  # with half a window before, for a pan
            self._first = first - (end - first) // 2
            self._keys, self._sums, self._seen = np.empty(0, np.int64), np.empty((2, 0)), 0
        for begin in range(max(self._seen - trades.start, 0), len(trades), PIECE):
            piece = trades[begin : begin + PIECE]
            self._add(*summed(piece, Grid(self._first, width, step)))
        self._seen = trades.start + len(trades)
        shown = first, end, self._seen
        if self._bubbles is not None and self._shown == shown:
            return self._bubbles
        edges = [first - self._first << BITS, end - self._first << BITS]
        inside = slice(*np.searchsorted(self._keys, edges).tolist())
        self._shown = shown
        grid = Grid(self._first, width, step)
        self._bubbles = self._drawn(self._keys[inside], self._sums[:, inside], grid)
        return self._bubbles

    def _add(self, keys: Ints, sums: Floats) -> None:
        """Add newer sums to those there are: only the last columns change."""
        if not len(keys):
            return
        tail = int(np.searchsorted(self._keys, keys[0] >> BITS << BITS))
        keys, sums = merged(
            np.concatenate([self._keys[tail:], keys]),
            np.concatenate([self._sums[:, tail:], sums], axis=1),
        )
        self._keys = np.concatenate([self._keys[:tail], keys])
        self._sums = np.concatenate([self._sums[:, :tail], sums], axis=1)

    def _drawn(self, keys: Ints, sums: Floats, grid: Grid) -> Bubbles:
        size, value = sums
        count = np.count_nonzero(size >= self._least)
        if count > MOST or (self._least and count < FEWEST):
            self._least = 0.0
            if len(size) > MOST:
                self._least = round_up(float(np.partition(size, -MOST)[-MOST]))
        drawn = size >= self._least
        keys, size, value = keys[drawn], size[drawn], value[drawn]
        largest = float(size.max(initial=0.0))
        if largest > self._largest or largest < 0.4 * self._largest:
            self._largest = round_up(largest) if largest else 0.0
        middle = (((keys >> BITS) + grid.first) * grid.width + grid.width // 2) / 1e6
        side = np.where(keys & 1, 1.0, -1.0)
        marks = np.stack([middle, value / size, side * size], axis=1)
        return Bubbles(marks, self._least, self._largest, keys, grid)


class InCells(NamedTuple):
    """Trades with the cell that each is in; arrays of shape (N,)."""

    column: Ints
    row: Ints
    bought: NDArray[np.bool_]
    price: Floats
    size: Floats

    @classmethod
    def of(cls, time: Ints, amounts: Ints, trades: Trades, grid: Grid) -> InCells:
        """Return some trades of a table, by their times and amounts."""
        price, size = amounts
        prices = price / 10.0**trades.price_decimals
        return cls(
            time // grid.width - grid.first,
            np.floor(prices / grid.step + 1e-6).astype(np.int64) & 0xFFFF_FFFF,
            size > 0,
            prices,
            abs(size) / 10.0**trades.size_decimals,
        )

    @property
    def keys(self) -> Ints:
        """Column, row and side as one number, see `merged`."""
        return np.asarray((self.column << BITS) | (self.row << 1) | self.bought)


def summed(trades: Trades, grid: Grid) -> tuple[Ints, Floats]:
    """Return trades from the first column on, added up by column, row and side; see `merged`.

    ``trades`` are in the order of receipt.
    """
    time, amounts = trades.time, trades.amounts
    rows = time // grid.width >= grid.first
    if not rows.all():
        time, amounts = time[rows], amounts[:, rows]
    cells = InCells.of(time, amounts, trades, grid)
    values = np.stack([cells.size, cells.size * cells.price])
    return added_up(cells.column, cells.row, cells.bought, values)


def added_up(
    column: Ints, row: Ints, bought: NDArray[np.bool_], values: Floats
) -> tuple[Ints, Floats]:
    """Return the sums of values by column, row and side; see `merged`."""
    if not len(row):
        return np.empty(0, np.int64), values
    lowest, earliest = int(row.min()), int(column.min())
    rows = int(row.max()) - lowest + 1
    cells = 2 * rows * (int(column.max()) - earliest + 1)
    if cells > DENSE or len(row) < cells // 8:
        return merged((column << BITS) | (row << 1) | bought, values)
    # Counting in a grid of all cells takes a fraction of the time of sorting.
    cell = 2 * ((column - earliest) * rows + row - lowest) + bought
    filled = np.flatnonzero(np.bincount(cell, minlength=cells))
    sums = np.stack([np.asarray(np.bincount(cell, one, cells)[filled], float) for one in values])
    there, price = filled // (2 * rows) + earliest, filled // 2 % rows + lowest
    return np.asarray((there << BITS) | (price << 1) | (filled & 1), np.int64), sums


def merged(keys: Ints, sums: Floats) -> tuple[Ints, Floats]:
    """Return increasing keys, each once, and the sums of the columns of each, shape (2, keys)."""
    if not len(keys):
        return keys, sums
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.append(True, np.diff(keys) != 0))
    return keys[first], np.add.reduceat(sums[:, order], first, axis=1)


def round_up(size: float) -> float:
    """Return the next round size."""
    power = 10.0 ** math.floor(math.log10(size))
    return float(f"{next(m * power for m in SIZES if m * power >= size * (1 - 1e-9)):.3g}")
