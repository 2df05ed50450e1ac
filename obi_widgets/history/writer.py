"""Getting book states into a history's blocks, one by one as they come."""

from __future__ import annotations

from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from obi_widgets.errors import LevelError
from obi_widgets.history import rows_numpy
from obi_widgets.history.accumulator import Accumulator
from obi_widgets.history.columns import History
from obi_widgets.history.finer_grid import finer_grid
from obi_widgets.history.flow_numpy import ADDED, OFF_LOT
from obi_widgets.history.grid import COARSEST, FINEST
from obi_widgets.history.large_levels_writer import MANY
from obi_widgets.history.levels import BLOCK, Levels
from obi_widgets.history.packing import MAX_TICKS, ticks_away, to_ticks, unsigned
from obi_widgets.history.rows import Columns, Newest, appender, notes_of
from obi_widgets.history.rows_numpy import CUT, INFERRED, LARGEST, SMALLEST
from obi_widgets.history.silences import note
from obi_widgets.history.tape import TapeWriter
from obi_widgets.history.unchecked import filled_later, read_only
from obi_widgets.kernels.loader import Kernels
from obi_widgets.market_data.book import Side
from obi_widgets.market_data.venues.replies import FOREVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.market_data.book import Book
    from obi_widgets.market_data.events import Instrument

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.history.rows_numba", rows_numpy)

NOTHING = Side(+1)
AT_ONCE = 8
"""Blocks that share one allocation at most."""

SHARE = 4
"""Part of the blocks that are kept which share one allocation at most: its memory returns to the
system when the last of them is dropped, so more would hold far more than the capacity."""

UNFILLED = 256
"""Histories that are handed out before those are forgotten that nobody has any more."""

RANGE = 0.1
"""A finer grid must reach this fraction of the price: one odd price must not cost far levels."""


