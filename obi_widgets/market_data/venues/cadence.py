"""How long a book may be silent before its connection counts as dead."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Literal

from obi_widgets.market_data.venues.replies import SECOND

PATIENCE = 5 * SECOND
"""Shortest silence that may mean a dead connection, ns, however often frames come."""

INTERVALS = 18
"""Longest silence, in median intervals between frames of the book. Twenty are allowed; the measured
median is a little uncertain."""

KEPT = 100
"""Number of intervals that the median and the longest are taken of."""

ANSWER = 5 * SECOND
"""Time within which a live connection answers a ping, ns."""

FEW = 10
"""Fewest intervals whose median is used: of fewer, one lost frame may double it, so the shortest
patience applies. Up to this many, the median is updated at each frame."""

LEARN_EVERY = SECOND
"""Time between two updates of the median, ns, when there are more intervals."""

QUIET = 5
"""How many times its longest recent interval a book is silent before it counts as quiet."""


class Cadence:
    """Detects a websocket that is silent for longer than usual.

    A market may be quiet. So the connection is pinged after half of the longest usual silence, and
    counts as dead only if it does not answer soon.

    Parameters
    ----------
    longest : int
        Silence after which the connection is dead in any case, ns.

    Attributes
    ----------
    probes : bool
        Whether the connection can be pinged. That of a recording cannot: it is dead only after
        ``longest``.
    heard_at : int
        Steady time of the last sign of life, ns.
    frame_at : int
        Steady time of the last frame of the book, ns.
    patience : int
        Longest silence that is usual now, ns.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.probes = True
        self.heard_at = self.frame_at = 0
        self.patience = longest
        self._probed_at = 0  # time of the ping since the last sign of life; 0 if none
        self._frames: deque[int] = deque(maxlen=KEPT + 1)  # receive times on this connection
        self._before: list[int] = []  # intervals on earlier connections
        self._learn_at = 0

    def opened(self, now: int) -> None:
        """Start with a new connection; keep the intervals of earlier ones."""
        self.heard_at = self.frame_at = now
        self._probed_at = 0
        self._before = self._intervals()
        self._frames.clear()

    def heard(self, now: int) -> None:
        """Store a sign of life."""
        self.heard_at = now
        self._probed_at = 0

    def frame(self, now: int) -> None:
        """Store a frame of the book."""
        self.heard_at = self.frame_at = now
        self._probed_at = 0
        self._frames.append(now)

    def _intervals(self) -> list[int]:
        intervals = [later - earlier for earlier, later in pairwise(self._frames)]
        return [*self._before, *intervals][-KEPT:]

    def _learn(self) -> None:
        intervals = sorted(self._intervals())
        self._learn_at = self.frame_at + (LEARN_EVERY if len(intervals) > FEW else 1)
        if not intervals:
            return
        median = intervals[len(intervals) // 2] if len(intervals) >= FEW else 0
        self.patience = min(self.longest, max(PATIENCE, INTERVALS * median))

    def quiet(self, least: int, most: int) -> int:
        """Return the silence of the book that is unusual, ns, between two bounds.

        It is the longest one as long as few frames have come: a market may be rare.
        """
        intervals = self._intervals()
        if len(intervals) < KEPT:
            return most
        return min(most, max(least, QUIET * max(intervals)))

    def due(self) -> int:
        """Return the steady time from which `look` returns something."""
        dead = self.heard_at + self.longest
        if self.probes:
            if self.frame_at >= self._learn_at:
                self._learn()
            half = self.patience // 2
            probed = self._probed_at
            dead = min(dead, probed + min(half, ANSWER) if probed else self.heard_at + half)
        return dead + 1

    @property
    def silent_at(self) -> int:
        """The steady time from which the silence is longer than usual, ns, pinged or not."""
        longest = self.longest
        if self.probes:
            half = self.patience // 2
            longest = min(longest, half + min(half, ANSWER))
        return self.heard_at + longest

    def look(self, now: int) -> Literal["probe", "dead"] | None:
        """Return what to do about a silence: ``"probe"`` is to ping, ``"dead"`` to reconnect."""
        if now < self.due():
            return None
        if self._probed_at or now - self.heard_at > self.longest:
            return "dead"
        self._probed_at = now
        return "probe"
