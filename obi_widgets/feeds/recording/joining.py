"""Joins a connection, or a file of a recording, to the one before it, in one market.

A recorder begins a file while the one before still grows, so both hold the same few seconds, as two
connections received them. A live feed opens a connection likewise before the venue ends the one in
use; see `obi_widgets.feeds.changeover`. What is said of files here holds for connections too.

The older file is played to its end. Meanwhile a decoder of its own reads
the newer one, and keeps what it says. Then the market goes on with that decoder: of what it kept,
the changes of the book are used that come after the market's newest, and the trades that the older
file does not hold. The book itself stays as it is, so that nothing shows where the files meet.

If the newer file's book begins later than the older one's ends, changes are missing: that is a gap.
So it is if the newer file begins after the end of the older one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import (
    Delta,
    Instrument,
    Snapshot,
    Splice,
    Status,
    Trade,
)
from obi_widgets.market_data.venues.replies import SECOND, Connect, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from obi_widgets.feeds.market import Market
    from obi_widgets.feeds.recording.lines import Kind, Record
    from obi_widgets.market_data.venues import Venue
    from obi_widgets.market_data.venues.replies import Output

NOTED_BEFORE = 10 * SECOND
"""How long before the newer file begins the older one's events are noted: with few changes, the
newest was long ago."""

DOUBLE_AFTER = 2 * SECOND
"""How long after the end of the older file the newer one may still receive what the older one
holds."""

INTERRUPTED = "The recording was interrupted."


class Played(NamedTuple):
    """A record that is played into a market in a way of its own; like `Record`.

    Attributes
    ----------
    time : int
        Receive time, ns UTC.
    kind : str
        See `Record`.
    shift : int
        See `Record`.
    record : Record, optional
        The record; None where the files meet.
    seam : Seam
        The seam that it belongs to.
    newer : bool
        Whether it is of the newer file.
    """

    time: int
    kind: Kind
    shift: int
    record: Record | None
    seam: Seam
    newer: bool

    def apply(self, market: Market) -> list[Reply]:
        """Play the record into a market."""
        if self.record is None:
            return self.seam.meet(market, self.time)
        if self.newer:
            return self.seam.play_newer(self.record, market)
        return self.seam.play_older(self.record, market)


class Seam:
    """Where two files meet, of which the newer one began before the older one ended.

    Parameters
    ----------
    venue : Venue
        A new decoder, for the newer file.

    Attributes
    ----------
    then : Seam, optional
        Where the newer file meets the one after it.
    """

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.then: Seam | None = None
        self._newest: Snapshot | Delta | None = None  # of the market's book
        self._newest_ones: list[Snapshot | Delta] = []  # those of the same time
        self._seen: set[tuple[int, int]] = set()  # sequence and time of the older file's changes
        self._trades: Counter[object] = Counter()  # trades that only the older file gave so far
        self._kept: list[Output] = []  # events of the newer file since its book began
        self._ended = False  # whether the older file has ended
        self._joined = False  # whether the market goes on with the newer file
        self._alike = False  # whether both connections are known to number the changes alike
        self._instrument: Instrument | None = None  # of the market
        self._known: tuple[Snapshot, list[Delta]] | None = None  # of the newer file, in the market
        self._follows = False  # whether it has used a change of the newer file
        self._awaited: set[str] = set()  # websockets of the newer file that are not open

    def records(
        self, older: Iterable[Record], newer: Iterable[Record], end: int, after: int
    ) -> list[Played]:
        """Return what is played where two files meet, in order of time.

        Parameters
        ----------
        older, newer : iterable of Record
            The last records of the older file, and the first ones of the newer file.
        end : int
            Time of the last record of the older file, ns UTC.
        after : int
            Greatest time that was played before, ns UTC: none is earlier, since time does not go
            back in a market. The newer file may be so short that the next one begins within it.
        """
        parts = [Played(one.time, one.kind, one.shift, one, self, newer=False) for one in older]
        meet = [Played(max(end, after), "end", 0, None, self, newer=False)] * 2
        before, later = list[Played](), list[Played]()
        for one in newer:
            both = one.time <= end  # a change of the clock is in the older file too
            shift = 0 if both else one.shift
            part = Played(max(one.time, after), one.kind, shift, one, self, newer=True)
            (before if both else later).append(part)
        # Of equal times, the order stays.
        return sorted([*parts, *before, *meet, *later], key=lambda part: part.time)

    @property
    def has_book(self) -> bool:
        """Whether the newer file has a book that the market does not use yet."""
        return any(isinstance(one, Snapshot) for one in self._kept)

    @property
    def joined(self) -> bool:
        """Whether the market goes on with the newer file."""
        return self._joined

    @property
    def follows(self) -> bool:
        """Whether the market has used a change of the newer file."""
        return self._follows

    def play_older(self, record: Record, market: Market) -> list[Reply]:
        """Play a record of the older file, and note its events; return the venue's requests."""
        if record.kind not in ("frame", "answer"):
            return record.apply(market)
        if record.date is not None:
            market.set_venue_time(record.date, record.time)
        outputs = outputs_of(market.venue, record, market)
        for seam in (self, self.then):
            if seam is not None:
                seam.note(outputs)
        return market.handle(outputs, record.time)

    def note(self, outputs: Iterable[Output]) -> None:
        """Note events that the market gets before the files meet."""
        for output in outputs:
            if isinstance(output, Snapshot | Delta):
                if self._newest is None or output.time != self._newest.time:
                    self._newest_ones.clear()
                self._newest = output
                self._newest_ones.append(output)
                self._seen.add((output.sequence, output.time))
            elif isinstance(output, Trade):
                self._trades[_identity(output)] += 1

    def play_newer(self, record: Record, market: Market) -> list[Reply]:
        """Decode a record of the newer file; give the market what it does not have, if joined.

        Returns the requests of the newer decoder.
        """
        if record.kind == "clock":
            return record.apply(market) if self._joined else []
        outputs = outputs_of(self.venue, record, market)
        self._awaited.update(one.socket for one in outputs if isinstance(one, Connect))
        if record.kind == "close":
            self._awaited.add(record.name)
        elif record.kind in ("open", "frame"):
            self._awaited.discard(record.name)
        if self._joined and record.date is not None:
            market.set_venue_time(record.date, record.time)
        return self.hear(outputs, market, record.time)

    def hear(self, outputs: Iterable[Output], market: Market, now: int) -> list[Reply]:
        """Handle what the newer decoder says; return its requests."""
        if self._joined:
            return self._give(outputs, market, now)
        replies: list[Reply] = []
        for output in outputs:
            if isinstance(output, Snapshot | Status):  # the book before it is gone
                self._kept = [one for one in self._kept if not isinstance(one, Snapshot | Delta)]
            if isinstance(output, Snapshot | Delta | Trade | Instrument):
                self._kept.append(output)
            elif isinstance(output, Reply):
                replies.append(output)
        return replies

    def continues(self, market: Market) -> bool:
        """Return whether nothing is missing between the market's book and the newer file's."""
        changes = [one for one in self._kept if isinstance(one, Snapshot | Delta)]
        self._alike = any(map(self._is_in_both, changes))
        return not has_book(market) or self._begins_before(changes)

    def meet(self, market: Market, now: int) -> list[Reply]:
        """Go on with the newer file: the older one has ended. To be called twice.

        The first call loses the book if the newer file does not continue it, and the second one
        begins the newer book, so that the loss is seen between them.
        """
        if not self._ended:
            self._ended = True
            if self.continues(market):
                return []
            return market.handle([Status(now, "gap", INTERRUPTED)], now)
        self._instrument = market.instrument
        market.venue, self._joined = self.venue, True
        for socket in self._awaited:  # that of the older file has ended
            market.note_lost(socket)
        if not has_book(market):
            self._newest = None
        elif self._newest is None:
            self._look_at_quiet(market)
        kept, self._kept = self._kept, []
        return self._give(kept, market, now)

    def _give(self, outputs: Iterable[Output], market: Market, now: int) -> list[Reply]:
        """Give the market what it does not have of the newer file's events."""
        new = self._new(outputs, now)
        if self.then is not None:
            self.then.note(new)
        return market.handle(new, now)

    def _look_at_quiet(self, market: Market) -> None:
        """Find the market's newest change, of which the older file says nothing.

        If the newer snapshot has the market's levels, it is that. Otherwise it is used as a whole.
        """
        snapshot = next((one for one in self._kept if isinstance(one, Snapshot)), None)
        if snapshot is None:
            return
        book = Book(window=self.venue.window)
        book.replace(snapshot.bids, snapshot.asks, snapshot.limit)
        if book.bids.agrees(market.book.bids) and book.asks.agrees(market.book.asks):
            self.note([snapshot])

    def _begins_before(self, changes: Sequence[Snapshot | Delta]) -> bool:
        """Return whether the newer file's book began before the market's newest change."""
        if not changes:
            return False
        return self._newest is None or not self._is_beyond(changes[0], self._newest)

    def _new(self, outputs: Iterable[Output], now: int) -> list[Output]:
        """Return what the market does not have of the newer file's events; count trades off."""
        new: list[Output] = []
        for output in outputs:
            if isinstance(output, Trade):
                identity = _identity(output)
                known = self._trades[identity] > 0
                self._trades[identity] -= known
                if known:
                    continue
            elif isinstance(output, Snapshot | Delta) and not self._follows:
                self._alike = self._alike or self._is_in_both(output)
                self._follows = self._newest is None or self._is_later(output, self._newest)
                if not self._follows:
                    new += self._wider(output, now)
                    continue
            elif (isinstance(output, Splice) and not self._follows) or output == self._instrument:
                continue
            new.append(output)
        return new

    def _wider(self, change: Snapshot | Delta, now: int) -> list[Splice]:
        """Return the newer file's book once it is that of the market: it may be known further out.

        ``change`` is one that the market has.
        """
        if isinstance(change, Snapshot):
            self._known = change, []
        elif self._known is not None:
            self._known[1].append(change)
        newest = self._newest
        is_same = newest is not None and 0 < change.sequence == newest.sequence and self._alike
        if self._known is None or self.venue.window or not is_same:
            return []
        return [Splice(now, *self._known)]

    def _numbered(self, *events: Snapshot | Delta) -> bool:
        """Return whether changes have numbers that order them, and are the same for both files.

        Some venues give the time in place of a number: two changes may then have the same.
        """
        return self._alike and all(one.sequence not in (0, one.time) for one in events)

    def _is_beyond(self, event: Snapshot | Delta, newest: Snapshot | Delta) -> bool:
        """Return whether a change of the newer file comes after the market's newest."""
        if self._numbered(event, newest):
            return event.sequence > newest.sequence
        return event.time > newest.time

    def _is_later(self, event: Snapshot | Delta, newest: Snapshot | Delta) -> bool:
        """Return whether a change of the newer file is to be used after the market's newest.

        Without numbers, one of the same time is, unless the older file has just the same: a size
        that is set twice stays right.
        """
        if event.time == newest.time and not self._numbered(event, newest):
            return not any(_same_levels(event, one) for one in self._newest_ones)
        return self._is_beyond(event, newest)

    def _is_in_both(self, event: Snapshot | Delta) -> bool:
        """Return whether both connections have a change with one number: they number alike."""
        return event.sequence > 0 and (event.sequence, event.time) in self._seen


