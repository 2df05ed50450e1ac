"""What rests at each price at one moment: bars at the right edge of the price chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.depth import COLUMNS, ROW
from obi_widgets.history.levels import BLOCK
from obi_widgets.kernels.loader import Kernels
from obi_widgets.presentation.charts.window import Window
from obi_widgets.presentation.layers.heatmap_cells import CellMaker, Rows
from obi_widgets.presentation.layers.standing import Standing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

KERNELS = Kernels("obi_widgets.presentation.layers.depth_strip_numba")
"""Until they are compiled, the strip is made as a column of the heatmap is."""

NO_SAMPLE = np.zeros((COLUMNS, 1), np.int64)

FULL = 127
"""Length of the bar of the largest size."""

FADE = 0.97
"""Factor of the largest size from state to state, so that bars do not jump when an order ends."""


@dataclass(frozen=True, eq=False)
class DepthStrip:
    """The book at one state, added up by rows of prices.

    Attributes
    ----------
    bars : ndarray of int8, shape (rows,)
        Lowest row first: the square root of what rests there as a share of the largest size, from
        1 to `FULL`; below 0 for asks. 0 where nothing rests, or where the book is not known.
    low, step : float
        Lowest price, and the height of a row, quote currency.
    """

    bars: NDArray[np.int8]
    low: float
    step: float


class DepthStrips:
    """Makes the strips of a growing history, and keeps the newest one."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget the scale of the bars. Call it when the history is another one."""
        KERNELS.start()
        self._maker, self._standing = CellMaker(), Standing()
        self._largest = 0.0
        self._of: object = None
        self._newest: DepthStrip | None = None

    def now(self, history: History, price_range: tuple[float, float]) -> DepthStrip | None:
        """Return the strip of the newest state; None without a book."""
        rows = Rows.of(*price_range, history.tick_size)
        of = history.start + len(history), rows
        if of != self._of:
            self._of = of
            self._newest = self._strip(history, len(history) - 1, rows, follow=True)
        return self._newest

    def then(
        self, history: History, row: int, price_range: tuple[float, float]
    ) -> DepthStrip | None:
        """Return the strip of a state of the past, on the scale of now; None without a book."""
        rows = Rows.of(*price_range, history.tick_size)
        return self._strip(history, row, rows, follow=False)

    def _strip(self, history: History, row: int, rows: Rows, *, follow: bool) -> DepthStrip | None:
        """Return the strip of a state; ``follow`` lets the scale follow its largest size."""
        if row < 0 or np.isnan(history.bid[row] + history.ask[row]):
            return None
        least = FADE * self._largest if follow else self._largest
        make = self._summed if KERNELS.code is None else self._compiled
        bars, largest = make(history, row, rows, least, follow=follow)
        if follow:
            self._largest = largest
        step = rows.height * history.tick_size
        return DepthStrip(bars, rows.low * step, step)

    def _compiled(
        self, history: History, row: int, rows: Rows, least: float, *, follow: bool
    ) -> tuple[NDArray[np.int8], float]:
        """Return the bars, and the size of the longest."""
        depth, number, place = history.depth, history.start + row, row + history.offset
        block, reach = history.blocks[place // BLOCK], history.reach
        width, sample = round(depth.step / history.tick_size), NO_SAMPLE
        if (at := int(depth.samples[ROW].searchsorted(number, "right"))) > 0:
            sample = np.ascontiguousarray(depth.samples[:, at - 1 : at])
        found: tuple[NDArray[np.int8], float] = KERNELS.code.bars(
            *block, place % BLOCK,
            (
                float(history.bid[row]), float(history.ask[row]), history.tick_size,
                float(reach[0, row]), float(reach[1, row]),
            ),
            (rows.height, rows.low, rows.number, width), sample, depth.sizes, depth.start,
            self._standing.large(history.large_levels, number, history.tick_size), number,
            (least, not follow), FULL,
        )  # fmt: skip
        return found

    def _summed(
        self, history: History, row: int, rows: Rows, least: float, *, follow: bool
    ) -> tuple[NDArray[np.int8], float]:
        """Return what `_compiled` does, in NumPy: from a column that has this state alone."""
        until = history[: row + 1]  # with the sample of depth before the state
        at = int(until.time[-1])
        cells = self._maker.cells(until, Window(at, at + 1, 1), rows, 0, 1)
        sizes = np.where(cells.known[0], cells.means[0], 0.0)
        largest = max(float(sizes.max()), least) if follow else least
        share = np.minimum(np.sqrt(sizes / (largest or 1.0)), 1.0)
        bars = np.where(cells.asks[0], -1, 1) * np.ceil(FULL * share)
        return bars.astype(np.int8), largest
