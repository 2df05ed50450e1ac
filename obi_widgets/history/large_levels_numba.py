"""Following large levels through the changes of a book, compiled: that of `large_levels_numpy`.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math:
nothing may be reassociated, contracted or assumed not to be NaN, so that the results are those
of plain Python to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history import large_levels_numpy as plain

follow = njit(nogil=True, cache=True, error_model="numpy")(plain.follow_each)
look = njit(nogil=True, cache=True, error_model="numpy")(plain.look)
judge = njit(nogil=True, cache=True, error_model="numpy")(plain.judge)


def compile_all():
    """Compile for the types that come."""
    classes, columns = len(plain.EDGES), plain.COLUMNS
    seen, usual = np.zeros((classes, plain.BUCKETS)), np.full(classes, np.inf)
    whole, real = np.zeros((columns, 1), np.int64), np.zeros((columns, 1))
    counts, side = np.zeros(2, np.int64), np.ones((2, 2))
    notes, stamps = np.zeros((1, 3), np.int64), np.zeros((3, 1), np.int64)
    out = np.zeros((columns, 1), np.int64), np.zeros((columns, 1))
    for dtype in (np.int32, np.int64):
        amounts = np.zeros((2, 1), dtype)
        told = side, notes, 0, stamps, amounts, 0, 0, 1.0, 1.0, 0.0, 0.0, 1.0, usual
        follow(*told, whole, real, counts, 0, 0, *out)
    for finds in (False, True):
        look(side, 1, 0.0, 1.0, seen, usual, whole, real, counts, 0, finds)
    judge(seen, usual)
