"""Connections of venues whose book comes by a websocket: open, alive, and when to try again."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from obi_widgets.market_data.events import Status
from obi_widgets.market_data.venues.base import Venue
from obi_widgets.market_data.venues.cadence import Cadence
from obi_widgets.market_data.venues.replies import (
    BOOK,
    FOREVER,
    SECOND,
    Fetch,
    Output,
    Reconnect,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Connection(Venue):
    """A venue with a websocket for its book, and maybe others. See `Venue`.

    A subclass says what to do when the book's websocket opens (`_begin`) or is lost (`_forget`),
    when another one opens (`_opened`), and how to request the venue's time (`_time`).
    """

    silence: ClassVar[int]
    """Silence after which the connection is dead in any case, ns."""
    ask_time_every: ClassVar[int] = 10 * SECOND
    """Shortest time between two requests of the venue's time, ns."""

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self._open: set[str] = set()
        self._cadence = Cadence(self.silence)
        self._backoff = Backoff()
        self._time_asked_at = -self.ask_time_every

    @abstractmethod
    def _begin(self, now: int) -> list[Output]:
        """Return what to do when the book's websocket opens."""

    @abstractmethod
    def _forget(self) -> None:
        """Forget the book: its websocket was lost."""

    @abstractmethod
    def _time(self) -> Fetch:
        """Return the request of the venue's time."""

    def _opened(self, socket: str, now: int) -> list[Output]:  # noqa: ARG002
        """Return what to do when another websocket opens."""
        return []

    def _closed(self, socket: str) -> None:
        """Note that another websocket was lost."""

    def connected(self, socket: str, now: int) -> list[Output]:  # noqa: D102
        self._open.add(socket)
        if socket != BOOK:
            return self._opened(socket, now)
        self._cadence.probes = self.can_ask
        self._cadence.opened(now)
        return self._begin(now)

    def disconnected(self, socket: str, reason: str, now: int) -> list[Output]:  # noqa: D102
        was_open = socket in self._open
        self._open.discard(socket)
        if socket != BOOK:
            self._closed(socket)
            return []
        self._forget()
        return [self.lost(was_open, reason, now)]

    def ask_time(self, now: int) -> list[Output]:  # noqa: D102
        if now - self._time_asked_at < self.ask_time_every:
            return []
        self._time_asked_at = now
        return [self._time()]

    @property
    def silent_at(self) -> int:  # noqa: D102
        return self._cadence.silent_at if BOOK in self._open else FOREVER

    def _dead(self, since: int, now: int) -> list[Output]:
        """Return the status of a silent book, and the request to connect again."""
        reason = f"nothing was received for {(now - since) // SECOND} s"
        self._cadence.opened(now)
        return [Status(now, "stale", f"{self.label}: {reason}."), Reconnect(BOOK, reason)]


class Backoff:
    """How long to wait before a snapshot is requested again: 1, 2, 4 … 60 s.

    The wait is 1 s again after a book that was good for a while, or after a long time without
    a request.
    """

    good_after = 3 * SECOND
    """Time after which a book counts as good, ns."""
    longest = 60 * SECOND
    """Longest wait, ns."""
    forget_after = 120 * SECOND
    """Time without a request after which the wait is 1 s again, ns."""

    def __init__(self) -> None:
        self.count = 0
        self.book_at = -self.good_after  # steady time at which a book began
        self.tried_at = 0

    def book_began(self, now: int) -> None:
        """Store the time at which a book began."""
        self.book_at = now

    def wait(self, now: int, *, had_book: bool = False) -> int:
        """Return the nanoseconds to wait before the next request, and count it."""
        was_good = had_book and now - self.book_at >= self.good_after
        if was_good or now - self.tried_at >= self.forget_after:
            self.count = 0
        self.count += 1
        self.tried_at = now
        return min(SECOND << min(self.count - 1, 6), self.longest)
