"""Entries, decided state by state, in NumPy and plain Python.

`entries_numba` has the same, operation for operation: both round in the same
places, so that which of them ran cannot be told from the result.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def scan(
    time: Ints,
    bid: Floats,
    ask: Floats,
    signal: Floats,
    first: int,
    threshold: float,
    hold: int,
    at_mid: bool,
    side: NDArray[np.int8],
    times: Ints,
    prices: Floats,
    lost: NDArray[np.bool_],
) -> int:
    """Decide entries from a state on; see `obi_widgets.trading.entries`.

    Parameters
    ----------
    time, bid, ask, signal : ndarray, shape (T,)
        Nanoseconds; quote currency; of any scale.
    first : int
        The first state to decide on.
    threshold, hold, at_mid : float, int, bool
        Of the signal; nanoseconds; whether mid is paid instead of the touch.
    side, lost : ndarray of int8 and of bool, shape (T - first + 1,)
        Written to, an entry each: +1 or −1; whether the book was lost before its exit. The first
        is the position that is open before, whose side is 0 when there is none.
    times, prices : ndarray of int64 and of float64, shape (2, T - first + 1)
        Written to: of entries and of exits; 0 and NaN where there is no exit.

    Returns
    -------
    int
        How many.
    """
    out = np.isnan(bid[first:]) & np.isnan(ask[first:])
    gaps = (np.flatnonzero(out) + first).tolist()
    beyond = (np.abs(signal[first:]) > threshold) & (bid[first:] < ask[first:])
    candidates = (np.flatnonzero(beyond) + first).tolist()

    def paid(row: int, direction: int) -> float:
        if at_mid:
            return float((bid[row] + ask[row]) / 2)
        return float(ask[row] if direction > 0 else bid[row])

    count, row, due = 0, first, int(times[0, 0]) + hold
    is_open = side[0] != 0
    while True:
        if is_open:
            at = max(int(np.searchsorted(time, due)), row)
            while at < len(time) and not bid[at] < ask[at]:
                at += 1  # a due position waits for a side that came empty
            next_gap = bisect_left(gaps, row)
            if next_gap < len(gaps) and gaps[next_gap] <= at:
                row, lost[count] = gaps[next_gap], True
            elif at < len(time):
                row = at
                times[1, count], prices[1, count] = time[row], paid(row, -int(side[count]))
            else:
                return count + 1
            is_open = False
            count += 1
        at = bisect_left(candidates, row)
        if at == len(candidates):
            return count
        row = candidates[at]
        side[count], lost[count] = (1 if signal[row] > 0 else -1), False
        times[:, count] = time[row], 0
        prices[:, count] = paid(row, int(side[count])), np.nan
        due = int(time[row]) + hold
        is_open = True


def tally(signal: Floats, threshold: float) -> tuple[int, int]:
    """Return how many states have a signal, and how many of them are beyond the threshold."""
    there = int(np.count_nonzero(~np.isnan(signal)))
    return there, int(np.count_nonzero(np.abs(signal) > threshold))
