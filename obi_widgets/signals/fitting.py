"""When a fitted signal is fitted, and on which states: the past of each state alone.

Fits are made at every multiple of ``refit`` of the exchange's clock, in UTC, wherever a history
begins: so a history that is appended to has the same fits as the whole. A fit uses the states of
the ``window`` before it, and gives the values of the states from then until the next fit. Sums over
states are whole numbers, so that they are the same in whatever parts they are added.

A fitted signal declares ``lookback=look_back``. Until that time has passed since the beginning or a
gap it is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obi_widgets.parameters import Seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

WINDOW = Seconds(10, 21_600, slider=(60, 7200, 60))
"""The kind of ``window``: how much of the past a fit uses."""

REFIT = Seconds(5, 3600, slider=(10, 900, 10))
"""The kind of ``refit``: the time between fits."""


def look_back(values: Mapping[str, Any]) -> float:
    """Return the look-back of a fitted signal, seconds: the last fit may be ``refit`` old."""
    return float(values["window"] + values["refit"])


class Fits(NamedTuple):
    """The fits of the states of a history: P of them.

    Attributes
    ----------
    first, last : ndarray of int64, shape (P,)
        A fit uses the states from ``first`` on, and none from ``last`` on. Both never decrease.
    of_state : ndarray of int64, shape (T,)
        The fit of each state; −1 where its window is not full.
    """

    first: Ints
    last: Ints
    of_state: Ints

    @classmethod
    def of(cls, time: Ints, window: float, refit: float) -> Fits:
        """Return the fits of states at such times, ns; window and refit in seconds."""
        if not len(time):
            none = np.empty(0, np.int64)
            return cls(none, none, none)
        every = round(refit * 1e9)
        at = np.arange(time[0] // every, time[-1] // every + 1) * every
        begins = np.searchsorted(time, at)  # the first state of each fit
        used = np.diff(begins, append=len(time)) > 0
        at, begins = at[used], begins[used]
        since = at - round(window * 1e9)
        full = since >= time[0]
        late = np.count_nonzero(~full)  # those that are not full come first
        states = np.diff(begins, append=len(time))
        of_state = np.repeat(np.maximum(np.arange(len(at)) - late, -1), states)
        first, last = (np.searchsorted(time, edge[full]) for edge in (since, at))
        return cls(first, last, of_state)
