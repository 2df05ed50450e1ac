"""How well `obi.spoofs` finds fake levels that were planted, and what its gate removes.

``python -m benchmarks.verdicts spoofed [--seeds 0:10] [--results FILE]``

Fake levels are planted at three rates in both captures and in the simulated market, with several
seeds each. Fakes of one seed come in runs and share a tape, so a seed is one observation: a rate is
the sum over all seeds by the sum over all seeds, and its interval is that of a ratio of sums whose
terms are independent (linearised, Student's t with one degree less than there are seeds). Of the
captures a seed decides where fakes are placed. The eight minutes are the same, so the interval says
nothing of other tapes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

import obi_widgets as obi
from benchmarks.core.data import CAPTURES

from .results import collected

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from spoof_tools import found, planted

SEEDS = 20
"""Seeds of each market."""

EVERY = {75: 240.0, 150: 120.0, 400: 45.0}
"""Fake levels an hour on the captures, and the seconds from one run of them to the next."""

DECIMALS = {"btcusdt": 1, "ethusdt": 2}
"""Of a price of each capture."""

RUNS = (15, 60, 180)
"""Runs of eight fake levels an hour without one, on the simulated market."""

SIMULATED: dict[str, Any] = {"edge": 0.5, "levels": 20}

ENTRIES = obi.Parameters(
    depth=20, decay=0.05, threshold=0.5, hold_seconds=5, price="mid", fee_bps=0,
    gates={"spoofs": {}},
)  # fmt: skip
"""Entries by the visible book, which fakes mislead, and the gate."""

REMOVED = ("removed", "removed_net", "kept", "kept_net")


def ratio(over: Sequence[float], under: Sequence[float], level: float = 0.95) -> list[float]:
    """Return Σ over / Σ under with its interval, a seed each; NaN bounds of fewer than two."""
    a, b = np.asarray(over, float), np.asarray(under, float)
    if not b.sum() > 0:
        return [np.nan] * 3
    value, count = a.sum() / b.sum(), len(a)
    if count < 2:
        return [value, np.nan, np.nan]
    error = np.sqrt(count / (count - 1) * ((a - value * b) ** 2).sum()) / b.sum()
    margin = student.ppf((1 + level) / 2, count - 1) * error
    return [value, value - margin, value + margin]


def detected(history: obi.History, truth: pd.DataFrame) -> dict[str, Any]:
    """Return how many fakes there were, how many of them and of their runs are found, and told."""
    table = obi.spoofs(history)
    table = table[table["spoof"]]
    hit, right = found(table, truth)
    runs = pd.Series(hit).groupby(truth["run"].to_numpy()).any()
    return {
        "fakes": len(truth), "hit": int(hit.sum()), "told": len(table), "right": int(right.sum()),
        "runs": len(runs), "runs_hit": int(runs.sum()),
    }  # fmt: skip


def on_capture(symbol: str, rate: int, seed: int) -> dict[str, Any]:
    """Return what is found of fakes in a capture."""
    paths = [CAPTURES / f"{symbol}_202407{day}.gz" for day in (18, 19)]
    with tempfile.TemporaryDirectory() as folder:
        files, truth = planted(
            paths, Path(folder), every=EVERY[rate], decimals=DECIMALS[symbol], seed=seed
        )
        return detected(obi.load(files, levels=5, interval=0), truth)


def on_simulated(runs: int, seed: int) -> dict[str, Any]:
    """Return what is found of fakes in half an hour of the simulated market."""
    history, truth = obi.simulate_spoofs(seconds=1800, seed=seed, levels=50, runs=runs)
    return detected(history, truth[truth["pulled"].notna()])


def alarms(seed: int) -> dict[str, Any]:
    """Return how many are told in an hour of the simulated market, which has none."""
    table = obi.spoofs(obi.simulate(seconds=3600, seed=seed))
    return {"told": int(table["spoof"].sum()), "shown": len(table)}


def removed(against: float, seed: int) -> dict[str, Any]:
    """Return what the gate removes in an hour with fakes that mislead, or tell nothing."""
    history, _ = obi.simulate_spoofs(seconds=3600, seed=seed, runs=60, against=against, **SIMULATED)
    row = obi.gate_report(history, ENTRIES).loc["all"]
    return {name: float(row[name]) for name in REMOVED}


def removed_of_none(seed: int) -> dict[str, Any]:
    """Return what the gate removes in an hour without fakes, beside where it knows too little."""
    history = obi.simulate(seconds=3600, seed=seed, **SIMULATED)
    row = obi.gate_report(history, ENTRIES).loc["all"]
    unknown = row["unknown"] * row["entries_off"]
    return {"removed": float(row["removed"] - unknown), "entries": float(row["entries_off"])}


def told(
    name: str, found: list[dict[str, Any]], *shares: tuple[str, str, str], most: float = 1.0
) -> None:
    """Print ratios over seeds, whose bounds are cut to 0 and the most that there can be."""
    each = []
    for label, over, under in shares:
        value, low, high = ratio([one[over] for one in found], [one[under] for one in found])
        each.append(f"{label} {value:.3f} ({max(low, 0.0):.3f} to {min(high, most):.3f})")
    print(f"{name:32} seeds {len(found):3}  {', '.join(each)}", flush=True)


def entries_told(name: str, found: list[dict[str, Any]]) -> None:
    """Print the mean gain of removed and kept entries, and the difference of a seed."""
    sums = {
        one: [row[f"{one}_net"] * row[one] if row[one] else 0.0 for row in found]
        for one in ("removed", "kept")
    }
    each = []
    for one in ("removed", "kept"):
        value, low, high = ratio(sums[one], [row[one] for row in found])
        each.append(f"{one} {value:+.3f} ({low:+.3f} to {high:+.3f}) bps")
    apart = [
        row["kept_net"] - row["removed_net"] for row in found if row["removed"] and row["kept"]
    ]
    value, low, high = ratio(apart, np.ones(len(apart)).tolist())
    each.append(f"kept less removed {value:+.3f} ({low:+.3f} to {high:+.3f}) bps")
    share = sum(row["removed"] for row in found) / len(found)
    print(f"{name:32} seeds {len(found):3}  {', '.join(each)}; {share:.0f} removed an hour")


def spoofed(part: slice, path: Path | None = None) -> None:
    """Print precision, recall, false alarms, and what the gate removes."""
    seeds = range(SEEDS)[part]

    def all_of(name: str, compute: Callable[[int], dict[str, Any]]) -> list[dict[str, Any]]:
        return collected(path, f"{ENTRIES.gates!r}", name, seeds, compute)

    shares = (
        ("precision", "right", "told"),
        ("recall", "hit", "fakes"),
        ("runs", "runs_hit", "runs"),
    )
    for symbol in DECIMALS:
        for rate in EVERY:
            name = f"{symbol}, {rate} an hour"
            told(name, all_of(name, partial(on_capture, symbol, rate)), *shares)
    for runs in RUNS:
        name = f"simulated, {runs} runs an hour"
        told(name, all_of(name, partial(on_simulated, runs)), *shares)
    name = "simulated without, an hour"
    none = [one | {"hours": 1} for one in all_of(name, alarms)]
    told(name, none, ("alarms", "told", "hours"), most=np.inf)
    for name, against in (("fakes mislead", 0.5), ("fakes tell nothing", 0.0)):
        entries_told(name, all_of(name, partial(removed, against)))
    name = "gate, without fakes"
    told(name, all_of(name, removed_of_none), ("removed", "removed", "entries"))
