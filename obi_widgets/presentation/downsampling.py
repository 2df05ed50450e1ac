"""From columns to what a chart of a few hundred pixels can show.

Columns of pixels are aligned to whole multiples of their width in time, so that what was drawn
once stays as it is while the window moves on.
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
"""Columns that a window is drawn in."""

MEAN = 1_000_000_000
"""Nanoseconds that a mean is taken over, at least."""

PIECE = 65_536
"""Rows that are summed up at once."""

SUMS = (np.minimum, np.maximum, np.add)
"""What a column comes to."""

MARK = 12
"""Columns that a mark covers, and a little more: the line under it must be seen."""


class Window(NamedTuple):
    """What a chart looks at: nanoseconds UTC, and how wide a column is."""

    start: int
    end: int
    column: int

    @classmethod
    def ending(cls, newest: int, seconds: float) -> Window:
        """Return the window of so many seconds that ends with the column of the newest state."""
        column = max(1, round(seconds * 1e9 / PIXELS))
        end = (newest // column + 1) * column
        return cls(end - PIXELS * column, end, column)


class Values(Protocol):
    """Numbers by row: an array, or what is computed when it is looked at."""

    def __getitem__(self, rows: slice, /) -> Floats:
        """Return those of some rows."""


class Mid(NamedTuple):
    """Mid by row, of the rows that are looked at only."""

    history: History

    def __getitem__(self, rows: slice) -> Floats:  # type: ignore[override]
        """Return the mid of some rows."""
        return np.asarray((self.history.bid[rows] + self.history.ask[rows]) / 2)


class QuantileBounds(NamedTuple):
    """The value of a quantile threshold by row, computed for the rows that are looked at only."""

    history: History
    signal: Floats
    parameters: Parameters

    def __getitem__(self, rows: slice) -> Floats:  # type: ignore[override]
        """Return the bounds of consecutive rows, in the signal's unit."""
        first, end, _ = rows.indices(len(self.history))
        return quantile_bounds(self.history, self.signal, self.parameters, first, end)


class Columns:
    """Sums up rows by column of pixels, and looks at no column twice.

    A column is known by the rows that it is of: while these stay the same it is remembered,
    however the window moves. What is left to look at in a frame is the newest column, or what
    comes into view.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: the times or the values are others."""
        self._width = self._first = self._start = self._end = 0
        self._edges = self._bounds = np.empty(0, np.int64)
        self._sums = np.empty((len(SUMS) + 1, 0))

    def of(
        self, time: Ints, values: Values, window: Window, width: int, start: int = 0
    ) -> tuple[Ints, Ints, Floats]:
        """Return the columns in view that have rows.

        They are whole, also the one that the left edge cuts; and there is one before: a line from
        it comes in at the edge.

        Parameters
        ----------
        time : ndarray of int64, shape (T,)
            Nanoseconds UTC, never decreasing.
        values : Values
            By row. Time and value of a row must be the same each time, unless `forget` is called.
        window : Window
            What is shown.
        width : int
            Of a column, nanoseconds.
        start : int
            The number of row 0, counted from the first row ever.

        Returns
        -------
        at : ndarray of int64, shape (C,)
            When each column begins.
        counts : ndarray of int64, shape (C,)
            How many rows it has.
        sums : ndarray of float64, shape (4, C)
            Its least value, its greatest, the sum of all, and the last; NaN where one is NaN.
        """
        if not len(time):
            return np.empty(0, np.int64), np.empty(0, np.int64), self._sums[:, :0]
        first, last = window.start // width - 1, -(-window.end // width)
        if width != self._width or start < self._start:  # older states may be back
            self.forget()
        at = np.arange(first, last + 1) * width
        # Edges that were in view before: where they are now, and were then.
        begin = max(first, self._first)
        stay = max(min(last + 1, self._first + len(self._edges)) - begin, 0)
        now, then = (slice(begin - one, begin - one + stay) for one in (first, self._first))
        edges = np.full(len(at), -1)
        edges[now] = self._edges[then]
        # What has been dropped stands elsewhere, and so may what no row had come to.
        anew = (edges < start) | (edges >= min(self._end, start + len(time)))
        edges[anew] = start + np.searchsorted(time, at[anew])
        bounds = edges.copy()
        bounds[-1] = start + np.searchsorted(time, window.end)
        if start < bounds[0] == bounds[1]:  # nothing just before: the newest that there was
            at[0] = time[bounds[0] - start - 1] // width * width
            bounds[0] = start + np.searchsorted(time, at[0])
        now, then = (slice(one.start, max(one.stop - 1, one.start)) for one in (now, then))
        sums = np.empty((len(self._sums), last - first))
        sums[:, now] = self._sums[:, then]
        wanted = bounds[1:] > bounds[:-1]
        there = np.flatnonzero(wanted)
        same = bounds[:-1][now] == self._bounds[:-1][then]
        wanted[now] &= ~(same & (bounds[1:][now] == self._bounds[1:][then]))
        for one, other in _pieces(wanted, bounds):
            part = values[slice(bounds[one] - start, bounds[other] - start)]
            parts = bounds[one:other] - bounds[one]
            for row, reduction in zip(sums, SUMS, strict=False):
                row[one:other] = reduction.reduceat(part, parts)
            sums[-1, one:other] = part[bounds[one + 1 : other + 1] - bounds[one] - 1]
        self._width, self._first = width, first
        self._start, self._end = start, start + len(time)
        self._edges, self._bounds, self._sums = edges, bounds, sums
        return at[there], (bounds[1:] - bounds[:-1])[there], sums[:, there]


