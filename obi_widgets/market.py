"""One symbol as its events tell it: the state of the feed, the book, and their history."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

import msgspec

from obi_widgets.book import Book
from obi_widgets.clocks import Clocks, Lag
from obi_widgets.errors import LevelError, SettingsError
from obi_widgets.events import (
    Clock,
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
from obi_widgets.venues.base import (
    BOOK,
    FOREVER,
    SECOND,
    Connect,
    Fetch,
    Ping,
    Reconnect,
    Reply,
    Send,
    text,
)
from obi_widgets.writer import HistoryWriter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.history import History
    from obi_widgets.settings import Settings
    from obi_widgets.venues.base import Output, Venue

log = logging.getLogger(__name__)

DISORDER = SECOND
"""What event time may go back by from one change to the next: it is recorded as no change."""

Happened = TypeVar("Happened", Trade, Mark)

MOST_NAMES = 100
"""Names of refused frames that are counted apart: a venue may make them up."""


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
        ``connecting, syncing, live, gap, stale`` or ``closed``. Data that come late are stale,
        though the book is kept and the history goes on.
    detail, advice : str
        Why it is not live, and what to do; what is to be known though it is.
    book : Book
        Empty unless it is in sync.
    trade, mark : Trade or Mark, optional
        The newest.
    changed_at : int
        Local time of the newest change of the book, ns; 0 before the first.
    refused : Counter
        Frames that were not used, by name.
    failures : int
        How often something that came could not be used for a reason that nobody foresaw.

    Notes
    -----
    Times that are given are the wall clock's. What is measured in seconds is measured by a
    steady clock: see `obi_widgets.clocks`.
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
        self._clocks = Clocks(venue.label, asks=venue.can_ask, warming=venue.warms_up)
        self._changed_at = 0  # by the steady clock
        self._in_sync = False
        self._newest = 0  # event time of the newest state that was recorded
        self._behind = False  # whether event times are still before that
        self.refused: Counter[str] = Counter()
        self.failures = 0
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

    # -- clocks ----------------------------------------------------------------------------

    @property
    def lag(self) -> Lag:
        """How late the newest event came, above its own least and absolutely, in seconds."""
        return self._clocks.lag

    @property
    def warming(self) -> bool:
        """Whether a past is being played as fast as possible, so that lag says nothing."""
        return self._clocks.warming

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of the clocks, in sentences."""
        return (self._clocks.note,) if self._clocks.note else ()

    def age(self, now: int) -> float:
        """Return the seconds since the newest change of the book; NaN before the first."""
        if not self.changed_at:
            return float("nan")
        return max(now + self._clocks.shift - self._changed_at, 0) / 1e9

    def stepped(self, by: int) -> None:
        """Take note that the wall clock was set, by so many ns ahead; or back, below 0."""
        self._clocks.stepped(by)
        self._writer.flush()  # what it waited for is told by that clock

    def venue_clock(self, time: int, now: int) -> None:
        """Take note of what the venue's clock said in an answer that has just come, ns UTC."""
        self._clocks.told(time, now)
        self.venue.told(time, self._steady(now))

    # -- what happens ----------------------------------------------------------------------

    def end(self, detail: str, advice: str) -> None:
        """Take note that nothing follows: the last state stands, and is no gap."""
        self.state, self.detail, self.advice = "closed", detail, advice
        self._in_sync = False
        self._writer.flush()

    def explain(self, detail: str, advice: str) -> None:
        """Say why there is no book yet, and what to do. Of one that is there nothing changes."""
        if self.state != "closed" and not self._in_sync:
            self.detail, self.advice = detail, advice

    def start(self, now: int) -> list[Reply]:
        """Begin; return what is to be connected to and fetched first."""
        return self.handle(self.venue.start(self._steady(now)), now)

    def connected(self, socket: str, now: int) -> list[Reply]:
        """Take note that a websocket is open; return what is to be sent."""
        return self.handle(self.venue.connected(socket, self._steady(now)), now)

    def disconnected(self, socket: str, reason: str, now: int) -> list[Reply]:
        """Take note that a websocket was lost, or could not be opened."""
        return self.handle(self.venue.disconnected(socket, reason, self._steady(now)), now)

    def ponged(self, socket: str, now: int) -> list[Reply]:
        """Take note that a ping was answered."""
        return self.handle(self.venue.ponged(socket, self._steady(now)), now)

    def fetched(
        self, name: str, status: int, body: str | bytes, now: int, date: int | None = None
    ) -> list[Reply]:
        """Take an answer by HTTP, and what its header ``Date`` said, ns UTC."""
        steady = self._steady(now)
        if date is not None:
            self.venue_clock(date, now)
        try:
            outputs = self.venue.fetched(name, status, body, steady)
        except Exception as error:  # noqa: BLE001 logged there
            return self._failed(error, now)
        return self.handle(outputs, now)

    def tick(self, now: int) -> list[Reply]:
        """Take note of the local time; return what is to be sent."""
        steady = self._steady(now)
        try:
            self._writer.tick(now)
            outputs = self.venue.tick(steady)
        except Exception as error:  # noqa: BLE001 logged there
            return self._failed(error, now)
        return self.handle(outputs, now) if outputs else []

    def receive(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Reply]:
        """Take a frame of a websocket; return what is to be sent."""
        steady = self._steady(now)
        try:
            if self._in_sync and socket == BOOK:
                time = self.venue.follow(frame, steady, self.book)
                if time is not None:
                    return self._keep(time, now, steady)
            return self._apply(self.venue.received(frame, steady, socket), now)
        except Exception as error:  # noqa: BLE001 logged there
            return self._failed(error, now, socket)

    def skim(self, data: bytes, at: int, until: int = FOREVER) -> tuple[int, int, int]:
        """Take lines of a recording for as long as they are plain.

        It comes to the same as a `tick` and the frame of each.

        Parameters
        ----------
        data : bytes
            Whole lines.
        at : int
            Where the first one begins.
        until : int
            The receive time from which on a line is not believed, and left.

        Returns
        -------
        tuple of int
            Where the first line begins that was not taken; how many were; their greatest time.
        """
        lines, newest, clocks = 0, 0, self._clocks
        while self._in_sync and not clocks.shift:
            now = clocks.steady_now
            try:
                due = min(self._writer.due(), until)
                read = self.venue.skim(data, at, now, due, self.book)
                at, lines, now = read.at, lines + read.lines, read.now
                newest = max(newest, now)
                if read.outputs:
                    self._apply(read.outputs, now)
                if read.changed is None:
                    break
                self._keep(read.changed, now, self._steady(now))
            except Exception as error:  # noqa: BLE001 logged there
                self._failed(error, now)
                break
        return at, lines, newest

    def handle(self, outputs: Iterable[Output], now: int) -> list[Reply]:
        """Apply events; return the replies among them, and those that the events call for."""
        try:
            return self._apply(outputs, now)
        except Exception as error:  # noqa: BLE001 logged there
            return self._failed(error, now)

    def _steady(self, now: int) -> int:
        """Return the steady time; note where the wall clock was set back."""
        clocks = self._clocks
        steady = now + clocks.shift
        if steady >= clocks.steady_now:
            clocks.steady_now = steady
            return steady
        shift = clocks.shift
        steady = clocks.read(now)
        if clocks.shift != shift:
            self._writer.flush()
        return steady

    def _apply(self, outputs: Iterable[Output], now: int) -> list[Reply]:
        replies: list[Reply] = []
        for output in outputs:
            if self.state == "closed":
                break  # a socket that is lost after the end opens nothing again
            match output:  # what comes often first: a look at a Struct's kind takes a while
                case Delta() | Snapshot():
                    replies += self._change(output, now)
                case Refused():
                    self._refuse(output.name, output.count)
                case Trade():
                    self.trade = self._by_wall_clock(output, now)
                case Connect() | Reconnect() | Send() | Fetch() | Ping():
                    replies.append(output)
                case Mark():
                    self.mark = self._by_wall_clock(output, now)
                case Clock():
                    self.venue_clock(output.time, now)
                case Splice():
                    replies += self._splice(output, now)
                case Status():
                    self._lose(output, now)
                case Instrument():
                    self.instrument = output
                    self._writer.describe(output)
        return replies

    def _by_wall_clock(self, event: Happened, now: int) -> Happened:
        return msgspec.structs.replace(event, received=now) if self._clocks.shift else event

    def _refuse(self, name: str, count: int = 1) -> None:
        if name not in self.refused and len(self.refused) >= MOST_NAMES:
            name = "other names"
        self.refused[name] += count

    def _failed(self, error: Exception, now: int, socket: str = BOOK) -> list[Reply]:
        """Take note that something could not be used, whatever the reason; get a new book.

        What a venue sends never ends the feed: this is the seam where that is made sure.
        """
        self.failures += 1
        name = f"failed: {type(error).__name__}"
        if name not in self.refused:
            log.error("What %s sent could not be used.", self.venue.label, exc_info=error)
        self._refuse(name)
        if socket != BOOK:
            return []
        why = f"what came could not be used ({type(error).__name__}: {text(str(error), 80)})"
        try:
            return self._apply(self.venue.resync(why, self._steady(now)), now)
        except Exception:
            log.exception("The book of %s could not be given up.", self.venue.symbol)
            self._in_sync = False
            self.book = self._new_book()
            self.state, self.detail = "gap", f"The book was thrown away: {why}."
            self.advice = "Connecting again."
            return [Reconnect(BOOK, why)]

    # -- the book --------------------------------------------------------------------------

    def _change(self, event: Snapshot | Delta, now: int) -> list[Reply]:
        whole = not isinstance(event, Delta)
        if not isinstance(event, Delta):
            self.book.replace(event.bids, event.asks, event.limit)
        elif self._in_sync:
            self.book.apply(event.bids, event.asks)
        else:
            return []  # continues a book that has been thrown away
        return self._keep(event.time, now, self._steady(now), whole=whole)

    def _splice(self, event: Splice, now: int) -> list[Reply]:
        """Widen what is known of a book in sync; its levels stay what they are."""
        if not self._in_sync:
            return []
        rebuilt, picture = self._new_book(), event.snapshot
        rebuilt.replace(picture.bids, picture.asks, picture.limit)
        for delta in event.deltas:
            rebuilt.apply(delta.bids, delta.asks)
        if self.book.splice(rebuilt):
            return []
        differs = "a newer snapshot has other levels than the book"
        return self._apply(self.venue.resync(differs, self._steady(now)), now)

    def _keep(self, time: int, now: int, steady: int, *, whole: bool = False) -> list[Reply]:
        """Keep the state that the book is in, unless it cannot be."""
        book = self.book
        if book.crossed:
            crossed = f"best bid {book.bids.best:g} is not below ask {book.asks.best:g}"
            return self._apply(self.venue.resync(crossed, steady), now)
        if book.unknown:
            left = "the price left the range that the snapshot covered"
            return self._apply(self.venue.resync(left, steady), now)
        clocks = self._clocks
        self.changed_at, self._changed_at = now, steady
        if (
            clocks.low <= steady - time <= clocks.high
            and steady < clocks.until
            and time >= self._newest
            and self.state == "live"
            and not whole
        ):
            clocks.time, clocks.steady = time, steady
            return self._record(time, now, steady)
        return self._judge(time, now, steady, whole=whole)

    def _record(self, time: int, now: int, steady: int) -> list[Reply]:
        """Write the book's state to the history; ask for more of the book when little is known."""
        try:
            self._writer.append(time, now, self.book)
        except LevelError as error:
            self._refuse("level that cannot be held")
            why = f"the {error.what[4:-1]}"  # its sentence, as the end of another
            return self._apply(self.venue.resync(why, steady), now)
        self._newest = max(self._newest, time)
        if self.book.wants_snapshot:
            return self._apply(self.venue.refresh(steady), now)
        return []

    def _judge(self, time: int, now: int, steady: int, *, whole: bool) -> list[Reply]:
        """Keep the state when its time can be; say how far it can be trusted."""
        judged = self._clocks.judge(time, steady, whole=whole)
        if judged.broken:
            return self._apply(self.venue.resync(judged.broken, steady), now)
        self._in_sync = True
        stale = judged.stale
        replies: list[Reply] = []
        if time < self._newest - (0 if self._behind else DISORDER):
            if not self._behind:
                self._behind = True
                self._writer.gap(now)
            before = (self._newest - time) / 1e9
            stale = stale or f"Its event times are {before:,.1f} s before those that came already."
        elif judged.kept:
            self._behind = False
            replies = self._record(time, now, steady)
            if not self._in_sync:
                return replies
        if stale:
            self.state, self.detail, self.advice = "stale", stale, ""
        else:
            self.state, self.detail, self.advice = "live", self._clocks.note, ""
        return replies + (self._apply(self.venue.ask_time(steady), now) if judged.ask else [])

    def _lose(self, status: Status, now: int) -> None:
        was_in_sync, self._in_sync = self._in_sync, False
        self.state, self.detail, self.advice = status.state, status.detail, status.advice
        self.book.clear()
        if was_in_sync:
            self._behind = self._newest > 0
            self._writer.gap(now)
