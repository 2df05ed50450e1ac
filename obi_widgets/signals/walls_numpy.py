"""Sums of walls at each state in NumPy; `walls_numba` has the same, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def resting(
    begin: Ints, end: Ints, key: Floats, size: Floats, mid: Floats, within_bps: float
) -> Floats:
    """Return what rests in walls near mid at each state.

    Parameters
    ----------
    begin, end : ndarray of int64, shape (N,)
        First state of each size of a wall, and the one after the last.
    key, size : ndarray of float64, shape (N,)
        Price, below 0 for asks; base units.
    mid : ndarray of float64, shape (T,)
        Mid; NaN where there is none.
    within_bps : float
        Largest distance from mid.

    Returns
    -------
    ndarray of float64, shape (2, T)
        Base units among the bids, and among the asks, added in the order given.
    """
    out = np.zeros((2, len(mid)))
    within = within_bps / 1e4
    for first, last, where, amount in zip(
        begin.tolist(), end.tolist(), key.tolist(), size.tolist(), strict=True
    ):
        part = mid[first:last]
        near = np.abs(part - abs(where)) <= within * part
        out[0 if where > 0 else 1, first:last][near] += amount
    return out
