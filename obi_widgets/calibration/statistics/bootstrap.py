"""Stationary bootstrap of mean returns.

The stationary bootstrap (Politis and Romano 1994, JASA 89, 1303) joins blocks that start at random
places and have geometric lengths, so that a resampled record is stationary like the original. It
resamples the binned scores in the order in which returns accrue (`inference.Scores`). The mean
block length is a quarter of the longest lag: these scores are nearly independent, so many short
blocks are more informative than a few long ones.

Each replication is studentised by its own standard error, computed by the formula of the estimate,
with lags across block boundaries included. The critical values are as accurate as fixed-b ones
(Gonçalves and Vogelsang 2011, Econometric Theory 27, 745), and account for few entries of unequal
weight. In simulations without an edge a nominal 5 % test rejects in 5 to 7 %; nominal 95 %
intervals of a strong edge cover it in 93 % on records of 20 minutes, and in 95 % on an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.statistics import fixed_b
from obi_widgets.calibration.statistics.inference import (
    LARGEST_B,
    Means,
    Scores,
    quotient,
    resampled_sums,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

REPLICATIONS = 999
"""Default number of resampled records."""


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Bootstrap results for means; arrays of shape (H, K): H horizons, K columns of entries.

    `obi_widgets.Report.bootstrap` has K = 1. The module has the method and its sources.

    Attributes
    ----------
    se, t : ndarray of float64
        Standard deviation of the resampled means, bps; mean / se.
    p : ndarray of float64
        Two-sided p value: the fraction of replications whose |t| is at least as large, the estimate
        itself included.
    ci_low, ci_high : ndarray of float64
        mean ± (quantile of |t| of the replications) · the Hodrick standard error, bps.
    p_familywise : ndarray of float64
        p adjusted for all H·K tests; see `familywise`.
    replications, seed : int
        Number of replications, and the seed of the random generator.
    mean_block : float
        Mean block length, states.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    >>> resampled = obi.calibrate(history, obi.Settings(), horizons=(1, 5)).bootstrap
    >>> resampled.p.shape
    (2, 1)
    >>> resampled.replications
    999
    """

    se: Floats
    t: Floats
    p: Floats
    ci_low: Floats
    ci_high: Floats
    p_familywise: Floats
    replications: int
    seed: int
    mean_block: float


