"""What the venues of Binance have in common: the book, its instrument, trades and mark prices.

The book is a REST snapshot continued by diff-depth events; see `binance_chain` for which events
continue it. The instrument is read first, from ``exchangeInfo``.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from obi_widgets.market_data.events import Clock, Event, Refused, Snapshot, Status, Trade
from obi_widgets.market_data.venues import binance_messages as messages
from obi_widgets.market_data.venues.binance_chain import MILLISECOND, Chain, Waiting, delta
from obi_widgets.market_data.venues.binance_streams import (
    EVENT,
    OTHERS,
    SHUTDOWN,
    SHUTS_DOWN_WITHIN,
    Streams,
)
from obi_widgets.market_data.venues.budget import Budget, Rate
from obi_widgets.market_data.venues.connection import Connection
from obi_widgets.market_data.venues.http_answers import explain
from obi_widgets.market_data.venues.replies import (
    BOOK,
    FOREVER,
    SECOND,
    Connect,
    Fetch,
    Output,
    Ping,
    Reconnect,
    Renew,
)
from obi_widgets.market_data.venues.sizes import COINS, SizeUnit
from obi_widgets.market_data.venues.wire import DECODE_ERRORS, refused, sound, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Raw

INSTRUMENT, SNAPSHOT, TIME = "instrument", "snapshot", "time"

LONGEST_NAME = 30
"""The most characters of a frame's kind in the name of a refusal."""

INVALID_SYMBOL = "-1121"
"""The code in an answer about a symbol that is not listed."""


