"""Binance USDⓈ-M futures.

An event belongs to the book when its ``pu`` is the last event's ``u``; the first one after the
snapshot has ``U <= lastUpdateId <= u`` (or follows it exactly). Trades and mark price come on a
websocket of their own. Event time is ``T``, the matching engine's, as trades have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from obi_widgets.errors import SymbolError
from obi_widgets.market_data.events import Mark, Refused
from obi_widgets.market_data.fees import Fees
from obi_widgets.market_data.venues import binance_messages as messages
from obi_widgets.market_data.venues.binance_chain import MILLISECOND
from obi_widgets.market_data.venues.binance_plain import MARKET, PlainFrames
from obi_widgets.market_data.venues.replies import BOOK, Output
from obi_widgets.market_data.venues.wire import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Raw

    from obi_widgets.market_data.venues.base import FoundMarket
    from obi_widgets.market_data.venues.symbols import Contract


class BinanceUsdm(PlainFrames):
    """Binance USDⓈ-M futures. See `Venue` for the methods."""

    name = "binance-usdm"
    label = "Binance USD-M"
    market = "USD-M"
    api = "fapi/v1"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://fstream.binance.com/public",
        MARKET: "wss://fstream.binance.com/market",
        "rest": "https://fapi.binance.com",
    }
    testnet: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://demo-fstream.binance.com/public",
        MARKET: "wss://demo-fstream.binance.com/market",
        "rest": "https://demo-fapi.binance.com",
    }

    levels = 1000
    streams = frozenset({"trades", "mark"})
    fees = Fees(2.0, 5.0, "USDⓈ-M futures, regular user, USDT", "2026-10")

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: D102
        known = contract == "linear" and quote in ("", "USDT", "USDC", "BTC")
        return f"{base}{quote or 'USDT'}" if known else None

    @classmethod
    def check(cls, symbol: str) -> None:  # noqa: D102
        if messages.COIN_M_SYMBOL.fullmatch(symbol):
            raise SymbolError(
                f"{symbol!r} is a symbol of Binance COIN-M, whose sizes are contracts.",
                f"Give 'binance-coinm:{symbol}'. {cls.label} lists symbols such as 'BTCUSDT'.",
            )

    @classmethod
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: D102
        return messages.market_of(frame, cls.name)

    def _connects(self) -> list[Output]:
        stream = self.symbol.lower()
        return [
            self._connect(BOOK, f"{stream}@depth@100ms"),
            self._connect(
                MARKET, f"{stream}@aggTrade", f"{stream}@markPrice@1s", f"{stream}@forceOrder"
            ),
        ]

    def _read_other(self, kind: str, body: str | bytes | Raw, now: int) -> list[Output] | None:
        if kind != "markPriceUpdate":
            return super()._read_other(kind, body, now)
        mark = messages.marks.decode(body)
        if foreign := messages.foreign(mark, self.symbol, self.market):
            return [Refused(now, foreign, text(mark.s))]
        values = mark.p, mark.index, mark.funding_rate
        return [Mark(mark.E * MILLISECOND, now, *values, next_funding=mark.next_funding)]
