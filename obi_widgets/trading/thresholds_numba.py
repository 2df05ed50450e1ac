"""How many values of a trailing window are less than the newest, compiled.

See `thresholds_numpy`, which has the same. Importing this imports numba, which takes a while: only
the loader of kernels does.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FEW = 32
"""States that are counted one by one: sorting all values is worth it only for more."""


@njit(nogil=True, cache=True, error_model="numpy")
def below(sizes, time, window, first):
    """Count the values of each state's window and those that are less; see `thresholds_numpy`."""
    if len(sizes) - first <= FEW:
        return _one_by_one(sizes, time, window, first)
    return _sorted(sizes, time, window, first)


@njit(nogil=True, cache=True, error_model="numpy")
def _one_by_one(sizes, time, window, first):
    states = len(sizes) - first
    less, count = np.zeros(states, np.int64), np.zeros(states, np.int64)
    for row in range(first, len(sizes)):
        size, there, under = sizes[row], 0, 0
        at = row - 1
        while at >= 0 and time[at] > time[row] - window:
            there += not np.isnan(sizes[at])
            under += sizes[at] < size
            at -= 1
        less[row - first], count[row - first] = under, there
    return less, count


@njit(nogil=True, cache=True, error_model="numpy")
def _sorted(sizes, time, window, first):
    """Count by a Fenwick tree over the ranks of all values: log T steps a state."""
    states = len(sizes) - first
    less, count = np.zeros(states, np.int64), np.zeros(states, np.int64)
    order = np.argsort(sizes)  # NaN last
    rank = np.zeros(len(sizes), np.int64)  # from 1; of equal values the same
    highest = 0
    last = np.nan
    for row in order:
        if np.isnan(sizes[row]):
            break
        if sizes[row] != last:
            highest += 1
            last = sizes[row]
        rank[row] = highest
    tree = np.zeros(highest + 1, np.int64)
    oldest, there = 0, 0
    for row in range(len(sizes)):
        while oldest < row and time[oldest] <= time[row] - window:
            at = rank[oldest]
            there -= at > 0
            while 0 < at <= highest:
                tree[at] -= 1
                at += at & -at
            oldest += 1
        if row >= first:
            at, under = rank[row] - 1, 0
            while at > 0:
                under += tree[at]
                at -= at & -at
            less[row - first], count[row - first] = under, there
        at = rank[row]
        there += at > 0
        while 0 < at <= highest:
            tree[at] += 1
            at += at & -at
    return less, count


def compile_all():
    """Compile for the types that come."""
    # A history's columns cannot be written to, and numba tells that apart.
    time = np.zeros(2 * FEW, np.int64)
    time.flags.writeable = False
    below(np.zeros(2 * FEW), time, 1, 0)
