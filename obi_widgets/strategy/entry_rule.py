"""Where an entry may begin, state by state: a part of the exported strategy.

The section below is copied into the file, which has its own constants.
"""

from __future__ import annotations

import math

from obi_widgets.strategy.template import THRESHOLD

ENTRY_RULE, TRANSITION_NS = "crossing", 60_000_000_000

# -- where an entry may begin --------------------------------------------------------------


class EntryRule:
    """Where the signal comes beyond the threshold, or comes from beyond the other side.

    A book without a value makes what was before it unknown.
    """

    def __init__(self) -> None:
        self._before: int | None = None  # the side of the book before; None: unknown
        self._beyond, self._at = 0, 0  # the side on which it was beyond last, and when

    def update(self, time_ns: int, value: float) -> bool:
        """Take the newest value; return whether an entry may begin."""
        before = self._before
        if math.isnan(value):
            self._before, self._beyond = None, 0
            return False
        side = self._before = (value > THRESHOLD) - (value < -THRESHOLD)
        if not side:
            return False
        beyond, at = self._beyond, self._at
        self._beyond, self._at = side, time_ns
        if ENTRY_RULE == "crossing":
            return before is not None and before != side
        return beyond == -side and time_ns - at <= TRANSITION_NS
