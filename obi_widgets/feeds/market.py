"""One symbol as its events tell it: the state of the feed, the book, and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.checks import flag, integer, number
from obi_widgets.feeds.clocks import Lag
from obi_widgets.feeds.keeper import Keeper
from obi_widgets.market_data.venues.replies import BOOK, FOREVER, Reply
from obi_widgets.settings.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.history.columns import History
    from obi_widgets.market_data.venues.base import Frames, Venue
    from obi_widgets.market_data.venues.replies import Output
    from obi_widgets.settings.settings import Settings


class Market(Keeper):
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
        though the book is kept and the history goes on. While the simulator's past is played the
        state is ``syncing``.
    detail, advice : str
        Why it is not live, and what to do; what is to be known though it is.
    book : Book
        Empty unless it is in sync.
    has_book : bool
        Whether the newest state of the history is the venue's book as far as it has come: in
        ``live``, and in ``stale`` where data only come late. Never while a past is played.
    changed_at : int
        Local time of the newest change of the book, ns; 0 before the first.
    refused : Counter
        Frames that were not used, by name.
    unused : tuple of str
        What of a recording was not used, once it has been played: a sentence each.
    failures : int
        How often something that came could not be used for a reason that nobody foresaw.

    Notes
    -----
    Times that are given are the wall clock's. What is measured in seconds is measured by a
    steady clock: see `obi_widgets.feeds.clocks`.
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
        self._parameters: Parameters | None = None  # that `signal` was last asked for

    def history(self) -> History:
        """Return the book states so far, with what is to be known of them."""
        return self._writer.history(self.notes)

    def signal(self, settings: Settings | Parameters) -> float:
        """Return the signal of the newest state: NaN when the book is not in sync.

        The last value of the settings' signal over the history, once that state's interval is
        over. For the thread that owns the market.
        """
        if settings is not self._parameters:  # those never change; settings may
            parameters = Parameters.of(settings)
            if parameters is not self._parameters:
                self._parameters = parameters
                self._newest_signal = parameters.signal.newest_by(dict(parameters.values))
        return self._newest_signal(self._writer)

    # -- clocks ----------------------------------------------------------------------------

    @property
    def capacity(self) -> int | None:
        """How many states are kept at least; None for all."""
        return self._writer.capacity

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
        """What is to be known of the clocks, and of what was not used, in sentences."""
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
        """Take note that the wall clock was set, by so many ns ahead; or back, below 0."""
        self._clocks.clock_was_set(by)
        self._writer.set_back()
        self._writer.flush()  # what it waited for is told by that clock

    def set_venue_time(self, time: int, now: int) -> None:
        """Take note of what the venue's clock said in an answer that has just come, ns UTC."""
        self._clocks.set_venue_time(time, now)
        self.venue.set_venue_time(time, self._steady(now))

    # -- what happens ----------------------------------------------------------------------

    def end(self, detail: str, advice: str) -> None:
        """Take note that nothing follows: the last state stands, and is no gap."""
        self.state, self.detail, self.advice = "closed", detail, advice
        self._in_sync = self.has_book = False
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
            self.set_venue_time(date, now)
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
                time = self.venue.apply_frame(frame, steady, self.book)
                if time is not None:
                    return self._keep(time, now, steady)
            return self._apply(self.venue.received(frame, steady, socket), now)
        except Exception as error:  # noqa: BLE001 logged there
            return self._failed(error, now, socket)

    def receive_many(self, frames: Frames, at: int, until: int = FOREVER) -> tuple[int, int]:
        """Take many frames for as long as they are plain.

        It comes to the same as a `tick` and a `receive` for each.

        Parameters
        ----------
        frames : Frames
            Of whichever websocket.
        at : int
            The first one to take.
        until : int
            The receive time from which on a frame is not believed, and left.

        Returns
        -------
        tuple of int
            The first frame that was not taken; the greatest time of those that were, ns.
        """
        newest, clocks = 0, self._clocks
        trades = self._writer.tape.trades
        while self._in_sync and not clocks.shift:
            now = max(clocks.steady_now, trades.newest)
            try:
                due = min(self._writer.due(), until)
                read = self.venue.apply_frames(frames, at, now, due, self.book, trades)
                at, now = read.at, read.now
                newest = max(newest, now)
                if read.outputs:
                    self._apply(read.outputs, now)
                if read.changed is None:
                    break
                self._keep(read.changed, now, self._steady(now))
            except Exception as error:  # noqa: BLE001 logged there
                self._failed(error, now)
                break
        return at, newest

    def handle(self, outputs: Iterable[Output], now: int) -> list[Reply]:
        """Apply events; return the replies among them, and those that the events call for."""
        try:
            return self._apply(outputs, now)
        except Exception as error:  # noqa: BLE001 logged there
            return self._failed(error, now)
