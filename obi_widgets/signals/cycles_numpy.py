"""Sums of values over cycles, each weighted by how long it held, in NumPy.

`cycles_numba` computes the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def add(time: Ints, values: Floats, cycle: int, sums: Floats) -> None:
    """Add states to the sums of the cycles that they hold in, one after the other.

    The last state holds until an unknown time, and is not added.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds, never decreasing; T is 1 or more.
    values : ndarray of float64, shape (R, T)
        NaN without one.
    cycle : int
        Nanoseconds of a cycle.
    sums : ndarray of float64, shape (R, 2, N)
        Of value times ns, and of ns with a value: of the first state's cycle, to begin with, and of
        those up to the last state's. It is changed.
    """
    opened, count = int(time[0]) // cycle, sums.shape[2]
    ends = np.arange(opened + 1, opened + count) * cycle
    at = np.searchsorted(time, ends)
    # Pieces of time, which no end of a cycle cuts, and the state that holds in each.
    begins, state = np.insert(time, at, ends), np.insert(np.arange(len(time)), at, at - 1)
    lasts, state = np.diff(begins).astype(float), state[:-1]
    where = np.append(0, begins[:-1] // cycle - opened)
    for row, of_states in enumerate(values):
        held = of_states[state]
        there = ~np.isnan(held)
        for column, terms in enumerate((np.where(there, held, 0.0) * lasts, there * lasts)):
            # `bincount` adds in order of time; what the first cycle has already comes first.
            carried = np.append(sums[row, column, 0], terms)
            sums[row, column] = np.bincount(where, carried, count)
