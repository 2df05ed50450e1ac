"""Kraken's spot market, by the second version of its websocket protocol.

The book comes as a snapshot of the best levels and changes of these. Messages have no number: each
has a checksum of the ten best levels of both sides, so that a lost change shows at once if it is
among these, and else when it gets there. Trades come by the same websocket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from obi_widgets.market_data.events import Delta, Refused, Snapshot, Status, Trade
from obi_widgets.market_data.venues import kraken_messages as messages
from obi_widgets.market_data.venues.base import FoundMarket
from obi_widgets.market_data.venues.budget import Budget, Rate
from obi_widgets.market_data.venues.kraken_sharing import KrakenSharing
from obi_widgets.market_data.venues.replies import BOOK, SECOND, Fetch, Output, Send
from obi_widgets.market_data.venues.sizes import SizeUnit
from obi_widgets.market_data.venues.streamed import INSTRUMENT, TIME, Streamed
from obi_widgets.market_data.venues.wire import (
    DECODE_ERRORS,
    nanoseconds,
    refused,
    sound,
    step,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from obi_widgets.market_data.events import Instrument
    from obi_widgets.market_data.venues.symbols import Contract


class Kraken(Streamed):
    """Kraken's spot market. See `Venue` for the methods.

    The venue offers books of 10, 25, 100, 500 and 1,000 levels; that of 100 is followed.
    """

    name = "kraken"
    label = "Kraken"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://ws.kraken.com/v2",
        "rest": "https://api.kraken.com",
    }
    testnet: ClassVar[Mapping[str, str]] = {BOOK: "wss://beta-ws.kraken.com/v2"}

    cadence, noticed_by = "at each change", "a checksum"
    levels = window = 100
    streams = frozenset({"trades"})
    sharing = KrakenSharing()

    budget = Budget(Rate(150, 600.0))
    # The venue sends a heartbeat each second in which nothing else is sent.
    silence = 10 * SECOND
    # Few orders in a rare market do not mean that the book is lost.
    quiet_book, lively_book = 300 * SECOND, 30 * SECOND

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self.beside = {"trades": "trade"}
        self._decimals: messages.Decimals = (0, 0)  # of the market, once they are known
        self._checked: messages.CheckedBook | None = None
        self._told_time = 0  # newest time that the venue has told on this connection, ns
        self._mode = messages.ONLINE  # of the venue

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: D102
        return f"{base}/{quote or 'USD'}" if contract == "spot" else None

    @classmethod
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: D102
        try:
            symbol = messages.symbol_of(frame)
        except DECODE_ERRORS:
            return None
        return FoundMarket((cls.name,), symbol) if symbol else None

    # -- requests and subscriptions --------------------------------------------------------

    def _listing(self, delay: int = 0) -> Fetch:
        # Of all markets: a request of one would need its older name.
        return Fetch(INSTRUMENT, f"{self.urls['rest']}/0/public/AssetPairs", delay)

    def _time(self) -> Fetch:
        return Fetch(TIME, f"{self.urls['rest']}/0/public/Time")  # its header has the time

    def _read_listing(self, body: str | bytes) -> Instrument | None:
        pairs = messages.read_listing(body)
        pair, self._listed = pairs.get(self.symbol), [*pairs]
        if pair is None:
            return None
        self._decimals = pair.pair_decimals, pair.lot_decimals
        self._unit = SizeUnit()
        tick_size = step(pair.tick_size or f"1e-{pair.pair_decimals}")
        quote = self.symbol.partition("/")[2]
        return self.instrument(quote=quote, tick_size=tick_size, unit=self._unit)

    def _subscription(self) -> list[Output]:
        return [self._send("subscribe", channel="book", depth=self.levels, snapshot=True)]

    def _unsubscription(self) -> list[Output]:
        return [self._send("unsubscribe", channel="book", depth=self.levels)]

    def _ask_for(self, name: str) -> list[Output]:
        number = 1 + [*self.beside].index(name)
        channel = self.beside[name]
        return [self._send("subscribe", number=number, channel=channel, snapshot=False)]

    def _send(self, method: str, number: int = 0, **parameters: str | int) -> Send:
        text = messages.request(method, number=number, symbol=[self.symbol], **parameters)
        return Send(BOOK, text)

    def _keep_alive(self, socket: str) -> Send:
        return Send(socket, messages.request("ping"))

    def _begin(self, now: int) -> list[Output]:
        self._told_time, self._mode = 0, messages.ONLINE
        return super()._begin(now)

    def tick(self, now: int) -> list[Output]:  # noqa: D102
        if self._mode != messages.ONLINE:  # the book is requested when it is online again
            self._subscribed_at, self._again_at = now, 0
        return super().tick(now)

    # -- frames ----------------------------------------------------------------------------

    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:  # noqa: ARG002, D102
        self._cadence.heard(now)
        channel = ""
        try:
            message = messages.frames.decode(frame)
            channel, whole = message.channel, message.type == "snapshot"
            if channel == "book" and (whole or message.type == "update"):
                (book,) = messages.books.decode(message.data)
                return self._read_book(book, frame, now, whole=whole)
            if channel == "trade":
                self._channels.there("trades")
                return self._read_trades(messages.trades.decode(message.data), now, past=whole)
            if channel == "status" and (told := messages.systems.decode(message.data)):
                return self._set_mode(told[-1].system, now)
            self._told(message.time_out)
        except DECODE_ERRORS:
            if channel in ("trade", "status"):
                return [refused(frame, now, "unreadable")]
            return self._unreadable(frame, now)
        if channel == "heartbeat":
            return []
        if message.method:
            return self._read_answer(message, now)
        return [Refused(now, text(channel, 30) or "unknown", text(frame))]

    def _read_answer(self, answer: messages.Frame, now: int) -> list[Output]:
        names = ["", *self.beside]
        name = names[answer.req_id] if 0 <= answer.req_id < len(names) else ""
        if answer.success:
            self._channels.there(name)
            return []
        said = text(answer.error, 160)
        if not name:
            return self._reported(said, now)
        self._channels.refused(name, said)
        return [Refused(now, "error", said)]

    def _unreadable(self, frame: str | bytes, now: int) -> list[Output]:
        # The next snapshot may be of the same time as the newest change, so it need not be newer.
        return [refused(frame, now, "unreadable"), *self._give_up("a frame was unreadable", now)]

    def _set_mode(self, mode: str, now: int) -> list[Output]:
        """Handle the venue's mode. While it is another one than online, trading is limited."""
        before, self._mode = self._mode, mode
        if mode == before:
            return []
        if mode == messages.ONLINE:
            status = Status(now, "syncing", f"{self.label} is online again.")
            return [status, *self._subscribe(now, again=True)]
        self._sequence = None
        detail = f"{self.label} is not online, but in the mode {text(mode, 30)!r}."
        return [Status(now, "stale", detail, "Waiting until it is online.")]

    # -- the book --------------------------------------------------------------------------

    def _read_book(
        self, book: messages.Book, frame: str | bytes, now: int, *, whole: bool
    ) -> list[Output]:
        if book.symbol != self.symbol:
            return [Refused(now, "other symbol", text(book.symbol))]
        if self._mode != messages.ONLINE:
            return [Refused(now, "book of a venue that is not online")]
        bids, asks = messages.levels_of(book.bids), messages.levels_of(book.asks)
        if not (sound(bids) and sound(asks)):
            return self._unreadable(frame, now)
        self._cadence.frame(now)
        time = self._told(book.timestamp) or self._told_time
        if not time:
            return [Refused(now, "book without a time"), *self._give_up("it has no time", now)]
        if whole:
            checked = messages.CheckedBook(self.levels, self._decimals, book)
            if not checked.verified:
                return self._give_up("the checksum of a snapshot is wrong", now)
            outputs = self._begin_book(Snapshot(time, now, time, bids, asks, self.levels), now)
            if isinstance(outputs[0], Snapshot):
                self._checked = checked
            return outputs
        if self._sequence is not None and self._checked is not None:
            self._checked.apply(book)
            if not self._checked.verified:
                self._saw(time, time, now)
                return self._give_up("the checksum of the book is wrong", now)
        return self._continue_book(Delta(time, now, time, bids, asks), self._sequence or 0, now)

    def _told(self, moment: datetime | None) -> int:
        """Return a time that the venue has told, ns; 0 for none."""
        if moment is None:
            return 0
        time = nanoseconds(moment)
        self._told_time = max(self._told_time, time)
        return time

    # -- trades ----------------------------------------------------------------------------

    def _read_trades(self, trades: list[messages.Trade], now: int, *, past: bool) -> list[Output]:
        outputs: list[Output] = []
        own = list[Trade]()
        for trade in trades:
            if trade.symbol != self.symbol:
                outputs.append(Refused(now, "other symbol", text(trade.symbol)))
                continue
            side = +1 if trade.side == "buy" else -1
            time = self._told(trade.timestamp)
            own.append(Trade(time, now, trade.price, trade.qty, side, trade.trade_id))
        self._past_trades = past or not self._seen_time
        return self._traded(own, now) + outputs
