"""Replaces the connections of a live feed by new ones before the venue ends them, without a gap.

Some venues end each connection after a day, or announce a maintenance. Shortly before, the feed
connects again with a decoder of its own, while the connections in use go on. When the new decoder
has a book, and both have gone on for a few seconds, the market goes on with the new one: see
`obi_widgets.feeds.recording.joining`, which joins two files of a recording in the same way. If the
new connections do not get that far, those in use go on, and it is tried again later.
"""

from __future__ import annotations

import logging
import random
import time
from math import inf
from typing import TYPE_CHECKING

from msgspec.structs import replace

from obi_widgets.feeds.recording.joining import Seam, has_book, outputs_of
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Delta, Snapshot, Status
from obi_widgets.market_data.venues.replies import (
    FOREVER,
    SECOND,
    Connect,
    Fetch,
    Ping,
    Reconnect,
    Renew,
    Reply,
    Send,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.feeds.market import Market
    from obi_widgets.feeds.recording import Record
    from obi_widgets.market_data.venues import Venue
    from obi_widgets.market_data.venues.replies import Output

log = logging.getLogger(__name__)

LEAD = 300.0, 900.0
"""Bounds of the random time, seconds, by which a connection is replaced before its end: many
clients must not come back at once. At most half of the time that it lasts."""

AT_ONCE = 20.0
"""Longest random wait, seconds, from a notice to the new connection; at most a third of the time
that is left."""

OVERLAP = 2.0
"""Seconds that both connections go on after the new one has a book and all its websockets."""

SILENT = 10.0
"""Seconds with a book after which a websocket that has sent nothing is not waited for: a market may
have no trade for long."""

GIVE_UP = 60.0
"""Seconds after which a new connection that is not ready is given up."""

RETRY, LONGEST_RETRY = 60.0, 1800.0
"""Seconds until a new connection is tried again; doubled at each failure in a row."""

SETTLED = 5.0
"""Seconds after which the new connection brings nothing more that the one before has brought."""

MARK = "#"
"""What stands between the name of a websocket or a request and the number of its decoder."""


def marked(reply: Reply, turn: int) -> Reply:
    """Return a request under the name that it has in a feed: with the number of its decoder."""
    match reply:
        case Fetch() if turn:
            return replace(reply, name=f"{reply.name}{MARK}{turn}")
        case Connect() | Reconnect() | Renew() | Send() | Ping() if turn:
            return replace(reply, socket=f"{reply.socket}{MARK}{turn}")
    return reply


def unmarked(name: str) -> tuple[str, int]:
    """Return the venue's name of a websocket or a request, and the number of its decoder."""
    own, _, turn = name.partition(MARK)
    return own, int(turn or 0)


class Readiness:
    """Whether a new connection has what it needs to take over from another one."""

    def __init__(self) -> None:
        self._book_since: float | None = None  # by the monotonic clock
        self._whole_since: float | None = None

    def look(self, *, has_book: bool, heard_all: bool) -> bool:
        """Return whether it has had a book and all websockets for `OVERLAP` seconds."""
        now = time.monotonic()
        if not has_book:
            self._book_since = self._whole_since = None
            return False
        self._book_since = self._book_since or now
        if not heard_all and now - self._book_since < SILENT:
            return False
        self._whole_since = self._whole_since or now
        return now - self._whole_since >= OVERLAP


class Lifetime:
    """When the connections of a feed are to be replaced, by the monotonic clock.

    Parameters
    ----------
    lasts : int
        See `Venue.lasts`.
    """

    def __init__(self, lasts: int) -> None:
        self._lasts = inf if lasts == FOREVER else lasts / SECOND
        self._ends: dict[str, float] = {}  # of each open websocket: when to replace it
        self._not_before = 0.0
        self._retry = RETRY

    @property
    def is_due(self) -> bool:
        """Whether new connections are to be opened now."""
        now = time.monotonic()
        return now >= self._not_before and now >= min(self._ends.values(), default=inf)

    def opened(self, name: str, at: float) -> None:
        """Note when a websocket was opened: a shared one may be older than its market."""
        lead = min(random.uniform(*LEAD), self._lasts / 2)
        self._ends[name] = at + self._lasts - lead if self._lasts < inf else inf

    def closed(self, name: str) -> None:
        """Note that a websocket was closed: a notice about it is no longer of use."""
        self._ends.pop(name, None)

    def noticed(self, name: str, within: int) -> None:
        """Note that the venue will end an open websocket within so many nanoseconds."""
        wait = random.uniform(0.0, min(within / SECOND / 3, AT_ONCE))
        self._ends[name] = min(self._ends.get(name, inf), time.monotonic() + wait)

    def failed(self, turn: int) -> None:
        """Note that the new connections of a decoder are given up."""
        self._ends = {name: end for name, end in self._ends.items() if unmarked(name)[1] != turn}
        self._not_before = time.monotonic() + self._retry
        self._retry = min(2 * self._retry, LONGEST_RETRY)

    def replaced(self, turn: int) -> None:
        """Note that those of a decoder are in use now, and those before are not."""
        self._not_before, self._retry = 0.0, RETRY
        self._ends = {name: end for name, end in self._ends.items() if unmarked(name)[1] == turn}


class Changeover:
    """A new decoder with new connections, and the market that goes on with it.

    Parameters
    ----------
    market : Market
        The market, whose decoder goes on until `join`.
    turn : int
        The number of the new decoder.

    Attributes
    ----------
    venue : Venue
        The new decoder.
    failed : str
        Why it is given up; empty if it is not.
    settled : bool
        Whether it is over: the market needs no care any more.
    """

    def __init__(self, market: Market, turn: int) -> None:
        self._market = market
        self.turn = turn
        self.venue: Venue = market.venue.anew()
        self._seam = Seam(self.venue)
        self._book: Book | None = None  # the new decoder's
        self._checked = False  # whether the market's book was compared with it
        self._began = time.monotonic()
        self._joined_at = inf
        self._readiness = Readiness()
        self.failed = ""
        self.settled = False

    @property
    def joined(self) -> bool:
        """Whether the market goes on with the new decoder."""
        return self._seam.joined

    # -- before ----------------------------------------------------------------------------

    def start(self, now: int) -> list[Reply]:
        """Return the first requests of the new decoder."""
        return self._decode(lambda: self.venue.start(self._market.read_clock(now)), now)

    def older(self, record: Record) -> list[Reply]:
        """Handle a record of the connections in use; return the requests of their decoder."""
        self._market.read_clock(record.time)
        try:
            return self._seam.play_older(record, self._market)
        except Exception as error:  # noqa: BLE001 logged there
            return self._market.fail(error, record.time, record.name)

    def can_join(self) -> bool:
        """Return whether the new decoder has a book that continues the market's."""
        return self._seam.has_book and self._seam.continues(self._market)

    def is_ready(self, *, heard_all: bool) -> bool:
        """Return whether the market should go on with the new decoder now."""
        ready = self._readiness.look(has_book=self._seam.has_book, heard_all=heard_all)
        if ready and self._seam.continues(self._market):
            return True
        if time.monotonic() - self._began > GIVE_UP:
            self.failed = self.failed or f"it was not ready within {GIVE_UP:g} s"
        return False

    def join(self, now: int) -> list[Reply]:
        """Go on with the new decoder; return its requests."""
        self._joined_at = time.monotonic()
        self._market.read_clock(now)
        replies = self._seam.meet(self._market, now) + self._seam.meet(self._market, now)
        return replies + self._look(now, changed=False)

    # -- the new decoder -------------------------------------------------------------------

    def newer(self, record: Record) -> list[Reply]:
        """Handle a record of the new connections; return the requests of their decoder."""
        self._market.read_clock(record.time)
        if self.joined and record.date is not None:
            self._market.set_venue_time(record.date, record.time)
        return self._decode(lambda: outputs_of(self.venue, record, self._market), record.time)

    def tick(self, now: int) -> list[Reply]:
        """Check the timeouts of the new decoder, until the market does."""
        if self.joined:
            return []
        return self._decode(lambda: self.venue.tick(self._market.read_clock(now)), now)

    def _decode(self, decode: Callable[[], list[Output]], now: int) -> list[Reply]:
        try:
            outputs = decode()
        except Exception as error:
            if self.joined:
                return self._market.fail(error, now)
            log.exception("The new connection to %s failed.", self.venue.label)
            self.failed = f"what it sent could not be used: {error!r}"
            return []
        changed = False
        for output in outputs:
            changed |= isinstance(output, Snapshot | Delta)
            self._keep_book(output)
        replies = self._seam.hear(outputs, self._market, now)
        return replies + (self._look(now, changed=changed) if self.joined else [])

    def _keep_book(self, output: Output) -> None:
        """Keep the new decoder's book, to compare it with the market's."""
        match output:
            case Snapshot():
                self._book = Book(window=self.venue.window)
                self._book.replace(output.bids, output.asks, output.limit)
            case Delta() if self._book is not None:
                self._book.apply(output.bids, output.asks)
            case Status():
                self._book = None
                if output.state == "closed" and not self.joined:
                    self.failed = output.detail

    def _look(self, now: int, *, changed: bool) -> list[Reply]:
        """Compare both books when the market follows the new decoder, and end the care of it."""
        market, waited = self._market, time.monotonic() - self._joined_at
        if not has_book(market) or self._book is None:
            self.settled = not has_book(market)
            return []
        if self._seam.follows and not self._checked:
            self._checked = True
            own, new = market.book, self._book
            if not (own.bids.agrees(new.bids) and own.asks.agrees(new.asks)):
                return self._begin_anew("the new connection has other levels than the book", now)
        if waited > SETTLED:
            if self._seam.follows:
                self.settled = True
            elif changed:
                why = "the changes of the new connection are not later than the book"
                return self._begin_anew(why, now)
        return []

    def _begin_anew(self, why: str, now: int) -> list[Reply]:
        self.settled = True
        return self._market.handle(self.venue.resync(why, self._market.read_clock(now)), now)
