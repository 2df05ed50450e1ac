"""Changes to one side of a book, in NumPy and plain Python.

`book_numba` has the same, operation for operation: both round in the same
places, so that which of them ran cannot be told from the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def apply(levels: Floats, count: int, sign: int, changes: Floats) -> int:
    """Set the sizes of a book's side, in order; 0 removes.

    Parameters
    ----------
    levels : ndarray of float64, shape (2, room)
        See `obi_widgets.market_data.book.Side`; changed. There is room for all the changes.
    count : int
        Levels that stand there.
    sign : int
        Of the side's keys.
    changes : ndarray of float64, shape (n, 2)
        Prices and sizes.

    Returns
    -------
    int
        How many levels there are then.
    """
    found = dict(zip((sign * changes[:, 0]).tolist(), changes[:, 1].tolist(), strict=True))
    new = np.array(sorted(found.items())).T
    old = levels[:, :count]
    merged = np.concatenate([old[:, ~np.isin(old[0], new[0])], new], axis=1)
    merged = merged[:, merged[1] > 0]
    merged = merged[:, np.argsort(merged[0], kind="stable")]
    levels[:, : merged.shape[1]] = merged
    return int(merged.shape[1])


def apply_within(
    levels: Floats, count: int, sign: int, changes: Floats, window: int, edge: float
) -> tuple[int, float]:
    """Set the sizes of a book's side, and forget the levels beyond a window's best ones.

    Parameters
    ----------
    levels, count, sign, changes
        See `apply`.
    window : int
        Levels to keep, above 0.
    edge : float
        The key from which on the side was known.

    Returns
    -------
    tuple of int and float
        How many levels there are then, and the key from which on the side is known: that of the
        window's last; as before when there are fewer levels.
    """
    count = apply(levels, count, sign, changes)
    there = np.flatnonzero(levels[1, :count])
    if len(there) < window:
        return count, edge
    first = int(there[-window])
    levels[:, : count - first] = levels[:, first:count].copy()
    return count - first, float(levels[0, 0])
