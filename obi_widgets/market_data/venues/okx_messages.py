"""The messages of OKX's version 5, decoders for them, and the checksum of a book."""

from __future__ import annotations

import re
import zlib
from heapq import nsmallest
from itertools import zip_longest
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from obi_widgets.market_data.venues.wire import WireId, WirePrice, WireSize, WireStep, WireTime

Kind: TypeAlias = Literal["SPOT", "SWAP", "FUTURES"]

_SYMBOL = re.compile(r"[A-Z0-9]+-[A-Z0-9]+(?:-(?:(SWAP)|(\d{6})))?")

CHECKED = 25
"""Number of best levels a side that a checksum is of."""

WireLevel: TypeAlias = tuple[WirePrice, WireSize, Any, Any]
"""Price, size, a field that is not used any more, and the number of orders."""

_Rate: TypeAlias = Annotated[float, Meta(gt=-1e3, lt=1e3)]


class Book(Struct):
    """A snapshot of the book, or a change of it.

    Old frames have no ``seqId``. Since June 2026 there is no checksum: it is 0.
    """

    asks: list[WireLevel]
    bids: list[WireLevel]
    ts: WireTime
    checksum: int = 0
    seqId: WireId | None = None  # noqa: N815
    prevSeqId: Annotated[int, Meta(ge=-1, lt=2**62)] = -1  # noqa: N815


class BookTexts(Struct):
    """The levels of a book as they were sent: prices and sizes, and two more texts."""

    asks: list[tuple[str, str, Any, Any]]
    bids: list[tuple[str, str, Any, Any]]


class Trade(Struct):
    """Trades of one taker at one price; ``side`` is that of the taker."""

    instId: str  # noqa: N815
    tradeId: WireId  # noqa: N815
    px: WirePrice
    sz: WireSize
    side: str
    ts: WireTime


class MarkPrice(Struct):
    """The mark price."""

    instId: str  # noqa: N815
    markPx: WirePrice  # noqa: N815
    ts: WireTime


class IndexTicker(Struct):
    """The price of an index, which has the name of a pair."""

    instId: str  # noqa: N815
    idxPx: WirePrice  # noqa: N815
    ts: WireTime


class FundingRate(Struct):
    """The funding rate of the present interval."""

    instId: str  # noqa: N815
    fundingRate: _Rate  # noqa: N815
    ts: WireTime
    fundingTime: WireTime = 0  # noqa: N815


class OpenInterest(Struct):
    """The open interest in coins."""

    instId: str  # noqa: N815
    oiCcy: WireSize  # noqa: N815
    ts: WireTime


class LiquidationDetail(Struct):
    """An order that closed a position by force; ``side`` is that of the order.

    ``bkPx`` is the price at which nothing is left of the position's margin.
    """

    side: str
    bkPx: WirePrice  # noqa: N815
    sz: WireSize
    ts: WireTime


class Liquidated(Struct):
    """Liquidations of one instrument. They are read if it is the own one: others may be odd."""

    instId: str  # noqa: N815
    details: Raw


class AccountRatios(Struct):
    """The answer to a request of ratios of long to short accounts: times, and ratios."""

    code: str
    msg: str = ""
    data: list[tuple[WireTime, WirePrice]] = []


class Arg(Struct, frozen=True):
    """What was subscribed to."""

    channel: str = ""
    instId: str = ""  # noqa: N815


class Frame(Struct):
    """Any frame of a websocket."""

    arg: Arg = Arg()
    action: str = ""
    data: Raw = Raw()
    event: str = ""
    code: str = ""
    msg: str = ""


class Listed(Struct):
    """An instrument. What it is worth is read if it is the own one: others may be odd."""

    instId: str  # noqa: N815
    tickSz: str = ""  # noqa: N815
    ctVal: str = ""  # noqa: N815
    ctMult: str = ""  # noqa: N815
    ctType: str = ""  # noqa: N815


class Listing(Struct):
    """The answer to a request of instruments; ``code`` is not 0 if it is refused."""

    code: str
    msg: str = ""
    data: list[Listed] = []


