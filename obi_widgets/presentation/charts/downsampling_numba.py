"""Corners of a step line, compiled: see `downsampling`.

Only the kernel loader imports this module: it imports numba, which takes a while.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def corners(time, at, first, end, low, high, opening, closing, width):
    """Return what `downsampling._corners` does, of columns of this width.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        See `downsampling.steps`.
    at, first, end, low, high, opening, closing : ndarray, shape (C,)
        See `downsampling.Reduced`.
    """
    count, there = len(at), 0
    x, y = np.empty(3 * count, np.int64), np.empty(3 * count)
    times, values = np.empty(3, np.int64), np.empty(3)
    before = np.nan  # the value of the last corner, also of one that is left out
    for i in range(count):
        few, newest = end[i] - first[i] <= 2, i == count - 1
        times[2], values[2] = at[i] + width, closing[i]
        if few:
            times[0], values[0] = time[first[i]], opening[i]
            times[1], values[1] = time[end[i] - 1], closing[i]
        else:
            rising = closing[i] - low[i] > high[i] - closing[i]
            times[0], values[0] = at[i], low[i] if rising else high[i]
            times[1], values[1] = at[i] + width // 2, high[i] if rising else low[i]
        drawn = 3
        if not newest:
            ends = not few and (end[i + 1] - first[i + 1] <= 2 or np.isnan(closing[i]))
            if not ends and at[i + 1] - at[i] <= width:
                drawn = 2
        for corner in range(drawn):
            value = values[corner]
            same = value == before or (np.isnan(value) and np.isnan(before))
            if not same or (i == 0 and corner == 0) or (newest and corner == 2):
                x[there], y[there] = times[corner], value
                there += 1
            before = value
    return x[:there], y[:there]


def compile_all():
    """Compile for the types that charts have."""
    rows, values = np.zeros(1, np.int64), np.zeros(1)
    for frozen in (True, False):  # a type of its own to numba
        time = np.zeros(2, np.int64)
        time.flags.writeable = not frozen
        corners(time, rows, rows, rows + 1, values, values, values, values, 1)
