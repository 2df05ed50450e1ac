"""Gates, state by state: a part of the exported strategy.

The first section below is copied into a file with gates, and of the others those of its gates. They
need `place`, the gate `conflict` also `plain_cycles`, and a gate of a user `books`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from obi_widgets.strategy.books import Computed
from obi_widgets.strategy.place import Place
from obi_widgets.strategy.plain_cycles import Windows
from obi_widgets.strategy.template import LEVELS, TICK_SIZE, Levels, Values, single, ticks_between

# -- gates ---------------------------------------------------------------------------------


Sides = tuple[bool, bool]  # of a long entry, and of a short one
CLOSED = (False, False)


class Gate:
    """Says where an entry may begin. It is closed until its look-back is full."""

    def __init__(self, lookback_ns: int = 0) -> None:
        self._lookback = lookback_ns
        self._began: int | None = None

    def __call__(self, time_ns: int, bids: Levels, asks: Levels) -> Sides:
        """Take the newest book; return whether it is known to be open."""
        self._began = time_ns if self._began is None else self._began
        found = self.of(time_ns, bids, asks)
        return found if time_ns - self._began >= self._lookback else CLOSED

    def of(self, time_ns: int, bids: Levels, asks: Levels) -> Sides:
        """Take the newest book; return whether it is open, as far as the past is known."""
        raise NotImplementedError


class Gates:
    """All gates together: ``open`` says whether an entry may begin at the newest book.

    It has two values: for a long entry, and for a short one.
    """

    def __init__(self, *gates: Callable[[int, Levels, Levels], Sides]) -> None:
        self._gates = gates
        self.open: Sides = CLOSED

    def update(self, time_ns: int, bids: Levels, asks: Levels) -> Sides:
        """Take the newest book; every gate sees it, since each has its own past."""
        found = [gate(time_ns, bids, asks) for gate in self._gates]
        self.open = all(long for long, _ in found), all(short for _, short in found)
        return self.open


# -- the gate spread -----------------------------------------------------------------------


class SpreadGate(Gate):
    """Closed where the spread is wide, for its own past or in basis points."""

    def __init__(self, quantile: float | None, window_ns: int, most_bps: float | None) -> None:
        super().__init__(0 if quantile is None else window_ns)
        self._quantile, self._most = quantile, most_bps
        self._place = Place(window_ns)

    def of(self, time_ns: int, bids: Levels, asks: Levels) -> Sides:
        """Take the newest book; return whether it is open."""
        if not bids or not asks:
            return CLOSED
        bid, ask = bids[0][0], asks[0][0]
        bps = 1e4 * (ask - bid) / ((bid + ask) / 2)
        usual = self._quantile is None or self._place.of(time_ns, bps) <= self._quantile
        narrow = usual and (self._most is None or bps <= self._most)
        return narrow, narrow


# -- the gate depth ------------------------------------------------------------------------


class DepthGate(Gate):
    """Closed where little rests within a band on the thinner side, for its own past.

    It is closed too where the band reaches beyond the levels that are used.
    """

    def __init__(self, band_bps: float, quantile: float, window_ns: int) -> None:
        super().__init__(window_ns)
        self._band, self._least = band_bps, 1 - quantile
        self._place = Place(window_ns)

    def of(self, time_ns: int, bids: Levels, asks: Levels) -> Sides:
        """Take the newest book; return whether it is open."""
        if not bids or not asks:
            return CLOSED
        bid, ask = bids[0][0], asks[0][0]
        mid = (bid + ask) * 0.5
        half_spread = 5e3 * (ask - bid) / mid
        most = math.floor((self._band + 1e-9 - half_spread) / (1e4 * TICK_SIZE / mid))
        totals, known = [], True
        for levels in (bids, asks):
            total, away = 0.0, 0
            for price, size in levels[:LEVELS]:
                away = ticks_between(price, levels[0][0])
                if away > most:
                    break
                total += single(size)
            known = known and (len(levels) < LEVELS or away >= most)
            totals.append(total)
        # The same as whether more lies below it than the quantile, but for what is equal.
        thick = self._place.of(time_ns, -min(totals)) <= self._least
        return (thick, thick) if known else CLOSED


# -- the gate volatility -------------------------------------------------------------------


class VolatilityGate(Gate):
    """Closed where mid moves much more, or much less, than it did before.

    The volatility is the root mean square of the moves over a second within a window, bps.
    """

    def __init__(
        self, window_ns: int, most: float | None, least: float | None, of_last_ns: int
    ) -> None:
        asks = most is not None or least is not None
        super().__init__(1_000_000_000 + window_ns + (of_last_ns if asks else 0))
        self._window, self._most = window_ns, most
        self._least = None if least is None else 1 - least
        self._wild, self._still = Place(of_last_ns), Place(of_last_ns)
        self._mids: deque[tuple[int, int | None]] = deque()  # half ticks, of the last second
        self._before: int | None = None  # half ticks a second ago
        self._squares: deque[tuple[int, int]] = deque()  # of the moves within the window
        self._total = 0

    def of(self, time_ns: int, bids: Levels, asks: Levels) -> Sides:
        """Take the newest book; return whether it is open."""
        mid, halves = 0.0, None
        if bids and asks:
            both = bids[0][0] + asks[0][0]
            mid, halves = both / 2, round(both / TICK_SIZE)
        self._mids.append((time_ns, halves))
        while self._mids[0][0] <= time_ns - 1_000_000_000:
            self._before = self._mids.popleft()[1]
        if halves is not None and self._before is not None:
            square = min(abs(halves - self._before), 2**26) ** 2
            self._squares.append((time_ns, square))
            self._total += square
        while self._squares and self._squares[0][0] <= time_ns - self._window:
            self._total -= self._squares.popleft()[1]
        if halves is None or not self._squares:
            return CLOSED
        root = math.sqrt(float(self._total) / len(self._squares))
        moves = 1e4 * 0.5 * TICK_SIZE * root / mid
        calm = self._most is None or self._wild.of(time_ns, moves) <= self._most
        alive = self._least is None or self._still.of(time_ns, -moves) <= self._least
        return calm and alive, calm and alive


# -- the gate hours ------------------------------------------------------------------------


class HoursGate(Gate):
    """Open at some hours of some days, UTC."""

    def __init__(self, from_ns: int, until_ns: int, days: str) -> None:
        super().__init__()
        self._from, self._until, self._days = from_ns, until_ns, days

    def of(self, time_ns: int, _: Levels, __: Levels) -> Sides:
        """Take the time of the newest book; return whether it is open."""
        day, of_day = divmod(time_ns, 86_400_000_000_000)
        after, before = of_day >= self._from, of_day < self._until
        opens = (after and before) if self._from < self._until else (after or before)
        weekend = (day + 3) % 7 >= 5  # 1 January 1970 was a Thursday
        opens = opens and self._days != ("weekdays" if weekend else "weekends")
        return opens, opens


# -- the gate largest_share ----------------------------------------------------------------


class LargestShareGate(Gate):
    """Closed to an entry where one level holds an unusual share of the side that it leans on."""

    def __init__(
        self, depth: int, quantile: float | None, window_ns: int, most: float | None
    ) -> None:
        super().__init__(0 if quantile is None else window_ns)
        self._depth, self._quantile, self._most = depth, quantile, most
        self._places = Place(window_ns), Place(window_ns)

    def of(self, time_ns: int, bids: Levels, asks: Levels) -> Sides:
        """Take the newest book; return whether it is open."""
        if not bids or not asks:
            return CLOSED
        found = []
        for place, levels in zip(self._places, (bids, asks), strict=True):
            sizes = [single(size) for _, size in levels[: min(self._depth, LEVELS)]]
            total = 0.0
            for size in sizes:
                total += size
            share = max(sizes) / total
            usual = self._quantile is None or place.of(time_ns, share) <= self._quantile
            found.append(usual and (self._most is None or share <= self._most))
        # More levels are asked for than are used.
        if self._depth > LEVELS <= max(len(bids), len(asks)):
            return CLOSED
        return found[0], found[1]


# -- the gate conflict ---------------------------------------------------------------------


LEAST_PAST = 360  # cycles with a value that a band needs: an hour


class Band:
    """The 0.75-quantile of a window's distances from 0 over the cycles before; NaN of too few."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._past: deque[float] = deque()
        self._sorted: list[float] = []

    def of(self, value: float) -> float:
        """Return the band for the newest value, and keep the value."""
        count = len(self._sorted)
        band = self._sorted[int(0.75 * (count - 1))] if count >= LEAST_PAST else math.nan
        size = abs(value)
        self._past.append(size)
        if not math.isnan(size):
            insort(self._sorted, size)
        if len(self._past) > self._most:
            size = self._past.popleft()
            if not math.isnan(size):
                del self._sorted[bisect_left(self._sorted, size)]
        return band


