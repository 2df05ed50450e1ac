"""A history of books that come whole, many at once.

`HistoryWriter` takes books one by one, as a venue sends them. Whoever has many books gets the same
history here, to the bit, and sooner: a block of states is written at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.columns import History
from obi_widgets.history.flow import RANKS, changes, narrow
from obi_widgets.history.grid import on_grid
from obi_widgets.history.levels import BLOCK, TILE, Levels
from obi_widgets.history.rows import Columns
from obi_widgets.history.tape import TapeWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.market_data.events import Instrument

    Ints = NDArray[np.int64]

SIGNS = np.array([[1], [-1]])
"""Of the keys of bids and asks: a greater key is a better price."""


class WholeBooks:
    """Makes a history of whole books, each of which follows the one before as one event.

    Trades go to ``tape`` before the books that were received after them.

    Parameters
    ----------
    instrument : Instrument
        The market, of a known tick size.
    levels : int
        Levels a side to keep.
    states : int
        How many books will come.

    Attributes
    ----------
    tape : TapeWriter
        Takes the trades.
    """

    def __init__(self, instrument: Instrument, levels: int, states: int) -> None:
        self.instrument = instrument
        self.levels = levels
        self.tape = TapeWriter()
        self._empty = Levels.empty(-(-states // BLOCK), levels)[::-1]
        self._blocks: list[Levels] = []
        self._columns: list[Columns] = []
        self._rows = 0
        # Of the newest book: keys in ticks, and lots, at each rank.
        self._tops = np.full((1, 2, RANKS), -np.inf), np.zeros((1, 2, RANKS), np.int64)

    def add(self, time: Ints, ticks: Ints, lots: Ints) -> None:
        """Add a block of books: `BLOCK` of them, or fewer if they are the last.

        Parameters
        ----------
        time : ndarray of int64, shape (T,)
            When they came, ns; increasing.
        ticks, lots : ndarray of int64, shape (T, 2, L)
            Prices and sizes of at most ``levels`` levels, bids first, best first. Both are 0 where
            there is no level; each side has one at least.
        """
        tick_size, unit = self.instrument.tick_size, self.instrument.size_step
        prices, sizes = on_grid(ticks.astype(float), tick_size), lots.astype(float) * unit
        self._blocks.append(self._block(ticks, sizes))
        order_flow = self._order_flow(ticks, lots)
        events = np.ones(len(time), np.int32)
        if not self._rows:
            order_flow[0] = events[0] = 0  # the book begins
        reach = np.broadcast_to(np.float32(np.inf), (len(time), 2))
        bid, ask = prices[:, 0, 0].copy(), prices[:, 1, 0].copy()
        self._columns.append(Columns(time, time, bid, ask, reach, narrow(order_flow), events))
        self.tape.depth.sample_whole(time, prices, sizes, self._rows, tick_size)
        self.tape.large_levels.note_whole(time, prices, sizes, self._rows)
        self._rows += len(time)

    def _block(self, ticks: Ints, sizes: NDArray[np.float64]) -> Levels:
        """Return the levels as a history keeps them."""
        width = ticks.shape[2]
        away, block = np.where(sizes > 0, abs(ticks - ticks[:, :, :1]), 0), self._empty.pop()
        dtype = np.min_scalar_type(int(away.max()))
        block = block._replace(ticks=block.ticks.astype(dtype, copy=False))
        for tile in range(-(-len(ticks) // TILE)):
            rows = slice(tile * TILE, (tile + 1) * TILE)
            for kept, levels in ((block.ticks, away[rows]), (block.sizes, sizes[rows])):
                kept[tile, :, :width, : len(levels)] = levels.transpose(1, 2, 0)
        return block

    def _order_flow(self, ticks: Ints, lots: Ints) -> Ints:
        """Return the order-flow imbalance from each book to the next, from the newest on."""
        states, ranks = len(ticks) + 1, min(ticks.shape[2], RANKS)
        keys, amounts = np.full((states, 2, RANKS), -np.inf), np.zeros((states, 2, RANKS), np.int64)
        keys[:1], amounts[:1] = self._tops
        there = lots[:, :, :ranks] > 0
        keys[1:, :, :ranks][there] = (SIGNS * ticks[:, :, :ranks])[there]
        amounts[1:, :, :ranks] = lots[:, :, :ranks]
        self._tops = keys[-1:].copy(), amounts[-1:].copy()
        return changes(keys[1:], amounts[1:], keys[:-1], amounts[:-1])

    def history(self) -> History:
        """Return the history of all books that were added: one at least."""
        columns = Columns(*map(np.concatenate, zip(*self._columns, strict=True)))
        return History(
            **columns.fields(self.instrument.size_step), **self.tape.tables(columns, 0),
            blocks=tuple(self._blocks), levels=self.levels, tick_size=self.instrument.tick_size,
            instrument=self.instrument,
        )  # fmt: skip
