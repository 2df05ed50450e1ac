"""How large a correlation of two series becomes by chance if both last, found by shifting one.

The jackknife's interval of a correlation takes its error from the series themselves, and in a short
record that is too small where both last long: few independent times are left, and the means that
are taken off hide how far both wander. So the correlation is computed again with one series shifted
in time against the other, what comes out at its end put in at its start. A shift keeps how long
each of them lasts, and takes away what they have to do with each other. What the correlations at
all shifts are is what chance makes of series like these (Lotwick and Silverman 1982, Journal of the
Royal Statistical Society B 44, 406, of patterns in space).

A shift also takes away that both may be restless at the same times, which the jackknife allows for,
so it is no substitute: the interval is the wider one of both.

A shift by less than a series lasts leaves much of what both have to do with each other. To tell
whether there is a relation, `chance` leaves such shifts out: it would be taken for chance. For the
interval of a relation that is there, `any_shift` has them all: without them, intervals of series
that last for a tenth of the record cover the truth too seldom, and with them they are at most a
third too wide.

Where both are what other series leave of them, what the shifted series has in common with those is
taken off again at each shift. Left in, it would make the correlations too small.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL = 0.95
"""Level of an interval of a correlation."""

ROUNDING = 1e-12
"""A variance below this fraction of what it was computed from is rounding error, and counts as 0.
A correlation is not told from 1 closer than this."""

SHIFTS = 500
"""Shifts that are computed at most. Of a long record they are spread evenly over it."""


def any_shift(x: Floats, y: Floats) -> float:
    """Return the size of Fisher's z that one in twenty of all shifts exceeds.

    Parameters
    ----------
    x, y : ndarray of float64, shape (N,)
        Two series in the order of time, without NaN.

    Returns
    -------
    float
        0 or more; infinite where one does not vary, or there is no shift.
    """
    count = len(x)
    if count < 2:
        return math.inf
    a, b = x - x.mean(), y - y.mean()
    a, b = a / (np.abs(a).max() or 1.0), b / (np.abs(b).max() or 1.0)  # squares stay in range
    both = math.sqrt(float(a @ a) * float(b @ b))
    if not both > 0:
        return math.inf
    sums = np.fft.irfft(np.fft.rfft(a) * np.conj(np.fft.rfft(b)), count)  # Σ a[t + shift]·b[t]
    return _z(np.abs(sums[1:]) / both)


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
    return _z(np.array(found))


def _z(sizes: Floats) -> float:
    """Return the z that one in twenty correlations exceeds."""
    size = float(np.quantile(sizes, LEVEL, method="higher"))
    return math.atanh(size) if size < 1 - ROUNDING else math.inf
