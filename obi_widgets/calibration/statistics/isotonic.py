"""Least-squares fit that never decreases: pool-adjacent-violators.

Ayer, Brunk, Ewing, Reid and Silverman (1955, Annals of Mathematical Statistics 26, 641). A value
that is below the one before it is pooled with it, to their weighted mean, until none is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def isotonic(values: Floats, weights: Floats) -> tuple[Floats, Ints]:
    """Return the non-decreasing series with the least weighted squared distance from another.

    Parameters
    ----------
    values, weights : ndarray of float64, shape (N,)
        Values in their order, without NaN, and their weights, above 0.

    Returns
    -------
    fitted : ndarray of float64, shape (N,)
    first : ndarray of int64, shape (P,)
        Where each of the P pools begins.
    """
    means: list[float] = []
    totals: list[float] = []
    begins: list[int] = []
    for at, (mean, total) in enumerate(zip(values.tolist(), weights.tolist(), strict=True)):
        begin = at
        while means and means[-1] >= mean:
            before, other = means.pop(), totals.pop()
            mean = (before * other + mean * total) / (other + total)
            total += other
            begin = begins.pop()
        means.append(mean)
        totals.append(total)
        begins.append(begin)
    first = np.array(begins, np.int64)
    return np.repeat(means, np.diff(np.append(first, len(values)))), first
