"""Downsampling: from rows of a history to the few hundred pixel columns of a chart.

A pixel column covers a fixed length of time and begins at a whole multiple of it. So the lines that
are drawn do not change while the window moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from obi_widgets.trading.quantile_bounds import quantile_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PIXELS = 600
"""Pixel columns of a window."""

MEAN = 1_000_000_000
"""Shortest time that a mean covers, nanoseconds."""

PIECE = 65_536
"""Rows that are reduced at once; so many fit a processor's cache."""

SUMS = (np.minimum, np.maximum, np.add)
"""Reductions of the rows of a column; the last row is kept as well."""

MARK = 12
"""Width of a mark in columns, with a margin in which the line under it stays visible."""


class Window(NamedTuple):
    """The part of time that a chart shows, and the width of a column; nanoseconds."""

    start: int
    end: int
    column: int

    @classmethod
    def ending(cls, newest: int, seconds: float) -> Window:
        """Return the window of a length in seconds that ends with the newest state's column."""
        column = max(1, round(seconds * 1e9 / PIXELS))
        end = (newest // column + 1) * column
        return cls(end - PIXELS * column, end, column)


class Values(Protocol):
    """Numbers by row: an array, or an object that computes them when it is indexed."""

    def __getitem__(self, rows: slice, /) -> Floats:
        """Return the numbers of some rows."""


class Mid(NamedTuple):
    """Mid by row, computed only for the rows that are asked for."""

    history: History

    def __getitem__(self, rows: slice) -> Floats:  # type: ignore[override]
        """Return the mid of some rows."""
        return np.asarray((self.history.bid[rows] + self.history.ask[rows]) / 2)


class QuantileBounds(NamedTuple):
    """The value of a quantile threshold by row, computed only for the rows that are asked for."""

    history: History
    signal: Floats
    parameters: Parameters

    def __getitem__(self, rows: slice) -> Floats:  # type: ignore[override]
        """Return the bounds of consecutive rows, in the signal's unit."""
        first, end, _ = rows.indices(len(self.history))
        return quantile_bounds(self.history, self.signal, self.parameters, first, end)


class Columns:
    """Reduces rows to pixel columns, and remembers the columns of the last call.

    A column is computed again only if its first or last row has changed. So a new frame computes
    the newest column and those that come into view.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all columns. Call it when times or values have changed."""
        self._width = self._first = self._start = self._end = 0
        self._edges = self._bounds = np.empty(0, np.int64)
        self._sums = np.empty((len(SUMS) + 1, 0))

    def of(
        self, time: Ints, values: Values, window: Window, width: int, start: int = 0
    ) -> tuple[Ints, Ints, Floats]:
        """Return the columns in view that have rows.

        Every column is whole, also one that the left edge cuts. The last column before the view is
        included, because the line from it enters the view.

        Parameters
        ----------
        time : ndarray of int64, shape (T,)
            Nanoseconds UTC, never decreasing.
        values : Values
            Values by row. Time and value of a row may not change, unless `forget` is called.
        window : Window
            Part of time that is shown.
        width : int
            Width of a column, nanoseconds.
        start : int
            Number of row 0, counted from the first row of the market.

        Returns
        -------
        at : ndarray of int64, shape (C,)
            Start of each column, nanoseconds UTC.
        counts : ndarray of int64, shape (C,)
            Number of its rows.
        sums : ndarray of float64, shape (4, C)
            Minimum, maximum, sum and last value of each column; NaN if one of its values is NaN.
        """
        if not len(time):
            return np.empty(0, np.int64), np.empty(0, np.int64), self._sums[:, :0]
        first, last = window.start // width - 1, -(-window.end // width)
        if width != self._width or start < self._start:  # older states may be back
            self.forget()
        at = np.arange(first, last + 1) * width
        # Edges that are still in view: their places now, and in the last call.
        begin = max(first, self._first)
        kept = max(min(last + 1, self._first + len(self._edges)) - begin, 0)
        now = slice(begin - first, begin - first + kept)
        then = slice(begin - self._first, begin - self._first + kept)
        edges = np.full(len(at), -1)
        edges[now] = self._edges[then]
        # Search again for edges before the oldest row, and for edges that had no row after them.
        unknown = (edges < start) | (edges >= min(self._end, start + len(time)))
        edges[unknown] = start + np.searchsorted(time, at[unknown])
        bounds = edges.copy()
        bounds[-1] = start + np.searchsorted(time, window.end)
        # If the column before the view is empty, take the last column that has a row.
        if start < bounds[0] == bounds[1]:
            at[0] = time[bounds[0] - start - 1] // width * width
            bounds[0] = start + np.searchsorted(time, at[0])
        # From edges to the columns between them.
        now = slice(now.start, max(now.stop - 1, now.start))
        then = slice(then.start, max(then.stop - 1, then.start))
        sums = np.empty((len(self._sums), last - first))
        sums[:, now] = self._sums[:, then]
        wanted = bounds[1:] > bounds[:-1]
        filled = np.flatnonzero(wanted)
        same = bounds[:-1][now] == self._bounds[:-1][then]
        wanted[now] &= ~(same & (bounds[1:][now] == self._bounds[1:][then]))
        for left, right in _pieces(wanted, bounds):
            piece = values[slice(bounds[left] - start, bounds[right] - start)]
            starts = bounds[left:right] - bounds[left]
            for row, reduction in zip(sums, SUMS, strict=False):
                row[left:right] = reduction.reduceat(piece, starts)
            sums[-1, left:right] = piece[bounds[left + 1 : right + 1] - bounds[left] - 1]
        self._width, self._first = width, first
        self._start, self._end = start, start + len(time)
        self._edges, self._bounds, self._sums = edges, bounds, sums
        return at[filled], (bounds[1:] - bounds[:-1])[filled], sums[:, filled]


def _pieces(wanted: NDArray[np.bool_], bounds: Ints) -> Iterator[tuple[int, int]]:
    """Yield runs of wanted columns (first, end), each with at most about `PIECE` rows."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], wanted, [False]])))
    for first, end in ends.reshape(-1, 2).tolist():
        while first < end:
            last = int(np.searchsorted(bounds, bounds[first] + PIECE, side="right")) - 1
            last = min(max(last, first + 1), end)
            yield first, last
            first = last


def steps(
    time: Ints, values: Values, window: Window, columns: Columns | None = None, start: int = 0
) -> tuple[Ints, Floats]:
    """Return the corners of a step line that shows the extremes of each column.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds UTC, never decreasing.
    values : ndarray of float64, shape (T,), or Values
        NaN breaks the line.
    window : Window
        Part of time to show.
    columns : Columns, optional
        Remembers columns between calls.
    start : int
        See `Columns.of`.

    Returns
    -------
    tuple of ndarray
        Times and values, at most two a column. A value holds until the next time, so a column
        without a state shows the last value before it.
    """
    at, _, sums = (columns or Columns()).of(time, values, window, window.column, start)
    if not len(at):
        return np.empty(0, np.int64), np.empty(0)
    low, high, _, last = sums
    # The extreme that is nearer to the last value comes second. If the next column is empty, the
    # last value itself follows where that column begins.
    rising = last - low > high - last
    x = np.column_stack([at, at + window.column // 2, at + window.column])
    y = np.column_stack([np.where(rising, low, high), np.where(rising, high, low), last])
    y[np.isnan(last), :2] = np.nan
    ends = np.append(np.diff(at) > window.column, True)
    drawn = np.column_stack([np.ones((len(at), 2), bool), ends])
    x, y = x[drawn], y[drawn]
    changed = (np.diff(y) != 0) & ~(np.isnan(y[1:]) & np.isnan(y[:-1]))
    keep = np.concatenate([[True], changed])
    keep[-1] = True
    return x[keep], y[keep]


def extent(
    time: Ints, values: Values, window: Window, columns: Columns | None = None, start: int = 0
) -> tuple[Ints, Floats, Floats]:
    """Return the time (middle), minimum and maximum of each column; NaN if one value is NaN.

    The parameters are those of `steps`.
    """
    at, _, sums = (columns or Columns()).of(time, values, window, window.column, start)
    low, high, *_ = sums
    return at + window.column // 2, low, high


def means(
    time: Ints, values: Values, window: Window, columns: Columns | None = None, start: int = 0
) -> tuple[Ints, Floats]:
    """Return means over one second, or over a column if that is longer; NaN breaks the line.

    The parameters are those of `steps`.
    """
    width = max(window.column, MEAN)
    at, counts, sums = (columns or Columns()).of(time, values, window, width, start)
    return at + width // 2, sums[2] / counts


def spaced_marks(time: Ints, window: Window) -> NDArray[np.bool_]:
    """Return which marks to draw so that no mark hides another: the first in each few columns.

    Parameters
    ----------
    time : ndarray of int64, shape (N,)
        Nanoseconds UTC, never decreasing.
    window : Window
        Part of time that is shown.

    Returns
    -------
    ndarray of bool, shape (N,)
        True for a mark to draw.
    """
    place = time // (MARK * window.column)
    return np.append(True, np.diff(place) != 0)[: len(time)]


@dataclass
class Axis:
    """The range of an axis: it contains the data, and changes seldom.

    It grows when data leave it, and shrinks only when the data need less than 45 % of it.

    Parameters
    ----------
    least : float
        Smallest range to show, in the unit of the values.
    """

    least: float
    low: float = 0.0
    high: float = 0.0

    def follow(self, values: Floats) -> tuple[float, float]:
        """Return the range for these values; NaN is ignored."""
        values = values[np.isfinite(values)]
        if len(values):
            low, high = float(values.min()), float(values.max())
            middle = (low + high) / 2
            need = max(high - low, self.least)
            inside = self.low <= low and high <= self.high
            shown = self.high - self.low
            if not inside or need > shown or need < 0.45 * shown:
                step = 10 ** np.floor(np.log10(need))
                step *= 0.1 if need / step < 2 else 0.2 if need / step < 5 else 0.5
                self.low = float(np.floor((middle - 0.58 * need) / step) * step)
                self.high = float(np.ceil((middle + 0.58 * need) / step) * step)
        return self.low, self.high
