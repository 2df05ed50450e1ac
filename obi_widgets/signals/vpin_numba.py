"""Volume buckets of the trades of each state's window, compiled: see `vpin_numpy`.

Only the kernel loader imports this module: it imports numba, which takes a while. Trades of one
side that follow each other are one run: along it, the sum of signed sizes is linear in volume, so a
border needs only to know its run. Each border moves forward only, from state to state, so that it
passes each run once.
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
    # Of each run: the volume at its end, its side, and signed - side * volume, which it keeps.
    until, side = np.zeros(trades + 1, np.int64), np.zeros(trades + 1, np.int64)
    fixed = np.zeros(trades + 1, np.int64)
    run, of_run = -1, np.int64(0)
    for trade in range(trades):
        size = np.int64(sizes[trade])
        sign = np.sign(size)
        if sign != 0 and sign != of_run:
            run, of_run = run + 1, sign
            side[run], fixed[run] = sign, signed[trade] - sign * volume[trade]
        volume[trade + 1] = volume[trade] + abs(size) * buckets
        signed[trade + 1] = signed[trade] + size * buckets
        until[max(run, 0)] = volume[trade + 1]
    first = begins(time, back)
    total, whole = np.zeros(states, np.int64), np.zeros(states, np.int64)
    # The run before the one that the first window begins in.
    before = -1
    if row < states:
        while before + 1 < run and until[before + 1] < volume[ends[first[row]]]:
            before += 1
    # The run that each border is in, and what is kept of it. Borders do not wait for each other, so
    # that a processor looks at several at once.
    at, there = np.full(buckets, before, np.int64), np.zeros(buckets + 1, np.int64)
    at_until, at_side = np.full(buckets, -1, np.int64), np.zeros(buckets, np.int64)
    at_fixed, left = np.zeros(buckets, np.int64), np.zeros(buckets + 1, np.int64)
    oldest, newest = np.int64(-1), np.int64(-1)
    for state in range(row, states):
        begin, end = ends[first[state]], ends[state + 1]
        if begin == oldest and end == newest:  # the same trades as those of the state before
            total[state], whole[state] = total[state - 1], whole[state - 1]
            continue
        oldest, newest = begin, end
        start = volume[begin]
        share = (volume[end] - start) // buckets
        if share == 0:
            continue
        # Without a branch for each border, which nothing would predict.
        count = 0
        for bucket in range(buckets):
            left[count] = bucket
            count += at_until[bucket] < start + (bucket + 1) * share
        for number in range(count):
            bucket = left[number]
            border, now = start + (bucket + 1) * share, at[bucket] + 1
            while until[now] < border:
                now += 1
            at[bucket], at_until[bucket] = now, until[now]
            at_side[bucket], at_fixed[bucket] = side[now], fixed[now]
        there[0] = signed[begin]
        for bucket in range(buckets):
            border = start + (bucket + 1) * share
            there[bucket + 1] = at_fixed[bucket] + at_side[bucket] * border
        unequal = np.int64(0)
        for bucket in range(buckets):
            unequal += abs(there[bucket + 1] - there[bucket])
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
