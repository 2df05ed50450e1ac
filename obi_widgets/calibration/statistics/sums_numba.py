"""Sums of scores over many states and cells, compiled: see `sums_numpy`, which has the same.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math:
nothing may be reassociated, contracted or assumed not to be NaN, so that the results are those
of NumPy to the bit. Sums run from the first state to the last, a cell a lane.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 24
"""Cells whose sums are kept together: some vector registers full, so that none is waited for."""
ROWS = 13
# Where each sum's lanes begin. One array for all, and distances between rows that are known when
# compiling: otherwise every loop over lanes is guarded against overlap, or not vectorised.
A, B, AA, AB, BB, MORE = 0, LANES, 2 * LANES, 3 * LANES, 4 * LANES, 5 * LANES
IN_A, IN_B, WAY_A, WAY_B = 6 * LANES, 7 * LANES, 8 * LANES, 9 * LANES
GONE_A, GONE_B, IN_M = 10 * LANES, 11 * LANES, 12 * LANES
MARGIN = 9
"""States at the end at which no lane may read beyond those of the cells that there are."""


@njit(nogil=True, cache=True, error_model="numpy")
def starts(x, y, end, lag, out):
    """Add up scores as returns start; see `sums_numpy.starts`."""
    states, row = x.shape
    flat, sums = x.ravel(), _lanes()
    for first in range(0, row, LANES):
        cells = np.uint64(min(LANES, row - first))
        nothing = np.uint64(0), 0.0, 0.0
        sums[:] = 0.0
        t = 0
        while t < states + lag:
            if lag < t < states - MARGIN:  # two at once: each sum is fetched and kept half as often
                one = _returned(t, row, first, y, end), _returned(t - lag - 1, row, first, y, end)
                two = _returned(t + 1, row, first, y, end), _returned(t - lag, row, first, y, end)
                _start(flat, (one, two), _whole(cells), sums)
                t += 2
            else:
                came = _returned(t, row, first, y, end) if t < states else nothing
                gone = _returned(t - lag - 1, row, first, y, end) if t > lag else nothing
                _start(flat, ((came, gone),), cells, sums)
                t += 1
        _give(sums, first, cells, out)


@njit(inline="always", error_model="numpy")
def _returned(t, row, first, y, end):
    """Return where a state's events lie, 1.0 where it has a return, and that return."""
    known = end[t] >= 0  # chosen without a branch, so that tuples of these stay in registers
    return np.uint64(t * row + first), np.float64(known), y[t] if known else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _start(flat, states, cells, sums):
    for k in range(cells):
        in_a, in_b, sum_a, sum_b = sums[IN_A + k], sums[IN_B + k], sums[A + k], sums[B + k]
        aa, ab, bb, more = sums[AA + k], sums[AB + k], sums[BB + k], sums[MORE + k]
        for (came, there, move), (gone, was_there, old_move) in states:
            event, old_event = flat[came + k] * there, flat[gone + k] * was_there
            a, b = event * move, event * event
            in_a += a - old_event * old_move
            in_b += b - old_event * old_event
            sum_a += a
            sum_b += b
            aa += in_a * in_a
            ab += in_a * in_b
            bb += in_b * in_b
            more += a * a
        sums[IN_A + k], sums[IN_B + k], sums[A + k], sums[B + k] = in_a, in_b, sum_a, sum_b
        sums[AA + k], sums[AB + k], sums[BB + k], sums[MORE + k] = aa, ab, bb, more


@njit(inline="always", error_model="numpy")
def _lanes():
    """Return room for sums that begins where a vector register's worth of memory does."""
    # Otherwise half of all that is fetched and kept lies in two lines of the cache.
    room = np.empty(ROWS * LANES + 8)
    first = -room.ctypes.data % 64 // 8
    return room[first : first + ROWS * LANES]


@njit(inline="always", error_model="numpy")
def _whole(cells):
    """Return how many lanes to compute: no part of a vector register, unless there are few.

    The lanes beyond read the next state's events, and what they come to is never looked at.
    """
    return (cells + np.uint64(7)) & ~np.uint64(7) if cells > 3 else cells


@njit(inline="always", error_model="numpy")
def _give(sums, first, cells, out):
    for row in range(len(out)):
        for k in range(cells):
            out[row, first + k] = sums[row * LANES + k]


