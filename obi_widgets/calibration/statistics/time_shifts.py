"""How large a correlation of two series becomes by chance if both last, found by shifting one.

The interval of `correlation` takes its error from the series themselves, and in a short record that
is too small where both last long: few independent times are left, and the means that are taken off
hide how far both wander. So the correlation is computed again with one series shifted in time
against the other, what comes out at its end put in at its start. A shift keeps how long each of
them lasts, and takes away what they have to do with each other. What the correlations at all shifts
are is what chance makes of series like these (Lotwick and Silverman 1982, Journal of the Royal
Statistical Society B 44, 406, of patterns in space).

A shift also takes away that both may be restless at the same times, which `correlation` allows for,
so it is no substitute: the interval is the wider one of both.

Shifts by less than a series lasts are left out: they leave much of what both have to do with each
other, and a relation that is there would be taken for chance.

Where both are what other series leave of them, what the shifted series has in common with those is
taken off again at each shift. Left in, it would make the correlations too small.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.statistics.correlation import LEVEL, ROUNDING, Correlation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHIFTS = 500
"""Shifts that are computed at most. Of a long record they are spread evenly over it."""


def chance(x: Floats, y: Floats, design: Floats, apart: int = 1) -> float:
    """Return the size of Fisher's z that one in twenty shifts exceeds.

    Parameters
    ----------
    x, y : ndarray of float64, shape (N,)
        Two series in the order of time, without NaN, each less what the design explains of it.
    design : ndarray of float64, shape (N, K)
        What was taken off both by a linear regression, with a column of ones; columns may depend
        on each other.

    Returns
    -------
    float
        0 or more; infinite where a shift leaves nothing of ``x``, or there is none.
    """
    count = len(x)
    if count < 2:
        return math.inf
    directions, sizes, _ = np.linalg.svd(design, full_matrices=False)
    basis = directions[:, sizes > ROUNDING * sizes[:1].sum()]  # none of a column that does not vary
    found, apart = [], min(apart, max(count // 4, 1))
    shifts = np.linspace(apart, count - apart, min(SHIFTS, count - 2 * apart + 1))
    for shift in shifts.round().astype(int).tolist():
        moved = np.roll(x, shift)
        moved = moved - basis @ (basis.T @ moved)
        both = math.sqrt(float(moved @ moved) * float(y @ y))
        found.append(min(abs(float(moved @ y)) / both, 1.0) if both > 0 else 1.0)
    size = float(np.quantile(found, LEVEL, method="higher"))
    return math.atanh(size) if size < 1 - ROUNDING else math.inf


def widened(found: Correlation, least: float) -> Correlation:
    """Return a correlation whose interval reaches so far from it at least, in Fisher's z."""
    if math.isnan(found.low) or abs(found.value) >= 1:
        return found
    z = math.atanh(found.value)
    low, high = math.tanh(z - least), math.tanh(z + least)
    return found._replace(low=min(found.low, low), high=max(found.high, high))
