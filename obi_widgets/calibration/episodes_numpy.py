"""Crossings of a threshold, and episodes beyond it, in NumPy and plain Python.

`episodes_numba` has the same, operation for operation: both round in the same
places, so that which of them ran cannot be told from the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Signs = NDArray[np.int8]


RELEASED, GAP, OPEN = 0, 1, 2
"""Why an episode ended: the signal came back, the book was lost, the record ended."""


def crossings(signal: Floats, lost: NDArray[np.bool_], threshold: float, new: Signs) -> None:
    """Write where the signal comes to be beyond a threshold.

    Parameters
    ----------
    signal, lost : ndarray, shape (T,)
        −1..+1, NaN where there is none; whether the book was lost.
    threshold : float
        Of the signal's size.
    new : ndarray of int8, shape (T,)
        Written to: +1 where it is above the threshold and at the state before that had a signal
        was not, −1 below its negative, 0 elsewhere; 0 where the book was lost since that state.
    """
    new[:] = 0
    rows = np.flatnonzero(~np.isnan(signal) | lost)
    value = signal[rows]
    side = np.where(lost[rows], 2, (value > threshold).astype(int) - (value < -threshold))
    before = np.append(2, side[:-1])
    came = (np.abs(side) == 1) & (before != 2) & (side != before)
    new[rows[came]] = side[came]


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
    """Find the stretches on one side of the threshold; chatter around it counts once.

    Parameters
    ----------
    signal, lost : ndarray, shape (T,)
        See `crossings`.
    threshold, release : float
        One begins when the signal's size exceeds the threshold, and ends when it falls below
        ``release``, changes sign, or the book is lost.
    start, stop, last : ndarray of int64, shape (T,)
        Written to, a row an episode: its first state, the state that ended it (T: none), and its
        last state that has a signal.
    side, ended : ndarray of int8, shape (T,)
        Written to: +1 or −1; `RELEASED`, `GAP` or `OPEN`.

    Returns
    -------
    int
        How many.
    """
    count, current = 0, 0
    for row, (value, gone) in enumerate(zip(signal.tolist(), lost.tolist(), strict=True)):
        if gone:
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
