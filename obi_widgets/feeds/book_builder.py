"""The part of a market that applies events to its book, and writes its history."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from obi_widgets.errors import LevelError
from obi_widgets.feeds.clocks import CAUGHT_UP, Clocks
from obi_widgets.feeds.health.monitor import NO_LAG, Monitor
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import (
    Clock,
    Delta,
    Instrument,
    Liquidation,
    Mark,
    NotSent,
    Refused,
    Snapshot,
    Splice,
    State,
    Status,
    Trade,
)
from obi_widgets.market_data.venues.replies import (
    BOOK,
    SECOND,
    Connect,
    Fetch,
    Ping,
    Reconnect,
    Renew,
    Reply,
    Send,
)
from obi_widgets.market_data.venues.wire import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.market_data.venues.base import Venue
    from obi_widgets.market_data.venues.replies import Output

log = logging.getLogger(__name__)

DISORDER = SECOND
"""Largest step back of event time between two changes that counts as out of order, and not as a
gap. The history never goes back in time."""

MAX_NAMES = 100
"""Names of refused frames that are counted separately: a venue may send any number of names."""


class BookBuilder:
    """Applies events to a book, decides its state, and writes its history.

    Base class of `obi_widgets.feeds.market.Market`, which receives the frames.
    """

    def __init__(
        self,
        venue: Venue,
        levels: int,
        capacity: int | None,
        interval: float,
        *,
        strict: bool,
        refresh_at: float,
    ) -> None:
        self.venue = venue
        self.instrument = Instrument(venue.name, venue.symbol, venue.label)
        self._state: State = "connecting"  # what the newest look found
        self._current: State = "live" if venue.verified else "unverified"
        self._detail = self._advice = ""
        self._refresh_at = refresh_at
        self.book = self._new_book()
        self.changed_at = 0
        self.snapshot_id: int | None = None
        self.has_book = False
        self._clocks = Clocks(venue.label, asks=venue.can_ask, warming=venue.warms_up)
        self._changed_at = 0  # by the steady clock
        self._in_sync = False
        self._noted = ""  # of `Venue.note`, what is shown
        self._newest = 0  # event time of the newest recorded state
        self._behind = False  # whether event times are still before `_newest`
        self.refused: Counter[str] = Counter()
        self.failures = 0
        self.unused: tuple[str, ...] = ()
        self.messages = self.bytes = 0
        self.monitor = Monitor()
        self.interval = interval
        self._writer = HistoryWriter(
            self.instrument, levels=levels, capacity=capacity, interval=interval, strict=strict,
            source=venue.source,
        )  # fmt: skip
        self._writer.tape.trades.streamed = "trades" in venue.streams

    def _new_book(self) -> Book:
        return Book(window=self.venue.window, refresh_at=self._refresh_at)

    def _steady(self, now: int) -> int:
        """Return the steady time at a wall-clock time, ns.

        If the wall clock was set back, the interval of the newest state ends here, so that the
        state is kept. The first lines repeat `Clocks.read` for speed: this runs for every message.
        """
        clocks = self._clocks
        steady = now + clocks.shift
        if steady >= clocks.steady_now:
            clocks.steady_now = steady
            return steady
        shift = clocks.shift
        steady = clocks.read(now)
        self._writer.set_back()
        if clocks.shift != shift:
            self._writer.flush()
            self.monitor.clock_was_set(self._clocks.steady_now, self._clocks.minimum)
        return steady

    def _apply(self, outputs: Iterable[Output], now: int) -> list[Reply]:
        replies: list[Reply] = []
        for output in outputs:
            if self._state == "closed":
                break  # a socket lost after the end must not be reopened
            match output:  # the most frequent first: each class check takes time
                case Refused():
                    self._refuse(output.name, output.count, output.detail)
                case Delta() | Snapshot():
                    replies += self._change(output, now)
                case Trade():
                    if not self._writer.tape.trade(output, now):
                        self._refuse("trade that cannot be held")
                case Connect() | Reconnect() | Renew() | Send() | Fetch() | Ping():
                    replies.append(output)
                case Mark():
                    self._writer.tape.mark(output, now)
                case Liquidation():
                    self._writer.tape.liquidation(output, now)
                case NotSent():
                    self.messages -= 1
                    self.bytes -= output.size
                case Clock():
                    self._clocks.set_venue_time(output.time, now)
                case Splice():
                    replies += self._splice(output, now)
                case Status():
                    self._lose(output, now)
                case Instrument():
                    self.instrument = output
                    self._writer.describe(output)
        return replies

    def _refuse(self, name: str, count: int = 1, detail: str = "") -> None:
        if name not in self.refused and len(self.refused) >= MAX_NAMES:
            name = "other names"
        self.refused[name] += count
        if detail:
            self.monitor.details[name] = detail

    def _show(self, state: State, detail: str, advice: str, at: int) -> None:
        """Set the state; the steady time tells since when it is so."""
        self._state, self._detail, self._advice = state, detail, advice
        self.monitor.timeline.turn(state, detail, at)

    def fail(self, error: Exception, now: int, socket: str = BOOK) -> list[Reply]:
        """Count and log a message whose handling raised an error; request a new book.

        No message of a venue may end the feed, so every unexpected error ends here.
        """
        self.failures += 1
        name = f"failed: {type(error).__name__}"
        if name not in self.refused:
            log.error("What %s sent could not be used.", self.venue.label, exc_info=error)
        self._refuse(name)
        if socket != BOOK:
            return []
        why = f"a message could not be used ({type(error).__name__}: {text(str(error), 80)})"
        try:
            return self._apply(self.venue.resync(why, self._steady(now)), now)
        except Exception:
            log.exception("The book of %s could not be given up.", self.venue.symbol)
            self.book = self._new_book()  # whatever state the old one is in
            lost = f"The book was thrown away: {why}."
            self._lose(Status(now, "gap", lost, "Connecting again."), now)
            return [Reconnect(BOOK, why)]

    # -- the book --------------------------------------------------------------------------

    def _change(self, event: Snapshot | Delta, now: int) -> list[Reply]:
        whole = not isinstance(event, Delta)
        if not isinstance(event, Delta):
            self.book.replace(event.bids, event.asks, event.limit)
            self.snapshot_id = event.sequence
        elif self._in_sync:
            self.book.apply(event.bids, event.asks)
        else:
            return []  # a change to a book that has been discarded
        return self._keep(event.time, now, self._steady(now), whole=whole)

    def _splice(self, event: Splice, now: int) -> list[Reply]:
        """Widen the price range that the book covers by a newer snapshot; its levels must agree."""
        if not self._in_sync:
            return []
        rebuilt, snapshot = self._new_book(), event.snapshot
        rebuilt.replace(snapshot.bids, snapshot.asks, snapshot.limit)
        for delta in event.deltas:
            rebuilt.apply(delta.bids, delta.asks)
        if self.book.splice(rebuilt):
            self.monitor.widened += 1
            self._writer.spliced(self.book)
            return []
        differs = "a newer snapshot has other levels than the book"
        return self._apply(self.venue.resync(differs, self._steady(now)), now)

    def _keep(self, time: int, now: int, steady: int, *, whole: bool = False) -> list[Reply]:
        """Record the book's state, or request a new book if this one is crossed or unknown."""
        book, clocks = self.book, self._clocks
        fine = book.fine
        if not fine and (why := self._impossible()):
            if book.crossed and not whole:
                self.venue.doubt()
            return self._apply(self.venue.resync(why, steady), now)
        self.changed_at, self._changed_at = now, steady
        if (
            clocks.low <= (lag := steady - time) <= clocks.high
            and steady < clocks.until
            and time >= self._newest
            and self._state == self._current
            and not whole
        ):
            clocks.time, clocks.steady = time, steady
            changes = self.monitor.changes
            changes.append(lag)  # twice: `extend` takes four times as long
            changes.append(steady)
            return self._record(time, now, steady, fine=fine)
        return self._judge(time, now, steady, whole=whole)

    def _impossible(self) -> str:
        """Return why the book cannot be right, or is not known any more; empty when it may be."""
        book = self.book
        if book.crossed:
            return f"best bid {book.bids.best:g} is not below ask {book.asks.best:g}"
        return "the price left the range that the snapshot covered" if book.unknown else ""

    def _record(self, time: int, now: int, steady: int, *, fine: bool = False) -> list[Reply]:
        """Append the book's state to the history; request a snapshot if the book covers little.

        ``fine`` is False also where it was not looked at.
        """
        try:
            self._writer.append(time, now, self.book)
        except LevelError as error:
            self._refuse("level that cannot be held")
            why = f"the {error.what[4:-1]}"  # without "The " and the full stop
            return self._apply(self.venue.resync(why, steady), now)
        if time > self._newest:
            self._newest = time
        if not fine and self.book.wants_snapshot:
            return self._apply(self.venue.refresh(steady), now)
        return []

    def _judge(self, time: int, now: int, steady: int, *, whole: bool) -> list[Reply]:
        """Check the time of the book's state; record it, and set `state`, `detail` and `advice`."""
        # Where every book is whole, only the first one may be of long ago.
        whole = whole and not (self._in_sync and self.venue.whole_books)
        judgement = self._clocks.judge(time, steady, whole=whole)
        if judgement.impossible:
            return self._apply(self.venue.resync(judgement.impossible, steady), now)
        timed = not whole or (self._in_sync and self.venue.snapshot_lags)
        if self._clocks.warming:
            self.monitor.counts_from = steady + CAUGHT_UP
        else:
            self.monitor.changes.extend((steady - time if timed else NO_LAG, steady))
        if not self._in_sync:
            self._in_sync = True
            self.monitor.began()
        stale = judgement.stale
        recorded = False
        replies: list[Reply] = []
        if time < self._newest - (0 if self._behind else DISORDER):
            if not self._behind:
                self._behind = True
                self._writer.gap(now)
            before = (self._newest - time) / 1e9
            stale = stale or f"Event times are {before:,.1f} s before those that came earlier."
        elif judgement.recordable:
            self._behind = False
            replies = self._record(time, now, steady)
            if not self._in_sync:
                return replies
            recorded = True
        else:
            self._writer.pass_over(self.book)
        self.has_book = recorded and not self._clocks.warming
        if self._clocks.warming:
            self._show("syncing", self._filling(time, now), "", steady)
        elif stale:
            self._show("stale", stale, "", steady)
        else:
            self._show_note(steady, anew=True)
        return replies + (self._apply(self.venue.ask_time(steady), now) if judgement.ask else [])

    def _show_note(self, steady: int, *, anew: bool = False) -> None:
        """Show what the user should know of a book in sync, if that is another thing now."""
        note = self.venue.note
        if anew or (self._state == self._current and note != self._noted):
            self._noted = note
            self._show(self._current, f"{self._clocks.note} {note}".strip(), "", steady)

    def _filling(self, time: int, now: int) -> str:
        seconds_left = (now - time) // SECOND
        return f"Filling the history with a simulated past: {seconds_left:,} s to go."

    def _lose(self, status: Status, now: int) -> None:
        was_in_sync, self._in_sync = self._in_sync, False
        self.has_book = False
        clocks = self._clocks
        self._show(status.state, status.detail, status.advice, clocks.steady_now)
        self.book.clear()
        if was_in_sync:
            self.monitor.lost(clocks.steady_now, clocks.shift, clocks.minimum)
            self._behind = self._newest > 0
            self._writer.gap(now)