frames = msgspec.json.Decoder(Frame, strict=False)
books = msgspec.json.Decoder(list[Book], strict=False)
texts = msgspec.json.Decoder(list[BookTexts])
trades = msgspec.json.Decoder(list[Trade], strict=False)
mark_prices = msgspec.json.Decoder(list[MarkPrice], strict=False)
index_tickers = msgspec.json.Decoder(list[IndexTicker], strict=False)
funding_rates = msgspec.json.Decoder(list[FundingRate], strict=False)
open_interests = msgspec.json.Decoder(list[OpenInterest], strict=False)
liquidations = msgspec.json.Decoder(list[Liquidated], strict=False)
liquidation_details = msgspec.json.Decoder(list[LiquidationDetail], strict=False)
account_ratios = msgspec.json.Decoder(AccountRatios, strict=False)
listings = msgspec.json.Decoder(Listing, strict=False)

CHANNELS = frozenset({"books", "trades", "mark-price", "funding-rate", "open-interest"})
"""Channels that are of one instrument. That of an index has its own name."""


LIQUIDATIONS = "liquidation-orders"
"""The channel of liquidations, which is of all instruments of a kind."""


def kind_of(symbol: str) -> Kind | None:
    """Return what a symbol is a name of; None for an option, or for no symbol."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        return None
    return "SWAP" if found[1] else "FUTURES" if found[2] else "SPOT"


def symbol_of(frame: str | bytes) -> str:
    """Return the symbol of a frame with data of one instrument; else an empty text."""
    message = frames.decode(frame)
    data = bytes(message.data)
    if message.arg.channel not in CHANNELS or not data:
        return ""
    return message.arg.instId


def operation(name: str, *channels: tuple[str, str]) -> str:
    """Return the text that subscribes to channels of instruments, or unsubscribes."""
    args = [argument(channel, whose) for channel, whose in channels]
    return msgspec.json.encode({"op": name, "args": args}).decode()


def argument(channel: str, whose: str) -> dict[str, str]:
    """Return how a request names a channel of an instrument, or of all of a kind."""
    return {"channel": channel, "instType" if channel == LIQUIDATIONS else "instId": whose}


def ratio_of(body: str | bytes) -> tuple[int, float] | None:
    """Return the newest ratio of long to short accounts in an answer, after its time, ms.

    Raises
    ------
    DECODE_ERRORS
        If it cannot be read, or the venue refused to answer.
    """
    answer = account_ratios.decode(body)
    if answer.code != "0":
        raise ValueError(f"{answer.msg} (code {answer.code})")
    return max(answer.data, default=None)


def step(field: str) -> float:
    """Return a tick size, or the value of a contract.

    Raises
    ------
    ValidationError
        If it makes no sense.
    """
    return msgspec.convert(field, WireStep, strict=False)


class Texts:
    """The sizes of a book by price, as they were sent: a checksum is of texts.

    Parameters
    ----------
    data : bytes or Raw
        The ``data`` of a snapshot.
    """

    def __init__(self, data: bytes | Raw) -> None:
        self._sides: tuple[dict[str, str], dict[str, str]] = {}, {}
        self.apply(data)

    def apply(self, data: bytes | Raw) -> None:
        """Apply the ``data`` of a change."""
        (book,) = texts.decode(data)
        for side, levels in zip(self._sides, (book.bids, book.asks), strict=True):
            for price, size, *_ in levels:
                if float(size):
                    side[price] = size
                else:
                    side.pop(price, None)

    def checksum(self) -> int:
        """Return the CRC32 of the best levels of both sides in turn, as a signed number."""
        bids, asks = self._sides
        best_bids = nsmallest(CHECKED, bids.items(), key=lambda level: -float(level[0]))
        best_asks = nsmallest(CHECKED, asks.items(), key=lambda level: float(level[0]))
        parts = list[str]()
        for levels in zip_longest(best_bids, best_asks, fillvalue=()):
            for level in levels:
                parts += level
        crc = zlib.crc32(":".join(parts).encode())
        return crc - 2**32 if crc >= 2**31 else crc
