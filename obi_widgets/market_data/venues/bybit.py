"""Bybit, version 5: linear contracts, spot, and inverse contracts.

The book comes by a websocket as a snapshot and deltas, whose update ids ``u`` are counted one by
one. Update 1 is a snapshot after the venue restarted its service. Trades, tickers and all
liquidations come by the same websocket. The three categories have addresses of their own, and the
same frames: a linear contract and a spot market may have the same symbol, which the frames do not
tell apart.

Of the public depths (1, 50, 200 and 1000 levels every 10, 20, 100 and 200 ms) the book has 200
levels. That is the deepest one that comes as often as a history keeps states by default, every
100 ms. Spot is slower: its 200 levels come every 200 ms, and its 50 levels every 20 ms.
"""

from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote as quoted

from obi_widgets.market_data.events import (
    Delta,
    Liquidation,
    Mark,
    Refused,
    Snapshot,
    Status,
    Trade,
)
from obi_widgets.market_data.fees import Fees
from obi_widgets.market_data.venues import bybit_messages as messages
from obi_widgets.market_data.venues.account_ratio import AccountRatio
from obi_widgets.market_data.venues.base import FoundMarket
from obi_widgets.market_data.venues.budget import Budget, Rate
from obi_widgets.market_data.venues.bybit_sharing import BybitSharing
from obi_widgets.market_data.venues.replies import BOOK, SECOND, Fetch, Output, Reconnect, Send
from obi_widgets.market_data.venues.sizes import SizeUnit
from obi_widgets.market_data.venues.streamed import INSTRUMENT, TIME, Streamed
from obi_widgets.market_data.venues.wire import DECODE_ERRORS, refused, sound, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.events import Instrument
    from obi_widgets.market_data.venues.symbols import Contract

MILLISECOND = 1_000_000

DEPTH = 200
"""Levels a side of the book."""

NO_SUCH_SYMBOL = 10001
"""The code of an answer to a request with a wrong parameter, such as an unknown symbol."""

SIDES = {"Buy": +1, "Sell": -1}

CLOSING_SIDES = {"Buy": -1, "Sell": +1}
"""Of the order that closes a liquidated position, by the side of the position, which is sent."""


