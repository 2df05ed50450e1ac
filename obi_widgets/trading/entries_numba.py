"""Entries, decided state by state, compiled: see `entries_numpy`, which has the same.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math:
nothing may be reassociated, contracted or assumed not to be NaN, so that the results are those
of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(inline="always")
def _paid(bid, ask, direction, at_mid):
    """Return what buying (+1) or selling (-1) costs."""
    if at_mid:
        return (bid + ask) / 2
    return ask if direction > 0 else bid


@njit(nogil=True, cache=True, error_model="numpy")
def scan(time, bid, ask, signal, first, threshold, hold, at_mid, side, times, prices, lost):
    """Decide entries from a state on; see `entries_numpy.scan`."""
    count, held, due = 0, side[0], times[0, 0] + hold
    for row in range(first, len(time)):
        if held:
            if np.isnan(bid[row]) and np.isnan(ask[row]):
                times[1, count], prices[1, count], lost[count] = 0, np.nan, True
                held = 0
                count += 1
            elif time[row] >= due and bid[row] < ask[row]:
                times[1, count], lost[count] = time[row], False
                prices[1, count] = _paid(bid[row], ask[row], -held, at_mid)
                held = 0
                count += 1
        if not held and abs(signal[row]) > threshold and bid[row] < ask[row]:
            held = 1 if signal[row] > 0 else -1
            due = time[row] + hold
            side[count], times[0, count] = held, time[row]
            prices[0, count] = _paid(bid[row], ask[row], held, at_mid)
    if held:
        times[1, count], prices[1, count], lost[count] = 0, np.nan, False
        count += 1
    return count


@njit(nogil=True, cache=True, error_model="numpy")
def tally(signal, threshold):
    """Return how many states have a signal, and how many are beyond; see `entries_numpy.tally`."""
    there, beyond = 0, 0
    for t in range(len(signal)):
        there += not np.isnan(signal[t])
        beyond += abs(signal[t]) > threshold
    return there, beyond


def compile_all():
    """Compile for the types that come."""
    # A history's columns cannot be written to, and numba tells that apart.
    time, prices = np.zeros(1, np.int64), np.ones(1)
    time.flags.writeable = prices.flags.writeable = False
    two, sides = np.zeros((2, 2)), np.zeros(2, np.int8)
    scan(
        time, prices, prices, np.ones(1), 0, 0.5, 1, False,
        sides, two.astype(np.int64), two, np.zeros(2, bool),
    )  # fmt: skip
    tally(np.ones(1), 0.5)
