"""Where a value stands among those before it, state by state: a part of the exported strategy.

The section below is copied into the file.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

# -- places --------------------------------------------------------------------------------


class Place:
    """Place of a value among those of the window before it: 0 the smallest, 1 the largest.

    It is NaN without a value, or with fewer than two in the window.
    """

    def __init__(self, window_ns: int) -> None:
        self._window = window_ns
        self._past: deque[tuple[int, float]] = deque()
        self._sorted: list[float] = []

    def of(self, time_ns: int, value: float) -> float:
        """Return the place of the newest value, and keep the value."""
        while self._past and self._past[0][0] <= time_ns - self._window:
            del self._sorted[bisect_left(self._sorted, self._past.popleft()[1])]
        if math.isnan(value):
            return math.nan
        last = len(self._sorted) - 1
        place = bisect_left(self._sorted, value) / last if last > 0 else math.nan
        self._past.append((time_ns, value))
        insort(self._sorted, value)
        return place
