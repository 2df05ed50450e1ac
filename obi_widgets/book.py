"""One symbol's order book, by price level."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from obi_widgets.events import Level


class Side:
    """One side of a book, sorted so that its best level is the last.

    Appending, changing and removing near the best price then move few elements, and the best
    levels are a slice.

    Parameters
    ----------
    sign : int
        +1 for bids, −1 for asks: what turns a price into a key that grows towards the best.
    """

    __slots__ = ("keys", "sign", "sizes")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[float] = []
        self.sizes: list[float] = []

    def replace(self, levels: Iterable[Level]) -> None:
        """Forget all levels and take these; later ones of the same price win."""
        sign = self.sign
        found = {sign * price: size for price, size in levels}
        self.keys = sorted(key for key, size in found.items() if size > 0)
        self.sizes = [found[key] for key in self.keys]

    def apply(self, levels: Iterable[Level]) -> None:
        """Set each price's size, in order; size 0 removes, removing what is not there is normal."""
        keys, sizes, sign = self.keys, self.sizes, self.sign
        for price, size in levels:
            key = sign * price
            at = bisect_left(keys, key)
            there = at < len(keys) and keys[at] == key
            if size > 0:
                if there:
                    sizes[at] = size
                else:
                    keys.insert(at, key)
                    sizes.insert(at, size)
            elif there:
                del keys[at], sizes[at]

    @property
    def best(self) -> float:
        """The best price, NaN when the side is empty."""
        return self.sign * self.keys[-1] if self.keys else np.nan

    def top(self, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the prices and sizes of at most ``count`` levels, best first."""
        prices = np.array(self.keys[: -count - 1 : -1], dtype=np.float64)
        return self.sign * prices, np.array(self.sizes[: -count - 1 : -1], dtype=np.float64)


class Book:
    """Bids and asks by price level. It does not know whether it is right: its owner does."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = Side(+1)
        self.asks = Side(-1)

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Take a snapshot of the whole book."""
        self.bids.replace(bids)
        self.asks.replace(asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Take the levels that changed."""
        self.bids.apply(bids)
        self.asks.apply(asks)

    def clear(self) -> None:
        """Forget everything: the book may be wrong."""
        self.replace((), ())

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask: a book that cannot be."""
        return self.bids.best >= self.asks.best  # False when a side is empty: NaN compares so
