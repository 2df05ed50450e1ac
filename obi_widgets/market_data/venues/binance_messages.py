"""What Binance's futures say: frames and answers to numbers, and whose they are."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from obi_widgets.market_data.venues.base import FoundMarket
from obi_widgets.market_data.venues.wire import WireId, WireLevel, WirePrice, WireSize, WireTime

USD_M, COIN_M = 1, 2
"""What ``st`` of an event says."""

COIN_M_SYMBOL = re.compile(r"[A-Z0-9]+USD_(PERP|\d{6})")

NAMELESS = FoundMarket(("binance-usdm", "binance"), "")
"""A picture of a book that does not say of which market it is."""

_Rate: TypeAlias = Annotated[float, Meta(gt=-1e3, lt=1e3)]


class Depth(Struct):
    """A change of the book, which continues the update ``pu``."""

    T: WireTime
    s: str
    U: WireId
    u: WireId
    pu: WireId
    b: list[WireLevel]
    a: list[WireLevel]
    ps: str = ""  # the pair
    st: int = 0


class Trade(Struct):
    """A trade, or several at one price."""

    T: WireTime
    s: str
    p: WirePrice
    q: WireSize
    m: bool
    a: WireId = 0  # of an aggregate
    t: WireId = 0  # of a single trade
    ps: str = ""
    st: int = 0


class Mark(Struct):
    """Mark price, index price and funding rate."""

    E: WireTime
    s: str
    p: WirePrice
    i: WireSize
    r: _Rate
    ps: str = ""
    st: int = 0


class Envelope(Struct):
    """What tells a frame's kind; ``data`` holds another in a combined stream."""

    e: str = ""
    stream: str = ""
    data: Raw = Raw()
    lastUpdateId: WireId = 0  # noqa: N815


class RestSnapshot(Struct):
    """The book at an update."""

    lastUpdateId: WireId  # noqa: N815
    T: WireTime
    bids: list[WireLevel]
    asks: list[WireLevel]
    symbol: str = ""  # only COIN-M says it
    pair: str = ""


class _Whose(Struct):
    e: str = ""
    s: str = ""
    st: int = 0
    pu: Raw = Raw()  # only futures have it
    lastUpdateId: WireId = 0  # noqa: N815
    symbol: str = ""
    pair: str = ""


class Filter(Struct):
    """One of a symbol's trading rules."""

    filterType: str = ""  # noqa: N815
    tickSize: float = 0.0  # noqa: N815


class Listed(Struct):
    """A symbol; of a contract that is not counted in its coin, ``contractSize`` is told."""

    symbol: str
    quoteAsset: str = ""  # noqa: N815
    filters: list[Filter] = []
    contractSize: float = 0.0  # noqa: N815


class Listing(Struct):
    """All symbols, and the venue's clock."""

    symbols: list[Listed]
    serverTime: WireTime = 0  # noqa: N815


class ServerTime(Struct):
    """The venue's clock."""

    serverTime: WireTime  # noqa: N815


envelopes = msgspec.json.Decoder(Envelope, strict=False)
depths = msgspec.json.Decoder(Depth, strict=False)
trades = msgspec.json.Decoder(Trade, strict=False)
marks = msgspec.json.Decoder(Mark, strict=False)
snapshots = msgspec.json.Decoder(RestSnapshot, strict=False)
listings = msgspec.json.Decoder(Listing, strict=False)
_whose = msgspec.json.Decoder(_Whose, strict=False)
server_times = msgspec.json.Decoder(ServerTime, strict=False)


def read_depth(frame: str | bytes) -> Depth:
    """Return a change of the book, in a combined stream or alone."""
    data = envelopes.decode(frame).data
    return depths.decode(data if len(bytes(data)) else frame)


def foreign(event: Depth | Trade | Mark, symbol: str) -> str:
    """Return by which name an event of another market is refused; empty for one of this symbol."""
    if event.st == COIN_M or event.s.endswith("_PERP"):
        return "COIN-M"
    if event.st not in (0, USD_M):
        return "other kind of market"
    if event.s != symbol or (event.ps and event.ps != symbol.partition("_")[0]):
        return "other symbol"
    return ""


def market_of(frame: str | bytes) -> FoundMarket | None:
    """Return the market of a change of a book, a mark price or a snapshot."""
    envelope = envelopes.decode(frame)
    event = _whose.decode(envelope.data if envelope.stream else frame)
    if event.lastUpdateId:
        coin_m = event.symbol and event.pair  # only it says them
        return FoundMarket(("binance-coinm",), event.symbol) if coin_m else NAMELESS
    if not event.s or event.e not in ("depthUpdate", "markPriceUpdate"):
        return None
    if event.st == COIN_M or COIN_M_SYMBOL.fullmatch(event.s):
        return FoundMarket(("binance-coinm",), event.s)
    spot = event.e == "depthUpdate" and not bytes(event.pu)
    return FoundMarket(("binance" if spot else "binance-usdm",), event.s)
