"""How much rests within some levels, or within a distance from mid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.levels import prices_of
from obi_widgets.signals.coverage import ticks_within
from obi_widgets.signals.imbalance_numpy import EDGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.signals.coverage import LevelsUsed

    Floats = NDArray[np.float64]


def depth_within(history: History, used: LevelsUsed, which: int) -> tuple[Floats, Floats]:
    """Return the depth of one side in each state: base units, and quote currency.

    Parameters
    ----------
    history : History
        T states.
    used : LevelsUsed
        Either a depth or a band.
    which : int
        0 for bids, 1 for asks.

    Returns
    -------
    tuple of ndarray of float64, shape (T,)
        Sums over the kept levels that lie within; 0 where there is none.
    """
    side, best = (+1, history.bid) if which == 0 else (-1, history.ask)
    base, quote = np.zeros((2, len(history)))
    for rows, block in history.chunks():
        mid = history.mid[rows]
        # Rank by rank, so that a state's sum is the same whatever states stand beside it.
        for rank in range(min(used.depth or history.levels, history.levels)):
            sizes = block.sizes[which, rank].astype(float)
            prices = prices_of(block.ticks[which, rank], best[rows], side, history.tick_size)
            if used.band_bps is not None:
                with np.errstate(invalid="ignore"):
                    near = 1e4 * np.abs(prices - mid) <= (used.band_bps + EDGE) * mid
                if not near.any():  # further levels are further away
                    break
                sizes[~near] = 0.0
            base[rows] += sizes
            quote[rows] += np.nan_to_num(prices) * sizes
    return base, quote


def sizes_within(history: History, band_bps: float) -> Floats:
    """Return what rests within a distance from mid in each state, shape (2, T), base units.

    Bids first. The same as `depth_within` says, without values, at a fifth of its time: the band is
    counted in ticks from each side's best. NaN without a mid.
    """
    most = ticks_within(history, band_bps)
    out = np.zeros((2, len(history)))
    for rows, block in history.chunks():
        for rank in range(history.levels):
            near = block.ticks[:, rank] <= most[:, rows]
            if not near.any():  # further levels are further away
                break
            out[:, rows] += np.where(near, block.sizes[:, rank], 0.0)
    out[:, np.isnan(history.mid)] = np.nan
    return out
