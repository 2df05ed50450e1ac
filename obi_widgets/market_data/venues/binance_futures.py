"""What Binance's futures have and spot has not: open interest, long/short ratio, liquidations.

The first two are requested by REST. Of liquidations the venue sends one a second at most, so they
are not all.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from obi_widgets.market_data.events import Liquidation, Mark, Refused
from obi_widgets.market_data.venues import binance_messages as messages
from obi_widgets.market_data.venues.account_ratio import RATIO, AccountRatio
from obi_widgets.market_data.venues.binance import Binance
from obi_widgets.market_data.venues.binance_chain import MILLISECOND
from obi_widgets.market_data.venues.binance_sharing import BinanceSharing
from obi_widgets.market_data.venues.replies import BOOK, FOREVER, SECOND, Fetch, Output
from obi_widgets.market_data.venues.wire import DECODE_ERRORS, refused, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Raw

INTEREST = "open interest"

SIDES = {"BUY": +1, "SELL": -1}


class BinanceFutures(Binance):
    """A market of Binance's futures. See `Venue` for the methods."""

    sharing = BinanceSharing()
    interest_every = 30 * SECOND  # time from one request of the open interest to the next, ns

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self._mark = nan  # newest mark price
        self._interest_at = FOREVER  # when to request the open interest
        field, whose = self._ratio_of
        path = f"globalLongShortAccountRatio?{field}={whose}&period=5m&limit=1"
        url = f"{self.urls['rest']}/futures/data/{path}"
        self._ratio = AccountRatio(whose, url, messages.read_ratio)

    @property
    def _ratio_of(self) -> tuple[str, str]:
        """What the ratio of long to short accounts is requested of: the parameter, its value."""
        return "symbol", self.symbol

    def _begin(self, now: int) -> list[Output]:
        self._interest_at = now + self.interest_every  # its value may need the mark price
        if self.can_ask:
            self._ratio.begin(now)
        return super()._begin(now)

    def _due(self) -> int:
        return min(super()._due(), self._interest_at, self._ratio.due_at)

    def tick(self, now: int) -> list[Output]:  # noqa: D102
        outputs = super().tick(now)
        if BOOK not in self._open:
            return outputs
        outputs += self._ratio.ask(now)
        if now < self._interest_at:
            return outputs
        self._interest_at = now + self.interest_every
        return [*outputs, Fetch(INTEREST, self._url(f"openInterest?symbol={self.symbol}"))]

    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:  # noqa: D102
        if name == RATIO:
            return self._ratio.fetched(status, body, now)
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

    def _read_other(self, kind: str, body: str | bytes | Raw, now: int) -> list[Output] | None:
        if kind != "forceOrder":
            return super()._read_other(kind, body, now)
        order = messages.forced_orders.decode(body).order
        if foreign := messages.foreign(order, self.symbol, self.market):
            return [Refused(now, foreign, text(order.s))]
        if order.S not in SIDES:
            return [Refused(now, "liquidation without a side", text(order.S))]
        if not (order.z > 0 and order.ap > 0):
            return [Refused(now, "liquidation without a fill")]
        size = self._unit.base_units(order.ap, order.z)
        return [Liquidation(order.T * MILLISECOND, now, order.ap, size, SIDES[order.S])]
