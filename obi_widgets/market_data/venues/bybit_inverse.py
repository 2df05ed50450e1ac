"""Bybit's inverse contracts; see `bybit`. Each is worth 1 USD, and is settled in the coin."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from obi_widgets.market_data.venues.bybit import Bybit
from obi_widgets.market_data.venues.replies import BOOK
from obi_widgets.market_data.venues.sizes import SizeUnit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.venues.symbols import Contract


class BybitInverse(Bybit):
    """Bybit's inverse contracts. See `Venue` for the methods."""

    name = "bybit-inverse"
    label = "Bybit inverse"
    category = "inverse"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://stream.bybit.com/v5/public/inverse",
        "rest": "https://api.bybit.com",
    }
    testnet: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://stream-testnet.bybit.com/v5/public/inverse",
        "rest": "https://api-testnet.bybit.com",
    }

    size_unit = "contracts"
    unit = SizeUnit(1.0, inverse=True)
    fees = None

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: D102
        return f"{base}USD" if contract == "inverse" and quote in ("", "USD") else None
