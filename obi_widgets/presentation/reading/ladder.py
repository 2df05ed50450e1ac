"""The best levels of a book at one state, and what the signal uses of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.grid import as_fraction
from obi_widgets.history.levels import BLOCK
from obi_widgets.kernels.loader import Kernels
from obi_widgets.presentation.reading import ladder_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.presentation.reading.ladder_numba", ladder_numpy)

LADDER = 20
"""Levels a side that a ladder shows."""


@dataclass(frozen=True)
class Ladder:
    """The best levels at one state; each array is of shape (2, n), bids first, best first.

    ``price``, in quote currency, and ``size``, in base units, are NaN if there is no level.
    ``weight`` is the factor of a size in the signal, 0 to 1; 0 for a level that it does not use.
    ``weighs`` tells whether the signal has factors other than 0 and 1.
    """

    price: Floats
    size: Floats
    weight: Floats
    weighs: bool

    @classmethod
    def of(cls, history: History, parameters: Parameters, row: int | None = None) -> Ladder:
        """Return the levels of a state: of the newest one if ``row`` is None, none for −1."""
        weighs = parameters.signal.insight.weighs
        shape, code = (2, min(LADDER, history.levels)), KERNELS.current()
        row = len(history) - 1 if row is None else row
        if row < 0 or np.isnan(history.bid[row] + history.ask[row]):
            nothing = np.full(shape, np.nan)
            return cls(nothing, nothing, np.zeros(shape), weighs)
        place = row + history.offset
        price, size, weight = code.levels(
            *history.blocks[place // BLOCK], place % BLOCK,
            (
                float(history.bid[row]), float(history.ask[row]), history.tick_size,
                *as_fraction(history.tick_size),
            ),
            _weighings(parameters), shape[1],
        )  # fmt: skip
        return cls(price, size, weight, weighs)

    def bars(self, rows: int, largest: float, full: int) -> NDArray[np.int64]:
        """Return the lengths of the bars of so many levels a side; see `ladder_numpy.bars`."""
        size, weight = self.size[:, :rows], self.weight[:, :rows]
        lengths: NDArray[np.int64] = KERNELS.current().bars(size, weight, largest, full)
        return lengths


@lru_cache(16)
def _weighings(parameters: Parameters) -> Floats:
    """Return how the signal weighs levels, see `ladder_numpy.levels`."""
    found = parameters.signal.insight.weighings(dict(parameters.values))
    return np.array(found, float)  # None becomes NaN