def restart(seam: Seam, end: int) -> list[Played]:
    """Return what is played where a file begins after the end of the one before."""
    return [Played(end, "end", 0, None, seam, newer=False)] * 2


def has_book(market: Market) -> bool:
    """Return whether a market has a book."""
    return market.book.bids.count > 0 or market.book.asks.count > 0


def outputs_of(venue: Venue, record: Record, market: Market) -> list[Output]:
    """Return what a venue makes of a record.

    If it is the market's own venue, frames are counted, lost websockets are noted, and answers
    bound the clock.

    Parameters
    ----------
    venue : Venue
        The decoder.
    record : Record
        The record.
    market : Market
        The market whose steady clock holds; `Market.tick` was called for this record.
    """
    now = market.steady_now
    match record.kind:
        case "frame":
            if venue is market.venue:
                market.messages += 1
                market.bytes += len(record.text)
            return venue.received(record.text, now, record.name)
        case "open":
            return venue.connected(record.name, now)
        case "close":
            if venue is market.venue:
                market.note_lost(record.name)
            return venue.disconnected(record.name, record.text, now)
        case "pong":
            return venue.ponged(record.name, now)
        case "answer":
            if record.date is not None:
                venue.set_venue_time(record.date, now)
            outputs = venue.fetched(record.name, record.status, record.text, now)
            if venue is market.venue:
                market.bound_clock(outputs, record.time, record.date, record.took)
            return outputs
        case "clock" | "end":  # both files have a change of the clock
            return []


def _same_levels(one: Snapshot | Delta, other: Snapshot | Delta) -> bool:
    """Return whether two changes set the same levels to the same sizes, in the same order."""
    return type(one) is type(other) and all(
        np.array_equal(np.asarray(own, np.float64), np.asarray(others, np.float64))
        for own, others in ((one.bids, other.bids), (one.asks, other.asks))
    )


def _identity(trade: Trade) -> object:
    """Return what tells a trade from others."""
    return trade.id or (trade.time, trade.price, trade.size, trade.side)
