"""Surfaces: results of hundreds and thousands of settings over a day."""

from __future__ import annotations

import numpy as np

import obi_widgets as obi
from obi_widgets.calibration.surface import Surface

from . import references
from .data import DAY, LEVELS, Arrays, synthetic
from .entries_bench import SETTINGS, over_lists
from .table import Row, Section, release, took
from .timing import interleave

DECAYS = np.linspace(0.02, 1.0, 50)
DEPTHS = np.arange(2, LEVELS + 1, 2)
GRID = {
    "decay": np.linspace(0.02, 1.0, 20),
    "threshold": np.linspace(0.05, 0.95, 20),
    "hold_seconds": np.geomspace(1, 300, 10),
}


def check(arrays: Arrays, history: obi.History, surface: Surface) -> None:
    """Compare some cells with entries over lists, decided on NumPy's signal in float64."""
    columns = [one.tolist() for one in (history.time, history.bid, history.ask)]
    for k, j in ((0, 0), (20, 4), (49, 9)):
        parameters = SETTINGS.replace(decay=DECAYS[k], depth=int(DEPTHS[j]))
        signal = references.numpy_f64(arrays, parameters.decay, parameters.depth)
        done = [
            side * (left / entered - 1) * 1e4
            for side, _, entered, _, left in over_lists(*columns, signal.tolist(), parameters)
            if left == left
        ]
        found = surface.entries[k, j, 0, 0], surface.mean_gross_bps[k, j, 0, 0]
        # Signals in float32 decide otherwise where they lie within 1e-6 of the threshold.
        if abs(found[0] - len(done)) > 2 or abs(found[1] - np.mean(done)) > 1e-3:
            raise AssertionError(f"The sweep found {found}, not {len(done)}, {np.mean(done)}.")


def run(
    *, quick: bool, arrays: Arrays | None = None, history: obi.History | None = None
) -> Section:
    """Check, then time."""
    arrays = arrays or synthetic(DAY // 10 if quick else DAY)
    history = history or arrays.history()
    section = Section("Sweeps")

    def pairs() -> Surface:
        return obi.sweep(history, decay=DECAYS, depth=DEPTHS, settings=SETTINGS)

    check(arrays, history, pairs())
    calls = {
        f"numpy {depth}": lambda depth=int(depth): references.numpy_f64(arrays, 0.3, depth)
        for depth in DEPTHS
    }
    timed = interleave(
        {
            "ours": pairs,
            "uneven": lambda: obi.sweep(
                history, decay=np.geomspace(0.02, 1, 50), depth=DEPTHS, settings=SETTINGS
            ),
            "grid": lambda: obi.sweep(history, **GRID, settings=SETTINGS),
            **calls,
        },
        rounds=5 if quick else 7,
    )
    rounds = zip(*(timed.seconds[name] for name in calls), strict=True)
    timed.seconds["numpy"] = [sum(each) * len(DECAYS) for each in rounds]
    numpy = f"{took(timed.of('numpy'), 's')} {release('numpy')}, float64, its signals alone"
    terms = "ours makes the entries of each pair too; NumPy's calls for one decay, times 50"
    section.rows += [
        Row("500 pairs of decay and depth, two cores", took(timed.of("ours"), "ms"), numpy,
            timed.ratio("numpy", "ours"), terms, least=300),
        Row("… decays not evenly spaced", took(timed.of("uneven"), "ms"), numpy,
            timed.ratio("numpy", "uneven"), terms),
        Row("20 decays × 20 thresholds × 10 holds, two cores", took(timed.of("grid"), "ms"), "–",
            timed.of("grid"), "4,000 settings", unit="s", most=10),
    ]  # fmt: skip
    return section
