"""Sums of values over cycles, each weighted by how long it held, compiled.

See `cycles_numpy`, which has the same. Importing this imports numba, which takes a while: only
the loader of kernels does.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def add(time, values, cycle, sums):
    """Add states to the sums of the cycles that they hold in; see `cycles_numpy`."""
    where = 0
    end = (time[0] // cycle + 1) * cycle
    for state in range(len(time) - 1):
        at, until = time[state], time[state + 1]
        while at < until:
            while at >= end:
                where += 1
                end += cycle
            stop = min(until, end)
            lasts = float(stop - at)
            for row in range(len(values)):
                value = values[row, state]
                if not np.isnan(value):
                    sums[row, 0, where] += value * lasts
                    sums[row, 1, where] += lasts
            at = stop


def compile_all():
    """Compile for the types that come."""
    time = np.arange(2)
    values = np.zeros((1, 2))
    time.flags.writeable = values.flags.writeable = False
    add(time, values, 1, np.zeros((1, 2, 2)))