class ConflictGate:
    """Closed while two windows of the imbalance are beyond their bands on different sides.

    It is closed too until each has a band. Missed books are a gap within the windows.
    """

    def __init__(self, cycles: tuple[int, ...], most: int, values: Values | None = None) -> None:
        self._windows = Windows(cycles, max(cycles) + most + 1, values)
        self._bands = [Band(most) for _ in cycles]
        self._sides = CLOSED

    def __call__(self, time_ns: int, bids: Levels, asks: Levels) -> Sides:
        """Take the newest book; return whether it is known to be open."""
        for means in self._windows.update(time_ns, bids, asks):
            bands = [band.of(mean) for band, mean in zip(self._bands, means, strict=True)]
            pairs = list(zip(means, bands, strict=True))
            known = not any(map(math.isnan, (*means, *bands)))
            above = any(mean > band for mean, band in pairs)
            below = any(mean < -band for mean, band in pairs)
            is_open = known and not (above and below)
            self._sides = is_open, is_open
        return self._sides if bids or asks else CLOSED

    def lose(self, time_ns: int | None) -> None:
        """Take that books were missed: from a time on, or since the newest book."""
        if time_ns is not None:
            self(time_ns, (), ())
        self._windows.lose()


class LastingGates(Gates):
    """Gates of which those of the conflict go on after books were missed."""

    def lose(self, time_ns: int | None, fresh: Gates) -> None:
        """Begin the others anew."""
        kept = []
        for old, new in zip(self._gates, fresh._gates, strict=True):
            if isinstance(old, ConflictGate):
                old.lose(time_ns)
            kept.append(old if isinstance(old, ConflictGate) else new)
        self._gates, self.open = tuple(kept), CLOSED


# -- gates that are computed ---------------------------------------------------------------


class ComputedGate:
    """A function of books that says where an entry may begin; closed until its look-back is full.

    It returns 1 where it is open and 0 where it is closed, for each book; or two rows of them, for
    long entries and for short ones.
    """

    def __init__(
        self, function: Callable[..., Any], values: dict[str, Any], lookback_ns: int
    ) -> None:
        self._books = Computed(function, values, lookback_ns)

    def __call__(self, time_ns: int, bids: Levels, asks: Levels) -> Sides:
        """Take the newest book; return whether it is known to be open."""
        found = self._books.result(time_ns, bids, asks)
        if found is None:
            return CLOSED
        newest = np.broadcast_to(found[..., -1], 2).astype(float)
        long, short = (newest == 1).tolist()
        return CLOSED if np.isnan(newest).any() else (long, short)
