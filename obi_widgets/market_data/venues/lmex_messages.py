"""What LMEX and BTSE say: frames and answers to numbers."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from obi_widgets.market_data.venues.wire import (
    WireId,
    WireLevel,
    WirePrice,
    WireSize,
    WireStep,
    WireTime,
)


class Book(Struct):
    """A snapshot of the book, or a change that continues ``prevSeqNum``."""

    bids: list[WireLevel]
    asks: list[WireLevel]
    seqNum: WireId  # noqa: N815
    prevSeqNum: WireId  # noqa: N815
    type: str
    symbol: str
    timestamp: WireTime


class Trade(Struct):
    """A trade; ``side`` is the taker's."""

    price: WirePrice
    size: WireSize
    side: str
    symbol: str
    tradeId: WireId  # noqa: N815
    timestamp: WireTime


class Error(Struct):
    """What went wrong."""

    code: int = 0
    message: str = ""


class ErrorItem(Struct):
    """An error, and the topic that it is about."""

    error: Error
    arg: str = ""


class Frame(Struct):
    """What comes by a websocket."""

    topic: str = ""
    data: Raw = Raw()
    event: str = ""
    channel: list[str] = []
    errors: list[ErrorItem] = []


class Summary(Struct):
    """The facts of an instrument."""

    symbol: str
    contractSize: WireStep  # noqa: N815
    minPriceIncrement: WireStep  # noqa: N815
    quote: str = ""


class RestLevel(Struct):
    """A price, and the contracts that stand there."""

    price: WirePrice
    size: WireSize


class RestBook(Struct):
    """The book by REST, without a sequence number."""

    buyQuote: list[RestLevel]  # noqa: N815
    sellQuote: list[RestLevel]  # noqa: N815
    timestamp: WireTime
    symbol: str


class _Whose(Struct):
    symbol: str = ""


frames = msgspec.json.Decoder(Frame, strict=False)
books = msgspec.json.Decoder(Book, strict=False)
trades = msgspec.json.Decoder(list[Trade], strict=False)
summaries = msgspec.json.Decoder(list[Summary], strict=False)
rest_books = msgspec.json.Decoder(RestBook, strict=False)
_whose = msgspec.json.Decoder(_Whose, strict=False)


def symbol_of(frame: str | bytes) -> str:
    """Return the symbol that a frame of the book is of; empty for another frame."""
    message = frames.decode(frame)
    kind, _, topic = message.topic.partition(":")
    if kind != "update":
        return ""
    return _whose.decode(message.data).symbol or topic.partition("_")[0]  # that may be an alias


def operation(name: str, topic: str) -> str:
    """Return what asks for a topic, or ends it."""
    return msgspec.json.encode({"op": name, "args": [topic]}).decode()


def foreign(own: str, symbol: str, topic: str) -> str:
    """Return by which name a book of another market is refused; empty for one of our symbol."""
    if symbol != own:
        return "other symbol"
    name, _, grouping = topic.removeprefix("update:").rpartition("_")
    if not name:
        name, grouping = grouping, "0"  # the topic without a grouping has raw ticks too
    if grouping != "0":
        return "grouped book"
    # A longer spelling is an alias: its snapshot is of this symbol.
    return "" if f"{name}-".startswith(f"{symbol}-") else "topic of another symbol"
