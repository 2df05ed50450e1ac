"""States of the best prices, and moves between them, compiled: see `micro_price_numpy`.

Only the kernel loader imports this module: it imports numba, which takes a while.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.levels import TILE
from obi_widgets.signals.micro_price_numpy import NONE


@njit(nogil=True, cache=True, error_model="numpy")
def states(bid, ask, sizes, at, tick_size, bucket, buckets, spreads, code, twice):
    """Write the code and twice the mid of a block's states; see `micro_price_numpy.states`."""
    for t in range(len(bid)):
        tile, row = (at + t) // TILE, (at + t) % TILE
        buy, sell = np.float64(sizes[tile, 0, 0, row]), np.float64(sizes[tile, 1, 0, row])
        if not (bid[t] < ask[t] and buy > 0 and sell > 0):
            code[t], twice[t] = NONE, 0
            continue
        bids, asks = np.rint(bid[t] / tick_size), np.rint(ask[t] / tick_size)
        place = min(np.ceil(abs(buy - sell) / ((buy + sell) * bucket)), buckets) - 1
        width = min(asks - bids, spreads) - 1
        number = 1 + place + width * buckets
        code[t] = np.int16(number if buy > sell else (-number if buy < sell else 0))
        twice[t] = np.int64(bids + asks)


@njit(nogil=True, cache=True, error_model="numpy")
def counts(code, twice, edges, visits, passed, moved):
    """Add up the moves between states, part by part; see `micro_price_numpy.counts`."""
    for part in range(len(edges) - 1):
        seen, flow, change = visits[part], passed[part], moved[part]
        for row in range(edges[part], edges[part + 1]):
            begin, end = np.int64(code[row]), np.int64(code[row + 1])
            if begin == NONE or end == NONE:
                continue
            # Without branches, which nothing would predict. What has no sign goes to place 0.
            origin, target = abs(begin), abs(end)
            sign = 1 - 2 * np.int64(begin < 0)
            seen[origin] += 1
            change[origin] += sign * (twice[row + 1] - twice[row])
            flow[origin, target] += sign * (1 - 2 * np.int64(end < 0))


@njit(nogil=True, cache=True, error_model="numpy")
def values(code, bid, ask, tick_size, of_state, table, out):
    """Write the micro-price less mid, in spreads; see `micro_price_numpy.values`."""
    for t in range(len(code)):
        if code[t] == NONE or of_state[t] < 0:
            out[t] = np.nan
        elif code[t] == 0:
            out[t] = 0.0
        else:
            found = table[of_state[t], abs(np.int64(code[t])) - 1]
            wide = np.rint(ask[t] / tick_size) - np.rint(bid[t] / tick_size)
            out[t] = (found if code[t] > 0 else -found) * 0.5 / wide


def compile_all():
    """Compile for the types that histories have."""
    prices, sizes = np.ones(1), np.ones((1, 2, 1, TILE), np.float32)
    prices.flags.writeable = False  # as a history's columns, which is a type of its own to numba
    code, twice, rows = np.zeros(1, np.int16), np.zeros(1, np.int64), np.zeros(1, np.int64)
    states(prices, prices, sizes, 0, 1.0, 1.0, 1, 1, code, twice)
    counts(code, twice, rows, rows[None].copy(), rows[None, None].copy(), rows[None].copy())
    values(code, prices, prices, 1.0, rows, np.zeros((1, 1)), np.zeros(1))
