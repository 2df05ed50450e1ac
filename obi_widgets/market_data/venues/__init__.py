"""The venues, by name."""

from __future__ import annotations

import itertools
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, cast

from obi_widgets.errors import QUOTED, SourceError, SymbolError, quoted, suggest
from obi_widgets.market_data.venues.base import FoundMarket, Venue
from obi_widgets.market_data.venues.binance_coinm import BinanceCoinm
from obi_widgets.market_data.venues.binance_spot import BinanceSpot
from obi_widgets.market_data.venues.binance_usdm import BinanceUsdm
from obi_widgets.market_data.venues.bybit import Bybit
from obi_widgets.market_data.venues.bybit_inverse import BybitInverse
from obi_widgets.market_data.venues.bybit_spot import BybitSpot
from obi_widgets.market_data.venues.coinbase import Coinbase
from obi_widgets.market_data.venues.hyperliquid import Hyperliquid
from obi_widgets.market_data.venues.kraken import Kraken
from obi_widgets.market_data.venues.lmex import Btse, Lmex, Simulated
from obi_widgets.market_data.venues.okx import Okx
from obi_widgets.market_data.venues.symbols import MOST, did_you_mean, parse, similar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import MethodType

VENUES: dict[str, type[Venue]] = {
    venue.name: venue
    for venue in (
        Lmex,
        Btse,
        BinanceSpot,
        BinanceUsdm,
        BinanceCoinm,
        Bybit,
        BybitSpot,
        BybitInverse,
        Okx,
        Coinbase,
        Hyperliquid,
        Kraken,
        Simulated,
    )
}
"""Every venue, by the name that a source begins with. A new venue needs a line here."""


def find_venue(name: str) -> type[Venue]:
    """Return the venue of a name, in capitals or not, with any separator or none.

    Raises
    ------
    SourceError
        If there is no such venue.
    """
    if (venue := known_venue(name)) is None:
        raise SourceError(f"There is no venue {quoted(name)}.", suggest(name, VENUES))
    return venue


def known_venue(name: str) -> type[Venue] | None:
    """Return the venue of a name, as `find_venue`; None if there is no such venue."""
    plain = _plain(name)
    return next((venue for own, venue in VENUES.items() if _plain(own) == plain), None)


def _plain(name: str) -> str:
    return re.sub(r"[-_. ]", "", name).lower()


def find_market(name: str, spelling: str) -> tuple[str, str]:
    """Return the name of a venue and the symbol of one of its markets, as the venue spells it.

    Parameters
    ----------
    name : str
        As `find_venue` takes it.
    spelling : str
        The symbol in any common spelling.

    Raises
    ------
    SourceError
        If there is no such venue.
    SymbolError
        If the venue cannot have such a symbol. The advice names what may have been meant, also at
        the other venues of the same exchange.
    """
    venue = find_venue(name)
    try:
        return venue.name, venue.own_symbol(spelling)
    except SymbolError as error:
        named = parse(spelling)
        others = [
            f"{other.name}:{symbol}"
            for other in VENUES.values()
            if named is not None and other is not venue and _exchange(other) == _exchange(venue)
            for symbol in itertools.islice(named.spelled(other.spell), 1)
        ]
        if others:
            own = [f"{venue.name}:{symbol}" for symbol in similar(spelling, venue.spell)]
            raise SymbolError(error.what, did_you_mean([*others, *own][:MOST])) from None
        raise


def _exchange(venue: type[Venue]) -> str:
    """Return the exchange of a venue: that of ``binance-usdm`` is ``binance``."""
    return venue.name.partition("-")[0]


def similar_source(source: str) -> str:
    """Return the question whether a venue with a similar name was meant; empty for none."""
    name, colon, symbol = source.partition(":")
    own = name.lower()[:QUOTED]
    near = [venue.name for venue in VENUES.values() if _exchange(venue) == own]
    near = near or get_close_matches(own, VENUES, n=1, cutoff=0.7)
    return did_you_mean(f"{one}:{symbol}" for one in near) if colon else ""


def make_venue(name: str, symbol: str, endpoints: Mapping[str, str] | None = None) -> Venue:
    """Return a venue's decoder for one symbol; both as `find_market` takes them.

    Raises
    ------
    SourceError
        If there is no such venue.
    SymbolError
        If the symbol cannot be one of the venue's.
    """
    name, symbol = find_market(name, symbol)
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


__all__ = [
    "VENUES",
    "FoundMarket",
    "Venue",
    "find_market",
    "find_venue",
    "known_venue",
    "make_venue",
    "market_of",
    "similar_source",
]
