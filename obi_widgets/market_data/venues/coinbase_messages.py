"""The messages of Coinbase Advanced, and decoders for them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from obi_widgets.market_data.venues.wire import (
    WireId,
    WireMoment,
    WirePrice,
    WireSize,
    nanoseconds,
)

BOOK, TRADES, HEARTBEATS = "level2", "market_trades", "heartbeats"
"""The channels that are subscribed to. Frames of the book have another name, `BOOK_FRAMES`."""

BOOK_FRAMES = "l2_data"

OTHERS = "others"
"""The channel of a frame that the venue never sends. Where markets share a websocket, it tells a
decoder that all messages up to its number came, and were of other markets."""


class Change(Struct):
    """The size that now rests at a price."""

    side: Literal["bid", "offer"]
    price_level: WirePrice
    new_quantity: WireSize
    event_time: WireMoment


class Book(Struct):
    """A whole book, or changes of it."""

    type: Literal["snapshot", "update"]
    product_id: str
    updates: list[Change]

    def levels(self, side: Literal["bid", "offer"]) -> list[tuple[float, float]]:
        """Return prices and sizes of a side."""
        return [(one.price_level, one.new_quantity) for one in self.updates if one.side == side]


class Trade(Struct):
    """A trade; ``side`` is that of the maker."""

    product_id: str
    trade_id: WireId
    price: WirePrice
    size: WireSize
    time: WireMoment
    side: Literal["BUY", "SELL"]


class Trades(Struct):
    """Trades, the newest first. A snapshot has those of before the subscription."""

    type: Literal["snapshot", "update"]
    trades: list[Trade]


class Frame(Struct):
    """Any frame of a websocket. An error has a ``type``, and no channel."""

    channel: str = ""
    sequence_num: WireId | None = None
    timestamp: WireMoment | None = None
    events: Raw = Raw(b"[]")
    type: str = ""
    message: str = ""
    reason: str = ""


class Product(Struct):
    """A market. If it has an alias, it is another name of that one."""

    product_id: str
    product_type: str = ""
    quote_currency_id: str = ""
    price_increment: str = ""
    alias: str = ""


class Listing(Struct):
    """All markets."""

    products: list[Product]


class Confirmation(Struct):
    """All channels that are subscribed to, and their symbols."""

    subscriptions: dict[str, Raw] = {}


class _NamedTrade(Struct):
    product_id: str = ""


class _Named(Struct):
    product_id: str = ""
    trades: list[_NamedTrade] = []


frames = msgspec.json.Decoder(Frame)
books = msgspec.json.Decoder(list[Book], strict=False)
trades = msgspec.json.Decoder(list[Trades], strict=False)
confirmations = msgspec.json.Decoder(list[Confirmation])
listings = msgspec.json.Decoder(Listing, strict=False)
_named = msgspec.json.Decoder(list[_Named])


def symbol_of(frame: str | bytes) -> str:
    """Return the symbol of a frame of the book or of trades; empty for another frame."""
    message = frames.decode(frame)
    if message.channel not in (BOOK_FRAMES, TRADES):
        return ""
    events = _named.decode(message.events)
    own = [event.product_id for event in events]
    of_trades = [trade.product_id for event in events for trade in event.trades]
    return next(filter(None, own + of_trades), "")


def time_of(book: Book, sent: WireMoment | None) -> int:
    """Return the event time of a change, ns; of one without a time, that of its message."""
    newest = max((change.event_time for change in book.updates), default=None)
    if newest is None or newest.year <= 1970:  # the venue's documentation has such times
        newest = sent
    if newest is None:
        raise ValueError("a book has no time")
    return nanoseconds(newest)


def request(method: str, channel: str, *symbols: str) -> str:
    """Return the text that subscribes to a channel, or unsubscribes."""
    fields: dict[str, Any] = {"type": method, "channel": channel}
    if symbols:
        fields["product_ids"] = symbols
    return msgspec.json.encode(fields).decode()
