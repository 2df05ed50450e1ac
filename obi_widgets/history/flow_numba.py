"""Adding what an event did to the best ranks of a book, compiled: see `flow_numpy`.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math:
nothing may be reassociated, contracted or assumed not to be NaN, so that the results are those
of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.flow import EXACT, MOST_LOTS, RANKS
from obi_widgets.history.flow_numpy import ADDED, OFF_LOT, TOO_WIDE


@njit(nogil=True, cache=True, error_model="numpy")
def add(
    bids, bid_count, asks, ask_count, tops, lot_size, rounds, row, order_flow, events
):  # fmt: skip
    """Add an event to a row's sums; see `flow_numpy.add`."""
    bid_fits, first = _look(bids, bid_count, tops[0], lot_size, rounds)
    ask_fits, ask_first = _look(asks, ask_count, tops[1], lot_size, rounds)
    if not (bid_fits and ask_fits):
        return OFF_LOT
    first = min(first, ask_first)  # what is above it has not changed
    if (tops[0, 0, 0] > -np.inf or tops[1, 0, 0] > -np.inf) and (
        tops[0, 2, 0] > -np.inf or tops[1, 2, 0] > -np.inf
    ):
        most = 2.0 ** (8 * order_flow.itemsize - 1)
        for rank in range(first, RANKS):
            added = _added(tops[0], rank, lot_size) - _added(tops[1], rank, lot_size)
            tops[0, 4, rank] = added
            if not -most <= order_flow[row, rank] + added < most:
                return TOO_WIDE
        for rank in range(first, RANKS):
            order_flow[row, rank] += np.int64(tops[0, 4, rank])
        events[row] += 1
    for side in range(2):
        for rank in range(first, RANKS):
            tops[side, 0, rank], tops[side, 1, rank] = tops[side, 2, rank], tops[side, 3, rank]
    return ADDED


@njit(inline="always")
def _look(levels, count, top, lot_size, rounds):
    """Note a side's best levels; return whether they are whole lots, and the first that changed."""
    first, n = RANKS, count - 1
    for rank in range(RANKS):
        while n >= 0 and levels[1, n] == 0:
            n -= 1
        key, size = -np.inf, 0.0
        if n >= 0:
            key, size = levels[0, n], levels[1, n]
            n -= 1
        top[2, rank], top[3, rank] = key, size
        if key != top[0, rank] or size != top[1, rank]:
            first = min(first, rank)
            lots = size / lot_size
            if not (rounds or abs(lots - np.rint(lots)) <= EXACT * lots):
                return False, first
    return True, first


@njit(inline="always")
def _added(top, rank, lot_size):
    """Return what came to a side at one rank."""
    lots = np.int64(0)
    if top[2, rank] >= top[0, rank]:
        lots += np.int64(np.rint(min(top[3, rank] / lot_size, MOST_LOTS)))
    if top[2, rank] <= top[0, rank]:
        lots -= np.int64(np.rint(min(top[1, rank] / lot_size, MOST_LOTS)))
    return lots


def compile_all():
    """Compile for the types that come."""
    side, tops, events = np.ones((2, 2)), np.ones((2, 5, RANKS)), np.zeros(1, np.int32)
    for dtype in (np.int32, np.int64):
        add(side, 1, side, 1, tops, 1.0, False, 0, np.zeros((1, RANKS), dtype), events)
