"""The range of a chart's vertical axis, which contains the data and changes seldom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.presentation.charts.pixel_columns import KERNELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


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
        """Return the range for these values; those that are not finite are left out."""
        low, high = KERNELS.current().extremes(values)
        if low <= high:
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
