"""Columns derived from those that a history stores."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.levels import LevelReader
from obi_widgets.history.trades import sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.trades import Taken, Trades

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class DerivedColumns(LevelReader):
    """Properties of `History` derived from times, best prices and trades."""

    time: Ints
    trades: Trades
    trade_ends: Ints

    @cached_property
    def mid(self) -> Floats:
        """Mean of best bid and best ask, quote currency; NaN without both."""
        return np.asarray((self.bid + self.ask) / 2)

    @property
    def spread(self) -> Floats:
        """Best ask minus best bid, quote currency; NaN without both."""
        return self.ask - self.bid

    @property
    def gaps(self) -> int:
        """Number of times that the book stopped being in sync."""
        lost = self.lost
        return int(np.count_nonzero(lost[1:] & ~lost[:-1]) + bool(len(lost) and lost[0]))

    @cached_property
    def lost(self) -> NDArray[np.bool_]:
        """True where the book was not in sync (no bid and no ask), shape (T,)."""
        return np.asarray(np.isnan(self.bid) & np.isnan(self.ask))

    @cached_property
    def run_began(self) -> Ints:
        """Event time of the first state after the latest gap, shape (T,)."""
        begins = np.append(True, self.lost[:-1]) if len(self) else np.empty(0, bool)
        rows = np.maximum.accumulate(np.where(begins, np.arange(len(self)), 0))
        return np.asarray(self.time[rows] if len(self) else self.time)

    @cached_property
    def elapsed(self) -> Ints:
        """Nanoseconds in sync since the first state, without gaps, shape (T,)."""
        step = np.diff(self.time, prepend=self.time[:1])
        step[1:][self.lost[:-1]] = 0
        return np.asarray(np.cumsum(step))

    @cached_property
    def taken(self) -> Taken:
        """Takers' volume between each state and the previous one."""
        return sums(self)
