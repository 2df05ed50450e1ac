"""Sums over the levels of each side by rank, compiled: see `rank_sums_numpy`.

Only the kernel loader imports this module: it imports numba, which takes a while. Time is the
innermost axis, which LLVM vectorises without fast-math.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.levels import TILE
from obi_widgets.signals.rank_sums_numpy import DISTANCE, NOTIONAL


@njit(nogil=True, cache=True, error_model="numpy")
def block(bid, ask, ticks, sizes, at, tick_size, weights, measure, out):
    """Write the sums of a block's states to ``out``; see `rank_sums_numpy.block`."""
    base, step = np.ones((2, TILE)), np.zeros((2, TILE))
    total = np.empty((2, TILE))
    ranks = min(len(weights), ticks.shape[2])
    # Views begin at 0: an index that might be negative would keep a loop from being vectorised.
    start = 0
    while start < len(bid):
        bids, asks = bid[start:], ask[start:]
        tile, state = (at + start) // TILE, (at + start) % TILE
        states = min(TILE - state, len(bids))
        if measure == NOTIONAL:
            for t in range(states):
                base[0, t], step[0, t] = bids[t], -tick_size
                base[1, t], step[1, t] = asks[t], tick_size
        elif measure == DISTANCE:
            for t in range(states):
                mid = (bids[t] + asks[t]) * 0.5
                base[0, t] = base[1, t] = 5e3 * (asks[t] - bids[t]) / mid
                step[0, t] = step[1, t] = 1e4 * tick_size / mid
        total[:] = 0.0
        for side in range(2):
            own, near, by = total[side], base[side], step[side]
            for rank in range(ranks):
                weight = weights[rank]
                if weight == 0.0:
                    continue
                tick, size = ticks[tile, side, rank, state:], sizes[tile, side, rank, state:]
                if measure == 0:
                    for t in range(states):
                        own[t] += weight * np.float64(size[t])
                else:
                    for t in range(states):
                        away = near[t] + by[t] * np.float64(tick[t])
                        own[t] += weight * np.float64(size[t]) * away
        for side in range(2):
            own, result = total[side], out[side, start:]
            for t in range(states):
                result[t] = own[t] if bids[t] < asks[t] else np.nan
        start += states


def compile_all():
    """Compile for the types that histories have."""
    prices = np.ones(1)
    prices.flags.writeable = False  # as a history's columns, which is a type of its own to numba
    for dtype in (np.uint8, np.uint16, np.uint32):
        ticks, sizes = np.zeros((1, 2, 1, TILE), dtype), np.ones((1, 2, 1, TILE), np.float32)
        block(prices, prices, ticks, sizes, 0, 1.0, np.ones(1), 0, np.empty((2, 4))[:, :1])
