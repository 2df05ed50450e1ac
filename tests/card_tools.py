"""Markets whose imbalance is given, and plain loops that say what cards must say of them."""

from __future__ import annotations

import math

import numpy as np
from history_tools import SECOND, START

import obi_widgets as obi

CYCLE = 10 * SECOND


def market(leans, every=5.0, start=START, mids=None, lost=()):
    """Return a history of one level a side, of which the imbalance is `leans`, −1..+1."""
    leans = np.asarray(leans, float)
    time = start + np.rint(np.arange(len(leans)) * every * SECOND).astype(np.int64)
    bid = np.full(len(leans), 100.0) if mids is None else np.asarray(mids, float) - 0.05
    bid = np.round(bid, 1)
    bid[list(lost)] = np.nan
    return obi.History.from_arrays(
        time, bid, (1 + leans) / 2, bid + 0.1, (1 - leans) / 2, tick_size=0.1
    )


def wandering(states, seed=0, keep=0.995, size=0.08):
    """Return leans that wander, slowly enough that windows differ."""
    rng = np.random.default_rng(seed)
    out, at = np.empty(states), 0.0
    for row, step in enumerate(rng.normal(0, size, states)):
        at = keep * at + step
        out[row] = math.tanh(at)
    return out


def cycle_means(time, values):
    """Return {end of a cycle: (mean, share live)}, by a loop over states, added exactly."""
    sums: dict[int, list[tuple[float, int]]] = {}
    for row in range(len(time) - 1):
        at, until = int(time[row]), int(time[row + 1])
        while at < until:
            stop = min(until, (at // CYCLE + 1) * CYCLE)
            sums.setdefault(at // CYCLE, []).append((float(values[row]), stop - at))
            at = stop
    first, newest = -(-int(time[0]) // CYCLE), int(time[-1]) // CYCLE
    found = {}
    for cycle in range(first, newest):
        some = [(v, ns) for v, ns in sums.get(cycle, []) if not math.isnan(v)]
        live = sum(ns for _, ns in some)
        mean = math.fsum(v * ns for v, ns in some) / live if live else math.nan
        found[(cycle + 1) * CYCLE] = mean, live
    return found


def windows(means, seconds):
    """Return the mean over live time of the window that ends at each end; NaN where it has none."""
    ends = sorted(means)
    count = round(seconds / 10)
    out = []
    for row in range(len(ends)):
        some = [means[end] for end in ends[max(row + 1 - count, 0) : row + 1]]
        live = sum(ns for _, ns in some)
        seen = row + 1 >= count and live >= 0.9 * count * CYCLE
        total = math.fsum(mean * ns for mean, ns in some if ns)
        out.append(total / live if seen else math.nan)
    return np.array(out)


def bands(values, most=8640, least=360):
    """Return the 0.75-quantile of |value| over the rows before each one."""
    out = []
    for row in range(len(values)):
        past = sorted(abs(v) for v in values[max(row - most, 0) : row] if not math.isnan(v))
        out.append(past[math.floor(0.75 * (len(past) - 1))] if len(past) >= least else math.nan)
    return np.array(out)
