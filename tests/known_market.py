"""Histories with a known edge, made fast by the model of the simulated exchange.

The hidden pressure z is the mean of three components, each redrawn uniformly from −1..+1 at
rate 1/8 s; mid jumps four times a second by geometric ticks, up with probability (1 + θz)/2. So
the expected move of mid within h seconds is edge · z · (1 − exp(−h / 8)) bps (see
`obi_widgets.feeds.simulation.simulator`). The book has one level per side, whose sizes give the
imbalance: z plus autocorrelated noise.

So the mean return after an entry is known: E[x·r] = edge · (1 − exp(−h / 8)) · E[x·z | entry]. The
last factor depends on the signal alone; `pressure_at` estimates it from forty hours of signal.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from history_tools import early

import obi_widgets as obi
from obi_widgets.calibration import episodes
from obi_widgets.feeds.simulation.mid_paths import LISTING, decaying, mid_path
from obi_widgets.feeds.simulation.simulator import SimulatedMarket

STATES = 10  # per second
LEAN, NOISE, NOISE_SECONDS = 0.9, 0.25, 2.0  # factor of z; size and persistence of the noise
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def path(seconds, edge=0.0, seed=0):
    """Return mid (ticks), pressure, and imbalance at every state."""
    random = np.random.default_rng(seed)
    mid, z = mid_path(random, seconds, edge, STATES)
    kept = np.exp(-1 / STATES / NOISE_SECONDS)
    noise = NOISE * np.sqrt(1 - kept**2) * random.standard_normal(len(z))
    noise[0] /= np.sqrt(1 - kept**2)
    return mid, z, np.clip(LEAN * z + decaying(noise, kept), -0.99, 0.99)


def history(seconds, edge=0.0, seed=0):
    """Return the history of such a market; its imbalance is the same at any decay and depth."""
    mid, _, imbalance = path(seconds, edge, seed)
    price = LISTING.tick_size
    time = START + np.arange(len(mid)) * (SECOND // STATES)
    # Without a second level a side is complete: any depth has a signal.
    columns = np.full((4, len(mid), 2), np.nan)
    for column, values in zip(
        columns, (mid - 0.5, 1 + imbalance, mid + 0.5, 1 - imbalance), strict=True
    ):
        column[:, 0] = values
    columns[::2] *= price
    return obi.History.from_arrays(time, *columns, tick_size=price)


@cache
def pressure_at(threshold, kind="beyond"):
    """Return E[x·z | entry], estimated from forty hours."""
    total = count = 0
    for seed in range(20):
        _, z, imbalance = path(7200, seed=10**6 + seed)
        x = episodes.entry_columns(whole(len(z)), imbalance, threshold, kind=kind)[:, 0]
        total, count = total + np.sum(x * z), count + np.count_nonzero(x)
    return total / count


def effect(edge, horizon, threshold, kind="beyond"):
    """Return the true mean return after an entry, bps."""
    faded = 1 - np.exp(-np.asarray(horizon) / SimulatedMarket.fade)
    return edge * faded * pressure_at(threshold, kind)


def whole(states):
    """Return a history that is never lost, as `entry_columns` needs it."""
    ones = np.ones(states)
    return early(np.arange(states), ones, ones, ones + 1, ones)
