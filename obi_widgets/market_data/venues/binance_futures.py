"""What Binance's futures have and spot has not: the open interest, which is requested by REST."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from obi_widgets.market_data.events import Mark, Refused
from obi_widgets.market_data.venues import binance_messages as messages
from obi_widgets.market_data.venues.binance import Binance
from obi_widgets.market_data.venues.binance_chain import MILLISECOND
from obi_widgets.market_data.venues.binance_sharing import BinanceSharing
from obi_widgets.market_data.venues.replies import BOOK, FOREVER, SECOND, Fetch, Output
from obi_widgets.market_data.venues.wire import DECODE_ERRORS, refused, text

if TYPE_CHECKING:
    from collections.abc import Mapping

INTEREST = "open interest"


class BinanceFutures(Binance):
    """A market of Binance's futures. See `Venue` for the methods."""

    sharing = BinanceSharing()
    interest_every = 30 * SECOND  # time from one request of the open interest to the next, ns

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self._mark = nan  # newest mark price
        self._interest_at = FOREVER  # when to request the open interest

    def _begin(self, now: int) -> list[Output]:
        self._interest_at = now + self.interest_every  # its value may need the mark price
        return super()._begin(now)

    def _due(self) -> int:
        return min(super()._due(), self._interest_at)

    def tick(self, now: int) -> list[Output]:  # noqa: D102
        outputs = super().tick(now)
        if now < self._interest_at or BOOK not in self._open:
            return outputs
        self._interest_at = now + self.interest_every
        return [*outputs, Fetch(INTEREST, self._url(f"openInterest?symbol={self.symbol}"))]

    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:  # noqa: D102
        if name != INTEREST:
            return super().fetched(name, status, body, now)
        if status != 200:
            return [Refused(now, "open interest not answered", f"HTTP {status}")]
        try:
            interest = messages.open_interests.decode(body)
        except DECODE_ERRORS:
            return [refused(body, now, "unreadable open interest")]
        if interest.symbol != self.symbol:
            return [Refused(now, "other symbol", text(interest.symbol))]
        if self._unit.inverse and not self._mark > 0:
            return [Refused(now, "open interest before the mark price")]
        coins = self._unit.base_units(self._mark, interest.openInterest)
        return [Mark(interest.time * MILLISECOND, now, nan, nan, nan, coins)]
