"""Hyperliquid perpetuals.

Every frame of the book is the whole book, cut to its best levels, so that none continues another:
a lost frame costs only time. Trades and the context (mark price, oracle price, funding, open
interest) come by the same websocket. The list of perpetuals is requested first, since the venue
closes the websocket of anyone who names an unknown one.
"""

from __future__ import annotations

import re
from math import floor, log10
from typing import TYPE_CHECKING, ClassVar, Self

from obi_widgets.errors import SymbolError
from obi_widgets.market_data.events import Mark, Refused, Snapshot, Status, Trade
from obi_widgets.market_data.fees import Fees
from obi_widgets.market_data.venues import hyperliquid_messages as messages
from obi_widgets.market_data.venues.base import FoundMarket
from obi_widgets.market_data.venues.budget import Budget, Rate
from obi_widgets.market_data.venues.hyperliquid_sharing import HyperliquidSharing
from obi_widgets.market_data.venues.replies import BOOK, SECOND, Fetch, Output, Send
from obi_widgets.market_data.venues.sizes import SizeUnit
from obi_widgets.market_data.venues.streamed import INSTRUMENT, TIME, Streamed
from obi_widgets.market_data.venues.wire import DECODE_ERRORS, PAST_TRADE, refused, sound, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.events import Instrument
    from obi_widgets.market_data.venues.symbols import Contract

FAST, DEEP = 5, 20
"""Levels a side of a fast book, which comes twice a second, and of one that comes every 5 s."""

MILLISECOND = 1_000_000
HOUR = 3600 * SECOND

SIGNIFICANT = 5
"""The most significant figures of a price that is not a whole number."""

MAX_DECIMALS = 6
"""Decimals of prices and of sizes together, at most."""

_THOUSANDS = frozenset({"KPEPE", "KSHIB", "KBONK", "KFLOKI", "KLUNC", "KDOGS", "KNEIRO"})
"""Coins that are traded by the thousand: the venue writes the K in lower case."""

_SYMBOL = re.compile(r"k?[A-Z0-9]+")  # kPEPE is a thousand PEPE

REQUEST_WEIGHT = 20
"""Of a question about markets; that about a book would count 2."""


