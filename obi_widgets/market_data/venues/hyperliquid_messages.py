"""The messages of Hyperliquid, and decoders for them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from obi_widgets.market_data.venues.wire import WireId, WirePrice, WireSize, WireTime

BOOK, TRADES, CONTEXT = "l2Book", "trades", "activeAssetCtx"
"""The channels that are used."""

PING = '{"method":"ping"}'

_Rate: TypeAlias = Annotated[float, Meta(gt=-1e3, lt=1e3)]
_Decimals: TypeAlias = Annotated[int, Meta(ge=0, le=18)]


class Level(Struct):
    """A price, and the size there."""

    px: WirePrice
    sz: WireSize


class Book(Struct):
    """The best levels of a book: bids, then asks."""

    coin: str
    time: WireTime
    levels: tuple[list[Level], list[Level]]


class Trade(Struct):
    """A trade; the taker bought if ``side`` is B (bid), and sold if it is A (ask)."""

    coin: str
    side: Literal["A", "B"]
    px: WirePrice
    sz: WireSize
    time: WireTime
    tid: WireId  # a hash: trade ids do not increase


class Context(Struct):
    """What a perpetual has beside its book; ``funding`` is the rate of one hour."""

    markPx: WirePrice  # noqa: N815
    oraclePx: WirePrice  # noqa: N815
    funding: _Rate
    openInterest: WireSize  # noqa: N815


class CoinContext(Struct):
    """The context of a coin. It has no time."""

    coin: str
    ctx: Context


class Subscription(Struct):
    """What was subscribed to. ``fast`` and ``nSigFigs`` are those of a book."""

    type: str = ""
    coin: str = ""
    fast: bool | None = None
    nSigFigs: int | None = None  # noqa: N815


class Acknowledgement(Struct):
    """The answer to a subscription."""

    subscription: Subscription


class Frame(Struct):
    """Any frame of a websocket."""

    channel: str = ""
    data: Raw = Raw(b"null")


class Perpetual(Struct):
    """A perpetual, with the number of decimals of its sizes."""

    name: str
    szDecimals: _Decimals  # noqa: N815
    isDelisted: bool = False  # noqa: N815


class Universe(Struct):
    """All perpetuals."""

    universe: list[Perpetual]


class _MarkPrice(Struct):
    markPx: WirePrice | None = None  # noqa: N815


class _Named(Struct):
    coin: str = ""


frames = msgspec.json.Decoder(Frame)
books = msgspec.json.Decoder(Book, strict=False)
trades = msgspec.json.Decoder(list[Trade], strict=False)
contexts = msgspec.json.Decoder(CoinContext, strict=False)
acknowledgements = msgspec.json.Decoder(Acknowledgement)
errors = msgspec.json.Decoder(str)
_listings = msgspec.json.Decoder(list[Raw])
_universes = msgspec.json.Decoder(Universe)
_contexts = msgspec.json.Decoder(list[Raw])
_mark_prices = msgspec.json.Decoder(_MarkPrice, strict=False)
_named = msgspec.json.Decoder(_Named)
_all_named = msgspec.json.Decoder(list[_Named])


def coin_of(frame: str | bytes) -> str:
    """Return the coin that a frame belongs to; empty for a frame that names none."""
    message = frames.decode(frame)
    if message.channel in (BOOK, CONTEXT):
        return _named.decode(message.data).coin
    if message.channel == TRADES:
        return next((trade.coin for trade in _all_named.decode(message.data)), "")
    return ""


def read_listing(body: str | bytes, coin: str) -> tuple[list[Perpetual], Perpetual | None, float]:
    """Return the perpetuals of the answer to ``metaAndAssetCtxs``, and one with its mark price.

    Returns
    -------
    perpetuals : list of Perpetual
        All of them.
    perpetual : Perpetual, optional
        None if it is not listed.
    price : float
        The mark price, quote currency; 0 if it has none.
    """
    listing = _listings.decode(body)
    universe = _universes.decode(listing[0]).universe if listing else []
    found = [(at, item) for at, item in enumerate(universe) if item.name == coin]
    if not found:
        return universe, None, 0.0
    at, perpetual = found[0]
    beside = _contexts.decode(listing[1]) if len(listing) > 1 else []
    price = _mark_prices.decode(beside[at]).markPx if at < len(beside) else None
    return universe, perpetual, price or 0.0


def request(method: str, **subscription: Any) -> str:  # noqa: ANN401
    """Return the text that subscribes."""
    return msgspec.json.encode({"method": method, "subscription": subscription}).decode()


def question(**fields: str) -> str:
    """Return the body of a request of information by HTTP."""
    return msgspec.json.encode(fields).decode()
