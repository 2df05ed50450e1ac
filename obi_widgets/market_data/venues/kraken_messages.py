"""The messages of Kraken's spot market, decoders for them, and the book that checksums are of."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from obi_widgets.market_data.venues.symbols import ALIASES
from obi_widgets.market_data.venues.wire import WireId, WireMoment, WirePrice, WireSize

Decimals: TypeAlias = tuple[int, int]
"""The most decimals of prices, and of sizes."""

ONLINE = "online"
"""The mode in which nothing is limited. Others are ``maintenance``, ``cancel_only``, ``post_only``
and ``limit_only``."""

MOST_DECIMALS = 18
SMALLEST, LARGEST = Decimal("1e-18"), Decimal("1e18")

_Decimals: TypeAlias = Annotated[int, Meta(ge=0, le=MOST_DECIMALS)]
_Checksum: TypeAlias = Annotated[int, Meta(ge=0, lt=2**32)]


class Level(Struct):
    """A price, and the size that now rests there."""

    price: Decimal
    qty: Decimal


class Book(Struct):
    """The best levels of a book, or what changed of them."""

    symbol: str
    bids: list[Level] = []
    asks: list[Level] = []
    checksum: _Checksum | None = None
    timestamp: WireMoment | None = None


class Trade(Struct):
    """A trade; ``side`` is that of the taker."""

    symbol: str
    side: Literal["buy", "sell"]
    price: WirePrice
    qty: WireSize
    trade_id: WireId
    timestamp: WireMoment


class System(Struct):
    """The mode of the venue."""

    system: str


class Frame(Struct):
    """Any frame of a websocket: of a channel, or the answer to a method."""

    channel: str = ""
    type: str = ""
    data: Raw = Raw(b"null")
    method: str = ""
    success: bool = True
    error: str = ""
    req_id: int = 0  # of the request that it answers
    time_out: WireMoment | None = None


class Pair(Struct):
    """A market. ``wsname`` is its name, in the spelling of an older protocol."""

    wsname: str = ""
    pair_decimals: _Decimals = 0
    lot_decimals: _Decimals = 0
    tick_size: str = ""

    @property
    def symbol(self) -> str:
        """Its name as it is spelt now."""
        return "/".join(ALIASES.get(name, name) for name in self.wsname.split("/"))


class Listing(Struct):
    """All markets, or why they were not sent."""

    error: list[str] = []
    result: dict[str, Pair] = {}


class _Named(Struct):
    symbol: str = ""


frames = msgspec.json.Decoder(Frame)
books = msgspec.json.Decoder(list[Book])
trades = msgspec.json.Decoder(list[Trade])
systems = msgspec.json.Decoder(list[System])
_listings = msgspec.json.Decoder(Listing, strict=False)
_named = msgspec.json.Decoder(list[_Named])


def symbol_of(frame: str | bytes) -> str:
    """Return the symbol of a frame of the book or of trades; empty for another frame."""
    message = frames.decode(frame)
    if message.channel not in ("book", "trade"):
        return ""
    return next((item.symbol for item in _named.decode(message.data)), "")


def read_listing(body: str | bytes) -> dict[str, Pair]:
    """Return the markets of the answer to ``AssetPairs``, by their symbols.

    Raises
    ------
    ValueError
        If the answer is an error, or cannot be read.
    """
    listing = _listings.decode(body)
    if listing.error:
        raise ValueError(", ".join(listing.error))
    return {pair.symbol: pair for pair in listing.result.values()}


def request(method: str, *, number: int = 0, **parameters: Any) -> str:  # noqa: ANN401
    """Return the text of a request. The answer has the same ``number``, unless that is 0."""
    fields: dict[str, Any] = {"method": method}
    if parameters:
        fields["params"] = parameters
    if number:
        fields["req_id"] = number
    return msgspec.json.encode(fields).decode()


def levels_of(levels: Iterable[Level]) -> list[tuple[float, float]]:
    """Return prices and sizes.

    Raises
    ------
    ValueError
        If one of them is not possible.
    """
    for level in levels:
        price, size = level.price, level.qty
        if max(_decimals(price), _decimals(size)) > MOST_DECIMALS:  # also of NaN and infinity
            raise ValueError("there are too many decimals")
        if not (SMALLEST <= price < LARGEST and 0 <= size < LARGEST):
            raise ValueError(f"{size} at {price} is not possible")
    return [(float(level.price), float(level.qty)) for level in levels]


class CheckedBook:
    """The best levels of a book as whole numbers, as its checksum is formed of them.

    Parameters
    ----------
    depth : int
        Number of levels a side that the venue reports. It does not report that one falls out.
    decimals : Decimals
        Those of the market. If the book has more, these count.
    book : Book
        A whole book.

    Attributes
    ----------
    verified : bool
        Whether the newest message had the checksum of the book, or none.
    """

    TOP = 10
    """Number of levels a side that a checksum is formed of."""

    def __init__(self, depth: int, decimals: Decimals, book: Book) -> None:
        self.verified = True
        self._depth = depth
        levels = [*book.bids, *book.asks]
        self._decimals = (
            max([decimals[0], *(_decimals(level.price) for level in levels)]),
            max([decimals[1], *(_decimals(level.qty) for level in levels)]),
        )
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self.apply(book)

    def apply(self, book: Book) -> None:
        """Set sizes at prices, in order; drop levels beyond the depth; set `verified`."""
        try:
            asks = self._set(self._asks, book.asks, reverse=False)
            bids = self._set(self._bids, book.bids, reverse=True)
        except ValueError:  # a number has more decimals than the whole book had
            self.verified = False
        else:
            self.verified = book.checksum in (None, zlib.crc32(asks + bids))

    def _set(self, side: dict[int, int], levels: list[Level], *, reverse: bool) -> bytes:
        """Return the text of a side's best levels.

        Without the point and without leading zeros, a decimal text is that of a whole number.
        """
        for level in levels:
            price = _whole(level.price, self._decimals[0])
            side[price] = _whole(level.qty, self._decimals[1])
            if not side[price]:
                del side[price]
        prices = sorted(side, reverse=reverse)
        for price in prices[self._depth :]:
            del side[price]
        del prices[self._depth :]
        return b"".join(b"%d%d" % (price, side[price]) for price in prices[: self.TOP])


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else MOST_DECIMALS + 1


def _whole(number: Decimal, decimals: int) -> int:
    scaled = number.scaleb(decimals)
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{number} has more than {decimals} decimals")
    return whole
