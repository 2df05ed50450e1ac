"""Transforms of signals, state by state: a part of the exported strategy.

The sections below are copied into the file. They need Python's standard library only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import fsum, isnan, nan, sqrt

from obi_widgets.strategy.template import Levels, Values, imbalance

# -- transforms ----------------------------------------------------------------------------


Signal = Callable[[int, Levels, Levels], float]


class OverWindow:
    """A transform over a trailing window; NaN until its whole look-back is full.

    ``lookback_ns`` is the whole look-back: the window and the look-back of its part.
    """

    def __init__(self, part: Signal, window_ns: int, lookback_ns: int) -> None:
        self._part, self._window, self._lookback = part, window_ns, lookback_ns
        self._past: deque[tuple[int, float]] = deque()
        self._before = nan  # the last value before the window
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
        """Return the values within the window, without NaN."""
        return [one for _, one in self._past if not isnan(one)]


class Zscore(OverWindow):
    """The value less its trailing mean, in trailing standard deviations."""

    def of(self, value: float) -> float:
        """Return the transform of the newest value."""
        first, *_ = values = self.known()
        shifted = [value - first for value in values]  # for accuracy
        mean = fsum(shifted) / len(shifted)
        square = fsum(one * one for one in shifted) / len(shifted)
        variance = square - mean * mean
        return (value - first - mean) / sqrt(variance) if variance > 1e-12 * square else nan


class Smooth(OverWindow):
    """The trailing mean."""

    def of(self, _: float) -> float:
        """Return the transform of the newest value."""
        values = self.known()
        return fsum(values) / len(values)


class Difference(OverWindow):
    """The change since the beginning of the window."""

    def of(self, value: float) -> float:
        """Return the transform of the newest value."""
        return value - self._before


class Velocity(OverWindow):
    """The change since the beginning of the window, per second."""

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
    """An imbalance with its own parameter values."""

    def __init__(self, values: Values | None = None) -> None:
        self._values = values

    def __call__(self, _: int, bids: Levels, asks: Levels) -> float:
        """Return the value of the newest state."""
        return imbalance(bids, asks, self._values)
