"""The best levels of one book state and their bars, in NumPy.

`ladder_numba` has the same functions, and gives the same but for the last bits of an exponential.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.history.levels import TILE
from obi_widgets.signals.imbalance_numpy import EDGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SIDES = np.array([[-1.0], [+1.0]])
"""Towards lower prices for bids, towards higher ones for asks."""


def levels(
    ticks: NDArray[np.unsignedinteger[Any]],
    sizes: NDArray[np.float32],
    place: int,
    state: tuple[float, float, float, float, float],
    weighings: Floats,
    count: int,
) -> Floats:
    """Return price, size and weight of the best levels of both sides, shape (3, 2, count).

    Parameters
    ----------
    ticks, sizes : ndarray, shape (tiles, 2, levels, TILE)
        The block of levels of the state.
    place : int
        Where the state stands in the block.
    state : tuple of float
        Best bid and ask, tick size, quote currency; the tick size as a fraction.
    weighings : ndarray of float64, shape (n, 5)
        Decay per bp, depth and band in bps, NaN for no limit, decay per rank and first rank; see
        `obi_widgets.signals.insight.Weighing`.
    count : int
        Levels a side.
    """
    bid, ask, tick_size, step, parts = state
    tile, at = divmod(place, TILE)
    away = ticks[tile, :, :count, at].astype(float)
    size = sizes[tile, :, :count, at].astype(float)
    there, mid = size > 0, (bid + ask) / 2
    best = np.rint(np.array([[bid], [ask]]) / tick_size)
    half_spread, distance = 5e3 * (ask - bid) / mid, away * (1e4 * tick_size / mid)
    found = np.full((3, 2, count), np.nan)
    found[0][there] = ((best + SIDES * away) * step / parts)[there]
    found[1][there] = size[there]
    found[2] = 0.0
    for decay, depth, band_bps, rank_decay, first in weighings:
        after = np.arange(1, count + 1) - first  # ranks behind the first one
        unused = (after < 0) | (np.arange(count) >= depth)
        unused = unused | (distance + half_spread > band_bps + EDGE)
        weight = np.exp(-decay * distance) * np.exp(-decay * half_spread - rank_decay * after)
        found[2] = np.maximum(found[2], np.where(there & ~unused, weight, 0.0))
    return found


def bars(size: Floats, weight: Floats, largest: float, full: int) -> NDArray[np.int64]:
    """Return the lengths of the bars of levels, shape (2, 2, n): whole sizes; what is used of them.

    A length is the square root of a share of the largest size. That of a level that is used is
    never 0, even if its weight is almost 0.

    Parameters
    ----------
    size, weight : ndarray of float64, shape (2, n)
        See `obi_widgets.presentation.reading.ladder.Ladder`.
    largest : float
        Size of the longest bar.
    full : int
        Its length.
    """
    whole = np.nan_to_num(size)
    shares = np.stack([whole, whole * weight]) / largest
    lengths: NDArray[np.int64] = np.rint(full * np.sqrt(shares)).astype(np.int64)
    lengths[1] = np.maximum(lengths[1], weight > 0)
    return lengths
