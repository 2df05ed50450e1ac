"""The small line of a market on a board: mid, where the signal was beyond, and a scale for all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.presentation.charts.pixel_columns import Columns, Mid
from obi_widgets.presentation.charts.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

POINTS = 120
"""Columns of a line."""

UP, DOWN = 1, 2
"""Bits of a column in which the signal was above the threshold, or below its negative."""

FITTING = 0.75
"""At least this share of the lines fits the common scale. Others are drawn smaller, and say so."""

ROOM = 1.1
"""Height of the scale at least, in multiples of the lines that fit."""

SHRINK = 0.4
"""The scale becomes smaller when the lines need less than this share of it."""


class Sparkline(NamedTuple):
    """A line of `POINTS` columns; the last is that of the newest state.

    Attributes
    ----------
    mid : ndarray of float32, shape (POINTS,)
        The last mid of each column, as a logarithm in bps, from a fixed mid of the market. A column
        without a state has the value before. NaN before the first state, and without a book.
    beyond : ndarray of uint8, shape (POINTS,)
        Bits `UP` and `DOWN`: the signal was beyond the threshold in this column.
    width : float
        Length of a column, seconds.
    end : int
        Event time at which the last column ends, nanoseconds UTC; 0 without a state.
    change : float
        Newest mid against the first mid of the line, bps; NaN without a book.
    """

    mid: NDArray[np.float32]
    beyond: NDArray[np.uint8]
    width: float
    end: int
    change: float

    @classmethod
    def empty(cls, seconds: float) -> Sparkline:
        """Return a line without a state."""
        nothing = np.full(POINTS, np.nan, np.float32)
        return cls(nothing, np.zeros(POINTS, np.uint8), seconds / POINTS, 0, np.nan)

    @property
    def extent(self) -> float:
        """Highest less lowest mid of the line, bps; NaN without one."""
        known = self.mid[np.isfinite(self.mid)]
        return float(known.max() - known.min()) if len(known) else np.nan


class Sparklines:
    """Makes the line of one market, with the columns that are kept between two frames."""

    def __init__(self) -> None:
        self._mid, self._beyond = Columns(), Columns()
        self._anchor = np.nan
        self._of: object = None

    def make(self, history: History, sides: Floats, of: object, seconds: float) -> Sparkline:
        """Return the line of a history.

        Parameters
        ----------
        history : History
            T states.
        sides : ndarray of float64, shape (T,)
            As `Crossings.sides`. The side of a state may not change.
        of : object
            What the sides were computed with; if it is another, no column of them is kept.
        seconds : float
            Length of the line.
        """
        if not len(history):
            return Sparkline.empty(seconds)
        if of != self._of:
            self._beyond.forget()
            self._of = of
        width = max(round(seconds * 1e9 / POINTS), 1)
        end = (int(history.time[-1]) // width + 1) * width
        window = Window(end - POINTS * width, end, width)
        mid = self._mid.of(history.time, Mid(history), window, width, history.start)
        if math.isnan(self._anchor):
            finite = mid.closing[np.isfinite(mid.closing)]
            self._anchor = float(finite[0]) if len(finite) else np.nan
        line = _held(mid.at, mid.closing, window)
        (known,) = np.isfinite(line).nonzero()
        change = 1e4 * (line[-1] / line[known[0]] - 1) if len(known) else np.nan
        found = self._beyond.of(history.time, sides, window, width, history.start)
        last = _held(found.at, found.closing, window)
        inside = found.at >= window.start
        rows = (found.at[inside] - window.start) // width
        bits = UP * (last > 0) + DOWN * (last < 0)
        bits[rows] = UP * (found.high[inside] > 0) + DOWN * (found.low[inside] < 0)
        return Sparkline(
            (1e4 * np.log(line / self._anchor)).astype(np.float32),
            bits.astype(np.uint8),
            width / 1e9,
            end,
            float(change),
        )


def _held(at: NDArray[np.int64], values: Floats, window: Window) -> Floats:
    """Return the values by column of a window; each is held until the next column that has one."""
    column = (at - window.start) // window.column
    number = np.searchsorted(column, np.arange(POINTS), side="right") - 1
    return np.where(number >= 0, values[number], np.nan)


@dataclass
class SparkScale:
    """One scale for all lines, so that they compare; it changes seldom.

    Attributes
    ----------
    height : float
        What the height of a line stands for, bps; 0 before the first data.
    """

    height: float = 0.0

    def follow(self, extents: Sequence[float]) -> list[int]:
        """Set the height for lines of these extents, bps, and return the factor of each.

        Returns
        -------
        list of int
            1 for a line that has the scale; for a larger one how many times the scale's height its
            own is.
        """
        known = sorted(one for one in extents if math.isfinite(one))
        if known:
            need = max(ROOM * known[math.ceil(FITTING * len(known)) - 1], 1.0)
            if not SHRINK * self.height < need <= self.height:
                self.height = nice_above(need)
        return [round(nice_above(one / self.height)) if one > self.height else 1 for one in extents]


def nice_above(value: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, … that is not below a value above 0."""
    step = 10.0 ** math.floor(math.log10(value))
    return next(n * step for n in (1, 2, 5, 10) if n * step >= value * (1 - 1e-12))
