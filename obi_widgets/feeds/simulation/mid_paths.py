"""Mid and hidden pressure of the simulated market, for all steps at once and without its orders.

It is the model of `obi_widgets.feeds.simulation.simulator`, in arrays: the pressure is the mean of
components that are drawn anew at random, and mid jumps by a geometric number of ticks, up with
probability (1 + θ·z)/2. So what an edge comes to is known here as it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.feeds.simulation.simulator import LISTINGS, STEP, SimulatedMarket

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

LISTING = LISTINGS["BTC-PERP"]

LARGEST_EDGE = (
    1e4
    * LISTING.tick_size
    / LISTING.price
    * SimulatedMarket.jumps
    * SimulatedMarket.mean_jump
    * SimulatedMarket.fade
)
"""Expected move of mid after a pressure of +1 that is possible at this volatility, bps."""


def mid_path(
    random: np.random.Generator, seconds: float, edge: float, states: int, lasts: float = 1.0
) -> tuple[Floats, Floats]:
    """Return mid and pressure at every state.

    Parameters
    ----------
    random : numpy.random.Generator
        It advances.
    seconds : float
        Length of the path.
    edge : float
        Expected move of mid after a pressure of +1, bps; at most `LARGEST_EDGE`.
    states : int
        States a second; 20 at most.
    lasts : float
        The edge ends after this share of the path, 0..1.

    Returns
    -------
    mid : ndarray of float, shape (T,)
        Ticks: half of one above a whole number, for a spread of one tick.
    pressure : ndarray of float, shape (T,)
        −1..+1.
    """
    steps, market = round(seconds / STEP), SimulatedMarket
    z = np.zeros(steps)
    for _ in range(market.components):
        new = random.random(steps) < STEP / market.fade
        new[0] = True
        at = np.flatnonzero(new)
        z += np.repeat(random.uniform(-1, 1, len(at)), np.diff(np.append(at, steps)))
    z /= market.components
    leads = edge / LARGEST_EDGE * (np.arange(steps) < lasts * steps)
    up = random.random(steps) < (1 + leads * z) / 2
    ticks = random.geometric(1 / market.mean_jump, steps)
    ticks[random.random(steps) >= market.jumps * STEP] = 0
    mid = LISTING.price / LISTING.tick_size + 0.5 + np.cumsum(np.where(up, ticks, -ticks))
    every = round(1 / states / STEP)
    return mid[every - 1 :: every], z[every - 1 :: every]


def decaying(noise: Floats, kept: float) -> Floats:
    """Return an autoregression of order one along the first axis: kept · last + noise."""
    # In blocks, so that the powers neither vanish nor overflow.
    out, last, block = np.empty_like(noise), np.zeros(noise.shape[1:]), 200
    for start in range(0, len(noise), block):
        new = noise[start : start + block]
        powers = kept ** np.arange(1, len(new) + 1)
        powers = powers.reshape(-1, *(1,) * (noise.ndim - 1))
        out[start : start + block] = powers * (last + np.cumsum(new / powers, axis=0))
        last = out[start + len(new) - 1]
    return out
