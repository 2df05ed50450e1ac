"""How often the best of all signals × gates × rules is called viable, on markets with a known edge.

``python -m benchmarks.verdicts chosen [--seeds 0:100] [--results FILE]``

Market number m uses the seeds 100,000 · m + 0, 1, 2, …, as in `markets`. They were written down
before the verdict was run on them.

On each market every signal is tried with every gate and with every rule of entry, exit and size.
The best one is chosen on the whole record, by its mean net gain or by its t value, and is judged on
the same record. It is told as the best of all that were tried, and, to show what that is good for,
as if it were the only one.

A file of results lets a run be done in parts, see `results`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import obi_widgets as obi
from obi_widgets.calibration.verdict import Verdict
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.decisions import decided
from obi_widgets.trading.entries import scan
from obi_widgets.trading.thresholds import compared
from obi_widgets.trading.trade_list import Results

from . import markets
from .followed import with_walls
from .markets import Market
from .results import collected, rate

SEEDS, MOST = 300, 3
"""Seeds of each market; viable verdicts that 1 % of them is, for each way to choose."""

FEWEST = 20
"""Entries that a setting needs to be chosen."""

CARD: dict[str, Any] = {"short": 10.0, "middle": 60.0, "long": 300.0, "depth": 5, "decay": 1.0}
"""Windows of a scalp's card: those of a day's would leave an hour of three."""

ON_VALUE: dict[str, Any] = {"threshold": 0.5, "threshold_is": "value"}
"""For signals that are 0 or 1 most of the time: no value is beyond the quantile of many equals."""

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
    "card_direction": CARD,
    "wall_fade": {"within_bps": 5.0, "age": 2.0, **ON_VALUE},
    "wall_breakout": {"window": 30.0, **ON_VALUE},
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
    {"hours": {"from_hour": 23.0, "until_hour": 1.0}},
    {"largest_share": {"depth": 5, "quantile": 0.7, "window": 300.0}},
    {"large_level_age": {"age": 10.0, "within_bps": 5.0}},
    {"conflict": CARD},
    {"spoofs": {"closed_for": 60.0}},
)
"""None, and every built-in gate."""

RULES: tuple[dict[str, Any], ...] = (
    {},
    {"entry_rule": "crossing"},
    {"entry_rule": "transition", "transition_seconds": 30.0},
    {"stop_bps": 1.0, "target_bps": 2.0},
    {"exit_fade": 0.3, "exit_flip": "on"},
    {"exit_deceleration": 0.5, "deceleration_seconds": 3.0},
    {"size_by": "strength"},
    {"most_per_hour": 30},
    {"size_by": "strength", "stop_by": "strength", "stop_bps": 1.0, "target_bps": 2.0},
)
"""Every rule of entry, its cap, of exit, and of size and stop."""

COMMON: dict[str, Any] = {
    "threshold": 0.8, "threshold_is": "quantile", "quantile_window": 300.0, "hold_seconds": 10.0,
    "price": "mid", "fee_bps": 0.0,
}  # fmt: skip
"""The same for all but where a signal says otherwise. Without costs, so that no market is refused
for its cost."""

TRIED = len(SIGNALS) * len(GATES) * len(RULES)

NULL = tuple(
    Market(number, with_walls(make), seeds=SEEDS, most=MOST)
    for number, make in (
        (101, markets.random_walk),
        (102, markets.stochastic_volatility),
        (103, markets.drift_balanced),
        (104, markets.past_return),
    )
)

EDGE = Market(105, with_walls(markets.edge(1.0)), seeds=15)
"""The queue imbalance has an edge of a tick, and nothing else has one of its own."""


# -- the choice ------------------------------------------------------------------------------------


class Setting(NamedTuple):
    """A setting to try, and what its signal, its gate and its rule are called in results."""

    parameters: Parameters
    gates: int
    names: tuple[str, str, str]


@cache
def settings() -> dict[str, list[Setting]]:
    """Return all settings by their signal; ``gates`` is the position in `GATES`."""
    found: dict[str, list[Setting]] = {name: [] for name in SIGNALS}
    for (name, own), (at, gates), rule in product(SIGNALS.items(), enumerate(GATES), RULES):
        called = ", ".join(f"{one}={value}" for one, value in rule.items()) or "held"
        parameters = Parameters(name, gates=gates or None, **{**COMMON, **own, **rule})
        found[name].append(Setting(parameters, at, (name, " + ".join(gates) or "none", called)))
    return found


class Tried(NamedTuple):
    """A setting that was tried: its entries, their mean net gain in bps, and its t value.

    The mean is that of the entries' weights. With too few entries mean and t are minus infinity.
    """

    setting: Setting
    entries: int
    mean: float
    t: float


def tried(history: obi.History) -> Iterator[Tried]:
    """Yield every setting with what it made; the entries are those of `obi.entries`.

    A signal and a gate are computed once, which is ten times as fast.
    """
    allowed = [obi.Gates(gates).allowed(history) if gates else None for gates in GATES]
    for of_signal in settings().values():
        plain = of_signal[0].parameters
        values = compared(history, plain.signal.compute(history, dict(plain.values)), plain)
        for setting in of_signal:
            p = setting.parameters
            found = decided(history, values, p, allowed=allowed[setting.gates])
            yield Tried(setting, *gains(scan(history, found, p, 0, None).results))


def gains(made: Results) -> tuple[int, float, float]:
    """Return the number of entries, their mean and its t value."""
    if made.entries < FEWEST:
        return made.entries, -np.inf, -np.inf
    error = made.mean_net_se
    return made.entries, made.mean_net_bps, made.mean_net_bps / error if error else -np.inf


def judged(history: obi.History, best: Tried) -> tuple[Verdict, Verdict]:
    """Return the verdicts on a choice, told as the best of all and as the only one.

    What was tried makes p values larger and touches nothing else, so what is not viable as the only
    one gets the same verdict as the best of all.
    """
    alone = obi.calibrate(history, best.setting.parameters).verdict
    if alone != "viable":
        return alone, alone
    return obi.calibrate(history, best.setting.parameters, tried=TRIED).verdict, alone


def choices(found: list[Tried]) -> dict[str, Tried]:
    """Return the best by the mean net gain, and by the t value, whose p is the smallest."""
    return {
        "mean": max(found, key=lambda one: one.mean),
        "t": max(found, key=lambda one: one.t),
    }


# -- results ---------------------------------------------------------------------------------------


def result(market: Market, seed: int) -> dict[str, Any]:
    """Return what came of a market and seed, as JSON has it.

    ``enough`` has, for each signal, gate and rule, how many of its settings had enough entries to
    be chosen.
    """
    history = market.make(market.random(seed))
    found = list(tried(history))
    assert len(found) == TRIED
    enough = Counter(name for one in found if one.entries >= FEWEST for name in one.setting.names)
    of_all: dict[str, Any] = {"enough": dict(sorted(enough.items()))}
    for by, best in choices(found).items():
        told, alone = judged(history, best)
        of_all[by] = {
            "setting": best.setting.names, "entries": best.entries,
            "mean_bps": round(best.mean, 4), "t": round(best.t, 3), "told": told, "alone": alone,
        }  # fmt: skip
    return of_all


def results(market: Market, seeds: Iterable[int], path: Path | None = None) -> list[dict[str, Any]]:
    """Return the results of a market, see `results.collected`."""
    return collected(path, f"best of {TRIED}", market.name, seeds, partial(result, market))


def viable(found: list[dict[str, Any]], by: str, told: str = "told") -> int:
    """Return how many choices are viable."""
    return sum(one[by][told] == "viable" for one in found)


def least(found: list[dict[str, Any]], count: int = 5) -> str:
    """Return which signals, gates and rules seldom had enough entries, and in which share."""
    enough: Counter[str] = Counter()
    for one in found:
        enough.update(one["enough"])
    of = Counter(name for signal in settings().values() for one in signal for name in one.names)
    share = {name: enough[name] / of[name] / len(found) for name in of}
    last = sorted(share, key=share.__getitem__)[:count]
    return ", ".join(f"{name} {100 * share[name]:.0f} %" for name in last)


def chosen(part: slice, path: Path | None = None) -> None:
    """Print how often the best of all is viable, on markets without an edge and with one."""
    of_each = {
        market.name: results(market, range(market.seeds)[part], path) for market in (EDGE, *NULL)
    }
    null = [one for market in NULL for one in of_each[market.name]]
    for (name, found), by in product({**of_each, "no edge, together": null}.items(), ("mean", "t")):
        told, alone = (
            rate(viable(found, by, as_what), len(found)) for as_what in ("told", "alone")
        )
        print(f"best of {TRIED} by {by:4} {name:22} viable {told}; told as the only one {alone}")
    if null:
        print(f"settings with {FEWEST} entries or more: at least {least(null)}")
