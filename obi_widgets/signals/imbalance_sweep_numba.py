"""Entries of many settings in one pass over the states, compiled.

On an even grid of decays, a level's weight under one decay is its weight under the previous decay
times a constant ratio: one multiplication instead of an exponential. The sum up to the deepest
level passes through the sums of all smaller depths. So each level is read once for all decays and
depths, and the thresholds are compared while the signals are in the cache.

The signals differ from the exact ones by rounding, less than `GUARD`. Where that could decide
about an entry, the exact signal of `imbalance_numba.block` decides, so the entries equal those of
`obi_widgets.entries`.

Importing this module imports numba, which takes a while.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.levels import TILE
from obi_widgets.signals.imbalance_numba import _as_bits, _as_float, _exp2, block
from obi_widgets.signals.imbalance_numpy import EDGE, LOG2_E

GROUP = 5
"""Decays that `_add_group` unrolls, so that weights stay in registers."""

ROWS = GROUP + 1
"""Rows of a group: the weights under its first decay, then the sums of each decay. The weights of
the next group follow."""

CHUNK = 64
"""Chunk size: signals are computed lazily per chunk with their maximum, so that a threshold can
skip the chunk."""

GUARD = 1e-4
"""Upper bound of the rounding error: of a hundred multiplications, and of the sums."""

NOT_COMPUTED = np.float32(-1)

CLOSED, WON, SUM, SQUARES, BOOK_LOST, OPEN = range(6)


@njit(nogil=True, cache=True, error_model="numpy")
def exits(time, bid, ask, hold, out):
    """Write the exit row of an entry made at each state.

    It is the first state that is due and has both sides; ``~row`` of the first state without a
    book, if that comes earlier; the number of states if there is neither.
    """
    rows = len(time)
    due, exit_, gap = rows, rows, rows
    ready = np.empty(rows + 1, np.int32)  # the next state with both sides
    ready[rows] = rows
    for row in range(rows - 1, -1, -1):
        ready[row] = row if bid[row] < ask[row] else ready[row + 1]
    for row in range(rows - 1, -1, -1):
        while due > 0 and time[due - 1] >= time[row] + hold:
            due -= 1
        exit_ = ready[max(due, row + 1)]
        out[row] = ~gap if gap < exit_ else exit_
        if np.isnan(bid[row]) and np.isnan(ask[row]):
            gap = row


@njit(nogil=True, cache=True, error_model="numpy")
def _add_group(ratio, sums, states):
    """Add the weights of a group's decays; see `ROWS`.

    It writes to one array at constant offsets, which lets the loop vectorise.
    """
    for t in range(states):
        w, r = sums[t], ratio[t]
        sums[TILE + t] += w
        w *= r
        sums[2 * TILE + t] += w
        w *= r
        sums[3 * TILE + t] += w
        w *= r
        sums[4 * TILE + t] += w
        w *= r
        sums[5 * TILE + t] += w
        sums[6 * TILE + t] = w * r


@njit(nogil=True, cache=True, error_model="numpy")
def _weigh(rate, away, size, out, states):
    for t in range(states):
        out[t] = _exp2(rate[t] * away[t]) * size[t]


@njit(nogil=True, cache=True, error_model="numpy")
def _step(advance, away, out, states):
    for t in range(states):
        out[t] = _exp2(advance[t] * away[t])


@njit(nogil=True, cache=True, error_model="numpy")
def _add_one(rate, away, size, total, states):
    for t in range(states):
        total[t] += _exp2(rate[t] * away[t]) * size[t]


@njit(nogil=True, cache=True, error_model="numpy")
def _rates(scale, decay, out, states):
    for t in range(states):
        out[t] = np.float32(decay * scale[t])


@njit(inline="always")
def _row(decay):
    """Return the row of a decay's sums."""
    return decay // GROUP * ROWS + 1 + decay % GROUP


@njit(nogil=True, cache=True, error_model="numpy")
def _level(tick, size, notional, near, step, sign, reach, away, quantity, states):
    """Write a level's distance and its weight before decay."""
    for t in range(states):
        away[t] = np.float32(tick[t])
        quantity[t] = size[t] if away[t] <= reach[t] else np.float32(0.0)
    if notional:
        for t in range(states):
            quantity[t] *= near[t] + sign * (away[t] * step[t])


