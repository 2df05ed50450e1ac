"""Downsampling: from rows of a history to the lines of a chart, which has few hundred columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.presentation.charts.pixel_columns import KERNELS, Columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.presentation.charts.pixel_columns import Reduced, Values
    from obi_widgets.presentation.charts.window import Window

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MEAN = 1_000_000_000
"""Shortest time that a mean covers, nanoseconds."""

RAW = 2
"""A signal is drawn state by state where a column holds so many states or fewer, on average."""

AGAIN = 8
"""Whether it is, is decided again each time that the window has moved by one part in so many."""

MARK = 12
"""Width of a mark in columns, with a margin in which the line under it stays visible."""


def steps(
    time: Ints, values: Values, window: Window, columns: Columns | None = None, start: int = 0
) -> tuple[Ints, Floats]:
    """Return the corners of a step line that shows the extremes of each column.

    States are drawn as they are, at their own times, where a column has two or fewer.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds UTC, never decreasing.
    values : ndarray of float64, shape (T,), or Values
        NaN breaks the line; a break that is shorter than a column is not drawn.
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
    found = (columns or Columns()).of(time, values, window, window.column, start)
    return _corners(time, found, window.column)


def lowest(
    time: Ints, values: Values, window: Window, columns: Columns | None = None, start: int = 0
) -> tuple[Ints, Floats]:
    """Return the corners of a step line that shows the smallest value of each column.

    The parameters, and where states are drawn as they are, are those of `steps`. Of a threshold
    that moves, this is the value which the signal exceeded if it exceeded any.
    """
    found = (columns or Columns()).of(time, values, window, window.column, start)
    return _corners(time, found._replace(high=found.low), window.column)


def _corners(time: Ints, found: Reduced, width: int) -> tuple[Ints, Floats]:
    """Return the corners of a step line of columns of this width."""
    at, first, end, low, high, _, opening, closing = found
    drawn: tuple[Ints, Floats] = KERNELS.current().corners(
        time, at, first, end, low, high, opening, closing, width
    )
    return drawn


def extent(
    time: Ints, values: Values, window: Window, columns: Columns | None = None, start: int = 0
) -> tuple[Ints, Floats, Floats]:
    """Return times (the middle of each column), and the smallest and the largest value.

    Values that are NaN are left out. Where the next column is empty, the last value follows, so
    that it is drawn until the next state comes; if it is NaN, it breaks the line.

    The parameters are those of `steps`.
    """
    found = (columns or Columns()).of(time, values, window, window.column, start)
    lines = found.low, found.high
    at, (low, high) = KERNELS.current().held(found.at, found.closing, lines, window.column)
    return at, low, high


def means(
    time: Ints, values: Values, window: Window, columns: Columns | None = None, start: int = 0
) -> tuple[Ints, Floats]:
    """Return means over one second, or over a column if that is longer.

    What is said of `extent` about NaN and empty columns is true here, too.
    The parameters are those of `steps`.
    """
    width = max(window.column, MEAN)
    found = (columns or Columns()).of(time, values, window, width, start)
    at, (mean,) = KERNELS.current().held(found.at, found.closing, (found.mean,), width)
    return at, mean


def is_raw(time: Ints, window: Window) -> bool:
    """Return whether a signal is drawn state by state: its columns hold few states.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds UTC, never decreasing.
    window : Window
        Part of time that is shown.

    Notes
    -----
    Columns before the first state of the window and after the last do not count. The window is
    moved back to a multiple of an eighth of its length, so that states that come and go one by one
    do not change the picture to and fro.
    """
    step = (window.end - window.start) // AGAIN
    for start, end in ((window.start // step * step, window.end // step * step), window[:2]):
        first, last = time.searchsorted((start, end)).tolist()
        if last > first:
            break
    else:
        return True
    columns = int(time[last - 1] - time[first]) // window.column + 1
    return bool(last - first <= RAW * columns)


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
