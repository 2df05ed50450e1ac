"""Volume buckets of the trades of each state's window, in NumPy; `vpin_numba` has the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.signals import windows_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Whole = NDArray[np.signedinteger[Any]]


def imbalances(
    sizes: Whole, ends: Ints, time: Ints, back: int, buckets: int, row: int
) -> tuple[Ints, Ints]:
    """Return Σ |bought − sold| over a window's volume buckets, and the window's volume.

    Parameters
    ----------
    sizes : ndarray of integers, shape (N,)
        Size of each trade in lots, below 0 where the taker sold.
    ends : ndarray of int64, shape (T + 1,)
        Trades before each state's own, and at last their number.
    time : ndarray of int64, shape (T,)
        Nanoseconds.
    back : int
        Length of the window, ns.
    buckets : int
        Parts of the window's volume, equally large. A trade at a border is split.
    row : int
        First state that is wanted.

    Returns
    -------
    two arrays of int64, shape (T,)
        In lots, times ``buckets``: whole numbers, wherever the borders fall. 0 before ``row``.
    """
    first = ends[windows_numpy.begins(time, back)][row:]
    volume = windows_numpy.running(abs(sizes)) * buckets
    signed = windows_numpy.running(sizes) * buckets
    begin, of_window = volume[first], (volume[ends[1:]][row:] - volume[first]) // buckets
    side = np.append(np.sign(sizes), 0)
    total: NDArray[Any] = begin * 0
    before: NDArray[Any] = signed[first]
    for bucket in range(1, buckets + 1):
        border = begin + bucket * of_window  # its volume since the first trade
        trade = np.maximum(np.searchsorted(volume, border) - 1, 0)
        there = signed[trade] + side[trade] * (border - volume[trade])
        total = total + abs(there - before)
        before = there
    out: NDArray[Any] = np.zeros((2, len(time)), total.dtype)
    out[0, row:], out[1, row:] = total, of_window * buckets
    return out[0], out[1]
