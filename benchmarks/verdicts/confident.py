"""What a confidence claims on markets without an edge, and what it is worth on markets with one.

``python -m benchmarks.verdicts confident [--seeds 0:10] [--results FILE]``

A market is two days of directions, one every ten seconds, and of moves over a horizon that overlap.
Market number m uses the seeds 100,000 · m + 1,000, 1,001, …; the rule was chosen on others. On a
market without an edge, directions have nothing to do with the moves after them, whatever lasts. The
largest claim of each is told, over all its hours. On one with an edge, moves lean to the direction:
told are the gain of the Brier score over the constant, how many markets are called better, and by
how much any step of the reliability is said to be more likely than it came true.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.signal import lfilter

from obi_widgets.calibration.confidence import claims, outcomes
from obi_widgets.calibration.reliability import reliability

from .markets import START, Floats, Random
from .results import collected, rate

SEEDS, FIRST = 40, 1_000
"""Seeds of each market and horizon, and the first of them."""

STEP, ROWS = 10, 17_280
"""Seconds between directions, and how many: two days."""

HOUR = 360
"""Directions in an hour."""

LASTS = (1, 6, 60, HOUR)
"""Steps for which a direction lasts, one of these by chance."""

MOST = 0.55
"""What may be claimed without an edge."""


class Edge(NamedTuple):
    """By how much a step's move leans to the direction, for how many steps that lasts, horizon."""

    size: float
    lasts: int
    horizon: int


EDGES = (
    Edge(0.15, 6, 60), Edge(0.08, 6, 60), Edge(0.2, 6, 30), Edge(0.1, 60, 300),
    Edge(0.06, 180, 300),
)  # fmt: skip


def lasting(random: Random, count: int, steps: int) -> Floats:
    """Return noise of variance 1 whose autocorrelation falls to 1/e in so many steps."""
    kept = np.exp(-1 / steps)
    noise = random.standard_normal(count + 10 * HOUR)
    return np.asarray(np.sqrt(1 - kept**2) * lfilter([1], [1, -kept], noise)[10 * HOUR :])


def walk(random: Random, moves: Floats) -> tuple[Floats, Floats]:
    """Independent moves; a direction that lasts as it may."""
    return moves, lasting(random, ROWS, int(random.choice(LASTS)))


def volatile(random: Random, moves: Floats) -> tuple[Floats, Floats]:
    """Volatility that lasts."""
    return walk(random, moves * np.exp(lasting(random, len(moves), 200)))


def autoregressive(random: Random, moves: Floats) -> tuple[Floats, Floats]:
    """Moves that go on."""
    return walk(random, np.asarray(lfilter([1], [1, -0.3], moves)))


def reverting(random: Random, moves: Floats) -> tuple[Floats, Floats]:
    """Moves that turn back."""
    return walk(random, np.asarray(lfilter([1], [1, 0.3], moves)))


def rising(random: Random, moves: Floats) -> tuple[Floats, Floats]:
    """A price that rises for two days, and a direction that is mostly up."""
    moves, direction = walk(random, moves + 0.05)
    return moves, direction + 0.7


def by_past(random: Random, moves: Floats) -> tuple[Floats, Floats]:
    """A direction that is the move of the last hour."""
    before = np.cumsum(np.append(random.standard_normal(HOUR), moves[:ROWS]))
    return moves, before[HOUR - 1 : -1] - np.append(0.0, before[: ROWS - 1])


def hours(size: float, random: Random, moves: Floats) -> tuple[Floats, Floats]:
    """Trends and a direction that both last an hour."""
    return moves + size * lasting(random, len(moves), HOUR), lasting(random, ROWS, HOUR)


