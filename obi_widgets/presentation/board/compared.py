"""The same signal of several markets, by the receive clock, and how far apart they are.

Event clocks of two venues are not comparable, so each value stands where it arrived here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.presentation.charts.pixel_columns import Columns
from obi_widgets.presentation.charts.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

POINTS = 300
"""Columns of the chart."""

MOST = 6
"""Markets that one chart can tell apart."""


class Compared(NamedTuple):
    """Signals of several markets on one clock.

    Attributes
    ----------
    rows : tuple of int
        Rows of the board that are compared.
    lines : tuple of ndarray of float32, shape (POINTS,)
        Of each, the mean of the signal by column. A column without a state has the value before;
        NaN before the first state, without a book, and after the newest state of a market whose
        book may have changed since.
    apart : ndarray of float32, shape (POINTS,)
        The largest less the smallest of the lines; NaN with fewer than two.
    end : int
        Time of receipt at which the last column ends, nanoseconds UTC; 0 without a state.
    """

    rows: tuple[int, ...]
    lines: tuple[NDArray[np.float32], ...]
    apart: NDArray[np.float32]
    end: int


class Line(NamedTuple):
    """The signal of one market.

    Attributes
    ----------
    row : int
        Row of the board.
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        Their values.
    holds : bool
        Whether the newest value holds until now: a live book that does not change.
    """

    row: int
    history: History
    signal: Floats
    holds: bool


class ComparedMaker:
    """Makes the lines, with the columns that are kept between two frames."""

    def __init__(self) -> None:
        self._columns: dict[int, tuple[object, Columns]] = {}

    def make(
        self,
        markets: Sequence[Line],
        of: object,
        seconds: float,
    ) -> Compared:
        """Return the lines of markets.

        Parameters
        ----------
        markets : sequence of Line
            Signals of the markets.
        of : object
            What the signals were computed with; if it is another, no column is kept.
        seconds : float
            Length of the lines.
        """
        clocks = [np.maximum.accumulate(one.history.received) for one in markets]
        width = max(round(seconds * 1e9 / POINTS), 1)
        newest = max((int(one[-1]) for one in clocks if len(one)), default=0)
        end = (newest // width + 1) * width if newest else 0
        window = Window(end - POINTS * width, end, width)
        lines = []
        kept = self._columns
        self._columns = {}
        for one, clock in zip(markets, clocks, strict=True):
            before, columns = kept.get(one.row, (of, Columns()))
            if before != of:
                columns.forget()
            self._columns[one.row] = of, columns
            lines.append(_line(columns, clock, one, window))
        rows = tuple(one.row for one in markets)
        return Compared(rows, tuple(lines), divergence(lines), end)


def divergence(lines: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the largest less the smallest of lines, by column; NaN with fewer than two values."""
    if not lines:
        return np.full(POINTS, np.nan, np.float32)
    all_of_them = np.stack(lines)
    low, high = np.fmin.reduce(all_of_them), np.fmax.reduce(all_of_them)
    enough = np.isfinite(all_of_them).sum(axis=0) >= 2
    return np.where(enough, high - low, np.nan).astype(np.float32)


def _line(
    columns: Columns, clock: NDArray[np.int64], of: Line, window: Window
) -> NDArray[np.float32]:
    """Return a signal by column: its mean, and what it was last where nothing came."""
    line = np.full(POINTS, np.nan)
    if not len(clock) or clock[-1] < window.start:
        if len(clock) and of.holds:
            line[:] = of.signal[-1]
        return line.astype(np.float32)
    found = columns.of(clock, of.signal, window, window.column, of.history.start)
    column = (found.at - window.start) // window.column
    number = np.searchsorted(column, np.arange(POINTS), side="right") - 1
    known = number >= 0
    line[known] = found.closing[number[known]]
    inside = column >= 0
    line[column[inside]] = found.mean[inside]
    if not of.holds:
        line[(int(clock[-1]) - window.start) // window.column + 1 :] = np.nan
    return line.astype(np.float32)
