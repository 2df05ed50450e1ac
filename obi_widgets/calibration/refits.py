"""When what is learned from outcomes is learned, and from which: from those that were known then.

Fits are made at every multiple of ``refit`` of the clock, in UTC, wherever the rows begin. So rows
that are appended to have the same fits as the whole. A fit uses the cases of the ``window`` before
it whose horizon had ended by then: the last horizon before it is left out (purged).
`signals.fitting` is the same for signals, whose window has to be full and has no outcomes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


class Refits(NamedTuple):
    """The P fits of T rows.

    Attributes
    ----------
    at : ndarray of int64, shape (P,)
        When each is made, ns UTC.
    first, last : ndarray of int64, shape (P,)
        A fit uses rows from ``first`` on, and none from ``last`` on.
    begin, end : ndarray of int64, shape (P,)
        It holds for the rows from ``begin`` on, and for none from ``end`` on.
    """

    at: Ints
    first: Ints
    last: Ints
    begin: Ints
    end: Ints

    @classmethod
    def of(cls, time: Ints, *, horizon: float, window: float, refit: float) -> Refits:
        """Return the fits of rows.

        Parameters
        ----------
        time : ndarray of int64, shape (T,)
            When each row was known, ns UTC, never decreasing.
        horizon, window, refit : float
            Seconds: after which the outcome of a row is known, of the past that is used, and
            between fits.
        """
        ahead, back, every = (round(seconds * 1e9) for seconds in (horizon, window, refit))
        at, begin = np.unique(time // every * every, return_index=True)
        first = np.searchsorted(time, at - back, side="left")
        last = np.searchsorted(time, at - ahead, side="right")
        return cls(at, first, np.maximum(last, first), begin, np.append(begin, len(time))[1:])
