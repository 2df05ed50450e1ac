"""Play fault sequences and tell whether what was live was true.

``python -m benchmarks.truth --venue lmex --sequences 1000 --seed 1``; ``--replay SEED`` plays the
sequence of that seed alone, up to the first thing that is wrong, and prints what led to it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from statistics import median

import numpy as np

from .exchanges import EXCHANGES
from .faults import kinds
from .play import HEALED, Outcome, play
from .product import ready

APART = 1_000_003
SHOWN = 3
"""Traces that are printed at most."""


class Total:
    """What came of many sequences."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.wrong: Counter[str] = Counter()
        self.seeds: dict[str, list[int]] = {}
        self.faults: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.healed: list[float] = []
        self.known: list[int] = []
        self.traces: list[Outcome] = []
        self.markets: Counter[str] = Counter()
        self.sequences = 0

    def add(self, out: Outcome) -> None:
        self.sequences += 1
        self.wrong += out.wrong
        self.faults += out.faults
        self.failures += out.failures
        self.markets[out.manner.partition(",")[0]] += 1
        for name in out.wrong:
            self.seeds.setdefault(name, []).append(out.seed)
        for name in ("checked", "inferred", "differing", "rows", "rows_inferred", "looks", "live"):
            self.sums[name] += getattr(out, name)
        self.healed.append(out.healed)
        self.known += out.known[:: max(1, len(out.known) // 20)]
        if out.trace and len(self.traces) < SHOWN:
            self.traces.append(out)

    def text(self, seconds: float) -> str:
        sums, wrong = self.sums, sum(self.wrong.values())
        right = sums["checked"] - sum(
            count for name, count in self.wrong.items() if not name.startswith("row")
        )
        known = np.percentile(self.known or [0], (1, 50))
        lines = [
            f"{self.venue}: {self.sequences:,} sequences in {seconds:,.0f} s",
            f"  live states checked      {sums['checked']:,}",
            f"  recorded rows checked    {sums['rows']:,}",
            f"  live in time of faults   {sums['live'] / max(1, sums['looks']):.1%}",
            f"  live again after faults  {median(self.healed):.1f} s, at most "
            f"{max(self.healed):.1f} (allowed: {HEALED})",
            f"  levels known, worse side {known[1]:,.0f}, of one state in a hundred {known[0]:,.0f}"
            " (50 and more where a side is known as a whole)",
            f"  inferred states          {sums['inferred']:,} of {right:,}; of them differ "
            f"{sums['differing']:,}; rows inferred {sums['rows_inferred']:,}",
            f"  errors caught within     {dict(self.failures) or 'none'}",
            f"  WRONG                    {wrong:,}",
        ]
        for name, count in self.wrong.most_common():
            seeds = self.seeds[name]
            lines.append(
                f"    {count:8,} {name}: {len(seeds):,} sequences, e.g. --replay "
                + ", ".join(str(seed) for seed in seeds[:4])
            )
        markets = ", ".join(f"{count:,} {name}" for name, count in self.markets.most_common())
        least = min(self.faults[name] for name in kinds(self.venue))
        lines += [f"  markets                  {markets}"]
        lines += [f"  faults, by kind          each at least {least:,} times"]
        names = [*kinds(self.venue), *sorted(self.faults.keys() - set(kinds(self.venue)))]
        lines += [f"    {self.faults[name]:8,} {name}" for name in names]
        return "\n".join(lines)


def many(venue: str, sequences: int, seed: int) -> Total:
    """Play sequences; return what came of them."""
    ready()
    total = Total(venue)
    for number in range(sequences):
        total.add(play(venue, seed * APART + number))
    return total


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--venue", choices=sorted(EXCHANGES), required=True)
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replay", type=int, metavar="SEED", help="one sequence, with its trace")
    chosen = parser.parse_args()
    if chosen.replay is not None:
        ready()
        out = play(chosen.venue, chosen.replay, stop=True)
        print(f"seed {out.seed}: {out.manner}; faults {dict(out.faults)}")
        print("\n".join(out.trace))
        print(dict(out.wrong) or "Nothing is wrong.")
        return bool(out.wrong)
    began = time.monotonic()
    total = many(chosen.venue, chosen.sequences, chosen.seed)
    for out in total.traces:
        print(f"--- seed {out.seed} ({out.manner}), up to the first thing that was wrong")
        print("\n".join(out.trace[-12:]))
    print(total.text(time.monotonic() - began))
    return bool(total.wrong)


if __name__ == "__main__":
    sys.exit(main())
