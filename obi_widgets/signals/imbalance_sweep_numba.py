"""Entries of many settings in one pass over the books, compiled.

A level's weight under one decay is its weight under the decay before, times a ratio that is the
same for all steps of an even grid: one multiplication in place of an exponential. Sums over
levels pass through every depth on their way to the deepest. So each level is read once for all
decays and depths, and a state's signals are looked at by the thresholds while they are in the
cache.

Signals found so are off by rounding, less than `GUARD`. Where that might decide about an entry,
`imbalance_numba.block` decides: entries are those of `obi_widgets.entries`, all of them.

Importing this imports numba, which takes a while.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.levels import TILE
from obi_widgets.signals.imbalance_numba import _as_bits, _as_float, _exp2, block
from obi_widgets.signals.imbalance_numpy import EDGE, LOG2_E

GROUP = 5
"""Decays that `_add_group` writes out, so that weights stay in registers."""

ROWS = GROUP + 1
"""Of a group's sums: the weights under its first decay, then the sums of each decay. Behind them
stand the weights for the next group."""

STRETCH = 64
"""States whose signals are computed once somebody may enter, with the greatest of them, so that
thresholds pass over quiet ones."""

GUARD = 1e-4
"""More than the signal can be off by: a hundred steps' rounding, and the sums'."""

UNKNOWN = np.float32(-1)

DONE, WON, SUM, SQUARES, LOST, OPEN = range(6)


@njit(nogil=True, cache=True, error_model="numpy")
def exits(time, bid, ask, hold, out):
    """Write where an entry made at each state would end.

    The row of the first state that is due and has both sides; ``~row`` of the first at which the
    book was lost, when that comes before; the number of states when neither comes.
    """
    rows = len(time)
    due, exit_, gap = rows, rows, rows
    ready = np.empty(rows + 1, np.int32)  # the first state from each on that has both sides
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

    All that is written to is one array at constant distances, which is what lets it vectorise.
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
    """Return where the sums of a decay stand."""
    return decay // GROUP * ROWS + 1 + decay % GROUP


@njit(nogil=True, cache=True, error_model="numpy")
def _level(tick, size, notional, near, step, sign, reach, away, quantity, states):
    """Write a level's distance and what it weighs before decay."""
    for t in range(states):
        away[t] = np.float32(tick[t])
        quantity[t] = size[t] if away[t] <= reach[t] else np.float32(0.0)
    if notional:
        for t in range(states):
            quantity[t] *= near[t] + sign * (away[t] * step[t])


@njit(nogil=True, cache=True, error_model="numpy")
def _signals(bids, asks, out):
    """Write a stretch's imbalance, 0 where there is none; return how far from 0 it goes."""
    greatest = np.int32(0)
    for t in range(STRETCH):
        buy, sell = bids[t], asks[t]
        value = (buy - sell) / (buy + sell)
        value = value if (buy > 0) & (sell > 0) else np.float32(0.0)
        out[t] = value
        greatest = max(greatest, _as_bits(abs(value)))  # in the order of the floats, above 0
    return _as_float(greatest)


