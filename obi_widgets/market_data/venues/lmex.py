"""LMEX futures, and BTSE futures, which use the same protocol.

The book comes by a websocket of its own, as a snapshot of at most 50 levels a side and deltas
chained by sequence numbers. Trades come by another websocket; the first frame after a subscription
holds older trades. The instrument is requested first, since sizes are in contracts and need the
contract size. If no snapshot comes, the REST book is polled instead. It has no sequence number, so
deltas never continue it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote as quoted

from obi_widgets.market_data.events import Delta, Refused, Snapshot, Status, Trade
from obi_widgets.market_data.venues import lmex_messages as messages
from obi_widgets.market_data.venues.base import FoundMarket
from obi_widgets.market_data.venues.connection import Connection
from obi_widgets.market_data.venues.lmex_rest_book import RestBook
from obi_widgets.market_data.venues.replies import (
    BOOK,
    FOREVER,
    SECOND,
    Connect,
    Fetch,
    Output,
    Reconnect,
    Send,
)
from obi_widgets.market_data.venues.wire import DECODE_ERRORS, PAST_TRADE, refused, sound, text

if TYPE_CHECKING:
    from collections.abc import Mapping

TRADES = "trades"
SUMMARY, REST_BOOK, TIME = "summary", "picture", "time"  # recordings have these names

# The first name is LMEX's, the second BTSE's newer one. The venue's acknowledgement decides.
TRADE_TOPICS = ("tradeHistoryApiV2", "tradeHistoryApiV3")

BAD_MARKET, BAD_TOPIC = 1000, 1005

MAX_STEP = 10_000
"""Largest step of event time from one frame to the next, ms, that is not checked by a clock."""


class Lmex(Connection):
    """LMEX futures. See `Venue` for the methods."""

    name = "lmex"
    label = "LMEX"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://ws.lmex.io/ws/oss/futures",
        TRADES: "wss://ws.lmex.io/ws/futures",
        "rest": "https://api.lmex.io/futures",
    }

    levels = window = 50  # levels that leave the window are sent as removed
    size_unit = "contracts"
    streams = frozenset({"trades"})

    # Times in ns. A book may be silent for 12 s, so only pongs show that the connection is alive.
    ping_every = 15 * SECOND
    silence = 35 * SECOND  # time without a frame after which the connection is dead
    snapshot_within = 10 * SECOND  # time from the subscription to the snapshot
    poll_after = 3 * SECOND  # time without a snapshot after which the book is polled by REST
    poll_every = 2 * SECOND  # the venue allows 15 requests a second
    quiet_book = 60 * SECOND  # time without a delta after which a new snapshot is requested
    most_refused = 3  # refused snapshots in a row before it connects again
    refused_wait = 10 * SECOND  # longest wait between two snapshots

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self.topic = f"update:{symbol}_0"
        self._contract_size = 0.0  # not known yet
        self._sequence: int | None = None  # number of the book; None while waiting for a snapshot
        self._seen = -1  # greatest sequence number on this connection
        self._seen_ms = self._seen_at = 0  # newest event time on it, ms, and its receive time
        self._subscribed_at = 0
        self._again_at = 0  # when to subscribe again; 0 if that is not planned
        self._pinged_at = 0
        self._refused = 0  # refused snapshots in a row
        self._rest_book = RestBook(self.label, symbol, self.window)
        self._trade_topics = list(TRADE_TOPICS)
        self._trade_id = 0
        self._past_trades = True  # whether the next frame of trades may hold them

    @classmethod
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: D102
        try:
            symbol = messages.symbol_of(frame)
        except DECODE_ERRORS:
            return None
        return FoundMarket((cls.name,), symbol) if symbol else None

    @property
    def note(self) -> str:  # noqa: D102
        if not self._rest_book.polled:
            return ""
        every = self.poll_every // SECOND
        return f"{self.label} sends no snapshot, so the book is read by REST every {every} s."

    # -- life ------------------------------------------------------------------------------

    def start(self, now: int) -> list[Output]:  # noqa: D102
        return [Status(now, "connecting", "Reading the instrument."), self._fetch(SUMMARY)]

    def _fetch(self, name: str, delay: int = 0) -> Fetch:
        summary = "market_summary?listFullAttributes=true&symbol="
        path = "orderbook/L2?depth=50&symbol=" if name == REST_BOOK else summary
        return Fetch(name, f"{self.urls['rest']}/api/v2.3/{path}{quoted(self.symbol)}", delay)

    def _opened(self, socket: str) -> list[Output]:
        return [self._subscribe_trades()] if socket == TRADES else []

    def _begin(self, now: int) -> list[Output]:
        self._pinged_at = now
        self._seen, self._seen_ms, self._refused = -1, 0, 0
        return [
            Status(now, "syncing", "Waiting for the first snapshot."),
            *self._subscribe(now, "subscribe"),
        ]

    def _forget(self) -> None:
        self._sequence = None
        self._rest_book.lost(self._seen_ms, self._seen_at)

    def _subscribe(self, now: int, *operations: str) -> list[Output]:
        self._sequence = None
        self._again_at = 0
        self._subscribed_at = now
        return [Send(BOOK, messages.operation(operation, self.topic)) for operation in operations]

    def _subscribe_trades(self) -> Send:
        self._past_trades = True
        return Send(
            TRADES, messages.operation("subscribe", f"{self._trade_topics[0]}:{self.symbol}")
        )

    def resync(self, reason: str, now: int) -> list[Output]:  # noqa: D102
        self._rest_book.withdraw()
        return self._give_up(reason, now)

    def _give_up(self, reason: str, now: int) -> list[Output]:
        had_book, self._sequence = self._sequence is not None, None
        self._rest_book.shown_ms = 0
        if not self._again_at:  # wait longer and longer for a venue whose books keep being wrong
            self._again_at = self._subscribed_at + self._backoff.wait(now, had_book=had_book)
        lost = self.thrown_away(reason, max(self._again_at - now, 0), now)
        if now < self._again_at:
            return [lost]
        return [lost, *self._subscribe(now, "unsubscribe", "subscribe")]

    def set_venue_time(self, time: int, now: int) -> None:  # noqa: D102
        self._rest_book.set_venue_time(time, now)

    def _time(self) -> Fetch:
        return self._fetch(TIME)  # the header of every answer has the time

    def tick(self, now: int) -> list[Output]:  # noqa: D102
        if BOOK not in self._open:
            return []
        looked = self._cadence.look(now)
        if looked == "dead":
            return self._dead(self._cadence.heard_at, now)
        outputs: list[Output] = []
        if now - self._pinged_at > self.ping_every:
            self._pinged_at = now
            outputs += [Send(socket, "ping") for socket in sorted(self._open)]
        elif looked == "probe":
            outputs.append(Send(BOOK, "ping"))
        if self._again_at:
            if now >= self._again_at:
                outputs += self._subscribe(now, "unsubscribe", "subscribe")
        elif self._sequence is None:
            waited = now - self._subscribed_at
            if waited > self.snapshot_within:
                outputs += self._subscribe(now, "unsubscribe", "subscribe")
            if waited > self.poll_after and not self._rest_book.polled:
                outputs += self._poll(now)
        elif now - self._cadence.frame_at > self.quiet_book:
            outputs += [
                Status(now, "stale", f"No change for {self.quiet_book // SECOND} s."),
                *self._subscribe(now, "unsubscribe", "subscribe"),
            ]
        return outputs + self._rest_book.tick(now)

    def _poll(self, now: int) -> list[Output]:
        self._rest_book.begin(now, self._seen_ms, self._seen_at)
        detail = f"{self.label} sends no snapshot of {self.topic}."
        return [
            Status(now, "stale", detail, "Reading the book by REST meanwhile."),
            self._fetch(REST_BOOK),
        ]

    # -- answers ---------------------------------------------------------------------------

    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:  # noqa: D102
        if name == SUMMARY:
            return self._read_summary(status, body, now)
        if name != REST_BOOK or not self._rest_book.polled:
            return []
        again = self._fetch(REST_BOOK, self.poll_every)
        if status != 200:
            self._rest_book.shown_ms = 0
            return self.no_answer(again, status, body, now)
        return [*self._rest_book.read(body, self._contract_size, self._seen_ms, now), again]

    def _read_summary(self, status: int, body: str | bytes, now: int) -> list[Output]:
        again = self._fetch(SUMMARY, 5 * SECOND)
        if status == 400:
            return [self.unlisted(now)]
        if status != 200:
            return self.no_answer(again, status, body, now)
        try:
            summaries = messages.summaries.decode(body)
        except DECODE_ERRORS as error:
            detail = f"{self.label}'s market summary cannot be read: {text(str(error), 160)}"
            again = self._fetch(SUMMARY, self._backoff.wait(now))
            return [Status(now, "connecting", f"{detail}.", "Trying again."), again]
        summary = next((item for item in summaries if item.symbol == self.symbol), None)
        if summary is None:
            return [self.unlisted(now)]
        self._contract_size = summary.contractSize
        return [
            self.instrument(
                quote=text(summary.quote, 20),
                tick_size=summary.minPriceIncrement,
                contract_size=self._contract_size,
            ),
            Connect(BOOK, self.urls[BOOK]),
            Connect(TRADES, self.urls[TRADES]),
        ]

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
        """Refuse a frame that may have been the next delta, and request a new book."""
        refusal, why = refused(frame, now, "unreadable"), "a frame was unreadable"
        self._rest_book.unreadable(now)
        if self._seen < 0:  # there is no number to compare a snapshot with
            detail = f"{self.label}'s first frame was unreadable."
            return [refusal, Status(now, "gap", detail, "Connecting again."), Reconnect(BOOK, why)]
        self._seen += 1
        return [refusal, *self._give_up(why, now)]

    def _read_answer(self, message: messages.Frame, now: int, socket: str) -> list[Output]:
        # The venue acknowledges a topic that does not exist with an empty list.
        if message.event == "subscribe" and not message.channel:
            if len(self._trade_topics) > 1 and socket == TRADES:
                del self._trade_topics[0]
                return [self._subscribe_trades()]
            return [Refused(now, "topic not accepted")]
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
        if not self._contract_size:
            return [Refused(now, "book before the contract size")]
        unit = self._contract_size
        bids = [(price, size * unit) for price, size in book.bids]
        asks = [(price, size * unit) for price, size in book.asks]
        whole = book.type == "snapshot"
        if not (whole or book.type == "delta") or not (sound(bids) and sound(asks)):
            return self._unreadable(frame, now)
        self._cadence.frame(now)
        if book.seqNum != book.prevSeqNum + 1:  # neither number can be trusted
            self._seen += self._seen >= 0
            self._rest_book.unreadable(now)
            wrong = f"{book.type} {book.seqNum} claims to follow {book.prevSeqNum}"
            return self._give_up(wrong, now)
        seen, self._seen = self._seen, max(self._seen, book.seqNum)
        seen_ms = self._seen_ms
        ms, step = book.timestamp, book.timestamp - seen_ms
        if 0 <= step < MAX_STEP or self._rest_book.possible(seen_ms, ms, now):
            self._seen_ms, self._seen_at = ms, now
        else:
            ms = FOREVER  # it may be newer than any REST book
        time = book.timestamp * 1_000_000
        if whole:
            if book.seqNum < seen:
                return self._refuse(book.seqNum, now, later=book.timestamp > seen_ms)
            self._sequence = book.seqNum
            before = self._rest_book.replaced(book.timestamp, now)
            self._again_at = self._refused = 0  # the planned subscription is not needed
            self._backoff.book_began(now)
            return [*before, Snapshot(time, now, book.seqNum, bids, asks, self.window)]
        if self._sequence is None:
            return [
                Refused(now, "delta before a snapshot"),
                *self._rest_book.changed(ms, now),
            ]
        if book.prevSeqNum != self._sequence:
            return self._give_up(f"delta {book.seqNum} does not follow {self._sequence}", now)
        self._sequence = book.seqNum
        return [Delta(time, now, book.seqNum, bids, asks)]

    def _refuse(self, sequence: int, now: int, *, later: bool) -> list[Output]:
        """Refuse a snapshot that is older than what was seen; request another, later and later.

        If its number is lower but its time is ``later``, the venue has started a new count.
        """
        why = "snapshot older than what was seen"
        detail = f"it ends at {sequence}, and {self._seen} had come before"
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

    def _read_trades(self, trades: list[messages.Trade], now: int) -> list[Output]:
        outputs: list[Output] = []
        past, self._past_trades = self._past_trades, False
        for trade in sorted(trades, key=lambda trade: trade.tradeId):
            if trade.symbol != self.symbol:
                outputs.append(Refused(now, "other symbol", text(trade.symbol)))
            elif trade.tradeId > self._trade_id:
                self._trade_id = trade.tradeId
                if past and not 0 < self._seen_ms < trade.timestamp:
                    outputs.append(Refused(now, PAST_TRADE))
                    continue
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
    """The simulated exchange; its feed sets the URLs. See `Venue` for the methods."""

    name = "sim"
    label = "Simulator"
    warms_up = True
    endpoints: ClassVar[Mapping[str, str]] = {BOOK: "", TRADES: "", "rest": ""}
