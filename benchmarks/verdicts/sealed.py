"""How often a sealed test is wrong when looked at after every trade, and how soon it is right.

Market number m uses the seeds 100,000 · m + 0, 1, 2, …, as in `markets`. They were written down
before the test was run on them.

A state comes every half second, has a signal, and a trade of it is left at the next: so that what a
trade makes is one move of the price, and 5,000 trades are 5,000 draws. Before the seal there are
200 more, by which gains and losses are cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import obi_widgets as obi
from obi_widgets.calibration.confidence_sequence import AsymptoticSequence

from . import markets
from .markets import Floats, Random

PAST, TRADES = 200, 5000
NULL_SEEDS, EDGE_SEEDS = 1000, 200
MOST = 67
"""False alarms in 1,000 markets that a rate of 5 % leads to with a chance of 1 % or less."""

SIZE = 30.0
"""Of a move, ticks: 3 bps."""

EDGES = (0.1, 0.2, 0.4)
"""What a trade makes net, in standard deviations of it. Before costs it is twice that."""

FOUND = 0.8
"""How often a test of a length that is fixed beforehand finds the edge."""

Draw = Callable[[Random, int], Floats]


def normal(random: Random, count: int) -> Floats:
    """Independent moves of one size."""
    return random.standard_normal(count)


def heavy_tails(random: Random, count: int) -> Floats:
    """Student's t of 2.2 degrees of freedom: the variance hardly exists."""
    return random.standard_t(2.2, count)


def jumps(random: Random, count: int) -> Floats:
    """A price that hardly moves, and in one of 1,200 trades jumps."""
    moves = 0.3 * random.standard_normal(count)
    jumped = random.random(count) < 1 / 1200
    moves[jumped] += 60 * random.standard_normal(np.count_nonzero(jumped))
    return moves


def stochastic_volatility(random: Random, count: int) -> Floats:
    """Calm and wild minutes."""
    size = np.exp(0.8 * markets.autoregression(random, count, 300.0))
    return size * random.standard_normal(count)


def rare_losses(random: Random, count: int) -> Floats:
    """99 of 100 trades make a little, and the other loses it all."""
    return np.where(random.random(count) < 0.01, -9.9, 0.1)


NULL: tuple[tuple[int, Draw], ...] = (
    (71, normal),
    (72, heavy_tails),
    (73, jumps),
    (74, stochastic_volatility),
    (75, rare_losses),
)
EDGE: tuple[tuple[int, Draw], ...] = ((81, normal), (82, heavy_tails))


def market(random: Random, draw: Draw, gain: float) -> obi.History:
    """Return a market whose trades make a draw, and this gain beyond it, bps at mid."""
    count = PAST + TRADES + 2
    side = random.choice([-1.0, 1.0], count)
    made = SIZE * draw(random, count) + gain * markets.PRICE / 1e4
    moved = np.append(0.0, (side * made)[:-1])
    mid = np.maximum(np.cumsum(moved), -markets.PRICE / 2)
    return markets.book(markets.times(count), mid, 0.8 * side)


def test(history: obi.History, fee_bps: float | None) -> obi.SealedTest:
    """Return the sealed test of a market; at mid without costs, or at the touch with a fee."""
    settings = obi.Settings(
        depth=1, decay=0, threshold=0.4, hold_seconds=0.5,
        price="mid" if fee_bps is None else "touch", fee_bps=fee_bps or 0.0,
    )  # fmt: skip
    found = obi.sealed_test(history, settings, after=history.time[PAST])
    assert len(found.trades) == TRADES
    return found


def alone(nets: list[float]) -> int:
    """Return after how many trades the asymptotic bound alone would have said above 0; 0: never."""
    sequence = AsymptoticSequence()
    for net in nets:
        sequence.add(net)
        if sequence.low > 0:
            return sequence.n
    return 0


def false_alarms(seeds: range) -> list[dict[str, Any]]:
    """Count false alarms in markets where a trade makes nothing, and costs nothing."""
    found = []
    for number, draw in NULL:
        above = below = by_one = 0
        for seed in seeds:
            random = np.random.default_rng(100_000 * number + seed)
            sealed = test(market(random, draw, 0.0), None)
            above += sealed.decided == "above zero"
            below += sealed.decided == "below zero"
            by_one += alone([one.net_bps for one in sealed.trades]) > 0
        found.append(
            {
                "market": draw.__name__, "n": len(seeds), "above zero": above, "below zero": below,
                "by the asymptotic bound alone": by_one,
            }
        )  # fmt: skip
    return found


def fixed_length(nets: Floats) -> int:
    """Return the least number of trades after which a t test finds the edge often enough.

    One look, at a number that is fixed beforehand; one-sided, at 5 %. Of the same trades.
    """
    n = np.arange(2, nets.shape[1] + 1)
    mean = np.cumsum(nets, axis=1)[:, 1:] / n
    square = np.cumsum(nets * nets, axis=1)[:, 1:]
    error = np.sqrt((square - n * mean * mean) / (n - 1) / n)
    rate = np.mean(mean > 1.645 * error, axis=0)
    return int(n[np.argmax(rate >= FOUND)]) if np.any(rate >= FOUND) else 0


def times_to_detect(seeds: range) -> list[dict[str, Any]]:
    """Return how many trades it takes to find an edge of twice its cost."""
    found = []
    spread = 1e4 / markets.PRICE
    for number, draw in EDGE:
        for size in EDGES:
            net = size * SIZE * 1e4 / markets.PRICE  # bps; what a trade costs is as much
            took, one, nets = [], [], []
            for seed in seeds:
                random = np.random.default_rng(100_000 * number + seed)
                sealed = test(market(random, draw, 2 * net), (net - spread) / 2)
                made = [trade.net_bps for trade in sealed.trades]
                is_above = sealed.decided == "above zero"
                took.append(sealed.decided_after if is_above else np.inf)
                one.append(alone(made) or np.inf)
                nets.append(made)
            ends = [np.quantile(times, [0.5, FOUND], method="higher") for times in (took, one)]
            found.append(
                {
                    "market": draw.__name__, "net, sd": size, "n": len(seeds),
                    "found": int(np.isfinite(took).sum()),
                    "median, 80 %": ends[0].tolist(),
                    "by the asymptotic bound alone": ends[1].tolist(),
                    "a fixed length that finds 80 %": fixed_length(np.array(nets)),
                }
            )  # fmt: skip
    return found


def sealed(part: slice) -> None:
    """Print both."""
    for line in false_alarms(range(NULL_SEEDS)[part]):
        print(f"sealed test, no edge: {line} (of {NULL_SEEDS} at most {MOST} false alarms)")
    for line in times_to_detect(range(EDGE_SEEDS)[part]):
        print(f"sealed test, an edge of twice its cost: {line}")
