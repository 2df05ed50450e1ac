"""What ends a position before its hold is over: a part of the exported strategy.

The section below is copied into the file, which has its own constants.
"""

from __future__ import annotations

import math
from collections import deque

from obi_widgets.strategy.template import THRESHOLD, Levels, quote

EXIT_FADE: float | None = None
EXIT_FLIP = False
EXIT_DECELERATION: float | None = None
DECELERATION_NS = 5_000_000_000
STOP = TARGET = math.inf

# -- exits before the hold is over ---------------------------------------------------------


class EarlyExits:
    """By the signal: it fades, flips or falls. By the price at which one could leave."""

    def __init__(self) -> None:
        self._now = self._before = math.nan  # the signal, and what it was DECELERATION_NS ago
        self.stop = STOP
        self.fresh = False  # whether the position was entered at the newest book
        self._past: deque[tuple[int, float]] = deque()

    def update(self, time_ns: int, value: float) -> None:
        """Take the newest value."""
        self._now, self.fresh = value, False
        self._past.append((time_ns, value))
        while self._past[0][0] <= time_ns - DECELERATION_NS:
            self._before = self._past.popleft()[1]

    def by_signal(self, side: int) -> bool:
        """Return whether the signal ends a position of a side; NaN does not."""
        now = side * self._now
        fall = side * self._before - now
        if EXIT_DECELERATION is not None and fall > EXIT_DECELERATION * THRESHOLD:
            return True
        if EXIT_FADE is not None and now < EXIT_FADE * THRESHOLD:
            return True
        return EXIT_FLIP and now < -THRESHOLD

    def end(
        self,
        side: int,
        paid: float,
        size: float | None,
        bids: Levels,
        asks: Levels,
    ) -> bool:
        """Return whether a position that was entered at a price is left at this book."""
        if self.fresh:
            return False
        price, _ = quote(-side, bids, asks, size)
        stopped = side * price <= side * (paid * (1 - side * self.stop))
        reached = side * price >= side * (paid * (1 + side * TARGET))
        return stopped or reached or self.by_signal(side)
