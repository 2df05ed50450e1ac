"""Bybit's spot markets; see `bybit`. Sizes are in coins, and there is no mark price."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from obi_widgets.market_data.venues.bybit import Bybit
from obi_widgets.market_data.venues.replies import BOOK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.venues.symbols import Contract


class BybitSpot(Bybit):
    """Bybit's spot markets. See `Venue` for the methods."""

    name = "bybit-spot"
    label = "Bybit spot"
    category = "spot"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://stream.bybit.com/v5/public/spot",
        "rest": "https://api.bybit.com",
    }
    testnet: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://stream-testnet.bybit.com/v5/public/spot",
        "rest": "https://api-testnet.bybit.com",
    }

    cadence = "200 ms"
    streams = frozenset({"trades"})
    fees = None

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: D102
        return f"{base}{quote}" if contract == "spot" and quote else None