def hours_apart(random: Random, moves: Floats) -> tuple[Floats, Floats]:
    """Trends that turn, by chance, at each full hour, and a direction that lasts an hour."""
    trends = random.choice([-1.0, 1.0], len(moves) // HOUR + 1).repeat(HOUR)[: len(moves)]
    return moves + 0.3 * trends, lasting(random, ROWS, HOUR)


NULL = {
    "walk": walk, "volatile": volatile, "autoregressive": autoregressive, "reverting": reverting,
    "rising": rising, "by past": by_past, "weak trends of an hour": partial(hours, 0.1),
    "trends of an hour": partial(hours, 0.3), "trends of full hours": hours_apart,
}  # fmt: skip


def judged(
    random: Random, horizon: int, moves: Floats, direction: Floats, by_size: bool
) -> dict[str, Any]:
    """Return what is claimed of two days, and what came of it."""
    steps = horizon // STEP
    move = np.convolve(moves, np.ones(steps))[steps - 1 : steps - 1 + ROWS]
    move[ROWS - steps :] = np.nan  # not known yet
    noise = random.beta(5, 2, ROWS) * lasting(random, ROWS, int(random.choice([10, HOUR]))) ** 2
    score = np.abs(direction) if by_size else noise
    time = START + np.arange(ROWS) * STEP * 1_000_000_000
    right = outcomes(direction, move)
    found = claims(time, score, right, np.sign(direction), horizon=float(horizon))
    told = reliability(time, found.said, found.constant, right, horizon=float(horizon))
    return {
        "said": float(np.nanmax(found.said, initial=0.5)),
        "shown": float(np.nanmax(found.shown, initial=0.5)),
        "right": float(np.nanmean(right)), "better": told.better, "gain": told.gain,
        "low": told.gain_low, "over": float((told.said - told.right).max(initial=0.0)),
        "above": bool((told.said > told.high).any()),
    }  # fmt: skip


def without(number: int, name: str, horizon: int, seed: int) -> dict[str, Any]:
    """Return what is claimed of a market without an edge."""
    random = np.random.default_rng(100_000 * number + seed)
    moves = random.standard_normal(ROWS + horizon // STEP)
    moves, direction = NULL[name](random, moves)
    return judged(random, horizon, moves, direction, by_size=bool(seed % 2))


def having(number: int, edge: Edge, seed: int) -> dict[str, Any]:
    """Return what is claimed of a market with an edge."""
    random = np.random.default_rng(100_000 * number + seed)
    moves = random.standard_normal(ROWS + edge.horizon // STEP)
    direction = lasting(random, ROWS, edge.lasts)
    moves[:ROWS] += edge.size * direction
    return judged(random, edge.horizon, moves, direction, by_size=True)


def confident(part: slice, path: Path | None = None) -> None:
    """Print the largest claims without an edge, and what claims are worth with one."""
    seeds = range(FIRST, FIRST + SEEDS)[part]
    largest: list[float] = []
    for number, name in enumerate(NULL, 120):
        for horizon in (30, 60, 300):
            found = collected(
                path, "two days", f"{name}, {horizon} s", seeds,
                partial(without, number, name, horizon),
            )  # fmt: skip
            said = [one["said"] for one in found]
            largest += said
            print(
                f"{name:24} {horizon:3} s: at most {max(said):.4f}, median {np.median(said):.4f}; "
                f"shown at most {max(one['shown'] for one in found):.4f}; called better "
                f"{rate(sum(one['better'] for one in found), len(found))}",
                flush=True,
            )
    print(f"above {MOST:g}: {rate(sum(one > MOST for one in largest), len(largest))}", flush=True)
    for number, edge in enumerate(EDGES, 140):
        found = collected(path, "two days", f"{edge}", seeds, partial(having, number, edge))
        gain, low = (1e5 * np.nanmean([one[name] for one in found]) for name in ("gain", "low"))
        print(
            f"{edge}: right {np.mean([one['right'] for one in found]):.3f}, gain {gain:.0f} e-5 "
            f"(lower bound {low:.0f}), better {sum(one['better'] for one in found)} of "
            f"{len(found)}, at most {max(one['said'] for one in found):.3f} said, said beyond "
            f"what came true by {np.mean([one['over'] for one in found]):.3f}, above the interval "
            f"of a step in {sum(one['above'] for one in found)}",
            flush=True,
        )
