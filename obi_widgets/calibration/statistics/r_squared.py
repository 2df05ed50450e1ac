"""How much of the variance of one series another explains (R²), with an interval.

R² of a line is the squared correlation, and its interval is that of the correlation, squared: it
begins at 0 where the correlation is not told from 0. The difference of two R² of the same series
has its interval from the jackknife: by how much the difference changes when each pair is left out,
with the lag and the critical values of `correlation`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.statistics.correlation import Correlation, LeftOut, correlation, margin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 30
"""With fewer pairs there is no interval."""


class RSquared(NamedTuple):
    """An R², or a difference of two.

    Attributes
    ----------
    value, low, high : float
        It and its 95 % interval; NaN where there is none.
    n : int
        Number of pairs.
    """

    value: float
    low: float
    high: float
    n: int


def r_squared(x: Floats, y: Floats) -> tuple[RSquared, float]:
    """Return the R² of y on x, and their correlation.

    Parameters
    ----------
    x, y : ndarray of float64, shape (T,)
        Two series on one grid of time; NaN where there is no value.
    """
    found = correlation(x, y)
    return squared(found), found.value


def squared(found: Correlation) -> RSquared:
    """Return the R² of a line, given the correlation."""
    if found.pairs < FEWEST or math.isnan(found.value):
        return RSquared(found.value**2, math.nan, math.nan, found.pairs)
    low, high = sorted((found.low**2, found.high**2))
    if found.low <= 0 <= found.high:
        low = 0.0
    return RSquared(found.value**2, low, high, found.pairs)


def difference(x: Floats, other: Floats, y: Floats) -> RSquared:
    """Return the R² of y on x, less that on another series, over the pairs that have all three."""
    has_all = np.isfinite(x) & np.isfinite(other) & np.isfinite(y)
    one, two = (LeftOut.of(series, np.where(has_all, y, np.nan)) for series in (x, other))
    value = one.value**2 - two.value**2
    if one.pairs < FEWEST or not (one.varies and two.varies):
        return RSquared(value, math.nan, math.nan, one.pairs)
    changes = value - (one.without**2 - two.without**2)
    half = margin(changes, has_all, one.moved, two.moved)
    return RSquared(value, value - half, value + half, one.pairs)
