"""Getting book states into a history's blocks, one by one as they come."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.book import Side
from obi_widgets.history import BLOCK, History, Levels
from obi_widgets.memory import zeros
from obi_widgets.packing import infer_tick, to_ticks, unsigned
from obi_widgets.signals import compiling
from obi_widgets.venues.base import FOREVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.book import Book
    from obi_widgets.events import Instrument
    from obi_widgets.settings import Parameters

    Floats = NDArray[np.float64]

NOTHING = Side(+1)
AT_ONCE = 8
"""Blocks whose memory is asked for in one piece; it is used only as they are written to."""


class Columns(NamedTuple):
    """See `History`."""

    time: NDArray[np.int64]
    received: NDArray[np.int64]
    bid: Floats
    ask: Floats

    def rows(self, which: slice) -> Columns:
        """Return some of the rows, sharing memory."""
        return Columns(self.time[which], self.received[which], self.bid[which], self.ask[which])


class HistoryWriter:
    """Appends book states; hands out histories that later appends never change.

    Its owner is one thread; any thread may ask for a history. The rows of a history that has been
    handed out are never written again, so reading it takes no lock. A state that waits for its
    interval to end stands in the row behind the last.

    Parameters
    ----------
    instrument : Instrument
        What is traded. A tick size of 0 is found from the first state's prices.
    levels : int
        Levels a side to keep.
    capacity : int, optional
        How many states to keep; the oldest are dropped by the block. All when left out.
    interval : float
        Seconds of event time. Of the states within one interval only the last is kept, with its
        own time, once the interval is over by either clock. 0 keeps every state.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        levels: int = 50,
        capacity: int | None = None,
        interval: float = 0.1,
    ) -> None:
        self.instrument = instrument
        self.levels = levels
        self.capacity = capacity
        self.interval = round(interval * 1e9)
        self._tick_size = instrument.tick_size
        self._blocks: list[Levels] = []
        self._empty: list[Levels] = []
        self._rows = 0  # in the columns, from the first block kept
        self._start = 0  # states dropped before them
        self._columns = self._allocate(BLOCK)
        self._pending: tuple[int, int] | None = None  # the times of the state that waits
        self._lock = Lock()

    def _allocate(self, rows: int) -> Columns:
        if self.capacity is not None:  # room for as many again as a quarter before a move
            rows = max(rows, self.capacity + max(self.capacity // 4, 2 * BLOCK))
        return Columns(
            zeros(rows, np.int64), zeros(rows, np.int64), zeros(rows, float), zeros(rows, float)
        )

    def __len__(self) -> int:
        return self._rows

    def describe(self, instrument: Instrument) -> None:
        """Take the facts of the instrument, once they are known."""
        self.instrument = instrument
        if not self._blocks:
            self._tick_size = instrument.tick_size

    def append(self, time: int, received: int, book: Book) -> None:
        """Take the state that a book is in."""
        pending = self._pending
        if pending is not None and (
            time // self.interval > pending[0] // self.interval
            or received - pending[1] >= self.interval
        ):
            self.flush()
        self._pending = None  # its row is written anew
        self._put(time, received, book.bids, book.asks)
        if self.interval:
            self._pending = (time, received)
        else:
            self._rows += 1

    def due(self) -> int:
        """Return the local time from which `tick` does something."""
        return FOREVER if self._pending is None else self._pending[1] + self.interval

    def tick(self, received: int) -> None:
        """Take note of the local time: a state that has waited for its interval is kept."""
        if received >= self.due():
            self.flush()

    def flush(self) -> None:
        """Keep the state that waits for its interval to end."""
        if self._pending is not None:
            self._pending = None
            self._rows += 1

    def gap(self, received: int) -> None:
        """Note that the book was lost after the newest state."""
        self.flush()
        newest, columns = self._rows - 1, self._columns
        if newest < 0 or np.isnan([columns.bid[newest], columns.ask[newest]]).all():
            return
        self._put(int(columns.time[newest]) + 1, received, NOTHING, NOTHING)
        self._rows += 1

    def history(self) -> History:
        """Return the states so far."""
        with self._lock:
            rows = self._rows
            return History(
                **self._columns.rows(slice(rows))._asdict(),
                blocks=tuple(self._blocks[: -(-rows // BLOCK)]),
                levels=self.levels,
                tick_size=self._tick_size or 1.0,
                instrument=self.instrument,
                start=self._start,
            )

    def imbalance(self, parameters: Parameters) -> float:
        """Return the imbalance of the newest state, which may still wait for its interval."""
        row = self._rows if self._pending is not None else self._rows - 1
        if row < 0:
            return np.nan
        value: float = compiling.code.newest(
            self._columns.bid, self._columns.ask, *self._blocks[-1], row,
            self._tick_size, *parameters.of_imbalance,
        )  # fmt: skip
        return value

    def _put(self, time: int, received: int, bids: Side, asks: Side) -> None:
        """Write a state to the row behind the last."""
        if self._rows == BLOCK * len(self._blocks):
            with self._lock:
                self._make_room()
        put = compiling.code.put
        while not put(
            bids.levels, bids.count, asks.levels, asks.count, self._tick_size, self._rows,
            time, received, *self._columns, *self._blocks[-1],
        ):  # fmt: skip
            with self._lock:
                self._make_fit((bids, asks))

    def _make_fit(self, sides: tuple[Side, Side]) -> None:
        """Refine the grid, and widen the newest block, so that a state's prices fit."""
        prices = [side.top(self.levels)[0] for side in sides]
        away = self._away(prices)
        if np.isnan(away).any():
            self._regrid(np.concatenate(prices))
            away = self._away(prices)
        ticks = unsigned(away)
        block = self._blocks[-1]
        if ticks.itemsize > block.ticks.itemsize:
            self._blocks[-1] = Levels(block.ticks.astype(ticks.dtype), block.sizes)

    def _away(self, prices: list[Floats]) -> Floats:
        """Return ticks from each side's best, NaN off the grid."""
        return np.concatenate(
            [
                to_ticks(one, one[:1], sign, self._tick_size)
                for one, sign in zip(prices, (+1, -1), strict=True)
            ]
        )

    def _regrid(self, prices: Floats) -> None:
        """Refine the grid so that these prices lie on it too."""
        old = self._tick_size
        tick_size = infer_tick(np.append(prices, old) if old else prices)
        if old:
            factor = float(round(old / tick_size))
            self._blocks = [
                Levels(unsigned(block.ticks * factor), block.sizes) for block in self._blocks
            ]
        self._tick_size = tick_size

    def _make_room(self) -> None:
        """Start a block: drop the oldest where there are enough, and grow the columns."""
        if self.capacity is not None and self._rows >= self.capacity + BLOCK:
            del self._blocks[0]
            self._start += BLOCK
            self._rows -= BLOCK
            self._columns = self._columns.rows(slice(BLOCK, None))
        if self._rows + BLOCK > len(self._columns.time):
            grown = self._allocate(2 * (self._rows + BLOCK))
            for column, room in zip(self._columns, grown, strict=True):
                room[: self._rows] = column[: self._rows]
            self._columns = grown
        self._empty = self._empty or Levels.empty(AT_ONCE, self.levels)
        self._blocks.append(self._empty.pop())
