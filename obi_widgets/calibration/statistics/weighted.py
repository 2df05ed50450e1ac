"""Scores of bets of any size, which may cost something: what `inference.arrived` is for events.

A bet of weight w that starts at a state and ends at a later one gains w · (move of mid) in the
order in which mid moves, and has other amounts, as a cost, that belong to it as a whole: these are
spread evenly over the states in which it is under way. So a cost that never changes adds nothing
to the error, and one that does adds what it changes by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.statistics import fixed_b
from obi_widgets.calibration.statistics.inference import BINS, KERNELS, LARGEST_B, Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.statistics.inference import Estimate

    Floats = NDArray[np.float64]


class Bets(NamedTuple):
    """Bets by the state at which they start; arrays of shape (T,), 0 where there is none.

    Attributes
    ----------
    size : ndarray of float64
        What a move of mid by one unit of quote currency gains, bps.
    amount : ndarray of float64
        What else each gains, bps.
    share : ndarray of float64
        What each counts in the mean Σ gains / Σ share.
    """

    size: Floats
    amount: Floats
    share: Floats


def scores(bets: Bets, end: NDArray[np.int32], move: Floats, overlap: int) -> Scores:
    """Return the scores of bets in the order in which their gains come in.

    Parameters
    ----------
    bets : Bets
        T states.
    end : ndarray of int32, shape (T,)
        Where each ends, never decreasing but for −1, where there is none.
    move : ndarray of float64, shape (T,)
        How far mid moved since the state before, quote currency; see `inference.steps`.
    overlap : int
        The most states that a bet spans.

    Returns
    -------
    Scores
        Of one cell.
    """
    width = max(1, -(-len(end) // BINS))
    a, b, m = np.zeros((3, -(-len(end) // width)))
    active = KERNELS.fastest().bets(*bets, end, move, width, a, b, m)
    lag = max(overlap, 1.3 * active**0.5)
    lags = np.array([np.ceil(lag / width)], np.int64)
    return Scores(a[:, None], b[:, None], m[:, None], width, lags, np.array([float(active)]))


class Estimated(NamedTuple):
    """A mean, and how sure it is; NaN where it is not known.

    ``error`` is 0 where every bet gained the same. ``z`` is the standard normal deviate that is as
    unlikely as mean / error where the true mean is 0; ``reach`` half of a confidence interval.
    """

    mean: float
    error: float
    b: float
    z: float
    reach: float


def estimate(one: Scores, number: int, level: float) -> Estimated:
    """Return what the scores of so many bets say.

    Parameters
    ----------
    one : Scores
        Of one cell.
    number : int
        How many bets. Fewer than two say nothing.
    level : float
        Of the confidence interval.
    """
    found, b = one.estimate(), float(one.share[0])
    if number < 2:
        return Estimated(float(found.mean[0]) if number else np.nan, np.nan, b, np.nan, np.nan)
    return judge(found, b, level)


def judge(found: Estimate, b: float, level: float) -> Estimated:
    """Return what is known of one mean.

    Parameters
    ----------
    found : Estimate
        Of one cell.
    b : float
        Its lag's share of the record; see `inference.Scores.share`.
    level : float
        Of the confidence interval.
    """
    mean, error = float(found.mean[0]), float(found.error[0])
    if np.isnan(mean) or not b <= LARGEST_B:
        return Estimated(mean, np.nan, b, np.nan, np.nan)
    if np.isnan(error):
        error = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.divide(mean, error)
    z = float(fixed_b.normal_score(np.nan_to_num(t, posinf=np.inf, neginf=-np.inf), b))
    return Estimated(mean, error, b, z, float(fixed_b.critical(level, b)) * error)
