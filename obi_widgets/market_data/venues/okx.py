"""OKX, version 5: spot markets, perpetual swaps, and futures. A symbol says by itself which it is.

The book comes by a websocket as a snapshot and changes, each of which names the one before:
``prevSeqId``. A change without levels says once a minute that nothing has changed. Frames of old
recordings have no such numbers, and are held by a checksum alone; since June 2026 the checksum is
0, which is not checked. Trades, mark price, index, funding rate and open interest come by the same
websocket, and so do the liquidations of all swaps, or of all futures: those of other symbols are
left out. The venue sends one a second of a contract at most, so they are not all. The first frame
of trades holds the last one of before the subscription.

Of the public books (400 levels every 100 ms, 5 levels every 100 ms, the best level every 10 ms) it
is the one of 400 levels: no other has changes, and none that comes more often has enough levels.
"""

from __future__ import annotations

import re
from math import nan
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote as quoted

from obi_widgets.errors import SymbolError
from obi_widgets.market_data.events import (
    Delta,
    Liquidation,
    Mark,
    Refused,
    Snapshot,
    Trade,
)
from obi_widgets.market_data.fees import Fees
from obi_widgets.market_data.venues import okx_messages as messages
from obi_widgets.market_data.venues.account_ratio import AccountRatio, Ratio
from obi_widgets.market_data.venues.base import FoundMarket
from obi_widgets.market_data.venues.budget import Budget, Rate
from obi_widgets.market_data.venues.okx_sharing import OkxSharing
from obi_widgets.market_data.venues.replies import (
    BOOK,
    SECOND,
    Fetch,
    Output,
    Reconnect,
    Renew,
    Send,
)
from obi_widgets.market_data.venues.sizes import SizeUnit
from obi_widgets.market_data.venues.streamed import INSTRUMENT, TIME, Streamed
from obi_widgets.market_data.venues.wire import DECODE_ERRORS, refused, sound, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Raw

    from obi_widgets.market_data.events import Instrument
    from obi_widgets.market_data.venues.symbols import Contract

MILLISECOND = 1_000_000

DEPTH = 400
"""Levels a side of the book."""

NO_SUCH_SYMBOL = "51001"
"""The code of an answer to a request for an unknown symbol."""

NO_SUCH_CHANNEL = "60018"
"""The code of an error: a channel, or its symbol, does not exist."""

CLOSES_SOON = "64008"
"""The code of a notice: this connection will be closed soon."""

CLOSES_WITHIN = 60 * SECOND
"""Time from that notice to the close, ns."""

MOST_OPERATIONS = 400
"""Number of subscriptions by one connection after which a new one is made: the venue allows 480 an
hour by each."""

_CHANNEL = re.compile(r"channel:([a-z-]+),")
"""Where an error names a channel."""

SIDES = {"buy": +1, "sell": -1}


