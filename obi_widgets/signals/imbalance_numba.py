"""The decayed imbalance of many levels, compiled: see `imbalance_numpy`, which has the same.

Only the kernel loader imports this module: it imports numba, which takes a while. Fast-math is
off, so that results equal NumPy's to the bit. Time is the innermost axis, which LLVM vectorises
without fast-math.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import float32, int32, njit
from numba.extending import intrinsic

from obi_widgets.history.levels import BLOCK, TILE
from obi_widgets.signals.imbalance_numpy import EDGE, LEAST, LOG2_E, POLYNOMIAL, ROUNDER

C0, C1, C2, C3, C4, C5 = POLYNOMIAL
SHIFT = np.int32(23)


@intrinsic
def _as_float(_: Any, bits: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType())

    return float32(int32), generate


@intrinsic
def _as_bits(_: Any, value: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(32))

    return int32(float32), generate


@njit(inline="always")
def _exp2(x):
    x = x if x > LEAST else LEAST
    rounded = x + ROUNDER
    part = x - (rounded - ROUNDER)
    power = C0
    power = power * part + C1
    power = power * part + C2
    power = power * part + C3
    power = power * part + C4
    power = power * part + C5
    # The whole part is in the low bits of `rounded`: all others are shifted out.
    return _as_float(_as_bits(power) + (_as_bits(rounded) << SHIFT))


@njit(nogil=True, cache=True, error_model="numpy")
def block(bid, ask, ticks, sizes, first, tick_size, decay, depth, band_bps, notional, out):
    """Write the imbalance of a block's states to ``out``; see `imbalance_numpy.block`."""
    depth = min(depth, ticks.shape[2])
    plain = band_bps == np.inf and not notional
    rate = np.empty(TILE, np.float32)
    total = np.empty((2, TILE), np.float32)
    # A tile's sums stay in the first-level cache while its levels stream by. Views begin at 0: an
    # index that might be negative would keep a loop from being vectorised.
    start = 0
    while start < len(bid):
        bids, asks, result = bid[start:], ask[start:], out[start:]
        tile, at = (first + start) // TILE, (first + start) % TILE
        states = min(TILE - at, len(bids))
        total[:] = 0
        for t in range(states):
            mid = (bids[t] + asks[t]) * 0.5
            rate[t] = np.float32(-decay * LOG2_E * (1e4 * tick_size / mid))
        if plain:
            for side in range(2):
                side_total = total[side]
                for level in range(depth):
                    tick, size = ticks[tile, side, level, at:], sizes[tile, side, level, at:]
                    for t in range(states):
                        side_total[t] += _exp2(rate[t] * np.float32(tick[t])) * size[t]
        else:
            _general(
                bids[:states], asks[:states], ticks[tile], sizes[tile], at,
                tick_size, depth, band_bps, notional, rate, total,
            )  # fmt: skip
        for t in range(states):
            buy, sell = np.float64(total[0, t]), np.float64(total[1, t])
            value = (buy - sell) / (buy + sell)
            # The comparison is False where a price is NaN.
            valid = (buy > 0) & (sell > 0) & (bids[t] < asks[t])
            result[t] = value if valid else np.nan
        start += states


@njit(nogil=True, cache=True, error_model="numpy")
def _general(bid, ask, ticks, sizes, first, tick_size, depth, band_bps, notional, rate, total):
    """Add up the levels of a band, or weighted by notional."""
    states = len(bid)
    reach = np.empty(TILE, np.float64)
    near = np.empty((2, TILE), np.float32)
    step = np.empty(TILE, np.float32)
    for t in range(states):
        mid = (bid[t] + ask[t]) * 0.5
        tick_bps = 1e4 * tick_size / mid
        reach[t] = np.floor((band_bps + EDGE - 5e3 * (ask[t] - bid[t]) / mid) / tick_bps)
        near[0, t] = np.float32(bid[t] / mid)
        near[1, t] = np.float32(ask[t] / mid)
        step[t] = np.float32(tick_size / mid)
    for side in range(2):
        sign = np.float32(-1.0 if side == 0 else 1.0)
        for level in range(depth):
            tick, size = ticks[side, level, first:], sizes[side, level, first:]
            for t in range(states):
                away = np.float32(tick[t])
                term = _exp2(rate[t] * away) * size[t]
                if notional:
                    term *= near[side, t] + sign * (away * step[t])
                inside = (band_bps == np.inf) or (tick[t] <= reach[t])
                total[side, t] += term if inside else np.float32(0.0)


@njit(nogil=True, cache=True, error_model="numpy")
def newest(bid, ask, ticks, sizes, row, tick_size, decay, depth, band_bps, notional):
    """Return the imbalance of one state, as `block` does; see `imbalance_numpy.newest`."""
    tile, at = row % BLOCK // TILE, row % TILE
    bids, asks = bid[row], ask[row]
    if not bids < asks:
        return np.nan
    mid = (bids + asks) * 0.5
    tick_bps = 1e4 * tick_size / mid
    rate = np.float32(-decay * LOG2_E * tick_bps)
    reach = np.floor((band_bps + EDGE - 5e3 * (asks - bids) / mid) / tick_bps)
    step = np.float32(tick_size / mid)
    buy, sell = np.float32(0.0), np.float32(0.0)
    for level in range(min(depth, ticks.shape[2])):
        tick, size = ticks[tile, 0, level, at], sizes[tile, 0, level, at]
        if tick <= reach:
            away = np.float32(tick)
            near = np.float32(bids / mid) - away * step if notional else np.float32(1.0)
            buy += _exp2(rate * away) * size * near
        tick, size = ticks[tile, 1, level, at], sizes[tile, 1, level, at]
        if tick <= reach:
            away = np.float32(tick)
            near = np.float32(asks / mid) + away * step if notional else np.float32(1.0)
            sell += _exp2(rate * away) * size * near
    bids, asks = np.float64(buy), np.float64(sell)
    return (bids - asks) / (bids + asks) if bids > 0 and asks > 0 else np.nan


def compile_all():
    """Compile for the types that histories have."""
    # A history's columns are read-only, which is a type of its own to numba.
    prices, column = np.ones(1), np.ones(1)
    prices.flags.writeable = False
    for dtype in (np.uint8, np.uint16, np.uint32):
        ticks, sizes = np.zeros((1, 2, 1, 1), dtype), np.ones((1, 2, 1, 1), np.float32)
        block(prices, prices, ticks, sizes, 0, 1.0, 0.0, 1, 1.0, False, np.empty(1))
        newest(column, column, ticks, sizes, 0, 1.0, 0.0, 1, 1.0, False)
