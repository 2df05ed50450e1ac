"""Transforms of signals, state by state: a part of the exported strategy, see `strategy`.

What stands below the line goes into the file. Python's standard library is enough for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import fsum, isnan, nan, sqrt

from obi_widgets.strategy.template import Levels, Values, imbalance

# -- transforms ----------------------------------------------------------------------------


Signal = Callable[[int, Levels, Levels], float]


class OverWindow:
    """What looks back over a window; NaN until all that it is made of is full.

    ``lookback_ns`` is how far back it looks in all, its part's own look-back included.
    """

    def __init__(self, part: Signal, window_ns: int, lookback_ns: int) -> None:
        self._part, self._window, self._lookback = part, window_ns, lookback_ns
        self._past: deque[tuple[int, float]] = deque()
        self._before = nan  # the value that stood when the window begins
        self._began: int | None = None

    def __call__(self, time_ns: int, bids: Levels, asks: Levels) -> float:
        """Return the value of the newest state."""
        value = self._part(time_ns, bids, asks)
        self._began = time_ns if self._began is None else self._began
        self._past.append((time_ns, value))
        while self._past[0][0] <= time_ns - self._window:
            self._before = self._past.popleft()[1]
        if isnan(value) or time_ns - self._began < self._lookback:
            return nan
        return self.of(value)

    def of(self, value: float) -> float:
        """Return the transform of the newest value."""
        raise NotImplementedError

    def known(self) -> list[float]:
        """Return the values within the window that there are."""
        return [one for _, one in self._past if not isnan(one)]


class Zscore(OverWindow):
    """Less the trailing mean, in trailing standard deviations."""

    def of(self, value: float) -> float:
        """Return the transform of the newest value."""
        first, *_ = values = self.known()
        moved = [one - first for one in values]
        mean, square = fsum(moved) / len(moved), fsum(one * one for one in moved) / len(moved)
        variance = square - mean * mean
        return (value - first - mean) / sqrt(variance) if variance > 1e-12 * square else nan


class Smooth(OverWindow):
    """The trailing mean."""

    def of(self, _: float) -> float:
        """Return the transform of the newest value."""
        values = self.known()
        return fsum(values) / len(values)


class Difference(OverWindow):
    """The change since the window began."""

    def of(self, value: float) -> float:
        """Return the transform of the newest value."""
        return value - self._before


class Velocity(OverWindow):
    """The change since the window began, per second."""

    def of(self, value: float) -> float:
        """Return the transform of the newest value."""
        return (value - self._before) / (self._window / 1e9)


class WeightedSum:
    """A sum of signals, each times its weight."""

    def __init__(self, *weighted: tuple[float, Signal]) -> None:
        self._weighted = weighted

    def __call__(self, time_ns: int, bids: Levels, asks: Levels) -> float:
        """Return the value of the newest state."""
        total = 0.0
        for weight, part in self._weighted:
            total += weight * part(time_ns, bids, asks)
        return total


# -- an imbalance that is a part ---------------------------------------------------------


class Imbalance:
    """The imbalance with values of its own."""

    def __init__(self, values: Values | None = None) -> None:
        self._values = values

    def __call__(self, _: int, bids: Levels, asks: Levels) -> float:
        """Return the value of the newest state."""
        return imbalance(bids, asks, self._values)
