"""What takes long over many states and cells, compiled: see `portable`, which has the same.

Importing this imports numba, which takes a while: only `compiling` does. No fast-math: sums run
from the first state to the last, a cell a lane, so that they are those of `portable` to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 8
"""Cells whose sums are kept together, as many as a vector register of 64 bytes holds."""

ROWS = 14
# Where each sum's lanes begin. One array for all, and distances between rows that are known when
# compiling: otherwise every loop over lanes is guarded against overlap, or not vectorised.
NEW_A, NEW_B, AA, AB, BB, MORE = 0, LANES, 2 * LANES, 3 * LANES, 4 * LANES, 5 * LANES
OLD_A, OLD_B, BIN_A, BIN_B = 6 * LANES, 7 * LANES, 8 * LANES, 9 * LANES
WAY_A, WAY_B, GONE_A, GONE_B = 10 * LANES, 11 * LANES, 12 * LANES, 13 * LANES


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
def sides(signal, lost, threshold, on, new):
    """Write sides and crossings; see `portable.sides`."""
    before = 2
    for t in range(len(signal)):
        here = 0
        if abs(signal[t]) > threshold:
            here = 1 if signal[t] > 0 else -1
        on[t], new[t] = here, 0
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
            if t > lag:
                at = t - lag - 1
                move, there = y[at], np.float64(known[at])
                base = np.uint64(at * all_cells + first)
                for k in range(cells):
                    event = flat[base + k] * there
                    sums[OLD_A + k] += event * move
                    sums[OLD_B + k] += event * event
            if t < states:
                move, there = y[t], np.float64(known[t])
                base = np.uint64(t * all_cells + first)
                for k in range(cells):
                    event = flat[base + k] * there
                    a = event * move
                    new_a, new_b = sums[NEW_A + k] + a, sums[NEW_B + k] + event * event
                    in_a, in_b = new_a - sums[OLD_A + k], new_b - sums[OLD_B + k]
                    sums[NEW_A + k], sums[NEW_B + k] = new_a, new_b
                    sums[AA + k] += in_a * in_a
                    sums[AB + k] += in_a * in_b
                    sums[BB + k] += in_b * in_b
                    sums[MORE + k] += a * a
            else:
                _window(sums, cells)
        _give(sums, first, cells, out)


@njit(inline="always", error_model="numpy")
def _window(sums, cells):
    """Add the products of the windows that overhang the end."""
    for k in range(cells):
        in_a, in_b = sums[NEW_A + k] - sums[OLD_A + k], sums[NEW_B + k] - sums[OLD_B + k]
        sums[AA + k] += in_a * in_a
        sums[AB + k] += in_a * in_b
        sums[BB + k] += in_b * in_b


@njit(inline="always", error_model="numpy")
def _give(sums, first, cells, out):
    for row in range(len(out)):
        for k in range(cells):
            out[row, first + k] = sums[row * LANES + k]


@njit(nogil=True, cache=True, error_model="numpy")
def arrivals(x, end, step, weight, width, a_bins, b_bins, active):
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
                sums[BIN_A + k] += moved * (sums[WAY_A + k] - sums[GONE_A + k])
                sums[BIN_B + k] += b
                sums[MORE + k] += 1.0 if b != 0.0 else 0.0
            left -= 1
            if left == 0 or t == states - 1:
                left = width
                for k in range(cells):
                    a_bins[t // width, first + k] = sums[BIN_A + k]
                    b_bins[t // width, first + k] = sums[BIN_B + k]
                    sums[BIN_A + k], sums[BIN_B + k] = 0.0, 0.0
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
                if t > lag:
                    base = np.uint64(index[replication, t - lag - 1] * all_cells + first)
                    for k in range(cells):
                        sums[OLD_A + k] += flat_a[base + k]
                        sums[OLD_B + k] += flat_b[base + k]
                if t < bins:
                    base = np.uint64(index[replication, t] * all_cells + first)
                    for k in range(cells):
                        new_a, new_b = (
                            sums[NEW_A + k] + flat_a[base + k],
                            sums[NEW_B + k] + flat_b[base + k],
                        )
                        in_a, in_b = new_a - sums[OLD_A + k], new_b - sums[OLD_B + k]
                        sums[NEW_A + k], sums[NEW_B + k] = new_a, new_b
                        sums[AA + k] += in_a * in_a
                        sums[AB + k] += in_a * in_b
                        sums[BB + k] += in_b * in_b
                else:
                    _window(sums, cells)
            _give(sums, first, cells, out[replication])


@njit(nogil=True, cache=True, error_model="numpy")
def windows(scores, lag):
    """Return the sum of squared window sums; see `portable.windows`."""
    newest, oldest, total = 0.0, 0.0, 0.0
    for t in range(len(scores) + lag):
        if t < len(scores):
            newest += scores[t]
        if t > lag:
            oldest += scores[t - lag - 1]
        total += (newest - oldest) * (newest - oldest)
    return total / (lag + 1)
