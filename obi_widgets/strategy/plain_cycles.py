"""Windows of the imbalance over cycles of 10 s, state by state: a part of the exported strategy.

The first section below is copied into a file with the signal `card_direction` or the gate
`conflict`, and the second one into a file with that signal. They need Python's standard library
only. `obi_widgets.signals.cycles` and `obi_widgets.signals.cycle_windows` compute the same.
"""

from __future__ import annotations

import math
from collections import deque

from obi_widgets.strategy.template import Levels, Values, imbalance

# -- windows over cycles -------------------------------------------------------------------

CYCLE = 10_000_000_000  # ns of a cycle, on a grid in UTC
LEAST_LIVE = 0.9  # of a window
STEPS = 1024.0  # parts of a ns in which a mean times its live time is a whole number


class Window:
    """The mean over the live time of so many cycles; NaN until all were seen."""

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles
        self._past: deque[tuple[int, int]] = deque()
        self._total = self._live = 0

    def add(self, mean: float, live: int) -> float:
        """Add a cycle; return the mean of the window that ends with it."""
        term = 0 if math.isnan(mean) else round(mean * live * STEPS)
        self._past.append((term, live))
        self._total, self._live = self._total + term, self._live + live
        if len(self._past) > self._cycles:
            term, live = self._past.popleft()
            self._total, self._live = self._total - term, self._live - live
        seen = len(self._past) == self._cycles
        if not seen or self._live / (self._cycles * CYCLE) < LEAST_LIVE:
            return math.nan
        return self._total / STEPS / self._live


class Windows:
    """Means of the imbalance over windows, at the end of each cycle.

    A book holds until the next one, but not while books are missed: a gap is no part of a window,
    and does not end it. ``past`` is how many cycles anybody looks back.
    """

    def __init__(self, cycles: tuple[int, ...], past: int, values: Values | None = None) -> None:
        self._windows = [Window(one) for one in cycles]
        self._past, self._values = past, values
        self._newest: int | None = None
        self._holds = math.nan  # the imbalance of the newest book
        self._total = self._live = 0.0  # of the cycle that is open
        self._whole_from = 0  # the first cycle that is seen from its beginning

    def update(self, time_ns: int, bids: Levels, asks: Levels) -> list[tuple[float, ...]]:
        """Take the newest book; return the windows' means for each cycle that it finishes."""
        if self._newest is None:
            self._newest, self._whole_from = time_ns, -(-time_ns // CYCLE)
        begin = (time_ns // CYCLE - self._past) * CYCLE
        if self._newest < begin:  # after so long a time, nobody looks back further
            self._newest, self._total, self._live = begin, 0.0, 0.0
        finished = []
        while self._newest < time_ns:
            end = (self._newest // CYCLE + 1) * CYCLE
            stop = min(time_ns, end)
            if not math.isnan(self._holds):
                lasts = float(stop - self._newest)
                self._total += self._holds * lasts
                self._live += lasts
            self._newest = stop
            if stop == end:
                if end > self._whole_from * CYCLE:
                    mean = self._total / self._live if self._live else math.nan
                    live = int(self._live)
                    finished.append(tuple(one.add(mean, live) for one in self._windows))
                self._total = self._live = 0.0
        self._holds = imbalance(bids, asks, self._values)
        return finished

    def lose(self) -> None:
        """Let the newest book hold no longer, since books were missed."""
        self._holds = math.nan


# -- the signal card_direction -------------------------------------------------------------


class CardDirection:
    """The mean of the windows, of the last cycle that has ended; NaN until all have a value.

    Missed books are a gap within the windows. ``lookback_ns`` is how long it is NaN at least.
    """

    def __init__(
        self, cycles: tuple[int, ...], values: Values | None = None, lookback_ns: int = 0
    ) -> None:
        self._windows = Windows(cycles, max(cycles) + 1, values)
        self._lookback = lookback_ns
        self._began: int | None = None
        self._value = math.nan

    def __call__(self, time_ns: int, bids: Levels, asks: Levels) -> float:
        """Return the value of the newest state."""
        self._began = time_ns if self._began is None else self._began
        for means in self._windows.update(time_ns, bids, asks):
            total = 0.0
            for mean in means:  # `sum` rounds otherwise
                total += mean
            self._value = total / len(means)
        return self._value if time_ns - self._began >= self._lookback else math.nan

    def lose(self, time_ns: int | None) -> None:
        """Take that books were missed: from a time on, or since the newest book."""
        if time_ns is not None:
            self(time_ns, (), ())
        self._windows.lose()
