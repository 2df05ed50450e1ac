"""What venues with a websocket for the book have in common: is it open, is it alive, what next."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from obi_widgets.market_data.events import Status
from obi_widgets.market_data.venues.base import Venue
from obi_widgets.market_data.venues.cadence import Cadence
from obi_widgets.market_data.venues.replies import BOOK, SECOND, Fetch, Output, Reconnect

if TYPE_CHECKING:
    from collections.abc import Mapping


class Connection(Venue):
    """A venue whose book comes by a websocket of its own, and what else by others. See `Venue`.

    A subclass says what it does when the book's websocket opens (`_begin`) and is lost (`_forget`),
    when another one opens (`_opened`), and how it asks for the time (`_time`).
    """

    silence: ClassVar[int]
    """Nanoseconds without a sign of life after which the connection is dead in any case."""
    ask_time_every: ClassVar[int] = 10 * SECOND

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self._open: set[str] = set()
        self._cadence = Cadence(self.silence)
        self._backoff = Backoff()
        self._time_asked_at = -self.ask_time_every

    @abstractmethod
    def _begin(self, now: int) -> list[Output]:
        """Begin anew: the book's websocket is open."""

    @abstractmethod
    def _forget(self) -> None:
        """Forget the book: its websocket was lost."""

    @abstractmethod
    def _time(self) -> Fetch:
        """Return what the venue's clock is asked by."""

    def _opened(self, socket: str) -> list[Output]:  # noqa: ARG002
        """Return what to do when another websocket opens."""
        return []

    def connected(self, socket: str, now: int) -> list[Output]:  # noqa: D102
        self._open.add(socket)
        if socket != BOOK:
            return self._opened(socket)
        self._cadence.probes = self.can_ask
        self._cadence.opened(now)
        return self._begin(now)

    def disconnected(self, socket: str, reason: str, now: int) -> list[Output]:  # noqa: D102
        was_open = socket in self._open
        self._open.discard(socket)
        if socket != BOOK:
            return []
        self._forget()
        return [self.lost(was_open, reason, now)]

    def ask_time(self, now: int) -> list[Output]:  # noqa: D102
        if now - self._time_asked_at < self.ask_time_every:
            return []
        self._time_asked_at = now
        return [self._time()]

    def _dead(self, since: int, now: int) -> list[Output]:
        """Return that the book's websocket is silent since a time, and is to be made anew."""
        reason = f"nothing was heard for {(now - since) // SECOND} s"
        self._cadence.opened(now)
        return [Status(now, "stale", f"{self.label}: {reason}."), Reconnect(BOOK, reason)]


class Backoff:
    """How long to wait before a snapshot is asked for again: 1, 2, 4 … 60 s.

    A book that stood for a while begins the row anew.
    """

    stood = 3 * SECOND
    most = 60 * SECOND
    forget_after = 120 * SECOND

    def __init__(self) -> None:
        self.count = 0
        self.good_at = -self.stood  # steady time at which a book began
        self.tried_at = 0

    def began(self, now: int) -> None:
        """Take note that there is a book."""
        self.good_at = now

    def wait(self, now: int, *, had_book: bool = False) -> int:
        """Return the nanoseconds to wait before the next try, and count it."""
        stood = had_book and now - self.good_at >= self.stood
        if stood or now - self.tried_at >= self.forget_after:
            self.count = 0
        self.count += 1
        self.tried_at = now
        return min(SECOND << min(self.count - 1, 6), self.most)
