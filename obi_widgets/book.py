"""One symbol's order book, by price level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.signals import compiling, portable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.events import Level

    Floats = NDArray[np.float64]

ROOM = 4096
"""Levels that a side has room for before it grows."""

MANY = 1000
"""Changes from which on they are merged at once: one by one, each may move many levels."""


class Side:
    """One side of a book, sorted so that its best level is the last.

    Appending, changing and removing near the best price then move few elements.

    Parameters
    ----------
    sign : int
        +1 for bids, −1 for asks: what turns a price into a key that grows towards the best.

    Attributes
    ----------
    levels : ndarray of float64, shape (2, room)
        Keys in increasing order, and sizes. A level that was removed may still stand there, with
        size 0; the last one is never such.
    count : int
        Levels that stand there.
    """

    __slots__ = ("count", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels = np.empty((2, ROOM))
        self.count = 0

    def replace(self, levels: Sequence[Level]) -> None:
        """Forget all levels and take these; later ones of the same price win."""
        self.count = 0
        self.apply(levels)

    def apply(self, levels: Sequence[Level]) -> None:
        """Set each price's size, in order; size 0 removes, removing what is not there is normal."""
        if not levels:
            return
        changes = np.array(levels, np.float64)
        if self.count + len(changes) > self.levels.shape[1]:
            self._make_room(len(changes))
        apply = compiling.code.apply if len(changes) < MANY else portable.apply
        self.count = apply(self.levels, self.count, self.sign, changes)

    def _make_room(self, more: int) -> None:
        """Drop what was removed, and leave as much room again."""
        there = self.levels[:, : self.count]
        there = there[:, there[1] > 0]
        self.count = there.shape[1]
        self.levels = np.empty((2, 2 * (self.count + more) + ROOM))
        self.levels[:, : self.count] = there

    @property
    def best(self) -> float:
        """The best price, NaN when the side is empty."""
        return float(self.sign * self.levels[0, self.count - 1]) if self.count else np.nan

    def top(self, count: int) -> tuple[Floats, Floats]:
        """Return the prices and sizes of at most ``count`` levels, best first."""
        keys, sizes = self.levels[:, : self.count][:, ::-1]
        there = np.flatnonzero(sizes)[:count]
        return self.sign * keys[there], sizes[there]


class Book:
    """Bids and asks by price level. It does not know whether it is right: its owner does."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = Side(+1)
        self.asks = Side(-1)

    def replace(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Take a snapshot of the whole book."""
        self.bids.replace(bids)
        self.asks.replace(asks)

    def apply(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Take the levels that changed."""
        self.bids.apply(bids)
        self.asks.apply(asks)

    def clear(self) -> None:
        """Forget everything: the book may be wrong."""
        self.replace((), ())

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask: a book that cannot be."""
        bids, asks = self.bids, self.asks
        if not (bids.count and asks.count):
            return False
        return bool(bids.levels[0, bids.count - 1] >= -asks.levels[0, asks.count - 1])
