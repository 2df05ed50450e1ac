"""Returns over a horizon, compiled; the NumPy twin is `forward_returns_numpy`.

Importing this module imports numba, which is slow: only the kernel loader does it. Fast-math stays
off: results must equal those of NumPy to the bit, so operations must not be reassociated or
contracted, and NaN must be respected.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def forward(time, lost, mid, horizon, after, end, move):
    """Write where horizons end, and the returns; see `forward_returns_numpy.forward`."""
    states, next_row, checked, last_lost = len(time), 0, 0, -1
    for t in range(states):
        due = time[t] + horizon
        if after:
            while next_row < states and time[next_row] < due:
                next_row += 1
            last = next_row
        else:
            while next_row < states and time[next_row] <= due:
                next_row += 1
            last = next_row - 1
            if time[states - 1] < due:
                last = states
        while checked < states and checked <= last:
            if lost[checked]:
                last_lost = checked
            checked += 1
        end[t], move[t] = -1, np.nan
        if last < states and last_lost < t:
            bps = 1e4 * (mid[last] / mid[t] - 1.0)
            if not np.isnan(bps):
                end[t], move[t] = last, bps


def compile_all():
    """Compile each function for the types that it is called with."""
    # A history's columns are read-only, which is a type of its own to numba.
    time = np.zeros(2, np.int64)
    time.flags.writeable = False
    floats = np.zeros(2)
    forward(time, np.zeros(2, bool), floats, 1, False, np.zeros(2, np.int32), floats)
