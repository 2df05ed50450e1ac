"""What it costs the exported strategy to check each book: the ratio to deciding alone.

    python -m benchmarks.strategy_checks

Both are run in turn over the same books, and the least CPU time of several runs counts.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from pathlib import Path

import numpy as np

import obi_widgets as obi

STATES, RUNS = 1_000, 7


@obi.gate(needs="levels", lookback="window")
def wide(history, *, window: obi.Seconds(1, 60) = 1.0):
    """Return where the spread was no wider a window ago."""
    rows = np.searchsorted(history.time, history.time - int(window * 1e9), "right") - 1
    return history.spread <= history.spread[np.maximum(rows, 0)]


SETTINGS = {
    "the defaults (10 of 50 levels)": obi.Settings(),
    "all 50 levels": obi.Settings(depth=None),
    "the best level of 50": obi.Settings(depth=1),
    "a band of 1 bp": obi.Settings(depth=None, band_bps=1.0),
    "by notional": obi.Settings(weighting="notional"),
    **{
        f"the gate {name}": obi.Settings(gates={name: values})
        for name, values in {
            "spread": {"window": 30},
            "depth": {"window": 30},
            "volatility": {"window": 10, "of_last": 30},
            "hours": {},
            "largest_share": {"window": 30},
        }.items()
    },
    "order flow of ten levels": obi.Settings("order_flow_imbalance", depth=10, threshold=5.0),
    "the gate of a user, over 1 s": obi.Settings(gates=["wide"]),
}


def module(settings: obi.Settings, history: obi.History):
    """Export a strategy, and import it."""
    with tempfile.TemporaryDirectory() as folder:
        path = obi.export_strategy(Path(folder) / "exported.py", settings, history)
        spec = importlib.util.spec_from_file_location("exported", path)
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
    return made


def books(history: obi.History):
    """Return each state's time, bids and asks."""
    sides = []
    for side in (+1, -1):
        prices, sizes = history.prices(side), history.sizes(side).astype(float)
        sides.append(
            [
                list(zip(p[~np.isnan(p)].tolist(), q[~np.isnan(p)].tolist(), strict=True))
                for p, q in zip(prices, sizes, strict=True)
            ]
        )
    return list(zip(history.time.tolist(), *sides, strict=True))


def seconds(made, states) -> float:
    """Return the CPU time of deciding on every book."""
    strategy = made.Strategy()
    began = time.process_time()
    for state in states:
        strategy.decide(*state)
    return time.process_time() - began


def main() -> None:
    history = obi.simulate(seconds=STATES / 10, levels=50, seed=1)
    states = books(history)
    print(f"{'settings':32s} {'alone':>9s} {'checked':>9s}  ratio   (µs a book)")
    for name, settings in SETTINGS.items():
        checked, alone = module(settings, history), module(settings, history)
        alone.check = lambda *_: None
        pairs = [(seconds(alone, states), seconds(checked, states)) for _ in range(RUNS)]
        least = [min(column) / len(states) * 1e6 for column in zip(*pairs, strict=True)]
        print(f"{name:32s} {least[0]:9.1f} {least[1]:9.1f}  {least[1] / least[0]:.2f}")


if __name__ == "__main__":
    main()
