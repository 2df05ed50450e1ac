"""Sums of scores over many states and cells, compiled; the NumPy twin is `sums_numpy`.

Importing this module imports numba, which is slow: only the kernel loader does it. Fast-math stays
off: results must equal those of NumPy to the bit, so operations must not be reassociated or
contracted, and NaN must be respected. Sums are added in state order, and each cell has its own
vector lane.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 24
"""Cells that are summed together: several vector registers, so that additions overlap in time."""
ROWS = 13
# Offset of each sum's lanes in one array. The offsets are compile-time constants: with separate
# arrays the compiler would guard every loop over lanes against aliasing, or not vectorise it.
A, B, AA, AB, BB, EXTRA = 0, LANES, 2 * LANES, 3 * LANES, 4 * LANES, 5 * LANES
IN_A, IN_B, OPENED_A, OPENED_B = 6 * LANES, 7 * LANES, 8 * LANES, 9 * LANES
CLOSED_A, CLOSED_B, IN_M = 10 * LANES, 11 * LANES, 12 * LANES
MARGIN = 9
"""Number of last states at which surplus lanes are not computed: they would read beyond ``x``."""


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
            if lag < t < states - MARGIN:  # two states at once halve the loads and stores of sums
                this = _returned(t, row, first, y, end), _returned(t - lag - 1, row, first, y, end)
                next_ = _returned(t + 1, row, first, y, end), _returned(t - lag, row, first, y, end)
                _start(flat, (this, next_), _padded(cells), sums)
                t += 2
            else:
                entering = _returned(t, row, first, y, end) if t < states else nothing
                leaving = _returned(t - lag - 1, row, first, y, end) if t > lag else nothing
                _start(flat, ((entering, leaving),), cells, sums)
                t += 1
        _store(sums, first, cells, out)


@njit(inline="always", error_model="numpy")
def _returned(t, row, first, y, end):
    """Return the offset of a state's entries, 1.0 if it has a return (else 0.0), and the return."""
    known = end[t] >= 0  # no branch, so that tuples of these stay in registers
    return np.uint64(t * row + first), np.float64(known), y[t] if known else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _start(flat, states, cells, sums):
    """Add states that enter the window to the sums, and remove those that leave it."""
    for k in range(cells):
        in_a, in_b, sum_a, sum_b = sums[IN_A + k], sums[IN_B + k], sums[A + k], sums[B + k]
        aa, ab, bb, a_squared = sums[AA + k], sums[AB + k], sums[BB + k], sums[EXTRA + k]
        for (new, new_known, new_return), (old, old_known, old_return) in states:
            entry, old_entry = flat[new + k] * new_known, flat[old + k] * old_known
            a, b = entry * new_return, entry * entry
            in_a += a - old_entry * old_return
            in_b += b - old_entry * old_entry
            sum_a += a
            sum_b += b
            aa += in_a * in_a
            ab += in_a * in_b
            bb += in_b * in_b
            a_squared += a * a
        sums[IN_A + k], sums[IN_B + k], sums[A + k], sums[B + k] = in_a, in_b, sum_a, sum_b
        sums[AA + k], sums[AB + k], sums[BB + k], sums[EXTRA + k] = aa, ab, bb, a_squared


@njit(inline="always", error_model="numpy")
def _lanes():
    """Return an array for the sums, aligned to 64 bytes."""
    # Unaligned, half of the vector loads and stores would span two cache lines.
    memory = np.empty(ROWS * LANES + 8)
    first = -memory.ctypes.data % 64 // 8
    return memory[first : first + ROWS * LANES]


@njit(inline="always", error_model="numpy")
def _padded(cells):
    """Return how many lanes to compute: full vector registers, unless there are few cells.

    Surplus lanes read the next state's entries; their results are never used.
    """
    return (cells + np.uint64(7)) & ~np.uint64(7) if cells > 3 else cells


@njit(inline="always", error_model="numpy")
def _store(sums, first, cells, out):
    for row in range(len(out)):
        for k in range(cells):
            out[row, first + k] = sums[row * LANES + k]


