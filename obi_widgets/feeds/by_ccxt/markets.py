"""The exchanges of ccxt and their markets: found in any spelling, with their units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from obi_widgets.errors import QUOTED, RecordingError, SourceError, SymbolError, quoted
from obi_widgets.market_data.venues.sizes import SizeUnit
from obi_widgets.market_data.venues.symbols import QUOTES, did_you_mean, parse, similar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.venues.symbols import Contract

PREFIX = "ccxt"
"""What the name of a market by ccxt begins with."""

SMALLEST, LARGEST = 1e-12, 1e9
"""Bounds of a tick size and of a contract size."""

DECIMAL_PLACES, TICK_SIZE = 2, 4
"""Modes of ccxt: a precision is a number of decimals, or a step."""


@dataclass(frozen=True)
class CcxtSource:
    """A market by ccxt that a source names.

    Attributes
    ----------
    exchange : str
        ccxt's name of the exchange.
    symbol : str
        In any spelling.
    """

    exchange: str
    symbol: str


class CcxtMarket(NamedTuple):
    """A market, as ccxt describes it.

    Attributes
    ----------
    symbol : str
        As ccxt spells it.
    quote : str
        The currency of its prices.
    tick_size : float
        Quote currency; 0 if ccxt does not say it: the history then finds it from the prices.
    unit : SizeUnit
        The unit of sizes in ccxt's books and trades.
    """

    symbol: str
    quote: str
    tick_size: float
    unit: SizeUnit


def ccxt_pro() -> Any:  # noqa: ANN401
    """Return the module ``ccxt.pro``.

    Raises
    ------
    SourceError
        If ccxt is not installed.
    """
    try:
        import ccxt.pro
    except ImportError:
        raise SourceError(
            "Markets by ccxt need ccxt, which is not installed.",
            "Install it with: pip install 'obi-widgets[ccxt]'.",
        ) from None
    return ccxt.pro


def ccxt_source(source: str) -> CcxtSource | None:
    """Return what ``ccxt:EXCHANGE:SYMBOL`` names; None for another source.

    Raises
    ------
    SourceError
        If ccxt is not installed, or has no such exchange, or a name is missing.
    """
    prefix, colon, rest = source.partition(":")
    if not colon or prefix.lower() != PREFIX:
        return None
    name, _, symbol = rest.partition(":")
    if not name or not symbol:
        raise SourceError(
            f"{quoted(source)} names no market of ccxt.",
            "Give ccxt:EXCHANGE:SYMBOL, such as 'ccxt:kraken:BTC/USD'.",
        )
    exchanges = ccxt_pro().exchanges
    plain = re.sub(r"[-_. ]", "", name).lower()
    if plain not in exchanges:
        near = get_close_matches(plain[:QUOTED], exchanges, n=3, cutoff=0.7)
        raise SourceError(
            f"ccxt streams from no exchange {quoted(name)}.",
            did_you_mean(f"{PREFIX}:{one}:{symbol}" for one in near)
            or "import ccxt.pro; ccxt.pro.exchanges lists those that it streams from.",
        )
    return CcxtSource(plain, symbol)


def refuse_recording(source: str) -> RecordingError:
    """Return the error of a market by ccxt that is to be recorded."""
    return RecordingError(
        f"{quoted(source)} comes by ccxt, which gives books and not what the exchange sent.",
        "Keep its books: lab.history.save('books.parquet').",
    )


def label_of(exchange: str) -> str:
    """Return the display name of an exchange of ccxt."""
    made = getattr(ccxt_pro(), exchange)
    return f"{getattr(made(), 'name', None) or exchange} by ccxt"


def spell(base: str, quote: str, contract: Contract) -> str | None:
    """Return ccxt's symbol of a market; see `Venue.spell`."""
    if not quote:
        return None
    settled = {"spot": "", "linear": f":{quote}", "inverse": f":{base}"}
    return f"{base}/{quote}{settled[contract]}"


def market_of(exchange: Any, spelling: str, label: str) -> CcxtMarket:  # noqa: ANN401
    """Return the market that a spelling names.

    Parameters
    ----------
    exchange : ccxt.pro.Exchange
        Its markets are loaded.
    spelling : str
        As ccxt spells it, as the exchange does, or in another common way.
    label : str
        The exchange's display name.

    Raises
    ------
    SymbolError
        If the exchange lists no such market, or if the unit of its sizes is not known.
    """
    markets: Mapping[str, Any] = exchange.markets
    symbol = _symbol(exchange, markets, spelling)
    if symbol is None:
        raise SymbolError(
            f"{label} lists no symbol {quoted(spelling)}.",
            did_you_mean(similar(spelling, spell, markets)) or "Check how ccxt spells it.",
        )
    market = markets[symbol]
    return CcxtMarket(
        symbol,
        str(market.get("quote") or ""),
        _tick_size((market.get("precision") or {}).get("price"), exchange.precisionMode),
        _unit(market, symbol, label),
    )


def _symbol(exchange: Any, markets: Mapping[str, Any], spelling: str) -> str | None:  # noqa: ANN401
    """Return ccxt's symbol of a spelling; None if there is no such market."""
    if spelling in markets:
        return spelling
    for own in (spelling, spelling.upper()):
        listed = (exchange.markets_by_id or {}).get(own) or []
        found = [listed] if isinstance(listed, dict) else listed
        if found:  # of several kinds with one name the spot market is meant, as in a pair
            first = min(found, key=lambda one: not one.get("spot"))
            return str(first["symbol"])
    named = parse(spelling)
    if named is None:
        return spelling.upper() if spelling.upper() in markets else None
    quotes = () if named.is_bare else QUOTES
    return next((one for one in named.spelled(spell, quotes) if one in markets), None)


def _tick_size(precision: object, mode: int) -> float:
    """Return the tick size; 0 if it is not known, or if it depends on the price."""
    if isinstance(precision, bool) or not isinstance(precision, int | float | str):
        return 0.0
    value = float(precision)
    if mode == DECIMAL_PLACES:
        value = 10.0**-value
    elif mode != TICK_SIZE:  # significant digits
        return 0.0
    return value if SMALLEST <= value <= LARGEST else 0.0


def _unit(market: Mapping[str, Any], symbol: str, label: str) -> SizeUnit:
    """Return the unit of sizes: coins, or contracts."""
    if not market.get("contract"):
        return SizeUnit()
    size = market.get("contractSize")
    kinds = bool(market.get("linear")), bool(market.get("inverse"))
    if sum(kinds) != 1 or not isinstance(size, int | float) or not SMALLEST <= size <= LARGEST:
        raise SymbolError(
            f"ccxt does not say how many coins a contract of {quoted(symbol)} of {label} is.",
            "Choose a spot market, or a contract that is linear or inverse.",
        )
    return SizeUnit(float(size), inverse=kinds[1])
