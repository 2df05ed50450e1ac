"""Intervals of time that follow one another, at multiples of their length, and sums over several.

They lie at the same times wherever a history begins. What they tell counts for states after the end
of the newest one: a state of the very same time may have come before another that belongs to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import SettingsError
from obi_widgets.signals.windows import in_ns, total, trades_of
from obi_widgets.signals.windows_numpy import running

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LEAST = 10
"""Intervals in a window below which nothing is estimated."""


@dataclass(frozen=True)
class Intervals:
    """The intervals of a history. There are N of them, and N + 1 borders.

    Attributes
    ----------
    history : History
        T states.
    rows : ndarray of int64, shape (N + 1,)
        Number of states up to each border.
    count : int
        Intervals that are summed.
    """

    history: History
    rows: Ints
    count: int

    @classmethod
    def of(cls, history: History, window: float, step: float) -> Intervals:
        """Return the intervals of ``step`` seconds, of which ``window`` holds several.

        Raises
        ------
        SettingsError
            The window holds too few.
        """
        length, time = in_ns(step), history.time
        count = in_ns(window) // length
        if count < LEAST:
            raise SettingsError(
                f"A window of {window:g} s holds {count} intervals of {step:g} s, and {LEAST} are "
                "needed.",
                f"Give window={LEAST * step:g} or more, or a shorter step.",
            )
        begin, end = (time[0], time[-1]) if len(time) else (1, 0)
        borders = length * np.arange(-(-begin // length), end // length + 1)
        if not len(borders):  # one before the first state, so that there is no interval
            return cls(history, np.zeros(1, np.int64), count)
        return cls(history, np.searchsorted(time, borders, "right"), count)

    @property
    def mid(self) -> Floats:
        """Mid at each border, shape (N + 1,); NaN without one."""
        if not len(self.history):
            return np.full(len(self.rows), np.nan)
        return np.asarray(self.history.mid[self.rows - 1])

    @property
    def net_volume(self) -> Floats:
        """What takers bought less what they sold in each interval, base units, shape (N,)."""
        _, sizes, ends, _ = trades_of(self.history)
        lots = np.diff(running(sizes)[ends[self.rows]])
        return np.asarray(lots / 10.0**self.history.trades.size_decimals, float)

    @property
    def value(self) -> Floats:
        """Value of the trades in each interval, quote currency, shape (N,)."""
        prices, sizes, ends, fits = trades_of(self.history)
        wide = prices.astype(np.int64) if fits else prices
        steps = np.diff(running(wide * abs(sizes))[ends[self.rows]])
        trades = self.history.trades
        return np.asarray(steps / 10.0 ** (trades.price_decimals + trades.size_decimals), float)

    def sums(self, *columns: Floats) -> list[Floats]:
        """Return the sum of columns over the intervals before each border, shape (N + 1,) each.

        NaN where there are fewer than ``count``.
        """
        last = np.arange(self.count, len(self.rows))
        found = []
        for column in columns:
            out = np.full(len(self.rows), np.nan)
            out[self.count :] = total(column, last - self.count, last)
            found.append(out)
        return found

    def of_states(self, values: Floats) -> Floats:
        """Return the value of the newest border before each state, shape (T,); NaN without one."""
        ends = np.append(self.rows, len(self.history))
        return np.repeat(np.append(np.nan, values), np.diff(ends, prepend=0))
