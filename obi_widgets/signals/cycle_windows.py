"""Windows over cycles, and what several of them say together.

A window is the mean over the live time of its cycles. It may span a gap, which no look-back of a
signal of states may: a second without a book would else void the hour after it. So it has a value
while at least `LEAST_LIVE` of it was live, and not before it was seen whole.

Of windows with values s and weights w, all in −1..+1::

    direction = Σ w·s / Σ w          agreement = |Σ w·s| / Σ w·|s|
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.signals.cycles import CYCLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

LEAST_LIVE = 0.9
"""Share of a window that has to be live. With less, what the missing time would have said may turn
the mean of a window: a tenth of it, wholly of the other side, moves a mean by at most 0.2."""

STEPS = 2.0**10
"""Parts of a nanosecond in which a value times its live time is a whole number: a day of them fits
an int64, and a whole number has the same sum in any order."""


def weighed(values: Floats, live: Ints) -> tuple[Ints, Ints]:
    """Return values times live time, and live time, as whole numbers; 0 without a value.

    Parameters
    ----------
    values : ndarray of float64, shape (..., N)
        Mean of each cycle, −1..+1; NaN without one.
    live : ndarray of int64, shape (..., N)
        Nanoseconds.
    """
    there = ~np.isnan(values)
    return (
        np.rint(np.where(there, values, 0.0) * live * STEPS).astype(np.int64),
        np.where(there, live, 0),
    )


def window_means(sums: Ints, live: Ints, cycles: int, new: int) -> tuple[Floats, Floats]:
    """Return the mean of the window that ends with each of the newest cycles.

    Parameters
    ----------
    sums, live : ndarray of int64, shape (..., N)
        Of `weighed`.
    cycles : int
        Cycles in a window.
    new : int
        How many of the newest cycles are asked for.

    Returns
    -------
    means : ndarray of float64, shape (..., new)
        NaN where fewer cycles than a window has are given, or less than `LEAST_LIVE` was live.
    shares : ndarray of float64, shape (..., new)
        Share of the window that was live; of a window that begins before the first cycle, the share
        that was live since.
    """
    begin = max(sums.shape[-1] - new - cycles, 0)  # the first cycle that any window has
    count = sums.shape[-1] - begin
    stop = np.arange(count - new, count) + 1
    start = np.maximum(stop - cycles, 0)

    def total(terms: Ints) -> Ints:
        until = np.zeros((*terms.shape[:-1], count + 1), np.int64)
        np.cumsum(terms[..., begin:], axis=-1, out=until[..., 1:])
        return until[..., stop] - until[..., start]

    lived = total(live)
    shares = lived / (cycles * CYCLE)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = total(sums) / STEPS / lived
    known = (stop >= cycles) & (shares >= LEAST_LIVE)
    return np.where(known, means, np.nan), shares


def combined(values: Sequence[Floats] | Floats, weights: Sequence[float] | Floats) -> Floats:
    """Return the weighted mean Σ w·s / Σ w over the first axis; NaN where one is missing.

    A weight is one number, or one for each value.
    """
    total = weights[0] * values[0]
    for value, weight in zip(values[1:], weights[1:], strict=True):
        total = total + weight * value
    return np.asarray(total / sum(weights))


def agreement(values: Sequence[Floats] | Floats, weights: Sequence[float] | Floats) -> Floats:
    """Return |Σ w·s| / Σ w·|s|, 0..1: 1 where all have one sign.

    NaN where one is missing, or all are 0.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.abs(combined(values, weights)) / combined(np.abs(values), weights))


def conflict(values: Floats, bands: Floats) -> Floats:
    """Return where two windows have different signs, both beyond their own band.

    Parameters
    ----------
    values, bands : ndarray of float64, shape (W, N)
        Value of each window, and its band, 0 or more.

    Returns
    -------
    ndarray of float64, shape (N,)
        1 in conflict, else 0; NaN where a value or a band is missing.
    """
    with np.errstate(invalid="ignore"):
        found = (values > bands).any(axis=0) & (values < -bands).any(axis=0)
    return np.where(np.isnan(values).any(axis=0) | np.isnan(bands).any(axis=0), np.nan, found)
