"""Trailing quantiles for a threshold, state by state: a part of the exported strategy.

The section below is copied into the file, which has its own constants. It needs `place`.
"""

from __future__ import annotations

import math

from obi_widgets.strategy.place import Place

QUANTILE_WINDOW_NS, LOOKBACK_NS = 600_000_000_000, 0

# -- quantiles -----------------------------------------------------------------------------


class TrailingQuantile:
    """Quantile of |signal| among its values of the window before: 0 the smallest, 1 the largest.

    It has the sign of the signal, and is NaN until the window and the signal's look-back are full.
    """

    def __init__(self) -> None:
        self._place = Place(QUANTILE_WINDOW_NS)
        self._began: int | None = None

    def update(self, time_ns: int, value: float) -> float:
        """Add the newest value, and return its quantile."""
        self._began = time_ns if self._began is None else self._began
        place = self._place.of(time_ns, abs(value))
        if time_ns - self._began < QUANTILE_WINDOW_NS + LOOKBACK_NS:
            return math.nan
        return math.copysign(place, value)
