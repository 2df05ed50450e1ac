"""Crossings of a threshold, and episodes beyond it, compiled; in NumPy in `episodes_numpy`.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math:
nothing may be reassociated, contracted or assumed not to be NaN, so that the results are those
of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def crossings(signal, lost, threshold, new):
    """Write crossings; see `episodes_numpy.crossings`."""
    before = 2
    for t in range(len(signal)):
        here = 0
        if abs(signal[t]) > threshold:
            here = 1 if signal[t] > 0 else -1
        new[t] = 0
        if lost[t]:
            before = 2
        elif not np.isnan(signal[t]):
            if here != 0 and before != 2 and before != here:
                new[t] = here
            before = here


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
    """Compile for the types that come."""
    floats, no, rows, signs = (
        np.zeros(2),
        np.zeros(2, bool),
        np.zeros(2, np.int64),
        np.zeros(2, np.int8),
    )
    crossings(floats, no, 0.5, signs)
    episodes(floats, no, 0.5, 0.25, rows, rows, rows, signs, signs)
