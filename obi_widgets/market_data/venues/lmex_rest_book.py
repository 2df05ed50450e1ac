"""LMEX's book by REST, read again and again: which answers may be shown, and for how long."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from obi_widgets.market_data.events import Refused, Snapshot, Status
from obi_widgets.market_data.venues import lmex_messages as messages
from obi_widgets.market_data.venues.replies import SECOND
from obi_widgets.market_data.venues.wire import DECODE_ERRORS, refused, sound, text

if TYPE_CHECKING:
    from obi_widgets.market_data.events import Event
    from obi_widgets.market_data.venues.replies import Output

MS = 1_000_000
"""Nanoseconds."""

OLDEST = 5 * SECOND
"""The age up to which a picture is shown while no other comes."""

OLDEST_UNUSED = 3 * SECOND
"""The same once an answer came that cannot be used: there are news, and they are not known."""

AHEAD = 10 * SECOND
"""What a time may be ahead of the venue's clock, of which only whole seconds are told."""

CLOCKS = 10
"""Newest readings of the venue's clock that are kept: both clocks drift."""


class RestBook:
    """Judges the pictures of a polled book by their times, since they have no number.

    A picture must be newer than whatever was seen, and must not be old by the venue's own clock:
    an answer may come from a cache. Where the venue does not tell its clock, the least lag that
    was seen stands in for it.

    Parameters
    ----------
    label : str
        The venue's name for people.
    symbol : str
        Of the book.
    limit : int
        Levels a side that a picture holds at most.

    Attributes
    ----------
    polled : bool
        Whether the book is polled.
    shown_ms : int
        Time of the picture that is shown, ms; 0: none is.
    """

    def __init__(self, label: str, symbol: str, limit: int) -> None:
        self.label, self.symbol, self.limit = label, symbol, limit
        self.polled = False
        self.shown_ms = 0
        self._came_at = 0  # when the picture that was shown last came, or polling began
        self._newest_ms = self._newest_before = 0  # greatest time seen, and before the last picture
        # The venue's clock less the steady one, ns. None is more than the truth: an answer takes
        # a while, and tells whole seconds. So the greatest is nearest to it.
        self._clocks: deque[int] = deque(maxlen=CLOCKS)
        self._leads: deque[int] = deque(maxlen=CLOCKS)  # the same of events, when there is no clock

    # -- the venue's clock -----------------------------------------------------------------

    def set_venue_time(self, time: int, now: int) -> None:
        """Take note of the venue's clock, ns UTC."""
        self._clocks.append(time - now)

    def _age(self, ms: int, now: int) -> int:
        lead = max(self._clocks or self._leads, default=ms * MS - now)
        return now + lead - ms * MS

    def possible(self, before_ms: int, ms: int, now: int) -> bool:
        """Return whether an event may be of a time, after another; take note of one that is not."""
        if ms >= before_ms and self._possible(ms, now):
            return True
        self.unreadable(now)
        return False

    def unreadable(self, now: int) -> None:
        """Take note of an event whose time is not known: it may be of any until now."""
        if leads := self._clocks or self._leads:
            until = now + max(leads) + SECOND  # the clock tells whole seconds
            self._newest_ms = max(self._newest_ms, until // MS)

    def _possible(self, ms: int, now: int) -> bool:
        """Return whether a time is not ahead of the venue's clock, as far as that is known."""
        return not self._clocks or self._age(ms, now) >= -AHEAD

    # -- life ------------------------------------------------------------------------------

    def begin(self, now: int, seen_ms: int, seen_at: int) -> None:
        """Begin to poll; the newest event was of one time, and came at the other."""
        self.polled, self.shown_ms, self._came_at = True, 0, now
        self._saw(seen_ms, seen_at)

    def _saw(self, ms: int, at: int) -> None:
        if ms:
            self._leads.append(ms * MS - at)

    def replaced(self, ms: int, now: int) -> list[Output]:
        """Stop: a snapshot came by the websocket, of that time."""
        older = ms < self.shown_ms
        self.polled, self.shown_ms = False, 0
        if not older:
            return []
        detail = f"{self.label}'s snapshot is older than its REST book."
        return [Status(now, "syncing", detail, "Waiting for what changed since.")]

    def lost(self, seen_ms: int, seen_at: int) -> None:
        """Stop: the connection was lost, whose newest event was of one time, and came at another.

        Where nobody tells the time, that time may have been wrong; it binds none but itself.
        """
        self.polled, self.shown_ms = False, 0
        self._saw(seen_ms, seen_at)
        if self._clocks:
            self._newest_ms = max(self._newest_ms, seen_ms)

    def withdraw(self) -> None:
        """Forget the picture that is shown: it could not be."""
        if self.shown_ms:
            self.shown_ms, self._newest_ms = 0, self._newest_before
            self._leads.pop()

    def tick(self, now: int) -> list[Output]:
        """Take note of the time."""
        return self._outdated(OLDEST, now) if self.shown_ms else []

    def changed(self, ms: int, now: int) -> list[Output]:
        """Take note of a change that came by the websocket: a picture may not hold it yet."""
        if not 0 < self.shown_ms < ms:
            return []
        self.shown_ms = 0
        detail = f"{self.label} tells of changes that its REST book does not hold yet."
        return [Status(now, "stale", detail, "Reading it again.")]

    def _outdated(self, most: int, now: int) -> list[Output]:
        """Return that there has been no newer picture for too long, when that is so."""
        age = now - self._came_at
        if self.shown_ms:
            age = max(age, self._age(self.shown_ms, now))
        if age <= most:
            return []
        self.shown_ms = 0
        detail = f"{self.label}'s REST book has not advanced for {age // SECOND} s."
        return [Status(now, "stale", detail, "Reading it again.")]

    # -- answers ---------------------------------------------------------------------------

    def read(self, body: str | bytes, unit: float, seen_ms: int, now: int) -> list[Output]:
        """Read an answer.

        Parameters
        ----------
        unit : float
            The contract size.
        seen_ms : int
            Greatest time of an event on this connection, ms.
        """
        read = self._decode(body, unit, seen_ms, now)
        if isinstance(read, Snapshot):
            return [read]
        if read is None:
            return self._outdated(OLDEST, now)
        return [read, *self._outdated(OLDEST_UNUSED, now)]

    def _decode(self, body: str | bytes, unit: float, seen_ms: int, now: int) -> Event | None:
        """Return the book of an answer, or why it is none; None for the newest time again."""
        try:
            answer = messages.rest_books.decode(body)
            bids, asks = (
                [(level.price, level.size * unit) for level in side]
                for side in (answer.buyQuote, answer.sellQuote)
            )
        except DECODE_ERRORS:
            return refused(body, now, "unreadable REST book")
        if answer.symbol != self.symbol:
            return Refused(now, "other symbol", text(answer.symbol))
        if not (sound(bids) and sound(asks)):
            return refused(body, now, "unreadable REST book")
        ms = answer.timestamp
        if not self._possible(ms, now):
            return Refused(now, "REST book ahead of the venue's clock")
        newest = max(self._newest_ms, seen_ms)
        if ms < newest:
            return Refused(now, "REST book older than what was seen")
        if ms == newest:
            return None
        self._newest_before, self._newest_ms = newest, ms
        self._saw(ms, now)
        if self._age(ms, now) > OLDEST:
            return Refused(now, "REST book out of date")
        self.shown_ms, self._came_at = ms, now
        return Snapshot(ms * MS, now, 0, bids, asks, self.limit)