class Hyperliquid(Streamed):
    """Hyperliquid perpetuals. See `Venue` for the methods.

    Parameters
    ----------
    symbol : str
        The coin, such as ``BTC`` or ``kPEPE``.
    endpoints : mapping of str to str, optional
        See `Venue`.
    fast : bool
        Which of the venue's two books is followed, since it sends only one of them by a websocket:
        5 levels a side every half second, or 20 levels every 5 seconds if False. An imbalance of
        the best levels has mostly faded after 5 seconds, so the default is the fast one.
        ``obi.Lab(Hyperliquid("BTC", fast=False))`` shows the other.

    Notes
    -----
    The tick size depends on the price: a price has at most 5 significant figures, or is a whole
    number, and has at most 6 − ``szDecimals`` decimals. The instrument has the tick size at the
    mark price of the start. A history that meets a finer price changes to the finer tick size.

    The funding rate is that of one hour, which is the venue's funding interval.
    """

    name = "hyperliquid"
    label = "Hyperliquid"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://api.hyperliquid.xyz/ws",
        "rest": "https://api.hyperliquid.xyz",
    }

    testnet: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://api.hyperliquid-testnet.xyz/ws",
        "rest": "https://api.hyperliquid-testnet.xyz",
    }

    cadence, noticed_by = "0.5 s", "whole books"
    levels, whole_books = FAST, True
    streams = frozenset({"trades", "mark"})
    sharing = HyperliquidSharing()
    fees = Fees(1.5, 4.5, "perpetuals, tier 0, no staking", "2025-05")

    budget = Budget(
        Rate(30, 60.0), websockets=10, messages=Rate(2000, 60.0), messages_by="address",
        requests=Rate(1200, 60.0),
    )  # fmt: skip
    ping_every = 30 * SECOND  # the venue closes a websocket by which nothing was sent for 60 s
    silence = 60 * SECOND
    quiet_book = 30 * SECOND  # books come even if nothing has changed

    listing = "list of perpetuals"

    def __init__(
        self, symbol: str, *, endpoints: Mapping[str, str] | None = None, fast: bool = True
    ) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self.beside = {"trades": messages.TRADES, "mark price": messages.CONTEXT}
        self._fast = fast
        self._limit = FAST if fast else DEEP  # the most levels a side in a frame
        self._grouped = False  # whether prices of the book are rounded
        self._began = 0  # event time of the first book on this connection, ns
        self._context: messages.Context | None = None  # waits for a book, whose time it gets

    def _copy(self) -> Self:
        return type(self)(self.symbol, endpoints=self.urls, fast=self._fast)

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: D102
        if contract != "linear" or quote not in ("", "USD", "USDC"):
            return None
        return f"k{base[1:]}" if base in _THOUSANDS else base

    @classmethod
    def check(cls, symbol: str) -> None:  # noqa: D102
        if _SYMBOL.fullmatch(symbol):
            return
        raise SymbolError(
            f"{symbol!r} is no perpetual of {cls.label}'s own list.",
            "Give the coin of one, such as 'BTC'. Spot markets and the perpetuals of other "
            "deployers are not read.",
        )

    @classmethod
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: D102
        try:
            coin = messages.coin_of(frame)
        except DECODE_ERRORS:
            return None
        return FoundMarket((cls.name,), coin) if coin else None

    # -- requests and subscriptions --------------------------------------------------------

    def _ask(self, name: str, delay: int = 0, **question: str) -> Fetch:
        body = messages.question(**question)
        return Fetch(name, f"{self.urls['rest']}/info", delay, body, weight=REQUEST_WEIGHT)

    def _listing(self, delay: int = 0) -> Fetch:
        return self._ask(INSTRUMENT, delay, type="metaAndAssetCtxs")

    def _time(self) -> Fetch:
        # The header of every answer has the time. This request costs the least of the allowance.
        return self._ask(TIME, type="l2Book", coin=self.symbol)

    def _read_listing(self, body: str | bytes) -> Instrument | None:
        perpetuals, perpetual, price = messages.read_listing(body, self.symbol)
        self._listed = [one.name for one in perpetuals if not one.isDelisted]
        if perpetual is None or perpetual.isDelisted:
            return None
        tick_size = tick_size_at(price, perpetual.szDecimals)
        return self.instrument(quote="USDC", tick_size=tick_size, unit=SizeUnit())

    def _subscription(self) -> list[Output]:
        return [self._send("subscribe", messages.BOOK)]

    def _unsubscription(self) -> list[Output]:
        return [self._send("unsubscribe", messages.BOOK)]

    def _ask_for(self, name: str) -> list[Output]:
        return [self._send("subscribe", self.beside[name])]

    def _send(self, method: str, kind: str) -> Send:
        speed = {"fast": True} if self._fast and kind == messages.BOOK else {}
        return Send(BOOK, messages.request(method, type=kind, coin=self.symbol, **speed))

    def _keep_alive(self, socket: str) -> Send:
        return Send(socket, messages.PING)

    def _begin(self, now: int) -> list[Output]:
        self._began, self._grouped, self._context = 0, False, None
        return super()._begin(now)

    def resync(self, reason: str, now: int) -> list[Output]:  # noqa: D102
        self._sequence, self._subscribed_at = None, now  # wait as after a subscription
        detail = f"The book was thrown away: {reason}."
        return [Status(now, "gap", detail, "The next frame brings a whole one.")]

    # -- frames ----------------------------------------------------------------------------

    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:  # noqa: ARG002, D102
        self._cadence.heard(now)
        try:
            message = messages.frames.decode(frame)
            channel, data = message.channel, message.data
            self._there(channel)
            if channel == messages.BOOK:
                return self._read_book(messages.books.decode(data), frame, now)
            if channel == messages.TRADES:
                return self._read_trades(messages.trades.decode(data), now)
            if channel == messages.CONTEXT:
                return self._read_context(messages.contexts.decode(data), now)
            if channel == "subscriptionResponse":
                return self._subscribed(messages.acknowledgements.decode(data).subscription)
            if channel == "error":
                return self._read_error(messages.errors.decode(data), now)
        except DECODE_ERRORS:
            return self._unreadable(frame, now)
        if channel == "pong":
            return []
        return [Refused(now, text(channel, 30) or "unknown", text(frame))]

    def _unreadable(self, frame: str | bytes, now: int) -> list[Output]:
        return [refused(frame, now, "unreadable")]  # the next frame has all of the book again

    def _there(self, channel: str) -> None:
        for name, own in self.beside.items():
            if channel == own:
                self._channels.there(name)

    def _read_error(self, said: str, now: int) -> list[Output]:
        for name, channel in self.beside.items():
            if f'"{channel}"' in said:
                if "Already subscribed" in said:
                    self._channels.there(name)
                    return []
                self._channels.refused(name, text(said, 160))
                return [Refused(now, "error", text(said))]
        return self._reported(text(said, 160), now)

    def _subscribed(self, to: messages.Subscription) -> list[Output]:
        if to.coin == self.symbol:
            self._there(to.type)
        if to.type == messages.BOOK and to.coin == self.symbol:
            self._limit = FAST if to.fast else DEEP
            self._grouped = to.nSigFigs is not None
        return []

    def _read_book(self, book: messages.Book, frame: str | bytes, now: int) -> list[Output]:
        if book.coin != self.symbol:
            return [Refused(now, "other symbol", text(book.coin))]
        if self._grouped:
            return [Refused(now, "grouped book")]
        bids, asks = ([(level.px, level.sz) for level in side] for side in book.levels)
        if not (sound(bids) and sound(asks)):
            return self._unreadable(frame, now)
        if max(len(bids), len(asks)) > FAST:  # a recording may not have the acknowledgement
            self._limit = DEEP
        time = book.time * MILLISECOND
        outputs = self._begin_book(Snapshot(time, now, time, bids, asks, self._limit), now)
        if self._sequence == time:
            self._cadence.frame(now)
            self._began = self._began or time
            if self._context is not None:
                outputs.append(self._mark(self._context, time, now))
                self._context = None
        return outputs

    def _refuse(self, number: int, now: int, *, later: bool) -> list[Output]:
        outputs = super()._refuse(number, now, later=later)
        if self._sequence is None and not self._refused:  # the time of the newest one was wrong
            self._seen, self._seen_time = -1, 0
        return outputs

    # -- trades, mark ----------------------------------------------------------------------

    def _read_trades(self, trades: list[messages.Trade], now: int) -> list[Output]:
        outputs: list[Output] = []
        for trade in sorted(trades, key=lambda trade: trade.time):
            if trade.coin != self.symbol:
                outputs.append(Refused(now, "other symbol", text(trade.coin)))
                continue
            time, side = trade.time * MILLISECOND, +1 if trade.side == "B" else -1
            if 0 < self._began < time:
                outputs.append(Trade(time, now, trade.px, trade.sz, side, trade.tid))
            else:  # the first frames have older trades
                outputs.append(Refused(now, PAST_TRADE))
        return outputs

    def _read_context(self, told: messages.CoinContext, now: int) -> list[Output]:
        if told.coin != self.symbol:
            return [Refused(now, "other symbol", text(told.coin))]
        if self._sequence is None:
            self._context = told.ctx
            return []
        return [self._mark(told.ctx, self._sequence, now)]

    def _mark(self, context: messages.Context, time: int, now: int) -> Mark:
        """Return the event of a context. The venue sends no time, so it gets that of the book."""
        return Mark(
            time,
            now,
            context.markPx,
            context.oraclePx,
            context.funding,
            context.openInterest,
            # It is paid at each full hour.
            next_funding=float((time // HOUR + 1) * HOUR // SECOND),
        )


def tick_size_at(price: float, size_decimals: int) -> float:
    """Return the tick size at a price.

    Parameters
    ----------
    price : float
        Quote currency; 0 if it is not known.
    size_decimals : int
        Decimals of sizes.

    Returns
    -------
    float
        Quote currency; 0 if the price is not known.
    """
    if not price:
        return 0.0
    figures = SIGNIFICANT - 1 - floor(log10(price))  # decimals of so many significant figures
    decimals = max(min(figures, MAX_DECIMALS - size_decimals), 0)
    return float(f"1e-{decimals}")
