"""Large moves of mid, on a fixed grid of time, and where their paths are known.

Time is cut in windows at multiples of their length in UTC, and a move is a window over which mid
changes by more than in nearly all windows before it. That the grid is fixed matters. If the start
were sought where a move is steepest, or at the low before a rise, mid would have fallen before the
start of each rise, and any signal made of mid's past would seem to lead. Here the start is known
before the move, and what makes a window a move is only what happens within it, and how large
earlier windows were. So on a random walk the direction of a move is a fair coin, whatever was
before it.

It also means that a move may begin anywhere in its window, or be cut in two by the grid. That
makes a lead shorter, and never longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Grid(NamedTuple):
    """Windows of a history, one after the other.

    Attributes
    ----------
    time : ndarray of int64, shape (K + 1,)
        Where they begin and end, ns UTC.
    bps : ndarray of float64, shape (K,)
        The change of mid over each; NaN across a gap and where there is no mid.
    """

    time: Ints
    bps: Floats

    @property
    def length(self) -> int:
        """Length of a window, ns."""
        return int(self.time[1] - self.time[0]) if len(self.time) > 1 else 0


class Moves(NamedTuple):
    """Large moves, and which of them are left out, and why.

    Attributes
    ----------
    window : ndarray of int64, shape (M,)
        The window of each move, in order.
    gap, overlap : ndarray of bool, shape (M,)
        Left out: the path crosses a gap or an end of the record; it begins before the end of an
        earlier move that is kept.
    judged : int
        Windows whose change could be compared with enough earlier ones.
    """

    window: Ints
    gap: NDArray[np.bool_]
    overlap: NDArray[np.bool_]
    judged: int

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which moves have a path of their own, shape (M,)."""
        return np.asarray(~(self.gap | self.overlap))


def rows_at(history: History, time: Ints) -> Ints:
    """Return the row of the state in force at each time; −1 before the first and after the last.

    A state is in force until the next one comes. After the last one nothing is known.
    """
    rows = np.searchsorted(history.time, time, side="right") - 1
    if len(history):
        rows[time > history.time[-1]] = -1
    return np.asarray(rows, np.int64)


def values_at(history: History, values: Floats, time: Ints) -> Floats:
    """Return the value of the state in force at each time; NaN without one."""
    rows = rows_at(history, time)
    return np.where(rows >= 0, values[np.maximum(rows, 0)], np.nan) if len(values) else (
        np.full(len(time), np.nan)
    )  # fmt: skip


def same_run(history: History, start: Ints, end: Ints) -> NDArray[np.bool_]:
    """Return whether the book is in sync all the way from each start to its end."""
    first, last = rows_at(history, start), rows_at(history, end)
    known = (first >= 0) & (last >= 0)
    if not len(history):
        return known
    first, last = np.maximum(first, 0), np.maximum(last, 0)
    lost = history.lost
    known &= ~lost[last] & ~lost[first]
    return np.asarray(known & (history.run_began[last] <= history.time[first]))


def grid_of(history: History, seconds: float) -> Grid:
    """Return the windows that lie within a history, and the move of mid over each."""
    length = round(seconds * 1e9)
    if not len(history):
        return Grid(np.zeros(1, np.int64), np.empty(0))
    first, last = -(-int(history.time[0]) // length), int(history.time[-1]) // length
    time = np.arange(first, max(last, first) + 1, dtype=np.int64) * length
    mid = values_at(history, history.mid, time)
    known = same_run(history, time[:-1], time[1:])
    return Grid(time, np.where(known, 1e4 * (mid[1:] / mid[:-1] - 1), np.nan))


def bounds(grid: Grid, beyond: float, of_last: float) -> Floats:
    """Return a quantile of the sizes of the windows before each window, bps, shape (K,).

    NaN with fewer of them than `enough`.
    """
    import pandas as pd

    most = max(round(of_last * 1e9) // max(grid.length, 1), 1)
    sizes = pd.Series(np.abs(grid.bps)).rolling(most, min_periods=min(enough(beyond), most))
    return np.append(np.nan, sizes.quantile(beyond, interpolation="higher"))[: len(grid.bps)]


def enough(beyond: float) -> int:
    """Return how many earlier windows a quantile needs: two are expected beyond it."""
    return int(np.ceil(2 / (1 - beyond) - 1e-9))


def find_moves(history: History, grid: Grid, bound: Floats, before: float, after: float) -> Moves:
    """Return the windows whose move is larger than a bound, and which have a path of their own.

    Parameters
    ----------
    history : History
        T states.
    grid : Grid
        Its windows, K.
    bound : ndarray of float64, shape (K,)
        What the size of each has to exceed, bps; NaN where that is not known.
    before, after : float
        How far the paths reach, seconds from the start of a move.

    Returns
    -------
    Moves
    """
    sizes = np.abs(grid.bps)
    window = np.flatnonzero(sizes > bound)
    start = grid.time[window]
    back, ahead = round(before * 1e9), round(after * 1e9)
    gap = ~same_run(history, start - back, start + ahead)
    overlap = np.zeros(len(window), bool)
    ends = 0  # of the newest move that is kept
    for n, (time, cut) in enumerate(zip(start.tolist(), gap.tolist(), strict=True)):
        overlap[n] = not cut and time - back < ends
        if not cut and not overlap[n]:
            ends = time + grid.length
    return Moves(window, gap, overlap, int(np.count_nonzero(~np.isnan(bound) & ~np.isnan(sizes))))
