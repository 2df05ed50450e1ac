"""Tapes of a blind test: a simulated market of five levels a side, with an edge that is known.

Mid and the hidden pressure ``z`` are those of `obi_widgets.feeds.simulation.mid_paths`: after a
state, mid moves by edge · z · (1 − exp(−h/τ)) bps in the mean within ``h`` seconds. Bids are larger
by 1 + 0.85 · z, asks by 1 − 0.85 · z, and each size has noise that persists for seconds. So the
imbalance measures ``z`` in every tape, with an edge or without one. All day long one side of the
book is larger as well, which says nothing of the price.

A price may have a trend or large jumps besides. Their directions are drawn for each record by
itself and know nothing of the book, so they add nothing to what an entry makes in the mean over
records, and much to what it made on one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.feeds.simulation.mid_paths import LISTING, decaying, mid_path
from obi_widgets.feeds.simulation.simulated_history import BEGINNING
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.history.columns import History
from obi_widgets.market_data.events import Instrument
from obi_widgets.trading.entries import entries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.settings.parameters import Parameters

STATES = 2
"""States a second: an hour has 7,200, and a calibration takes a moment."""

LEVELS = 5
NOISE, NOISE_SECONDS = 0.5, 2.0
"""Standard deviation of a size's logarithm, and how long it persists."""

LEAN = 0.2
"""Logarithm of how much larger the one side is all day, and how much smaller the other."""

TRENDS = (150.0, 250.0)
"""Range of a trend, bps an hour, up or down."""

JUMPS, JUMP_BPS = 2.0, 150.0
"""Jumps an hour, and the standard deviation of one."""

SPREAD_BPS = 1e4 * LISTING.tick_size / LISTING.price
"""The spread is always one tick."""

HOUR = 3600


@dataclass(frozen=True)
class Market:
    """What is true of the market of a tape.

    Attributes
    ----------
    edge : float
        Expected move of mid after a pressure of +1, bps.
    lasts : float
        The edge ends after this share of the first record, 0..1.
    price : {"calm", "trend", "jumps"}
        What the price does besides.
    side : int
        The side of the book that is larger all day: +1 bids, −1 asks.
    """

    edge: float
    lasts: float = 1.0
    price: str = "calm"
    side: int = 1


@dataclass(frozen=True)
class Tape:
    """A tape, and the pressure that nobody sees.

    Attributes
    ----------
    history : History
        T states, two a second.
    pressure : ndarray of float, shape (T,)
        −1..+1.
    """

    history: History
    pressure: NDArray[np.floating[Any]]


def tape(seconds: float, market: Market, seeds: list[int], symbol: str) -> Tape:
    """Return a record of a market.

    Parameters
    ----------
    seconds : float
        Its length.
    market : Market
        What is true of it.
    seeds : list of int
        The same seeds give the same record.
    symbol : str
        What the market is called.
    """
    random = np.random.default_rng(seeds)
    mid, z = mid_path(random, seconds, market.edge, STATES, market.lasts)
    kept = math.exp(-1 / STATES / NOISE_SECONDS)
    noise = random.standard_normal((len(mid), 2, LEVELS)) * math.sqrt(1 - kept**2)
    noise[0] /= math.sqrt(1 - kept**2)
    size = LISTING.unit * LISTING.contract_size * np.exp(NOISE * decaying(noise, kept))
    size *= np.exp(LEAN * market.side * np.array([1, -1]))[:, None]
    mid = mid + _besides(random, market.price, len(mid))
    leaning = SimulatedMarket.lean * z[:, None]
    away = np.arange(LEVELS)
    bids, asks = mid[:, None] - 0.5 - away, mid[:, None] + 0.5 + away
    time = BEGINNING + np.arange(1, len(mid) + 1) * (1_000_000_000 // STATES)
    tick = LISTING.tick_size
    history = History.from_arrays(
        time, bids * tick, size[:, 0] * (1 + leaning), asks * tick, size[:, 1] * (1 - leaning),
        instrument=Instrument(
            "blind", symbol, "Blind test", "USDT", tick_size=tick,
            contract_size=LISTING.contract_size,
        ),
    )  # fmt: skip
    return Tape(history, z)


def _besides(random: np.random.Generator, price: str, states: int) -> NDArray[np.floating[Any]]:
    """Return what a trend or jumps add to mid at each state, whole ticks."""
    an_hour = STATES * HOUR
    moves = np.zeros(states)
    if price == "trend":
        moves += random.choice([-1, 1]) * random.uniform(*TRENDS) / an_hour
    elif price == "jumps":
        at = random.random(states) < JUMPS / an_hour
        moves[at] = JUMP_BPS * random.standard_normal(np.count_nonzero(at))
    return np.rint(np.cumsum(moves) / SPREAD_BPS)


@dataclass(frozen=True)
class Made:
    """What the entries of a tape made, bps of the value traded, summed.

    Attributes
    ----------
    entries : int
        Their number.
    net : float
        As it happened, net of costs.
    expected : float
        By the pressure at each entry, net of costs: what it would be in the mean over all prices
        that the same books could have been followed by.
    """

    entries: int
    net: float
    expected: float


def costs(parameters: Parameters) -> float:
    """Return what a round trip costs, bps: the spread and two fees."""
    return SPREAD_BPS + 2 * parameters.fee_bps


def made(tape: Tape, edge: float, parameters: Parameters) -> Made:
    """Return what the entries of a tape made, and what was to be expected with this edge."""
    trades = entries(tape.history, parameters).dropna(subset=["net_bps"])  # the last may be open
    if not len(trades):
        return Made(0, 0.0, 0.0)
    times = trades["entry_time"].array.asi8  # ns UTC
    pressure = tape.pressure[np.searchsorted(tape.history.time, times)]
    faded = 1 - math.exp(-parameters.hold_seconds / SimulatedMarket.fade)
    moves = edge * faded * pressure * trades["side"].to_numpy()
    expected = float(np.sum(moves - costs(parameters)))
    return Made(len(trades), float(trades["net_bps"].sum()), expected)
