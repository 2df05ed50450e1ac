"""How long a book may be silent, by the venue's own cadence."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Literal

from obi_widgets.market_data.venues.replies import SECOND

PATIENCE = 5 * SECOND
"""Nanoseconds of silence that are no reason for doubt, however often frames come."""

INTERVALS = 18
"""Median intervals between frames of the book that a silence may last. Twenty are allowed; the
median that was measured is not quite the true one."""

KEPT = 100
"""Intervals that the median is of."""

ANSWER = 5 * SECOND
"""Nanoseconds within which a connection that is asked for a sign of life gives one."""

FEW = 10
"""Intervals below which their median is not the cadence, since one lost frame may double it: as
little silence is then possible as if frames came often. Up to as many, it is found anew with each
frame."""

LEARN_EVERY = SECOND
"""Nanoseconds after which it is found anew when there are more."""


class Cadence:
    """Notices that a websocket is silent for longer than it uses to be.

    A market may be quiet. So the connection is asked for a sign of life at half of the time, and
    only one that does not answer soon is dead.

    Parameters
    ----------
    most : int
        Nanoseconds of silence after which it is dead in any case.

    Attributes
    ----------
    probes : bool
        Whether it can be asked. A recording cannot: silence in it proves nothing before `most`.
    heard_at : int
        When it gave a sign of life, ns of steady time.
    frame_at : int
        When a frame of the book came.
    patience : int
        Nanoseconds of silence that are possible now.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.probes = True
        self.heard_at = self.frame_at = 0
        self.patience = most
        self._probed_at = 0  # 0: not since it was heard
        self._frames: deque[int] = deque(maxlen=KEPT + 1)  # when they came, on this connection
        self._before: list[int] = []  # intervals on those before it
        self._learn_at = 0

    def opened(self, now: int) -> None:
        """Take note that it is connected; how often frames came before is still known."""
        self.heard_at = self.frame_at = now
        self._probed_at = 0
        self._before = self._intervals()
        self._frames.clear()

    def heard(self, now: int) -> None:
        """Take note of a sign of life."""
        self.heard_at = now
        self._probed_at = 0

    def frame(self, now: int) -> None:
        """Take note of a frame of the book."""
        self.heard_at = self.frame_at = now
        self._probed_at = 0
        self._frames.append(now)

    def _intervals(self) -> list[int]:
        here = [later - earlier for earlier, later in pairwise(self._frames)]
        return [*self._before, *here][-KEPT:]

    def _learn(self) -> None:
        intervals = sorted(self._intervals())
        self._learn_at = self.frame_at + (LEARN_EVERY if len(intervals) > FEW else 1)
        if not intervals:
            return
        median = intervals[len(intervals) // 2] if len(intervals) >= FEW else 0
        self.patience = min(self.most, max(PATIENCE, INTERVALS * median))

    def due(self) -> int:
        """Return the steady time from which `look` finds something."""
        dead = self.heard_at + self.most
        if self.probes:
            if self.frame_at >= self._learn_at:
                self._learn()
            half = self.patience // 2
            asked = self._probed_at
            dead = min(dead, asked + min(half, ANSWER) if asked else self.heard_at + half)
        return dead + 1

    def look(self, now: int) -> Literal["probe", "dead"] | None:
        """Return what a silence calls for."""
        if now < self.due():
            return None
        if self._probed_at or now - self.heard_at > self.most:
            return "dead"
        self._probed_at = now
        return "probe"
