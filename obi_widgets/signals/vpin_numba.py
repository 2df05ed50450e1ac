"""Volume buckets of the trades of each state's window, compiled: see `vpin_numpy`.

Only the kernel loader imports this module: it imports numba, which takes a while. Each border moves
forward only, from state to state, so that it passes each trade once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.signals.windows_numba import begins


@njit(nogil=True, cache=True, error_model="numpy")
def imbalances(sizes, ends, time, back, buckets, row):
    """Return Σ |bought − sold| over volume buckets, and the volume; see `vpin_numpy.imbalances`."""
    states, trades = len(time), len(sizes)
    volume, signed = np.zeros(trades + 1, np.int64), np.zeros(trades + 1, np.int64)
    side = np.zeros(trades + 1, np.int64)
    for trade in range(trades):
        size = np.int64(sizes[trade])
        volume[trade + 1] = volume[trade] + abs(size) * buckets
        signed[trade + 1] = signed[trade] + size * buckets
        side[trade] = np.sign(size)
    first = begins(time, back)
    total, whole = np.zeros(states, np.int64), np.zeros(states, np.int64)
    # The trade that each border is in. Borders do not wait for each other, so that a processor
    # looks for several at once.
    at = np.full(buckets, ends[first[row]] if row < states else 0, np.int64)
    for state in range(row, states):
        begin = ends[first[state]]
        share = (volume[ends[state + 1]] - volume[begin]) // buckets
        border, before, unequal = volume[begin], signed[begin], np.int64(0)
        if share > 0:
            for bucket in range(buckets):
                border += share
                trade = at[bucket]
                while volume[trade + 1] < border:
                    trade += 1
                at[bucket] = trade
                there = signed[trade] + side[trade] * (border - volume[trade])
                unequal += abs(there - before)
                before = there
        total[state], whole[state] = unequal, share * buckets
    return total, whole


def compile_all():
    """Compile for the types that `vpin` gives."""
    time, ends = np.arange(2), np.zeros(3, np.int64)
    time.flags.writeable = False
    for dtype in (np.int32, np.int64):
        sizes = np.zeros(1, dtype)
        sizes.flags.writeable = False
        imbalances(sizes, ends, time, 1, 2, 0)
