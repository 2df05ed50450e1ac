"""Sizes of a book added up by price bin, compiled: see `depth_numpy`, which has the same.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math:
nothing may be reassociated, contracted or assumed not to be NaN, so that the results are those
of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.depth_numpy import LARGEST


@njit(nogil=True, cache=True, error_model="numpy")
def sample(
    bids, bid_count, bid_edge, asks, ask_count, ask_edge, tick_size, ticks, most,
    at, bins, reach, end, sizes,
):  # fmt: skip
    """Write a sample of a book's depth; see `depth_numpy.sample`."""
    bid = bids[0, bid_count - 1] if bid_count else np.nan
    ask = -asks[0, ask_count - 1] if ask_count else np.nan
    first, last, bid_edge = _add_up(
        bids, bid_count, bid_edge, True, tick_size, ticks, most, sizes[0, end:]
    )
    bins[0, at], bins[1, at] = first, last
    end += last - first
    first, last, ask_edge = _add_up(
        asks, ask_count, ask_edge, False, tick_size, ticks, most, sizes[0, end:]
    )
    bins[2, at], bins[3, at] = first, last
    mid = (bid + ask) * 0.5
    reach[0, at] = 1e4 * (mid - bid_edge) / mid
    reach[1, at] = 1e4 * (-ask_edge - mid) / mid
    return end + last - first


@njit
def _add_up(levels, count, edge, buys, tick_size, ticks, most, sizes):
    """Add up a side; return its first bin, the one behind its last, and the key it ends at."""
    if count == 0:
        return 0, 0, edge
    nearest = _bin(levels[0, count - 1], tick_size, ticks)
    if edge > -np.inf:
        whole = np.int64(np.rint(abs(edge) / tick_size))
        farthest = -(-whole // ticks) if buys else (whole + 1) // ticks - 1
    else:
        n = 0
        while levels[1, n] == 0:
            n += 1
        farthest = _bin(levels[0, n], tick_size, ticks)
    if buys:
        first, last = max(farthest, nearest - most + 1), nearest + 1
        if first > farthest:
            edge = first * ticks * tick_size
    else:
        first, last = nearest, min(farthest, nearest + most - 1) + 1
        if last <= farthest:
            edge = (1 - last * ticks) * tick_size
    if last <= first:
        return 0, 0, edge
    n, step = count - 1, -1 if buys else +1
    where = nearest
    for _ in range(last - first):  # from the best bin on
        total, low, high = 0.0, float(where * ticks), float((where + 1) * ticks)
        while n >= 0:
            if not low <= np.rint(abs(levels[0, n]) / tick_size) < high:
                break  # `_bin` says the same, by a division of integers that takes longer
            total += levels[1, n]
            n -= 1
        sizes[where - first] = min(total, LARGEST)
        where += step
    return first, last, edge


@njit(inline="always")
def _bin(key, tick_size, ticks):
    return np.int64(np.rint(abs(key) / tick_size)) // ticks


def compile_all():
    """Compile for the types that come."""
    side, bins = np.ones((2, 1)), np.empty((4, 1), np.int64)
    reach, sizes = np.empty((2, 1), np.float32), np.empty((1, 2), np.float32)
    sample(side, 1, -np.inf, side, 1, -np.inf, 1.0, 1, 1, 0, bins, reach, 0, sizes)
