"""Events of a market, the same for all venues.

Times are nanoseconds since 1970-01-01 UTC, as int. ``time`` is read from the exchange's clock (from
that of its matching engine, if the venue sends it), ``received`` from the local clock. The two are
never mixed. Prices are in quote currency, sizes in base units (contracts × contract size).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Literal, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Level: TypeAlias = tuple[float, float]
"""A price, and the size that now rests there. 0: the level was removed."""

Levels: TypeAlias = Sequence[Level] | NDArray[np.float64]
"""Levels in any order: pairs, or an array of shape (N, 2)."""

State: TypeAlias = Literal["connecting", "syncing", "live", "unverified", "gap", "stale", "closed"]
"""Whether the book can be trusted: ``live`` is the venue's book, ``unverified`` is said to be it by
somebody who gives no sequence to check it by, ``stale`` may be late."""

CURRENT: frozenset[State] = frozenset({"live", "unverified"})
"""The states in which books come in time."""


class Instrument(Struct, frozen=True):
    """What is traded: the venue, the symbol, and the units of its prices and sizes.

    Attributes
    ----------
    venue, symbol : str
        As in ``venue:SYMBOL``. The symbol is spelt as the venue spells it.
    label : str
        The venue's display name.
    quote : str
        The currency of prices, for labels. Empty if not known.
    tick_size : float
        Smallest price step, in quote currency. 0 if not known; a history then finds it from the
        prices.
    contract_size : float
        Base units (coins) in one contract. 1 if the venue counts sizes in coins. Of an inverse
        contract: its value in quote currency.
    inverse : bool
        Whether contracts are inverse: each is worth ``contract_size`` in quote currency, so at a
        price it is ``contract_size`` / price base units.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> instrument = obi.Instrument("lmex", "BTC-PERP", tick_size=0.1, contract_size=1e-5)
    >>> instrument.tick_size
    0.1
    """

    venue: str
    symbol: str
    label: str = ""
    quote: str = ""
    tick_size: float = 0.0
    contract_size: float = 1.0
    inverse: bool = False

    @property
    def size_step(self) -> float:
        """Base units that sizes are multiples of; 1 if a contract or a coin has parts.

        Sizes of inverse contracts are multiples of nothing, since they depend on the price.
        """
        return 1.0 if self.inverse else self.contract_size


class Snapshot(Struct, frozen=True, gc=False):
    """The levels of a book, which replace all levels known before. They may be in any order.

    Attributes
    ----------
    time, received : int
        Event time and receive time, ns.
    sequence : int
        The venue's number of the snapshot; 0 if it has none.
    bids, asks : Levels
        Prices and sizes.
    limit : int
        The most levels a side that such a snapshot has. A side with fewer levels is complete. Of a
        side with as many, nothing is known beyond its last level. 0: both sides are complete.
    """

    time: int
    received: int
    sequence: int
    bids: Levels
    asks: Levels
    limit: int = 0


class Delta(Struct, frozen=True, gc=False):
    """Levels that changed since the event before, with their new sizes. Fields as in `Snapshot`."""

    time: int
    received: int
    sequence: int
    bids: Levels
    asks: Levels


class Splice(Struct, frozen=True, gc=False):
    """A snapshot for a book in sync, which makes the known range of prices wider.

    The snapshot may be older than the book. ``deltas`` are all changes since: applied to it in
    order, they lead to the present state of the book.
    """

    received: int
    snapshot: Snapshot
    deltas: list[Delta]


class Trade(Struct, frozen=True, gc=False):
    """A trade. ``side`` is +1 if the taker bought, −1 if the taker sold."""

    time: int
    received: int
    price: float
    size: float
    side: int
    id: int


class Mark(Struct, frozen=True, gc=False):
    """Mark price, index price, and funding rate (a fraction of the value, per funding interval).

    ``open_interest`` is in base units. ``long_short_ratio`` is how many accounts are long for each
    that is short, over 5 minutes. ``next_funding`` is when funding is paid next, seconds UTC, by
    the exchange's clock. NaN stands for what the source did not send.
    """

    time: int
    received: int
    price: float
    index: float
    funding_rate: float
    open_interest: float = nan
    long_short_ratio: float = nan
    next_funding: float = nan


class Liquidation(Struct, frozen=True, gc=False):
    """A position that the venue closed by force.

    ``side`` is that of the order which closes it: +1 if a short was bought back, −1 if a long was
    sold. ``price`` is as the venue tells it: of the fills, or the one at which nothing is left.
    """

    time: int
    received: int
    price: float
    size: float
    side: int


class Clock(Struct, frozen=True, gc=False):
    """The venue's clock: it showed ``time`` in an answer that arrived at ``received``."""

    time: int
    received: int


class Status(Struct, frozen=True, gc=False):
    """The book cannot be trusted from now on; ``detail`` says why, ``advice`` what happens next.

    ``state`` is never ``live`` or ``unverified``: a `Snapshot` makes a book so.
    """

    received: int
    state: State
    detail: str = ""
    advice: str = ""


class Refused(Struct, frozen=True, gc=False):
    """A frame that is not used, or ``count`` of them. They are counted by ``name``."""

    received: int
    name: str
    detail: str = ""
    count: int = 1


class NotSent(Struct, frozen=True, gc=False):
    """A frame of so many bytes that the venue has not sent: it was made for a shared websocket."""

    size: int


Event: TypeAlias = (
    Instrument
    | Snapshot
    | Delta
    | Splice
    | Trade
    | Mark
    | Liquidation
    | Clock
    | Status
    | Refused
    | NotSent
)
