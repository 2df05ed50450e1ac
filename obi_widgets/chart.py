"""From columns to what a chart of a few hundred pixels can show.

Columns of pixels are aligned to whole multiples of their width in time, so that what was drawn
once stays as it is while the window moves on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PIXELS = 600
"""Columns that a window is drawn in."""

MEAN = 1_000_000_000
"""Nanoseconds that a mean is taken over, at least."""


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

    def rows(self, time: Ints) -> slice:
        """Return the rows that lines of this window are drawn from.

        They begin before it: a line comes in at the edge, and its columns are whole.
        """
        width = max(self.column, MEAN)
        before = max(int(np.searchsorted(time, self.start // width * width)) - 1, 0)
        first = np.searchsorted(time, time[before : before + 1] // width * width)
        return slice(int(first.sum()), int(np.searchsorted(time, self.end)))


def _columns(time: Ints, window: Window, width: int) -> tuple[slice, NDArray[np.intp], Ints]:
    """Return the rows in view, where each column of them begins, and the columns' times."""
    # Columns are whole, also the one that the left edge cuts, and the one before: a line from it
    # comes in at the edge. Their edges are looked up, since there are fewer than states.
    edges = np.arange(window.start // width, -(-window.end // width) + 1) * width
    before = max(int(np.searchsorted(time, edges[0])) - 1, 0)
    edges = np.concatenate([time[before : before + 1] // width * width, edges])
    begins = np.searchsorted(time, edges)
    begins[-1] = np.searchsorted(time, window.end)
    there = np.flatnonzero(np.diff(begins) > 0)
    first, last = int(begins[0]), int(begins[-1])
    return slice(first, last), begins[there] - first, edges[there]


def steps(time: Ints, values: Floats, window: Window) -> tuple[Ints, Floats]:
    """Return the corners of a step line that shows each column's extremes.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds UTC, never decreasing.
    values : ndarray of float64, shape (T,)
        NaN breaks the line.
    window : Window
        What to show.

    Returns
    -------
    tuple of ndarray
        Times and values, at most two a column: each value holds until the next time. Columns
        without a state show the last one before them.
    """
    rows, begins, at = _columns(time, window, window.column)
    if not len(begins):
        return np.empty(0, np.int64), np.empty(0)
    shown = values[rows]
    low = np.minimum.reduceat(shown, begins)
    high = np.maximum.reduceat(shown, begins)
    last = shown[np.append(begins[1:], len(shown)) - 1]
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


def extent(time: Ints, values: Floats, window: Window) -> tuple[Ints, Floats, Floats]:
    """Return each column's time (its middle), least and greatest value; NaN where one is NaN."""
    rows, begins, at = _columns(time, window, window.column)
    if not len(begins):
        return np.empty(0, np.int64), np.empty(0), np.empty(0)
    shown = values[rows]
    return (
        at + window.column // 2,
        np.minimum.reduceat(shown, begins),
        np.maximum.reduceat(shown, begins),
    )


def means(time: Ints, values: Floats, window: Window) -> tuple[Ints, Floats]:
    """Return means over one second, or over a column when that is longer; NaN breaks the line."""
    width = max(window.column, MEAN)
    rows, begins, at = _columns(time, window, width)
    if not len(begins):
        return np.empty(0, np.int64), np.empty(0)
    shown = values[rows]
    counts = np.diff(np.append(begins, len(shown)))
    return at + width // 2, np.add.reduceat(shown, begins) / counts


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
