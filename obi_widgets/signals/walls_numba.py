"""Sums of walls at each state, compiled: see `walls_numpy`, which has the same.

Only the kernel loader imports this module: it imports numba, which takes a while. Nothing may be
reassociated or contracted, so that both give the same to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit


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
    rows, values = np.zeros(1, np.int64), np.ones(1)
    resting(rows, rows + 1, values, values, values, 1.0)
