"""Sums of walls at each state in NumPy; `walls_numba` has the same, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.large_levels_numpy import STANDING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def spans(
    number: Ints,
    row: Ints,
    born: Ints,
    state: Ints,
    found: Ints,
    start: int,
    time: Ints,
    age: int,
) -> tuple[Ints, Ints, Ints]:
    """Return in which states a size of a wall stands that is old enough.

    Parameters
    ----------
    number, row, born, state, found : ndarray of int64, shape (N,)
        Columns of `LargeLevels`, in the order in which changes became known.
    start : int
        Number of the first state.
    time : ndarray of int64, shape (T,)
        Nanoseconds.
    age : int
        Nanoseconds for which a wall has to have stood, unless it stood there when it was found.

    Returns
    -------
    three arrays of int64, shape (M,)
        Which of the N it is, the first state, and the one after the last.
    """
    by_level = np.argsort(number, kind="stable")
    begins = np.maximum(row - start, 0)
    until = np.full(len(row), len(time))
    # A size stands until the level's next row.
    same = number[by_level[1:]] == number[by_level[:-1]]
    until[by_level[:-1][same]] = begins[by_level[1:][same]]
    old = np.searchsorted(time, born + age)
    begins = np.where(found > 0, begins, np.maximum(begins, old))
    rows = np.flatnonzero((state == STANDING) & (begins < until))
    return rows, begins[rows], until[rows]


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
