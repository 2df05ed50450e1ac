"""How often VPIN is told to add something about the size of the next move, where it does not.

``python -m benchmarks.verdicts toxicity [--seeds 0:100] [--results FILE]``

The seeds are 100,000 · m + 0, 1, 2, … of the generator of market number m, and 0, 1, 2, … of the
simulated exchange. A rate of 5 % is expected of an interval of 95 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import obi_widgets as obi
from obi_widgets.history.trades import Trades

from . import markets
from .followed import columns
from .markets import STEP, TICK, Floats, Random
from .results import collected, rate

SEEDS = 200
"""Seeds of each market."""

STATES = 1800
"""Number of states: a quarter of an hour with two per second."""

LASTS = 60.0
"""Seconds for which volatility, volume and the side of takers last."""

ASKED: dict[str, Any] = {"window": 60.0, "buckets": 10, "seconds": 10.0}
"""VPIN looks back over six windows, as it does by default over ten."""


def calm(seed: int) -> obi.History:
    """Return ten minutes of the simulated exchange, whose volatility does not change."""
    return obi.simulate(seconds=600, seed=seed, edge=0, levels=1)


def restless(number: int, tells: float, seed: int) -> obi.History:
    """Return a market with quiet and restless minutes, in which takers are of one mind at times.

    How much they are of one mind has nothing to do with how restless the market is, unless it
    tells: then volatility rises with what it was ``LASTS / 6`` seconds before.
    """
    random = np.random.default_rng(100_000 * number + seed)
    size, mood, volume = columns(random, STATES, 3, LASTS / STEP).T
    before = round(LASTS / 6 / STEP)
    mind = np.tanh(mood)
    led = np.append(np.zeros(before), np.abs(mind)[:-before])
    scale = np.exp(0.6 * size + tells * led)
    mid = np.cumsum(markets.MOVE * scale * random.standard_normal(STATES))
    history = markets.book(markets.times(STATES), mid, markets.signal(random, STATES))
    return traded(history, random, mind, np.exp(0.5 * volume))


def traded(history: obi.History, random: Random, mind: Floats, volume: Floats) -> obi.History:
    """Return a market with two trades between each two states, at the touch of the first."""
    count = len(history)
    first = np.repeat(np.arange(count - 1), 2)
    side = np.where(random.random(len(first)) < (1 + mind[first]) / 2, 1, -1)
    price = np.where(side > 0, history.ask[first], history.bid[first])
    size = 1 + np.rint(1000 * volume[first] * random.exponential(1.0, len(first)))
    third = np.diff(history.time)[first] // 3
    time = history.time[first] + third * np.tile([1, 2], count - 1)
    trades = Trades(
        np.stack([time, time, np.arange(len(first))]),
        np.stack([np.rint(price / TICK), side * size]).astype(np.int32),
        price_decimals=2, size_decimals=3,
    )  # fmt: skip
    ends = np.searchsorted(time, history.received)
    return replace(history, trades=trades, trade_ends=ends)


NULL: dict[str, Callable[[int], obi.History]] = {
    "calm": calm,
    "restless": partial(restless, 111, 0.0),
}
"""Markets in which VPIN says nothing of the size of the next move."""

PLANTED: dict[str, Callable[[int], obi.History]] = {"planted": partial(restless, 112, 3.0)}
"""A market in which it does."""


def told(make: Callable[[int], obi.History], seed: int) -> dict[str, Any]:
    """Return what is told of one market: for each row of the table, whether VPIN adds something."""
    table = obi.vpin_increment(make(seed), **ASKED)
    rows = zip(table["move"], table["over"], table["low"], table["n"], strict=True)
    found = {f"{move}, over {over}": bool(low > 0) for move, over, low, _ in rows}
    return {"n": int(table["n"].iloc[0]), "told": found}


def toxicity(part: slice, path: Path | None = None) -> None:
    """Print how often VPIN is told to add something, where it does not and where it does."""
    for name, make in {**NULL, **PLANTED}.items():
        seeds = range(SEEDS)[part]
        found = collected(path, f"{ASKED}", name, seeds, partial(told, make))
        for row in found[0]["told"] if found else ():
            count = sum(one["told"][row] for one in found)
            print(f"VPIN adds, {row:26} {name:9}: {rate(count, len(found))}")
