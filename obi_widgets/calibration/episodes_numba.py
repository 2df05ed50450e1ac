"""Crossings of a threshold and episodes beyond it, compiled; the NumPy twin is `episodes_numpy`.

Importing this module imports numba, which is slow: only the kernel loader does it. Fast-math stays
off: results must equal those of NumPy to the bit, so operations must not be reassociated or
contracted, and NaN must be respected.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def crossings(signal, lost, threshold, crossed):
    """Write crossings; see `episodes_numpy.crossings`."""
    unknown = 2
    previous = unknown
    for t in range(len(signal)):
        side = 0
        if abs(signal[t]) > threshold:
            side = 1 if signal[t] > 0 else -1
        crossed[t] = 0
        if lost[t]:
            previous = unknown
        elif not np.isnan(signal[t]):
            if side != 0 and previous != unknown and previous != side:
                crossed[t] = side
            previous = side


@njit(nogil=True, cache=True, error_model="numpy")
def episodes(signal, lost, threshold, release, start, stop, last, side, ended):
    """Find episodes; see `episodes_numpy.episodes`."""
    count, current = 0, 0
    for t in range(len(signal)):
        if lost[t]:
            if current != 0:
                stop[count], ended[count] = t, 1
                current = 0
                count += 1
            continue
        value = signal[t]
        if np.isnan(value):
            continue
        if current != 0 and (abs(value) < release or value * current < 0):
            stop[count], ended[count] = t, 0
            current = 0
            count += 1
        if current == 0 and abs(value) > threshold:
            current = 1 if value > 0 else -1
            start[count], side[count] = t, current
        if current != 0:
            last[count] = t
    if current != 0:
        stop[count], ended[count] = len(signal), 2
        count += 1
    return count


def compile_all():
    """Compile each function for the types that it is called with."""
    floats, lost, rows, signs = (
        np.zeros(2),
        np.zeros(2, bool),
        np.zeros(2, np.int64),
        np.zeros(2, np.int8),
    )
    crossings(floats, lost, 0.5, signs)
    episodes(floats, lost, 0.5, 0.25, rows, rows, rows, signs, signs)
