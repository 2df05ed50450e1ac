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
    if not isinstance(time, np.ndarray) or time.ndim != 1 or time.dtype.kind not in "iu":
        raise HistoryError(f"time is a {type(time).__name__}.", "Give history.elapsed.")
    span = int(time[-1] - time[0]) if len(time) else 0
    return _bounds(span, [1 - share, 1.0], purge, embargo)[0].split(time - time[:1])


def holdout_from(span: int, share: float) -> int:
    """Return the time from which `holdout` holds out a record, ns without gaps since its start."""
    return _bounds(span, [1 - fraction("share", share), 1.0], 0.0, 0.0)[0].first


class Bounds(NamedTuple):
    """The bounds of a split in time: nanoseconds since the record's first state, without gaps.

    Attributes
    ----------
    in_sample : int
        In sample are the states before it.
    first, stop : int
        Out of sample are the states from ``first`` on, and before ``stop``.
    """

    in_sample: int
    first: int
    stop: int

    def split(self, elapsed: NDArray[np.int64]) -> Split:
        """Return the rows of states at these times; ``elapsed`` never decreases."""
        in_sample, first, stop = np.searchsorted(elapsed, self, side="left").tolist()
        return Split(slice(0, in_sample), slice(first, max(first, stop)))


def walk_forward_bounds(
    span: int, *, folds: int = 5, purge: float = 0.0, embargo: float = 0.0
) -> list[Bounds]:
    """Return the bounds of a walk-forward test with an expanding window.

    Parameters
    ----------
    span : int
        Length of the record without its gaps, nanoseconds.
    folds : int
        The record is cut into ``folds + 1`` parts of equal time. Split i has the first i parts in
        sample, and the next part out of sample.
    purge, embargo : float
        See `holdout`.

    Returns
    -------
    list of Bounds

    Raises
    ------
    SettingsError
        If there are fewer than one or more than `MAX_FOLDS` folds, or a time is negative.
    """
    span = integer("span", span, 0, np.iinfo(np.int64).max)
    folds = integer("folds", folds, 1, MAX_FOLDS)
    return _bounds(span, np.arange(1, folds + 2) / (folds + 1), purge, embargo)


def _bounds(
    span: int, cuts: list[float] | NDArray[np.float64], purge: float, embargo: float
) -> list[Bounds]:
    """Return bounds at each cut but the last; cuts are fractions of the time, increasing."""
    purge, embargo = (
        number(name, value, 0, MAX_SECONDS, "seconds")
        for name, value in (("purge", purge), ("embargo", embargo))
    )
    times = [round(span * float(cut)) for cut in cuts]
    times[-1] = span + 1
    # A return of `purge` that starts before in_sample ends before the cut.
    return [
        Bounds(cut - round(purge * 1e9), cut + round(embargo * 1e9), stop)
        for cut, stop in pairwise(times)
    ]
