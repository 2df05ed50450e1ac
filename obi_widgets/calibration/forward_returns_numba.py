"""Returns over a horizon, compiled: see `forward_returns_numpy`, which has the same.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math:
nothing may be reassociated, contracted or assumed not to be NaN, so that the results are those
of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def forward(time, lost, mid, horizon, after, end, move):
    """Write where horizons end, and the moves; see `forward_returns_numpy.forward`."""
    states, at, seen, last_lost = len(time), 0, 0, -1
    for t in range(states):
        due = time[t] + horizon
        if after:
            while at < states and time[at] < due:
                at += 1
            ends = at
        else:
            while at < states and time[at] <= due:
                at += 1
            ends = at - 1
            if time[states - 1] < due:
                ends = states
        while seen < states and seen <= ends:
            if lost[seen]:
                last_lost = seen
            seen += 1
        end[t], move[t] = -1, np.nan
        if ends < states and last_lost < t:
            moved = 1e4 * (mid[ends] / mid[t] - 1.0)
            if not np.isnan(moved):
                end[t], move[t] = ends, moved


def compile_all():
    """Compile for the types that come."""
    # A history's columns cannot be written to, and numba tells that apart.
    time = np.zeros(2, np.int64)
    time.flags.writeable = False
    floats = np.zeros(2)
    forward(time, np.zeros(2, bool), floats, 1, False, np.zeros(2, np.int32), floats)
