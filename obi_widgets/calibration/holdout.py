"""Splits of a record in time: in sample to choose settings, out of sample to test them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.checks import fraction, integer, number
from obi_widgets.errors import HistoryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT_HOLD_OUT = 0.3
"""Default fraction of the record's time that is held out at its end."""

MAX_FOLDS = 1000
"""Largest number of folds."""

MAX_SECONDS = 1e9
"""Longest purge, embargo or other duration that is accepted, seconds: 31 years."""


class Split(NamedTuple):
    """In-sample rows, and later out-of-sample rows; either may be empty."""

    in_sample: slice
    out_of_sample: slice


def holdout(
    time: NDArray[np.int64],
    *,
    share: float = DEFAULT_HOLD_OUT,
    purge: float = 0.0,
    embargo: float = 0.0,
) -> Split:
    """Split a record into its beginning and a hold-out at its end.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds, never decreasing: `History.elapsed`, which excludes gaps.
    share : float
        Fraction of the record's time that is held out, between 0 and 1.
    purge : float
        Seconds before the cut that belong to neither part. Give the longest horizon, so that no
        return of the first part ends in the second.
    embargo : float
        Seconds after the cut that belong to neither part, for effects that decay slowly.

    Returns
    -------
    Split

    Raises
    ------
    SettingsError
        If the share is not between 0 and 1, or a time is negative.
    HistoryError
        If ``time`` is not a one-dimensional array of int.
    """
    share = fraction("share", share)
    return _cut(time, [1 - share, 1.0], purge, embargo)[0]


def walk_forward_splits(
    time: NDArray[np.int64], *, folds: int = 5, purge: float = 0.0, embargo: float = 0.0
) -> list[Split]:
    """Return the splits of a walk-forward test with an expanding window.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds, never decreasing.
    folds : int
        The record is cut into ``folds + 1`` parts of equal time. Split i has the first i parts in
        sample, and the next part out of sample.
    purge, embargo : float
        See `holdout`.

    Returns
    -------
    list of Split

    Raises
    ------
    SettingsError
        If there are fewer than one or more than `MAX_FOLDS` folds, or a time is negative.
    HistoryError
        If ``time`` is not a one-dimensional array of int.
    """
    folds = integer("folds", folds, 1, MAX_FOLDS)
    return _cut(time, np.arange(1, folds + 2) / (folds + 1), purge, embargo)


def _cut(
    time: NDArray[np.int64], cuts: list[float] | NDArray[np.float64], purge: float, embargo: float
) -> list[Split]:
    """Return a split at each cut but the last; cuts are fractions of the time, increasing."""
    purge, embargo = (
        number(name, value, 0, MAX_SECONDS, "seconds")
        for name, value in (("purge", purge), ("embargo", embargo))
    )
    if not isinstance(time, np.ndarray) or time.ndim != 1 or time.dtype.kind not in "iu":
        raise HistoryError(f"time is a {type(time).__name__}.", "Give history.elapsed.")
    if not len(time):
        return [Split(slice(0, 0), slice(0, 0)) for _ in cuts[1:]]
    span = int(time[-1] - time[0])
    cut_times = [int(time[0]) + round(span * float(cut)) for cut in cuts]
    cut_times[-1] = int(time[-1]) + 1
    splits = []
    for cut, stop in pairwise(cut_times):
        # A return of `purge` that starts before this row ends before the cut.
        in_sample = int(np.searchsorted(time, cut - round(purge * 1e9), side="left"))
        first = int(np.searchsorted(time, cut + round(embargo * 1e9), side="left"))
        last = int(np.searchsorted(time, stop, side="left"))
        splits.append(Split(slice(0, in_sample), slice(first, max(first, last))))
    return splits
