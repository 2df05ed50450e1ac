"""The order book of one symbol: its price levels, and the range of prices that it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.kernels.loader import Kernels
from obi_widgets.market_data import book_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.market_data.events import Levels

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.market_data.book_numba", book_numpy)

ROOM = 4096
"""Levels that a side has room for before its arrays grow."""

MERGE_FROM = 1000
"""Number of changes from which on they are merged in one pass. One by one, each may move many
levels."""

LOGGED = 16_384
"""Changes kept until they are read."""

MAX_LEVELS = 20_000
"""Levels that a side keeps when its arrays grow. Levels beyond them are dropped."""

ALL = -np.inf
"""The edge of a side whose levels are all known."""


class Side:
    """One side of a book, sorted so that its best level is the last.

    Most changes are near the best price, and then few elements move.

    A side knows a range of prices without holes, from its edge to its best price: the venue has
    sent every level in that range. Beyond the edge there may be levels that it has not sent.

    Prices are stored as keys: price × sign. So the best price has the largest key on both sides.

    Parameters
    ----------
    sign : int
        +1 for bids, −1 for asks.
    window : int
        Number of best levels that the venue reports, if it reports no others; 0 if it reports
        every change.
    refresh_at : float
        Fraction of the range that the last snapshot covered, 0..1. If less than that is left
        between the best price and the edge, a new snapshot is wanted.

    Attributes
    ----------
    levels : ndarray of float64, shape (2, room)
        Keys in increasing order, and sizes. A removed level may still be stored, with size 0; the
        last level never has size 0.
    count : int
        Number of stored levels.
    best_key : float
        Key of the best level; −inf if there is none.
    edge : float
        Smallest key of the known range. −inf if the whole side is known.
    refresh_below : float
        If the best key is below this key, a new snapshot is wanted.
    """

    __slots__ = (
        "best_key", "count", "edge", "levels", "refresh_at", "refresh_below", "sign", "window",
    )  # fmt: skip

    def __init__(self, sign: int, *, window: int = 0, refresh_at: float = 0.5) -> None:
        self.sign = sign
        self.window = window
        self.refresh_at = refresh_at
        self.levels = np.empty((2, ROOM))
        self.count = 0
        self.best_key = ALL
        self.edge = ALL
        self.refresh_below = ALL

    def replace(self, levels: Levels, limit: int = 0) -> None:
        """Replace all levels by those of a snapshot.

        Parameters
        ----------
        levels : Levels
            In any order. Of two levels at one price, the later one counts.
        limit : int
            The most levels that such a snapshot has; 0 for no limit. If it has as many, nothing is
            known beyond its last level.
        """
        self.count = 0
        self.best_key = ALL
        self.edge = ALL
        full = 0 < limit <= len(levels)
        if full:
            self.edge = float((self.sign * np.asarray(levels, np.float64)[:, 0]).min())
        self.apply(levels)
        self.set_refresh_point()

    def apply(self, levels: Levels) -> None:
        """Set the sizes at some prices, in order. Size 0 removes the level, if it exists.

        A level beyond the edge is stored, but does not make the known range wider.
        """
        if not len(levels):
            return
        changes = np.array(levels, np.float64)
        if self.count + len(changes) > self.levels.shape[1]:
            self._make_room(len(changes))
        code = KERNELS.code if len(changes) < MERGE_FROM else book_numpy
        if self.window:
            self.count, self.edge = code.apply_within(
                self.levels, self.count, self.sign, changes, self.window, self.edge
            )
        else:
            self.count = code.apply(self.levels, self.count, self.sign, changes)
        self.best_key = float(self.levels[0, self.count - 1]) if self.count else ALL

    def _make_room(self, changes: int) -> None:
        """Drop removed and far levels, and make the arrays larger."""
        levels = self.levels[:, : self.count]
        levels = levels[:, levels[1] > 0]
        if levels.shape[1] > MAX_LEVELS:
            levels = levels[:, -MAX_LEVELS:]
            self.edge = max(self.edge, float(levels[0, 0]))
        self.count = levels.shape[1]
        self.levels = np.empty((2, 2 * (self.count + changes) + ROOM))
        self.levels[:, : self.count] = levels

    def set_refresh_point(self) -> None:
        """Set `refresh_below` from the range that is known now."""
        self.refresh_below = ALL
        if self.edge > ALL and self.count and not self.window:
            self.refresh_below = self.edge + self.refresh_at * (self.best_key - self.edge)

    @property
    def best(self) -> float:
        """The best price; NaN if the side is empty."""
        return self.sign * self.best_key if self.count else np.nan

    def top(self, count: int) -> tuple[Floats, Floats]:
        """Return the prices and sizes of at most ``count`` levels, best first."""
        keys, sizes = self.levels[:, : self.count][:, ::-1]
        rows = np.flatnonzero(sizes)[:count]
        return self.sign * keys[rows], sizes[rows]

    def agrees(self, other: Side) -> bool:
        """Return whether both sides have the same levels in the range that both know."""
        edge = max(self.edge, other.edge)
        return np.array_equal(self._known(edge), other._known(edge))

    def _known(self, edge: float) -> Floats:
        """Return the keys and sizes of the levels from an edge on."""
        levels = self.levels[:, : self.count]
        return levels[:, (levels[1] > 0) & (levels[0] >= edge)]


class Book:
    """Bids and asks by price level.

    The book does not judge whether it can be trusted: its owner does.

    Parameters
    ----------
    window, refresh_at
        See `Side`.

    Attributes
    ----------
    changes : ndarray of float64, shape (room, 2)
        Prices and new sizes of the events since the last reading, in order, bids before asks.
    middle, end : int
        Row of the newest event's first ask, and its end. It begins at the end of the previous
        event. The reader sets ``end`` back to 0.
    replaced : bool
        Whether the whole book was replaced since the reader last set it to False, so that the
        changes do not explain the book.
    """

    __slots__ = ("asks", "bids", "changes", "end", "middle", "replaced")

    def __init__(self, *, window: int = 0, refresh_at: float = 0.5) -> None:
        KERNELS.start()
        self.bids = Side(+1, window=window, refresh_at=refresh_at)
        self.asks = Side(-1, window=window, refresh_at=refresh_at)
        self.changes = np.empty((2 * LOGGED, 2))
        self.middle = self.end = 0
        self.replaced = True

    def replace(self, bids: Levels, asks: Levels, limit: int = 0) -> None:
        """Replace both sides by a snapshot. For ``limit`` see `Side.replace`."""
        self.bids.replace(bids, limit)
        self.asks.replace(asks, limit)
        self.replaced = True

    def apply(self, bids: Levels, asks: Levels) -> None:
        """Set the sizes at the prices that changed."""
        self.bids.apply(bids)
        self.asks.apply(asks)
        begin, self.middle = self.room(), self.end + len(bids)
        if begin + len(bids) + len(asks) > 2 * LOGGED:
            self.replaced = True
            return
        self.end = self.middle + len(asks)
        if len(bids):
            self.changes[begin : self.middle] = bids
        if len(asks):
            self.changes[self.middle : self.end] = asks

    def room(self) -> int:
        """Return the row at which an event's changes begin, with room for `LOGGED`.

        Changes that nobody reads are dropped.
        """
        if self.end > LOGGED:
            self.end, self.replaced = 0, True
        return self.end

    def clear(self) -> None:
        """Remove all levels, of a book that may be wrong."""
        self.replace((), ())

    def splice(self, newer: Book) -> bool:
        """Take over each side of another book of the same moment, if that side is known further.

        Returns
        -------
        bool
            Whether both books have the same levels where both are known. If not, this book stays
            as it is.
        """
        pairs = ((self.bids, newer.bids), (self.asks, newer.asks))
        if not all(own.agrees(new) for own, new in pairs):
            return False
        self.bids, self.asks = (new if new.edge <= own.edge else own for own, new in pairs)
        for side in (self.bids, self.asks):
            side.set_refresh_point()
        return True

    @property
    def wants_snapshot(self) -> bool:
        """Whether too little is left of the range that the last snapshot covered."""
        bids, asks = self.bids, self.asks
        return bids.best_key < bids.refresh_below or asks.best_key < asks.refresh_below

    @property
    def fine(self) -> bool:
        """Whether it is neither `unknown` nor `crossed` nor wants a snapshot, as nearly always.

        A book that is fine has levels on both sides. One that is not may lack a side.
        """
        bids, asks = self.bids, self.asks
        bid, ask = bids.best_key, asks.best_key
        return ALL < bid < -ask < -ALL and bid >= bids.refresh_below and ask >= asks.refresh_below

    @property
    def unknown(self) -> bool:
        """Whether a side has no level left, but may have levels that the venue never sent."""
        bids, asks = self.bids, self.asks
        return bids.best_key == ALL < bids.edge or asks.best_key == ALL < asks.edge

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask, which cannot be right."""
        return self.bids.best_key >= -self.asks.best_key
