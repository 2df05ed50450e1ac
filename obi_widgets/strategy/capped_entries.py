"""At most so many entries within an hour: a part of the exported strategy.

The section below is copied into the file, which has its own constants.
"""

from __future__ import annotations

from collections import deque

MOST_PER_HOUR = 6

# -- at most so many entries within an hour ------------------------------------------------

HOUR_NS = 3_600_000_000_000


class HourlyCap:
    """The times of the newest entries. They are kept when books were missed."""

    def __init__(self) -> None:
        self._times: deque[int] = deque(maxlen=MOST_PER_HOUR)

    def add(self, time_ns: int) -> None:
        """Count an entry."""
        self._times.append(time_ns)

    def has_room(self, time_ns: int) -> bool:
        """Return whether fewer than MOST_PER_HOUR were made within the hour before."""
        return len(self._times) < MOST_PER_HOUR or time_ns - self._times[0] >= HOUR_NS
