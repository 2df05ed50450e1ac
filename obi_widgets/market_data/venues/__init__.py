"""The venues, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from obi_widgets.errors import SourceError, suggest
from obi_widgets.market_data.venues.base import FoundMarket, Venue
from obi_widgets.market_data.venues.binance_usdm import BinanceUsdm
from obi_widgets.market_data.venues.lmex import Btse, Lmex, Simulated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import MethodType

VENUES: dict[str, type[Venue]] = {
    venue.name: venue for venue in (Lmex, Btse, BinanceUsdm, Simulated)
}
"""Every venue, by the name that a source begins with. A new venue needs a line here."""


def make_venue(name: str, symbol: str, endpoints: Mapping[str, str] | None = None) -> Venue:
    """Return a venue's decoder for one symbol.

    Raises
    ------
    SourceError
        If there is no such venue.
    SymbolError
        If the symbol cannot be one of the venue's.
    """
    if name not in VENUES:
        raise SourceError(f"There is no venue {name!r}.", suggest(name, VENUES))
    VENUES[name].check(symbol)
    return VENUES[name](symbol, endpoints=endpoints)


_protocols: dict[object, list[type[Venue]]] = {}
"""The venues that speak each protocol, by the function that recognises the protocol."""

for _venue in VENUES.values():
    _protocols.setdefault(cast("MethodType", _venue.market_of).__func__, []).append(_venue)


def market_of(frame: str | bytes) -> FoundMarket | None:
    """Return the market that a frame belongs to; None if no venue recognises it."""
    for venues in _protocols.values():
        main_venue = venues[0]
        market = main_venue.market_of(frame)
        if market is not None and market.venues == (main_venue.name,):
            return FoundMarket(tuple(venue.name for venue in venues), market.symbol)
        if market is not None:
            return market
    return None


__all__ = ["VENUES", "FoundMarket", "Venue", "make_venue", "market_of"]
