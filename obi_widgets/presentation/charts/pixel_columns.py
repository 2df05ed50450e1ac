"""Rows of a history reduced to the pixel columns of a chart.

A pixel column covers a fixed length of time and begins at a whole multiple of it. So the lines that
are drawn do not change while the window moves.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from obi_widgets.kernels.loader import Kernels
from obi_widgets.presentation.charts import downsampling_numpy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.presentation.charts.window import Window

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KERNELS = Kernels("obi_widgets.presentation.charts.downsampling_numba", downsampling_numpy)

PIECE = 65_536
"""Rows that are reduced at once; so many fit a processor's cache."""


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


class Reduced(NamedTuple):
    """Columns that have rows; each array is of shape (C,).

    Attributes
    ----------
    at : ndarray of int64
        Start of each column, nanoseconds UTC.
    first, end : ndarray of int64
        Its first row, and the row after its last.
    low, high : ndarray of float64
        Smallest and largest value; NaN if all of its values are.
    mean : ndarray of float64
        Mean of the values that are not NaN.
    opening, closing : ndarray of float64
        Value of its first and of its last row.
    """

    at: Ints
    first: Ints
    end: Ints
    low: Floats
    high: Floats
    mean: Floats
    opening: Floats
    closing: Floats

    @property
    def counts(self) -> Ints:
        """Number of rows of each column."""
        return self.end - self.first


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
        self._window: Window | None = None  # that of the last call
        self._at = self._edges = self._bounds = np.empty(0, np.int64)
        self._sums = np.empty((5, 0))
        self._shown: Reduced | None = None  # the result of the last call
        self._picked = self._sums  # what its last five arrays are rows of

    def of(self, time: Ints, values: Values, window: Window, width: int, start: int = 0) -> Reduced:
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
        Reduced
            It may change with the next call.
        """
        if not len(time):
            nothing = np.empty(0, np.int64)
            return Reduced(nothing, nothing, nothing, *self._sums[:, :0])
        first, last = window.start // width - 1, -(-window.end // width)
        if width != self._width or start < self._start:  # older states may be back
            self.forget()
        elif (
            window == self._window
            and start == self._start
            and self._end <= start + len(time) < self._end + PIECE
        ):
            column = int(time[self._end - start - 1]) // width - first
            if 0 < column < last - first:
                newest = int(time[-1])
                if newest // width - first == column and newest < window.end:
                    return self._continued(values, column, start + len(time))
                return self._appended(time, values, window, column)
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
        (filled,) = wanted.nonzero()
        same = bounds[:-1][now] == self._bounds[:-1][then]
        wanted[now] &= ~(same & (bounds[1:][now] == self._bounds[1:][then]))
        for left, right in _pieces(wanted, bounds):
            piece = values[slice(bounds[left] - start, bounds[right] - start)]
            sums[:, left:right] = KERNELS.current().reduced(
                piece, bounds[left : right + 1] - bounds[left]
            )
        self._width, self._first = width, first
        self._start, self._end, self._window = start, start + len(time), window
        self._at, self._edges, self._bounds, self._sums = at, edges, bounds, sums
        return self._show(filled)

    def _show(self, filled: Ints) -> Reduced:
        """Return the columns of these numbers, and keep them for `_continued`."""
        rows, self._picked = self._bounds - self._start, self._sums.take(filled, axis=1)
        self._shown = Reduced(self._at[filled], rows[:-1][filled], rows[1:][filled], *self._picked)
        return self._shown

    def _continued(self, values: Values, column: int, end: int) -> Reduced:
        """Return the columns of the same window with newer rows, all of which are in this column.

        It is the last that has rows. The result is that of `of`, in a small part of its time.

        Parameters
        ----------
        values : Values
            Values by row.
        column : int
            The column.
        end : int
            Number of the row after the last.
        """
        shown = self._shown
        assert shown is not None  # `of` has asked whether the last call had this window
        if end == self._end:
            return shown
        rows = slice(int(self._bounds[column]) - self._start, end - self._start)
        newest = KERNELS.current().summary(values[rows])
        self._edges[column + 1 :] = self._bounds[column + 1 :] = self._end = end
        self._sums[:, column] = self._picked[:, -1] = newest
        shown.end[-1] = rows.stop
        return shown

    def _appended(self, time: Ints, values: Values, window: Window, column: int) -> Reduced:
        """Return the columns of the same window with newer rows, which begin in this column.

        The result is that of `of`, in a part of its time.
        """
        start, known = self._start, self._end - self._start
        at, bounds, behind = self._at, self._bounds, slice(column + 1, None)
        self._edges[behind] = self._end + time[known:].searchsorted(at[behind])
        bounds[behind] = self._edges[behind]
        bounds[-1] = start + time.searchsorted(window.end)
        (filled,) = (bounds[1:] > bounds[:-1]).nonzero()
        new = filled[filled.searchsorted(column) :]
        if len(new):
            rows = np.append(bounds[new], bounds[-1])
            piece = values[slice(rows[0] - start, rows[-1] - start)]
            self._sums[:, new] = KERNELS.current().reduced(piece, rows - rows[0])
        self._end = start + len(time)
        return self._show(filled)


def _pieces(wanted: NDArray[np.bool_], bounds: Ints) -> Iterator[tuple[int, int]]:
    """Yield runs of wanted columns (first, end), each with at most about `PIECE` rows."""
    (there,) = wanted.nonzero()
    if not len(there):
        return
    (last_of_run,) = (there[1:] != there[:-1] + 1).nonzero()
    runs = [0, *(last_of_run + 1).tolist(), len(there)]
    for begin, stop in itertools.pairwise(runs):
        first, end = int(there[begin]), int(there[stop - 1]) + 1
        while first < end:
            last = int(np.searchsorted(bounds, bounds[first] + PIECE, side="right")) - 1
            last = min(max(last, first + 1), end)
            yield first, last
            first = last
