"""Simulated markets with a known edge, or none, and the seeds that make them.

Every market is made from one seed. Seeds are fixed here, and were written down before the rule
that they test: market number m uses the seeds 100,000 · m + 0, 1, 2, …

A null market has no edge: nothing that is known at a state tells which way the price goes from
there. At no cost, `viable` is then wrong. A market of the kind *edge* has one for a part of the
time, and `viable` is wrong as well, because the edge does not hold in both parts of the record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

import obi_widgets as obi

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
STATES, STEP = 7200, 0.5
"""Number of states: an hour with two per second."""

TICK, PRICE = 0.01, 100_000
"""Quote currency, and ticks: a tick is 0.1 bps."""

MOVE = 3.0
"""The standard deviation of one state's move, ticks."""

MID = obi.Settings(depth=1, decay=0, threshold=0.4, price="mid", fee_bps=0)
"""Settings without costs, so that no market is refused for its cost."""

TOUCH = obi.Settings(depth=1, decay=0, threshold=0.4, price="touch", fee_bps=0)

Random = np.random.Generator
Floats = np.ndarray[Any, np.dtype[np.float64]]


def autoregression(random: Random, count: int, seconds: float, step: float = STEP) -> Floats:
    """Return a Gaussian autoregression of variance 1 with this decay time."""
    kept = np.exp(-step / seconds)
    noise = random.standard_normal(count) * np.sqrt(1 - kept**2)
    noise[0] /= np.sqrt(1 - kept**2)
    out, last = np.empty(count), 0.0
    for n, new in enumerate(noise.tolist()):
        last = out[n] = kept * last + new
    return out


def signal(random: Random, count: int = STATES, seconds: float = 5.0) -> Floats:
    """Return an imbalance without an edge."""
    return np.tanh(autoregression(random, count, seconds))


def times(count: int = STATES, step: float = STEP) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return event times, nanoseconds."""
    return START + np.rint(np.arange(count) * step * SECOND).astype(np.int64)


def book(
    time: np.ndarray[Any, Any], mid: Floats, imbalance: Floats, spread: int = 1
) -> obi.History:
    """Return a history of one level per side; NaN in ``mid`` is a lost book.

    ``mid`` is in ticks, and rounded down to the best bid.
    """
    bid = np.floor(PRICE + mid)
    size = np.where(np.isnan(mid), np.nan, imbalance)
    return obi.History.from_arrays(
        time, bid * TICK, 1.001 + size, (bid + spread) * TICK, 1.001 - size, tick_size=TICK
    )


# -- no edge -----------------------------------------------------------------------------------


def random_walk(random: Random, count: int = STATES) -> obi.History:
    """Independent moves of one size."""
    mid = np.cumsum(MOVE * random.standard_normal(count))
    return book(times(count), mid, signal(random, count))


def stochastic_volatility(random: Random, count: int = STATES) -> obi.History:
    """Minutes of low and of high volatility in turn."""
    size = np.exp(0.8 * autoregression(random, count, 300.0))
    mid = np.cumsum(MOVE * size * random.standard_normal(count))
    return book(times(count), mid, signal(random, count))


def volatility_with_signal(random: Random) -> obi.History:
    """Volatility is higher while the signal is strong; the direction is random."""
    imbalance = signal(random)
    moves = MOVE * (1 + 3 * np.abs(imbalance)) * random.standard_normal(STATES)
    return book(times(), np.cumsum(np.append(0.0, moves[:-1])), imbalance)


def heavy_tails(random: Random) -> obi.History:
    """Heavy tails: Student's t with 2.2 degrees of freedom, whose variance is barely finite."""
    mid = np.cumsum(0.5 * MOVE * random.standard_t(2.2, STATES))
    return book(times(), np.maximum(mid, -PRICE / 2), signal(random))


def jumps(random: Random) -> obi.History:
    """A price that hardly moves, and six jumps an hour."""
    moves = 0.3 * MOVE * random.standard_normal(STATES)
    jumped = random.random(STATES) < 6 / STATES
    moves[jumped] += 60 * MOVE * random.standard_normal(np.count_nonzero(jumped))
    return book(times(), np.cumsum(moves), signal(random))


