"""How often the best of all signals × gates × rules is called viable, on markets with a known edge.

``python -m benchmarks.verdicts chosen [--part 1/2]``

Market number m uses the seeds 100,000 · m + 0, 1, 2, …, as in `markets`. They were written down
before the verdict was run on them.

On each market every signal is tried with every gate and with every rule of entry and exit. The best
one is chosen on the whole record, by its mean net gain or by its t value, and is judged on the same
record. It is told as the best of all that were tried, and, to show what that is good for, as if it
were the only one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import obi_widgets as obi
from obi_widgets.history.trades import Trades
from obi_widgets.trading.decisions import decided
from obi_widgets.trading.entries import scan
from obi_widgets.trading.thresholds import compared

from . import markets
from .markets import TICK, Floats, Market, Random

LEVELS, APART = 5, 5
"""Number of levels per side, and ticks from one to the next."""

SEEDS, MOST = 300, 3
"""Seeds of each market; viable verdicts that 1 % of them is, for each way to choose."""

FEWEST = 20
"""Entries that a setting needs to be chosen."""

SIGNALS: dict[str, dict[str, Any]] = {
    "queue_imbalance": {},
    "imbalance": {"depth": 5, "decay": 1.0},
    "rank_imbalance": {"depth": 5},
    "depth_difference": {"depth": 5},
    "book_pressure": {"depth": 5},
    "book_slope": {"depth": 5},
    "order_flow_imbalance": {"window": 10.0},
    "multi_level_order_flow_imbalance": {"depth": 5, "window": 10.0},
    "depth_ratio": {"depth": 5},
    "notional_difference": {"depth": 5},
    "micro_price": {"window": 600.0, "refit": 300.0},
    "queue_logistic": {"window": 600.0, "refit": 300.0},
    "integrated_order_flow_imbalance": {"depth": 5, "window": 10.0, "fit": 300.0},
    "trade_imbalance": {"window": 10.0},
    "buy_sell_ratio": {"window": 30.0},
    "vwap_deviation": {"window": 60.0},
    "zscore(imbalance)": {"depth": 5, "decay": 1.0, "window": 60.0},
    "velocity(imbalance)": {"depth": 5, "decay": 1.0, "window": 5.0},
    "smooth(imbalance)": {"depth": 5, "decay": 1.0, "window": 5.0},
}
"""Every built-in signal that has a direction, with its values, and three transforms."""

GATES: tuple[dict[str, dict[str, Any]], ...] = (
    {},
    {"spread": {"quantile": 0.7, "window": 300.0}},
    {"depth": {"band_bps": 1.5, "quantile": 0.3, "window": 300.0}},
    {"volatility": {"window": 20.0, "most": 0.7, "of_last": 300.0}},
)

RULES: tuple[dict[str, Any], ...] = (
    {},
    {"entry_rule": "crossing"},
    {"stop_bps": 1.0, "target_bps": 2.0},
    {"exit_fade": 0.3, "exit_flip": "on"},
)

COMMON: dict[str, Any] = {
    "threshold": 0.8, "threshold_is": "quantile", "quantile_window": 300.0, "hold_seconds": 10.0,
    "price": "mid", "fee_bps": 0.0,
}  # fmt: skip
"""The same for all. Without costs, so that no market is refused for its cost."""

TRIED = len(SIGNALS) * len(GATES) * len(RULES)


# -- markets ---------------------------------------------------------------------------------------


def columns(random: Random, count: int, many: int, seconds: float) -> Floats:
    """Return independent autoregressions of variance 1, shape (count, many)."""
    kept = np.exp(-markets.STEP / seconds)
    out = random.standard_normal((count, many))
    out[1:] *= np.sqrt(1 - kept**2)
    for row in range(1, count):
        out[row] += kept * out[row - 1]
    return out


def deepened(history: obi.History, random: Random) -> obi.History:
    """Return a market with more levels, a spread that is wide at times, and trades.

    The sizes at the touch stay. The other sizes, the spread and the sides of trades tell nothing of
    the price, and mid is where it was. A trade comes between each two states, at the touch of the
    first of them.
    """
    count = len(history)
    sizes = np.exp(0.7 * columns(random, count, 2 * LEVELS, 5.0)).reshape(count, 2, LEVELS)
    sizes[:, 0, 0], sizes[:, 1, 0] = history.sizes(+1)[:, 0], history.sizes(-1)[:, 0]
    wider = np.rint(np.exp(0.7 * columns(random, count, 1, 20.0)))
    away = wider + APART * np.arange(LEVELS)
    bid, ask = (np.rint(one / TICK)[:, None] for one in (history.bid, history.ask))
    deep = obi.History.from_arrays(
        history.time, (bid - away) * TICK, sizes[:, 0], (ask + away) * TICK, sizes[:, 1],
        tick_size=TICK, every_event=True,
    )  # fmt: skip
    side = random.choice([-1, 1], count - 1)
    price = np.where(side > 0, deep.ask[:-1], deep.bid[:-1])
    size = 1 + np.rint(1000 * random.exponential(1.0, count - 1))
    between = deep.time[1:] - np.diff(deep.time) // 2
    trades = Trades(
        np.stack([between, between, np.arange(count - 1)]),
        np.stack([np.rint(price / TICK), side * size]).astype(np.int32),
        price_decimals=2, size_decimals=3,
    )  # fmt: skip
    return replace(deep, trades=trades, trade_ends=np.searchsorted(between, deep.received))


NULL = (
    Market(91, markets.random_walk, seeds=SEEDS, most=MOST),
    Market(92, markets.stochastic_volatility, seeds=SEEDS, most=MOST),
    Market(93, markets.drift_balanced, seeds=SEEDS, most=MOST),
    Market(94, markets.past_return, seeds=SEEDS, most=MOST),
)

EDGES = {0.35: 95, 0.5: 96, 1.0: 97}
"""Sizes of edges of the queue imbalance, ticks, and the numbers of their markets."""

EDGE_SEEDS = 60


# -- the choice ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    """A setting that was tried: its entries, their mean net gain in bps, and its t value."""

    settings: obi.Settings
    entries: int
    mean: float
    t: float


def tried(history: obi.History) -> Iterator[Tried]:
    """Yield every setting with what it made; the entries are those of `obi.entries`.

    A signal and a gate are computed once, which is ten times as fast.
    """
    allowed = [obi.Gates(gates).allowed(history) if gates else None for gates in GATES]
    for name, own in SIGNALS.items():
        plain = obi.Settings(name, **COMMON, **own).parameters
        values = compared(history, plain.signal.compute(history, dict(plain.values)), plain)
        for gates, may in zip(GATES, allowed, strict=True):
            for rule in RULES:
                settings = obi.Settings(name, **COMMON, **own, **rule, gates=gates or None)
                p = settings.parameters
                found = scan(history, decided(history, values, p, allowed=may), p, 0, None)
                net = found.net_bps[~np.isnan(found.net_bps)]
                yield Tried(settings, len(net), *mean_and_t(net))


def mean_and_t(net: Floats) -> tuple[float, float]:
    """Return the mean of gains and its t value; minus infinity with too few of them."""
    if len(net) < FEWEST:
        return -np.inf, -np.inf
    mean, error = float(net.mean()), float(net.std(ddof=1)) / len(net) ** 0.5
    return mean, mean / error if error else -np.inf


def choices(history: obi.History) -> dict[str, Tried]:
    """Return the best by the mean net gain, and by the t value, whose p is the smallest."""
    found = list(tried(history))
    assert len(found) == TRIED
    return {
        "mean": max(found, key=lambda one: one.mean),
        "t": max(found, key=lambda one: one.t),
    }


def verdicts_of(history: obi.History) -> dict[tuple[str, str], obi.Report]:
    """Return the report on each choice, told as the best of all and as the only one."""
    return {
        (by, told): obi.calibrate(history, one.settings, tried=number)
        for by, one in choices(history).items()
        for told, number in (("told", TRIED), ("not told", 1))
    }


def counted(market: Market, seeds: range) -> Counter[tuple[str, str, str]]:
    """Count verdicts by how the setting was chosen, and by what was told."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for seed in seeds:
        random = market.random(seed)
        history = deepened(market.make(random), random)
        for key, report in verdicts_of(history).items():
            counts[*key, report.verdict] += 1
    return counts


def chosen(part: slice) -> None:
    """Print how often the best of all is viable, on markets without an edge and with one."""
    with_edge = [
        (f"an edge of {size:g} ticks", Market(number, markets.edge(size), seeds=EDGE_SEEDS), "")
        for size, number in EDGES.items()
    ]
    null = [(one.name, one, f"(of {one.seeds} at most {one.most} viable)") for one in NULL]
    for name, market, limit in (*with_edge, *null):
        seeds = range(market.seeds)[part]
        counts = counted(market, seeds)
        for by in ("mean", "t"):
            told, alone = (counts[by, told, "viable"] for told in ("told", "not told"))
            print(
                f"best of {TRIED} by {by:4} {name:24} n {len(seeds):4}  viable {told:3}  "
                f"not enough data {counts[by, 'told', 'not enough data']:4}  "
                f"told as the only one: viable {alone:3}  {limit}",
                flush=True,
            )
