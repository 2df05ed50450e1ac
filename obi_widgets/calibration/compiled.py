"""What takes long over many states and cells, compiled: see `portable`, which has the same.

Importing this imports numba, which takes a while: only `compiling` does. No fast-math: sums run
from the first state to the last, a cell a lane, so that they are those of `portable` to the bit.
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


@njit(nogil=True, cache=True, error_model="numpy")
def forward(time, lost, mid, horizon, after, end, move):
    """Write where horizons end, and the moves; see `portable.forward`."""
    states, at, seen, last_lost = len(time), 0, 0, -1
    for t in range(states):
        due = time[t] + horizon
        if after:
            while at < states and time[at] < due:
                at += 1
            ends = at
        else:
            while at < states and time[at] <= due:
                at += 1
            ends = at - 1
            if time[states - 1] < due:
                ends = states
        while seen < states and seen <= ends:
            if lost[seen]:
                last_lost = seen
            seen += 1
        end[t], move[t] = -1, np.nan
        if ends < states and last_lost < t:
            moved = 1e4 * (mid[ends] / mid[t] - 1.0)
            if not np.isnan(moved):
                end[t], move[t] = ends, moved


@njit(nogil=True, cache=True, error_model="numpy")
def crossings(signal, lost, threshold, new):
    """Write crossings; see `portable.crossings`."""
    before = 2
    for t in range(len(signal)):
        here = 0
        if abs(signal[t]) > threshold:
            here = 1 if signal[t] > 0 else -1
        new[t] = 0
        if lost[t]:
            before = 2
        elif not np.isnan(signal[t]):
            if here != 0 and before != 2 and before != here:
                new[t] = here
            before = here


@njit(nogil=True, cache=True, error_model="numpy")
def episodes(signal, lost, threshold, release, start, stop, last, side, ended):
    """Find episodes; see `portable.episodes`."""
    count, current = 0, 0
    for t in range(len(signal)):
        if lost[t]:
            if current != 0:
                stop[count], ended[count] = t, 1
                current = 0
                count += 1
            continue
        value = signal[t]
        if np.isnan(value):
            continue
        if current != 0 and (abs(value) < release or value * current < 0):
            stop[count], ended[count] = t, 0
            current = 0
            count += 1
        if current == 0 and abs(value) > threshold:
            current = 1 if value > 0 else -1
            start[count], side[count] = t, current
        if current != 0:
            last[count] = t
    if current != 0:
        stop[count], ended[count] = len(signal), 2
        count += 1
    return count


@njit(nogil=True, cache=True, error_model="numpy")
def starts(x, y, known, lag, out):
    """Add up scores as returns start; see `portable.starts`."""
    states, all_cells = x.shape
    flat = x.ravel()
    for first in range(0, all_cells, LANES):
        cells = np.uint64(min(LANES, all_cells - first))
        sums = np.zeros(ROWS * LANES)
        for t in range(states + lag):
            new, old = t if t < states else 0, t - lag - 1 if t > lag else 0
            move, there = (y[new], np.float64(known[new])) if t < states else (0.0, 0.0)
            old_move, was_there = (y[old], np.float64(known[old])) if t > lag else (0.0, 0.0)
            came, gone = np.uint64(new * all_cells + first), np.uint64(old * all_cells + first)
            for k in range(cells):
                event, old_event = flat[came + k] * there, flat[gone + k] * was_there
                a, b = event * move, event * event
                in_a = sums[IN_A + k] + (a - old_event * old_move)
                in_b = sums[IN_B + k] + (b - old_event * old_event)
                sums[IN_A + k], sums[IN_B + k] = in_a, in_b
                sums[A + k] += a
                sums[B + k] += b
                sums[AA + k] += in_a * in_a
                sums[AB + k] += in_a * in_b
                sums[BB + k] += in_b * in_b
                sums[MORE + k] += a * a
        _give(sums, first, cells, out)


@njit(inline="always", error_model="numpy")
def _give(sums, first, cells, out):
    for row in range(len(out)):
        for k in range(cells):
            out[row, first + k] = sums[row * LANES + k]


@njit(nogil=True, cache=True, error_model="numpy")
def arrivals(x, end, step, weight, width, a_bins, b_bins, m_bins, active):
    """Add up scores as returns come in; see `portable.arrivals`."""
    states, all_cells = x.shape
    flat = x.ravel()
    for first in range(0, all_cells, LANES):
        cells = np.uint64(min(LANES, all_cells - first))
        sums = np.zeros(ROWS * LANES)
        oldest, left = 0, width
        for t in range(states):
            before = t - 1
            if t > 0 and end[before] > before:
                value, share = weight[before], 1.0 / (end[before] - before)
                base = np.uint64(before * all_cells + first)
                for k in range(cells):
                    event = np.float64(flat[base + k])
                    sums[WAY_A + k] += event * value
                    sums[WAY_B + k] += event * event * share
            while oldest < t and end[oldest] < t:
                if end[oldest] > oldest:
                    value, share = weight[oldest], 1.0 / (end[oldest] - oldest)
                    base = np.uint64(oldest * all_cells + first)
                    for k in range(cells):
                        event = np.float64(flat[base + k])
                        sums[GONE_A + k] += event * value
                        sums[GONE_B + k] += event * event * share
                oldest += 1
            moved, at_once = step[t], np.float64(end[t] == t)
            base = np.uint64(t * all_cells + first)
            for k in range(cells):
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
def resampled(a, b, index, lag, out):
    """Add up resampled scores; see `portable.resampled`."""
    bins, all_cells = a.shape
    flat_a, flat_b = a.ravel(), b.ravel()
    for replication in range(len(index)):
        for first in range(0, all_cells, LANES):
            cells = np.uint64(min(LANES, all_cells - first))
            sums = np.zeros(ROWS * LANES)
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
    """Return the sum of squared window sums; see `portable.windows`."""
    inside, total = 0.0, 0.0
    for t in range(len(scores) + lag):
        new = scores[t] if t < len(scores) else 0.0
        inside += new - (scores[t - lag - 1] if t > lag else 0.0)
        total += inside * inside
    return total / (lag + 1)
