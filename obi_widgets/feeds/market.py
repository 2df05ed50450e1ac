"""The market of one symbol: its state, its book and its history, kept from a venue's events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.checks import flag, integer, number
from obi_widgets.feeds.book_builder import BookBuilder
from obi_widgets.feeds.clocks import Lag
from obi_widgets.feeds.health.monitor import MILLISECOND
from obi_widgets.feeds.health.of_market import health_of
from obi_widgets.feeds.promise import ALWAYS, OVERLOOKED, Promise
from obi_widgets.market_data.events import CURRENT, Clock
from obi_widgets.market_data.venues.replies import BOOK, FOREVER, SECOND, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.feeds.health.health import Health
    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import State
    from obi_widgets.market_data.venues.base import Venue
    from obi_widgets.market_data.venues.many_frames import Frames
    from obi_widgets.market_data.venues.replies import Output


class Market(BookBuilder):
    """Applies the events of a venue in order, and keeps the book and its history.

    Live, replayed and simulated data all pass through it. One thread owns it; ``history()`` may be
    called from any thread.

    Parameters
    ----------
    venue : Venue
        The decoder.
    levels, capacity, interval
        See `HistoryWriter`; 1 to 1,000 levels, and 0 to 3,600 s.
    strict : bool
        See `History`.
    refresh_at : float
        A new snapshot is requested when less than this fraction, 0 to 1, of the range of prices
        that the last one covered is left on a side.

    Attributes
    ----------
    state : str
        ``connecting``, ``syncing``, ``live``, ``unverified``, ``gap``, ``stale`` or ``closed``. It
        is ``unverified`` in place of ``live`` if the source gives no sequence to check its books
        by. It is ``stale`` if data are late; the book and the history then continue. It is
        ``syncing`` while a simulated past is played. It is judged when it is read: a feed that
        cannot look at its market, since the process is busy, leaves it ``stale`` and not ``live``.
    detail, advice : str
        Why the state is another one, and what to do. In ``live`` and ``unverified``: what the user
        should know.
    book : Book
        The book. Empty unless it is in sync.
    has_book : bool
        Whether the newest state of the history is the newest book of the venue: in ``live``, and
        ``unverified``, and in ``stale`` if data are only late. False while a past is played.
    changed_at : int
        Wall-clock time of the newest change of the book, ns; 0 before the first.
    snapshot_id : int or None
        The venue's number of the snapshot that the book began with; 0 if it gives none, None
        before the first. Where each book is whole, that of the newest book.
    refused : Counter
        Number of frames that were not used, by name.
    unused : tuple of str
        After a replay: sentences about the parts of the recording that were not used.
    failures : int
        Number of messages whose handling raised an unexpected error.
    messages, bytes : int
        Number of frames or books received, and of their bytes; books as objects have none.
    monitor : Monitor
        What `health` is made of.

    Notes
    -----
    Times in arguments are wall-clock times, ns UTC. Durations are measured by a steady clock; see
    `obi_widgets.feeds.clocks`.
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
        levels = integer("levels", levels, 1, 1000)
        interval = number("interval", interval, 0, 3600, "seconds")
        refresh_at = number("refresh_at", refresh_at, 0, 1)
        strict = flag("strict", strict)
        super().__init__(venue, levels, capacity, interval, strict=strict, refresh_at=refresh_at)
        self._promise = ALWAYS
        self._told_over = False  # whether the timeline knows that the promise is over

    # -- the state, when it is read --------------------------------------------------------

    @property
    def state(self) -> State:
        """The state now."""
        return "stale" if self._is_unheard else self._state

    @property
    def detail(self) -> str:
        """Why it is so."""
        return self._promise.reason(self.venue.label) if self._is_unheard else self._detail

    @property
    def advice(self) -> str:
        """What to do about it."""
        return "" if self._is_unheard else self._advice

    @property
    def _is_unheard(self) -> bool:
        """Whether the newest look found the book current, and does not hold any more."""
        return self._state in CURRENT and self._promise.is_over

    def vouch(self, silent: int, overlooked: int = OVERLOOKED) -> None:
        """Say until when the state holds. A feed calls it each time that it has looked.

        Parameters
        ----------
        silent : int
            Time from now until the source is silent for longer than usual, ns; negative if it is.
        overlooked : int
            Time from now after which another look is missed, ns.
        """
        self._note_over()
        self._promise = Promise.given(min(silent, overlooked), self._clocks.steady_now)
        self._note_over()

    def _show(self, state: State, detail: str, advice: str, at: int) -> None:
        self._note_over()  # before the state that follows
        super()._show(state, detail, advice, at)

    def _note_over(self) -> None:
        """Let the timeline have the time for which nothing was promised."""
        if (over := self._is_unheard) == self._told_over:
            return
        self._told_over = over
        timeline = self.monitor.timeline
        if over:
            timeline.turn("stale", self.detail, self._promise.ended_at)
        elif self._state in CURRENT:  # else, another state has come meanwhile
            timeline.turn(self._state, self._detail, self._clocks.steady_now)

    def history(self) -> History:
        """Return the book states so far, with notes about them."""
        return self._writer.history(self.notes)

    # -- clocks ----------------------------------------------------------------------------

    @property
    def capacity(self) -> int | None:
        """The number of states that are kept at least; None for all."""
        return self._writer.capacity

    @property
    def lag(self) -> Lag:
        """The lag of the newest event, in seconds."""
        return self._clocks.lag

    @property
    def warming(self) -> bool:
        """Whether a past is being played as fast as possible, so that the lag means nothing."""
        return self._clocks.warming

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about the clocks, and about data that were not used."""
        return (self._clocks.note, *self.unused) if self._clocks.note else self.unused

    @property
    def steady_now(self) -> int:
        """The newest time of the steady clock, ns; 0 before the first."""
        return self._clocks.steady_now

    def age(self, now: int) -> float:
        """Return the seconds since the newest change of the book; NaN before the first."""
        if not self.changed_at:
            return float("nan")
        return max(now + self._clocks.shift - self._changed_at, 0) / 1e9

    def clock_was_set(self, by: int) -> None:
        """Handle a wall clock that was set ahead by ``by`` ns; back if negative."""
        self._clocks.clock_was_set(by)
        self.monitor.clock_was_set(self._clocks.steady_now, self._clocks.minimum)
        self._writer.set_back()
        self._writer.flush()  # an interval that is open would end by the old clock

    def set_venue_time(self, time: int, now: int) -> None:
        """Store the venue's time, ns UTC, of an answer received at ``now``."""
        self._clocks.set_venue_time(time, now)
        self.venue.set_venue_time(time, self._steady(now))

    def read_clock(self, now: int) -> int:
        """Return the steady time at ``now``, ns."""
        return self._steady(now)

    # -- events of the feed ----------------------------------------------------------------

    def end(self, detail: str, advice: str) -> None:
        """Close the market: no data follow. Its last state stays, and no gap is recorded."""
        self._look(self._clocks.steady_now)
        self._show("closed", detail, advice, self._clocks.steady_now)
        self._in_sync = self.has_book = False
        self._writer.flush()

    def stream_trades(self) -> None:
        """Note that the source sends trades, so that no trade means that nobody traded."""
        self._writer.tape.trades.streamed = True

    def settle(self) -> None:
        """Keep the newest state now, although its interval is not over."""
        self._writer.flush()

    def overdue(self, detail: str, now: int) -> None:
        """Show that no book has come for long. The book stays, and the next one is live again."""
        if self._state in CURRENT or self._state == "stale":
            self._show("stale", detail, "", now + self._clocks.shift)

    def explain(self, detail: str, advice: str) -> None:
        """Show why there is no book yet, and what to do. It changes nothing if there is a book."""
        if self._state != "closed" and not self._in_sync:
            self._detail, self._advice = detail, advice

    def start(self, now: int) -> list[Reply]:
        """Start; return the first requests."""
        return self.handle(self.venue.start(self._steady(now)), now)

    def connected(self, socket: str, now: int) -> list[Reply]:
        """Handle the opening of a websocket; return the requests that follow."""
        return self.handle(self.venue.connected(socket, self._steady(now)), now)

    def disconnected(self, socket: str, reason: str, now: int) -> list[Reply]:
        """Handle the loss of a websocket, or one that could not be opened."""
        self.note_lost(socket)
        return self.handle(self.venue.disconnected(socket, reason, self._steady(now)), now)

    def note_lost(self, socket: str) -> None:
        """Note that a websocket brings nothing: if it is that of trades, the book goes on alone."""
        if socket != BOOK and "trades" in self.venue.streams:
            self._writer.lose_trades()

    def ponged(self, socket: str, now: int) -> list[Reply]:
        """Handle the answer to a ping."""
        return self.handle(self.venue.ponged(socket, self._steady(now)), now)

    def fetched(
        self,
        name: str,
        status: int,
        body: str | bytes,
        now: int,
        date: int | None = None,
        took: int | None = None,
    ) -> list[Reply]:
        """Handle an answer by HTTP; ``date`` and ``took`` are those of `Record`."""
        steady = self._steady(now)
        if date is not None:
            self.set_venue_time(date, now)
        try:
            outputs = self.venue.fetched(name, status, body, steady)
        except Exception as error:  # noqa: BLE001 logged there
            return self.fail(error, now)
        self.bound_clock(outputs, now, date, took)
        return self.handle(outputs, now)

    def tick(self, now: int) -> list[Reply]:
        """Check timeouts and intervals; return the requests that follow."""
        steady = self._steady(now)
        try:
            if steady >= self.monitor.due:
                self._look(steady)
            self._writer.tick(now)
            outputs = self.venue.tick(steady)
        except Exception as error:  # noqa: BLE001 logged there
            return self.fail(error, now)
        replies = self.handle(outputs, now) if outputs else []
        self._show_note(steady)
        return replies

    def receive(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Reply]:
        """Handle a frame of a websocket; return the requests that follow."""
        steady = self._steady(now)
        self.messages += 1
        self.bytes += len(frame)
        try:
            if self._in_sync:
                trades = self._writer.tape.trades
                if socket != BOOK:
                    if now >= trades.newest and self.venue.apply_trade(frame, now, trades):
                        return []
                elif (time := self.venue.apply_frame(frame, steady, self.book)) is not None:
                    return self._keep(time, now, steady)
            return self._apply(self.venue.received(frame, steady, socket), now)
        except Exception as error:  # noqa: BLE001 logged there
            return self.fail(error, now, socket)

    def receive_many(self, frames: Frames, at: int, until: int = FOREVER) -> tuple[int, int]:
        """Handle many frames, up to one that compiled code cannot apply.

        The effect is that of `tick` and `receive` for each frame.

        Parameters
        ----------
        frames : Frames
            Frames of any websocket of the venue.
        at : int
            Index of the first frame.
        until : int
            It stops at a frame whose receive time is not before this one, ns.

        Returns
        -------
        at : int
            Index of the first frame that was not handled.
        newest : int
            Greatest receive time of those that were, ns; 0 if there were none.
        """
        newest, clocks, first = 0, self._clocks, at
        trades = self._writer.tape.trades
        while self._in_sync and not clocks.shift:
            now = max(clocks.steady_now, trades.newest)
            try:
                if now >= self.monitor.due:
                    next_second = frames.before(self.monitor.due, first, at)
                    self._received(frames, first, next_second)
                    first = next_second
                    self._look(now)
                due = min(self._writer.due(), until)
                applied = self.venue.apply_frames(frames, at, now, due, self.book, trades)
                at, now = applied.at, applied.now
                newest = max(newest, now)
                if applied.outputs:
                    self._apply(applied.outputs, now)
                if applied.changed is None:
                    break
                self._keep(applied.changed, now, self._steady(now))
            except Exception as error:  # noqa: BLE001 logged there
                self.fail(error, now)
                break
        self._received(frames, first, at)
        return at, newest

    def handle(self, outputs: Iterable[Output], now: int) -> list[Reply]:
        """Apply events; return the requests among them, and those that the events cause."""
        try:
            if now + self._clocks.shift >= self.monitor.due:
                self._look(self._steady(now))
            return self._apply(outputs, now)
        except Exception as error:  # noqa: BLE001 logged there
            return self.fail(error, now)

    # -- health ----------------------------------------------------------------------------

    def health(self, now: int) -> Health:
        """Return the health of the feed at ``now``, as far as the market knows it."""
        over_at = self._promise.ended_at if self._is_unheard else None
        return health_of(self, self._clocks, now, in_sync=self._in_sync, over_at=over_at)

    def _received(self, frames: Frames, first: int, last: int) -> None:
        """Count frames, of which the last is none."""
        self.messages += last - first
        self.bytes += frames.size(first, last)

    def _look(self, steady: int) -> None:
        """Count what came in the last second."""
        clocks = self._clocks
        self.monitor.look(steady, clocks.shift, clocks.minimum, self.messages, self.bytes)

    def bound_clock(
        self, outputs: Iterable[Output], now: int, date: int | None, took: int | None
    ) -> None:
        """Note how far the wall clock is ahead at least: an answer is later than its request.

        Parameters
        ----------
        outputs : iterable
            What the venue made of the answer.
        now : int
            When it was received, ns UTC.
        date, took : int, optional
            See `Record`. Without them, the answer says nothing.
        """
        told = next((one.time for one in outputs if isinstance(one, Clock)), None)
        time, resolution = (date, SECOND) if told is None else (told, MILLISECOND)
        if time is not None and took is not None:
            low = now - took - time - resolution
            self.monitor.bound(low, now + self._clocks.shift)
