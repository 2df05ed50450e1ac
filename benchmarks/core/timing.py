"""Interleaved runs, medians with their spread, and ratios within one run.

Other work on the machine slows whatever happens to run beside it. So all the designs of a
comparison are run in turn, round after round, in an order that is shuffled each time, and a ratio
is the median over rounds of the ratio within a round.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Run = Callable[[], object]


@dataclass(frozen=True)
class Lap:
    """What a design made, and the seconds that count: what it did to get ready does not."""

    values: list[float]
    seconds: float


@dataclass(frozen=True)
class Spread:
    """A median, and the quartiles around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        if len(values) < 2:
            return cls(values[0], values[0], values[0])
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(statistics.median(values), low, high)

    def times(self, factor: float) -> Spread:
        return Spread(self.median * factor, self.low * factor, self.high * factor)

    def __str__(self) -> str:
        return f"{figure(self.median)} ({figure(self.low)}–{figure(self.high)})"


def figure(value: float) -> str:
    """Return three digits of a number, and no exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


@dataclass
class Timed:
    """Seconds of each design, a list entry a round; a design may sit rounds out."""

    seconds: dict[str, list[float | None]] = field(default_factory=dict)

    def of(self, name: str) -> Spread:
        return Spread.of([one for one in self.seconds[name] if one is not None])

    def ratio(self, slow: str, fast: str) -> Spread:
        """Return how many times as long the one takes as the other, within a round."""
        return Spread.of(
            [
                one / other
                for one, other in zip(self.seconds[slow], self.seconds[fast], strict=True)
                if one is not None and other is not None
            ]
        )


def interleave(
    designs: dict[str, Run], *, rounds: int, seldom: tuple[str, ...] = (), warm: int = 1
) -> Timed:
    """Time designs in turn.

    A design that is named in ``seldom`` takes seconds, and sits out every round but three. The
    quick ones are run several times in each of their turns, and the best of them counts: the
    first touches memory that the design before has thrown out of the caches.
    """
    timed = Timed({name: [] for name in designs})
    dice = random.Random(1)
    for name, run in designs.items():
        for _ in range(0 if name in seldom else warm):
            run()
    names = list(designs)
    for number in range(rounds):
        dice.shuffle(names)
        for name in names:
            if name in seldom and number % max(1, rounds // 3):
                timed.seconds[name].append(None)
                continue
            timed.seconds[name].append(once(designs[name], 1 if name in seldom else 3))
    return timed


def once(run: Run, most: int = 3) -> float:
    """Return the seconds of one run, or the least of several when they are short."""
    best = float("inf")
    gc.collect()
    gc.disable()
    try:
        for _ in range(most):
            began = time.perf_counter()
            made = run()
            took = time.perf_counter() - began
            best = min(best, made.seconds if isinstance(made, Lap) else took)
            if best > 0.2:
                break
    finally:
        gc.enable()
    return best
