"""The best levels of one book state and their bars, compiled: see `ladder_numpy`.

Only the kernel loader imports this module: it imports numba, which takes a while.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.levels import TILE
from obi_widgets.signals.imbalance_numpy import EDGE


@njit(nogil=True, cache=True, error_model="numpy")
def levels(ticks, sizes, place, state, weighings, count):
    """Return the best levels of both sides; see `ladder_numpy.levels`."""
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
            for decay, depth, band_bps, rank_decay, first in weighings:
                after = level + 1 - first  # ranks behind the first one
                if after < 0 or level >= depth or distance + half_spread > band_bps + EDGE:
                    continue
                weight = np.exp(-decay * distance) * np.exp(
                    -decay * half_spread - rank_decay * after
                )
                found[2, side, level] = max(found[2, side, level], weight)
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def bars(size, weight, largest, full):
    """Return the lengths of the bars of levels; see `ladder_numpy.bars`."""
    lengths = np.zeros((2, *size.shape), np.int64)
    for side in range(2):
        for level in range(size.shape[1]):
            whole = size[side, level]
            if np.isnan(whole):
                continue
            part = whole * weight[side, level]
            lengths[0, side, level] = np.rint(full * np.sqrt(whole / largest))
            lengths[1, side, level] = np.rint(full * np.sqrt(part / largest))
            if weight[side, level] > 0:
                lengths[1, side, level] = max(lengths[1, side, level], 1)
    return lengths


def compile_all():
    """Compile for the types that histories have."""
    for dtype in (np.uint8, np.uint16, np.uint32):
        ticks, sizes = np.zeros((1, 2, 1, TILE), dtype), np.zeros((1, 2, 1, TILE), np.float32)
        levels(ticks, sizes, 0, (1.0, 2.0, 1.0, 1.0, 1.0), np.zeros((1, 5)), 1)
    size = np.zeros((2, 2))
    bars(size, size, 1.0, 1)
    bars(size[:, :1], size[:, :1], 1.0, 1)  # fewer levels than there are: another memory layout