def gaps(random: Random) -> obi.History:
    """The book is lost ten times for about a minute, while the price goes on."""
    mid, kept = np.cumsum(MOVE * random.standard_normal(STATES)), np.ones(STATES, bool)
    for start in random.integers(100, STATES - 500, 10).tolist():
        mid[start] = np.nan
        kept[start + 1 : start + int(random.integers(20, 400))] = False
    return book(times()[kept], mid[kept], signal(random)[kept])


def irregular_times(random: Random) -> obi.History:
    """States come in bursts with seconds of silence between them."""
    waits = random.exponential(1.0, STATES) * np.exp(1.2 * random.standard_normal(STATES))
    waits *= STATES * STEP / waits.sum()
    mid = np.cumsum(MOVE * np.sqrt(waits / STEP) * random.standard_normal(STATES))
    return book(START + np.cumsum(np.rint(waits * SECOND)).astype(np.int64), mid, signal(random))


def duplicated_times(random: Random) -> obi.History:
    """Up to five states have the same time."""
    mid = np.cumsum(MOVE * random.standard_normal(STATES))
    return book(np.sort(random.choice(times(), STATES)), mid, signal(random))


def persistence(random: Random) -> obi.History:
    """A signal that persists for a minute."""
    mid = np.cumsum(MOVE * random.standard_normal(STATES))
    return book(times(), mid, signal(random, seconds=60.0))


def jumps_and_persistence(random: Random) -> obi.History:
    """A price that moves mostly by jumps, and a signal that persists for a minute."""
    moves = 0.3 * MOVE * random.standard_normal(STATES)
    jumped = random.random(STATES) < 6 / STATES
    moves[jumped] += 60 * MOVE * random.standard_normal(np.count_nonzero(jumped))
    return book(times(), np.cumsum(moves), signal(random, seconds=60.0))


def past_return(random: Random, count: int = STATES) -> obi.History:
    """The signal is the move of the last twenty states, ten seconds."""
    mid = np.cumsum(MOVE * random.standard_normal(count))
    back = round(10 / STEP)
    moved = mid - np.append(np.full(back, mid[0]), mid[:-back])
    return book(times(count), mid, np.tanh(moved / (MOVE * back**0.5)))


def bounce(random: Random) -> obi.History:
    """A quote flickers by one tick, and the imbalance shows which side; no edge at the touch.

    Mid is low while the bid is away, and rises when it is back. Who buys pays the same ask.
    """
    bid = np.floor(PRICE + np.cumsum(0.3 * MOVE * random.standard_normal(STATES)))
    away = random.choice([-1, 0, 0, +1], STATES)  # the bid's flicker, none, the ask's
    imbalance = np.where(away == 0, 0.2 * signal(random), -0.8 * away)
    return obi.History.from_arrays(
        times(),
        (bid - (away < 0)) * TICK, 1.001 + imbalance,
        (bid + 1 + (away > 0)) * TICK, 1.001 - imbalance,
        tick_size=TICK,
    )  # fmt: skip


def drift_one_sided(random: Random) -> obi.History:
    """The price rises, and the signal is never below 0."""
    mid = np.cumsum(MOVE * random.standard_normal(STATES) + 0.06 * MOVE)
    return book(times(), mid, 0.45 + 0.4 * signal(random))


def drift_balanced(random: Random, count: int = STATES) -> obi.History:
    """The price rises, and the signal is as often above 0 as below."""
    mid = np.cumsum(MOVE * random.standard_normal(count) + 0.06 * MOVE)
    return book(times(count), mid, signal(random, count))


def slow(random: Random) -> obi.History:
    """A book every 1.5 s: mid is ten ticks away at the first one after a signal, and then back.

    Within 2 s the last book shows the ten ticks, but a trade of 2 s ends at the one after it.
    """
    count = STATES // 4
    side = random.choice([-1, 1], count)
    base = np.cumsum(random.choice([-1, 0, 1], count))
    mid = np.stack([base, base + 10 * side, base, base], axis=1).ravel().astype(float)
    imbalance = np.stack([0.8 * side, *np.zeros((3, count))], axis=1).ravel()
    return book(times(len(mid), 1.5), mid, imbalance)


