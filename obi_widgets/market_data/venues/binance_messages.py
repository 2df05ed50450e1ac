"""The messages of Binance's futures, decoders for them, and the markets that they belong to."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from obi_widgets.market_data.venues.base import FoundMarket
from obi_widgets.market_data.venues.wire import WireId, WireLevel, WirePrice, WireSize, WireTime

USD_M, COIN_M = 1, 2
"""Values of the field ``st`` of an event."""

COIN_M_SYMBOL = re.compile(r"[A-Z0-9]+USD_(PERP|\d{6})")

NAMELESS = FoundMarket(("binance-usdm", "binance"), "")
"""The market of a snapshot that does not contain its symbol."""

_Rate: TypeAlias = Annotated[float, Meta(gt=-1e3, lt=1e3)]


class Depth(Struct):
    """A change of the book, which follows the update ``pu``."""

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
    a: WireId = 0  # id of an aggregate trade
    t: WireId = 0  # id of a single trade
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
    """The fields that tell a frame's kind. In a combined stream, ``data`` is the inner frame."""

    e: str = ""
    stream: str = ""
    data: Raw = Raw()
    lastUpdateId: WireId = 0  # noqa: N815


class RestSnapshot(Struct):
    """The answer to a request of the book: its levels at an update."""

    lastUpdateId: WireId  # noqa: N815
    T: WireTime
    bids: list[WireLevel]
    asks: list[WireLevel]
    symbol: str = ""  # only COIN-M sends it
    pair: str = ""


class _MarketFields(Struct):
    e: str = ""
    s: str = ""
    st: int = 0
    pu: Raw = Raw()  # only futures send it
    lastUpdateId: WireId = 0  # noqa: N815
    symbol: str = ""
    pair: str = ""


class Filter(Struct):
    """One of a symbol's trading rules."""

    filterType: str = ""  # noqa: N815
    tickSize: float = 0.0  # noqa: N815


class Listed(Struct):
    """A symbol. ``contractSize`` is sent only if sizes are not in coins."""

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
_markets = msgspec.json.Decoder(_MarketFields, strict=False)
server_times = msgspec.json.Decoder(ServerTime, strict=False)


def read_depth(frame: str | bytes) -> Depth:
    """Decode a change of the book, from a combined stream or a single one."""
    data = envelopes.decode(frame).data
    return depths.decode(data if len(bytes(data)) else frame)


def foreign(event: Depth | Trade | Mark, symbol: str) -> str:
    """Return why an event belongs to another market; empty if it is of this symbol."""
    if event.st == COIN_M or event.s.endswith("_PERP"):
        return "COIN-M"
    if event.st not in (0, USD_M):
        return "other kind of market"
    if event.s != symbol or (event.ps and event.ps != symbol.partition("_")[0]):
        return "other symbol"
    return ""


def market_of(frame: str | bytes) -> FoundMarket | None:
    """Return the market of a change of the book, a mark price or a snapshot; None for others."""
    envelope = envelopes.decode(frame)
    event = _markets.decode(envelope.data if envelope.stream else frame)
    if event.lastUpdateId:
        coin_m = event.symbol and event.pair  # only COIN-M sends them
        return FoundMarket(("binance-coinm",), event.symbol) if coin_m else NAMELESS
    if not event.s or event.e not in ("depthUpdate", "markPriceUpdate"):
        return None
    if event.st == COIN_M or COIN_M_SYMBOL.fullmatch(event.s):
        return FoundMarket(("binance-coinm",), event.s)
    spot = event.e == "depthUpdate" and not bytes(event.pu)
    return FoundMarket(("binance" if spot else "binance-usdm",), event.s)
