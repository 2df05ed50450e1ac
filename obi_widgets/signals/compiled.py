"""What takes long over many levels or states, compiled: see `portable`, which has the same.

Importing this imports numba, which takes a while: only `compiling` does.
No fast-math: nothing may be reassociated, contracted or assumed not to be NaN, so that the
results are those of `portable` to the bit. Time is the innermost axis, which LLVM vectorises
without it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import float32, int32, njit
from numba.extending import intrinsic

from obi_widgets.history.columns import BLOCK, TILE
from obi_widgets.signals.portable import (
    CUT,
    DOES_NOT_FIT,
    EDGE,
    INFERRED,
    LARGEST,
    LEAST,
    LOG2_E,
    POLYNOMIAL,
    ROUNDER,
    SMALLEST,
)

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
    """Write the imbalance of a block's states to ``out``; see `portable.block`."""
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
                here = total[side]
                for level in range(depth):
                    tick, size = ticks[tile, side, level, at:], sizes[tile, side, level, at:]
                    for t in range(states):
                        here[t] += _exp2(rate[t] * np.float32(tick[t])) * size[t]
        else:
            _general(
                bids[:states], asks[:states], ticks[tile], sizes[tile], at,
                tick_size, depth, band_bps, notional, rate, total,
            )  # fmt: skip
        for t in range(states):
            buy, sell = np.float64(total[0, t]), np.float64(total[1, t])
            value = (buy - sell) / (buy + sell)
            # Not there when a price is NaN, either.
            there = (buy > 0) & (sell > 0) & (bids[t] < asks[t])
            result[t] = value if there else np.nan
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
    """Return the imbalance of one state, as `block` does; see `portable.newest`."""
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


@njit(inline="always")
def _paid(bid, ask, direction, at_mid):
    """Return what buying (+1) or selling (-1) costs."""
    if at_mid:
        return (bid + ask) / 2
    return ask if direction > 0 else bid


@njit(nogil=True, cache=True, error_model="numpy")
def scan(time, bid, ask, signal, first, threshold, hold, at_mid, side, times, prices, lost):
    """Decide entries from a state on; see `portable.scan`."""
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
        if not held and abs(signal[row]) > threshold:
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
    """Return how many states have a signal, and how many are beyond; see `portable.tally`."""
    there, beyond = 0, 0
    for t in range(len(signal)):
        there += not np.isnan(signal[t])
        beyond += abs(signal[t]) > threshold
    return there, beyond


@njit(nogil=True, cache=True, error_model="numpy")
def apply(levels, count, sign, changes):
    """Set the sizes of a book's side; see `portable.apply`.

    A level that is removed stays, with size 0, unless it was the best. Most come back, and what
    is inserted moves those above it only as far as the next that is gone.
    """
    keys, sizes = levels[0], levels[1]
    for n in range(len(changes)):
        key, size = sign * changes[n, 0], changes[n, 1]
        at = _place(keys, count, key)
        if at < count and keys[at] == key:
            sizes[at] = size
        elif size > 0:
            while at < count and sizes[at] > 0:
                keys[at], key = key, keys[at]
                sizes[at], size = size, sizes[at]
                at += 1
            keys[at], sizes[at] = key, size
            count = max(count, at + 1)
        while count and sizes[count - 1] == 0:
            count -= 1
    return count


@njit(inline="always")
def _place(keys, count, key):
    """Return how many of the sorted keys are less, without a branch to guess."""
    low = 0
    while count > 64:  # by quarters: their three looks do not wait for each other
        part = count >> 2
        less = (keys[low + part - 1] < key) + (keys[low + 2 * part - 1] < key)
        less += keys[low + 3 * part - 1] < key
        low += less * part
        count = part if less < 3 else count - 3 * part
    while count > 1:
        part = count >> 1
        low += part if keys[low + part - 1] < key else 0
        count -= part
    low += count > 0 and keys[low] < key
    return low


@njit(nogil=True, cache=True, error_model="numpy")
def apply_within(levels, count, sign, changes, window, edge):
    """Set the sizes of a book's side that has a window; see `portable.apply_within`."""
    count = apply(levels, count, sign, changes)
    seen = 0
    for first in range(count - 1, -1, -1):
        seen += levels[1, first] > 0
        if seen == window:
            if first:
                for n in range(first, count):
                    levels[0, n - first], levels[1, n - first] = levels[0, n], levels[1, n]
            return count - first, levels[0, 0]
    return count, edge


@njit(nogil=True, cache=True, error_model="numpy")
def put(
    bids, bid_count, bid_edge, asks, ask_count, ask_edge, tick_size, row, event, local, leave_out,
    time, received, bid, ask, reach, ticks, sizes,
):  # fmt: skip
    """Write a book's best levels to a row; see `portable.put`."""
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
