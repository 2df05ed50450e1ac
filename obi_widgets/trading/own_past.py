"""Where values stand in their own past: a band, and a place, over cycles that follow each other.

Both are taken over the cycles before one, never over itself: so many at most, and at least `LEAST`
that have a value. Both only compare and count, so they are the same however many cycles are given
before those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.signals.cycles import cycles_in
from obi_widgets.signals.windows import frozen
from obi_widgets.trading.thresholds import KERNELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

BAND = 0.75
"""The quantile of |value| that is a band: beyond it lies the stronger quarter of the past."""

DAY = cycles_in(86_400)
"""Cycles of the past that count at most."""

LEAST = cycles_in(3_600)
"""Cycles with a value below which nothing is said: an hour. They follow each other closely, so
there are far fewer that are independent; with less than an hour the quantile is that of a time."""

FEW = 4
"""Cycles whose past is sorted one by one; for more, one structure goes along."""


def bands(values: Floats, new: int, most: int = DAY) -> Floats:
    """Return the quantile `BAND` of |value| over the cycles before each of the newest ones.

    Parameters
    ----------
    values : ndarray of float64, shape (N,)
        NaN without one.
    new : int
        How many of the newest cycles are asked for.
    most : int
        Cycles of the past that count.

    Returns
    -------
    ndarray of float64, shape (new,)
        0 or more; one of the values: between two, the lower one. NaN with less than `LEAST`.
    """
    sizes = np.abs(values[max(len(values) - new - most, 0) :])
    count = len(sizes)
    if new > FEW:
        import pandas as pd

        rolling = pd.Series(sizes).rolling(most, min_periods=LEAST)
        found = rolling.quantile(BAND, interpolation="lower").to_numpy()
        return np.append(np.nan, found[:-1])[count - new :]
    out = np.full(new, np.nan)
    for row, until in enumerate(range(count - new, count)):
        past = sizes[max(until - most, 0) : until]
        past = past[~np.isnan(past)]
        if len(past) >= LEAST:
            rank = int(BAND * (len(past) - 1))
            out[row] = np.partition(past, rank)[rank]
    return out


def share_below(values: Floats, new: int, most: int = DAY) -> Floats:
    """Return the share of the cycles before each of the newest ones with a smaller value.

    Parameters
    ----------
    values : ndarray of float64, shape (N,)
        NaN without one; such cycles do not count.
    new, most : int
        As in `bands`.

    Returns
    -------
    ndarray of float64, shape (new,)
        0 to 1; NaN without a value, and with less than `LEAST` before it.
    """
    part = np.ascontiguousarray(values[max(len(values) - new - most, 0) :])
    below, count = KERNELS.current().below(
        part, frozen(np.arange(len(part))), most + 1, len(part) - new
    )
    known = (count >= LEAST) & ~np.isnan(part[len(part) - new :])
    return np.where(known, below / np.maximum(count, 1), np.nan)
