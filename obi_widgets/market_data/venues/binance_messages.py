"""The messages of Binance, decoders for them, and the markets that they belong to."""

from __future__ import annotations

import re
from functools import lru_cache
from math import nan
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct, field

from obi_widgets.market_data.venues.account_ratio import Ratio
from obi_widgets.market_data.venues.base import FoundMarket
from obi_widgets.market_data.venues.sizes import COINS, SizeUnit
from obi_widgets.market_data.venues.wire import (
    DECODE_ERRORS,
    WireId,
    WireLevel,
    WirePrice,
    WireSize,
    WireTime,
    step,
    text,
)

Kind: TypeAlias = Literal["spot", "USD-M", "COIN-M"]

USD_M, COIN_M = 1, 2
"""Values of the field ``st`` of an event."""

KINDS: dict[int, Kind] = {USD_M: "USD-M", COIN_M: "COIN-M"}

COIN_M_SYMBOL = re.compile(r"[A-Z0-9]+USD_(PERP|\d{6})")

LIMITS = (5, 10, 20, 50, 100, 500, 1000, 5000)
"""The limits of levels a side that a snapshot can be requested with."""

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


class SpotDepth(Struct):
    """A change of a book of spot, which follows the update before ``U``."""

    T: WireTime = field(name="E")  # there is no other time
    s: str
    U: WireId
    u: WireId
    b: list[WireLevel]
    a: list[WireLevel]
    before: WireId | None = field(default=None, name="pu")  # only futures send it
    ps: str = ""  # nor these
    st: int = 0

    @property
    def pu(self) -> int:
        """The last update of the event before."""
        return self.U - 1


AnyDepth: TypeAlias = Depth | SpotDepth
Depths: TypeAlias = msgspec.json.Decoder[Depth] | msgspec.json.Decoder[SpotDepth]


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


class CoinMMark(Struct):
    """Mark price and funding rate. What is delivered at a date has no funding rate."""

    E: WireTime
    s: str
    p: WirePrice
    r: str = ""
    T: WireTime = 0
    ps: str = ""
    st: int = 0

    @property
    def funding_rate(self) -> float:
        """The funding rate; NaN if there is none."""
        return msgspec.convert(self.r, _Rate, strict=False) if self.r else nan

    @property
    def next_funding(self) -> float:
        """When funding is paid next, seconds UTC; NaN if there is none."""
        return self.T / 1e3 if self.r and self.T else nan


class Mark(CoinMMark):
    """Mark price, index price and funding rate of USD-M."""

    i: WireSize = 0.0

    @property
    def index(self) -> float:
        """The index price; NaN if there is none, for which the venue writes 0."""
        return self.i or nan


class Index(Struct):
    """The index price of a pair."""

    E: WireTime
    i: str
    p: WirePrice


class OpenInterest(Struct):
    """The number of open contracts."""

    symbol: str
    openInterest: WireSize  # noqa: N815
    time: WireTime


class ForcedOrder(Struct):
    """An order that closes a position by force, and what of it was filled."""

    s: str
    S: str
    ap: WireSize  # average price of the fills
    z: WireSize  # filled so far
    T: WireTime
    ps: str = ""
    st: int = 0


class Forced(Struct):
    """The event of such an order."""

    o: ForcedOrder
    st: int = 0

    @property
    def order(self) -> ForcedOrder:
        """The order, with the kind of market that its event names."""
        self.o.st = self.o.st or self.st
        return self.o


class AccountRatio(Struct):
    """Long accounts for each short one. USD-M names the symbol, and COIN-M the pair."""

    longShortRatio: WirePrice  # noqa: N815
    timestamp: WireTime
    symbol: str = ""
    pair: str = ""


class Envelope(Struct):
    """The fields that tell a frame's kind. In a combined stream, ``data`` is the inner frame."""

    e: str = ""
    stream: str = ""
    data: Raw = Raw()
    lastUpdateId: WireId = 0  # noqa: N815
    id: int = 0  # of the request that it answers
    result: Raw = Raw()
    error: Raw = Raw()


