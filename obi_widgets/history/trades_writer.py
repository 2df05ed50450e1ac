"""Getting trades written as they come, in whole steps of a grid that becomes as fine as they need.

What has been handed out is never written again, so reading it takes no lock.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.history.memory import zeros
from obi_widgets.history.trades import LARGEST, Trades, narrowed
from obi_widgets.history.unchecked import LastMade

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.market_data.events import Trade

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ROOM = 4096
"""Trades that there is room for before the columns grow."""

MOST_DECIMALS = 12
"""Of a price or size; one that needs more is rounded."""

EXACT = 2.0**53
"""Whole numbers up to here are exact as floats."""


class TradesWriter:
    """Trades as they come. Compiled code may write rows behind the last; see `took`.

    Attributes
    ----------
    stamps, amounts : ndarray, shapes (3, room) and (2, room)
        See `Trades`. Amounts are int32 until one needs more.
    count : int
        Rows that are written, with those that have been dropped from the front.
    decimals : list of int
        Of prices and of sizes: as many as any of them needed so far.
    newest : int
        The receive time of the last, or a later one that the next may not be before.
    streamed : bool
        Whether the source sends trades; see `Trades`.
    """

    def __init__(self) -> None:
        self.stamps: Ints = zeros((3, ROOM), np.int64)
        self.amounts: NDArray[Any] = zeros((2, ROOM), np.int32)
        self.count = 0
        self.decimals = [0, 0]
        self.newest = 0
        self.streamed = True
        self._dropped = 0  # rows at the front
        self._start = 0  # trades before row 0
        self._lock = Lock()
        self._made = LastMade()

    def append(self, trade: Trade, received: int) -> bool:
        """Take a trade; return whether it can be held: one of no size cannot."""
        if self.count == self.stamps.shape[1]:
            self._make_room()
        price = self._whole(0, trade.price)
        size = self._whole(1, trade.size)
        if not (0 < price < LARGEST and 0 < size < LARGEST):
            return False
        if max(price, size) >= 2**31 and self.amounts.itemsize == 4:
            with self._lock:
                self.amounts = self.amounts.astype(np.int64)
        self.newest = max(received, self.newest)
        at = self.count
        self.stamps[:, at] = trade.time, self.newest, trade.id
        self.amounts[:, at] = price, size if trade.side > 0 else -size
        self.count = at + 1
        return True

    def extend(self, stamps: Ints, prices: Floats, sizes: Floats) -> None:
        """Take many trades, which can be held.

        Parameters
        ----------
        stamps : ndarray of int64, shape (3, N)
            See `Trades`; receive times do not decrease.
        prices, sizes : ndarray of float64, shape (N,)
            In quote currency and base units; sizes below 0 where the taker sold.
        """
        count = stamps.shape[1]
        if self.count + count > self.stamps.shape[1]:
            self._make_room(count)
        for which, values in enumerate((prices, abs(sizes))):
            steps = values * 10.0 ** self.decimals[which]
            off = abs(steps - np.rint(steps)) > np.minimum(1e-12 * steps, 0.01)
            for value in values[off].tolist():
                self._whole(which, value)  # it refines the steps where it has to
        amounts = np.rint([prices * 10.0 ** self.decimals[0], sizes * 10.0 ** self.decimals[1]])
        if abs(amounts).max(initial=0) >= 2**31 and self.amounts.itemsize == 4:
            with self._lock:
                self.amounts = self.amounts.astype(np.int64)
        at = self.count
        self.stamps[:, at : at + count] = stamps
        self.amounts[:, at : at + count] = amounts
        self.took(at + count)

    def number(self, row: int) -> int:
        """Return how many trades had come before that of a row."""
        return self._start + row

    def took(self, count: int) -> None:
        """Take note that compiled code has written rows, so that there are so many."""
        if count != self.count:
            self.count = count
            self.newest = int(self.stamps[1, count - 1])

    def numbers(self, received: Ints | int, since: int) -> Ints | int:
        """Return how many trades had come before each of these receive times, dropped ones too.

        ``since`` is such a number of an earlier time: the search begins there.
        """
        with self._lock:
            first = max(since - self._start, self._dropped)
            before = self.stamps[1, first : self.count].searchsorted(received)
            return before + (self._start + first)

    def table(self, until: int) -> Trades:
        """Return the trades so far, up to one of this number."""
        with self._lock:
            rows = slice(self._dropped, until - self._start)
            columns, start = (self.stamps, self.amounts), self._start + self._dropped
            of = (rows.start, rows.stop, start, *self.decimals, self.streamed)
            return self._made.of(Trades, columns, of, lambda: {
                "stamps": self.stamps[:, rows], "amounts": self.amounts[:, rows],
                "price_decimals": self.decimals[0], "size_decimals": self.decimals[1],
                "start": start, "streamed": self.streamed,
            })  # fmt: skip

    def drop(self, until: int) -> None:
        """Forget the trades before one of this number."""
        self._dropped = until - self._start

    def _make_room(self, more: int = 0) -> None:
        """Leave those out that have been dropped, and make room for as many again, and more."""
        kept = slice(self._dropped, self.count)
        count = self.count - self._dropped
        stamps, amounts = (
            zeros((len(old), 2 * count + ROOM + more), old.dtype)
            for old in (self.stamps, self.amounts)
        )
        stamps[:, :count], amounts[:, :count] = self.stamps[:, kept], self.amounts[:, kept]
        with self._lock:
            self._start += self._dropped
            self.stamps, self.amounts, self.count, self._dropped = stamps, amounts, count, 0

    def _whole(self, which: int, value: float) -> int:
        """Return a price (0) or a size (1) in whole steps; refine these when it needs more."""
        decimals = self.decimals[which]
        whole = _on_grid(value, decimals)
        if whole is not None:
            return whole
        finer = decimals
        while finer < MOST_DECIMALS and value * 10.0 ** (finer + 1) < EXACT:
            finer += 1
            if _on_grid(value, finer) is not None:
                break
        most = int(abs(self.amounts[which, : self.count]).max(initial=0))
        if most * 10 ** (finer - decimals) < LARGEST:
            self._refine(which, finer)
        return round(value * 10.0 ** self.decimals[which])

    def _refine(self, which: int, decimals: int) -> None:
        """Put the trades so far on a finer grid."""
        factor, written = 10 ** (decimals - self.decimals[which]), slice(self.count)
        finer = self.amounts[:, written].astype(np.int64)
        finer[which] *= factor
        finer = narrowed(finer) if self.amounts.itemsize == 4 else finer
        amounts: NDArray[Any] = zeros(self.amounts.shape, finer.dtype)
        amounts[:, written] = finer
        with self._lock:
            self.amounts = amounts
            self.decimals[which] = decimals


def _on_grid(value: float, decimals: int) -> int | None:
    """Return a number in steps of so many decimals; None when it is off that grid."""
    steps = value * 10.0**decimals
    whole = round(steps)
    return whole if abs(steps - whole) <= min(1e-12 * steps, 0.01) else None