@njit(nogil=True, cache=True, error_model="numpy")
def _signals(bids, asks, out):
    """Write a chunk's imbalance, 0 where there is none; return its largest absolute value."""
    chunk_max = np.int32(0)
    for t in range(CHUNK):
        buy, sell = bids[t], asks[t]
        value = (buy - sell) / (buy + sell)
        value = value if (buy > 0) & (sell > 0) else np.float32(0.0)
        out[t] = value
        chunk_max = max(
            chunk_max, _as_bits(abs(value))
        )  # bits of positive floats sort as the floats do
    return _as_float(chunk_max)


@njit(nogil=True, cache=True, error_model="numpy")
def sweep(
    start, first, bid, ask, ticks, sizes, tick_size, decays, even, depths, band_bps, notional,
    thresholds, exits, buy, sell, no_signal, split_row, free_from, sums,
):  # fmt: skip
    """Add the entries of a block's states to the sums, for all settings.

    Parameters
    ----------
    start, first : int
        The first state's row in the history, and its place in the block.
    bid, ask : ndarray of float64
        Best prices of the block's states.
    ticks, sizes : ndarray
        See `obi_widgets.history.levels.Levels`.
    tick_size, decays, even : float, ndarray of float64, bool
        Decays per bp, and whether they are evenly spaced, which is faster.
    depths : ndarray of int64
        Ascending, at most the number of levels; some may be equal.
    band_bps, notional, thresholds
        See the imbalance; an infinite band is none.
    exits : ndarray of int32, shape (holds, T)
        From `exits`.
    buy, sell : ndarray of float64, shape (T,)
        Price paid when buying, and received when selling.
    no_signal : ndarray of bool, shape (depths, T) or (depths, 0)
        True where a state has no signal, see `obi_widgets.signals.coverage.without_value`.
    split_row : int
        The row at which the second part of the history begins.
    free_from : ndarray of int64, shape (decays, depths, thresholds, holds)
        The row from which each setting may enter again. Updated.
    sums : ndarray of float64, shape (decays, depths, thresholds, holds, 3, 6)
        Over entries that end before ``split_row``, that begin at or after it, and that span it:
        closed entries, winners, sum of gross bps, sum of its squares, entries ended by a gap, and
        entries still open. Updated.
    """
    count = len(decays)
    # Allocated one by one: numba would type the rows of one array as strided.
    advance, ratio = np.empty(TILE, np.float32), np.empty(TILE, np.float32)
    away, quantity = np.empty(TILE, np.float32), np.empty(TILE, np.float32)
    scale, reach = np.empty(TILE), np.empty(TILE)
    near, step = np.empty((2, TILE), np.float32), np.empty(TILE, np.float32)
    rates = np.empty((count, TILE), np.float32)
    soonest, exact = np.zeros((count, len(depths)), np.int64), np.empty(1)
    groups = -(-count // GROUP)
    total = np.empty((2, (groups * ROWS + 1) * TILE), np.float32)
    out = np.empty(TILE, np.float32)
    chunk_max = np.empty(TILE // CHUNK, np.float32)
    at = 0
    while at < len(bid):
        tile, state = (first + at) // TILE, (first + at) % TILE
        states = min(TILE - state, len(bid) - at)
        bids, asks = bid[at:], ask[at:]
        total[:] = 0
        for t in range(states):
            mid = (bids[t] + asks[t]) * 0.5
            tick_bps = 1e4 * tick_size / mid
            scale[t] = -LOG2_E * tick_bps
            reach[t] = np.inf if bids[t] < asks[t] else -1.0
            if band_bps < np.inf:
                half_spread = 5e3 * (asks[t] - bids[t]) / mid
                reach[t] = np.floor((band_bps + EDGE - half_spread) / tick_bps)
            near[0, t], near[1, t] = np.float32(bids[t] / mid), np.float32(asks[t] / mid)
            step[t] = np.float32(tick_size / mid)
        for k in range(count if not even else 1):
            _rates(scale, decays[k], rates[k], states)
        if even:
            _rates(scale, decays[1] - decays[0], advance, states)
        d = 0
        for level in range(depths[-1]):
            for side in range(2):
                sign, sum_ = np.float32(-1.0 if side == 0 else 1.0), total[side]
                _level(
                    ticks[tile, side, level, state:], sizes[tile, side, level, state:],
                    notional, near[side], step, sign, reach, away, quantity, states,
                )  # fmt: skip
                if even:
                    _weigh(rates[0], away, quantity, sum_, states)
                    _step(advance, away, ratio, states)
                    for group in range(groups):
                        _add_group(ratio, sum_[group * ROWS * TILE :], states)
                else:
                    for k in range(count):
                        _add_one(rates[k], away, quantity, sum_[_row(k) * TILE :], states)
            while d < len(depths) and level + 1 == depths[d]:
                for k in range(count):
                    if soonest[k, d] < start + at + states:
                        chunk_max[:] = NOT_COMPUTED
                        soonest[k, d] = _decide(
                            total, _row(k) * TILE, start, at, states, out, chunk_max,
                            thresholds, exits, buy, sell, no_signal, split_row, free_from, sums,
                            k, d, exact, first, bid, ask, ticks, sizes, tick_size,
                            decays[k], depths[d], band_bps, notional,
                        )  # fmt: skip
                d += 1
        at += states


@njit(inline="always")
def _decide(
    total, sums_at, start, at, states, out, chunk_max,
    thresholds, exits, buy, sell, no_signal, split_row, free_from, sums, k, d,
    exact, first, bid, ask, ticks, sizes, tick_size,
    decay, depth, band_bps, notional,
):  # fmt: skip
    """Enter for each threshold and hold without a position; return the next row with one free."""
    begin, soonest = start + at, exits.shape[1]
    for i in range(len(thresholds)):
        threshold = thresholds[i]
        quiet = np.float32(threshold - GUARD)
        for j in range(len(exits)):
            t = free_from[k, d, i, j] - begin
            while t < states:
                chunk = t // CHUNK
                if chunk_max[chunk] == NOT_COMPUTED:
                    begin_at = sums_at + chunk * CHUNK
                    chunk_max[chunk] = _signals(
                        total[0, begin_at:], total[1, begin_at:], out[chunk * CHUNK :]
                    )
                if chunk_max[chunk] < quiet:
                    t = min((chunk + 1) * CHUNK, states)  # a tile may end within a chunk
                    continue
                signal = np.float64(out[t])
                if abs(abs(signal) - threshold) < GUARD and bid[at + t] < ask[at + t]:
                    state = slice(at + t, at + t + 1)
                    block(
                        bid[state], ask[state], ticks, sizes, first + at + t, tick_size,
                        decay, depth, band_bps, notional, exact,
                    )  # fmt: skip
                    signal = exact[0]
                if not abs(signal) > threshold or (no_signal.shape[1] and no_signal[d, begin + t]):
                    t += 1
                    continue
                row, exit_ = begin + t, exits[j, begin + t]
                left = ~exit_ if exit_ < 0 else exit_
                part = 0 if left < split_row else 1 if row >= split_row else 2
                where = (k, d, i, j, part)
                if exit_ < 0:
                    sums[where][BOOK_LOST] += 1
                elif exit_ == exits.shape[1]:
                    sums[where][OPEN] += 1
                else:
                    if signal > 0:
                        gross = (sell[exit_] / buy[row] - 1) * 1e4
                    else:
                        gross = -(buy[exit_] / sell[row] - 1) * 1e4
                    sums[where][CLOSED] += 1
                    sums[where][WON] += gross > 0
                    sums[where][SUM] += gross
                    sums[where][SQUARES] += gross * gross
                t = left - begin
            free_from[k, d, i, j] = begin + t
            soonest = min(soonest, begin + t)
    return soonest


def compile_all():
    """Compile for the types that histories have."""
    # A history's columns are read-only, which is a type of its own to numba.
    time, prices = np.zeros(1, np.int64), np.ones(1)
    time.flags.writeable = prices.flags.writeable = False
    rows = np.empty((1, 1), np.int32)
    exits(time, prices, prices, 1, rows[0])
    for dtype in (np.uint8, np.uint16, np.uint32):
        ticks, sizes = np.zeros((1, 2, 1, TILE), dtype), np.ones((1, 2, 1, TILE), np.float32)
        sweep(
            0, 0, prices, prices, ticks, sizes, 1.0, np.zeros(1), False, np.ones(1, np.int64),
            np.inf, False, np.ones(1), rows, prices, prices, np.empty((1, 0), bool), 1,
            np.zeros((1, 1, 1, 1), np.int64), np.zeros((1, 1, 1, 1, 3, 6)),
        )  # fmt: skip