def slow_walk(random: Random) -> obi.History:
    """A book about every four seconds, and no edge."""
    waits = 0.2 + random.exponential(4.0, STATES // 4)
    mid = np.cumsum(MOVE * np.sqrt(waits / STEP) * random.standard_normal(len(waits)))
    time = START + np.cumsum(np.rint(waits * SECOND)).astype(np.int64)
    return book(time, mid, signal(random, len(waits), seconds=5.0))


def thinned(random: Random) -> obi.History:
    """Of every five seconds only the last state is kept: as long as a horizon."""
    history = random_walk(random)
    number = history.time // (5 * SECOND)
    last = np.append(number[1:] != number[:-1], True)
    ask = history.sizes(-1)[last, 0]
    return obi.History.from_arrays(
        history.time[last], history.bid[last], history.sizes(+1)[last, 0], history.ask[last], ask,
        tick_size=TICK,
    )  # fmt: skip


# -- the best of many ------------------------------------------------------------------------------

DECAYS, DEPTHS = (0.0, 0.5, 1.0, 2.0, 5.0), (1, 2, 3, 4, 5)
THRESHOLDS = tuple(np.round(np.linspace(0.1, 0.77, 20), 3).tolist())
FEW_HOLDS = (2.0, 5.0, 10.0, 20.0, 60.0)


def deep_walk(random: Random) -> obi.History:
    """A random walk with five levels per side of independent sizes."""
    bid = np.floor(PRICE + np.cumsum(MOVE * random.standard_normal(STATES)))
    sizes = np.exp(0.7 * np.stack([autoregression(random, STATES, 5.0) for _ in range(10)], axis=1))
    away = 5 * np.arange(5)
    return obi.History.from_arrays(
        times(),
        (bid[:, None] - away) * TICK, sizes[:, :5],
        (bid[:, None] + 1 + away) * TICK, sizes[:, 5:],
        tick_size=TICK,
    )  # fmt: skip


def best_of_500(history: obi.History) -> obi.Report:
    """Judge the best of 500 settings on the record on which it was chosen."""
    surface = obi.sweep(
        history, settings=MID, decay=DECAYS, depth=DEPTHS, threshold=THRESHOLDS, hold_seconds=[5.0]
    )
    merit = np.where(surface.entries >= 20, surface.mean_net_bps, -np.inf)
    at = np.unravel_index(int(np.argmax(merit)), merit.shape)
    best = obi.Settings(
        depth=surface.depth[at[1]], decay=surface.decay[at[0]], threshold=surface.threshold[at[2]],
        hold_seconds=5.0, price="mid", fee_bps=0,
    )  # fmt: skip
    return obi.calibrate(history, best, tried=merit.size)


def swept_then_walked_forward(history: obi.History) -> obi.Report:
    """Sweep, walk forward on the same grid, and judge what the last fold chose."""
    grid: dict[str, Any] = {
        "decay": DECAYS[::2], "depth": DEPTHS[::2], "threshold": THRESHOLDS[::2],
        "hold_seconds": FEW_HOLDS,
    }  # fmt: skip
    tried = obi.sweep(history, settings=MID, **grid).entries.size
    folds = obi.walk_forward(history, settings=MID, **grid)
    folds = folds[folds["entries"] > 0]
    chosen = folds.iloc[int(np.argmax(folds["net_bps"]))]
    best = obi.Settings(
        depth=int(chosen["depth"]), decay=chosen["decay"], threshold=chosen["threshold"],
        hold_seconds=chosen["hold_seconds"], price="mid", fee_bps=0,
    )  # fmt: skip
    return obi.calibrate(history, best, tried=tried)


# -- an edge for a part of the time ----------------------------------------------------------------


def with_edge(random: Random, size: Callable[[Floats], Floats], count: int = STATES) -> obi.History:
    """Return a market whose next move has the mean ``size`` · signal, ticks, at each time."""
    imbalance = signal(random, count)
    lean = size(np.arange(count) / count) * imbalance
    moves = MOVE * random.standard_normal(count) + np.append(0.0, lean[:-1])
    return book(times(count), np.cumsum(moves), imbalance)


def edge_gone(random: Random) -> obi.History:
    """An edge that ends before the last 30 % of the time."""
    return with_edge(random, lambda part: 0.8 * (part < 0.7))


def edge_only_there(random: Random) -> obi.History:
    """An edge only in the last 30 % of the time."""
    return with_edge(random, lambda part: 1.5 * (part > 0.7))


def edge_reversed(random: Random) -> obi.History:
    """An edge that is reversed in the last 30 % of the time."""
    return with_edge(random, lambda part: np.where(part < 0.7, 1.2, -1.2))


def edge(size: float) -> Callable[..., obi.History]:
    """Return a function that makes a market with an edge of ``size`` ticks at all times."""

    def made(random: Random, count: int = STATES) -> obi.History:
        return with_edge(random, lambda part: size * (part >= 0), count)

    made.__name__ = f"edge of {size:g} ticks"
    return made


EDGES = (0.15, 0.25, 0.35)
"""Sizes of the edges, ticks. Edges of half a tick and more are found almost always, so that they
say little about power."""

EDGE_NUMBER, EDGE_SEEDS = 22, 200
"""Market 22 has the first edge, 23 the next, and so on; number of seeds of each."""

COVERED_NUMBER, COVERED_SEEDS, COVERED_EDGE = 30, 1000, 0.75
"""Number, seeds and edge of the market on which as-traded intervals are checked."""

SIGNAL_NUMBER, SIGNAL_SEEDS = 40, 10
"""Number and seeds of the signals, ten hours each, that give the true gain of an edge."""


@cache
def signals() -> list[tuple[Floats, Floats]]:
    """Return the signals of a hundred hours, ten at a time, with their cumulative sums."""
    found = []
    for seed in range(SIGNAL_SEEDS):
        random = np.random.default_rng(100_000 * SIGNAL_NUMBER + seed)
        values = signal(random, 10 * STATES)
        found.append((values, np.cumsum(np.append(0.0, values))))
    return found


def true_move(size: float, horizon: float, threshold: float) -> float:
    """Return the true mean move of mid within a horizon after an entry of `edge`, bps.

    The mean move of a state is ``size`` ticks times the imbalance of the state before. So the mean
    move after an entry is ``size`` times the sum of the imbalances within the horizon. These do
    not depend on the price, and are averaged over a hundred hours of the signal.
    """
    ahead, total, events = round(horizon / STEP), 0.0, 0
    for values, sums in signals():
        led = size * (sums[ahead:-1] - sums[: -1 - ahead])
        start = values[: len(led)]
        event = np.abs(start) > threshold
        total += float(np.sum(np.sign(start[event]) * led[event]))
        events += int(np.count_nonzero(event))
    return 1e4 * total / events / PRICE


# -- all of them -----------------------------------------------------------------------------------


def judged(settings: obi.Settings, **options: Any) -> Callable[[obi.History], obi.Report]:
    """Return a function that judges a history with these settings."""
    return lambda history: obi.calibrate(history, settings, **options)


@dataclass(frozen=True)
class Market:
    """A market: how it is made and judged, its seeds, and how many may be viable."""

    number: int
    make: Callable[[Random], obi.History]
    judge: Callable[[obi.History], obi.Report] = field(default_factory=lambda: judged(MID))
    seeds: int = 1000
    most: int = 18

    @property
    def name(self) -> str:
        """The name on the command line."""
        name = self.make.__name__
        return name if self.make is not deep_walk else getattr(self.judge, "__name__", name)

    def random(self, seed: int) -> Random:
        """Return the random generator of one of its histories."""
        return np.random.default_rng(100_000 * self.number + seed)


NULL = (
    Market(1, random_walk),
    Market(2, stochastic_volatility),
    Market(3, volatility_with_signal),
    Market(4, heavy_tails),
    Market(5, jumps),
    Market(6, gaps),
    Market(7, irregular_times),
    Market(8, duplicated_times),
    Market(9, persistence),
    Market(10, past_return),
    Market(11, bounce, judged(TOUCH)),
    Market(12, drift_one_sided),
    Market(13, drift_balanced),
    Market(14, slow, judged(TOUCH, horizons=[2.0])),
    Market(15, slow_walk),
    Market(16, thinned),
    Market(17, deep_walk, best_of_500),
    Market(18, deep_walk, swept_then_walked_forward),
)
PARTLY = (
    Market(19, edge_gone, seeds=200),
    Market(20, edge_only_there, seeds=200),
    Market(21, edge_reversed, seeds=200),
)
