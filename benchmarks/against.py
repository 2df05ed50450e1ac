"""Time of this commit compared with an earlier one: ``python -m benchmarks.against c954662``.

Each side is a process that stays, with its own code and the same data. What is timed runs in one
and then in the other, in shuffled order, round after round; a ratio is the median over rounds of
the time here by the time there. Both must give the same results, which is checked first.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.base import HERE, environment, package
from benchmarks.core.timing import Spread

WORKER = "benchmarks.against_worker"
GOALS = {
    "recompute": 1.05, "sweep": 1.05,
    "live BTC": 1.25, "live ETH": 1.25, "bulk load BTC": 1.25, "bulk load ETH": 1.25,
}  # fmt: skip
"""The most that the ratio may be: since then, live and bulk keep flow, trades and coverage too."""


class Side:
    """A process with one of the two."""

    def __init__(self, folder: Path, scratch: str, days: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", WORKER, scratch, str(days)],
            cwd=scratch, env=environment(folder), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, what: str) -> dict:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"The process ended: {self.process.wait()}.")
        return json.loads(line)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against", description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--pairs", type=int, default=3, help="of processes, one after the other")
    parser.add_argument("--days", type=float, default=1.0, help="of books, for recompute and sweep")
    parser.add_argument("--only", nargs="*", help="some of: " + ", ".join(GOALS))
    chosen = parser.parse_args()
    took: dict[str, list[tuple[dict, dict]]] = {}
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="obi-against-"))
        base = stack.enter_context(package(chosen.commit))
        # Where a process has its memory makes a few per cent: so there are several pairs.
        for pair in range(chosen.pairs):
            with ExitStack() as ended:
                sides = []
                for folder in (HERE, base):
                    side = Side(folder, scratch, chosen.days)
                    ended.callback(side.close)
                    sides.append(side)
                if pair == 0:
                    print(" against ".join(side.ask("hello")["package"] for side in sides))
                    names, missed = agreed(sides, chosen.only or list(GOALS))
                rounds = len(range(pair, chosen.rounds, chosen.pairs))
                compare(sides, names, rounds, took)
            print(f"After {pair + 1} of {chosen.pairs} pairs of processes:")
            late = report(took)
    return late + missed > 0


def agreed(sides: list[Side], wanted: list[str]) -> tuple[list[str], int]:
    """Return what both sides can do with the same results, and how much differs."""
    names = [one for one in sides[0].ask("names")["names"] if one in wanted]
    if left_out := [one for one in wanted if one not in names]:
        print(f"Left out, since the captures are not here: {', '.join(left_out)}.")
    differ = [
        name for name in names if len({side.ask(f"check {name}")["digest"] for side in sides}) > 1
    ]
    for name in differ:
        print(f"{name}: THE RESULTS DIFFER, so that it is not timed.")
    return [name for name in names if name not in differ], len(differ)


def compare(sides: list[Side], names: list[str], rounds: int, took: dict) -> None:
    """Time in turn."""
    dice = random.Random(1)
    for number in range(rounds):
        for name in dice.sample(names, len(names)):
            found = {which: sides[which].ask(f"time {name}") for which in dice.sample((0, 1), 2)}
            took.setdefault(name, []).append((found[0], found[1]))
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)


def report(took: dict[str, list[tuple[dict, dict]]]) -> int:
    """Print the medians, and return how many goals were missed."""
    print(f"{'what':16}{'here, ms':>12}{'there, ms':>12}   ratio of times (quartiles)"
          "   of CPU times (quartiles)   goal")  # fmt: skip
    missed = 0
    for name, pairs in took.items():
        here, there = (
            Spread.of([pair[which]["wall"] * 1e3 for pair in pairs]).median for which in (0, 1)
        )
        wall, cpu = (
            Spread.of([one[kind] / other[kind] for one, other in pairs]) for kind in ("wall", "cpu")
        )
        met = wall.median <= GOALS[name]
        missed += not met
        ratios = [f"{one.median:.3f} ({one.low:.3f}–{one.high:.3f})" for one in (wall, cpu)]
        print(f"{name:16}{here:12.1f}{there:12.1f}   {ratios[0]:27}{ratios[1]:27}"
              f"≤ {GOALS[name]} {'met' if met else 'MISSED'}", flush=True)  # fmt: skip
    return missed


if __name__ == "__main__":
    sys.exit(main())
