"""Getting book states into a history's blocks: one by one as they come, or all at once."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.errors import HistoryError
from obi_widgets.events import Instrument
from obi_widgets.history import BLOCK, TILE, History, Levels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Pair = tuple[Floats, Floats]

MAX_DECIMALS = 12
MAX_TICKS = 2**32 - 1
SMALLEST, LARGEST = 1e-38, 3e38  # of a size, as float32


def infer_tick(prices: Floats) -> float:
    """Return the coarsest decimal grid through zero that all of the prices lie on.

    Parameters
    ----------
    prices : ndarray of float
        In any order; NaN is passed over.

    Returns
    -------
    float
        Of a single price its last decimal; 0 when there is none.

    Raises
    ------
    HistoryError
        When they lie on no grid of at most twelve decimals.
    """
    prices = np.unique(prices[np.isfinite(prices)])
    if not len(prices):
        return 0.0
    for decimals in range(MAX_DECIMALS + 1):
        scaled = prices * 10.0**decimals
        if scaled[-1] > 1e14:
            break  # so large, any number passes for a whole one
        whole = np.rint(scaled)
        if np.all(np.abs(scaled - whole) <= np.minimum(1e-12 * scaled, 0.01)):
            step = int(np.gcd.reduce(whole.astype(np.int64))) if len(prices) > 1 else 1
            return float(step / 10**decimals)
    raise HistoryError("The prices lie on no decimal grid.", "Round them, or give a tick_size.")


def to_ticks(prices: Floats, best: Floats | float, side: int, tick_size: float) -> Floats:
    """Return whole ticks from the best price, NaN where either is off the grid."""
    return side * (_whole(best, tick_size) - _whole(prices, tick_size))


def _whole(prices: Floats | float, tick_size: float) -> Floats:
    """Return prices in ticks, NaN off the grid but for the rounding of doubles."""
    ticks = np.asarray(prices / tick_size)
    whole = np.rint(ticks)
    return np.where(np.abs(ticks - whole) < 1e-3 + 1e-15 * np.abs(ticks), whole, np.nan)


def _unsigned(ticks: NDArray[np.floating[Any]]) -> NDArray[np.unsignedinteger[Any]]:
    """Return whole numbers as narrow as they allow."""
    most = ticks.max(initial=0)
    if most > MAX_TICKS:
        raise HistoryError(
            f"A level lies {most:,.0f} ticks from the best, and {MAX_TICKS:,} are possible.",
            "Leave such levels out, or round the prices to a coarser grid.",
        )
    return ticks.astype(np.min_scalar_type(int(most)))


class HistoryWriter:
    """Appends book states; hands out histories that later appends never change.

    Its owner is one thread; any thread may ask for a history. The rows of a history that has been
    handed out are never written again, so reading it takes no lock.

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
        self._rows = 0  # in the columns, from the first block kept
        self._start = 0  # states dropped before them
        self._columns = self._allocate(BLOCK)
        self._pending: tuple[int, int, Pair, Pair] | None = None
        self._lock = Lock()

    def _allocate(self, rows: int) -> dict[str, Any]:
        if self.capacity is not None:  # room for as many again as a quarter before a move
            rows = max(rows, self.capacity + max(self.capacity // 4, 2 * BLOCK))
        return {
            "time": np.empty(rows, np.int64),
            "received": np.empty(rows, np.int64),
            "bid": np.empty(rows),
            "ask": np.empty(rows),
        }

    def __len__(self) -> int:
        return self._rows

    def describe(self, instrument: Instrument) -> None:
        """Take the facts of the instrument, once they are known."""
        self.instrument = instrument
        if not self._rows:
            self._tick_size = instrument.tick_size

    def append(self, time: int, received: int, bids: Pair, asks: Pair) -> None:
        """Take a state: a pair of prices and sizes a side, best first, any number of levels."""
        if self.interval == 0:
            self._commit(time, received, bids, asks)
            return
        pending = self._pending
        if pending is not None and (
            time // self.interval > pending[0] // self.interval
            or received - pending[1] >= self.interval
        ):
            self.flush()
        self._pending = (time, received, bids, asks)

    def tick(self, received: int) -> None:
        """Take note of the local time: a state that has waited for its interval is kept."""
        if self._pending is not None and received - self._pending[1] >= self.interval:
            self.flush()

    def flush(self) -> None:
        """Keep the state that waits for its interval to end."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._commit(*pending)

    def gap(self, received: int) -> None:
        """Note that the book was lost after the newest state."""
        self.flush()
        newest = self._rows - 1
        if (
            newest < 0
            or np.isnan([self._columns["bid"][newest], self._columns["ask"][newest]]).all()
        ):
            return
        nothing = (np.empty(0), np.empty(0))
        self._commit(int(self._columns["time"][newest]) + 1, received, nothing, nothing)

    def history(self) -> History:
        """Return the states so far."""
        with self._lock:
            rows = self._rows
            return History(
                **{name: column[:rows] for name, column in self._columns.items()},
                blocks=tuple(self._blocks),
                levels=self.levels,
                tick_size=self._tick_size or 1.0,
                instrument=self.instrument,
                start=self._start,
            )

    def _commit(self, time: int, received: int, bids: Pair, asks: Pair) -> None:
        with self._lock:
            self._put(time, received, bids, asks)

    def _put(self, time: int, received: int, bids: Pair, asks: Pair) -> None:
        if self._rows % BLOCK == 0:
            self._make_room()
        row, column = self._rows, self._columns
        tile, state = divmod(row % BLOCK, TILE)
        sides = (bids, asks)
        for which, (prices, sizes) in enumerate(sides):
            count = min(len(prices), self.levels)
            if not count:
                continue
            ticks = _unsigned(self._ticks(prices[:count], +1 if which == 0 else -1, sides))
            block = self._blocks[-1]  # a new one when the grid has been refined
            if ticks.itemsize > block.ticks.itemsize:
                block = Levels(block.ticks.astype(ticks.dtype), block.sizes)
                self._blocks[-1] = block
            block.ticks[tile, which, :count, state] = ticks
            block.sizes[tile, which, :count, state] = sizes[:count]
        if row and time < column["time"][row - 1]:
            time = column["time"][row - 1]  # event time never goes back
        column["time"][row] = time
        column["received"][row] = received
        column["bid"][row] = bids[0][0] if len(bids[0]) else np.nan
        column["ask"][row] = asks[0][0] if len(asks[0]) else np.nan
        self._rows += 1

    def _ticks(self, prices: Floats, side: int, sides: tuple[Pair, Pair]) -> Floats:
        if self._tick_size:
            ticks = to_ticks(prices, prices[0], side, self._tick_size)
            if not np.isnan(ticks).any():
                return ticks
        self._regrid(np.concatenate([prices for prices, _ in sides]))
        return to_ticks(prices, prices[0], side, self._tick_size)

    def _regrid(self, prices: Floats) -> None:
        """Refine the grid so that these prices lie on it too."""
        old = self._tick_size
        tick_size = infer_tick(np.append(prices, old) if old else prices)
        if old:
            factor = float(round(old / tick_size))
            self._blocks = [
                Levels(_unsigned(block.ticks * factor), block.sizes) for block in self._blocks
            ]
        self._tick_size = tick_size

    def _make_room(self) -> None:
        """Start a block: drop the oldest where there are enough, and grow the columns."""
        if self.capacity is not None and self._rows >= self.capacity + BLOCK:
            del self._blocks[0]
            self._start += BLOCK
            self._rows -= BLOCK
            self._columns = {name: column[BLOCK:] for name, column in self._columns.items()}
        if self._rows + BLOCK > len(self._columns["time"]):
            grown = self._allocate(2 * (self._rows + BLOCK))
            for name, column in self._columns.items():
                grown[name][: self._rows] = column[: self._rows]
            self._columns = grown
        self._blocks.append(Levels.empty(self.levels))


def pack(
    time_ns: ArrayLike,
    prices: tuple[ArrayLike, ArrayLike],
    sizes: tuple[ArrayLike, ArrayLike],
    *,
    tick_size: float | None,
    received_ns: ArrayLike | None,
    instrument: Instrument,
) -> History:
    """Check arrays of books and put them into blocks. See `History.from_arrays`."""
    time = _times(time_ns, "time_ns")
    received = time if received_ns is None else _times(received_ns, "received_ns")
    price = [_matrix(one, name, len(time)) for one, name in zip(prices, _PRICES, strict=True)]
    size = [_matrix(one, name, len(time)) for one, name in zip(sizes, _SIZES, strict=True)]
    if len({one.shape for one in (*price, *size)}) > 1 or len(received) != len(time):
        shapes = [(len(time),), (len(received),), *(one.shape for one in (*price, *size))]
        raise HistoryError(f"Shapes differ: {shapes}.", "All arrays have T rows; levels have L.")
    if tick_size is not None and not 0 < tick_size < np.inf:
        raise HistoryError(
            f"tick_size = {tick_size!r} is not possible.", "Give the right one, or none."
        )
    _refuse(np.flatnonzero(np.diff(time) < 0) + 1, "time goes back", "Sort the states by time.")
    count, levels = price[0].shape
    for one, name in zip(price, _PRICES, strict=True):
        _refuse(
            _rows(~np.isnan(one) & ~((one > 0) & np.isfinite(one))),
            f"a {name} is not a finite number above 0",
            "Leave it NaN where there is no level.",
        )
    tick_size = tick_size or infer_tick(np.concatenate([one.ravel() for one in price])) or 1.0
    ticks = []
    for one, quantity, side, name in zip(price, size, (+1, -1), _PRICES, strict=True):
        there = ~np.isnan(one)
        quantity[~there] = 0
        _refuse(
            _rows(there & ~((quantity > SMALLEST) & (quantity < LARGEST))),
            f"a size beside {name} is not a finite number above 0",
            "Leave the price NaN where there is no level.",
        )
        _refuse(
            _rows(there[:, 1:] & ~there[:, :-1]),
            f"{name} has a hole",
            "Put the best level first and NaN last.",
        )
        best = one[:, :1]
        off = to_ticks(one, best, side, tick_size)
        _refuse(
            _rows(there & np.isnan(off)),
            f"{name} is off the grid of {tick_size}",
            "Give the right tick_size, or none.",
        )
        _refuse(
            _rows(there[:, 1:] & ~(np.diff(off) > 0)),
            f"{name} is not sorted",
            "Put the best level first.",
        )
        ticks.append(np.where(there, off, 0))
    # One bit pattern for all NaN, for the sake of the hash.
    bid, ask = (np.where(np.isnan(one[:, 0]), np.nan, one[:, 0]) for one in price)
    _refuse(np.flatnonzero(bid >= ask), "the book is crossed", "Make such a row NaN.")
    whole = _unsigned(np.stack(ticks))
    blocks = [Levels.empty(levels, whole.dtype.type) for _ in range(0, count, BLOCK)]
    for first in range(0, count, TILE):
        block, tile = blocks[first // BLOCK], first % BLOCK // TILE
        rows = slice(first, min(first + TILE, count))
        for which in (0, 1):
            block.ticks[tile, which, :, : rows.stop - first] = whole[which, rows].T
            block.sizes[tile, which, :, : rows.stop - first] = size[which][rows].T
    return History(
        time, received, bid, ask, tuple(blocks), levels, float(tick_size), instrument=instrument
    )


_PRICES = ("bid_price", "ask_price")
_SIZES = ("bid_size", "ask_size")


def _times(values: ArrayLike, name: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.dtype.kind == "O":  # a pandas index with a zone
        import pandas as pd

        array = pd.to_datetime(array, utc=True).to_numpy(dtype="datetime64[ns]")
    if array.dtype.kind == "M":
        _refuse(np.flatnonzero(np.isnat(array)), f"{name} is not a time", "Leave such rows out.")
        array = array.astype("datetime64[ns]").view(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise HistoryError(
            f"{name} has dtype {array.dtype} and {array.ndim} dimensions.",
            "Give one dimension of int64 nanoseconds, or of datetime64.",
        )
    return np.array(array, np.int64)


def _matrix(values: ArrayLike, name: str, rows: int) -> Floats:
    array = np.array(values, dtype=np.float64)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or len(array) != rows or not array.shape[1]:
        raise HistoryError(
            f"{name} has shape {array.shape}, and there are {rows} times.",
            "Give a row a time and a column a level.",
        )
    return array


def _rows(bad: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.flatnonzero(bad.any(axis=1))


def _refuse(rows: NDArray[np.intp], what: str, advice: str) -> None:
    if len(rows):
        raise HistoryError(f"In row {rows[0]} {what} ({len(rows)} rows in all).", advice)