class HistoryWriter:
    """Appends book states; returns histories that later appends never change.

    One thread owns it; any thread may ask for a history. Rows of a returned history are never
    written again. A state that waits for its interval to end is in the row after the last.

    Parameters
    ----------
    instrument : Instrument
        The market. A tick size of 0 is inferred from the first state's prices.
    levels : int
        Levels a side to keep.
    capacity : int, optional
        Number of states to keep; the oldest are dropped block by block. If left out, all.
    interval : float
        Seconds of event time. Of each interval the last state is kept, with its own time, once the
        interval is over by either clock. 0 keeps every state.
    strict : bool
        ``strict`` of the histories; see `History`.
    source : str
        ``source`` of the histories; see `History`.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        levels: int = 50,
        capacity: int | None = None,
        interval: float = 0.1,
        strict: bool = False,
        source: str = "",
    ) -> None:
        KERNELS.start()
        self.levels = levels
        self.capacity = capacity
        self.interval = round(interval * 1e9)
        self.strict = strict
        self.source = source
        self._tick_size = 0.0
        self._blocks: list[Levels] = []
        self._empty: list[Levels] = []
        self._at_once = AT_ONCE
        if capacity is not None:
            self._at_once = min(AT_ONCE, -(-capacity // (SHARE * BLOCK)) or 1)
        self._rows = 0  # in the columns, from the first block kept
        self._start = 0  # states dropped before them
        self._sums = Accumulator()
        self._columns = self._allocate(BLOCK)
        self._room: tuple[Any, ...] = ()  # what `put` writes to: columns and the newest block
        self._code: Any = None  # the kernels that `_append` is of
        self._pending: tuple[int, int] | None = None  # the times of the state that waits
        self._found = 0  # of the newest row; see `rows_numpy.put`
        self._inferred = 0  # rows of which fewer levels are known than are kept
        self._cut = 0  # rows that leave levels out
        self._too_fine: set[float] = set()  # grids on which older states would not fit
        self.tape = TapeWriter()
        self._unfilled: list[ref[History]] = []  # of which fields may still be asked
        self._most_unfilled = UNFILLED
        self._lock = RLock()
        self.describe(instrument)

    def _allocate(self, rows: int) -> Columns:
        if self.capacity is not None:  # a quarter more before it moves
            rows = max(rows, self.capacity + max(self.capacity // 4, 2 * BLOCK))
        return Columns.empty(rows, self._sums.dtype)

    def __len__(self) -> int:
        return self._rows

    def describe(self, instrument: Instrument) -> None:
        """Set the instrument's facts once they are known."""
        with self._lock:
            self._fill()
            self.instrument = instrument
        if not self._rows and self._pending is None:
            told = instrument.tick_size
            self._tick_size = told if FINEST <= told <= COARSEST else 0.0
            unit = instrument.size_step
            self._sums.lot_size = unit if FINEST <= unit <= COARSEST else 1.0

    def append(self, time: int, received: int, book: Book) -> None:
        """Append the state of a book; a `LevelError` means that its best level cannot be stored."""
        pending = self._pending
        if pending is not None and (
            time // self.interval > pending[0] // self.interval
            or received - pending[1] >= self.interval
        ):
            self.flush()
        if self._rows == BLOCK * len(self._blocks):
            self._begin_row()
        if KERNELS.code is not self._code:  # compiled meanwhile
            self._hold()
        bids, asks, sums = book.bids, book.asks, self._sums
        found, added = self._append(  # over the state that waits
            bids.levels, bids.count, bids.edge, asks.levels, asks.count, asks.edge,
            self._tick_size, self._rows, time, received, sums.lot_size, sums.rounds, *self._room,
        )  # fmt: skip
        if found < 0:
            self._put(time, received, bids, asks)
        else:
            self._found = found
        if added != ADDED:
            self._count(bids, asks)
        if time >= self.tape.due or book.replaced or book.end > MANY:
            self.tape.sample(time, received, book, self._start + self._rows, self._tick_size)
        else:  # what the event changed is looked at later
            self.tape.changed.extend((time, book.middle, book.end))
        if self.interval:
            self._pending = (time, received)
        else:
            self._keep()

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
            self._keep()

    def _keep(self) -> None:
        """Count the row behind the last as written."""
        self._rows += 1
        if self._found:
            self._inferred += bool(self._found & INFERRED)
            self._cut += bool(self._found & CUT)

    def set_back(self) -> None:
        """Take note that the local clock was set back: what comes now is of after what came."""
        rows = self._rows + (self._pending is not None)
        with self._lock:
            self.tape.set_back(self._columns.received[:rows])

    def lose_trades(self) -> None:
        """Take note that trades do not come any more, until the next one."""
        with self._lock:
            self.tape.lose_trades(self._start + self._rows)

    def gap(self, received: int) -> None:
        """Note that the book was lost after the newest state."""
        self.flush()
        self._columns.order_flow[self._rows : self._rows + 1] = 0
        self._columns.events[self._rows : self._rows + 1] = 0
        self._sums.begin()
        newest, columns = self._rows - 1, self._columns
        time = int(columns.time[newest]) + 1 if newest >= 0 else 0
        self.tape.begin(time, self._start + self._rows)
        if newest >= 0 and not np.isnan([columns.bid[newest], columns.ask[newest]]).all():
            self._put(time, received, NOTHING, NOTHING)
            self._keep()

    def pass_over(self, book: Book) -> None:
        """Add an event to the sums, and do not keep the state that it led to.

        The sums are those of the next state, since they are known after the newest.
        """
        self.flush()
        self._begin_row()
        self._count(book.bids, book.asks)
        self.tape.pass_over(book, self._start + self._rows)

    def spliced(self, book: Book) -> None:
        """Take note that more is known of the book, by no event."""
        self._sums.look(book)
        self._fit_sums((book.bids, book.asks), OFF_LOT)

    def history(self, notes: tuple[str, ...] = ()) -> History:
        """Return the states so far, with these notes beside those of what was known and kept."""
        with self._lock:
            fields = partial(self._fields, self._rows, self._inferred, self._cut, notes)
            history = filled_later(
                History, self._lock, fields, start=self._start, newest=self.newest()
            )
            self._unfilled.append(ref(history))
            # While no states come, nothing is filled.
            if len(self._unfilled) >= self._most_unfilled:
                self._unfilled = [one for one in self._unfilled if one() is not None]
                self._most_unfilled = 2 * len(self._unfilled) + UNFILLED
        return history

    def newest(self) -> Newest | None:
        """Return where the newest state stands. For the owner, or with the lock held."""
        row = self._rows - 1
        if row < 0:
            return None
        return Newest(
            self._columns, self._blocks[row // BLOCK], row, self._tick_size, self._sums.lot_size,
            self.levels, self.strict, self._start,
        )  # fmt: skip

    def _fields(self, rows: int, inferred: int, cut: int, notes: tuple[str, ...]) -> dict[str, Any]:
        """Return the fields of a history of the first ``rows`` states."""
        states = self._columns.rows(slice(rows))
        tables = self.tape.tables(states, self._start)
        silence = note(tables["silences"], self._start, rows)
        return {
            **read_only(states.fields(self._sums.lot_size)),
            **tables,
            "blocks": tuple(self._blocks[: -(-rows // BLOCK)]),
            "levels": self.levels,
            "tick_size": self._tick_size or 1.0,
            "instrument": self.instrument,
            "offset": 0,
            "strict": self.strict,
            "notes": (*notes_of(inferred, cut, self.levels), *[silence] * bool(silence), *notes),
            "interval": self.interval / 1e9,
            "source": self.source,
        }

    def _fill(self) -> None:
        """Fill the histories that were handed out, before their columns change."""
        for reference in self._unfilled:
            if (history := reference()) is not None:
                len(history)
        self._unfilled, self._most_unfilled = [], UNFILLED

    def _put(self, time: int, received: int, bids: Side, asks: Side) -> None:
        """Write a state to the row behind the last."""
        self._begin_row()
        leave_out = False
        while True:
            found = KERNELS.code.put(
                bids.levels, bids.count, bids.edge, asks.levels, asks.count, asks.edge,
                self._tick_size, self._rows, time, received, leave_out,
                *self._room[:7],
            )  # fmt: skip
            if found >= 0:
                self._found = found
                return
            with self._lock:
                self._make_fit((bids, asks))
            leave_out = True  # what does not fit after that never will

    def _count(self, bids: Side, asks: Side) -> None:
        """Add the event that led to this book to the sums of the row behind the last."""
        sums, columns, row = self._sums, self._columns, self._rows
        while (found := sums.add(bids, asks, row, columns.order_flow, columns.events)) != ADDED:
            columns = self._fit_sums((bids, asks), found)

    def _fit_sums(self, sides: tuple[Side, Side], found: int) -> Columns:
        """Make a smaller lot, or room for greater sums; return the columns then."""
        with self._lock:
            self._fill()
            columns = self._columns
            order_flow = self._sums.fit(sides, found, columns.order_flow, self._rows + 1)
            self._columns = columns._replace(order_flow=order_flow)
            self._hold()
        return self._columns

    def _make_fit(self, sides: tuple[Side, Side]) -> None:
        """Refine the grid, and widen the newest block, so that a state's levels fit.

        Raises
        ------
        LevelError
            When a best level cannot be made to fit; then nothing is changed.
        """
        self._fill()
        tops = [side.top(self.levels) for side in sides]
        prices = [top[0] for top in tops]
        tick_size = finer_grid(prices, self._tick_size, self._takes)
        for (price, size), name in zip(tops, ("bid", "ask"), strict=True):
            if len(price) and np.isnan(to_ticks(price[:1], price[:1], 1, tick_size))[0]:
                raise LevelError(
                    f"The best {name} of {float(price[0])!r} lies on no price grid that can be "
                    f"held beside a tick size of {tick_size:g}.",
                    "Leave such a state out.",
                )
            if len(size) and not SMALLEST <= size[0] <= LARGEST:
                raise LevelError(
                    f"The best {name} has a size of {float(size[0])!r}, which cannot be held.",
                    f"Sizes from {SMALLEST:g} to {LARGEST:g} can.",
                )
        if tick_size != self._tick_size:
            self._regrid(tick_size)
        away = ticks_away(prices, tick_size)
        ticks = unsigned(away[away <= MAX_TICKS])
        block = self._blocks[-1]
        if ticks.itemsize > block.ticks.itemsize:
            self._blocks[-1] = Levels(block.ticks.astype(ticks.dtype), block.sizes)
        self._hold()

    def _takes(self, tick_size: float, prices: list[Floats]) -> bool:
        """Return whether a finer grid holds all that the present one does, and far enough."""
        best = max(float(one[0]) for one in prices if len(one))
        if tick_size * MAX_TICKS < RANGE * best or tick_size in self._too_fine:
            return False
        if not self._tick_size:
            return True
        factor = round(self._tick_size / tick_size)
        away = ticks_away(prices, self._tick_size)
        if away[away <= MAX_TICKS].max(initial=0) * factor > MAX_TICKS:
            return False
        if max(int(block.ticks.max()) for block in self._blocks) * factor > MAX_TICKS:
            self._too_fine.add(tick_size)
            return False
        return True

    def _regrid(self, tick_size: float) -> None:
        """Put the older states on a finer grid."""
        if self._tick_size:
            factor = float(round(self._tick_size / tick_size))
            self._blocks = [
                Levels(unsigned(block.ticks * factor), block.sizes) for block in self._blocks
            ]
        self._tick_size = tick_size

    def _hold(self) -> None:
        """Take note of what a row is written to."""
        *states, order_flow, events = self._columns
        self._room = (*states, *self._blocks[-1], self._sums.tops, order_flow, events)
        self._code, self._append = KERNELS.code, appender(KERNELS.code, self._room)

    def _begin_row(self) -> None:
        """See to it that there is room for a row."""
        if self._rows == BLOCK * len(self._blocks):
            with self._lock:
                self._make_room()

    def _make_room(self) -> None:
        """Start a block: drop the oldest where there are enough, and grow the columns."""
        self._fill()
        if self.capacity is not None and self._rows >= self.capacity + BLOCK:
            self.tape.drop(self._columns.rows(slice(BLOCK)), self._start)
            del self._blocks[0]
            self._start += BLOCK
            self._rows -= BLOCK
            self._columns = self._columns.rows(slice(BLOCK, None))
        if self._rows + BLOCK > len(self._columns.time):
            grown, kept = self._allocate(2 * (self._rows + BLOCK)), slice(self._rows)
            room: Any
            for column, room in zip(self._columns.rows(kept), grown.rows(kept), strict=True):
                room[:] = column
            self._columns = grown
        self._empty = self._empty or Levels.empty(self._at_once, self.levels)
        self._blocks.append(self._empty.pop())
        self._hold()