class Binance(Connection):
    """A market of Binance. See `Venue` for the methods.

    A subclass says which market it is, which websockets it needs (`_connects`), and how it reads
    what the other markets do not have (`_read_other`).
    """

    api: ClassVar[str]
    """The path of its REST requests."""
    market: ClassVar[messages.Kind]
    """Which of Binance's markets it is."""
    depths: ClassVar[messages.Depths] = messages.depths
    """The decoder of changes of the book."""

    cadence, noticed_by = "100 ms", "numbers of changes"

    # Pongs count as messages too.
    budget = Budget(Rate(300, 300.0), messages=Rate(8, 1.0), requests=Rate(2400, 60.0))
    snapshot_weight: ClassVar[int] = 20
    listing_weight: ClassVar[int] = 1

    # Times in ns.
    lasts = 24 * 3600 * SECOND
    silence: ClassVar[int] = 60 * SECOND  # time without an event after which it is dead
    snapshot_within = 10 * SECOND  # time from a request to its snapshot
    refresh_every: ClassVar[int] = 5 * SECOND  # a tenth of the weight of requests that are allowed
    may_be_behind = 3 * SECOND  # how much older than a snapshot the newest event may be
    most_refused = 5  # refused snapshots in a row before it connects again

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self._streams: tuple[str, ...] = (f"{symbol.lower()}@",)  # the beginnings of their names
        self._beside = Streams(self.label)
        self._unit = COINS
        self._chain = self._new_chain()
        self._asked_at = 0  # time of the request of a snapshot; 0 if none is under way
        self._refreshed_at = -self.refresh_every
        self._refused = 0  # refused snapshots in a row

    @abstractmethod
    def _connects(self) -> list[Output]:
        """Return the requests of its websockets."""

    def _new_chain(self) -> Chain:
        return Chain(self.depths, self._unit)

    # -- life ------------------------------------------------------------------------------

    def start(self, now: int) -> list[Output]:  # noqa: D102
        return [Status(now, "connecting", "Reading the instrument."), self._instrument()]

    def _instrument(self, delay: int = 0) -> Fetch:
        return Fetch(INSTRUMENT, self._url(self._listing), delay, weight=self.listing_weight)

    @property
    def _listing(self) -> str:
        """The request of the list of symbols: of futures, no parameter chooses one."""
        return "exchangeInfo"

    def _url(self, request: str) -> str:
        return f"{self.urls['rest']}/{self.api}/{request}"

    def _snapshot(self, now: int, delay: int = 0) -> Fetch:
        self._asked_at = now + delay
        url = self._url(f"depth?symbol={self.symbol}&limit={self.levels}")
        return Fetch(SNAPSHOT, url, delay, weight=self.snapshot_weight)

    @property
    def note(self) -> str:  # noqa: D102
        return self._beside.note

    def connected(self, socket: str, now: int) -> list[Output]:  # noqa: D102
        self._beside.opened(socket, now)
        return super().connected(socket, now)

    def disconnected(self, socket: str, reason: str, now: int) -> list[Output]:  # noqa: D102
        self._beside.closed(socket)
        return super().disconnected(socket, reason, now)

    def _begin(self, now: int) -> list[Output]:
        self._forget()
        return [Status(now, "syncing", "Waiting for the first event, then the snapshot.")]

    def _forget(self) -> None:
        self._chain = self._new_chain()
        self._asked_at = self._refused = 0

    def resync(self, reason: str, now: int) -> list[Output]:  # noqa: D102
        had_book = self._chain.last is not None
        self._chain.lose()
        if self._asked_at:  # the snapshot under way will be checked against all that was seen
            return [self.thrown_away(reason, max(self._asked_at - now, 0), now)]
        wait = self._backoff.wait(now, had_book=had_book)
        return [self.thrown_away(reason, wait, now), self._snapshot(now, wait)]

    def doubt(self) -> None:  # noqa: D102
        self._chain.doubt()

    def refresh(self, now: int) -> list[Output]:  # noqa: D102
        due = now - self._refreshed_at >= self.refresh_every
        if not due or self._asked_at or self._chain.last is None:
            return []
        self._refreshed_at = now
        return [self._snapshot(now)]

    def _time(self) -> Fetch:
        return Fetch(TIME, self._url("time"))

    def ponged(self, socket: str, now: int) -> list[Output]:  # noqa: D102
        if socket == BOOK:
            self._cadence.heard(now)
        return []

    def _due(self) -> int:
        if BOOK not in self._open:
            return FOREVER
        asks = self._beside.due() if self.can_ask else FOREVER  # a recording does not answer
        due = min(asks, self._cadence.due(), self._cadence.frame_at + self.silence + 1)
        return min(due, self._asked_at + self.snapshot_within + 1) if self._asked_at else due

    @property
    def silent_at(self) -> int:  # noqa: D102
        return min(super().silent_at, self._cadence.frame_at + self.silence)

    def tick(self, now: int) -> list[Output]:  # noqa: D102
        if now < self._due():
            return []
        silent, looked = now - self._cadence.frame_at, self._cadence.look(now)
        if silent > self.silence or looked == "dead":
            return self._dead(self._cadence.frame_at, now)
        outputs: list[Output] = [Ping(BOOK)] if looked == "probe" else []
        if self._asked_at and now - self._asked_at > self.snapshot_within:
            outputs.append(self._snapshot(now))
        return outputs + (self._beside.ask(now) if self.can_ask else [])

    # -- answers ---------------------------------------------------------------------------

    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:  # noqa: D102
        if name == SNAPSHOT:
            return self._fetched_snapshot(status, body, now)
        if name == TIME:
            return self._fetched_time(status, body, now)
        if status == 400 and INVALID_SYMBOL in text(body):
            return [self.unlisted(now)]
        if status != 200:
            return self.no_answer(self._instrument(5 * SECOND), status, body, now)
        contracts = self.size_unit == "contracts"
        try:
            listed = messages.read_listing(body, contracts=contracts)
            if (item := listed.get(self.symbol)) is None:
                return [self.unlisted(now, listed)]
            tick_size, contract_size = messages.steps_of(item)
        except DECODE_ERRORS as error:
            return self._no_listing(text(str(error), 160), now)
        lost = self._count_in(SizeUnit(contract_size, inverse=True), now) if contracts else []
        quote = text(item.quoteAsset, 20)
        instrument = self.instrument(quote=quote, tick_size=tick_size, unit=self._unit)
        return [*lost, instrument, *self._connects()]

    def _count_in(self, unit: SizeUnit, now: int) -> list[Status]:
        """Set the unit of sizes; give up a book in another unit."""
        if unit == self._unit:
            return []
        had_book = self._chain.last is not None
        self._unit = unit
        self._chain = self._new_chain()
        return [self.thrown_away("the contract size changed", 0, now)] if had_book else []

    def _connect(self, socket: str, *streams: str) -> Connect:
        """Return the request of a websocket of some streams."""
        self._beside.named(socket, streams)
        return Connect(socket, f"{self.urls[socket]}/stream?streams={'/'.join(streams)}")

    def _no_listing(self, why: str, now: int) -> list[Output]:
        detail = f"{self.label}'s list of symbols cannot be read: {why}."
        again = self._instrument(self._backoff.wait(now))
        return [Status(now, "connecting", detail, "Trying again."), again]

    def _fetched_time(self, status: int, body: str | bytes, now: int) -> list[Output]:
        if status != 200:
            return [Refused(now, "time not answered", f"HTTP {status}")]
        try:
            return [Clock(messages.server_times.decode(body).serverTime * MILLISECOND, now)]
        except DECODE_ERRORS:
            return [refused(body, now, "unreadable time")]

    def _fetched_snapshot(self, status: int, body: str | bytes, now: int) -> list[Output]:
        if BOOK not in self._open:
            return []  # the connection whose events would continue it was lost
        asked, in_sync = bool(self._asked_at), self._chain.last is not None
        if status != 200:
            if not asked:
                return []
            if in_sync:  # keep the book
                why = explain(self.label, status, body)[0]
                return [Refused(now, "snapshot not answered", why), self._again(now)]
            return self.no_answer(self._snapshot(now, 5 * SECOND), status, body, now)
        try:
            snapshot = messages.read_snapshot(body, self._unit)
        except DECODE_ERRORS:
            unread = refused(body, now, "unreadable snapshot")
            if not asked:
                return [unread]
            return [unread, self._again(now) if in_sync else self._snapshot(now, 5 * SECOND)]
        return self._read_snapshot(snapshot, now, asked=asked)

    def _again(self, now: int) -> Fetch:
        return self._snapshot(now, self._backoff.wait(now))

    # -- frames ----------------------------------------------------------------------------

    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:  # noqa: D102
        kind = stream = ""
        try:
            event = messages.envelopes.decode(frame)
            body: str | bytes | Raw = frame
            if event.stream:
                ours = event.stream.startswith(self._streams)
                if not ours and SHUTDOWN.encode() not in bytes(event.data):
                    return [Refused(now, "other symbol", text(event.stream))]
                stream = event.stream.partition("@")[2]
                body, event = event.data, messages.envelopes.decode(event.data)
            kind = event.e
            if kind == SHUTDOWN:
                return [Renew(socket, "the server shuts down", SHUTS_DOWN_WITHIN)]
            if event.id and not kind:
                return self._beside.read(event, socket, now)
            if messages.is_part(stream):
                return [Refused(now, "partial book", text(stream))]
            if event.lastUpdateId:
                snapshot = messages.read_snapshot(body, self._unit)
                return self._read_snapshot(snapshot, now, asked=False)
            if kind == EVENT:
                depth = messages.read_depth(self.depths, body, self._unit)
                return self._read_depth(depth, frame, now)
            self._beside.heard(stream)
            if kind in OTHERS and (outputs := self._read_other(kind, body, now)) is not None:
                return outputs
        except DECODE_ERRORS:
            if kind in OTHERS:
                return [refused(frame, now, f"unreadable {OTHERS[kind]}")]
            return self._unreadable(frame, now, socket)
        name = kind or stream
        name = name if len(name) <= LONGEST_NAME and name.isascii() else text(name, LONGEST_NAME)
        return [Refused(now, name or "unknown", text(frame))]

    def _unreadable(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:
        unread = refused(frame, now, "unreadable")
        if socket != BOOK:
            return [unread]
        self._chain.mark_unread()  # the frame may have been an event
        return [unread, *self.resync("a frame was unreadable", now)]

    def _read_depth(self, depth: messages.AnyDepth, frame: str | bytes, now: int) -> list[Output]:
        if foreign := messages.foreign(depth, self.symbol, self.market):
            return [Refused(now, foreign, text(depth.s))]
        if depth.u < depth.U or depth.u <= depth.pu or not (sound(depth.b) and sound(depth.a)):
            return self._unreadable(frame, now)
        chain = self._chain
        self._cadence.frame(now)
        chain.add(depth, frame)
        if chain.last is None:
            outputs = self._try_waiting(now)
            if chain.last is None and not self._asked_at:
                outputs.append(self._snapshot(now))
            return outputs
        last, follows = chain.last, chain.advance(depth)
        if follows is None:
            return []
        if not follows:
            return self.resync(f"event {depth.u} does not follow {last}", now)
        return [delta(depth, last, now), *self._try_waiting(now)]

    # -- snapshots -------------------------------------------------------------------------

    def _read_snapshot(
        self, snapshot: messages.RestSnapshot, now: int, *, asked: bool
    ) -> list[Output]:
        chain, outputs = self._chain, list[Output]()
        if foreign := messages.foreign_snapshot(snapshot, self.symbol, self.market):
            what = text(f"a snapshot of {snapshot.symbol or snapshot.pair or 'another market'}")
            return self._refuse(Refused(now, foreign, what), now, asked=asked)
        ours = asked or self.can_ask  # in a recording it may belong to another market
        behind = chain.behind(snapshot) if ours and chain.last is not None else 0
        if behind > max(self.may_be_behind, self._cadence.patience // 10):
            asked = True
            chain.lose()  # events are delayed on their way; the snapshot begins a book without them
            reason = f"a snapshot is {behind / SECOND:.1f} s newer than the newest event"
            outputs.append(self.thrown_away(reason, 0, now))
        limit = self.levels if asked and self.can_ask else messages.limit_of(snapshot, self.levels)
        used = chain.offer(Waiting(snapshot, asked, limit), now)
        if isinstance(used, Refused):
            return [*outputs, *self._refuse(used, now, asked=asked)]
        if used:
            return [*outputs, *self._used(used, now)]
        if asked:
            self._asked_at = now  # if no event confirms it in time, another one is requested
        return outputs

    def _try_waiting(self, now: int) -> list[Output]:
        """Use the newest waiting snapshot that the events now confirm."""
        if not self._chain.waiting:
            return []
        asked, refusals, used = self._chain.offer_again(now)
        if used:
            return [*refusals, *self._used(used, now)]
        if not refusals:
            return []
        return [*refusals[:-1], *self._refuse(refusals[-1], now, asked=asked)]

    def _used(self, events: list[Event], now: int) -> list[Output]:
        self._asked_at = self._refused = 0
        if isinstance(events[0], Snapshot):
            self._backoff.book_began(now)
        return [*events]

    def _refuse(self, refusal: Refused, now: int, *, asked: bool) -> list[Output]:
        """Refuse a snapshot; if it was requested, request another one, later and later."""
        if not asked:
            return [refusal]
        if self._chain.last is not None:  # keep the book
            return [refusal, self._again(now)]
        why = f"{self.label} sent a {refusal.name}: {refusal.detail}."
        self._refused += 1
        if self._refused >= self.most_refused:  # the venue may have started a new count
            self._refused = self._asked_at = 0
            return [
                refusal,
                Status(now, "gap", why, "Connecting again."),
                Reconnect(BOOK, refusal.name),
            ]
        again = self._again(now)
        advice = f"Asking again in {again.delay // SECOND} s." if self.can_ask else ""
        return [refusal, Status(now, "syncing", why, advice), again]

    # -- trades, mark ----------------------------------------------------------------------

    def _read_other(self, kind: str, body: str | bytes | Raw, now: int) -> list[Output] | None:
        """Decode a frame of a kind in `OTHERS`; None if this market has no such frames."""
        if OTHERS[kind] != "trade":
            return None
        trade = messages.trades.decode(body)
        if foreign := messages.foreign(trade, self.symbol, self.market):
            return [Refused(now, foreign, text(trade.s))]
        side = -1 if trade.m else +1  # m: the buyer is the maker, so the taker sold
        size = self._unit.base_units(trade.p, trade.q)
        return [Trade(trade.T * MILLISECOND, now, trade.p, size, side, trade.a or trade.t)]
