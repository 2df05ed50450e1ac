"""Sums over the levels of each side by rank, in NumPy.

`rank_sums_numba` does the same operations in the same order, so both give the same to the bit.
Levels are added one by one in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

SIZE, NOTIONAL, DISTANCE = range(3)
"""What of a level is added: size; size · price; size · distance from mid in bps."""


def block(
    bid: Floats,
    ask: Floats,
    ticks: NDArray[np.unsignedinteger[Any]],
    sizes: Singles,
    at: int,
    tick_size: float,
    weights: Floats,
    measure: int,
    out: Floats,
) -> None:
    """Write the sums of a block's states to ``out``.

    Parameters
    ----------
    bid, ask : ndarray of float64, shape (n,)
        Best prices; NaN where there is none.
    ticks, sizes : ndarray, shape (TILES, 2, levels, TILE)
        See `obi_widgets.history.levels.Levels`.
    at : int
        Where the states begin in the block.
    tick_size : float
        Quote currency.
    weights : ndarray of float64, shape (ranks,)
        Weight of each rank, the best first; ranks of weight 0 are left out.
    measure : int
        `SIZE`, `NOTIONAL` or `DISTANCE`.
    out : ndarray of float64, shape (2, n)
        Written to, bids first; NaN in a state without both sides.
    """
    used = np.flatnonzero(weights)
    start = 0
    while start < len(bid):
        tile, state = divmod(at + start, ticks.shape[3])
        states = slice(start, min(start + ticks.shape[3] - state, len(bid)))
        part = slice(state, state + states.stop - start)
        buy, sell = bid[states], ask[states]
        base, step = np.ones((2, len(buy))), np.zeros((2, len(buy)))
        if measure == NOTIONAL:
            base[:] = buy, sell
            step[:] = np.array([[-tick_size], [tick_size]])
        elif measure == DISTANCE:
            mid = (buy + sell) * 0.5
            base[:] = 5e3 * (sell - buy) / mid
            step[:] = 1e4 * tick_size / mid
        total = np.zeros((2, len(buy)))
        for rank in used[used < ticks.shape[2]]:
            away = base + step * ticks[tile, :, rank, part]
            total += weights[rank] * sizes[tile, :, rank, part] * away
        out[:, states] = np.where(buy < sell, total, np.nan)  # False where a price is NaN
        start = states.stop
