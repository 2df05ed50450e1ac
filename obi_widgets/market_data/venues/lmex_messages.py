"""The messages of LMEX and BTSE, and decoders for them."""

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
    """A snapshot of the book, or a change that follows number ``prevSeqNum``."""

    bids: list[WireLevel]
    asks: list[WireLevel]
    seqNum: WireId  # noqa: N815
    prevSeqNum: WireId  # noqa: N815
    type: str
    symbol: str
    timestamp: WireTime


class Trade(Struct):
    """A trade; ``side`` is that of the taker."""

    price: WirePrice
    size: WireSize
    side: str
    symbol: str
    tradeId: WireId  # noqa: N815
    timestamp: WireTime


class Error(Struct):
    """An error's number and text."""

    code: int = 0
    message: str = ""


class ErrorItem(Struct):
    """An error, and the topic that it belongs to."""

    error: Error
    arg: str = ""


class Frame(Struct):
    """Any frame of a websocket."""

    topic: str = ""
    data: Raw = Raw()
    event: str = ""
    channel: list[str] = []
    errors: list[ErrorItem] = []


class Summary(Struct):
    """An instrument."""

    symbol: str
    contractSize: WireStep  # noqa: N815
    minPriceIncrement: WireStep  # noqa: N815
    quote: str = ""


class RestLevel(Struct):
    """A price, and the number of contracts there."""

    price: WirePrice
    size: WireSize


class RestBook(Struct):
    """The answer to a request of the book by REST, which has no sequence number."""

    buyQuote: list[RestLevel]  # noqa: N815
    sellQuote: list[RestLevel]  # noqa: N815
    timestamp: WireTime
    symbol: str


class _Symbol(Struct):
    symbol: str = ""


frames = msgspec.json.Decoder(Frame, strict=False)
books = msgspec.json.Decoder(Book, strict=False)
trades = msgspec.json.Decoder(list[Trade], strict=False)
summaries = msgspec.json.Decoder(list[Summary], strict=False)
rest_books = msgspec.json.Decoder(RestBook, strict=False)
_symbols = msgspec.json.Decoder(_Symbol, strict=False)


def symbol_of(frame: str | bytes) -> str:
    """Return the symbol of a frame of the book; empty for another frame."""
    message = frames.decode(frame)
    kind, _, topic = message.topic.partition(":")
    if kind != "update":
        return ""
    # The symbol in the topic may be an alias.
    return _symbols.decode(message.data).symbol or topic.partition("_")[0]


def operation(name: str, topic: str) -> str:
    """Return the text that subscribes to a topic, or unsubscribes."""
    return msgspec.json.encode({"op": name, "args": [topic]}).decode()


def foreign(own: str, symbol: str, topic: str) -> str:
    """Return why a book belongs to another market; empty if it is of our own symbol."""
    if symbol != own:
        return "other symbol"
    name, _, grouping = topic.removeprefix("update:").rpartition("_")
    if not name:
        name, grouping = grouping, "0"  # a topic without a grouping has raw ticks as well
    if grouping != "0":
        return "grouped book"
    # A longer name is an alias: its snapshot has this symbol.
    return "" if f"{name}-".startswith(f"{symbol}-") else "topic of another symbol"
