"""Means of a history over cycles: steps of 10 seconds on a grid in UTC.

Cycle k lasts from k · 10 s to (k + 1) · 10 s of the exchange's clock. In it, a value is weighted
by how long it held: a state holds until the next one, but not across a gap. A cycle is finished
when a state comes that is not before its end, so a mean of a finished cycle never changes, and
knows no state from its end on.

The terms of a mean are added one after the other in order of time, from the beginning of the cycle
on. So the means are the same to the bit in whatever parts the states come, and wherever a history
begins. They take two numbers a cycle and value, not the states themselves: an hour of means needs
no hour of states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.kernels.loader import Kernels
from obi_widgets.signals import cycles_numpy
from obi_widgets.signals.windows import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KERNELS = Kernels("obi_widgets.signals.cycles_numba", cycles_numpy)

CYCLE_SECONDS = 10
CYCLE = CYCLE_SECONDS * 1_000_000_000
"""Nanoseconds of a cycle."""


class Cycles(NamedTuple):
    """N finished cycles that follow each other, and R values in each.

    Attributes
    ----------
    first : int
        Number of the first cycle, counted from 1970.
    means : ndarray of float64, shape (R, N)
        Mean over the time in which there was a value; NaN without any.
    live : ndarray of int64, shape (R, N)
        Nanoseconds in which there was a value.
    last : ndarray of float64, shape (R, N)
        The value at the end of the cycle, of the last state before it; NaN without one.
    age : ndarray of int64, shape (N,)
        Nanoseconds from that state to the end of the cycle.
    """

    first: int
    means: Floats
    live: Ints
    last: Floats
    age: Ints

    @property
    def ends(self) -> Ints:
        """Ends of the cycles, ns, shape (N,)."""
        return (self.first + 1 + np.arange(len(self.age))) * CYCLE


def cycles_in(seconds: float) -> int:
    """Return how many cycles a window has: the nearest whole number, at least 1."""
    return max(round(seconds / CYCLE_SECONDS), 1)


class CycleSums:
    """The sums of the cycle that is open, and the state that holds.

    Parameters
    ----------
    values : int
        How many values a state has, R.
    """

    def __init__(self, values: int) -> None:
        self._sums = np.zeros((values, 2))  # of value times ns, and of ns
        self._time = np.empty(0, np.int64)  # of the state that holds, if there is one
        self._values = np.empty((values, 0))
        self._whole_from = 0

    @property
    def newest(self) -> int | None:
        """Time of the newest state, ns; None without one."""
        return int(self._time[0]) if len(self._time) else None

    def lose(self) -> None:
        """Let the newest state hold no longer: what follows is not its successor."""
        self._values = np.full_like(self._values, np.nan)

    def append(self, time: Ints, values: Floats, most: int | None = None) -> Cycles:
        """Add states, and return the cycles that they finish.

        Parameters
        ----------
        time : ndarray of int64, shape (T,)
            Nanoseconds, never decreasing, and not before the newest state.
        values : ndarray of float64, shape (R, T)
            Of each state; NaN without one.
        most : int, optional
            Cycles to return of the time between the newest state so far and the first of these:
            of a longer one, those before are left out. All if left out.

        Returns
        -------
        Cycles
            Those that were seen from their beginning: the first state's own cycle only if it
            stands at its beginning.
        """
        if not len(time):
            none = np.empty((len(values), 0))
            return Cycles(0, none, none.astype(np.int64), none, np.empty(0, np.int64))
        if not len(self._time):
            self._whole_from = -(-int(time[0]) // CYCLE)
        else:
            time = np.concatenate((self._time, time))
            values = np.concatenate((self._values, values), axis=1)
        opened, newest = int(time[0]) // CYCLE, int(time[-1]) // CYCLE
        since, sums_before = time, self._sums
        if most is not None and len(time) > 1 and int(time[1]) // CYCLE - opened > most:
            # The newest state has held since long before: from the first cycle that is returned.
            opened = int(time[1]) // CYCLE - most
            since, sums_before = time.copy(), np.zeros_like(self._sums)
            since[0] = opened * CYCLE
        ends = np.arange(opened + 1, newest + 1) * CYCLE
        at = np.searchsorted(time, ends)
        sums = np.zeros((len(values), 2, len(ends) + 1))
        sums[..., 0] = sums_before
        values = np.ascontiguousarray(values)
        KERNELS.current().add(frozen(since), frozen(values), CYCLE, sums)
        # Copies, since a view would keep all of the states alive.
        self._sums, self._time = sums[..., -1].copy(), time[-1:].copy()
        self._values = values[:, -1:].copy()
        begin = max(self._whole_from - opened, 0)
        total, live = sums[:, 0, begin:-1], sums[:, 1, begin:-1]
        with np.errstate(invalid="ignore"):
            means = total / live
        at, ends = at[begin:] - 1, ends[begin:]
        return Cycles(opened + begin, means, live.astype(np.int64), values[:, at], ends - time[at])


def at_states(history: History, cycles: Cycles, values: Floats) -> Floats:
    """Return what each state knows of the cycles: the value of the last one that ended by then.

    Parameters
    ----------
    history : History
        T states.
    cycles : Cycles
        Finished cycles.
    values : ndarray of float64, shape (N,)
        A value of each.

    Returns
    -------
    ndarray of float64, shape (T,)
        NaN before the first end.
    """
    ended = np.searchsorted(cycles.ends, history.time, "right")
    return np.append(np.nan, values)[ended]
