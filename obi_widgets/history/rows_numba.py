"""Writing a book's best levels to a row, compiled: see `rows_numpy`, which has the same.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math:
nothing may be reassociated, contracted or assumed not to be NaN, so that the results are those
of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.flow import EXACT, MOST_LOTS, RANKS
from obi_widgets.history.levels import BLOCK, TILE
from obi_widgets.history.rows_numpy import CUT, DOES_NOT_FIT, INFERRED, LARGEST, SMALLEST


@njit(nogil=True, cache=True, error_model="numpy")
def put(
    bids, bid_count, bid_edge, asks, ask_count, ask_edge, tick_size, row, event, local, leave_out,
    tops, lot_size, rounds, time, received, bid, ask, reach, order_flow, events, ticks, sizes,
):  # fmt: skip
    """Write a book's best levels to a row; see `rows_numpy.put`."""
    tile, at = row % BLOCK // TILE, row % TILE
    first_bid, first_ask = _first(bids, bid_count, tick_size), _first(asks, ask_count, tick_size)
    if np.isnan(first_bid) or np.isnan(first_ask):
        return DOES_NOT_FIT
    buys, sells = (ticks[tile, 0], sizes[tile, 0]), (ticks[tile, 1], sizes[tile, 1])
    bid_found, bid_edge = _best(
        bids, bid_count, bid_edge, tick_size, first_bid, leave_out, buys[0], buys[1], at
    )
    ask_found, ask_edge = _best(
        asks, ask_count, ask_edge, tick_size, first_ask, leave_out, sells[0], sells[1], at
    )
    if bid_found < 0 or ask_found < 0:
        return DOES_NOT_FIT
    if not add_flow(
        bids, bid_count, asks, ask_count, row, tops, lot_size, rounds or leave_out,
        order_flow, events,
    ):  # fmt: skip
        return DOES_NOT_FIT
    bid[row] = abs(bids[0, bid_count - 1]) if bid_count > 0 else np.nan
    ask[row] = abs(asks[0, ask_count - 1]) if ask_count > 0 else np.nan
    mid = (bid[row] + ask[row]) * 0.5
    reach[row, 0] = 1e4 * (mid - bid_edge) / mid
    reach[row, 1] = 1e4 * (-ask_edge - mid) / mid
    time[row] = max(event, time[row - 1]) if row > 0 else event
    received[row] = local
    return bid_found | ask_found


@njit(inline="always")
def _first(levels, count, tick_size):
    """Return a side's best price in ticks: 0 for none, NaN for one that does not fit."""
    if count == 0:
        return 0.0
    size = levels[1, count - 1]
    if size < SMALLEST or size > LARGEST:
        return np.nan
    return _whole(abs(levels[0, count - 1]), tick_size)


@njit(inline="always")
def _best(levels, count, edge, tick_size, first, leave_out, ticks, sizes, at):
    """Write a side's best levels; return what was found, as `put` does, and its edge."""
    most = 2.0 ** (8 * ticks.itemsize) - 1
    depth, level, found, last = ticks.shape[0], 0, 0, np.inf
    for n in range(count - 1, -1, -1):
        if level == depth:
            break
        size = levels[1, n]
        if size == 0:
            continue
        away = abs(first - _whole(abs(levels[0, n]), tick_size))
        if not away <= most or size < SMALLEST or size > LARGEST:  # or NaN
            if not leave_out:
                return DOES_NOT_FIT, edge
            edge, found = max(edge, last), CUT
            break
        ticks[level, at] = int(away)
        sizes[level, at] = size
        last = levels[0, n]
        level += 1
    for rest in range(level, depth):
        ticks[rest, at] = 0
        sizes[rest, at] = 0
    if last < edge or (level < depth and not found and edge > -np.inf):
        found |= INFERRED
    return found, edge


@njit(inline="always")
def _whole(price, tick_size):
    ticks = price / tick_size
    whole = np.rint(ticks)
    near = abs(ticks - whole) < 1e-3 + 1e-15 * abs(ticks)
    return whole if near and whole > 0 else np.nan


@njit(nogil=True, cache=True, error_model="numpy")
def add_flow(
    bids, bid_count, asks, ask_count, row, tops, lot_size, rounds, order_flow, events
):  # fmt: skip
    """Add an event to a row's sums; see `rows_numpy.add_flow`."""
    bid_fits, bids_from = _tops(bids, bid_count, tops[0], lot_size, rounds)
    ask_fits, asks_from = _tops(asks, ask_count, tops[1], lot_size, rounds)
    if not (bid_fits and ask_fits):
        return False
    counts = (tops[0, 0, 0] > -np.inf or tops[1, 0, 0] > -np.inf) and (
        tops[0, 2, 0] > -np.inf or tops[1, 2, 0] > -np.inf
    )
    for which, first in ((0, bids_from), (1, asks_from)):
        top = tops[which]
        for rank in range(first, RANKS):
            key_before, size_before = top[0, rank], top[1, rank]
            key, size = top[2, rank], top[3, rank]
            if counts:
                added = np.int64(0)
                if key >= key_before:
                    added += _lots(size, lot_size)
                if key <= key_before:
                    added -= _lots(size_before, lot_size)
                order_flow[row, rank] += added if which == 0 else -added
            top[0, rank], top[1, rank] = key, size
    if counts:
        events[row] += 1
    return True


@njit(inline="always")
def _tops(levels, count, top, lot_size, rounds):
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
def _lots(size, lot_size):
    return np.int64(np.rint(min(size / lot_size, MOST_LOTS)))


def compile_all():
    """Compile for the types that come."""
    rows, column, reach = np.empty(2, np.int64), np.ones(1), np.ones((1, 2), np.float32)
    flow = (np.ones((2, 4, RANKS)), 1.0, False)
    sums = (np.zeros((1, RANKS), np.int64), np.zeros(1, np.int32))
    side = np.ones((2, 2))
    for dtype in (np.uint8, np.uint16, np.uint32):
        ticks, sizes = np.zeros((1, 2, 1, 1), dtype), np.ones((1, 2, 1, 1), np.float32)
        put(
            side, 1, 0.0, side, 1, 0.0, 1.0, 0, 0, 0, False, *flow,
            rows, rows, column, column, reach, *sums, ticks, sizes,
        )  # fmt: skip
    add_flow(side, 1, side, 1, 0, *flow, *sums)