@njit(nogil=True, cache=True, error_model="numpy")
def accruals(x, end, move, weight, width, a_bins, b_bins, m_bins, active):
    """Add up scores as returns accrue; see `sums_numpy.accruals`."""
    states, all_cells = x.shape
    flat, sums = x.ravel(), _lanes()
    for first in range(0, all_cells, LANES):
        cells = np.uint64(min(LANES, all_cells - first))
        sums[:] = 0.0
        oldest, left = 0, width
        for t in range(states):
            lanes = _padded(cells) if t < states - MARGIN else cells
            previous = t - 1
            if t > 0 and end[previous] > previous:
                size, part = weight[previous], 1.0 / (end[previous] - previous)
                base = np.uint64(previous * all_cells + first)
                for k in range(lanes):
                    entry = np.float64(flat[base + k])
                    sums[OPENED_A + k] += entry * size
                    sums[OPENED_B + k] += entry * entry * part
            while oldest < t and end[oldest] < t:
                if end[oldest] > oldest:
                    size, part = weight[oldest], 1.0 / (end[oldest] - oldest)
                    base = np.uint64(oldest * all_cells + first)
                    for k in range(lanes):
                        entry = np.float64(flat[base + k])
                        sums[CLOSED_A + k] += entry * size
                        sums[CLOSED_B + k] += entry * entry * part
                oldest += 1
            mid_move, empty = move[t], np.float64(end[t] == t)
            base = np.uint64(t * all_cells + first)
            for k in range(lanes):
                entry = flat[base + k] * empty
                b = (sums[OPENED_B + k] - sums[CLOSED_B + k]) + entry * entry
                held = sums[OPENED_A + k] - sums[CLOSED_A + k]
                sums[IN_A + k] += mid_move * held
                sums[IN_M + k] += held * held
                sums[IN_B + k] += b
                sums[EXTRA + k] += 1.0 if b != 0.0 else 0.0
            left -= 1
            if left == 0 or t == states - 1:
                left = width
                for k in range(cells):
                    a_bins[t // width, first + k] = sums[IN_A + k]
                    b_bins[t // width, first + k] = sums[IN_B + k]
                    m_bins[t // width, first + k] = sums[IN_M + k]
                    sums[IN_A + k], sums[IN_B + k], sums[IN_M + k] = 0.0, 0.0, 0.0
        for k in range(cells):
            active[first + k] = sums[EXTRA + k]


@njit(nogil=True, cache=True, error_model="numpy")
def bets(size, amount, weight, end, move, width, a_bins, b_bins, m_bins):
    """Add up the scores of bets as gains accrue; see `sums_numpy.bets`."""
    states, active = len(end), 0
    size_in, size_out, amount_in, amount_out = 0.0, 0.0, 0.0, 0.0
    weight_in, weight_out, count_in, count_out = 0.0, 0.0, 0, 0
    ended, ended_bets = np.zeros((states + 1, 3)), np.zeros(states + 1, np.int32)  # before each row
    a_bins[:], b_bins[:], m_bins[:] = 0.0, 0.0, 0.0
    for t in range(states):
        previous = t - 1
        if t > 0 and end[previous] > previous:
            part = 1.0 / (end[previous] - previous)
            size_in += size[previous]
            amount_in += amount[previous] * part
            weight_in += weight[previous] * part
            count_in += weight[previous] != 0
            after = end[previous] + 1
            ended[after, 0] += size[previous]
            ended[after, 1] += amount[previous] * part
            ended[after, 2] += weight[previous] * part
            ended_bets[after] += weight[previous] != 0
        size_out += ended[t, 0]
        amount_out += ended[t, 1]
        weight_out += ended[t, 2]
        count_out += ended_bets[t]
        held, empty = size_in - size_out, end[t] == t
        a_bins[t // width] += (
            move[t] * held + (amount_in - amount_out) + (amount[t] if empty else 0.0)
        )
        b_bins[t // width] += (weight_in - weight_out) + (weight[t] if empty else 0.0)
        m_bins[t // width] += held * held
        active += count_in != count_out or (empty and weight[t] != 0)
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
                new_at, old_at = (
                    np.uint64(new * all_cells + first),
                    np.uint64(old * all_cells + first),
                )
                for k in range(cells):
                    new_a, new_b = flat_a[new_at + k] * is_new, flat_b[new_at + k] * is_new
                    in_a = sums[IN_A + k] + (new_a - flat_a[old_at + k] * is_old)
                    in_b = sums[IN_B + k] + (new_b - flat_b[old_at + k] * is_old)
                    sums[IN_A + k], sums[IN_B + k] = in_a, in_b
                    sums[A + k] += new_a
                    sums[B + k] += new_b
                    sums[AA + k] += in_a * in_a
                    sums[AB + k] += in_a * in_b
                    sums[BB + k] += in_b * in_b
            _store(sums, first, cells, out[replication])


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
    """Compile each function for the types that it is called with."""
    x, sums, bins = np.zeros((2, 1), np.int8), np.zeros((6, 1)), np.zeros((2, 1))
    floats, end = np.zeros(2), np.zeros(2, np.int32)
    starts(x, floats, end, 1, sums)
    accruals(x, end, floats, floats, 1, bins, bins, bins, floats)
    bets(floats, floats, floats, end, floats, 1, *np.zeros((3, 2)))
    resampled(bins, bins, np.zeros((1, 2), np.int32), 1, np.zeros((1, 5, 1)))
    windows(floats, 1)
