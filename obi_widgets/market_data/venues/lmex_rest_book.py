"""LMEX's book by REST, requested again and again: which answers are shown, and for how long."""

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
    from obi_widgets.market_data.venues.sizes import SizeUnit

MS = 1_000_000
"""Nanoseconds."""

MAX_AGE = 5 * SECOND
"""Age up to which a book is shown while no newer one comes, ns."""

MAX_AGE_UNUSED = 3 * SECOND
"""The same after an answer that cannot be used, since the book may have changed, ns."""

MAX_AHEAD = 10 * SECOND
"""How far a time may be ahead of the venue's clock, which is known in whole seconds; ns."""

CLOCKS = 10
"""Number of readings of the venue's clock that are kept; older ones are dropped, since clocks
drift."""


class RestBook:
    """Judges the answers of a polled book by their times, since they have no sequence number.

    A book must be newer than all that was seen, and must not be old by the venue's own clock: the
    answer may come from a cache. If the venue's clock is not known, the smallest lag so far
    replaces it.

    Parameters
    ----------
    label : str
        The venue's display name.
    symbol : str
        The symbol of the book.
    limit : int
        The most levels a side in an answer.

    Attributes
    ----------
    polled : bool
        Whether the book is polled now.
    shown_ms : int
        Event time of the book that is shown, ms; 0 if none is.
    """

    def __init__(self, label: str, symbol: str, limit: int) -> None:
        self.label, self.symbol, self.limit = label, symbol, limit
        self.polled = False
        self.shown_ms = 0
        self._received_at = 0  # steady time of the last shown book, or of the start of polling
        self._newest_ms = self._newest_before = 0  # greatest event time: now, before the last book
        # The venue's clock minus the steady clock, ns. No reading is too large, since an answer
        # takes a while, and its clock is cut to whole seconds. So the largest is the best one.
        self._clocks: deque[int] = deque(maxlen=CLOCKS)
        self._leads: deque[int] = deque(maxlen=CLOCKS)  # event time − its receive time

    # -- the venue's clock -----------------------------------------------------------------

    def set_venue_time(self, time: int, now: int) -> None:
        """Store the venue's time, ns UTC, received at ``now``."""
        self._clocks.append(time - now)

    def _age(self, ms: int, now: int) -> int:
        lead = max(self._clocks or self._leads, default=ms * MS - now)
        return now + lead - ms * MS

    def possible(self, before_ms: int, ms: int, now: int) -> bool:
        """Return whether an event's time is possible; if not, treat it as unreadable.

        ``before_ms`` is the time of the event before it.
        """
        if ms >= before_ms and self._possible(ms, now):
            return True
        self.unreadable(now)
        return False

    def unreadable(self, now: int) -> None:
        """Handle an event whose time is not known: it may be as new as the venue's clock."""
        if leads := self._clocks or self._leads:
            until = now + max(leads) + SECOND  # the clock is cut to whole seconds
            self._newest_ms = max(self._newest_ms, until // MS)

    def _possible(self, ms: int, now: int) -> bool:
        """Return whether a time is not ahead of the venue's clock, if that is known."""
        return not self._clocks or self._age(ms, now) >= -MAX_AHEAD

    # -- life ------------------------------------------------------------------------------

    def begin(self, now: int, seen_ms: int, seen_at: int) -> None:
        """Start to poll, after a newest event of time ``seen_ms``, received at ``seen_at``."""
        self.polled, self.shown_ms, self._received_at = True, 0, now
        self._store_lead(seen_ms, seen_at)

    def _store_lead(self, ms: int, at: int) -> None:
        if ms:
            self._leads.append(ms * MS - at)

    def replaced(self, ms: int, now: int) -> list[Output]:
        """Stop to poll, since a snapshot of time ``ms`` came by the websocket."""
        older = ms < self.shown_ms
        self.polled, self.shown_ms = False, 0
        if not older:
            return []
        detail = f"{self.label}'s snapshot is older than its REST book."
        return [Status(now, "syncing", detail, "Waiting for the changes since.")]

    def lost(self, seen_ms: int, seen_at: int) -> None:
        """Stop to poll, since the connection was lost.

        Its newest event had time ``seen_ms``, and was received at ``seen_at``. If the venue's clock
        is not known, that time may be wrong, and later books need not be newer.
        """
        self.polled, self.shown_ms = False, 0
        self._store_lead(seen_ms, seen_at)
        if self._clocks:
            self._newest_ms = max(self._newest_ms, seen_ms)

    def withdraw(self) -> None:
        """Drop the book that is shown, which is impossible."""
        if self.shown_ms:
            self.shown_ms, self._newest_ms = 0, self._newest_before
            self._leads.pop()

    def tick(self, now: int) -> list[Output]:
        """Check the age of the book that is shown."""
        return self._outdated(MAX_AGE, now) if self.shown_ms else []

    def changed(self, ms: int, now: int) -> list[Output]:
        """Handle a change by the websocket, which the book that is shown may not contain."""
        if not 0 < self.shown_ms < ms:
            return []
        self.shown_ms = 0
        detail = f"{self.label} sent changes that its REST book does not have yet."
        return [Status(now, "stale", detail, "Reading it again.")]

    def _outdated(self, max_age: int, now: int) -> list[Output]:
        """Return the status of a book that is too old; nothing if it is not."""
        age = now - self._received_at
        if self.shown_ms:
            age = max(age, self._age(self.shown_ms, now))
        if age <= max_age:
            return []
        self.shown_ms = 0
        detail = f"{self.label}'s REST book has not advanced for {age // SECOND} s."
        return [Status(now, "stale", detail, "Reading it again.")]

    # -- answers ---------------------------------------------------------------------------

    def read(self, body: str | bytes, unit: SizeUnit, seen_ms: int, now: int) -> list[Output]:
        """Decode an answer.

        Parameters
        ----------
        body : str or bytes
            The answer.
        unit : SizeUnit
            The unit of sizes.
        seen_ms : int
            Greatest event time on this connection, ms.
        now : int
            Steady time, ns.
        """
        event = self._decode(body, unit, seen_ms, now)
        if isinstance(event, Snapshot):
            return [event]
        if event is None:
            return self._outdated(MAX_AGE, now)
        return [event, *self._outdated(MAX_AGE_UNUSED, now)]

    def _decode(self, body: str | bytes, unit: SizeUnit, seen_ms: int, now: int) -> Event | None:
        """Return the book of an answer, or why it is not used; None if it has not changed."""
        try:
            answer = messages.rest_books.decode(body)
            bids, asks = (
                unit.levels((level.price, level.size) for level in side)
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
        self._store_lead(ms, now)
        if self._age(ms, now) > MAX_AGE:
            return Refused(now, "REST book out of date")
        self.shown_ms, self._received_at = ms, now
        return Snapshot(ms * MS, now, 0, bids, asks, self.limit)
