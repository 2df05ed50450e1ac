"""Changes to one side of a book, compiled. `book_numpy` has the same functions.

Only the loader of kernels imports this module, because importing numba takes long. Fast-math stays
off: it may reorder or fuse operations, or assume that nothing is NaN, and the results must equal
those of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit


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


@njit(nogil=True, cache=True, error_model="numpy")
def apply(levels, count, sign, changes):
    """Set the sizes of a book's side; see `book_numpy.apply`.

    A removed level stays in the array with size 0, unless it was the best. Most such levels come
    back soon, and an inserted level moves those above it only up to the next removed one.
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
