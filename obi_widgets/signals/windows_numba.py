"""Sums over the trailing window of each state, compiled: see `windows_numpy`, which has the same.

Only the kernel loader imports this module: it imports numba, which takes a while. The two ends of a
window move forward only, so that each row is looked at once as its end and once as its begin.
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
    # Running sums of all trades: a branch for each trade that enters or leaves a window costs more.
    buys, sells = np.zeros(len(sizes) + 1, np.int64), np.zeros(len(sizes) + 1, np.int64)
    for trade in range(len(sizes)):
        size = np.int64(sizes[trade])
        buys[trade + 1] = buys[trade] + max(size, 0)
        sells[trade + 1] = sells[trade] - min(size, 0)
    return _between(buys, ends, time, back), _between(sells, ends, time, back)


@njit(nogil=True, cache=True, error_model="numpy")
def worth(prices, sizes, ends, time, back):
    """Return volume and value of all trades; see `windows_numpy.worth`."""
    lots, steps = np.zeros(len(sizes) + 1, np.int64), np.zeros(len(sizes) + 1, np.int64)
    for trade in range(len(sizes)):
        size = abs(np.int64(sizes[trade]))
        lots[trade + 1] = lots[trade] + size
        steps[trade + 1] = steps[trade] + np.int64(prices[trade]) * size
    return _between(lots, ends, time, back), _between(steps, ends, time, back)


@njit(nogil=True, cache=True, error_model="numpy")
def _between(total, ends, time, back):
    """Return the difference of a running sum of trades over each state's window."""
    out, first = np.empty(len(time), np.int64), 0
    for row in range(len(time)):
        since = time[row] - back
        while first <= row and time[first] <= since:
            first += 1
        out[row] = total[ends[row + 1]] - total[ends[first]]
    return out


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