def bootstrap(
    means: Means, *, replications: int = REPLICATIONS, seed: int = 0, bins: int | None = None
) -> Bootstrap:
    """Resample means.

    Parameters
    ----------
    means : Means
        See `inference.conditional_mean`.
    replications : int
        Number of resampled records.
    seed : int
        The same seed gives the same resampled records, for all horizons and cells.
    bins : int, optional
        Largest number of time bins; fewer bins make a large sweep faster.

    Returns
    -------
    Bootstrap
        NaN where ``means.p`` is NaN.
    """
    scores = [horizon if bins is None else horizon.coarsened(bins) for horizon in means.scores]
    mean, error, resampled_mean, resampled_error, mean_block = _resample(scores, replications, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(np.isnan(means.p), np.nan, mean / error)
        abs_t = np.abs(resampled_mean - mean) / resampled_error
        se = np.where(np.isnan(t), np.nan, _deviation(resampled_mean))
        margin = quantile(abs_t, means.level) * means.se_hodrick
        b = np.stack([horizon.lag_fraction for horizon in scores]) if scores else np.empty(t.shape)
        return Bootstrap(
            se=se,
            t=means.mean_bps / se,
            p=_p_value(abs_t, np.abs(t)),
            ci_low=means.mean_bps - margin,
            ci_high=means.mean_bps + margin,
            p_familywise=familywise(fixed_b.normal_score(t, b), fixed_b.normal_score(abs_t, b)),
            replications=replications,
            seed=seed,
            mean_block=mean_block,
        )


def familywise(score: Floats, resampled: Floats) -> Floats:
    """Return p values adjusted to control the family-wise error rate, given the dependence.

    Step-down: the largest |score| is compared with the maximum over all cells in each replication,
    the next with the maximum over the remaining cells, and so on (Westfall and Young 1993,
    *Resampling-Based Multiple Testing*; Romano and Wolf 2005, Econometrica 73, 1237). Similar cells
    cost little power, unlike with `multiple_testing.holm`, which allows for any dependence.

    Parameters
    ----------
    score : ndarray of float64, any shape
        Test statistics on a scale common to all cells (`fixed_b.normal_score`). NaN is no test.
    resampled : ndarray of float64, shape (R, *score.shape)
        The same statistics of the replications, centred on the estimate.

    Returns
    -------
    ndarray of float64
        P values, of the shape of ``score``.
    """
    flat = np.abs(score).ravel()
    order = np.argsort(-flat, kind="stable")[: np.count_nonzero(~np.isnan(flat))]
    out = np.full(flat.size, np.nan)
    if len(order):
        columns = np.nan_to_num(np.abs(resampled).reshape(len(resampled), -1)[:, order])
        largest = np.maximum.accumulate(columns[:, ::-1], axis=1)[:, ::-1]
        as_large = np.count_nonzero(largest >= flat[order], axis=0)
        out[order] = np.maximum.accumulate((1 + as_large) / (1 + len(resampled)))
    return out.reshape(score.shape)


def stationary_index(
    bins: int, replications: int, mean_block: float, seed: int
) -> NDArray[np.int32]:
    """Return the bins of each replication, shape (replications, bins)."""
    random = np.random.default_rng(seed)
    size = bins * replications
    probability = 1.0 / max(mean_block, 1.0)  # that a block ends, at each bin
    begin = np.empty(0, np.int64)
    while not len(begin) or begin[-1] < size:
        lengths = random.geometric(probability, int(1.1 * size * probability) + 100)
        begin = np.append(begin, np.cumsum(lengths) + (begin[-1] if len(begin) else 0))
    # One long record cut into replications is valid, since the geometric law has no memory.
    begin = np.append(0, begin[begin < size])
    shift = random.integers(0, bins, len(begin)) - begin
    index = np.repeat(shift, np.diff(np.append(begin, size))) + np.arange(size)
    return (index % bins).astype(np.int32).reshape(replications, bins)


def _resample(
    scores: Sequence[Scores], replications: int, seed: int
) -> tuple[Floats, Floats, Floats, Floats, float]:
    """Return means and errors, (H, K), those of the replications, (R, H, K), and the mean block.

    The mean block length is in states.
    """
    cells = scores[0].a.shape[1] if scores else 0
    shape = (len(scores), cells)
    mean, error = np.full(shape, np.nan), np.full(shape, np.nan)
    resampled_mean, resampled_error = (np.full((replications, *shape), np.nan) for _ in range(2))
    if not scores or not len(scores[0].a) or not cells:
        return mean, error, resampled_mean, resampled_error, np.nan
    # Cells whose lag is longer than half of the record get no p value, and need no blocks.
    usable = [horizon.lag[horizon.lag_fraction <= LARGEST_B] for horizon in scores]
    lags = np.concatenate(usable)
    block = max(1.0, float(np.max(lags, initial=4)) / 4)
    index = stationary_index(len(scores[0].a), replications, block, seed)
    for row, horizon in enumerate(scores):
        mean[row], error[row] = horizon.estimate()
        sums = np.empty((replications, 5, cells))
        resampled_sums(horizon.a, horizon.b, horizon.lag, index, sums)
        resampled_mean[:, row], resampled_error[:, row] = quotient(sums, horizon.lag)
    return mean, error, resampled_mean, resampled_error, block * scores[0].width


def _deviation(resampled_mean: Floats) -> Floats:
    """Return the standard deviation over replications, NaN excluded."""
    valid = ~np.isnan(resampled_mean)
    count = valid.sum(axis=0)
    centre = np.where(valid, resampled_mean, 0.0).sum(axis=0) / count
    squares = np.where(valid, resampled_mean - centre, 0.0) ** 2
    return np.asarray(np.sqrt(squares.sum(axis=0) / (count - 1)))


def _p_value(abs_t: Floats, t: Floats) -> Floats:
    """Return the fraction of replications with |t| of at least ``t``, the estimate included."""
    count = np.count_nonzero(~np.isnan(abs_t), axis=0)
    fraction = (1 + np.count_nonzero(abs_t >= t, axis=0)) / (1 + count)
    return np.where(np.isnan(t) | (count == 0), np.nan, fraction)


def quantile(abs_t: Floats, level: float) -> Floats:
    """Return the ``level`` quantile of |t| over replications, with the estimate counted as one."""
    count = np.count_nonzero(~np.isnan(abs_t), axis=0)
    rank = np.ceil(level * (count + 1)).astype(np.int64) - 1
    ranked = np.sort(abs_t, axis=0)  # NaN last
    last = np.minimum(rank, np.maximum(count - 1, 0))
    picked = np.take_along_axis(ranked, last[None], axis=0)[0] if len(ranked) else np.nan
    return np.where((rank < count) & (count > 0), picked, np.nan)
