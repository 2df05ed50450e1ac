"""The best levels of one book state, compiled: see `ladder`.

Only the kernel loader imports this module: it imports numba, which takes a while.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.levels import TILE
from obi_widgets.signals.imbalance_numpy import EDGE


@njit(nogil=True, cache=True, error_model="numpy")
def levels(ticks, sizes, place, state, weighings, count):
    """Return price, size and weight of the best levels of both sides, shape (3, 2, count).

    Parameters
    ----------
    ticks, sizes : ndarray, shape (tiles, 2, levels, TILE)
        The block of levels of the state.
    place : int
        Where the state stands in the block.
    state : tuple of float
        Best bid and ask, tick size, quote currency; the tick size as a fraction.
    weighings : ndarray of float64, shape (n, 3)
        Decay per bp, depth and band in bps, NaN for no limit; see
        `obi_widgets.signals.insight.Weighing`.
    count : int
        Levels a side.
    """
    bid, ask, tick_size, step, parts = state
    tile, at = place // TILE, place % TILE
    mid = (bid + ask) / 2
    half_spread, tick_bps = 5e3 * (ask - bid) / mid, 1e4 * tick_size / mid
    found = np.full((3, 2, count), np.nan)
    found[2] = 0.0
    for side in range(2):
        best, sign = (np.rint(bid / tick_size), -1) if side == 0 else (np.rint(ask / tick_size), 1)
        for level in range(count):
            size = np.float64(sizes[tile, side, level, at])
            if size <= 0:
                continue
            away = np.float64(ticks[tile, side, level, at])
            found[0, side, level] = (best + sign * away) * step / parts
            found[1, side, level] = size
            distance = away * tick_bps  # bps from the own side's best
            for decay, depth, band_bps in weighings:
                if level >= depth or distance + half_spread > band_bps + EDGE:
                    continue
                weight = np.exp(-decay * distance) * np.exp(-decay * half_spread)
                found[2, side, level] = max(found[2, side, level], weight)
    return found


def compile_all():
    """Compile for the types that histories have."""
    for dtype in (np.uint8, np.uint16, np.uint32):
        ticks, sizes = np.zeros((1, 2, 1, TILE), dtype), np.zeros((1, 2, 1, TILE), np.float32)
        levels(ticks, sizes, 0, (1.0, 2.0, 1.0, 1.0, 1.0), np.zeros((1, 3)), 1)