def _pieces(wanted: NDArray[np.bool_], bounds: Ints) -> Iterator[tuple[int, int]]:
    """Yield runs of wanted columns, few enough that their values fit a processor's cache."""
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
    """Return the corners of a step line that shows each column's extremes.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds UTC, never decreasing.
    values : ndarray of float64, shape (T,), or Values
        NaN breaks the line.
    window : Window
        What to show.
    columns : Columns, optional
        What is remembered from one call to the next.
    start : int
        See `Columns.of`.

    Returns
    -------
    tuple of ndarray
        Times and values, at most two a column: each value holds until the next time. Columns
        without a state show the last one before them.
    """
    at, _, sums = (columns or Columns()).of(time, values, window, window.column, start)
    if not len(at):
        return np.empty(0, np.int64), np.empty(0)
    low, high, _, last = sums
    # The extreme that the column ends nearer to comes second; what it ends with comes where the
    # next column begins, if that is empty.
    rising = last - low > high - last
    x = np.column_stack([at, at + window.column // 2, at + window.column])
    y = np.column_stack([np.where(rising, low, high), np.where(rising, high, low), last])
    y[np.isnan(last), :2] = np.nan
    ends = np.append(np.diff(at) > window.column, True)
    there = np.column_stack([np.ones((len(at), 2), bool), ends])
    x, y = x[there], y[there]
    changed = (np.diff(y) != 0) & ~(np.isnan(y[1:]) & np.isnan(y[:-1]))
    keep = np.concatenate([[True], changed])
    keep[-1] = True
    return x[keep], y[keep]


def extent(
    time: Ints, values: Values, window: Window, columns: Columns | None = None, start: int = 0
) -> tuple[Ints, Floats, Floats]:
    """Return each column's time (its middle), least and greatest value; NaN where one is NaN.

    The parameters are those of `steps`.
    """
    at, _, sums = (columns or Columns()).of(time, values, window, window.column, start)
    low, high, *_ = sums
    return at + window.column // 2, low, high


def means(
    time: Ints, values: Values, window: Window, columns: Columns | None = None, start: int = 0
) -> tuple[Ints, Floats]:
    """Return means over one second, or over a column when that is longer; NaN breaks the line.

    The parameters are those of `steps`.
    """
    width = max(window.column, MEAN)
    at, counts, sums = (columns or Columns()).of(time, values, window, width, start)
    return at + width // 2, sums[2] / counts


def apart(time: Ints, window: Window) -> NDArray[np.bool_]:
    """Return which marks to draw so that none hides another: the first of every few columns.

    Parameters
    ----------
    time : ndarray of int64, shape (N,)
        Nanoseconds UTC, never decreasing.
    window : Window
        What is shown.
    """
    place = time // (MARK * window.column)
    return np.append(True, np.diff(place) != 0)[: len(time)]


@dataclass
class Axis:
    """A range of values that follows its data, and does not jump.

    It grows when data leave it, and shrinks only when they need less than half of it.

    Parameters
    ----------
    least : float
        The smallest range worth showing.
    """

    least: float
    low: float = 0.0
    high: float = 0.0

    def follow(self, values: Floats) -> tuple[float, float]:
        """Return the range for these values; NaN is passed over."""
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
