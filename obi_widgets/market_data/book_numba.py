"""Changes to one side of a book, compiled. `book_numpy` has the same functions.

Only the loader of kernels imports this module, because importing numba takes long. Fast-math stays
off: it may reorder or fuse operations, or assume that nothing is NaN, and the results must equal
those of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NEAR = 64
"""Levels that are looked at together."""


@njit(inline="always")
def _place(keys, count, key):
    """Return how many of the sorted keys are smaller, without branches that a CPU must predict."""
    low = 0
    while count > 64:  # by quarters: three independent loads at a time
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


@njit(inline="always")
def _place_from(keys, count, key, near):
    """Return how many of the sorted keys are smaller, given an index that is probably near.

    The changes of a message are sorted by price, and half of them lie within a dozen levels.
    """
    low, high = 0, count
    if near < count and keys[near] < key:
        low = near + 1
        if low + NEAR <= count and keys[low + NEAR - 1] >= key:
            high = low + NEAR
    else:
        high = min(near, count)
        if high >= NEAR and keys[high - NEAR] < key:
            low = high - NEAR + 1
    return low + _place(keys[low:], high - low, key)


# The two loops below are functions of a slice, because only so LLVM makes vector code of them.


@njit
def _removed(sizes):
    """Return how many levels are removed ones."""
    count = 0
    for n in range(len(sizes)):
        count += sizes[n] <= 0
    return count


@njit
def _move_up(values):
    """Move all values but the last one up by one."""
    for n in range(len(values) - 1, 0, -1):
        values[n] = values[n - 1]


@njit
def _insert(keys, sizes, count, at, key, size):
    """Insert a level at an index; return the new number of stored levels.

    It moves the levels above it up to the next removed one. These are hundreds, if the level is far
    from the best price.
    """
    free = at
    while free + NEAR <= count and not _removed(sizes[free : free + NEAR]):
        free += NEAR
    while free < count and sizes[free] > 0:
        free += 1
    _move_up(keys[at : free + 1])
    _move_up(sizes[at : free + 1])
    keys[at], sizes[at] = key, size
    return max(count, free + 1)


@njit(nogil=True, cache=True, error_model="numpy")
def apply(levels, count, sign, changes):
    """Set the sizes of a book's side; see `book_numpy.apply`.

    A removed level stays in the array with size 0, unless it was the best. Most such levels come
    back soon, and an inserted level moves those above it only up to the next removed one.
    """
    keys, sizes, at = levels[0], levels[1], 0
    for n in range(len(changes)):
        key, size = sign * changes[n, 0], changes[n, 1]
        at = _place_from(keys, count, key, at)
        if at < count and keys[at] == key:
            sizes[at] = size
        elif size > 0:
            count = _insert(keys, sizes, count, at, key, size)
        while count and sizes[count - 1] == 0:
            count -= 1
    return count


@njit(nogil=True, cache=True, error_model="numpy")
def apply_within(levels, count, sign, changes, window, edge):
    """Set the sizes of a book's side that has a window; see `book_numpy.apply_within`."""
    count = apply(levels, count, sign, changes)
    kept = 0
    for first in range(count - 1, -1, -1):
        kept += levels[1, first] > 0
        if kept == window:
            if first:
                for n in range(first, count):
                    levels[0, n - first], levels[1, n - first] = levels[0, n], levels[1, n]
            return count - first, levels[0, 0]
    return count, edge


def compile_all():
    """Compile each function for the types that it is called with."""
    side, changes = np.ones((2, 2)), np.ones((1, 2))
    apply(side, 1, 1, changes)
    apply_within(side, 1, 1, changes, 1, 0.0)
