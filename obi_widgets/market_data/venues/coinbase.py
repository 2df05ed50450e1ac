"""Coinbase's spot market, by the websocket of Coinbase Advanced.

The book comes as a snapshot of all its levels and as changes. All messages of a connection are
numbered together, whatever they are: a missing number may be a change of the book. Trades and a
heartbeat each second come by the same websocket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from obi_widgets.market_data.events import Delta, NotSent, Refused, Snapshot, Trade
from obi_widgets.market_data.venues import coinbase_messages as messages
from obi_widgets.market_data.venues.base import FoundMarket
from obi_widgets.market_data.venues.budget import Budget, Rate
from obi_widgets.market_data.venues.coinbase_sharing import CoinbaseSharing
from obi_widgets.market_data.venues.replies import BOOK, SECOND, Fetch, Output, Ping, Send
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

    from obi_widgets.market_data.events import Instrument
    from obi_widgets.market_data.venues.symbols import Contract


class Coinbase(Streamed):
    """Coinbase's spot market. See `Venue` for the methods."""

    name = "coinbase"
    label = "Coinbase"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://advanced-trade-ws.coinbase.com",
        "rest": "https://api.coinbase.com",
    }

    cadence, noticed_by = "50 ms", "numbers of messages"
    levels = 1_000_000  # the whole book: of BTC-USD there are 20 to 30 thousand a side
    streams = frozenset({"trades"})
    sharing = CoinbaseSharing()
    counts_others = True

    budget = Budget(
        Rate(8, 1.0), messages=Rate(8, 1.0), messages_by="address", requests=Rate(10, 1.0)
    )
    # The venue sends a heartbeat each second, which is numbered too.
    silence = 10 * SECOND
    # Few orders in a rare market do not mean that the book is lost.
    quiet_book, lively_book = 300 * SECOND, 30 * SECOND

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self.beside = {"trades": messages.TRADES, "heartbeats": messages.HEARTBEATS}
        self._names = {symbol}  # of the market: BTC-USDC is another name of BTC-USD
        self._number: int | None = None  # of the newest message on this connection

    @property
    def names(self) -> frozenset[str]:  # noqa: D102
        return frozenset(self._names)

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: D102
        return f"{base}-{quote or 'USD'}" if contract == "spot" else None

    @classmethod
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: D102
        try:
            symbol = messages.symbol_of(frame)
        except DECODE_ERRORS:
            return None
        return FoundMarket((cls.name,), symbol) if symbol else None

    # -- requests and subscriptions --------------------------------------------------------

    def _listing(self, delay: int = 0) -> Fetch:
        url = f"{self.urls['rest']}/api/v3/brokerage/market/products"
        return Fetch(INSTRUMENT, url, delay)

    def _time(self) -> Fetch:
        return Fetch(TIME, f"{self.urls['rest']}/api/v3/brokerage/time")  # its header has the time

    def _read_listing(self, body: str | bytes) -> Instrument | None:
        products = messages.listings.decode(body).products
        spot = {one.product_id: one for one in products if one.product_type == "SPOT"}
        product, self._listed = spot.get(self.symbol), [*spot]
        if product is None:
            return None
        self._names = {self.symbol, product.alias or self.symbol}
        self._unit = SizeUnit()
        return self.instrument(
            quote=text(product.quote_currency_id, 20),
            tick_size=step(product.price_increment),
            unit=self._unit,
        )

    def _subscription(self) -> list[Output]:
        return [Send(BOOK, messages.request("subscribe", messages.BOOK, self.symbol))]

    def _unsubscription(self) -> list[Output]:
        return [Send(BOOK, messages.request("unsubscribe", messages.BOOK, self.symbol))]

    def _ask_for(self, name: str) -> list[Output]:
        of = [] if name == "heartbeats" else [self.symbol]
        return [Send(BOOK, messages.request("subscribe", self.beside[name], *of))]

    def _keep_alive(self, socket: str) -> Ping:
        return Ping(socket)

    def _begin(self, now: int) -> list[Output]:
        self._number = None
        return super()._begin(now)

    # -- frames ----------------------------------------------------------------------------

    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:  # noqa: ARG002, D102
        self._cadence.heard(now)
        outputs: list[Output] = []
        channel = ""
        try:
            message = messages.frames.decode(frame)
            if message.type == "error":
                return self._reported(text(f"{message.message} {message.reason}", 160), now)
            number, channel = message.sequence_num, message.channel
            if number is None:
                return [Refused(now, text(channel, 30) or "unknown", text(frame))]
            if channel == messages.OTHERS:
                self._number = number
                return [NotSent(len(frame))]
            outputs += self._count(number, now)
            if channel == messages.BOOK_FRAMES:
                for book in messages.books.decode(message.events):
                    time = messages.time_of(book, message.timestamp)
                    outputs += self._read_book(book, number, time, now)
            elif channel == messages.TRADES:
                self._channels.there("trades")
                for told in messages.trades.decode(message.events):
                    outputs += self._read_trades(told, now)
            elif channel == messages.HEARTBEATS:
                self._channels.there("heartbeats")
            elif channel == "subscriptions":
                self._read_subscriptions(messages.confirmations.decode(message.events))
            else:
                outputs.append(Refused(now, text(channel, 30) or "unknown", text(frame)))
        except DECODE_ERRORS:
            if channel in (messages.TRADES, "subscriptions"):
                return [*outputs, refused(frame, now, "unreadable")]
            return outputs + self._unreadable(frame, now)
        return outputs

    def _read_subscriptions(self, said: list[messages.Confirmation]) -> None:
        for name, channel in self.beside.items():
            if any(channel in one.subscriptions for one in said):
                self._channels.there(name)

    def _count(self, number: int, now: int) -> list[Output]:
        """Throw the book away if a message is missing before this one."""
        last, self._number = self._number, number
        if last is None or number == last + 1:
            return []
        return self._give_up(f"message {number} does not follow {last}", now)

    def _unreadable(self, frame: str | bytes, now: int) -> list[Output]:
        self._number = None
        return super()._unreadable(frame, now)

    def _read_book(self, book: messages.Book, number: int, time: int, now: int) -> list[Output]:
        if book.product_id not in self._names:
            return [Refused(now, "other symbol", text(book.product_id))]
        bids, asks = book.levels("bid"), book.levels("offer")
        if not (sound(bids) and sound(asks)):
            raise ValueError("a size is too small")
        self._cadence.frame(now)
        if book.type == "snapshot":
            return self._begin_book(Snapshot(time, now, number, bids, asks, self.levels), now)
        return self._continue_book(Delta(time, now, number, bids, asks), self._sequence or 0, now)

    # -- trades ----------------------------------------------------------------------------

    def _read_trades(self, told: messages.Trades, now: int) -> list[Output]:
        outputs: list[Output] = []
        own = list[Trade]()
        for trade in told.trades:
            if trade.product_id not in self._names:
                outputs.append(Refused(now, "other symbol", text(trade.product_id)))
                continue
            side = -1 if trade.side == "BUY" else +1  # the maker bought, so the taker sold
            time = nanoseconds(trade.time)
            own.append(Trade(time, now, trade.price, trade.size, side, trade.trade_id))
        self._past_trades = told.type == "snapshot" or not self._seen_time
        return self._traded(own, now) + outputs
