"""Number of values in a trailing window that are less than the newest, in NumPy.

`thresholds_numba` computes the same integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def below(sizes: Floats, time: Ints, window: int, first: int) -> tuple[Ints, Ints]:
    """Count the values in each state's window, and those that are less than its own.

    Parameters
    ----------
    sizes : ndarray of float64, shape (T,)
        NaN without a value; such states are in no window.
    time : ndarray of int64, shape (T,)
        Nanoseconds, never decreasing.
    window : int
        Nanoseconds. The window of a state at t contains the earlier states after t − window.
    first : int
        First state that is needed.

    Returns
    -------
    ndarray of int64, shape (T - first,)
        Number of smaller values; 0 for a state without a value.
    ndarray of int64, shape (T - first,)
        Number of values.
    """
    there = ~np.isnan(sizes)
    before = np.append(0, np.cumsum(there))  # values before each state
    start = before[np.searchsorted(time, time[first:] - window, "right")]
    stop = before[first:-1]
    start = np.minimum(start, stop)
    known = there[first:]
    _, order = np.unique(sizes[there], return_inverse=True)
    less = np.zeros(len(known), np.int64)
    less[known] = _less(order.ravel(), start[known], stop[known], order.ravel()[before[first] :])
    return less, np.asarray(stop - start)


def _less(values: Ints, start: Ints, stop: Ints, bound: Ints) -> Ints:
    """Count the values below a bound in ranges of rows, all ranges at once.

    It goes from the highest bit to the lowest (a wavelet matrix). The values are sorted stably by
    one bit; each range then contains its values whose higher bits equal the bound's.
    """
    total = np.zeros(len(bound), np.int64)
    for bit in reversed(range(int(values.max(initial=0)).bit_length())):
        ones = (values >> bit & 1).astype(bool)
        zeros = np.append(0, np.cumsum(~ones))
        first, last, high = zeros[start], zeros[stop], (bound >> bit & 1).astype(bool)
        total += np.where(high, last - first, 0)
        start = np.where(high, zeros[-1] + start - first, first)
        stop = np.where(high, zeros[-1] + stop - last, last)
        values = np.concatenate([values[~ones], values[ones]])
    return total
