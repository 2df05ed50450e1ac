"""LMEX futures, and BTSE futures, which use the same protocol.

The book comes by a websocket of its own, as a snapshot of at most 50 levels a side and deltas
chained by sequence numbers. Trades come by another websocket; the first frame after a subscription
holds older trades. The instrument is requested first, since sizes are in contracts and need the
contract size. If no snapshot comes, or the websocket cannot be opened, the REST book is polled
instead. It has no sequence number, so deltas never continue it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote as quoted

from obi_widgets.market_data.events import Delta, Refused, Snapshot, Status, Trade
from obi_widgets.market_data.venues import lmex_messages as messages
from obi_widgets.market_data.venues.base import FoundMarket
from obi_widgets.market_data.venues.budget import Budget, Rate
from obi_widgets.market_data.venues.lmex_rest_book import MS, RestBook
from obi_widgets.market_data.venues.lmex_sharing import LmexSharing
from obi_widgets.market_data.venues.replies import (
    BOOK,
    FOREVER,
    SECOND,
    Fetch,
    Output,
    Reconnect,
    Send,
)
from obi_widgets.market_data.venues.sizes import SizeUnit
from obi_widgets.market_data.venues.streamed import TIME, Streamed
from obi_widgets.market_data.venues.wire import DECODE_ERRORS, refused, sound, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.events import Instrument
    from obi_widgets.market_data.venues.symbols import Contract

TRADES = "trades"
SUMMARY, REST_BOOK = "summary", "picture"  # recordings have these names

# The first name is LMEX's, the second BTSE's newer one. The venue's acknowledgement decides.
TRADE_TOPICS = ("tradeHistoryApiV2", "tradeHistoryApiV3")

BAD_MARKET, BAD_TOPIC = 1000, 1005

MAX_STEP = 10 * SECOND
"""Largest step of event time from one frame to the next, ns, that is not checked by a clock."""


class Lmex(Streamed):
    """LMEX futures. See `Venue` for the methods."""

    name = "lmex"
    label = "LMEX"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://ws.lmex.io/ws/oss/futures",
        TRADES: "wss://ws.lmex.io/ws/futures",
        "rest": "https://api.lmex.io/futures",
    }

    cadence, noticed_by = "at each change", "numbers of changes"
    levels = window = 50  # levels that leave the window are sent as removed
    size_unit = "contracts"
    streams = frozenset({"trades"})
    sharing = LmexSharing()

    budget = Budget(websockets=50, requests=Rate(15, 1.0))
    # A book may be silent for 12 s, so only pongs show that the connection is alive.
    poll_after = 3 * SECOND  # time without a snapshot after which the book is polled by REST, ns
    poll_every = 2 * SECOND  # the venue allows 15 requests a second

    asked_first = SUMMARY
    listing = "market summary"
    unlisted_by = frozenset({400})

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self.topic = f"update:{symbol}_0"
        self._seen_at = 0  # receive time of the newest event time
        self._rest_book = RestBook(self.label, symbol, self.window)
        self._trade_topics = list(TRADE_TOPICS)
        self._unreachable = ""  # why the book's websocket cannot be opened

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: D102
        if contract != "linear" or quote not in ("", "USD", "USDT"):
            return None
        return base if base.endswith("PFC") else f"{base}-PERP"  # an older name, as BTCPFC

    @classmethod
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: D102
        try:
            symbol = messages.symbol_of(frame)
        except DECODE_ERRORS:
            return None
        return FoundMarket((cls.name,), symbol) if symbol else None

    @property
    def note(self) -> str:  # noqa: D102
        every, missing = self.poll_every // SECOND, super().note
        if not self._rest_book.polled:
            return missing
        why = "sends no snapshot"
        if self._unreachable:
            why = f"cannot be reached by websocket ({self._unreachable})"
        polled = f"{self.label} {why}, so the book is read by REST every {every} s."
        return f"{polled} {missing}".rstrip()

    @property
    def _seen_ms(self) -> int:
        return self._seen_time // MS

    # -- requests and subscriptions --------------------------------------------------------

    def _fetch(self, name: str, delay: int = 0) -> Fetch:
        summary = "market_summary?listFullAttributes=true&symbol="
        path = "orderbook/L2?depth=50&symbol=" if name == REST_BOOK else summary
        return Fetch(name, f"{self.urls['rest']}/api/v2.3/{path}{quoted(self.symbol)}", delay)

    def _listing(self, delay: int = 0) -> Fetch:
        return self._fetch(SUMMARY, delay)

    def _time(self) -> Fetch:
        return self._fetch(TIME)  # the header of every answer has the time

    def _subscription(self) -> list[Output]:
        return [Send(BOOK, messages.operation("subscribe", self.topic))]

    def _unsubscription(self) -> list[Output]:
        return [Send(BOOK, messages.operation("unsubscribe", self.topic))]

    def _keep_alive(self, socket: str) -> Send:
        return Send(socket, "ping")

    def _opened(self, socket: str, now: int) -> list[Output]:
        if socket != TRADES:
            return []
        self._channels.begin([TRADES], now)
        return self._ask_for(TRADES)

    def _closed(self, socket: str) -> None:
        self._channels.forget([socket])

    def _ask_for(self, name: str) -> list[Output]:  # noqa: ARG002
        return [self._subscribe_trades()]

    def _subscribe_trades(self) -> Send:
        self._past_trades = True
        return Send(
            TRADES, messages.operation("subscribe", f"{self._trade_topics[0]}:{self.symbol}")
        )

    def _begin(self, now: int) -> list[Output]:
        self._unreachable = ""
        status, *requests = super()._begin(now)
        # A book by REST is shown until the snapshot comes.
        return requests if self._rest_book.polled else [status, *requests]

    def disconnected(self, socket: str, reason: str, now: int) -> list[Output]:  # noqa: D102
        if socket != BOOK or socket in self._open:
            return super().disconnected(socket, reason, now)
        self._unreachable = text(reason, 160)
        if self._rest_book.polled:  # and goes on
            return [Refused(now, "websocket not opened", self._unreachable)]
        outputs = super().disconnected(socket, reason, now)
        if self._unit is None:
            return outputs
        self._rest_book.begin(now, self._seen_ms, self._seen_at)
        status = self.lost(was_open=False, reason=reason, now=now)
        advice = "Reading the book by REST meanwhile, and connecting again."
        return [Status(now, "connecting", status.detail, advice), self._fetch(REST_BOOK)]

    def _forget(self) -> None:
        super()._forget()
        self._rest_book.lost(self._seen_ms, self._seen_at)

    def resync(self, reason: str, now: int) -> list[Output]:  # noqa: D102
        self._rest_book.withdraw()
        return super().resync(reason, now)

    def _give_up(self, reason: str, now: int) -> list[Output]:
        self._rest_book.shown_ms = 0
        return super()._give_up(reason, now)

    def set_venue_time(self, time: int, now: int) -> None:  # noqa: D102
        self._rest_book.set_venue_time(time, now)

    def tick(self, now: int) -> list[Output]:  # noqa: D102
        return super().tick(now) + self._rest_book.tick(now)

    def _late(self, waited: int, now: int) -> list[Output]:
        if waited <= self.poll_after or self._rest_book.polled:
            return []
        self._rest_book.begin(now, self._seen_ms, self._seen_at)
        detail = f"{self.label} sends no snapshot of {self.topic}."
        return [
            Status(now, "stale", detail, "Reading the book by REST meanwhile."),
            self._fetch(REST_BOOK),
        ]

    # -- answers ---------------------------------------------------------------------------

    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:  # noqa: D102
        if name != REST_BOOK:
            return super().fetched(name, status, body, now)
        if not self._rest_book.polled:
            return []
        again = self._fetch(REST_BOOK, self.poll_every)
        if status != 200:
            self._rest_book.shown_ms = 0
            return self.no_answer(again, status, body, now)
        if self._unit is None:
            return [again]
        return [*self._rest_book.read(body, self._unit, self._seen_ms, now), again]

    def _read_listing(self, body: str | bytes) -> Instrument | None:
        summaries = messages.summaries.decode(body)
        summary = next((item for item in summaries if item.symbol == self.symbol), None)
        if summary is None:
            return None
        self._unit = SizeUnit(summary.contractSize)
        return self.instrument(
            quote=text(summary.quote, 20),
            tick_size=summary.minPriceIncrement,
            unit=self._unit,
        )

    # -- frames ----------------------------------------------------------------------------

    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:  # noqa: D102
        if socket == BOOK:
            self._cadence.heard(now)  # not for trades, which must not hide a silent book
        if frame in ("pong", b"pong"):
            return []
        topic = ""
        try:
            message = messages.frames.decode(frame)
            topic = message.topic
            if topic.startswith("update:"):
                return self._read_book(messages.books.decode(message.data), topic, frame, now)
            if topic.startswith("tradeHistoryApi"):
                self._channels.there(TRADES)
                return self._read_trades(messages.trades.decode(message.data), now)
        except DECODE_ERRORS:
            if socket == BOOK and not topic.startswith("trade"):
                return self._unreadable(frame, now)
            return [refused(frame, now, "unreadable")]
        if message.errors:
            return self._read_errors(message.errors, now, socket)
        if message.event:
            return self._read_answer(message, now, socket)
        return [Refused(now, text(topic.partition(":")[0], 30) or "unknown", text(frame))]

    def _unreadable(self, frame: str | bytes, now: int) -> list[Output]:
        self._rest_book.unreadable(now)
        return super()._unreadable(frame, now)

    def _read_answer(self, message: messages.Frame, now: int, socket: str) -> list[Output]:
        # The venue acknowledges a topic that does not exist with an empty list.
        if message.event == "subscribe" and not message.channel:
            if len(self._trade_topics) > 1 and socket == TRADES:
                del self._trade_topics[0]
                return [self._subscribe_trades()]
            if socket == TRADES:
                self._channels.refused(TRADES, "it accepts no topic of them")
            return [Refused(now, "topic not accepted")]
        if message.event == "subscribe" and socket == TRADES:
            self._channels.there(TRADES)
        return []

    def _read_errors(self, errors: list[messages.ErrorItem], now: int, socket: str) -> list[Output]:
        outputs: list[Output] = []
        for item in errors:
            code, detail = item.error.code, f"{text(item.error.message)} (code {item.error.code})"
            if code == BAD_MARKET and item.arg == self.topic:
                outputs.append(self.unlisted(now))
            elif code == BAD_TOPIC and item.arg != self.topic:
                outputs.append(Refused(now, "topic not accepted", text(item.arg)))
            elif socket == BOOK:
                outputs += [
                    Status(now, "gap", f"{self.label} reports: {detail}.", "Connecting again."),
                    Reconnect(BOOK, detail),
                ]
            else:
                outputs += [Refused(now, "error", detail), Reconnect(socket, detail)]
        return outputs

    def _read_book(
        self, book: messages.Book, topic: str, frame: str | bytes, now: int
    ) -> list[Output]:
        if foreign := messages.foreign(self.symbol, book.symbol, topic):
            return [Refused(now, foreign, text(f"{topic}: {book.symbol}"))]
        if self._unit is None:
            return [Refused(now, "book before the contract size")]
        bids, asks = self._unit.levels(book.bids), self._unit.levels(book.asks)
        whole = book.type == "snapshot"
        if not (whole or book.type == "delta") or not (sound(bids) and sound(asks)):
            return self._unreadable(frame, now)
        self._cadence.frame(now)
        number, before, ms = book.seqNum, book.prevSeqNum, book.timestamp
        if number != before + 1:  # neither number can be trusted
            self._seen += self._seen >= 0
            self._rest_book.unreadable(now)
            return self._give_up(f"{book.type} {number} claims to follow {before}", now)
        if whole:
            snapshot = Snapshot(ms * MS, now, number, bids, asks, self.window)
            outputs = self._begin_book(snapshot, now)
            begun = outputs == [snapshot]
            return [*self._rest_book.replaced(ms, now), *outputs] if begun else outputs
        waiting = self._sequence is None
        outputs = self._continue_book(Delta(ms * MS, now, number, bids, asks), before, now)
        if waiting:  # a time that is not possible may be newer than any REST book
            outputs += self._rest_book.changed(ms if ms == self._seen_ms else FOREVER, now)
        return outputs

    def _saw(self, number: int, time: int, now: int) -> None:
        self._seen = max(self._seen, number)
        step = time - self._seen_time
        possible = self._rest_book.possible
        if 0 <= step < MAX_STEP or possible(self._seen_ms, time // MS, now):
            self._seen_time, self._seen_at = time, now

    def _read_trades(self, trades: list[messages.Trade], now: int) -> list[Output]:
        outputs: list[Output] = []
        own = list[Trade]()
        for trade in trades:
            if trade.symbol != self.symbol:
                outputs.append(Refused(now, "other symbol", text(trade.symbol)))
                continue
            size = (self._unit or SizeUnit()).base_units(trade.price, trade.size)
            side = +1 if trade.side.upper() == "BUY" else -1
            own.append(Trade(trade.timestamp * MS, now, trade.price, size, side, trade.tradeId))
        return self._traded(own, now) + outputs


class Btse(Lmex):
    """BTSE futures. See `Venue` for the methods."""

    name = "btse"
    label = "BTSE"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://ws.btse.com/ws/oss/futures",
        TRADES: "wss://ws.btse.com/ws/futures",
        "rest": "https://api.btse.com/futures",
    }
    testnet: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://testws.btse.io/ws/oss/futures",
        TRADES: "wss://testws.btse.io/ws/futures",
        "rest": "https://testapi.btse.io/futures",
    }


class Simulated(Lmex):
    """The simulated exchange; its feed sets the URLs. See `Venue` for the methods."""

    name = "sim"
    label = "Simulator"
    budget = Budget()
    warms_up = True
    endpoints: ClassVar[Mapping[str, str]] = {BOOK: "", TRADES: "", "rest": ""}
