"""Cuts in time: what settings are chosen on, and what they are judged on."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.checks import between, integer, number
from obi_widgets.errors import HistoryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARE = 0.3
"""Of the record's time, what is held out at its end."""

MOST_FOLDS = 1000

LONGEST = 1e9
"""Seconds: 31 years."""


class Split(NamedTuple):
    """Rows to choose on, and later rows to judge on; either may be empty."""

    inside: slice
    outside: slice


def holdout(
    time: NDArray[np.int64], *, share: float = SHARE, purge: float = 0.0, embargo: float = 0.0
) -> Split:
    """Return the record but for its end, and its end.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds, never decreasing: `History.elapsed`, which leaves gaps out.
    share : float
        Of the record's time, what is held out; 0..1.
    purge : float
        Seconds before the cut that are in neither part: the longest horizon, so that no return
        of the first part ends in the second.
    embargo : float
        Seconds after the cut that are in neither part, for what fades slowly.

    Returns
    -------
    Split

    Raises
    ------
    SettingsError
        A share outside 0..1, or a negative time.
    """
    share = between("share", share)
    return _cut(time, [1 - share, 1.0], purge, embargo)[0]


def walk_forward_splits(
    time: NDArray[np.int64], *, folds: int = 5, purge: float = 0.0, embargo: float = 0.0
) -> list[Split]:
    """Return folds, each judged on the time that follows all that it is chosen on.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds, never decreasing.
    folds : int
        The record is cut in ``folds + 1`` parts of the same time; fold i is chosen on the first
        i, and judged on the next.
    purge, embargo : float
        See `holdout`.

    Returns
    -------
    list of Split

    Raises
    ------
    SettingsError
        Fewer than one fold, or a negative time.
    """
    folds = integer("folds", folds, 1, MOST_FOLDS)
    return _cut(time, np.arange(1, folds + 2) / (folds + 1), purge, embargo)


def _cut(
    time: NDArray[np.int64], cuts: list[float] | NDArray[np.float64], purge: float, embargo: float
) -> list[Split]:
    purge, embargo = (
        number(name, value, 0, LONGEST, "seconds")
        for name, value in (("purge", purge), ("embargo", embargo))
    )
    if not isinstance(time, np.ndarray) or time.ndim != 1 or time.dtype.kind not in "iu":
        raise HistoryError(f"time is a {type(time).__name__}.", "Give history.elapsed.")
    if not len(time):
        return [Split(slice(0, 0), slice(0, 0)) for _ in cuts[1:]]
    span = int(time[-1] - time[0])
    at = [int(time[0]) + round(span * float(cut)) for cut in cuts]
    at[-1] = int(time[-1]) + 1
    out = []
    for cut, stop in pairwise(at):
        # A return of `purge` that starts before this row ends before the cut.
        inside = int(np.searchsorted(time, cut - round(purge * 1e9), side="left"))
        first = int(np.searchsorted(time, cut + round(embargo * 1e9), side="left"))
        last = int(np.searchsorted(time, stop, side="left"))
        out.append(Split(slice(0, inside), slice(first, max(first, last))))
    return out
