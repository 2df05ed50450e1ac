"""One state from each time between two moves of mid, and whether mid then rose.

Gould and Bonart sample the book at one uniformly random time between each two moves of mid. A mean
over all states would count a time between moves the more often the more the book changed in it, and
the last state before a move is not one that anybody could have acted at.

The random time is a hash of the move's own time: the same wherever a history begins or ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


class Samples(NamedTuple):
    """The times between moves of mid, N of them, in order.

    Attributes
    ----------
    row : ndarray of int64, shape (N,)
        The state that stood at the random time.
    began, ended : ndarray of int64, shape (N,)
        Rows of the move before, and of the next one.
    rose : ndarray of bool, shape (N,)
        Whether the next move was a rise.
    """

    row: NDArray[np.int64]
    began: NDArray[np.int64]
    ended: NDArray[np.int64]
    rose: NDArray[np.bool_]

    @classmethod
    def of(cls, history: History, seed: int = 0) -> Samples:
        """Return the samples of a history; none spans a gap or a state without both sides."""
        mid, time = history.mid, history.time
        changes = np.flatnonzero(mid[1:] != mid[:-1]) + 1  # also to and from NaN
        moves = changes[~np.isnan(mid[changes] - mid[changes - 1])]
        began, ended = moves[:-1], moves[1:]
        lost = np.flatnonzero(np.isnan(mid))
        unknown = np.searchsorted(lost, moves)  # the states without mid before each move
        lasts = time[ended] - time[began]
        whole = (unknown[:-1] == unknown[1:]) & (lasts > 0)
        began, ended, lasts = began[whole], ended[whole], lasts[whole]
        at = time[began] + (uniform(time[began], seed) * lasts).astype(np.int64)
        row = np.searchsorted(time, at, "right") - 1
        # Of states of one time the last one stands; rounding may not reach the next move.
        row = np.clip(row, began, ended - 1)
        return cls(row, began, ended, mid[ended] > mid[ended - 1])


def uniform(numbers: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Return a number from 0 to below 1 for each whole number: its hash (splitmix64)."""
    mixed = numbers.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)).astype(float) / 2.0**53)
