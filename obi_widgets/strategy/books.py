"""Books as the argument of a signal's function: a part of the exported strategy.

The section below is copied into the file. It needs numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from obi_widgets.strategy.template import LEVELS, TICK_SIZE, Levels, ticks_between

# -- books ---------------------------------------------------------------------------------


Array = np.ndarray[Any, Any]


class Books:
    """The states of a signal's look-back, with the part of `obi_widgets.History` that it may use.

    ``time`` in nanoseconds, ``bid`` and ``ask`` (T,); levels by `prices`, `sizes` and `rank`.
    """

    levels, tick_size = LEVELS, TICK_SIZE

    def __init__(self, columns: dict[str, Array]) -> None:
        self._columns = columns
        self.time, self.bid, self.ask = columns["time"], columns["bid"], columns["ask"]

    def __len__(self) -> int:
        return len(self.time)

    @property
    def mid(self) -> Array:
        """Mean of best bid and best ask; NaN without both."""
        return np.asarray((self.bid + self.ask) / 2)

    @property
    def spread(self) -> Array:
        """Best ask minus best bid; NaN without both."""
        return np.asarray(self.ask - self.bid)

    def prices(self, side: int) -> Array:
        """Return the prices of bids (+1) or asks (-1), (T, levels); NaN where there is none."""
        return self._columns["prices"][:, 0 if side > 0 else 1]

    def sizes(self, side: int) -> Array:
        """Return the sizes of bids (+1) or asks (-1), (T, levels); NaN where there is none."""
        return self._columns["sizes"][:, 0 if side > 0 else 1]

    def rank(self, number: int) -> tuple[Array, Array]:
        """Return ticks from the best and sizes of one rank, (2, T); 0 where there is none."""
        sizes = np.nan_to_num(self._columns["sizes"][:, :, number].T)
        return self._columns["ticks"][:, :, number].T, sizes


class Computed:
    """A function of books, computed for the newest book; NaN until its look-back is full."""

    def __init__(
        self, function: Callable[..., Any], values: dict[str, Any], lookback_ns: int
    ) -> None:
        self._function, self._values, self._lookback = function, values, lookback_ns
        self._began: int | None = None
        self._first = self._end = 0
        self._columns = self._empty(64)

    def _empty(self, rows: int) -> dict[str, Array]:
        shape = (rows, 2, LEVELS)
        return {
            "time": np.empty(rows, np.int64), "bid": np.empty(rows), "ask": np.empty(rows),
            "prices": np.empty(shape), "sizes": np.empty(shape, np.float32),
            "ticks": np.empty(shape, np.uint32),
        }  # fmt: skip

    def __call__(self, time_ns: int, bids: Levels, asks: Levels) -> float:
        """Return the value of the newest state."""
        found = self.result(time_ns, bids, asks)
        return float("nan") if found is None else float(found[-1])

    def result(self, time_ns: int, bids: Levels, asks: Levels) -> Array | None:
        """Return what the function says of the look-back; None until that is full."""
        self._began = time_ns if self._began is None else self._began
        self._append(time_ns, bids, asks)
        times, since = self._columns["time"], time_ns - self._lookback
        # The last state before the look-back is part of it: it holds when the look-back begins.
        while self._first + 1 < self._end and times[self._first + 1] <= since:
            self._first += 1
        if time_ns - self._began < self._lookback:
            return None
        rows = slice(self._first, self._end)
        books = Books({name: column[rows] for name, column in self._columns.items()})
        return np.asarray(self._function(books, **self._values))

    def _append(self, time_ns: int, bids: Levels, asks: Levels) -> None:
        if self._end == len(self._columns["time"]):
            kept = self._end - self._first
            old, self._columns = self._columns, self._empty(max(2 * kept, 64))
            for name, column in old.items():
                self._columns[name][:kept] = column[self._first : self._end]
            self._first, self._end = 0, kept
        row = {name: column[self._end] for name, column in self._columns.items()}
        self._columns["time"][self._end] = time_ns
        row["prices"][:], row["sizes"][:], row["ticks"][:] = np.nan, np.nan, 0
        for side, (name, levels) in enumerate((("bid", bids), ("ask", asks))):
            best = levels[0][0] if levels else np.nan
            self._columns[name][self._end] = best
            for rank, (price, size) in enumerate(levels[:LEVELS]):
                row["prices"][side, rank], row["sizes"][side, rank] = price, size
                row["ticks"][side, rank] = ticks_between(price, best)
        self._end += 1
