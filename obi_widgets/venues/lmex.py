"""LMEX futures, and BTSE futures, whose protocol it is.

The book comes as a snapshot of at most 50 levels a side and deltas chained by sequence numbers,
on a websocket of its own; trades come on another. The instrument is read first: sizes on the wire
are contracts, and mean nothing without the contract size. Where no snapshot comes, the REST book
is polled instead: whole books without a sequence, never spliced with deltas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote as quoted

import msgspec
from msgspec import Raw, Struct

from obi_widgets.events import Delta, Refused, Snapshot, Status, Trade
from obi_widgets.venues.base import (
    BOOK,
    DECODE_ERRORS,
    SECOND,
    Connect,
    Fetch,
    Output,
    Reconnect,
    Send,
    Venue,
    WireLevel,
    WirePrice,
    WireSize,
    WireTime,
    refused,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

TRADES = "trades"
SUMMARY, PICTURE = "summary", "picture"

# The first is LMEX's own name for it, the second BTSE's newer; see the venue's acknowledgement.
TRADE_TOPICS = ("tradeHistoryApiV2", "tradeHistoryApiV3")

BAD_MARKET, BAD_TOPIC = 1000, 1005


class _Book(Struct):
    bids: list[WireLevel]
    asks: list[WireLevel]
    seqNum: int  # noqa: N815
    prevSeqNum: int  # noqa: N815
    type: str
    symbol: str
    timestamp: WireTime


class _Trade(Struct):
    price: float
    size: float
    side: str
    symbol: str
    tradeId: int  # noqa: N815
    timestamp: WireTime


class _Error(Struct):
    code: int = 0
    message: str = ""


class _ErrorItem(Struct):
    error: _Error
    arg: str = ""


class _Frame(Struct):
    topic: str = ""
    data: Raw = Raw()
    event: str = ""
    channel: list[str] = []
    errors: list[_ErrorItem] = []


class _Summary(Struct):
    symbol: str
    contractSize: WirePrice  # noqa: N815
    minPriceIncrement: float  # noqa: N815
    quote: str = ""


class _PictureLevel(Struct):
    price: WirePrice
    size: WireSize


class _Picture(Struct):
    buyQuote: list[_PictureLevel]  # noqa: N815
    sellQuote: list[_PictureLevel]  # noqa: N815
    timestamp: WireTime
    symbol: str


_frames = msgspec.json.Decoder(_Frame, strict=False)
_books = msgspec.json.Decoder(_Book, strict=False)
_trades = msgspec.json.Decoder(list[_Trade], strict=False)
_summaries = msgspec.json.Decoder(list[_Summary], strict=False)
_pictures = msgspec.json.Decoder(_Picture, strict=False)


class Lmex(Venue):
    """LMEX futures. See `Venue` for the methods."""

    name = "lmex"
    label = "LMEX"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://ws.lmex.io/ws/oss/futures",
        TRADES: "wss://ws.lmex.io/ws/futures",
        "rest": "https://api.lmex.io/futures",
    }
    window = 50  # what leaves it is told as removed, what enters it as new

    # Nanoseconds. A book may be silent for 12 s, so that only pongs tell that all is well.
    ping_every = 15 * SECOND
    silence = 35 * SECOND  # without any frame: the connection is dead
    snapshot_within = 10 * SECOND  # of the subscription
    picture_every = 2 * SECOND  # 15 requests a second are allowed
    resync_every = 1 * SECOND
    quiet_book = 60 * SECOND  # without a delta: ask for a new snapshot

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self.topic = f"update:{symbol}_0"
        self._contract_size = 0.0  # not known yet
        self._open: set[str] = set()
        self._sequence: int | None = None  # of the book; None while waiting for a snapshot
        self._subscribed_at = 0
        self._pinged_at = 0
        self._heard_at = 0
        self._book_at = 0
        self._polling = False
        self._overdue = False
        self._trade_topics = list(TRADE_TOPICS)
        self._trade_id = 0

    # -- life ------------------------------------------------------------------------------

    def start(self, now: int) -> list[Output]:  # noqa: D102
        return [Status(now, "connecting", "Reading the instrument."), self._fetch(SUMMARY)]

    def _fetch(self, name: str, delay: int = 0) -> Fetch:
        path = {
            SUMMARY: "market_summary?listFullAttributes=true&symbol=",
            PICTURE: "orderbook/L2?depth=50&symbol=",
        }[name]
        return Fetch(name, f"{self.urls['rest']}/api/v2.3/{path}{quoted(self.symbol)}", delay)

    def connected(self, socket: str, now: int) -> list[Output]:  # noqa: D102
        self._open.add(socket)
        if socket == TRADES:
            return [self._subscribe_trades()]
        self._heard_at = self._pinged_at = now
        return [
            Status(now, "syncing", "Waiting for the first snapshot."),
            *self._subscribe(now, "subscribe"),
        ]

    def disconnected(self, socket: str, reason: str, now: int) -> list[Output]:  # noqa: D102
        was_open = socket in self._open
        self._open.discard(socket)
        if socket == TRADES:
            return []
        self._sequence = None
        self._polling = False
        return [self.lost(was_open, reason, now)]

    def _subscribe(self, now: int, *operations: str) -> list[Output]:
        self._sequence = None
        self._overdue = False
        self._subscribed_at = now
        return [Send(BOOK, _operation(operation, self.topic)) for operation in operations]

    def _subscribe_trades(self) -> Send:
        return Send(TRADES, _operation("subscribe", f"{self._trade_topics[0]}:{self.symbol}"))

    def resync(self, reason: str, now: int) -> list[Output]:  # noqa: D102
        lost = Status(now, "gap", f"The book was thrown away: {reason}.", "Asking for a new one.")
        if now - self._subscribed_at < self.resync_every:
            self._sequence = None
            self._overdue = True  # a venue that keeps breaking its book is not to be flooded
            return [lost]
        return [lost, *self._subscribe(now, "unsubscribe", "subscribe")]

    def tick(self, now: int) -> list[Output]:  # noqa: D102
        outputs: list[Output] = []
        if BOOK not in self._open:
            return outputs
        if now - self._heard_at > self.silence:
            self._heard_at = now
            reason = f"nothing was heard for {self.silence // SECOND} s"
            return [Status(now, "stale", f"{self.label}: {reason}."), Reconnect(BOOK, reason)]
        if now - self._pinged_at > self.ping_every:
            self._pinged_at = now
            outputs += [Send(socket, "ping") for socket in sorted(self._open)]
        waited = now - self._subscribed_at
        if self._overdue and waited >= self.resync_every:
            outputs += self._subscribe(now, "unsubscribe", "subscribe")
        elif self._sequence is None and waited > self.snapshot_within:
            outputs += self._subscribe(now, "unsubscribe", "subscribe")
            if not self._polling:
                self._polling = True
                detail = f"{self.label} sends no snapshot of {self.topic}"
                outputs += [
                    Status(now, "stale", f"{detail}.", "Reading the book by REST meanwhile."),
                    self._fetch(PICTURE),
                ]
        elif self._sequence is not None and now - self._book_at > self.quiet_book:
            outputs += [
                Status(now, "stale", f"No change for {self.quiet_book // SECOND} s."),
                *self._subscribe(now, "unsubscribe", "subscribe"),
            ]
        return outputs

    # -- answers ---------------------------------------------------------------------------

    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:  # noqa: D102
        if name == SUMMARY:
            return self._read_summary(status, body, now)
        if not self._polling:
            return []
        again = self._fetch(PICTURE, self.picture_every)
        if status != 200:
            return self.no_answer(again, status, body, now)
        try:
            picture = _pictures.decode(body)
        except DECODE_ERRORS:
            return [refused(body, now, "unreadable REST book"), again]
        if picture.symbol != self.symbol:
            return [Refused(now, "other symbol", text(picture.symbol)), again]
        unit = self._contract_size
        bids, asks = (
            [(level.price, level.size * unit) for level in side]
            for side in (picture.buyQuote, picture.sellQuote)
        )
        time = picture.timestamp * 1_000_000
        return [Snapshot(time, now, 0, bids, asks, self.window), again]

    def _read_summary(self, status: int, body: str | bytes, now: int) -> list[Output]:
        again = self._fetch(SUMMARY, 5 * SECOND)
        if status == 400:
            return [self.unlisted(now)]
        if status != 200:
            return self.no_answer(again, status, body, now)
        try:
            found = [one for one in _summaries.decode(body) if one.symbol == self.symbol]
        except DECODE_ERRORS as error:
            detail = f"{self.label}'s market summary cannot be read: {error}"
            return [Status(now, "connecting", f"{detail}.", "Trying again."), again]
        if not found:
            return [self.unlisted(now)]
        self._contract_size = found[0].contractSize
        return [
            self.instrument(
                quote=found[0].quote,
                tick_size=found[0].minPriceIncrement,
                contract_size=self._contract_size,
            ),
            Connect(BOOK, self.urls[BOOK]),
            Connect(TRADES, self.urls[TRADES]),
        ]

    # -- frames ----------------------------------------------------------------------------

    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:  # noqa: D102
        if socket == BOOK:
            self._heard_at = now  # trades that go on must not hide a book that does not
        if frame in ("pong", b"pong"):
            return []
        try:
            message = _frames.decode(frame)
            if message.topic.startswith("update:"):
                return self._read_book(_books.decode(message.data), now)
            if message.topic.startswith("tradeHistoryApi"):
                return self._read_trades(_trades.decode(message.data), now)
        except DECODE_ERRORS:
            unread = refused(frame, now, "unreadable")
            # On the book's websocket it may have been a delta.
            lost = self.resync("a frame was unreadable", now) if socket == BOOK else []
            return [unread, *lost]
        if message.errors:
            return self._read_errors(message.errors, now, socket)
        if message.event:
            return self._read_answer(message, now, socket)
        return [Refused(now, message.topic.partition(":")[0] or "unknown", text(frame))]

    def _read_answer(self, message: _Frame, now: int, socket: str) -> list[Output]:
        # A topic that does not exist on this URL is acknowledged with an empty list.
        if message.event == "subscribe" and not message.channel:
            if len(self._trade_topics) > 1 and socket == TRADES:
                del self._trade_topics[0]
                return [self._subscribe_trades()]
            return [Refused(now, "topic not accepted")]
        return []

    def _read_errors(self, errors: list[_ErrorItem], now: int, socket: str) -> list[Output]:
        outputs: list[Output] = []
        for item in errors:
            code, said = item.error.code, f"{text(item.error.message)} (code {item.error.code})"
            if code == BAD_MARKET and item.arg == self.topic:
                outputs.append(self.unlisted(now))
            elif code == BAD_TOPIC and item.arg != self.topic:
                outputs.append(Refused(now, "topic not accepted", item.arg))
            elif socket == BOOK:
                outputs += [
                    Status(now, "gap", f"{self.label} reports: {said}.", "Connecting again."),
                    Reconnect(BOOK, said),
                ]
            else:
                outputs += [Refused(now, "error", said), Reconnect(socket, said)]
        return outputs

    def _read_book(self, book: _Book, now: int) -> list[Output]:
        if book.symbol != self.symbol:
            return [Refused(now, "other symbol", text(book.symbol))]
        if not self._contract_size:
            return [Refused(now, "book before the contract size")]
        unit = self._contract_size
        bids = [(price, size * unit) for price, size in book.bids]
        asks = [(price, size * unit) for price, size in book.asks]
        time = book.timestamp * 1_000_000
        if book.type == "snapshot":
            self._sequence = book.seqNum
            self._book_at = now
            self._polling = False
            self._overdue = False  # what it would ask for has come
            return [Snapshot(time, now, book.seqNum, bids, asks, self.window)]
        if self._sequence is None:
            return [Refused(now, "delta before a snapshot")]
        if book.prevSeqNum != self._sequence:
            return self.resync(f"delta {book.seqNum} does not follow {self._sequence}", now)
        self._sequence = book.seqNum
        self._book_at = now
        return [Delta(time, now, book.seqNum, bids, asks)]

    def _read_trades(self, trades: list[_Trade], now: int) -> list[Output]:
        outputs: list[Output] = []
        for trade in sorted(trades, key=lambda trade: trade.tradeId):
            if trade.symbol == self.symbol and trade.tradeId > self._trade_id:
                self._trade_id = trade.tradeId
                time = trade.timestamp * 1_000_000
                size = trade.size * (self._contract_size or 1.0)
                side = +1 if trade.side.upper() == "BUY" else -1
                outputs.append(Trade(time, now, trade.price, size, side, trade.tradeId))
        return outputs


class Btse(Lmex):
    """BTSE futures. See `Venue` for the methods."""

    name = "btse"
    label = "BTSE"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://ws.btse.com/ws/oss/futures",
        TRADES: "wss://ws.btse.com/ws/futures",
        "rest": "https://api.btse.com/futures",
    }


class Simulated(Lmex):
    """The simulated exchange, wherever it is served. See `Venue` for the methods."""

    name = "sim"
    label = "Simulator"
    endpoints: ClassVar[Mapping[str, str]] = {BOOK: "", TRADES: "", "rest": ""}


def _operation(operation: str, topic: str) -> str:
    return msgspec.json.encode({"op": operation, "args": [topic]}).decode()
