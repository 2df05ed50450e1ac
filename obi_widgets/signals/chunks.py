"""Signals that look back, computed in chunks.

A chunk begins at a row whose number, counted from the first state ever, is a multiple of the
chunk's length; it is computed from that row less the look-back, and the rows before it are dropped.
So a history that was appended to and the whole history are computed from the same rows in the same
order, and give the same to the bit, running sums included.

A look-back begins with the state that stood then. Of what looks back at what looks back, the second
look-back is counted from that state, which is older by as long as no state came.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.levels import BLOCK
from obi_widgets.kernels.threads import run_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Reach = Callable[[History, int], int]
    """Returns the first state that a state's value is computed from; −1 if it is before all."""

STATES_A_SECOND = 100
"""What is reckoned with where every state was kept, to choose the length of chunks."""

PARALLEL = 200_000
"""States from which on a second thread is worth starting."""


def compute(
    function: Callable[[History], Floats],
    history: History,
    seconds: float,
    reach: Reach,
    first: int = 0,
    spans_gaps: bool = False,
) -> Floats:
    """Return what a function gives for each state from one on.

    Parameters
    ----------
    function : callable
        Returns a number for each state of a history; an array of its own, which is changed.
    history : History
        T states.
    seconds : float
        How far back the function looks.
    reach : callable
        At which state it begins to look.
    first : int
        Leave out the states before this one.
    spans_gaps : bool
        Whether the function itself says where its look-back knows too little.

    Returns
    -------
    ndarray of float64, shape (T - first,)
        NaN where the look-back reaches before the first state or into a gap, unless it spans gaps.
    """
    back = round(seconds * 1e9)
    length = chunk_length(seconds, history.interval)
    begins = -(history.start % length)  # the first chunk may have begun before the first state
    out = np.empty(len(history) - first)
    if not len(out):
        return out

    def compute_each(chunks: Iterable[int]) -> None:
        for begin in chunks:
            rows = slice(max(begin, 0), min(begin + length, len(history)))
            before = max(reach(history, rows.start), 0)
            part = history[before : rows.stop]
            found = function(part)
            if not spans_gaps:
                found[part.time - part.run_began < back] = np.nan
            wanted = max(rows.start, first)
            out[wanted - first : rows.stop - first] = found[wanted - before :]

    chunks = range(begins + (first - begins) // length * length, len(history), length)
    if len(out) < PARALLEL:
        compute_each(chunks)
    else:
        run_tasks(compute_each, chunks)
    return out


def standing(history: History, row: int, seconds: float) -> int:
    """Return the state that stood so long before a state; −1 if that is before the first.

    The state that stood when a look-back begins is part of it.
    """
    since = history.time[row] - round(seconds * 1e9)
    return int(np.searchsorted(history.time, since, "right")) - 1


def first_needed(history: History, seconds: float, reach: Reach, row: int) -> int:
    """Return the first row that a value at a row, and at all later ones, is computed from."""
    if not seconds or row >= len(history):
        return row
    begin = max(row - (history.start + row) % chunk_length(seconds, history.interval), 0)
    return max(reach(history, begin), 0)


def settled(history: History, seconds: float, reach: Reach) -> int:
    """Return the first state from which on values are those of a history that began earlier.

    Before it a look-back reaches before the first state, or the first state cuts a chunk.
    """
    if not seconds or not history.start:
        return 0
    length = chunk_length(seconds, history.interval)
    full = bisect_left(range(len(history)), 0, key=lambda row: reach(history, row))
    return full + -(history.start + full) % length


def chunk_length(seconds: float, interval: float) -> int:
    """Return the states of a chunk: a power of two of blocks, about as long as the look-back."""
    states = seconds / interval if interval else seconds * STATES_A_SECOND
    return int(BLOCK * 2 ** np.ceil(np.log2(max(states / BLOCK, 1))))
