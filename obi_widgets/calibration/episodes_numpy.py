"""Crossings of a threshold and episodes beyond it, in NumPy and plain Python.

`episodes_numba` is the compiled twin. It performs the same operations in the same order, so that
both return the same results to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Signs = NDArray[np.int8]


RELEASED, GAP, OPEN = 0, 1, 2
"""Why an episode ended: the signal was released, the book was lost, or the record ended."""

_UNKNOWN = 2
"""The side of a state whose book was lost."""


def crossings(signal: Floats, lost: NDArray[np.bool_], threshold: float, crossed: Signs) -> None:
    """Write where the signal crosses a threshold outwards.

    Parameters
    ----------
    signal : ndarray of float64, shape (T,)
        NaN where there is none.
    lost : ndarray of bool, shape (T,)
        Whether the book was lost.
    threshold : float
        Threshold of |signal|.
    crossed : ndarray of int8, shape (T,)
        Output: +1 where the signal is above the threshold and was not at the previous state that
        has a signal, −1 likewise below −threshold, 0 elsewhere; 0 if the book was lost in between.
    """
    crossed[:] = 0
    rows = np.flatnonzero(~np.isnan(signal) | lost)
    value = signal[rows]
    side = np.where(lost[rows], _UNKNOWN, (value > threshold).astype(int) - (value < -threshold))
    previous = np.append(_UNKNOWN, side[:-1])
    outwards = (np.abs(side) == 1) & (previous != _UNKNOWN) & (side != previous)
    crossed[rows[outwards]] = side[outwards]


def episodes(
    signal: Floats,
    lost: NDArray[np.bool_],
    threshold: float,
    release: float,
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    last: NDArray[np.int64],
    side: Signs,
    ended: Signs,
) -> int:
    """Find the episodes on one side of the threshold, with hysteresis.

    Parameters
    ----------
    signal, lost : ndarray, shape (T,)
        See `crossings`.
    threshold, release : float
        An episode begins when |signal| exceeds ``threshold``, and ends when it falls below
        ``release``, the signal changes sign, or the book is lost.
    start, stop, last : ndarray of int64, shape (T,)
        Output, one element for each episode: its first state, the state that ended it (T if none
        did), and its last state that has a signal.
    side, ended : ndarray of int8, shape (T,)
        Output, one element for each episode: +1 or −1; `RELEASED`, `GAP` or `OPEN`.

    Returns
    -------
    int
        Number of episodes.
    """
    count, current = 0, 0
    for row, (value, book_lost) in enumerate(zip(signal.tolist(), lost.tolist(), strict=True)):
        if book_lost:
            if current:
                stop[count], ended[count] = row, GAP
                current, count = 0, count + 1
            continue
        if value != value:
            continue
        if current and (abs(value) < release or value * current < 0):
            stop[count], ended[count] = row, RELEASED
            current, count = 0, count + 1
        if not current and abs(value) > threshold:
            current = 1 if value > 0 else -1
            start[count], side[count] = row, current
        if current:
            last[count] = row
    if current:
        stop[count], ended[count] = len(signal), OPEN
        count += 1
    return count
