"""Trailing quantiles for a threshold, state by state: a part of the exported strategy.

The section below is copied into the file, which has its own constants.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

QUANTILE_WINDOW_NS, LOOKBACK_NS = 600_000_000_000, 0

# -- quantiles -----------------------------------------------------------------------------


class TrailingQuantile:
    """Quantile of |signal| among its values of the window before: 0 the smallest, 1 the largest.

    It has the sign of the signal, and is NaN until the window and the signal's look-back are full.
    """

    def __init__(self) -> None:
        self._past: deque[tuple[int, float]] = deque()
        self._sorted: list[float] = []
        self._began: int | None = None

    def update(self, time_ns: int, value: float) -> float:
        """Add the newest value, and return its quantile."""
        self._began = time_ns if self._began is None else self._began
        while self._past and self._past[0][0] <= time_ns - QUANTILE_WINDOW_NS:
            del self._sorted[bisect_left(self._sorted, self._past.popleft()[1])]
        if math.isnan(value):
            return math.nan
        size, last = abs(value), len(self._sorted) - 1
        quantile = math.nan
        if last > 0 and time_ns - self._began >= QUANTILE_WINDOW_NS + LOOKBACK_NS:
            quantile = math.copysign(bisect_left(self._sorted, size) / last, value)
        self._past.append((time_ns, size))
        insort(self._sorted, size)
        return quantile
