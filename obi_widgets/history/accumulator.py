"""Adding up what raw events do, one by one, until a state is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history import flow_numpy
from obi_widgets.history.flow import RANKS, narrow, smaller
from obi_widgets.history.flow_numpy import OFF_LOT, TOO_WIDE
from obi_widgets.history.memory import zeros
from obi_widgets.kernels.loader import Kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.flow import Sums
    from obi_widgets.market_data.book import Book, Side

    Counts = NDArray[np.int32]

KERNELS = Kernels("obi_widgets.history.flow_numba", flow_numpy)

MOST_SUM = 2**62
"""The greatest sum in lots with which a lot is made smaller."""


class Accumulator:
    """What sums are added with, event by event: the book before the next, and the lot.

    Attributes
    ----------
    tops : ndarray of float64, shape (2, 5, RANKS)
        See `obi_widgets.history.flow_numpy.add`.
    lot_size : float
        Base units in a lot.
    rounds : bool
        Whether sizes are whole in no lot that is possible, and are rounded.
    dtype : type
        Of the sums of order flow.
    """

    def __init__(self) -> None:
        self.tops = np.zeros((2, 5, RANKS))
        self.lot_size = 1.0
        self.rounds = False
        self.dtype: type[np.int32 | np.int64] = np.int32
        KERNELS.start()
        self.begin()

    def begin(self) -> None:
        """Forget the book: the next one begins anew."""
        self.tops[:, 0], self.tops[:, 1] = -np.inf, 0.0

    def look(self, book: Book) -> None:
        """Take the book as it is now for the one before the next event."""
        if self.tops[:, 0].max() == -np.inf:
            return  # it begins with what is kept of it
        for top, side in zip(self.tops, (book.bids, book.asks), strict=True):
            prices, sizes = side.top(RANKS)
            top[0], top[1] = -np.inf, 0.0
            top[0, : len(prices)], top[1, : len(prices)] = side.sign * prices, sizes

    def add(self, bids: Side, asks: Side, row: int, order_flow: Sums, events: Counts) -> int:
        """Add the event that led to this book to a row; see `flow_numpy.add`."""
        found: int = KERNELS.code.add(
            bids.levels, bids.count, asks.levels, asks.count,
            self.tops, self.lot_size, self.rounds, row, order_flow, events,
        )  # fmt: skip
        return found

    def fit(self, sides: tuple[Side, Side], found: int, order_flow: Sums, rows: int) -> Sums:
        """Make it fit what could not be added: a smaller lot, or room for greater sums.

        Parameters
        ----------
        sides : tuple of Side
            Of the book.
        found : int
            What `add` returned.
        order_flow : ndarray of int32 or int64, shape (room, RANKS)
            The sums so far.
        rows : int
            How many rows of them are in use.

        Returns
        -------
        ndarray of int32 or int64
            The sums in the new lot: a copy, unless sizes are rounded to the lot as it is.
        """
        sums, factor = order_flow[:rows].astype(np.int64), 1
        if found == OFF_LOT:
            sizes = np.concatenate([side.top(RANKS)[1] for side in sides])
            lot_size, whole = smaller(self.lot_size, sizes)
            factor = round(self.lot_size / lot_size)
            too_large = int(np.abs(sums).max(initial=0)) * factor > MOST_SUM
            self.rounds = too_large or not whole
            if factor == 1 or too_large:
                return order_flow
            self.lot_size = lot_size
        wide = found == TOO_WIDE or narrow(sums * factor).dtype == np.int64
        self.dtype = np.int64 if wide else self.dtype
        fitting: Sums = zeros(order_flow.shape, self.dtype)
        fitting[:rows] = sums * factor
        return fitting
