"""One symbol's order book, by price level, and which prices it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.kernels.loader import Kernels
from obi_widgets.market_data import book_numpy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.market_data.events import Level

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.market_data.book_numba", book_numpy)

ROOM = 4096
"""Levels that a side has room for before it grows."""

MANY = 1000
"""Changes from which on they are merged at once: one by one, each may move many levels."""

MOST = 20_000
"""Levels that a side keeps when it has to grow: what lies beyond them is forgotten."""

ALL = -np.inf
"""The edge of a side that is known as a whole."""


class Side:
    """One side of a book, sorted so that its best level is the last.

    Appending, changing and removing near the best price then move few elements.

    A side knows a range of prices without holes: from its edge to its best. Whatever stands in
    that range has been told; beyond the edge there may be more than has been told.

    Parameters
    ----------
    sign : int
        +1 for bids, −1 for asks: what turns a price into a key that grows towards the best.
    window : int
        Levels that the venue keeps up to date, for a venue that tells of no others; 0 for one
        that tells of every change.
    refresh_at : float
        The share of the range that a snapshot covered, 0..1: with less than that left between
        best and edge, a new snapshot is wanted.

    Attributes
    ----------
    levels : ndarray of float64, shape (2, room)
        Keys in increasing order, and sizes. A level that was removed may still stand there, with
        size 0; the last one is never such.
    count : int
        Levels that stand there.
    best_key : float
        The key of the best level; −inf when there is none.
    edge : float
        A key: the side is known at it and above. −inf: the whole side is known.
    near : float
        A key: when the best is below it, a new snapshot is wanted.
    """

    __slots__ = ("best_key", "count", "edge", "levels", "near", "refresh_at", "sign", "window")

    def __init__(self, sign: int, *, window: int = 0, refresh_at: float = 0.5) -> None:
        self.sign = sign
        self.window = window
        self.refresh_at = refresh_at
        self.levels = np.empty((2, ROOM))
        self.count = 0
        self.best_key = ALL
        self.edge = ALL
        self.near = ALL

    def replace(self, levels: Sequence[Level], limit: int = 0) -> None:
        """Forget all levels and take these; later ones of the same price win.

        Parameters
        ----------
        levels : sequence of Level
            In any order.
        limit : int
            The most levels that such a snapshot holds, 0 for no limit. One that holds so many
            says nothing of what lies beyond its last level.
        """
        self.count = 0
        self.best_key = ALL
        self.edge = ALL
        full = 0 < limit <= len(levels)
        if full:
            self.edge = min(self.sign * price for price, _ in levels)
        self.apply(levels)
        self.watch()

    def apply(self, levels: Sequence[Level]) -> None:
        """Set each price's size, in order; size 0 removes, removing what is not there is normal.

        A level beyond the edge is kept, and does not make the known range wider.
        """
        if not levels:
            return
        changes = np.array(levels, np.float64)
        if self.count + len(changes) > self.levels.shape[1]:
            self._make_room(len(changes))
        code = KERNELS.code if len(changes) < MANY else book_numpy
        if self.window:
            self.count, self.edge = code.apply_within(
                self.levels, self.count, self.sign, changes, self.window, self.edge
            )
        else:
            self.count = code.apply(self.levels, self.count, self.sign, changes)
        self.best_key = float(self.levels[0, self.count - 1]) if self.count else ALL

    def _make_room(self, more: int) -> None:
        """Drop what was removed, and levels too far away, and leave as much room again."""
        there = self.levels[:, : self.count]
        there = there[:, there[1] > 0]
        if there.shape[1] > MOST:
            there = there[:, -MOST:]
            self.edge = max(self.edge, float(there[0, 0]))
        self.count = there.shape[1]
        self.levels = np.empty((2, 2 * (self.count + more) + ROOM))
        self.levels[:, : self.count] = there

    def watch(self) -> None:
        """Take the range that is known now as the whole of which a share may be left."""
        self.near = ALL
        if self.edge > ALL and self.count and not self.window:
            self.near = self.edge + self.refresh_at * (self.best_key - self.edge)

    @property
    def best(self) -> float:
        """The best price, NaN when the side is empty."""
        return self.sign * self.best_key if self.count else np.nan

    def top(self, count: int) -> tuple[Floats, Floats]:
        """Return the prices and sizes of at most ``count`` levels, best first."""
        keys, sizes = self.levels[:, : self.count][:, ::-1]
        there = np.flatnonzero(sizes)[:count]
        return self.sign * keys[there], sizes[there]

    def agrees(self, other: Side) -> bool:
        """Return whether both have the same levels where both are known."""
        edge = max(self.edge, other.edge)
        mine, theirs = (one.levels[:, : one.count] for one in (self, other))
        mine, theirs = (one[:, (one[1] > 0) & (one[0] >= edge)] for one in (mine, theirs))
        return np.array_equal(mine, theirs)


class Book:
    """Bids and asks by price level. It does not know whether it is right: its owner does.

    Parameters
    ----------
    window, refresh_at
        See `Side`.
    """

    __slots__ = ("asks", "bids")

    def __init__(self, *, window: int = 0, refresh_at: float = 0.5) -> None:
        KERNELS.start()
        self.bids = Side(+1, window=window, refresh_at=refresh_at)
        self.asks = Side(-1, window=window, refresh_at=refresh_at)

    def replace(self, bids: Sequence[Level], asks: Sequence[Level], limit: int = 0) -> None:
        """Take a snapshot of the book, of at most ``limit`` levels a side; 0: of all of it."""
        self.bids.replace(bids, limit)
        self.asks.replace(asks, limit)

    def apply(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Take the levels that changed."""
        self.bids.apply(bids)
        self.asks.apply(asks)

    def clear(self) -> None:
        """Forget everything: the book may be wrong."""
        self.replace((), ())

    def splice(self, newer: Book) -> bool:
        """Take the sides of another book at the same moment where they are known further.

        Returns
        -------
        bool
            Whether the two agree where both are known. When not, nothing is taken.
        """
        pairs = ((self.bids, newer.bids), (self.asks, newer.asks))
        if not all(mine.agrees(theirs) for mine, theirs in pairs):
            return False
        self.bids, self.asks = (
            theirs if theirs.edge <= mine.edge else mine for mine, theirs in pairs
        )
        for side in (self.bids, self.asks):
            side.watch()
        return True

    @property
    def wants_snapshot(self) -> bool:
        """Whether too little is left of the range that the last snapshot covered."""
        bids, asks = self.bids, self.asks
        return bids.best_key < bids.near or asks.best_key < asks.near

    @property
    def unknown(self) -> bool:
        """Whether a side has no level left, though there may be some that were never told."""
        bids, asks = self.bids, self.asks
        return bids.best_key == ALL < bids.edge or asks.best_key == ALL < asks.edge

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask: a book that cannot be."""
        return self.bids.best_key >= -self.asks.best_key
