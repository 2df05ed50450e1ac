"""Recomputing every signal of a day: ``python -m benchmarks.core.every_signal``.

The day is one with flow and a million trades, see `benchmarks.tape`. Each signal is computed with
its defaults, whole, as a moved slider does.
"""

from __future__ import annotations

import sys

import obi_widgets as obi
from benchmarks.tape import day
from obi_widgets.kernels import loader
from obi_widgets.signals import registry

from .data import DAY, captures
from .table import Row, Section, took
from .timing import Spread, figure, interleave

GOALS = {"reads levels": 60.0, "reads columns": 25.0}
"""Milliseconds for a day, by what a signal reads."""

EXCEPTIONS, SLOWEST = 3, 200.0
"""So many may miss these goals, each within so many milliseconds."""

BESIDE = "queue_imbalance"
"""A signal that does next to nothing: times on a busy machine are told beside its own."""


def what_it_reads(signal: obi.Signal) -> str:
    """Return the class of a signal: whether it reads sizes beyond the best price."""
    return "reads levels" if "levels" in signal.needs else "reads columns"


def run(*, quick: bool, history: obi.History | None = None) -> Section:
    """Time all registered signals in turn."""
    section = Section("Every signal")
    if not captures():
        section.intro = "The captures that the day is made of are not here."
        return section
    history = history or day("btcusdt", *((DAY // 10, 100_000) if quick else ()))
    signals = {name: registry.find(name) for name in registry.names()}
    for signal in signals.values():
        signal(history[:1000])  # each asks for its kernels
    loader.wait()
    timed = interleave(
        {name: lambda signal=signal: signal(history) for name, signal in signals.items()},
        rounds=5 if quick else 9,
    )
    least = {name: 1e3 * min(timed.seconds[name]) for name in signals}
    section.intro = (
        f"{len(history):,} states of {history.levels} levels, {len(history.trades):,} trades, "
        "defaults, two cores. What else runs can only add to a time, so that the least of all "
        "rounds is held against the goal."
    )
    for name in sorted(signals, key=lambda name: -least[name]):
        reads = what_it_reads(signals[name])
        section.rows.append(
            Row(
                name, took(timed.of(name), "ms"),
                f"{figure(timed.ratio(name, BESIDE).median)}× {BESIDE}",
                Spread.of([least[name]]), reads, unit="ms",
                most=None if quick else GOALS[reads],
            )
        )  # fmt: skip
    missed = [row for row in section.rows if row.met is False]
    if not quick:
        section.rows += [
            Row("… that miss their goal", ", ".join(row.what for row in missed) or "none", "",
                Spread.of([float(len(missed))]), "", unit="", most=EXCEPTIONS),
            Row("… the slowest", section.rows[0].what, "", section.rows[0].ratio, "",
                unit="ms", most=SLOWEST),
        ]  # fmt: skip
    return section


if __name__ == "__main__":
    found = run(quick="--quick" in sys.argv)
    print(found.text())
    sys.exit(any(row.met is False for row in found.rows[-2:]))