@njit(nogil=True, cache=True, error_model="numpy")
def sweep(
    start, first, bid, ask, ticks, sizes, tick_size, decays, even, depths, band_bps, notional,
    thresholds, exits, buy, sell, none, cut, upcoming, sums,
):  # fmt: skip
    """Decide on a block's states with all settings.

    Parameters
    ----------
    start, first : int
        The first state's row in the history, and where it stands in the block.
    bid, ask : ndarray of float64
        Of the block's states.
    ticks, sizes : ndarray
        See `obi_widgets.history.levels.Levels`.
    tick_size, decays, even : float, ndarray of float64, bool
        Decays may be of any kind, and are faster on an even grid.
    depths : ndarray of int64
        Ascending, at most the levels there are; some may be alike.
    band_bps, notional, thresholds
        As of the imbalance; infinite for no band.
    exits : ndarray of int32, shape (holds, T)
        From `exits`.
    buy, sell : ndarray of float64, shape (T,)
        What is paid, and what is got.
    none : ndarray of bool, shape (depths, T) or (depths, 0)
        Which states have no signal, see `obi_widgets.signals.coverage.without_value`.
    cut : int
        The row that parts the history in two.
    upcoming : ndarray of int64, shape (decays, depths, thresholds, holds)
        From which row on each may enter. Written to.
    sums : ndarray of float64, shape (decays, depths, thresholds, holds, 3, 6)
        Of entries that end before the cut, that begin at or after it, and that span it: those
        that were closed, those of them that won, sums of gross bps and of their squares, entries
        that a gap ended, and those still open. Added to.
    """
    count = len(decays)
    # Each by itself: numba takes rows that an array is unpacked into for strided ones.
    advance, ratio = np.empty(TILE, np.float32), np.empty(TILE, np.float32)
    away, quantity = np.empty(TILE, np.float32), np.empty(TILE, np.float32)
    scale, reach = np.empty(TILE), np.empty(TILE)
    near, step = np.empty((2, TILE), np.float32), np.empty(TILE, np.float32)
    rates = np.empty((count, TILE), np.float32)
    soonest, exact = np.zeros((count, len(depths)), np.int64), np.empty(1)
    groups = -(-count // GROUP)
    total = np.empty((2, (groups * ROWS + 1) * TILE), np.float32)
    out = np.empty(TILE, np.float32)
    greatest = np.empty(TILE // STRETCH, np.float32)
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
        which = 0
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
            while which < len(depths) and level + 1 == depths[which]:
                for k in range(count):
                    if soonest[k, which] < start + at + states:
                        greatest[:] = UNKNOWN
                        soonest[k, which] = _decide(
                            total, _row(k) * TILE, start, at, states, out, greatest,
                            thresholds, exits, buy, sell, none, cut, upcoming, sums, k, which,
                            exact, first, bid, ask, ticks, sizes, tick_size,
                            decays[k], depths[which], band_bps, notional,
                        )  # fmt: skip
                which += 1
        at += states


@njit(inline="always")
def _decide(
    total, sums_at, start, at, states, out, greatest,
    thresholds, exits, buy, sell, none, cut, upcoming, sums, k, which,
    exact, first, bid, ask, ticks, sizes, tick_size,
    decay, depth, band_bps, notional,
):  # fmt: skip
    """Let every threshold and hold enter where its position is closed; return when one may next."""
    begin, soonest = start + at, exits.shape[1]
    for i in range(len(thresholds)):
        threshold = thresholds[i]
        quiet = np.float32(threshold - GUARD)
        for j in range(len(exits)):
            t = upcoming[k, which, i, j] - begin
            while t < states:
                stretch = t // STRETCH
                if greatest[stretch] == UNKNOWN:
                    here = sums_at + stretch * STRETCH
                    greatest[stretch] = _signals(
                        total[0, here:], total[1, here:], out[stretch * STRETCH :]
                    )
                if greatest[stretch] < quiet:
                    t = (stretch + 1) * STRETCH
                    continue
                signal = np.float64(out[t])
                if abs(abs(signal) - threshold) < GUARD and bid[at + t] < ask[at + t]:
                    here = slice(at + t, at + t + 1)
                    block(
                        bid[here], ask[here], ticks, sizes, first + at + t, tick_size,
                        decay, depth, band_bps, notional, exact,
                    )  # fmt: skip
                    signal = exact[0]
                if not abs(signal) > threshold or (none.shape[1] and none[which, begin + t]):
                    t += 1
                    continue
                row, exit_ = begin + t, exits[j, begin + t]
                left = ~exit_ if exit_ < 0 else exit_
                part = 0 if left < cut else 1 if row >= cut else 2
                where = (k, which, i, j, part)
                if exit_ < 0:
                    sums[where][LOST] += 1
                elif exit_ == exits.shape[1]:
                    sums[where][OPEN] += 1
                else:
                    if signal > 0:
                        gross = (sell[exit_] / buy[row] - 1) * 1e4
                    else:
                        gross = -(buy[exit_] / sell[row] - 1) * 1e4
                    sums[where][DONE] += 1
                    sums[where][WON] += gross > 0
                    sums[where][SUM] += gross
                    sums[where][SQUARES] += gross * gross
                t = left - begin
            upcoming[k, which, i, j] = begin + t
            soonest = min(soonest, begin + t)
    return soonest


def compile_all():
    """Do nothing: it takes long, so it is compiled for a history's own types when it is called."""
