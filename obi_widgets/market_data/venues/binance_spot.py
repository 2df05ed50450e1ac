"""Binance spot.

An event belongs to the book when its ``U`` follows the last event's ``u``; the first one after the
snapshot has ``U <= lastUpdateId + 1 <= u``. Book and trades come on one websocket. Events have only
the time ``E`` at which they were sent, and the snapshot has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from obi_widgets.market_data.fees import Fees
from obi_widgets.market_data.venues import binance_messages as messages
from obi_widgets.market_data.venues.binance import Binance
from obi_widgets.market_data.venues.binance_sharing import BinanceSharing
from obi_widgets.market_data.venues.budget import Budget, Rate
from obi_widgets.market_data.venues.replies import BOOK, SECOND, Output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.venues.base import FoundMarket
    from obi_widgets.market_data.venues.symbols import Contract


class BinanceSpot(Binance):
    """Binance spot. See `Venue` for the methods.

    Attributes
    ----------
    market_data_only : mapping of str to str
        Endpoints of the hosts that serve market data only, for
        `obi_widgets.market_data.venues.make_venue`.
    """

    name = "binance-spot"
    label = "Binance spot"
    market = "spot"
    api = "api/v3"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://stream.binance.com:9443",
        "rest": "https://api.binance.com",
    }
    testnet: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://stream.testnet.binance.vision",
        "rest": "https://testnet.binance.vision",
    }
    market_data_only: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://data-stream.binance.vision",
        "rest": "https://data-api.binance.vision",
    }
    depths = messages.spot_depths

    levels = 5000
    streams = frozenset({"trades"})
    sharing = BinanceSharing()
    fees: ClassVar[Fees] = Fees(10.0, 10.0, "spot, regular user", "2026-10")

    budget = Budget(Rate(300, 300.0), messages=Rate(4, 1.0), requests=Rate(6000, 60.0))
    snapshot_weight, listing_weight = 250, 20
    silence = 300 * SECOND  # a rarely traded pair may be silent for minutes
    refresh_every = 15 * SECOND  # a sixth of the weight of requests that are allowed

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: D102
        return f"{base}{quote or 'USDT'}" if contract == "spot" else None

    @classmethod
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: D102
        return messages.market_of(frame, cls.name)

    @property
    def _listing(self) -> str:
        return f"exchangeInfo?symbol={self.symbol}"

    def _connects(self) -> list[Output]:
        stream = self.symbol.lower()
        return [self._connect(BOOK, f"{stream}@depth@100ms", f"{stream}@trade")]