class RestSnapshot(Struct):
    """The answer to a request of the book: its levels at an update."""

    lastUpdateId: WireId  # noqa: N815
    bids: list[WireLevel]
    asks: list[WireLevel]
    T: WireTime = 0  # only futures send it
    symbol: str = ""  # only COIN-M sends it
    pair: str = ""


class _MarketFields(Struct):
    e: str = ""
    s: str = ""
    st: int = 0
    pu: Raw = Raw()  # only futures send it
    lastUpdateId: WireId = 0  # noqa: N815
    T: WireTime = 0
    symbol: str = ""
    pair: str = ""


class Filter(Struct):
    """One of a symbol's trading rules."""

    filterType: str = ""  # noqa: N815
    tickSize: str | float = 0.0  # noqa: N815


class Listed(Struct):
    """A symbol. ``contractSize`` is sent only if sizes are not in coins."""

    symbol: str
    quoteAsset: str = ""  # noqa: N815
    filters: list[Filter] = []
    contractSize: str | float = 0.0  # noqa: N815


class Listing(Struct):
    """All symbols. Its ``serverTime`` is not read: a list may be kept, here or on its way."""

    symbols: list[Listed]


class ServerTime(Struct):
    """The venue's clock."""

    serverTime: WireTime  # noqa: N815


stream_lists = msgspec.json.Decoder(list[str] | None)
envelopes = msgspec.json.Decoder(Envelope, strict=False)
depths = msgspec.json.Decoder(Depth, strict=False)
spot_depths = msgspec.json.Decoder(SpotDepth, strict=False)
trades = msgspec.json.Decoder(Trade, strict=False)
marks = msgspec.json.Decoder(Mark, strict=False)
coin_m_marks = msgspec.json.Decoder(CoinMMark, strict=False)
indexes = msgspec.json.Decoder(Index, strict=False)
open_interests = msgspec.json.Decoder(OpenInterest, strict=False)
snapshots = msgspec.json.Decoder(RestSnapshot, strict=False)
forced_orders = msgspec.json.Decoder(Forced, strict=False)
account_ratios = msgspec.json.Decoder(list[AccountRatio], strict=False)
_listings = msgspec.json.Decoder(Listing, strict=False)
_markets = msgspec.json.Decoder(_MarketFields, strict=False)
server_times = msgspec.json.Decoder(ServerTime, strict=False)


def read_listing(body: str | bytes, *, contracts: bool) -> dict[str, Listed]:
    """Return what is listed by symbol: of sizes in contracts, or of all others.

    Others than asked for are of another kind of market.
    """
    symbols = _listings.decode(body).symbols
    return {item.symbol: item for item in symbols if bool(item.contractSize) == contracts}


def steps_of(item: Listed) -> tuple[float, float]:
    """Return tick size and contract size of a listed symbol; 0 for one that is not told.

    Raises
    ------
    ValueError
        If one of them is not possible.
    """
    tick = next((one.tickSize for one in item.filters if one.filterType == "PRICE_FILTER"), 0)
    return _step("tick", tick), _step("contract", item.contractSize)


def _step(what: str, number: str | float) -> float:
    try:
        return step(number) if number else 0.0
    except DECODE_ERRORS:
        size = text(str(number), 20)
        raise ValueError(f"a {what} size of {size} is not possible") from None


def inner(frame: str | bytes) -> str | bytes | Raw:
    """Return the inner frame of a combined stream; any other frame as it is."""
    data = envelopes.decode(frame).data
    return data if len(bytes(data)) else frame


def operation(name: str, number: int, *streams: str) -> str:
    """Return the text of a request about streams; the answer has the same number."""
    fields: dict[str, object] = {"method": name, "id": number}
    if streams:
        fields["params"] = streams
    return msgspec.json.encode(fields).decode()


