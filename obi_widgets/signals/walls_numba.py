"""Sums of walls at each state, compiled: see `walls_numpy`, which has the same.

Only the kernel loader imports this module: it imports numba, which takes a while. Nothing may be
reassociated or contracted, so that both give the same to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.large_levels_numpy import STANDING


@njit(nogil=True, cache=True, error_model="numpy")
def spans(number, row, born, state, found, start, time, age):
    """Return in which states a size of a wall stands that is old enough; see `walls_numpy`."""
    count, states, least = len(number), len(time), np.int64(0)
    if count:
        least = number.min()
        next_row = np.full(number.max() - least + 1, states)  # where a level's next row begins
    out = np.empty((3, count), np.int64)
    at = count
    for one in range(count - 1, -1, -1):
        level = number[one] - least
        begin, end = max(row[one] - start, 0), next_row[level]
        next_row[level] = begin
        if state[one] != STANDING or begin >= end:
            continue
        if found[one] <= 0 and time[begin] < born[one] + age:
            begin = np.searchsorted(time, born[one] + age)
        if begin < end:
            at -= 1
            out[0, at], out[1, at], out[2, at] = one, begin, end
    return out[0, at:], out[1, at:], out[2, at:]


@njit(nogil=True, cache=True, error_model="numpy")
def resting(begin, end, key, size, mid, within_bps):
    """Return what rests in walls near mid at each state; see `walls_numpy.resting`."""
    out = np.zeros((2, len(mid)))
    within = within_bps / 1e4
    for span in range(len(begin)):
        price, amount = abs(key[span]), size[span]
        side = out[0] if key[span] > 0 else out[1]
        for row in range(begin[span], end[span]):
            if abs(mid[row] - price) <= within * mid[row]:
                side[row] += amount
    return out


def compile_all():
    """Compile for the types that come."""
    values = np.ones(1)
    columns = np.zeros((6, 1), np.int64)
    columns.flags.writeable = False
    which, begin, end = spans(*columns[:5], 0, columns[5], 0)
    resting(begin, end, values[which], values[which], values, 1.0)
