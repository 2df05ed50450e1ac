"""The figures of `benchmarks.soak`, beside their goals."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.soak_counts import Counted, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable


PARTS = {
    "allocated": ("allocated by the C library", "flat once all is full"),
    "other": ("… without what is kept on purpose", "flat"),
    "freed": ("freed, and held by the C library", "its pages go back to the system once a minute"),
}
"""Of memory, by attribute of `Counted`: its name, and the goal."""


def slope(counted: list[Counted], of: str = "memory") -> tuple[float, float]:
    """Return the growth of memory, or of a part of it, MB an hour, and half its 95 % interval.

    Least squares over the means of minutes, which are nearly independent of each other.
    """
    minutes: dict[int, list[float]] = {}
    for one in counted:
        minutes.setdefault(int(one.at // 60), []).append(getattr(one, of))
    if len(minutes) < 4:
        return math.nan, math.nan
    hours = np.array([*minutes], float) / 60
    means = np.array([np.mean(one) for one in minutes.values()])
    if not np.isfinite(means).all():  # this C library does not tell it
        return math.nan, math.nan
    fit, covariance = np.polyfit(hours, means, 1, cov=True)
    return float(fit[0]), 2 * math.sqrt(covariance[0, 0])


def filled(one: Counted) -> str:
    """Return in words what is kept on purpose and can still grow."""
    growing = [f"{what} {kept.filled:.0%}" for what, kept in one.kept.items() if kept.filled < 1]
    return f"not full: {', '.join(growing)}" if growing else "all full"


def report(out: Outcome) -> None:
    """Print the figures; those of memory from when it can only grow by a leak.

    That is when all that is kept on purpose is full; or else all states, which are nearly all of
    it, and then what is not full is told.
    """
    full = [one for one in out.counted if one.full]
    states = [one for one in out.counted if one.has_states]
    steady = full if len(full) > 1 else states if len(states) > 1 else out.counted
    first, last = steady[0], steady[-1]
    passed = max(last.at - first.at, 1e-9)
    _tell("figures are from, s", f"{first.at:.0f}", filled(first))
    _tell("minutes of them", f"{passed / 60:.1f}", filled(last))
    _tell("messages a second", f"{(last.messages - first.messages) / passed:,.0f}", "about 1,000")
    _tell("frames a second", f"{(last.frames - first.frames) / passed:.1f}")
    _tell("calibrations", f"{last.reports - first.reports}")
    faults = Counter(one.fault for one in out.recoveries)
    _tell("faults", ", ".join(f"{n} {name}" for name, n in sorted(faults.items())))
    _memory(out.counted[0], steady)
    _flat("threads", [one.threads for one in steady])
    _flat("sockets", [one.sockets for one in steady])
    _flat("tasks", [one.tasks for one in steady])
    over = [one.counted for one in out.recoveries if one.counted.at >= first.at]
    if over:
        growth, half = slope(over, "other")
        figures = f"{over[0].other:.1f} → {over[-1].other:.1f}, {growth:+.2f} ± {half:.2f}"
        _tell("… the same, after each fault, MB, MB/h", figures, "flat")
        _flat("objects, after each fault", [one.objects.total() for one in over])
        grown = (over[-1].objects - over[0].objects).most_common(6)
        _tell("classes with more", ", ".join(f"{name} +{n}" for name, n in grown) or "none")
    for what, kept in last.kept.items():
        figures = f"{first.kept[what].memory:.2f} → {kept.memory:.2f}, {kept.filled:.0%}"
        _tell(f"{what}, MB, and how full", figures, "100 %, and flat from then on")
    _tell("states compared", f"{out.right + out.wrong:,}")
    _tell("wrong states", f"{out.wrong}", "0")
    _tell("too old to compare", f"{out.forgotten}", "0")
    _tell("looks at a market live in silence", f"{out.silent} of {out.looks:,}", "0")
    _tell("share of the time live", f"{out.live / out.looks:.3%}")
    lags = 1e3 * np.array([one.lag for one in steady])
    _tell("lag, median and largest, ms", f"{np.nanmedian(lags):.0f}, {np.nanmax(lags):.0f}")
    _worst("longest not live, after", ((fault, length) for fault, _, length in out.outages))
    _worst("books and trades again, after", ((one.fault, one.seconds) for one in out.recoveries))
    missing = [f"{one.fault}: {', '.join(one.missing)}" for one in out.recoveries if one.missing]
    _tell("without books or trades in time", f"{len(missing)}", "0")
    for one in (*missing[:10], *out.examples):
        print(one)


def _memory(began: Counted, steady: list[Counted]) -> None:
    first, last = steady[0], steady[-1]
    growth, half = slope(steady)
    _tell("memory at the beginning, MB", f"{began.memory:.1f}")
    _tell("memory, MB", f"{first.memory:.1f} → {last.memory:.1f}")
    _tell("of it, levels of the histories, MB", f"{first.levels:.1f} → {last.levels:.1f}", "flat")
    _tell("its growth, MB an hour", f"{growth:+.2f} ± {half:.2f}", "flat: 0 within the interval")
    for of, (name, goal) in PARTS.items():
        growth, half = slope(steady, of)
        figures = f"{getattr(first, of):.1f} → {getattr(last, of):.1f}, {growth:+.2f} ± {half:.2f}"
        _tell(f"{name}, MB, MB/h", figures, goal)
    thirds = np.array_split([one.memory for one in steady], 3)
    _tell("median of each third, MB", ", ".join(f"{np.median(one):.1f}" for one in thirds))


def _tell(what: str, figure: str, goal: str = "") -> None:
    print(f"{what:44} {figure:>34}   {goal}", flush=True)


def _flat(what: str, values: list[int]) -> None:
    halves = values[: len(values) // 2], values[len(values) // 2 :]
    middle = " then ".join(f"{np.median(half):g}" for half in halves if half)
    _tell(what, f"{min(values)}–{max(values)}, median {middle}", "flat")


def _worst(what: str, lengths: Iterable[tuple[str, float]]) -> None:
    """Tell the longest time after each kind of fault."""
    worst: dict[str, float] = {}
    for fault, length in lengths:
        worst[fault] = max(worst.get(fault, 0.0), length)
    for fault, length in sorted(worst.items()):
        _tell(f"{what}: {fault}", f"{length:.1f} s")
