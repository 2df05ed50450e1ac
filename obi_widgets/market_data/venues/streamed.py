"""Venues whose book comes by a websocket: subscribed to, begun by a snapshot, watched, begun again.

A venue's own file says what it sends and what it is sent; what becomes of a book is said here.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from obi_widgets.market_data.events import Refused, Status
from obi_widgets.market_data.venues.account_ratio import RATIO
from obi_widgets.market_data.venues.channels import Channels
from obi_widgets.market_data.venues.connection import Connection
from obi_widgets.market_data.venues.replies import (
    BOOK,
    SECOND,
    Connect,
    Fetch,
    Output,
    Reconnect,
)
from obi_widgets.market_data.venues.wire import DECODE_ERRORS, PAST_TRADE, refused, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from obi_widgets.market_data.events import Delta, Instrument, Snapshot, Trade
    from obi_widgets.market_data.venues.account_ratio import AccountRatio
    from obi_widgets.market_data.venues.sizes import SizeUnit

INSTRUMENT, TIME = "instrument", "time"

KEPT_TRADES = 1000
"""Number of trades, at least, that are recognised when they come again. Their numbers need not
grow: one wrong number must not hide all trades after it."""


class Streamed(Connection):
    """A venue whose book is a snapshot by a websocket, and the changes after it.

    A subclass says

    - what to request of the venue, and how to read it: `_listing`, `_read_listing`;
    - what to send: `_subscription`, `_unsubscription`, `_keep_alive`, and `_ask_for` for each of
      the channels `beside` the book;
    - in `received`, what a frame is. It passes a book to `_begin_book` or `_continue_book`, trades
      to `_traded`, a frame that may have been a book to `_unreadable`, and calls `_give_up` when
      the book is wrong.

    It also calls ``self._channels.there`` and ``refused`` for a channel that the venue confirms, or
    that sends data, or that it refuses; ``self._cadence.heard`` for a sign of life of the book's
    websocket, and ``self._cadence.frame`` for a frame of the book.

    Notes
    -----
    Books are compared by a number that never falls on one connection: the ``sequence`` of their
    events. A venue without one gives the event time instead.
    """

    # Times in ns.
    silence: ClassVar[int] = 35 * SECOND
    ping_every: ClassVar[int] = 15 * SECOND
    """Time between two keep-alives."""
    snapshot_within: ClassVar[int] = 10 * SECOND
    """Longest time from a subscription to the snapshot."""
    quiet_book: ClassVar[int] = 60 * SECOND
    """Time without a frame of the book after which a new snapshot is requested."""
    lively_book: ClassVar[int] = 0
    """The same for a book whose frames come often, in a market that may also be rare: there, the
    time is a few times the longest that was usual. 0 if it is the same for all."""
    most_refused: ClassVar[int] = 3
    """Refused snapshots in a row before it connects again."""
    refused_wait: ClassVar[int] = 10 * SECOND
    """Longest wait between two snapshots that are refused."""

    listing: ClassVar[str] = "list of symbols"
    """What its answer is called in an error."""
    unlisted_by: ClassVar[frozenset[int]] = frozenset()
    """The HTTP statuses that mean that there is no such symbol."""

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self.beside: dict[str, str] = {}
        """What comes by the book's websocket beside the book, and the venue's names of it."""
        self._ratio: AccountRatio | None = None  # of long to short accounts, if it has one
        self._channels = Channels(self.label)
        self._unit: SizeUnit | None = None  # of sizes in frames, if the instrument tells it
        self._listed: list[str] | None = None  # all symbols of the venue, if it has said
        self._sequence: int | None = None  # number of the book; None while waiting for a snapshot
        self._seen = -1  # greatest number on this connection
        self._seen_time = 0  # newest event time of the book on it, ns
        self._subscribed_at = 0
        self._again_at = 0  # when to subscribe again; 0 if that is not planned
        self._pinged_at = 0
        self._refused = 0  # refused snapshots in a row
        self._trade_id = self._traded_at = 0  # of the newest trade: its number, its receive time
        self._trades_seen: dict[int, None] = {}  # numbers of the newest ones, oldest first
        self._past_trades = True  # whether the next frame of trades may hold past ones

    # -- what a venue says -----------------------------------------------------------------

    @abstractmethod
    def _listing(self, delay: int = 0) -> Fetch:
        """Return the request of the instrument, named `asked_first`."""

    @abstractmethod
    def _read_listing(self, body: str | bytes) -> Instrument | None:
        """Return the instrument, and store the unit of its sizes; None if it is not listed.

        If the answer lists all symbols, they are stored too: an advice names similar ones.

        Raises
        ------
        DECODE_ERRORS
            If the answer cannot be read. It is requested again.
        """

    @abstractmethod
    def _subscription(self) -> list[Output]:
        """Return what subscribes to the book."""

    @abstractmethod
    def _unsubscription(self) -> list[Output]:
        """Return what ends the subscription to the book."""

    def _ask_for(self, name: str) -> list[Output]:  # noqa: ARG002
        """Return what subscribes to something `beside` the book."""
        return []

    @property
    def note(self) -> str:  # noqa: D102
        return self._channels.note

    @abstractmethod
    def _keep_alive(self, socket: str) -> Output:
        """Return what the venue answers at once: it also shows that the connection is alive."""

    def _connects(self) -> list[Output]:
        """Return the websockets to open when the instrument is known."""
        return [Connect(name, self.urls[name]) for name in self.endpoints if name != "rest"]

    def _late(self, waited: int, now: int) -> list[Output]:  # noqa: ARG002
        """Return what else to do about a snapshot that is awaited since ``waited`` ns."""
        return []

    # -- the instrument --------------------------------------------------------------------

    def start(self, now: int) -> list[Output]:  # noqa: D102
        return [Status(now, "connecting", "Reading the instrument."), self._listing()]

    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:  # noqa: D102
        if name == RATIO and self._ratio is not None:
            return self._ratio.fetched(status, body, now)
        if name != self.asked_first:
            return []
        if status in self.unlisted_by:
            return [self.unlisted(now)]
        if status != 200:
            return self.no_answer(self._listing(5 * SECOND), status, body, now)
        try:
            instrument = self._read_listing(body)
        except DECODE_ERRORS as error:
            detail = f"{self.label}'s {self.listing} cannot be read: {text(str(error), 160)}."
            again = self._listing(self._backoff.wait(now))
            return [Status(now, "connecting", detail, "Trying again."), again]
        if instrument is None:
            return [self.unlisted(now, self._listed)]
        return [instrument, *self._connects()]

    # -- subscriptions ---------------------------------------------------------------------

    def _begin(self, now: int) -> list[Output]:
        self._pinged_at = now
        self._seen, self._seen_time, self._refused = -1, 0, 0
        status = Status(now, "syncing", "Waiting for the first snapshot.")
        self._channels.begin(self.beside, now)
        if self._ratio is not None:
            self._ratio.begin(now)
        others = [one for name in self.beside for one in self._ask_for(name)]
        return [status, *self._subscribe(now), *others]

    def _forget(self) -> None:
        self._sequence = None
        self._channels.forget(self.beside)

    def _subscribe(self, now: int, *, again: bool = False) -> list[Output]:
        """Return what makes the venue send a snapshot."""
        self._sequence = None
        self._again_at = 0
        self._subscribed_at = now
        return [*(self._unsubscription() if again else ()), *self._subscription()]

    def resync(self, reason: str, now: int) -> list[Output]:  # noqa: D102
        return self._give_up(reason, now)

    def _give_up(self, reason: str, now: int) -> list[Output]:
        """Throw the book away, and request another one, later and later while they are wrong."""
        had_book, self._sequence = self._sequence is not None, None
        if not self._again_at:
            self._again_at = self._subscribed_at + self._backoff.wait(now, had_book=had_book)
        lost = self.thrown_away(reason, max(self._again_at - now, 0), now)
        if now < self._again_at:
            return [lost]
        return [lost, *self._subscribe(now, again=True)]

    def _unreadable(self, frame: str | bytes, now: int) -> list[Output]:
        """Refuse a frame that may have been the next change, and request a new book."""
        refusal, why = refused(frame, now, "unreadable"), "a frame was unreadable"
        if self._seen < 0:  # there is no number to compare a snapshot with
            detail = f"{self.label}'s first frame was unreadable."
            return [refusal, Status(now, "gap", detail, "Connecting again."), Reconnect(BOOK, why)]
        self._seen += 1
        return [refusal, *self._give_up(why, now)]

    def _reported(self, detail: str, now: int) -> list[Output]:
        """Tell an error that the venue reports. It may be the reason why there is no book."""
        outputs: list[Output] = [Refused(now, "error", detail)]
        if self._sequence is None:
            what = f"{self.label} reports: {detail}."
            outputs.append(Status(now, "gap", what, "Asking again in a few seconds."))
        return outputs

    # -- silence ---------------------------------------------------------------------------

    def tick(self, now: int) -> list[Output]:  # noqa: D102
        if BOOK not in self._open:
            return []
        if "book" in self.unsent:
            self._subscribed_at = now
        if "others" in self.unsent:
            self._channels.not_asked_yet(now)
        looked = self._cadence.look(now)
        if looked == "dead":
            return self._dead(self._cadence.heard_at, now)
        outputs: list[Output] = []
        if now - self._pinged_at > self.ping_every:
            self._pinged_at = now
            outputs += [self._keep_alive(socket) for socket in sorted(self._open)]
        elif looked == "probe":
            outputs.append(self._keep_alive(BOOK))
        if self._again_at:
            if now >= self._again_at:
                outputs += self._subscribe(now, again=True)
        elif self._sequence is None:
            waited = now - self._subscribed_at
            if waited > self.snapshot_within:
                outputs += self._subscribe(now, again=True)
            outputs += self._late(waited, now)
        elif quiet := self._quiet(now - self._cadence.frame_at):
            status = Status(now, "stale", f"No change for {quiet // SECOND} s.")
            outputs += [status, *self._subscribe(now, again=True)]
        if self.can_ask:  # a recording cannot bring what is missing
            for name in self._channels.due(now):
                outputs += self._ask_for(name)
            if self._ratio is not None:
                outputs += self._ratio.ask(now)
        return outputs

    def _quiet(self, silent: int) -> int:
        """Return the longest usual silence of the book, ns; 0 if it is not silent for longer."""
        least = most = self.quiet_book
        if self.can_ask:  # a recording brings no other book
            least = self.lively_book or most
        if silent <= least:
            return 0
        usual = self._cadence.quiet(least, most)
        return usual if silent > usual else 0

    def ponged(self, socket: str, now: int) -> list[Output]:  # noqa: D102
        if socket == BOOK:
            self._cadence.heard(now)
        return []

    # -- books -----------------------------------------------------------------------------

    def _saw(self, number: int, time: int, now: int) -> None:  # noqa: ARG002
        """Store the number and the time of a book event, whether it is used or not."""
        self._seen = max(self._seen, number)
        self._seen_time = max(self._seen_time, time)

    def _begin_book(self, snapshot: Snapshot, now: int) -> list[Output]:
        """Begin the book with a snapshot, unless it is older than what was seen."""
        number, later = snapshot.sequence, snapshot.time > self._seen_time
        self._saw(number, snapshot.time, now)
        if number < self._seen:
            return self._refuse(number, now, later=later)
        self._sequence = number
        self._again_at = self._refused = 0  # the planned subscription is not needed
        self._backoff.book_began(now)
        return [snapshot]

    def _continue_book(self, delta: Delta, previous: int, now: int) -> list[Output]:
        """Continue the book with a change that follows number ``previous``."""
        self._saw(delta.sequence, delta.time, now)
        if self._sequence is None:
            return [Refused(now, "delta before a snapshot")]
        if previous != self._sequence:
            return self._give_up(f"delta {delta.sequence} does not follow {self._sequence}", now)
        self._sequence = delta.sequence
        return [delta]

    def _refuse(self, number: int, now: int, *, later: bool) -> list[Output]:
        """Refuse a snapshot that is older than what was seen; request another, later and later.

        If its number is lower but its time is ``later``, the venue has started a new count.
        """
        why = "snapshot older than what was seen"
        detail = f"it ends at {number}, and {self._seen} had come before"
        refusal = Refused(now, why, detail)
        if self._sequence is not None:  # keep the book
            return [refusal]
        sentence = f"{self.label} sent a {why}: {detail}."
        self._refused += 1
        if later or self._refused >= self.most_refused:
            self._refused = 0
            status = Status(now, "gap", sentence, "Connecting again.")
            return [refusal, status, Reconnect(BOOK, why)]
        wait = min(self._backoff.wait(now), self.refused_wait)
        self._again_at = now + wait
        advice = f"Asking again in {wait // SECOND} s." if self.can_ask else ""
        return [refusal, Status(now, "syncing", sentence, advice)]

    # -- trades ----------------------------------------------------------------------------

    def _traded(self, trades: Iterable[Trade], now: int) -> list[Output]:
        """Return the trades of one frame that are new, in order of their numbers.

        The first frame after a subscription may hold trades of before it. These are refused, unless
        they were missed: they are later than the newest event of the book, which went on meanwhile,
        or than the trade before, since which the book has been in sync.
        """
        outputs: list[Output] = []
        past, self._past_trades = self._past_trades, False
        followed = self._sequence is not None and self._backoff.book_at <= self._traded_at
        before = self._trade_id if followed else 0
        for trade in sorted(trades, key=lambda trade: trade.id):
            if trade.id in self._trades_seen:
                continue
            self._trades_seen[trade.id] = None
            self._trade_id, self._traded_at = trade.id, now
            missed = 0 < self._seen_time < trade.time or 0 < before < trade.id
            outputs.append(trade if missed or not past else Refused(now, PAST_TRADE))
        if len(self._trades_seen) >= 2 * KEPT_TRADES:
            self._trades_seen = dict.fromkeys([*self._trades_seen][-KEPT_TRADES:])
        return outputs
