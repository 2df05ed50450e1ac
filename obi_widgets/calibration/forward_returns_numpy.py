"""Returns over a horizon, in NumPy.

`forward_returns_numba` is the compiled twin. It performs the same operations in the same order, so
that both return the same results to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def forward(
    time: NDArray[np.int64],
    lost: NDArray[np.bool_],
    mid: Floats,
    horizon: int,
    after: bool,
    end: NDArray[np.int32],
    move: Floats,
) -> None:
    """Write where the horizon of each state ends, and the return of mid within it.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds, never decreasing.
    lost : ndarray of bool, shape (T,)
        Whether the book was lost.
    mid : ndarray of float64, shape (T,)
        Quote currency.
    horizon : int
        Nanoseconds, above 0.
    after : bool
        If True, end at the first state at or after the horizon's end; otherwise at the last state
        at or before it.
    end : ndarray of int32, shape (T,)
        Output: row of the state that ends the horizon, −1 where there is no return.
    move : ndarray of float64, shape (T,)
        Output: return in bps, NaN where there is none.
    """
    rows = np.arange(len(time))
    due = time + horizon
    if after:
        last = np.searchsorted(time, due, side="left")
        known = last < len(time)
    else:
        last = np.searchsorted(time, due, side="right") - 1
        known = time[-1:] >= due
    last = np.minimum(last, len(time) - 1)
    last_lost = np.maximum.accumulate(np.where(lost, rows, -1))
    known = known & (last_lost[last] < rows)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        bps = 1e4 * (mid[last] / mid - 1.0)
    known &= ~np.isnan(bps)
    end[:] = np.where(known, last, -1)
    move[:] = np.where(known, bps, np.nan)
