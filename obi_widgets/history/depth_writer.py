"""Sampling the depth of a book by price bin while the states of a history are written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history import depth_numpy
from obi_widgets.history.depth import BID_LOW, COLUMNS, END, ROW, Depth
from obi_widgets.history.growing import Growing
from obi_widgets.history.unchecked import LastMade
from obi_widgets.kernels.loader import Kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.market_data.book import Book

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KERNELS = Kernels("obi_widgets.history.depth_numba", depth_numpy)

SECOND = 1_000_000_000

MOST_BINS = 200
"""Bins a side: about 2 %. A venue that tells of the whole book would fill the memory."""

WIDTH = 1e-4
"""What a bin's width is near, as a share of the price: a basis point."""


class DepthWriter:
    """Samples a book once a second of event time; hands out tables that it never changes.

    Attributes
    ----------
    due : int
        The event time from which on the next book is sampled, ns.
    """

    def __init__(self) -> None:
        KERNELS.start()
        self.due = 0
        self._step = 0.0
        self._newest = 0  # event time of the last sample
        self._samples = Growing(COLUMNS, np.int64)
        self._reach = Growing(2, np.float32)
        self._sizes = Growing(1, np.float32)
        self._made = LastMade()

    def begin(self) -> None:
        """Take note that the book was lost: the next is sampled at once."""
        self.due = 0

    def sample(self, time: int, received: int, book: Book, row: int, tick_size: float) -> None:
        """Take a sample of a book that has a level.

        Parameters
        ----------
        time, received : int
            Of the book, ns.
        book : Book
            As it is then.
        row : int
            The number of the state that the sample belongs to.
        tick_size : float
            The price grid. It may become finer, and bins stay as wide as they are.
        """
        bids, asks = book.bids, book.asks
        best = bids if bids.count else asks
        if not best.count:
            return
        self._newest = time = max(time, self._newest)
        self.due = (time // SECOND + 1) * SECOND
        self._step = self._step or _width(abs(best.best_key), tick_size)
        samples, at = self._samples.room(1)
        reach, at_reach = self._reach.room(1)
        sizes, begin = self._sizes.room(2 * MOST_BINS)
        assert at == at_reach  # both are dropped together
        end = KERNELS.code.sample(
            bids.levels, bids.count, bids.edge, asks.levels, asks.count, asks.edge,
            tick_size, max(round(self._step / tick_size), 1), MOST_BINS,
            at, samples[BID_LOW:], reach, begin, sizes,
        )  # fmt: skip
        # A reader may come in between: what it finds in the samples must be there.
        self._sizes.grow(end - begin)
        self._reach.grow(1)
        samples[:BID_LOW, at] = time, received, row, self._sizes.start + len(self._sizes)
        self._samples.grow(1)

    def sample_whole(
        self, time: Ints, prices: Floats, sizes: Floats, row: int, tick_size: float
    ) -> None:
        """Take samples of books that came whole, as `sample` does of each that is due.

        Parameters
        ----------
        time : ndarray of int64, shape (T,)
            When they came, ns; increasing.
        prices, sizes : ndarray of float64, shape (T, 2, L)
            Bids first, best first; 0 where there is no level. Each side has one at least.
        row : int
            The number of the first state.
        tick_size : float
            The price grid.
        """
        due = np.flatnonzero(np.diff(time // SECOND, prepend=self.due // SECOND - 1) > 0)
        if not len(due):
            return
        time, prices, sizes = time[due], prices[due], sizes[due]
        self._newest = int(time[-1])
        self.due = (self._newest // SECOND + 1) * SECOND
        self._step = self._step or _width(float(prices[0, 0, 0]), tick_size)
        ticks = max(round(self._step / tick_size), 1)
        bins, reach, added = depth_numpy.sample_whole(prices, sizes, tick_size, ticks, MOST_BINS)
        ends = (bins[1::2] - bins[::2]).sum(axis=0).cumsum()
        columns, at = self._sizes.room(len(added))
        columns[0, at : at + len(added)] = added
        ends += self._sizes.start + len(self._sizes)
        self._sizes.grow(len(added))
        columns, at = self._reach.room(len(due))
        columns[:, at : at + len(due)] = reach
        self._reach.grow(len(due))
        columns, at = self._samples.room(len(due))
        columns[:, at : at + len(due)] = np.stack([time, time, row + due, ends, *bins])
        self._samples.grow(len(due))

    def table(self, until: int) -> Depth:
        """Return the samples of the states before one of this number."""
        samples = self._samples.read()
        samples = samples[:, : samples[ROW].searchsorted(until)]
        start, count = self._sizes.start, samples.shape[1]
        end = int(samples[END, -1]) if count else start
        of = (self._samples.state, self._reach.state, self._sizes.state)
        return self._made.of(Depth, of, (count, start), lambda: {
            "samples": samples, "reach": self._reach.read()[:, :count],
            "sizes": self._sizes.read()[0, : end - start],
            "step": self._step if count else 0.0, "start": start,
        })  # fmt: skip

    def drop(self, until: int) -> None:
        """Forget the samples of the states before one of this number."""
        samples = self._samples.read()
        count = int(samples[ROW].searchsorted(until))
        if count:
            self._sizes.drop(int(samples[END, count - 1]) - self._sizes.start)
            self._reach.drop(count)
            self._samples.drop(count)


def _width(price: float, tick_size: float) -> float:
    """Return the width of a bin: 1 or 5 times a power of ten of ticks, near a basis point."""
    wanted = math.log10(max(price * WIDTH / tick_size, 1.0))
    powers = math.floor(wanted)
    nearest = min((0.0, math.log10(5), 1.0), key=lambda one: abs(wanted - powers - one))
    return float(f"{round(10 ** (powers + nearest)) * tick_size:.12g}")
