"""What happened in a market, in words that no venue owns.

Times are int64 nanoseconds since 1970-01-01 UTC. ``time`` is the exchange's (of its matching
engine, where it tells), ``received`` is the local clock's. They are never mixed.
Prices are in quote currency, sizes in base units (contracts × contract size).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Level: TypeAlias = tuple[float, float]
"""A price, and the size that now stands there (0: none)."""

State: TypeAlias = Literal["connecting", "syncing", "live", "gap", "stale", "closed"]
"""How far the book can be trusted: in ``live`` it is the venue's, in ``stale`` it may be late."""


class Instrument(Struct, frozen=True):
    """What is traded: the facts without which sizes and ticks mean nothing.

    Attributes
    ----------
    venue, symbol : str
        As in ``venue:SYMBOL``.
    label : str
        The venue's name for people.
    quote : str
        The currency of prices, for labels.
    tick_size : float
        The smallest price step. 0: not known, to be found from the prices.
    contract_size : float
        Base units in one unit of size on the wire.
    """

    venue: str
    symbol: str
    label: str = ""
    quote: str = ""
    tick_size: float = 0.0
    contract_size: float = 1.0


class Snapshot(Struct, frozen=True, gc=False):
    """A picture of the book that replaces whatever was known. Levels are in any order.

    Attributes
    ----------
    limit : int
        The most levels a side that such a picture holds: a side with fewer is complete, and of
        one with so many nothing is known beyond its last level. 0: both sides are complete.
    """

    time: int
    received: int
    sequence: int
    bids: list[Level]
    asks: list[Level]
    limit: int = 0


class Delta(Struct, frozen=True, gc=False):
    """Levels that changed, with their new sizes; it continues the book it follows."""

    time: int
    received: int
    sequence: int
    bids: list[Level]
    asks: list[Level]


class Splice(Struct, frozen=True, gc=False):
    """A picture of the book and every change since, for a book that is in sync.

    The picture is older than the newest change, so it is used only together with ``deltas``:
    applied to it in order, they lead to the book's present state, with a wider coverage.
    """

    received: int
    snapshot: Snapshot
    deltas: list[Delta]


class Trade(Struct, frozen=True, gc=False):
    """A trade; ``side`` is the taker's: +1 bought, −1 sold."""

    time: int
    received: int
    price: float
    size: float
    side: int
    id: int


class Mark(Struct, frozen=True, gc=False):
    """Mark price, index price and funding rate (a fraction, per funding interval)."""

    time: int
    received: int
    price: float
    index: float
    funding_rate: float


class Clock(Struct, frozen=True, gc=False):
    """What the venue's own clock says: ``time``, in an answer that came at ``received``."""

    time: int
    received: int


class Status(Struct, frozen=True, gc=False):
    """The book is not to be trusted from now on, and why. Never ``live``: a Snapshot says that."""

    received: int
    state: State
    detail: str = ""
    advice: str = ""


class Refused(Struct, frozen=True, gc=False):
    """A frame that was understood and is not used, by name; or ``count`` of them."""

    received: int
    name: str
    detail: str = ""
    count: int = 1


Event: TypeAlias = Instrument | Snapshot | Delta | Splice | Trade | Mark | Clock | Status | Refused
