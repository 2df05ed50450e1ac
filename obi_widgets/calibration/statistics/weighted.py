"""Scores of bets of any size and cost, as `inference.accrued_scores` computes them for unit bets.

A bet of weight w that is open from one state to a later one gains w · (move of mid), as mid moves.
Its other amounts, such as a cost, belong to the bet as a whole and are spread evenly over the
states in which it is open. So a constant cost adds nothing to the standard error, and a varying
cost adds its variation.
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
        Gain per move of mid by one unit of quote currency, bps.
    amount : ndarray of float64
        Gain that does not depend on mid, bps; negative for a cost.
    weight : ndarray of float64
        Weight of the bet in the mean Σ gains / Σ weight.
    """

    size: Floats
    amount: Floats
    weight: Floats


def scores(bets: Bets, end: NDArray[np.int32], move: Floats, overlap: int) -> Scores:
    """Return the scores of bets in the order in which their gains accrue.

    Parameters
    ----------
    bets : Bets
        T states.
    end : ndarray of int32, shape (T,)
        Row where each bet ends, in any order; −1 where there is no bet.
    move : ndarray of float64, shape (T,)
        Move of mid since the previous state, quote currency; see `inference.mid_moves`.
    overlap : int
        Largest number of states that a bet spans.

    Returns
    -------
    Scores
        With a single cell.
    """
    width = max(1, -(-len(end) // BINS))
    a, b, m = np.zeros((3, -(-len(end) // width)))
    active = KERNELS.current().bets(*bets, end, move, width, a, b, m)
    lag = max(overlap, 1.3 * active**0.5)
    lags = np.array([np.ceil(lag / width)], np.int64)
    return Scores(a[:, None], b[:, None], m[:, None], width, lags, np.array([float(active)]))


class MeanEstimate(NamedTuple):
    """A mean with its uncertainty; NaN where it cannot be estimated.

    Attributes
    ----------
    mean : float
        Weighted mean gain, bps.
    error : float
        Standard error, bps; 0 if every bet gained the same.
    b : float
        Lag of the standard error as a fraction of the record.
    z : float
        Test of mean = 0, as the standard normal deviate of the same p value.
    margin : float
        Half the width of the confidence interval, bps.
    """

    mean: float
    error: float
    b: float
    z: float
    margin: float


def estimate(bet_scores: Scores, number: int, level: float) -> MeanEstimate:
    """Return the mean gain of bets with its uncertainty.

    Parameters
    ----------
    bet_scores : Scores
        With a single cell.
    number : int
        Number of bets. With fewer than two, only the mean is returned.
    level : float
        Level of the confidence interval, 0..1.
    """
    cells, b = bet_scores.estimate(), float(bet_scores.lag_fraction[0])
    if number < 2:
        mean = float(cells.mean[0]) if number else np.nan
        return MeanEstimate(mean, np.nan, b, np.nan, np.nan)
    return cell_estimate(cells, b, level)


def cell_estimate(cells: Estimate, b: float, level: float) -> MeanEstimate:
    """Return the mean of one cell with its error, p and interval.

    Parameters
    ----------
    cells : Estimate
        Of a single cell.
    b : float
        Its lag as a fraction of the record; see `inference.Scores.lag_fraction`.
    level : float
        Level of the confidence interval, 0..1.
    """
    mean, error = float(cells.mean[0]), float(cells.error[0])
    if np.isnan(mean) or not b <= LARGEST_B:
        return MeanEstimate(mean, np.nan, b, np.nan, np.nan)
    if np.isnan(error):
        error = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.divide(mean, error)
    z = float(fixed_b.normal_score(np.nan_to_num(t, posinf=np.inf, neginf=-np.inf), b))
    return MeanEstimate(mean, error, b, z, float(fixed_b.critical(level, b)) * error)