def read_depth(depths: Depths, body: str | bytes | Raw, unit: SizeUnit) -> AnyDepth:
    """Decode a change of the book; its sizes are then in base units."""
    depth = depths.decode(body)
    if unit != COINS:
        depth.b, depth.a = unit.levels(depth.b), unit.levels(depth.a)
    return depth


def read_snapshot(body: str | bytes | Raw, unit: SizeUnit) -> RestSnapshot:
    """Decode a snapshot; its sizes are then in base units."""
    snapshot = snapshots.decode(body)
    if unit != COINS:
        snapshot.bids, snapshot.asks = unit.levels(snapshot.bids), unit.levels(snapshot.asks)
    return snapshot


def read_ratio(body: str | bytes) -> Ratio | None:
    """Return the newest ratio of long to short accounts in an answer."""
    told = account_ratios.decode(body)
    if not told:
        return None
    newest = max(told, key=lambda one: one.timestamp)
    return Ratio(newest.symbol or newest.pair, newest.timestamp, newest.longShortRatio)


def is_part(stream: str) -> bool:
    """Return whether a stream, such as ``depth20@100ms``, is of the best levels only."""
    return stream.startswith("depth") and stream[5:6].isdigit()


def limit_of(snapshot: RestSnapshot, most: int) -> int:
    """Return the limit that a snapshot was requested with: ``most``, unless it has fewer levels.

    As many levels as a limit allows are hardly the whole of a side.
    """
    levels = max(len(snapshot.bids), len(snapshot.asks))
    return levels if levels in LIMITS else most


def foreign(event: AnyDepth | Trade | CoinMMark | ForcedOrder, symbol: str, kind: Kind) -> str:
    """Return why an event belongs to another market; empty if it is of this one."""
    if event.st:
        found: str = KINDS.get(event.st, "other kind of market")
    elif isinstance(event, SpotDepth) and event.before is not None:
        found = "futures"
    else:
        found = "COIN-M" if event.s.endswith("_PERP") else kind
    if found != kind:
        return found
    if event.s != symbol or (event.ps and event.ps != pair_of(symbol)):
        return "other symbol"
    return ""


def foreign_snapshot(snapshot: RestSnapshot, symbol: str, kind: Kind) -> str:
    """Return why a snapshot belongs to another market; empty if it may be of this one."""
    if not snapshot.T:
        found: Kind = "spot"
    else:
        found = "COIN-M" if snapshot.symbol or snapshot.pair else "USD-M"
    if found != kind:
        return found
    return "other symbol" if kind == "COIN-M" and snapshot.symbol != symbol else ""


def pair_of(symbol: str) -> str:
    """Return the pair of a symbol: all before the kind of contract."""
    return symbol.partition("_")[0]


def market_of(frame: str | bytes, venue: str) -> FoundMarket | None:
    """Return the market of a change of the book, a mark price, a liquidation or a snapshot.

    None for other frames, and for one of another venue than this.
    """
    try:
        market = _market_of(frame)
    except DECODE_ERRORS:
        return None
    return market if market and venue in market.venues else None


@lru_cache(maxsize=1)  # each of the venues is asked about a frame
def _market_of(frame: str | bytes) -> FoundMarket | None:
    envelope = envelopes.decode(frame)
    event = _markets.decode(envelope.data if envelope.stream else frame)
    if event.lastUpdateId:
        if event.symbol and event.pair:  # only COIN-M sends them
            return FoundMarket(("binance-coinm",), event.symbol)
        return FoundMarket(("binance-usdm" if event.T else "binance-spot",), "")
    if event.e == "forceOrder":
        event.s = forced_orders.decode(envelope.data if envelope.stream else frame).o.s
    if not event.s or event.e not in ("depthUpdate", "markPriceUpdate", "forceOrder"):
        return None
    if event.st == COIN_M or COIN_M_SYMBOL.fullmatch(event.s):
        return FoundMarket(("binance-coinm",), event.s)
    spot = event.e == "depthUpdate" and not bytes(event.pu)
    return FoundMarket(("binance-spot" if spot else "binance-usdm",), event.s)
