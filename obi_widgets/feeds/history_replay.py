"""A saved history played again: its states come one after the other, as they were received."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.checks import UNSET, Unset, number
from obi_widgets.feeds.base import TICK
from obi_widgets.feeds.health.of_history import health_of_history
from obi_widgets.feeds.history_feed import FinishedMarket, HistoryFeed
from obi_widgets.feeds.replay import MAX_SPEED

if TYPE_CHECKING:
    from pathlib import Path

    from obi_widgets.feeds.base import Feed
    from obi_widgets.feeds.health.health import Health
    from obi_widgets.history.columns import History


class ReplayedMarket(FinishedMarket):
    """The market of a history of which a part was played.

    Parameters
    ----------
    history : History
        All its states.

    Attributes
    ----------
    received : ndarray of int64, shape (n,)
        When each state was received, ns UTC; it never goes back.
    """

    def __init__(self, history: History) -> None:
        super().__init__(history)
        self.received = np.maximum.accumulate(history.received)
        self.state, self.detail = "connecting", ""
        self._shown = 0

    def history(self) -> History:
        """Return the states that were played."""
        return self._history[: self._shown]

    def play(self, now: int) -> int:
        """Show what was received until a time, ns UTC; return how many states are left."""
        shown = int(np.searchsorted(self.received, now, side="right"))
        if self.state != "closed" and shown > self._shown:
            self._shown, self.changed_at = shown, int(self.received[shown - 1])
            self.has_book = not self._history[shown - 1 : shown].lost[0]
            self.state = "live" if self.has_book else "gap"
        return len(self._history) - self._shown

    def age(self, now: int) -> float:
        """Return the seconds since the newest state; NaN before the first."""
        return max(now - self.changed_at, 0) / 1e9 if self.changed_at else float("nan")

    def health(self, now: int) -> Health:  # noqa: ARG002
        """Return the health of the feed that the states came from, as far as they tell it."""
        return health_of_history(self.history(), self.instrument, self.detail)

    def end(self, detail: str, advice: str) -> None:
        """Close the market; what was played stays."""
        if self.state != "closed":
            self.state, self.detail, self.advice = "closed", detail, advice
            self.has_book = False


class HistoryReplay(HistoryFeed):
    """Plays a history again.

    Parameters
    ----------
    history : History
        The history.
    paths : tuple of Path
        The files that it was loaded from by the session; none if it was given.
    speed : float
        Multiple of real time, above 0 and up to `MAX_SPEED`.

    Raises
    ------
    SettingsError
        If the speed is out of its range.
    """

    kind = "recording"
    market: ReplayedMarket

    def __init__(
        self, history: History, paths: tuple[Path, ...] = (), speed: float | Unset = UNSET
    ) -> None:
        super().__init__(history, paths)
        self.market = ReplayedMarket(history)
        self.span = None
        given = 1.0 if isinstance(speed, Unset) else speed
        self.speed = number("speed", given, 1 / MAX_SPEED, MAX_SPEED, "times real time")
        self._now = 0

    def now(self) -> int:  # noqa: D102
        return self._now

    async def run(self) -> None:  # noqa: D102
        received, began = self.market.received, time.monotonic_ns()
        left = len(received)
        while left:
            self._now = int(received[0]) + round((time.monotonic_ns() - began) * self.speed)
            left = self.market.play(self._now)
            self.messages = len(received) - left
            await asyncio.sleep(TICK)
        self.market.end("The recording has ended.", "Open it again to see it again.")


def played(feed: Feed) -> Feed:
    """Return a feed that plays what another one would show at once; any other as it is."""
    if not isinstance(feed, HistoryFeed) or isinstance(feed, HistoryReplay):
        return feed
    return HistoryReplay(feed.market.history(), feed.paths)
