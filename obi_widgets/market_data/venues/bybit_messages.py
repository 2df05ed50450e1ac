"""The messages of Bybit's version 5, and decoders for them."""

from __future__ import annotations

from math import isfinite, nan

import msgspec
from msgspec import Raw, Struct

from obi_widgets.market_data.venues.account_ratio import Ratio
from obi_widgets.market_data.venues.wire import (
    WireId,
    WireLevel,
    WirePrice,
    WireSize,
    WireStep,
    WireTime,
)


class Book(Struct):
    """A snapshot of the book, or a change that follows update ``u − 1``."""

    s: str
    b: list[WireLevel]
    a: list[WireLevel]
    u: WireId
    seq: WireId = 0  # grows with everything that happens in the market


class Trade(Struct):
    """A trade; ``S`` is the side of the taker. Several trades of one taker have one ``seq``."""

    T: WireTime
    s: str
    S: str
    v: WireSize
    p: WirePrice
    i: str
    seq: WireId = 0
    BT: bool = False  # a block trade, which was agreed upon outside the book


class Liquidation(Struct):
    """A position that was closed by force; ``S`` is the side of the position, ``Buy`` for a long.

    ``p`` is the price at which nothing is left of its margin.
    """

    T: WireTime
    s: str
    S: str
    v: WireSize
    p: WirePrice


class AccountRatio(Struct):
    """Shares of the accounts that are long and short."""

    symbol: str
    buyRatio: WireSize  # noqa: N815
    sellRatio: WirePrice  # noqa: N815
    timestamp: WireTime


class AccountRatios(Struct):
    """The ratios of an answer, newest first."""

    listed: list[AccountRatio] = msgspec.field(name="list", default_factory=list)


class Ticker(Struct):
    """Values beside the book. A field that has not changed is left out, or is empty."""

    symbol: str
    markPrice: str = ""  # noqa: N815
    indexPrice: str = ""  # noqa: N815
    openInterest: str = ""  # noqa: N815
    fundingRate: str = ""  # noqa: N815
    nextFundingTime: str = ""  # noqa: N815


class Frame(Struct):
    """Any frame of a websocket."""

    topic: str = ""
    type: str = ""
    ts: WireTime = 0
    cts: WireTime = 0  # of the matching engine
    data: Raw = Raw()
    op: str = ""
    success: bool = True
    ret_msg: str = ""
    req_id: str = ""  # of the operation that it answers


class PriceFilter(Struct):
    """The rules of prices."""

    tickSize: WireStep  # noqa: N815


class Listed(Struct):
    """An instrument. The rules of its prices are read if it is the own one: others may be odd."""

    symbol: str
    priceFilter: Raw  # noqa: N815
    quoteCoin: str = ""  # noqa: N815


class Result(Struct):
    """The instruments of an answer."""

    listed: list[Listed] = msgspec.field(name="list", default_factory=list)


class Listing(Struct):
    """The answer to a request of instruments; ``retCode`` is not 0 if it is refused."""

    retCode: int  # noqa: N815
    retMsg: str = ""  # noqa: N815
    result: Raw = Raw()


class _Symbol(Struct):
    s: str = ""
    symbol: str = ""


frames = msgspec.json.Decoder(Frame, strict=False)
books = msgspec.json.Decoder(Book, strict=False)
trades = msgspec.json.Decoder(list[Trade], strict=False)
liquidations = msgspec.json.Decoder(list[Liquidation], strict=False)
account_ratios = msgspec.json.Decoder(AccountRatios, strict=False)
tickers = msgspec.json.Decoder(Ticker, strict=False)
listings = msgspec.json.Decoder(Listing, strict=False)
price_filters = msgspec.json.Decoder(PriceFilter, strict=False)
results = msgspec.json.Decoder(Result, strict=False)
_symbols = msgspec.json.Decoder(_Symbol, strict=False)
_lists = msgspec.json.Decoder(list[_Symbol], strict=False)

KINDS = ("orderbook", "publicTrade", "tickers", "allLiquidation")
"""What the topics that are used begin with."""


def symbol_of(frame: str | bytes) -> str:
    """Return the symbol of a frame of a kind that is used; else an empty text."""
    message = frames.decode(frame)
    kind, _, topic = message.topic.partition(".")
    if kind not in KINDS:
        return ""
    if kind in ("publicTrade", "allLiquidation"):
        named = next(iter(_lists.decode(message.data)), None)
    else:
        named = _symbols.decode(message.data)
    return (named.s or named.symbol if named else "") or topic.rpartition(".")[2]


def operation(name: str, *topics: str, number: str = "") -> str:
    """Return the text of an operation: to subscribe to topics, to unsubscribe, or to ping.

    The answer has the same ``number``, if there is one.
    """
    fields: dict[str, object] = {"op": name}
    if topics:
        fields["args"] = topics
    if number:
        fields["req_id"] = number
    return msgspec.json.encode(fields).decode()


def value(field: str, *, positive: bool = True) -> float:
    """Return a value of a ticker; NaN if it was not sent, or makes no sense.

    Raises
    ------
    ValueError
        If it is no number.
    """
    number = float(field) if field else nan
    return number if isfinite(number) and (number > 0 or not positive) else nan


def read_ratio(body: str | bytes) -> Ratio | None:
    """Return the newest ratio of long to short accounts in an answer.

    Raises
    ------
    DECODE_ERRORS
        If it cannot be read, or the venue refused to answer.
    """
    answer = listings.decode(body)
    if answer.retCode:
        raise ValueError(f"{answer.retMsg} (code {answer.retCode})")
    told = account_ratios.decode(answer.result).listed
    if not told:
        return None
    newest = max(told, key=lambda one: one.timestamp)
    return Ratio(newest.symbol, newest.timestamp, newest.buyRatio / newest.sellRatio)


def number_of(trade: Trade) -> int:
    """Return the number of a trade.

    On spot markets the venue's own. Elsewhere trades have a UUID; its first 60 bits are returned.
    """
    if trade.i.isdecimal():
        return int(trade.i) % 2**62
    return int(trade.i.replace("-", "")[:15], 16)
