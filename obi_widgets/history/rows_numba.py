"""Writing a book's best levels to a row, compiled: see `rows_numpy`, which has the same.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math:
nothing may be reassociated, contracted or assumed not to be NaN, so that the results are those
of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.flow import RANKS
from obi_widgets.history.flow_numba import add
from obi_widgets.history.levels import BLOCK, TILE
from obi_widgets.history.rows_numpy import (
    CUT,
    DOES_NOT_FIT,
    INFERRED,
    LARGEST,
    NOT_TRIED,
    SMALLEST,
)


@njit(nogil=True, cache=True, error_model="numpy")
def put(
    bids, bid_count, bid_edge, asks, ask_count, ask_edge, tick_size, row, event, local, leave_out,
    time, received, bid, ask, reach, ticks, sizes,
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
    bid[row] = abs(bids[0, bid_count - 1]) if bid_count > 0 else np.nan
    ask[row] = abs(asks[0, ask_count - 1]) if ask_count > 0 else np.nan
    mid = (bid[row] + ask[row]) * 0.5
    reach[row, 0] = 1e4 * (mid - bid_edge) / mid
    reach[row, 1] = 1e4 * (-ask_edge - mid) / mid
    time[row] = max(event, time[row - 1]) if row > 0 else event
    received[row] = local
    return bid_found | ask_found


@njit(nogil=True, cache=True, error_model="numpy")
def append(
    bids, bid_count, bid_edge, asks, ask_count, ask_edge, tick_size, row, event, local,
    lot_size, rounds, time, received, bid, ask, reach, ticks, sizes, tops, order_flow, events,
):  # fmt: skip
    """Write a row, and add an event to its sums; see `rows_numpy.append`."""
    found = put(
        bids, bid_count, bid_edge, asks, ask_count, ask_edge, tick_size, row, event, local, False,
        time, received, bid, ask, reach, ticks, sizes,
    )  # fmt: skip
    if found < 0:
        return found, NOT_TRIED
    return found, add(
        bids, bid_count, asks, ask_count, tops, lot_size, rounds, row, order_flow, events
    )


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


def compile_all():
    """Compile for the types that come."""
    rows, column, reach = np.empty(2, np.int64), np.ones(1), np.ones((1, 2), np.float32)
    side = np.ones((2, 2))
    for dtype in (np.uint8, np.uint16, np.uint32):
        ticks, sizes = np.zeros((1, 2, 1, 1), dtype), np.ones((1, 2, 1, 1), np.float32)
        put(
            side, 1, 0.0, side, 1, 0.0, 1.0, 0, 0, 0, False,
            rows, rows, column, column, reach, ticks, sizes,
        )  # fmt: skip
        for sums in (np.int32, np.int64):
            append(
                side, 1, 0.0, side, 1, 0.0, 1.0, 0, 0, 0, 1.0, False,
                rows, rows, column, column, reach, ticks, sizes, np.ones((2, 5, RANKS)),
                np.zeros((1, RANKS), sums), np.zeros(1, np.int32),
            )  # fmt: skip
