"""Depth of a book's ranks, and order flow over windows, compiled: see `multi_level_numpy`.

Only the kernel loader imports this module: it imports numba, which takes a while. No fast-math, so
that results are those of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.levels import TILE


@njit(nogil=True, cache=True, error_model="numpy")
def depth(sizes, first, ranks, running):
    """Add up each state's mean size at the best ranks; see `multi_level_numpy.depth`."""
    start, total, share = 0, running[0], 2 * ranks
    while start < len(running) - 1:
        result = running[start + 1 :]
        tile, at = (first + start) // TILE, (first + start) % TILE
        states = min(TILE - at, len(result))
        for t in range(states):
            result[t] = 0.0
        for side in range(2):
            for level in range(min(ranks, sizes.shape[2])):
                size = sizes[tile, side, level, at:]
                for t in range(states):
                    result[t] += np.float64(size[t])
        for t in range(states):
            result[t] /= share
        for t in range(states):
            total += result[t]
            result[t] = total
        start += states


@njit(nogil=True, cache=True, error_model="numpy")
def between(order_flow, ranks, edges):
    """Return the order flow of each rank between rows; see `multi_level_numpy.between`."""
    out = np.zeros((len(edges) - 1, ranks), np.int64)
    for part in range(len(edges) - 1):
        for row in range(edges[part], edges[part + 1]):
            for rank in range(ranks):
                out[part, rank] += order_flow[row, rank]
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def weighted(order_flow, time, back, starts, weights, step, parts):
    """Return the weighted order flow of each state's window; see `multi_level_numpy.weighted`."""
    ranks, fit = weights.shape[1], -1
    total, amount, out = np.zeros(ranks, np.int64), np.zeros(ranks), np.full(len(time), np.nan)
    # The states before the first fit have no value: only the window that reaches there counts.
    begin = starts[0] if len(starts) else len(time)
    first = begin
    while first > 0 and begin < len(time) and time[first - 1] > time[begin] - back:
        first -= 1
        for rank in range(ranks):
            total[rank] += order_flow[first, rank]
    for row in range(begin, len(time)):
        since = time[row] - back
        for rank in range(ranks):
            total[rank] += order_flow[row, rank]
        while first <= row and time[first] <= since:
            for rank in range(ranks):
                total[rank] -= order_flow[first, rank]
            first += 1
        while fit + 1 < len(starts) and starts[fit + 1] <= row:
            fit += 1
        for rank in range(ranks):
            amount[rank] = np.float64(total[rank]) * step / parts
        value = 0.0
        for rank in range(ranks):
            value += weights[fit, rank] * amount[rank]
        out[row] = value
    return out


def compile_all():
    """Compile for the types that `multi_level` gives."""
    time, rows, out = np.arange(2), np.zeros(1, np.int64), np.zeros(2)
    time.flags.writeable = False
    depth(np.ones((1, 2, 1, 1), np.float32), 0, 1, out)
    for dtype in (np.int32, np.int64):
        flow = np.zeros((2, 1), dtype)
        flow.flags.writeable = False
        between(flow, 1, rows)
        weighted(flow, time, 1, rows, np.ones((1, 1)), 1.0, 1.0)