class Okx(Streamed):
    """OKX. See `Venue` for the methods."""

    name = "okx"
    label = "OKX"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://ws.okx.com:8443/ws/v5/public",
        "rest": "https://www.okx.com",
    }
    testnet: ClassVar[Mapping[str, str]] = {BOOK: "wss://wspap.okx.com:8443/ws/v5/public"}

    cadence, noticed_by = "100 ms", "numbers of changes"
    levels = window = DEPTH  # levels that leave the window are sent as removed
    size_unit = "contracts"  # those of spot markets are coins
    streams = frozenset({"trades", "mark"})
    sharing = OkxSharing()
    fees = Fees(2.0, 5.0, "perpetual swaps, regular user", "2026-10")

    budget = Budget(Rate(3, 1.0))
    ping_every = 20 * SECOND  # the venue closes a websocket that is silent for 30 s
    silence = 45 * SECOND
    snapshot_within = 20 * SECOND
    quiet_book = 75 * SECOND  # a book without changes says so every 60 s

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self.kind = messages.kind_of(symbol) or "SPOT"
        if self.kind == "SPOT":
            self.streams = frozenset({"trades"})
            self._unit = SizeUnit()
        self.index = "-".join(symbol.split("-")[:2])
        """The name of the index of a contract."""
        self.beside = {"trades": "trades"}
        if self.kind != "SPOT":
            self.beside |= {
                "mark price": "mark-price",
                "index": "index-tickers",
                "open interest": "open-interest",
                "liquidations": messages.LIQUIDATIONS,
            }
            of = f"instId={quoted(symbol)}&period=5m&limit=1"
            path = f"api/v5/rubik/stat/contracts/long-short-account-ratio-contract?{of}"
            self._ratio = AccountRatio(symbol, f"{self.urls['rest']}/{path}", self._read_ratio)
        if self.kind == "SWAP":
            self.beside["funding rate"] = "funding-rate"
        self._names = {channel: name for name, channel in self.beside.items()}
        self._texts: messages.Texts | None = None  # of a book with checksums
        self._operations = 0  # subscriptions by this connection

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: D102
        match contract, quote:
            case "spot", _ if quote:
                return f"{base}-{quote}"
            case "linear", "" | "USDT" | "USDC":
                return f"{base}-{quote or 'USDT'}-SWAP"
            case "inverse", "" | "USD":
                return f"{base}-USD-SWAP"
        return None

    @classmethod
    def check(cls, symbol: str) -> None:  # noqa: D102
        if messages.kind_of(symbol) is None:
            raise SymbolError(
                f"{symbol!r} is no symbol of {cls.label} that is read here.",
                "Give a spot market such as 'BTC-USDT', a swap such as 'BTC-USDT-SWAP', or a "
                "future such as 'BTC-USDT-261225'.",
            )

    @classmethod
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: D102
        try:
            symbol = messages.symbol_of(frame)
        except DECODE_ERRORS:
            return None
        return FoundMarket((cls.name,), symbol) if symbol else None

    # -- requests and subscriptions --------------------------------------------------------

    def _listing(self, delay: int = 0) -> Fetch:
        path = f"instruments?instType={self.kind}&instId={quoted(self.symbol)}"
        return Fetch(INSTRUMENT, f"{self.urls['rest']}/api/v5/public/{path}", delay)

    def _time(self) -> Fetch:
        return Fetch(TIME, f"{self.urls['rest']}/api/v5/public/time")  # its header has the time

    def _read_listing(self, body: str | bytes) -> Instrument | None:
        answer = messages.listings.decode(body)
        if answer.code == NO_SUCH_SYMBOL:
            return None
        if answer.code != "0":
            raise ValueError(f"{answer.msg} (code {answer.code})")
        own = next((item for item in answer.data if item.instId == self.symbol), None)
        if own is None:
            return None
        tick_size = messages.step(own.tickSz)
        unit = SizeUnit()
        if self.kind != "SPOT":
            size = messages.step(own.ctVal) * messages.step(own.ctMult or "1")
            unit = SizeUnit(size, inverse=own.ctType == "inverse")
        self._unit = unit
        return self.instrument(quote=self.symbol.split("-")[1], tick_size=tick_size, unit=unit)

    def _subscription(self) -> list[Output]:
        return [Send(BOOK, messages.operation("subscribe", ("books", self.symbol)))]

    def _unsubscription(self) -> list[Output]:
        return [Send(BOOK, messages.operation("unsubscribe", ("books", self.symbol)))]

    def _subscribe(self, now: int, *, again: bool = False) -> list[Output]:
        if self._operations > MOST_OPERATIONS:
            self._sequence = None
            self._operations, self._again_at, self._subscribed_at = 0, 0, now
            return [Reconnect(BOOK, "many subscriptions")]
        outputs = super()._subscribe(now, again=again)
        self._operations += len(outputs)
        return outputs

    def _ask_for(self, name: str) -> list[Output]:
        # One request each: an error is then about one of them.
        channel = self.beside[name]
        if name == "trades":
            self._past_trades = True
        self._operations += 1
        whose = {"index": self.index, "liquidations": self.kind}.get(name, self.symbol)
        return [Send(BOOK, messages.operation("subscribe", (channel, whose)))]

    def _read_ratio(self, body: str | bytes) -> Ratio | None:
        found = messages.ratio_of(body)  # it names no symbol
        return Ratio(self.symbol, *found) if found else None

    def _keep_alive(self, socket: str) -> Send:
        return Send(socket, "ping")

    def _begin(self, now: int) -> list[Output]:
        self._operations = 0
        return super()._begin(now)

    # -- frames ----------------------------------------------------------------------------

    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:  # noqa: ARG002, D102
        self._cadence.heard(now)
        if frame in ("pong", b"pong"):
            return []
        channel = ""
        try:
            message = messages.frames.decode(frame)
            channel = message.arg.channel
            if message.event:
                return self._read_event(message, frame, now)
            if channel == "books":
                return self._read_books(message, frame, now)
            self._channels.there(self._names.get(channel, ""))
            if channel == "trades":
                return self._read_trades(messages.trades.decode(message.data), now)
            if channel == messages.LIQUIDATIONS:
                return self._read_liquidations(messages.liquidations.decode(message.data), now)
            if (marks := self._read_marks(channel, message.data, now)) is not None:
                return marks
        except DECODE_ERRORS:
            if channel in ("", "books"):
                return self._unreadable(frame, now)
            what = " liquidation" if channel == messages.LIQUIDATIONS else ""
            return [refused(frame, now, f"unreadable{what}")]
        return [Refused(now, text(channel, 30) or "unknown", text(frame))]

    def _read_event(self, message: messages.Frame, frame: str | bytes, now: int) -> list[Output]:
        said = text(f"{message.msg} (code {message.code})", 160)
        match message.event:
            case "subscribe":
                self._channels.there(self._names.get(message.arg.channel, ""))
                return []
            case "unsubscribe":
                return []
            case "notice" if message.code == CLOSES_SOON:
                return [Renew(BOOK, said, CLOSES_WITHIN)]
            case "error" if (name := self._named_in(message.msg)) is not None:
                self._channels.refused(name, said)
                return [Refused(now, "topic not accepted", said)]
            case "error" if message.code == NO_SUCH_CHANNEL:
                if f"channel:books,instId:{self.symbol} " in message.msg:
                    return [self.unlisted(now)]
                return [Refused(now, "topic not accepted", said)]
            case "error":  # if no snapshot comes, it is asked for again
                return [Refused(now, "error", said)]
        return [Refused(now, text(message.event, 30), text(frame))]

    def _named_in(self, error: str) -> str | None:
        """Return what is subscribed to beside the book by the channel that an error names."""
        found = _CHANNEL.search(error)
        return self._names.get(found[1]) if found else None

    def _read_books(self, message: messages.Frame, frame: str | bytes, now: int) -> list[Output]:
        if message.arg.instId != self.symbol:
            return [Refused(now, "other symbol", text(message.arg.instId))]
        if self._unit is None:
            return [Refused(now, "book before the instrument")]
        books = messages.books.decode(message.data)
        if len(books) != 1 or message.action not in ("snapshot", "update"):
            return self._unreadable(frame, now)
        book = books[0]
        bids, asks = (
            self._unit.levels((price, size) for price, size, *_ in side)
            for side in (book.bids, book.asks)
        )
        if not (sound(bids) and sound(asks)):
            return self._unreadable(frame, now)
        self._cadence.frame(now)
        time = book.ts * MILLISECOND
        # Without a number, the time takes its place: it does not fall either.
        number = book.ts if book.seqId is None else book.seqId
        if message.action == "snapshot":
            snapshot = Snapshot(time, now, number, bids, asks, self.window)
            return self._read_snapshot(snapshot, book, message.data, now)
        return self._read_change(Delta(time, now, number, bids, asks), book, message.data, now)

    def _read_snapshot(
        self, snapshot: Snapshot, book: messages.Book, data: Raw, now: int
    ) -> list[Output]:
        texts = messages.Texts(data) if book.checksum else None
        if texts is not None and texts.checksum() != book.checksum:
            self._saw(snapshot.sequence, snapshot.time, now)
            return self._give_up("the checksum of a snapshot is wrong", now)
        outputs = self._begin_book(snapshot, now)
        if outputs == [snapshot]:
            self._texts = texts
        return outputs

    def _read_change(self, delta: Delta, book: messages.Book, data: Raw, now: int) -> list[Output]:
        if book.seqId is not None and book.seqId < book.prevSeqId:  # after a maintenance
            self._seen = -1
            self._saw(delta.sequence, delta.time, now)
            return self._give_up(f"the venue counts anew, from {book.seqId}", now)
        chained = book.seqId is not None
        checked = bool(book.checksum and self._texts)
        if self._sequence is not None and not (chained or checked):
            self._saw(delta.sequence, delta.time, now)
            return self._give_up("a change has neither a number nor a checksum", now)
        previous = book.prevSeqId if chained else self._sequence or 0
        outputs = self._continue_book(delta, previous, now)
        if outputs == [delta] and self._texts is not None:
            self._texts.apply(data)
            if book.checksum and self._texts.checksum() != book.checksum:
                return self._give_up(f"the checksum of change {delta.sequence} is wrong", now)
        return outputs

    def _read_trades(self, trades: list[messages.Trade], now: int) -> list[Output]:
        if self._unit is None:
            return [Refused(now, "trade before the instrument")]
        outputs: list[Output] = []
        own = list[Trade]()
        for trade in trades:
            if trade.instId != self.symbol:
                outputs.append(Refused(now, "other symbol", text(trade.instId)))
            elif trade.side not in SIDES:
                outputs.append(Refused(now, "trade without a side", text(trade.side)))
            else:
                size = self._unit.base_units(trade.px, trade.sz)
                time, side = trade.ts * MILLISECOND, SIDES[trade.side]
                own.append(Trade(time, now, trade.px, size, side, trade.tradeId))
        return self._traded(own, now) + outputs

    def _read_liquidations(self, told: list[messages.Liquidated], now: int) -> list[Output]:
        outputs: list[Output] = []
        for one in told:
            if one.instId != self.symbol:
                continue  # all contracts of its kind come by one channel
            if self._unit is None:
                outputs.append(Refused(now, "liquidation before the instrument"))
                continue
            for part in messages.liquidation_details.decode(one.details):
                if part.side not in SIDES:
                    outputs.append(Refused(now, "liquidation without a side", text(part.side)))
                    continue
                size = self._unit.base_units(part.bkPx, part.sz)
                time, side = part.ts * MILLISECOND, SIDES[part.side]
                outputs.append(Liquidation(time, now, part.bkPx, size, side))
        return outputs

    def _read_marks(self, channel: str, data: Raw, now: int) -> list[Output] | None:
        """Return the values of a channel beside the book; None for another channel."""
        marks = list[tuple[str, Mark]]()
        match channel:
            case "mark-price":
                for mark in messages.mark_prices.decode(data):
                    event = Mark(mark.ts * MILLISECOND, now, mark.markPx, nan, nan)
                    marks.append((mark.instId, event))
            case "index-tickers":
                for index in messages.index_tickers.decode(data):
                    event = Mark(index.ts * MILLISECOND, now, nan, index.idxPx, nan)
                    marks.append((index.instId, event))
            case "funding-rate":
                for rate in messages.funding_rates.decode(data):
                    due = rate.fundingTime / 1e3 or nan
                    event = Mark(
                        rate.ts * MILLISECOND, now, nan, nan, rate.fundingRate, next_funding=due
                    )
                    marks.append((rate.instId, event))
            case "open-interest":
                for interest in messages.open_interests.decode(data):
                    event = Mark(interest.ts * MILLISECOND, now, nan, nan, nan, interest.oiCcy)
                    marks.append((interest.instId, event))
            case _:
                return None
        own = self.index if channel == "index-tickers" else self.symbol
        return [
            mark if symbol == own else Refused(now, "other symbol", text(symbol))
            for symbol, mark in marks
        ]
