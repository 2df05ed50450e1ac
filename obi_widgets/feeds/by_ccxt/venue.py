"""Books and trades of ccxt in, events out.

ccxt keeps each book itself, and gives it whole after each change. It gives no sequence by which a
change that was lost would be noticed, so such a book is never plainly live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.feeds.by_ccxt.markets import PREFIX
from obi_widgets.feeds.given.checks import BadBookError
from obi_widgets.feeds.given.venue import Given
from obi_widgets.market_data.events import Instrument, Refused
from obi_widgets.market_data.venues.replies import SECOND
from obi_widgets.market_data.venues.sizes import SizeUnit
from obi_widgets.market_data.venues.wire import PAST_TRADE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from obi_widgets.feeds.by_ccxt.markets import CcxtMarket
    from obi_widgets.market_data.venues.replies import Output

SOURCE = "ccxt, unverified"
"""`History.source` of states that came so."""

UNVERIFIED = "ccxt gives no sequence of changes: one that is lost is not noticed."
UNTIMED = "ccxt gives no event time of these books, so the time of receipt stands for it."

DEEPEST = 1_000
"""Levels a side that are used: nothing is known beyond them."""

LATELY = 10 * SECOND
"""A book without event time is left out when one with it came so lately, ns."""

MANY_UNTIMED = 10
"""Books without event time in a row, from which on all books have the time of receipt."""

REMEMBERED = 1_000
"""Trades whose ids are remembered, so that none is counted twice."""

MILLISECOND = 1_000_000


class CcxtVenue(Given):
    """One market of an exchange, as ccxt gives it.

    Parameters
    ----------
    exchange : str
        ccxt's name of the exchange.
    symbol : str
        As the user spells it, until `describe`.
    label : str
        The display name.
    """

    verified = False

    def __init__(self, exchange: str, symbol: str, label: str) -> None:
        super().__init__(Instrument(f"{PREFIX}:{exchange}", symbol, label), SOURCE)
        self.name = self.given.venue  # type: ignore[misc]  # each has its own
        self.unit = SizeUnit()
        self._timed_at = 0  # receive time of the newest book with an event time, ns
        self._untimed = False  # whether the newest book had none
        self._ever_untimed = False
        self._in_a_row = 0  # books without event time since the last one with it
        self._began = 0  # event time of the first book since the connection, ns
        self._ids: dict[str, None] = {}

    @property
    def note(self) -> str:
        """What the user should know: that nothing is verified, and what was left out."""
        return " ".join(one for one in (UNVERIFIED, UNTIMED * self._untimed, super().note) if one)

    @property
    def unused(self) -> tuple[str, ...]:
        """Sentences for the notes of the history."""
        return (UNVERIFIED, *((UNTIMED,) if self._ever_untimed else ()), *super().unused)

    def describe(self, market: CcxtMarket) -> Instrument:
        """Return the instrument, and store its units."""
        self.unit, self.symbol = market.unit, market.symbol
        self.given = Instrument(
            self.given.venue, market.symbol, self.label, market.quote, market.tick_size,
            *market.unit,
        )  # fmt: skip
        return self.given

    def reconnect(self) -> None:
        """Note that the next book is the first of a new connection."""
        self._began = 0

    def whole(self, book: Mapping[str, Any], now: int) -> list[Output]:
        """Return the events of ccxt's book, which is copied at once since ccxt changes it in place.

        Parameters
        ----------
        book : ccxt.async_support.base.ws.order_book.OrderBook
            Both sides, best first.
        now : int
            Receive time, ns UTC.
        """
        time = self._time_of(book.get("timestamp"), now)
        if time is None:
            error = BadBookError("no event time", "A book came without its event time.", "")
            return [self._count(error)]
        try:
            bids, asks = self._levels(book["bids"]), self._levels(book["asks"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            return self.refuse(BadBookError("unreadable", f"ccxt gave no book: {error!r}.", ""))
        outputs = self.book(time, bids, asks, now)
        self._began = self._began or time
        return outputs

    def _time_of(self, ms: object, now: int) -> int | None:
        """Return the event time of a book, ns; that of receipt if the exchange gives none."""
        if self._in_a_row < MANY_UNTIMED and isinstance(ms, int | float) and ms > 0:
            self._in_a_row = 0
            self._timed_at, self._untimed = now, False
            return round(ms * MILLISECOND)
        self._in_a_row += 1
        if self._in_a_row < MANY_UNTIMED and self._timed_at and now - self._timed_at < LATELY:
            return None  # by another clock it might come before the book before it
        self._untimed = self._ever_untimed = True
        return now

    def _levels(self, side: Iterable[Any]) -> NDArray[np.float64]:
        """Return prices and sizes of a side in base units, shape (N, 2): each price once."""
        sums: dict[float, float] = {}
        for price, size, *_ in side:  # beside them may be a number of orders, or an order's id
            sums[price] = sums.get(price, 0.0) + size
            if len(sums) > DEEPEST:
                del sums[price]
                break
        levels = np.array([*sums.items()], np.float64).reshape(-1, 2)
        levels[:, 1] *= self.unit.contract_size
        if self.unit.inverse:
            levels[:, 1] /= levels[:, 0]
        return levels

    def trades(self, trades: Iterable[Mapping[str, Any]], now: int) -> list[Output]:
        """Return the events of ccxt's trades; those of before the first book are refused."""
        outputs: list[Output] = []
        for trade in trades:
            name = str(trade.get("id") or "")
            if name in self._ids:
                continue
            if name:
                self._ids[name] = None
                if len(self._ids) > REMEMBERED:
                    del self._ids[next(iter(self._ids))]
            ms = trade.get("timestamp")
            timed = isinstance(ms, int | float) and ms > 0
            time = round(ms * MILLISECOND) if timed else now  # type: ignore[operator]
            if not 0 < self._began <= time:
                outputs.append(Refused(now, PAST_TRADE))
                continue
            price, size = trade.get("price"), trade.get("amount")
            if isinstance(price, int | float) and isinstance(size, int | float) and price:
                size = self.unit.base_units(price, size)
            number = int(name) if name.isdecimal() and len(name) < 19 else 0
            outputs += self.trade(
                now if self._untimed else time, price, size, trade.get("side"), number, now
            )
        return outputs
