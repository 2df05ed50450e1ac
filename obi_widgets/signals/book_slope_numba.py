"""The slope of each side of a book, compiled: see `book_slope_numpy`.

Only the kernel loader imports this module: it imports numba, which takes a while. Time is the
innermost axis, and nothing branches, so that LLVM vectorises it without fast-math.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import float64, int64, njit
from numba.extending import intrinsic

from obi_widgets.history.levels import TILE
from obi_widgets.signals.book_slope_numpy import LN2, ROOT_HALF, SERIES

C0, C1, C2, C3, C4, C5, C6, C7, C8, C9 = SERIES
ROOT = np.int64(ROOT_HALF)


@intrinsic
def _as_bits(_: Any, value: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return int64(float64), generate


@intrinsic
def _as_float(_: Any, bits: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return float64(int64), generate


@njit(inline="always")
def _log(x):
    bits: Any = _as_bits(x)
    exponent = (bits - ROOT) >> 52
    part = _as_float(bits - (exponent << 52))
    s = (part - 1.0) / (part + 1.0)
    square = s * s
    found = C0 * square + C1
    found = found * square + C2
    found = found * square + C3
    found = found * square + C4
    found = found * square + C5
    found = found * square + C6
    found = found * square + C7
    found = found * square + C8
    found = found * square + C9
    return np.float64(exponent) * LN2 + found * s


@njit(nogil=True, cache=True, error_model="numpy")
def block(bid, ask, ticks, sizes, at, tick_size, share, depth, out):
    """Write the slopes of a block's states to ``out``; see `book_slope_numpy.block`."""
    value, before, total, count = np.empty(TILE), np.empty(TILE), np.empty(TILE), np.empty(TILE)
    price_before, first = np.empty(TILE), np.empty(TILE)
    depth = min(depth, ticks.shape[2])
    # Views begin at 0: an index that might be negative would keep a loop from being vectorised.
    start = 0
    while start < len(bid):
        bids, asks = bid[start:], ask[start:]
        tile, state = (at + start) // TILE, (at + start) % TILE
        states = min(TILE - state, len(bids))
        for side in range(2):
            best, step = (bids, -tick_size) if side == 0 else (asks, tick_size)
            tick, size = ticks[tile, side, 0, state:], sizes[tile, side, 0, state:]
            for t in range(states):
                there = (bids[t] < asks[t]) and (size[t] > 0)
                price = best[t] + step * np.float64(tick[t])
                worth = np.float64(size[t]) * price
                mid = (bids[t] + asks[t]) * 0.5
                logarithm = _log(worth / share if there else 2.0)
                steep = logarithm / abs(price / mid - 1.0)
                total[t] = steep if there else 0.0
                value[t] = worth if there else 0.0
                count[t] = 1.0 if there else 0.0
                first[t] = logarithm if there else 0.0
                before[t] = logarithm if there else 1.0
                price_before[t] = price if there else mid
            for rank in range(1, depth):
                tick, size = ticks[tile, side, rank, state:], sizes[tile, side, rank, state:]
                for t in range(states):
                    there = (bids[t] < asks[t]) and (size[t] > 0)
                    price = best[t] + step * np.float64(tick[t])
                    worth = value[t] + np.float64(size[t]) * price
                    logarithm = _log(worth / share if there else 2.0)
                    steep = logarithm / before[t] - 1.0
                    steep = steep / abs(price / price_before[t] - 1.0)
                    total[t] = total[t] + steep if there else total[t]
                    value[t] = worth if there else value[t]
                    count[t] += 1.0 if there else 0.0
                    before[t] = logarithm if there else before[t]
                    price_before[t] = price if there else price_before[t]
            result = out[side, start:]
            for t in range(states):
                result[t] = total[t] / count[t] if first[t] > 0 else np.nan
        start += states


def compile_all():
    """Compile for the types that histories have."""
    prices = np.ones(1)
    prices.flags.writeable = False  # as a history's columns, which is a type of its own to numba
    for dtype in (np.uint8, np.uint16, np.uint32):
        ticks, sizes = np.zeros((1, 2, 1, TILE), dtype), np.ones((1, 2, 1, TILE), np.float32)
        block(prices, prices, ticks, sizes, 0, 1.0, 1.0, 1, np.empty((2, 4))[:, :1])
