"""Returns over a horizon, in NumPy and plain Python.

`forward_returns_numba` has the same, operation for operation: both round in the same
places, so that which of them ran cannot be told from the result.
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
    """Write where the horizon of each state ends, and how far mid has moved by then.

    Parameters
    ----------
    time, lost, mid : ndarray, shape (T,)
        Nanoseconds, never decreasing; whether the book was lost; quote currency.
    horizon : int
        Nanoseconds, above 0.
    after : bool
        The first state at or after the horizon's end; otherwise the last at or before it.
    end : ndarray of int32, shape (T,)
        Written to: a row, −1 where there is no return.
    move : ndarray of float64, shape (T,)
        Written to: bps, NaN where there is no return.
    """
    rows = np.arange(len(time))
    due = time + horizon
    if after:
        at = np.searchsorted(time, due, side="left")
        known = at < len(time)
    else:
        at = np.searchsorted(time, due, side="right") - 1
        known = time[-1:] >= due
    at = np.minimum(at, len(time) - 1)
    last_lost = np.maximum.accumulate(np.where(lost, rows, -1))
    known = known & (last_lost[at] < rows)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        moved = 1e4 * (mid[at] / mid - 1.0)
    known &= ~np.isnan(moved)
    end[:] = np.where(known, at, -1)
    move[:] = np.where(known, moved, np.nan)
