"""One symbol as its events tell it: the state of the feed, the book, and their history."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from obi_widgets.book import Book
from obi_widgets.errors import LevelError, SettingsError
from obi_widgets.events import (
    Delta,
    Instrument,
    Mark,
    Refused,
    Snapshot,
    Splice,
    State,
    Status,
    Trade,
)
from obi_widgets.settings import Parameters
from obi_widgets.signals import compiling
from obi_widgets.venues.base import BOOK, Connect, Fetch, Reconnect, Reply, Send
from obi_widgets.writer import HistoryWriter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.history import History
    from obi_widgets.settings import Settings
    from obi_widgets.venues.base import Output, Venue


AHEAD = 60_000_000_000
"""Nanoseconds by which event time may gain on the local clock from one change to the next."""


def check(name: str, value: float, least: int, most: int, *, whole: bool = False) -> None:
    """Raise a SettingsError when a number is out of its range."""
    if not least <= value <= most or (whole and value != int(value)):
        raise SettingsError(f"{name} = {value!r} is not possible.", f"Give {least:,} to {most:,}.")


class Market:
    """Applies what a venue says, in order, and keeps what came of it.

    Live, replayed and simulated data all pass here. Its owner is one thread; ``history()`` may
    be called from any.

    Parameters
    ----------
    venue : Venue
        The decoder. Its crossed books are thrown away here, since it keeps none.
    levels, capacity, interval
        See `HistoryWriter`; 1 to 1,000 levels, and 0 to 3,600 s.
    strict : bool
        See `History`.
    refresh_at : float
        The share of the prices that a snapshot covered, 0 to 1: with less than that left on a
        side, a new snapshot is asked for.

    Attributes
    ----------
    state : str
        ``connecting, syncing, live, gap, stale`` or ``closed``.
    detail, advice : str
        Why it is not live, and what to do; empty when it is.
    book : Book
        Empty unless the state is ``live``.
    trade, mark : Trade or Mark, optional
        The newest.
    changed_at : int
        Local time of the newest change of the book, ns; 0 before the first.
    refused : Counter
        Frames that were not used, by name.
    warming : bool
        Whether the simulator plays its past, faster than it was.
    """

    def __init__(
        self,
        venue: Venue,
        *,
        levels: int = 50,
        capacity: int | None = None,
        interval: float = 0.1,
        strict: bool = False,
        refresh_at: float = 0.5,
    ) -> None:
        check("levels", levels, 1, 1000, whole=True)
        check("interval", interval, 0, 3600)
        check("refresh_at", refresh_at, 0, 1)
        compiling.start()
        self.venue = venue
        self.instrument = Instrument(venue.name, venue.symbol, venue.label)
        self.state: State = "connecting"
        self.detail = ""
        self.advice = ""
        self._refresh_at = refresh_at
        self.book = self._new_book()
        self.trade: Trade | None = None
        self.mark: Mark | None = None
        self.changed_at = 0
        self._time = 0  # event time of that change
        self.refused: Counter[str] = Counter()
        self.warming = False
        self.interval = interval
        self._writer = HistoryWriter(
            self.instrument, levels=levels, capacity=capacity, interval=interval, strict=strict
        )

    def _new_book(self) -> Book:
        return Book(window=self.venue.window, refresh_at=self._refresh_at)

    def history(self) -> History:
        """Return the book states so far."""
        return self._writer.history()

    def imbalance(self, settings: Settings | Parameters) -> float:
        """Return the imbalance of the newest state: NaN when the book is not in sync.

        The last of `obi_widgets.imbalance` over the history, once that state's interval is over;
        without making a history. For the thread that owns the market.
        """
        return self._writer.imbalance(Parameters.of(settings))

    def end(self, detail: str, advice: str) -> None:
        """Take note that nothing follows: the last state stands, and is no gap."""
        self.state, self.detail, self.advice = "closed", detail, advice
        self._writer.flush()

    def explain(self, detail: str, advice: str) -> None:
        """Say why there is no book yet, and what to do. Of one that is there nothing changes."""
        if self.state != "closed" and not (self.book.bids.count or self.book.asks.count):
            self.detail, self.advice = detail, advice

    def venue_clock(self, date: int, now: int) -> None:
        """Take note of the venue's clock, ns UTC, as an answer told it."""

    def tick(self, now: int) -> list[Reply]:
        """Take note of the local time; return what is to be sent."""
        self._writer.tick(now)
        return self.handle(self.venue.tick(now), now)

    def receive(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Reply]:
        """Take a frame of a websocket; return what is to be sent."""
        if self.state == "live" and socket == BOOK:
            time = self.venue.follow(frame, now, self.book)
            if time is not None:
                return self._keep(time, now)
        return self.handle(self.venue.received(frame, now, socket), now)

    def skim(self, data: bytes, at: int) -> tuple[int, int, int]:
        """Take lines of a recording for as long as they are plain.

        It comes to the same as a `tick` and the frame of each.

        Parameters
        ----------
        data : bytes
            Whole lines.
        at : int
            Where the first one begins.

        Returns
        -------
        tuple of int
            Where the first line begins that was not taken; how many were; their greatest time.
        """
        lines, newest = 0, 0
        while self.state == "live":
            read = self.venue.skim(data, at, self._writer.due(), self.book)
            at, lines, newest = read.at, lines + read.lines, max(newest, read.now)
            self.handle(read.outputs, read.now)
            if read.changed is None:
                break
            self._keep(read.changed, read.now)
        return at, lines, newest

    def handle(self, outputs: Iterable[Output], now: int) -> list[Reply]:
        """Apply events; return the replies among them, and those that the events call for."""
        replies: list[Reply] = []
        for output in outputs:
            if self.state == "closed":
                break  # a socket that is lost after the end opens nothing again
            match output:  # what comes often first: a look at a Struct's kind takes a while
                case Delta() | Snapshot():
                    replies += self._change(output, now)
                case Connect() | Reconnect() | Send() | Fetch():
                    replies.append(output)
                case Trade():
                    self.trade = output
                case Mark():
                    self.mark = output
                case Status():
                    self._lose(output)
                case Refused():
                    self.refused[output.name] += output.count
                case Splice():
                    replies += self._splice(output, now)
                case Instrument():
                    self.instrument = output
                    self._writer.describe(output)
        return replies

    def _change(self, event: Snapshot | Delta, now: int) -> list[Reply]:
        if not isinstance(event, Delta):
            self.book.replace(event.bids, event.asks, event.limit)
        elif self.state == "live":
            self.book.apply(event.bids, event.asks)
        else:
            return []  # continues a book that has been thrown away
        return self._keep(event.time, now)

    def _splice(self, event: Splice, now: int) -> list[Reply]:
        """Widen what is known of a book in sync; its levels stay what they are."""
        if self.state != "live":
            return []
        rebuilt, picture = self._new_book(), event.snapshot
        rebuilt.replace(picture.bids, picture.asks, picture.limit)
        for delta in event.deltas:
            rebuilt.apply(delta.bids, delta.asks)
        if self.book.splice(rebuilt):
            return []
        differs = "a newer snapshot has other levels than the book"
        return self.handle(self.venue.resync(differs, now), now)

    def _keep(self, time: int, now: int) -> list[Reply]:
        """Keep the state that the book is in, unless it cannot be."""
        book = self.book
        if book.crossed:
            crossed = f"best bid {book.bids.best:g} is not below ask {book.asks.best:g}"
            return self.handle(self.venue.resync(crossed, now), now)
        if book.unknown:
            left = "the price left the range that the snapshot covered"
            return self.handle(self.venue.resync(left, now), now)
        ahead = (time - self._time) - max(now - self.changed_at, 0)
        if self.state == "live" and ahead > AHEAD:  # event time never goes back: it would stay
            jumped = f"its event time went {ahead / 1e9:,.0f} s ahead of the clock here"
            return self.handle(self.venue.resync(jumped, now), now)
        try:
            self._writer.append(time, now, book)
        except LevelError as error:
            refused = Refused(now, "level that cannot be held", str(error))
            why = f"the {error.what[4:-1]}"  # its sentence, as the end of another
            return self.handle([refused, *self.venue.resync(why, now)], now)
        self._time = time
        if self.state != "live":
            self.state, self.detail, self.advice = "live", "", ""
        self.changed_at = now
        return self.handle(self.venue.refresh(now), now) if book.wants_snapshot else []

    def _lose(self, status: Status) -> None:
        if self.state == "live":
            self._writer.gap(status.received)
        self.book.clear()
        self.state, self.detail, self.advice = status.state, status.detail, status.advice
