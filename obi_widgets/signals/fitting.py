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
        every = round(refit * 1e9)
        number = time // every
        new = np.diff(number, prepend=number[:1] - 1) > 0
        at = number[new] * every
        since = at - round(window * 1e9)
        full = since >= time[:1].min(initial=np.iinfo(np.int64).max)
        of_state = (
            np.cumsum(new) - 1 - np.count_nonzero(~full)
        )  # those that are not full come first
        first, last = (np.searchsorted(time, edge[full], "left") for edge in (since, at))
        return cls(first, last, np.maximum(of_state, -1))
