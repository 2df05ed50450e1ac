"""Thresholds by quantile, state by state: a part of the exported strategy, see `strategy`.

What stands below the line goes into the file; the constants are the file's own.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

QUANTILE_WINDOW_NS, LOOKBACK_NS = 600_000_000_000, 0

# -- quantiles -----------------------------------------------------------------------------


class Places:
    """Where |signal| lies among its values of the window before: 0 the least, 1 the greatest.

    With the sign of the signal; NaN until books came for as long as the window and the signal's own
    look-back.
    """

    def __init__(self) -> None:
        self._past: deque[tuple[int, float]] = deque()
        self._sorted: list[float] = []
        self._began: int | None = None

    def of(self, time_ns: int, value: float) -> float:
        """Take the newest value, and return its place."""
        self._began = time_ns if self._began is None else self._began
        while self._past and self._past[0][0] <= time_ns - QUANTILE_WINDOW_NS:
            del self._sorted[bisect_left(self._sorted, self._past.popleft()[1])]
        if math.isnan(value):
            return math.nan
        size, others = abs(value), len(self._sorted) - 1
        place = math.nan
        if others > 0 and time_ns - self._began >= QUANTILE_WINDOW_NS + LOOKBACK_NS:
            place = math.copysign(bisect_left(self._sorted, size) / others, value)
        self._past.append((time_ns, size))
        insort(self._sorted, size)
        return place
