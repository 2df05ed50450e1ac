"""Changes to one side of a book, in NumPy and plain Python.

`book_numba` has the same functions, and both return the same results to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def apply(levels: Floats, count: int, sign: int, changes: Floats) -> int:
    """Set the sizes at some prices of a book's side, in order. Size 0 removes the level.

    Parameters
    ----------
    levels : ndarray of float64, shape (2, room)
        See `obi_widgets.market_data.book.Side`. Changed in place; it has room for all changes.
    count : int
        Number of stored levels.
    sign : int
        +1 for bids, −1 for asks: a key is price × sign.
    changes : ndarray of float64, shape (n, 2)
        Prices and sizes.

    Returns
    -------
    int
        The new number of stored levels.
    """
    if not count:
        return _fill(levels, sign, changes)
    sizes = dict(zip((sign * changes[:, 0]).tolist(), changes[:, 1].tolist(), strict=True))
    new = sorted(sizes.items())
    old = levels[:, :count]
    places = old[0].searchsorted([key for key, _ in new]).tolist()
    added = []
    for place, (key, size) in zip(places, new, strict=True):
        if place < count and old[0, place] == key:
            old[1, place] = size
        elif size > 0:
            added.append((key, size))
    stands = old[1] > 0
    if not stands.all():
        old = old[:, stands]
    elif not added:
        return count
    merged = np.concatenate([old, np.array(added).T], axis=1) if added else old
    if added:
        merged = merged[:, merged[0].argsort(kind="stable")]
    count = int(merged.shape[1])
    levels[:, :count] = merged
    return count


def _fill(levels: Floats, sign: int, changes: Floats) -> int:
    """Set the sizes of a side that has no level; return the number of levels."""
    count = len(changes)
    keys, sizes = sign * changes[:, 0], changes[:, 1]
    if (keys[1:] < keys[:-1]).all() and (sizes > 0).all():  # best first, as most snapshots are
        levels[0, :count], levels[1, :count] = keys[::-1], sizes[::-1]
        return count
    new = np.stack((keys, sizes))
    new = new[:, new[0].argsort(kind="stable")]
    keys = new[0]
    last = np.append(keys[1:] != keys[:-1], True)  # of two at one price, the later one counts
    new = new[:, last & (new[1] > 0)]
    count = int(new.shape[1])
    levels[:, :count] = new
    return count


def apply_within(
    levels: Floats, count: int, sign: int, changes: Floats, window: int, edge: float
) -> tuple[int, float]:
    """Set the sizes at some prices of a book's side, and drop the levels beyond a window.

    Parameters
    ----------
    levels, count, sign, changes
        See `apply`.
    window : int
        Number of best levels to keep, above 0.
    edge : float
        The smallest key of the known range.

    Returns
    -------
    count : int
        The new number of stored levels.
    edge : float
        The smallest key of the known range: that of the window's last level. Unchanged if there
        are fewer levels than the window has.
    """
    count = apply(levels, count, sign, changes)
    rows = np.flatnonzero(levels[1, :count])
    if len(rows) < window:
        return count, edge
    first = int(rows[-window])
    levels[:, : count - first] = levels[:, first:count].copy()
    return count - first, float(levels[0, 0])