@njit(nogil=True, cache=True, error_model="numpy")
def arrivals(x, end, step, weight, width, a_bins, b_bins, m_bins, active):
    """Add up scores as returns come in; see `sums_numpy.arrivals`."""
    states, all_cells = x.shape
    flat, sums = x.ravel(), _lanes()
    for first in range(0, all_cells, LANES):
        cells = np.uint64(min(LANES, all_cells - first))
        sums[:] = 0.0
        oldest, left = 0, width
        for t in range(states):
            lanes = _whole(cells) if t < states - MARGIN else cells
            before = t - 1
            if t > 0 and end[before] > before:
                value, share = weight[before], 1.0 / (end[before] - before)
                base = np.uint64(before * all_cells + first)
                for k in range(lanes):
                    event = np.float64(flat[base + k])
                    sums[WAY_A + k] += event * value
                    sums[WAY_B + k] += event * event * share
            while oldest < t and end[oldest] < t:
                if end[oldest] > oldest:
                    value, share = weight[oldest], 1.0 / (end[oldest] - oldest)
                    base = np.uint64(oldest * all_cells + first)
                    for k in range(lanes):
                        event = np.float64(flat[base + k])
                        sums[GONE_A + k] += event * value
                        sums[GONE_B + k] += event * event * share
                oldest += 1
            moved, at_once = step[t], np.float64(end[t] == t)
            base = np.uint64(t * all_cells + first)
            for k in range(lanes):
                event = flat[base + k] * at_once
                b = (sums[WAY_B + k] - sums[GONE_B + k]) + event * event
                held = sums[WAY_A + k] - sums[GONE_A + k]
                sums[IN_A + k] += moved * held
                sums[IN_M + k] += held * held
                sums[IN_B + k] += b
                sums[MORE + k] += 1.0 if b != 0.0 else 0.0
            left -= 1
            if left == 0 or t == states - 1:
                left = width
                for k in range(cells):
                    a_bins[t // width, first + k] = sums[IN_A + k]
                    b_bins[t // width, first + k] = sums[IN_B + k]
                    m_bins[t // width, first + k] = sums[IN_M + k]
                    sums[IN_A + k], sums[IN_B + k], sums[IN_M + k] = 0.0, 0.0, 0.0
        for k in range(cells):
            active[first + k] = sums[MORE + k]


@njit(nogil=True, cache=True, error_model="numpy")
def bets(size, amount, share, end, step, width, a_bins, b_bins, m_bins):
    """Add up the scores of bets as gains come in; see `sums_numpy.bets`."""
    states, oldest, active = len(end), 0, 0
    size_in, size_out, amount_in, amount_out = 0.0, 0.0, 0.0, 0.0
    share_in, share_out, count_in, count_out = 0.0, 0.0, 0, 0
    a_bins[:], b_bins[:], m_bins[:] = 0.0, 0.0, 0.0
    for t in range(states):
        before = t - 1
        if t > 0 and end[before] > before:
            each = 1.0 / (end[before] - before)
            size_in += size[before]
            amount_in += amount[before] * each
            share_in += share[before] * each
            count_in += share[before] != 0
        while oldest < t and end[oldest] < t:
            if end[oldest] > oldest:
                each = 1.0 / (end[oldest] - oldest)
                size_out += size[oldest]
                amount_out += amount[oldest] * each
                share_out += share[oldest] * each
                count_out += share[oldest] != 0
            oldest += 1
        held, at_once = size_in - size_out, end[t] == t
        a_bins[t // width] += (
            step[t] * held + (amount_in - amount_out) + (amount[t] if at_once else 0.0)
        )
        b_bins[t // width] += (share_in - share_out) + (share[t] if at_once else 0.0)
        m_bins[t // width] += held * held
        active += count_in != count_out or (at_once and share[t] != 0)
    return active


@njit(nogil=True, cache=True, error_model="numpy")
def resampled(a, b, index, lag, out):
    """Add up resampled scores; see `sums_numpy.resampled`."""
    bins, all_cells = a.shape
    flat_a, flat_b, sums = a.ravel(), b.ravel(), _lanes()
    for replication in range(len(index)):
        for first in range(0, all_cells, LANES):
            cells = np.uint64(min(LANES, all_cells - first))
            sums[:] = 0.0
            for t in range(bins + lag):
                new = index[replication, t] if t < bins else 0
                old = index[replication, t - lag - 1] if t > lag else 0
                is_new, is_old = np.float64(t < bins), np.float64(t > lag)
                came, gone = np.uint64(new * all_cells + first), np.uint64(old * all_cells + first)
                for k in range(cells):
                    new_a, new_b = flat_a[came + k] * is_new, flat_b[came + k] * is_new
                    in_a = sums[IN_A + k] + (new_a - flat_a[gone + k] * is_old)
                    in_b = sums[IN_B + k] + (new_b - flat_b[gone + k] * is_old)
                    sums[IN_A + k], sums[IN_B + k] = in_a, in_b
                    sums[A + k] += new_a
                    sums[B + k] += new_b
                    sums[AA + k] += in_a * in_a
                    sums[AB + k] += in_a * in_b
                    sums[BB + k] += in_b * in_b
            _give(sums, first, cells, out[replication])


@njit(nogil=True, cache=True, error_model="numpy")
def windows(scores, lag):
    """Return the sum of squared window sums; see `sums_numpy.windows`."""
    inside, total = 0.0, 0.0
    for t in range(len(scores) + lag):
        new = scores[t] if t < len(scores) else 0.0
        inside += new - (scores[t - lag - 1] if t > lag else 0.0)
        total += inside * inside
    return total / (lag + 1)


def compile_all():
    """Compile for the types that come."""
    x, sums, bins = np.zeros((2, 1), np.int8), np.zeros((6, 1)), np.zeros((2, 1))
    floats, end = np.zeros(2), np.zeros(2, np.int32)
    starts(x, floats, end, 1, sums)
    arrivals(x, end, floats, floats, 1, bins, bins, bins, floats)
    bets(floats, floats, floats, end, floats, 1, *np.zeros((3, 2)))
    resampled(bins, bins, np.zeros((1, 2), np.int32), 1, np.zeros((1, 5, 1)))
    windows(floats, 1)
