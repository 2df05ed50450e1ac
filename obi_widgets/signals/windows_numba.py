"""Sums over the trailing window of each state, compiled: see `windows_numpy`, which has the same.

Only the kernel loader imports this module: it imports numba, which takes a while. The two ends of a
window move forward only, so that each row and each trade is added once and taken away once.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def begins(time, back):
    """Return the first state of each state's window; see `windows_numpy.begins`."""
    out = np.empty(len(time), np.int64)
    first = 0
    for row in range(len(time)):
        since = time[row] - back
        while first <= row and time[first] <= since:
            first += 1
        out[row] = first
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def columns(values, count, time, back):
    """Return the sums of the first columns together; see `windows_numpy.columns`."""
    out = np.empty(len(time), np.int64)
    total, first = np.int64(0), 0
    for row in range(len(time)):
        since = time[row] - back
        for column in range(count):
            total += values[row, column]
        while first <= row and time[first] <= since:
            for column in range(count):
                total -= values[first, column]
            first += 1
        out[row] = total
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def sides(sizes, ends, time, back):
    """Return what takers bought, and what they sold; see `windows_numpy.sides`."""
    bought, sold = np.empty(len(time), np.int64), np.empty(len(time), np.int64)
    buys, sells, first, oldest, newest = np.int64(0), np.int64(0), 0, ends[0], ends[0]
    for row in range(len(time)):
        since = time[row] - back
        while first <= row and time[first] <= since:
            first += 1
        while newest < ends[row + 1]:
            size = np.int64(sizes[newest])
            if size > 0:
                buys += size
            else:
                sells -= size
            newest += 1
        while oldest < ends[first]:
            size = np.int64(sizes[oldest])
            if size > 0:
                buys -= size
            else:
                sells += size
            oldest += 1
        bought[row], sold[row] = buys, sells
    return bought, sold


@njit(nogil=True, cache=True, error_model="numpy")
def worth(prices, sizes, ends, time, back):
    """Return volume and value of all trades; see `windows_numpy.worth`."""
    volume, value = np.empty(len(time), np.int64), np.empty(len(time), np.int64)
    lots, steps, first, oldest, newest = np.int64(0), np.int64(0), 0, ends[0], ends[0]
    for row in range(len(time)):
        since = time[row] - back
        while first <= row and time[first] <= since:
            first += 1
        while newest < ends[row + 1]:
            size = abs(np.int64(sizes[newest]))
            lots += size
            steps += np.int64(prices[newest]) * size
            newest += 1
        while oldest < ends[first]:
            size = abs(np.int64(sizes[oldest]))
            lots -= size
            steps -= np.int64(prices[oldest]) * size
            oldest += 1
        volume[row], value[row] = lots, steps
    return volume, value


def compile_all():
    """Compile for the types that `windows` gives."""
    time, ends = np.arange(2), np.zeros(3, np.int64)
    time.flags.writeable = False
    begins(time, 1)
    for dtype in (np.int32, np.int64):
        sums, amounts = np.zeros((2, 1), dtype), np.zeros(1, dtype)
        sums.flags.writeable = amounts.flags.writeable = False
        columns(sums, 1, time, 1)
        sides(amounts, ends, time, 1)
        worth(amounts, amounts, ends, time, 1)