class Bybit(Streamed):
    """Bybit's linear contracts: perpetuals and futures, settled in USDT or USDC. See `Venue`."""

    name = "bybit"
    label = "Bybit"
    category: ClassVar[str] = "linear"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://stream.bybit.com/v5/public/linear",
        "rest": "https://api.bybit.com",
    }
    testnet: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://stream-testnet.bybit.com/v5/public/linear",
        "rest": "https://api-testnet.bybit.com",
    }

    cadence, noticed_by = "100 ms", "numbers of changes"
    levels = window = DEPTH  # levels that leave the window are sent as removed
    streams = frozenset({"trades", "mark"})
    sharing = BybitSharing()
    fees: ClassVar[Fees | None] = Fees(2.0, 5.5, "linear perpetuals, non-VIP", "2026-10")
    unit: ClassVar[SizeUnit] = SizeUnit()

    budget = Budget(Rate(500, 300.0), websockets=1000)
    ping_every = 20 * SECOND  # the venue closes a websocket that was silent for 10 minutes
    silence = 45 * SECOND
    # A book without changes is not sent again, except at a depth of 1 level.
    quiet_book, lively_book = 300 * SECOND, 30 * SECOND

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self.topic = f"orderbook.{DEPTH}.{symbol}"
        self.beside = {"trades": f"publicTrade.{symbol}"}
        if "mark" in self.streams:
            self.beside["mark price"] = f"tickers.{symbol}"
            self.beside["liquidations"] = f"allLiquidation.{symbol}"
            of = f"category={self.category}&symbol={quoted(symbol)}&period=5min&limit=1"
            url = f"{self.urls['rest']}/v5/market/account-ratio?{of}"
            self._ratio = AccountRatio(symbol, url, messages.read_ratio)
        self._names = {topic: name for name, topic in self.beside.items()}
        self._seen_seq = -1  # greatest ``seq`` of a book on this connection
        self._trade_seq = self._trade_ms = 0  # of the newest trade on this connection
        self._trades_of_seq: set[str] = set()  # ids of the trades with that ``seq`` and time
        self._mark_price = nan

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: D102
        if contract != "linear" or quote not in ("", "USDT", "USDC"):
            return None
        return f"{base}PERP" if quote == "USDC" else f"{base}USDT"

    @classmethod
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: D102
        try:
            symbol = messages.symbol_of(frame)
        except DECODE_ERRORS:
            return None
        return FoundMarket((cls.name,), symbol) if symbol else None

    # -- requests and subscriptions --------------------------------------------------------

    def _listing(self, delay: int = 0) -> Fetch:
        path = f"instruments-info?category={self.category}&symbol={quoted(self.symbol)}"
        return Fetch(INSTRUMENT, f"{self.urls['rest']}/v5/market/{path}", delay)

    def _time(self) -> Fetch:
        return Fetch(TIME, f"{self.urls['rest']}/v5/market/time")  # its header has the time

    def _read_listing(self, body: str | bytes) -> Instrument | None:
        answer = messages.listings.decode(body)
        if answer.retCode == NO_SUCH_SYMBOL:
            return None
        if answer.retCode:
            raise ValueError(f"{answer.retMsg} (code {answer.retCode})")
        listed = messages.results.decode(answer.result).listed
        own = next((item for item in listed if item.symbol == self.symbol), None)
        if own is None:
            return None
        tick_size = messages.price_filters.decode(own.priceFilter).tickSize
        return self.instrument(quote=text(own.quoteCoin, 20), tick_size=tick_size, unit=self.unit)

    def _subscription(self) -> list[Output]:
        return [Send(BOOK, messages.operation("subscribe", self.topic))]

    def _unsubscription(self) -> list[Output]:
        return [Send(BOOK, messages.operation("unsubscribe", self.topic))]

    def _ask_for(self, name: str) -> list[Output]:
        # One request each: the venue refuses a request whole if one of its topics is wrong.
        topic = self.beside[name]
        return [Send(BOOK, messages.operation("subscribe", topic, number=topic))]

    def _keep_alive(self, socket: str) -> Send:
        return Send(socket, messages.operation("ping"))

    def _begin(self, now: int) -> list[Output]:
        self._seen_seq = -1
        self._trade_seq = self._trade_ms = 0
        return super()._begin(now)

    # -- frames ----------------------------------------------------------------------------

    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:  # noqa: ARG002, D102
        self._cadence.heard(now)
        kind = ""
        try:
            message = messages.frames.decode(frame)
            kind = message.topic.partition(".")[0]
            self._channels.there(self._names.get(message.topic, ""))
            if kind == "orderbook":
                return self._read_book(messages.books.decode(message.data), message, frame, now)
            if kind == "publicTrade":
                return self._read_trades(messages.trades.decode(message.data), now)
            if kind == "tickers":
                return self._read_ticker(messages.tickers.decode(message.data), message.ts, now)
            if kind == "allLiquidation":
                return self._read_liquidations(messages.liquidations.decode(message.data), now)
        except DECODE_ERRORS:
            if kind in ("", "orderbook"):
                return self._unreadable(frame, now)
            what = " liquidation" if kind == "allLiquidation" else ""
            return [refused(frame, now, f"unreadable{what}")]
        if message.op:
            if not message.success:
                return self._read_error(message.ret_msg, now)
            self._channels.there(self._names.get(message.req_id, ""))
            return []
        return [Refused(now, text(kind, 30) or "unknown", text(frame))]

    def _read_error(self, error: str, now: int) -> list[Output]:
        """Handle an operation that failed. Its text ends with the topic, if it is about one."""
        said, _, topic = error.partition(",topic:")
        if topic and topic != self.topic:
            name = self._names.get(topic, "")
            if "already subscribed" in said:
                self._channels.there(name)
                return []
            self._channels.refused(name, text(said.removeprefix("error:"), 160))
            return [Refused(now, "topic not accepted", text(error))]
        if "handler not found" in said and topic:
            return [self.unlisted(now)]
        if "already subscribed" in said:  # so that no snapshot will come
            detail = f"{self.label} reports: {text(error)}."
            return [Status(now, "gap", detail, "Connecting again."), Reconnect(BOOK, text(error))]
        return [Refused(now, "error", text(error))]  # if no snapshot comes, it is asked again

    def _read_book(
        self, book: messages.Book, message: messages.Frame, frame: str | bytes, now: int
    ) -> list[Output]:
        if book.s != self.symbol or not message.topic.endswith(f".{self.symbol}"):
            return [Refused(now, "other symbol", text(f"{message.topic}: {book.s}"))]
        if message.topic != self.topic:
            return [Refused(now, "book of another depth", text(message.topic))]
        bids, asks = self.unit.levels(book.b), self.unit.levels(book.a)
        whole = message.type == "snapshot"
        if not (whole or message.type == "delta") or not (sound(bids) and sound(asks)):
            return self._unreadable(frame, now)
        self._cadence.frame(now)
        seq, self._seen_seq = self._seen_seq, max(self._seen_seq, book.seq)
        time = (message.cts or message.ts) * MILLISECOND
        if not whole:
            return self._continue_book(Delta(time, now, book.u, bids, asks), book.u - 1, now)
        if book.u == 1 and book.seq >= seq and time >= self._seen_time:
            self._seen = -1  # the venue restarted its service, and counts anew
        return self._begin_book(Snapshot(time, now, book.u, bids, asks, self.window), now)

    def _read_trades(self, trades: list[messages.Trade], now: int) -> list[Output]:
        outputs: list[Output] = []
        for trade in trades:
            if trade.s != self.symbol:
                outputs.append(Refused(now, "other symbol", text(trade.s)))
            elif trade.S not in SIDES:
                outputs.append(Refused(now, "trade without a side", text(trade.S)))
            elif trade.BT:
                outputs.append(Refused(now, "block trade"))
            elif self._is_new(trade):
                size = self.unit.base_units(trade.p, trade.v)
                number = messages.number_of(trade)
                time = trade.T * MILLISECOND
                outputs.append(Trade(time, now, trade.p, size, SIDES[trade.S], number))
        return outputs

    def _is_new(self, trade: messages.Trade) -> bool:
        """Return whether a trade comes for the first time. Trades have no numbers in order."""
        seq, ms = trade.seq, trade.T
        if seq < self._trade_seq and ms <= self._trade_ms:
            return False
        if (seq, ms) != (self._trade_seq, self._trade_ms):
            self._trades_of_seq.clear()
        self._trade_seq, self._trade_ms = seq, ms
        is_new = trade.i not in self._trades_of_seq
        self._trades_of_seq.add(trade.i)
        return is_new

    def _read_ticker(self, ticker: messages.Ticker, ms: int, now: int) -> list[Output]:
        if ticker.symbol != self.symbol:
            return [Refused(now, "other symbol", text(ticker.symbol))]
        price = messages.value(ticker.markPrice)
        self._mark_price = self._mark_price if isnan(price) else price
        interest = messages.value(ticker.openInterest)
        if not isnan(interest):
            interest = self.unit.base_units(self._mark_price, interest)
        due = messages.value(ticker.nextFundingTime)
        mark = Mark(
            ms * MILLISECOND,
            now,
            price,
            messages.value(ticker.indexPrice),
            messages.value(ticker.fundingRate, positive=False),
            interest,
            next_funding=nan if isnan(due) else due / 1e3,
        )
        values = (
            mark.price, mark.index, mark.funding_rate, mark.open_interest, mark.next_funding,
        )  # fmt: skip
        return [] if all(map(isnan, values)) else [mark]

    def _read_liquidations(self, told: list[messages.Liquidation], now: int) -> list[Output]:
        outputs: list[Output] = []
        for one in told:
            if one.s != self.symbol:
                outputs.append(Refused(now, "other symbol", text(one.s)))
            elif one.S not in CLOSING_SIDES:
                outputs.append(Refused(now, "liquidation without a side", text(one.S)))
            else:
                size, side = self.unit.base_units(one.p, one.v), CLOSING_SIDES[one.S]
                outputs.append(Liquidation(one.T * MILLISECOND, now, one.p, size, side))
        return outputs
