"""The depth heatmap: what rested at each price, as a picture with a byte for each cell.

A cell is a column of time and a row of prices. Its value is the mean size that rested in the row,
over looks at the book at equal steps of the column; see `heatmap_cells`. A row that is not covered
wholly by what is known is unknown, and not empty.

Rows are anchored to absolute prices, and columns to absolute times, so that a new state changes
the newest column alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.presentation.charts.window import PIXELS, Window
from obi_widgets.presentation.layers.heatmap_cells import (
    KERNELS,
    CellMaker,
    Cells,
    Rows,
    looks_before,
)
from obi_widgets.presentation.layers.heatmap_numpy import ASK, BID, LARGEST, OCTAVE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]

BELOW = 9
"""Octaves from the smallest size that has a code of its own to the `HIGH` quantile of all sizes."""

LOW, HIGH = 0.55, 0.995
"""Quantiles of the sizes in view, between which the colours run."""

STEADY = 1.3
"""The limits of the colours stay until they are so many times too large or too small."""

LIMITS = (1, 1.5, 2, 3, 4, 5, 6, 8)
"""Round limits of the colours, times a power of ten."""


@dataclass(frozen=True)
class Heat:
    """A picture of what rested at each price.

    Attributes
    ----------
    codes : ndarray of uint8, shape (columns, rows)
        Oldest column and lowest row first. 0: not known. 1 to 127: a row with more bids than asks,
        129 to 255: one with more asks. The lowest of these says that nothing is there; ``n`` more
        say ``smallest * 2 ** (n / OCTAVE)`` base units at most.
    middle : ndarray of float32, shape (columns,)
        Mean of mid in each column, in rows from the lowest; NaN where it is not known.
    start, column : int
        Begin of the first column, and the width of each, ns.
    low, step : float
        Lowest price, and the height of a row, quote currency.
    smallest : float
        Size of the first code above empty, base units.
    limits : tuple of float
        Sizes at which the colours begin and end, base units for a row; 0 where nothing is known.
    """

    codes: Bytes
    middle: Singles
    start: int
    column: int
    low: float
    step: float
    smallest: float
    limits: tuple[float, float]


class Heatmap:
    """Makes pictures of a growing history, and computes only the columns that have changed."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all columns. Call it when the history is another one."""
        self._rows: Rows | None = None
        self._of: tuple[int, float] = (0, 0.0)  # width of a column, size of a tick
        self._first = 0  # number of the first column, counted from 1970
        self._codes: Bytes = np.empty((0, 0), np.uint8)
        self._middle: Singles = np.empty(0, np.float32)
        self._newest = self._oldest = 0  # times of the last and the first state
        self._seen: tuple[object, ...] = ()  # what the newest picture depends on
        self._smallest = 0.0
        self._limits = (0.0, 0.0)
        self._judged = -1
        self._heat: Heat | None = None
        self._maker = CellMaker()

    def of(self, history: History, window: Window, price_range: tuple[float, float]) -> Heat | None:
        """Return the picture of a window and a price range; None if there is nothing to show.

        Parameters
        ----------
        history : History
            What is known. Later calls are of later states of the same history, or follow `forget`.
        window : Window
            Part of time that is shown.
        price_range : tuple of float
            Lowest and highest price that is shown.
        """
        low, high = price_range
        if not len(history) or not low < high or not history.tick_size:
            return None
        newest, oldest = int(history.time[-1]), int(history.time[0])
        of, first = (window.column, history.tick_size), window.start // window.column
        if newest < self._newest or oldest < self._oldest or of != self._of:
            self.forget()
        if self._rows is None or not self._rows.cover(low, high, history.tick_size):
            self.forget()
            self._rows = Rows.of(low, high, history.tick_size)
        seen = looks_before(newest, window.column), oldest, first
        if self._heat is not None and seen == self._seen:
            return self._heat
        self._seen = seen
        known = self._shift(first)
        # Columns that the last call did not know to their end, or that have lost their begin.
        done = min(max(self._newest // window.column - first, known.start), known.stop)
        begin = known.start
        if oldest != self._oldest:
            begin = min(max(oldest // window.column - first + 1, known.start), known.stop)
        if begin >= done:
            begin = done = 0
        self._of, self._first = of, first
        self._newest, self._oldest = newest, oldest
        for start, end in ((0, begin), (done, PIXELS)):
            if start < end:
                cells = self._maker.cells(history, window, self._rows, start, end)
                self._smallest = self._smallest or smallest_of(cells)
                self._codes[start:end] = KERNELS.code.encoded(*cells[:3], self._smallest)
                self._middle[start:end] = cells.middle
        self._judge(newest)
        step = self._rows.height * history.tick_size
        self._heat = Heat(
            self._codes, self._middle, window.start, window.column, self._rows.low * step, step,
            self._smallest, self._limits,
        )  # fmt: skip
        return self._heat

    def _shift(self, first: int) -> slice:
        """Move the columns so that the first is the one of this number; return those still known.

        What was handed out stays as it is.
        """
        assert self._rows is not None
        move = first - self._first
        if move == 0 and len(self._codes) == PIXELS:
            self._codes, self._middle = self._codes.copy(), self._middle.copy()
            return slice(0, PIXELS)
        codes = np.zeros((PIXELS, self._rows.number), np.uint8)
        middle = np.full(PIXELS, np.nan, np.float32)
        start, end = max(-move, 0), min(len(self._codes) - move, PIXELS)
        if start >= end:
            self._codes, self._middle = codes, middle
            return slice(0, 0)
        codes[start:end] = self._codes[start + move : end + move]
        middle[start:end] = self._middle[start + move : end + move]
        self._codes, self._middle = codes, middle
        return slice(start, end)

    def _judge(self, newest: int) -> None:
        """Set the limits of the colours, at most once a second: they must not flicker."""
        second = newest // 1_000_000_000
        if second == self._judged:
            return
        self._judged = second
        counts = np.bincount(self._codes.ravel(), minlength=256)
        steps = (counts[BID + 1 : BID + 1 + LARGEST] + counts[ASK + 1 :]).cumsum()
        if not steps[-1]:
            return
        at = np.searchsorted(steps, [LOW * steps[-1], HIGH * steps[-1]]) + 1
        lower, upper = self._smallest * 2.0 ** (at / OCTAVE)
        upper = max(upper, 2 * lower)
        self._limits = (steady(self._limits[0], lower), steady(self._limits[1], upper))


def steady(shown: float, wanted: float) -> float:
    """Return a round limit near the one that is wanted; the one that is shown if near enough."""
    if shown and 1 / STEADY < wanted / shown < STEADY:
        return shown
    power = 10.0 ** math.floor(math.log10(wanted))
    nearest = min((*LIMITS, 10), key=lambda one: abs(math.log(wanted / (one * power))))
    return float(f"{nearest * power:.3g}")


def smallest_of(cells: Cells) -> float:
    """Return the smallest size that gets a code of its own; 0 if nothing rests anywhere."""
    sizes = cells.means[cells.known & (cells.means > 0)]
    if not len(sizes):
        return 0.0
    return float(2.0 ** (math.floor(math.log2(float(np.quantile(sizes, HIGH)))) - BELOW))
