"""Until when a market may be called live, by the clock of who asks.

A feed looks at its market many times a second, and then notices that nothing comes. A look comes
late when the process is busy. So each look says until when its finding holds, and whoever reads the
state after that is told that it is stale, although no look has noticed it yet.
"""

from __future__ import annotations

from typing import NamedTuple

from obi_widgets.feeds import elapsed
from obi_widgets.market_data.venues.replies import FOREVER, SECOND

OVERLOOKED = 3 * SECOND
"""Time since the newest look, ns, after which it says nothing of the present. What has come since
is not read yet, so the book may be as old as that."""

UNREAD = SECOND
"""Time since the newest look, ns, from which a promise has ended for want of a look."""


class Promise(NamedTuple):
    """What a look at a market says of the time after it. Times are those of `elapsed`, ns.

    Attributes
    ----------
    looked : int
        When the look was.
    until : int
        When it ends.
    steady : int
        The market's steady time at the look, ns; see `obi_widgets.feeds.clocks`.
    """

    looked: int = 0
    until: int = FOREVER
    steady: int = 0

    @classmethod
    def given(cls, left: int, steady: int) -> Promise:
        """Return the promise of a look now, for so many ns; of 0 or less, it is over already."""
        now = elapsed.monotonic_ns()
        return cls(now, now + left, steady)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return elapsed.monotonic_ns() > self.until

    @property
    def ended_at(self) -> int:
        """Steady time of its end, ns."""
        return self.steady + self.until - self.looked

    def reason(self, label: str) -> str:
        """Return why nothing is promised any more, after its end."""
        unread = elapsed.monotonic_ns() - self.looked
        if unread < UNREAD:
            return f"Nothing was received from {label} for longer than usual."
        seconds = unread // SECOND
        why = "since this process is busy or the computer slept"
        return f"What {label} sends was not read for {seconds} s, {why}."


ALWAYS = Promise()
"""That of a market that nobody looks at by the clock, such as that of a recording."""
