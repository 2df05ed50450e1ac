"""Binance COIN-M futures, whose sizes are contracts of a value in USD.

A level of so many contracts holds contracts × value / price base units. The book is chained as that
of `binance_usdm`. All streams come on one websocket. The index price has a stream of the pair.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, ClassVar

from obi_widgets.errors import SymbolError
from obi_widgets.market_data.events import Mark, Refused
from obi_widgets.market_data.venues import binance_messages as messages
from obi_widgets.market_data.venues.binance import SNAPSHOT
from obi_widgets.market_data.venues.binance_chain import MILLISECOND
from obi_widgets.market_data.venues.binance_futures import BinanceFutures
from obi_widgets.market_data.venues.replies import BOOK, SECOND, Output
from obi_widgets.market_data.venues.sizes import SizeUnit
from obi_widgets.market_data.venues.wire import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Raw

    from obi_widgets.market_data.venues.base import FoundMarket
    from obi_widgets.market_data.venues.symbols import Contract


def contract_of(symbol: str) -> SizeUnit:
    """Return the contract that Binance specifies, for data without a list of instruments.

    A contract of BTC is worth 100 USD, one of any other coin 10 USD.
    """
    return SizeUnit(100.0 if messages.pair_of(symbol) == "BTCUSD" else 10.0, inverse=True)


class BinanceCoinm(BinanceFutures):
    """Binance COIN-M futures. See `Venue` for the methods."""

    name = "binance-coinm"
    label = "Binance COIN-M"
    market = "COIN-M"
    api = "dapi/v1"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://dstream.binance.com",
        "rest": "https://dapi.binance.com",
    }

    levels = 1000
    size_unit = "contracts"
    streams = frozenset({"trades", "mark"})

    silence = 300 * SECOND  # a contract of a far date may be silent for minutes

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self._pair = messages.pair_of(symbol)
        self._streams = (*self._streams, f"{self._pair.lower()}@")

    @property
    def _ratio_of(self) -> tuple[str, str]:
        return "pair", messages.pair_of(self.symbol)  # all contracts of the pair together

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: D102
        known = contract == "inverse" and quote in ("", "USD")
        return f"{base}USD_PERP" if known else None

    @classmethod
    def check(cls, symbol: str) -> None:  # noqa: D102
        if not messages.COIN_M_SYMBOL.fullmatch(symbol):
            raise SymbolError(
                f"{cls.label} has no symbol {symbol!r}.",
                "A perpetual contract is called as 'BTCUSD_PERP', and one that is delivered at a "
                "date as 'BTCUSD_261225'.",
            )

    @classmethod
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: D102
        return messages.market_of(frame, cls.name)

    def _connects(self) -> list[Output]:
        stream = self.symbol.lower()
        return [
            self._connect(
                BOOK,
                f"{stream}@depth@100ms",
                f"{stream}@aggTrade",
                f"{stream}@markPrice@1s",
                f"{self._pair.lower()}@indexPrice@1s",
                f"{stream}@forceOrder",
            )
        ]

    # -- the contract ----------------------------------------------------------------------

    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:  # noqa: D102
        if self._unit.inverse:
            return super().received(frame, now, socket)
        if self.can_ask:
            return [Refused(now, "frame before the contract size", text(frame))]
        return [*self._specified(now), *super().received(frame, now, socket)]

    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:  # noqa: D102
        if name != SNAPSHOT or self._unit.inverse:
            return super().fetched(name, status, body, now)
        if self.can_ask:
            return [Refused(now, "snapshot before the contract size", text(body))]
        return [*self._specified(now), *super().fetched(name, status, body, now)]

    def _specified(self, now: int) -> list[Output]:
        """Return the instrument of a capture that has no list of them."""
        unit = contract_of(self.symbol)
        instrument = self.instrument(quote="USD", tick_size=0.0, unit=unit)
        return [instrument, *self._count_in(unit, now)]

    # -- mark, index -----------------------------------------------------------------------

    def _read_other(self, kind: str, body: str | bytes | Raw, now: int) -> list[Output] | None:
        if kind == "indexPriceUpdate":
            index = messages.indexes.decode(body)
            if index.i != self._pair:
                return [Refused(now, "other symbol", text(index.i))]
            return [Mark(index.E * MILLISECOND, now, nan, index.p, nan)]
        if kind != "markPriceUpdate":
            return super()._read_other(kind, body, now)
        mark = messages.coin_m_marks.decode(body)
        if foreign := messages.foreign(mark, self.symbol, self.market):
            return [Refused(now, foreign, text(mark.s))]
        self._mark = mark.p
        values = mark.p, nan, mark.funding_rate
        return [Mark(mark.E * MILLISECOND, now, *values, next_funding=mark.next_funding)]
