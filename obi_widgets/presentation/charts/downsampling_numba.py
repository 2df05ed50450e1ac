"""From rows to columns of pixels and to the points of lines, compiled: see `downsampling_numpy`.

Only the kernel loader imports this module: it imports numba, which takes a while.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def summary(values):
    """Return what is drawn of the rows of a column; see `downsampling_numpy.summary`."""
    low, high, total, count = np.inf, -np.inf, 0.0, 0
    for value in values:
        if not np.isnan(value):
            low, high = min(low, value), max(high, value)
            total += value
            count += 1
    if not count:
        low = high = np.nan
    return low, high, total / count, values[0], values[-1]


@njit(nogil=True, cache=True, error_model="numpy")
def reduced(values, bounds):
    """Return the summary of each column; see `downsampling_numpy.reduced`."""
    found = np.empty((5, len(bounds) - 1))
    for i in range(len(bounds) - 1):
        found[:, i] = summary(values[bounds[i] : bounds[i + 1]])
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def corners(time, at, first, end, low, high, opening, closing, width):
    """Return a step line of columns; see `downsampling_numpy.corners`."""
    count, there = len(at), 0
    x, y = np.empty(3 * count, np.int64), np.empty(3 * count)
    times, values = np.empty(3, np.int64), np.empty(3)
    before = np.nan  # the value of the last corner, also of one that is left out
    for i in range(count):
        few, newest = end[i] - first[i] <= 2, i == count - 1
        times[2], values[2] = at[i] + width, closing[i]
        if few:
            times[0], values[0] = time[first[i]], opening[i]
            times[1], values[1] = time[end[i] - 1], closing[i]
        else:
            rising = closing[i] - low[i] > high[i] - closing[i]
            times[0], values[0] = at[i], low[i] if rising else high[i]
            times[1], values[1] = at[i] + width // 2, high[i] if rising else low[i]
        drawn = 3
        if not newest:
            ends = not few and (end[i + 1] - first[i + 1] <= 2 or np.isnan(closing[i]))
            if not ends and at[i + 1] - at[i] <= width:
                drawn = 2
        for corner in range(drawn):
            value = values[corner]
            same = value == before or (np.isnan(value) and np.isnan(before))
            if not same or (i == 0 and corner == 0) or (newest and corner == 2):
                x[there], y[there] = times[corner], value
                there += 1
            before = value
    return x[:there], y[:there]


@njit(nogil=True, cache=True, error_model="numpy")
def held(at, closing, lines, width):
    """Return the middles of columns and their values; see `downsampling_numpy.held`."""
    count, there = len(at), 0
    size = count
    for i in range(count):
        quiet = i < count - 1 and at[i + 1] - at[i] > width
        size += 1 if np.isnan(closing[i]) else 2 if quiet else 0
    x, y = np.empty(size, np.int64), np.empty((len(lines), size))
    for i in range(count):
        broken, quiet = np.isnan(closing[i]), i < count - 1 and at[i + 1] - at[i] > width
        x[there] = at[i] + width // 2
        for k in range(len(lines)):
            y[k, there] = lines[k][i]
        there += 1
        if broken or quiet:
            x[there], y[:, there] = at[i] + width, closing[i]
            there += 1
        if quiet and not broken:
            x[there], y[:, there] = at[i + 1], closing[i]
            there += 1
    return x, y


@njit(nogil=True, cache=True, error_model="numpy")
def extremes(values):
    """Return the smallest and the largest finite value; see `downsampling_numpy.extremes`."""
    low, high = np.inf, -np.inf
    for value in values:
        if np.isfinite(value):
            low, high = min(low, value), max(high, value)
    return low, high


@njit(nogil=True, cache=True, error_model="numpy")
def placed(time, values, origin):
    """Return the times of a line in milliseconds; see `downsampling_numpy.placed`."""
    end = len(values)
    while end and not np.isfinite(values[end - 1]):
        end -= 1
    x = np.empty(end, np.int32)
    for i in range(end):
        x[i] = (time[i] - origin) // 1_000_000
    return x


def compile_all():
    """Compile for the types that charts have."""
    rows, values = np.zeros(1, np.int64), np.zeros(1)
    for lines in ((values,), (values, values)):
        held(rows, values, lines, 1)
    frozen_rows, frozen_values = rows.copy(), values.copy()
    for frozen in (frozen_rows, frozen_values):  # a type of its own to numba
        frozen.flags.writeable = False
    for time in (rows, frozen_rows):
        corners(time, rows, rows, rows + 1, values, values, values, values, 1)
        for line in (values, frozen_values):
            placed(time, line, 0)
            extremes(line)
            summary(line)
            reduced(line, np.arange(2))
