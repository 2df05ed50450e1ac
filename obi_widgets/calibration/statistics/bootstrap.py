"""Resampling: the same means on histories made of the record's own pieces.

The stationary bootstrap (Politis and Romano 1994, JASA 89, 1303) joins blocks that begin anywhere
and whose lengths are geometric, so that a resampled record is stationary like the record. What is
resampled are the scores in the order in which returns came in (`inference.Scores`), by bins of
time. The mean block is a quarter of the longest lag: those scores barely depend on each other, and
many short blocks tell more than a few long ones.

Each replication is studentised by its own standard error, by the formula of the estimate, lags
across the joints included. That gives critical values as good as fixed-b ones (Gonçalves and
Vogelsang 2011, Econometric Theory 27, 745), and takes few, unequal events into account. In
simulations without an edge nominal 5 % are 5 to 7 %; intervals of a strong edge on a record of 20
minutes cover it in 93 %, on an hour in 95 %.
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


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """What resampling says of means; arrays of shape (H, K).

    Attributes
    ----------
    se, t : ndarray of float64
        Standard deviation of the resampled means, bps; mean / se.
    p : ndarray of float64
        Two-sided: the share of replications whose |t| is as large, itself included.
    ci_low, ci_high : ndarray of float64
        mean ± (quantile of |t| of the replications) · the Hodrick standard error, bps.
    p_familywise : ndarray of float64
        p adjusted for all H·K at once; see `familywise`.
    replications, seed : int
        How many, and what chose them.
    mean_block : float
        States.
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
        How many records are made.
    seed : int
        The same seed gives the same records, for all horizons and cells.
    bins : int, optional
        At most so many bins of time are told apart, for the speed of a large sweep.

    Returns
    -------
    Bootstrap
        NaN where ``means.p`` is.
    """
    scores = [one if bins is None else one.coarsened(bins) for one in means.scores]
    mean, error, again, errors, mean_block = _resample(scores, replications, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(np.isnan(means.p), np.nan, mean / error)
        around = np.abs(again - mean) / errors
        se = np.where(np.isnan(t), np.nan, _spread(again))
        reach = _quantile(around, means.level) * means.se_hodrick
        share = np.stack([one.share for one in scores]) if scores else np.empty(t.shape)
        return Bootstrap(
            se=se,
            t=means.mean_bps / se,
            p=_exceeded(around, np.abs(t)),
            ci_low=means.mean_bps - reach,
            ci_high=means.mean_bps + reach,
            p_familywise=familywise(
                fixed_b.normal_score(t, share), fixed_b.normal_score(around, share)
            ),
            replications=replications,
            seed=seed,
            mean_block=mean_block,
        )


def familywise(score: Floats, again: Floats) -> Floats:
    """Return p adjusted for the chance of any false discovery among cells, however alike.

    Step-down: the largest |score| is held against the largest of all cells in each replication,
    the next against the largest of those that are left, and so on (Westfall and Young 1993,
    *Resampling-Based Multiple Testing*; Romano and Wolf 2005, Econometrica 73, 1237). Cells that
    are much alike cost little, as a bound for any dependence (`multiple.holm`) cannot know.

    Parameters
    ----------
    score : ndarray of float64, any shape
        On a scale on which all cells are alike (`fixed_b.normal_score`). NaN is no test.
    again : ndarray of float64, shape (R, *score.shape)
        Of the replications, centred on the estimate.

    Returns
    -------
    ndarray of float64
        Of the shape of ``score``.
    """
    flat = np.abs(score).ravel()
    order = np.argsort(-flat, kind="stable")[: np.count_nonzero(~np.isnan(flat))]
    out = np.full(flat.size, np.nan)
    if len(order):
        columns = np.nan_to_num(np.abs(again).reshape(len(again), -1)[:, order])
        largest = np.maximum.accumulate(columns[:, ::-1], axis=1)[:, ::-1]
        as_large = np.count_nonzero(largest >= flat[order], axis=0)
        out[order] = np.maximum.accumulate((1 + as_large) / (1 + len(again)))
    return out.reshape(score.shape)


def stationary_index(
    bins: int, replications: int, mean_block: float, seed: int
) -> NDArray[np.int32]:
    """Return which bins make each replication, shape (replications, bins)."""
    random = np.random.default_rng(seed)
    size = bins * replications
    stop = 1.0 / max(mean_block, 1.0)
    begin = np.empty(0, np.int64)
    while not len(begin) or begin[-1] < size:
        lengths = random.geometric(stop, int(1.1 * size * stop) + 100)
        begin = np.append(begin, np.cumsum(lengths) + (begin[-1] if len(begin) else 0))
    # One long record, cut: where a block begins does not depend on what was before.
    begin = np.append(0, begin[begin < size])
    shift = random.integers(0, bins, len(begin)) - begin
    index = np.repeat(shift, np.diff(np.append(begin, size))) + np.arange(size)
    return (index % bins).astype(np.int32).reshape(replications, bins)


def _resample(
    scores: Sequence[Scores], replications: int, seed: int
) -> tuple[Floats, Floats, Floats, Floats, float]:
    """Return means and errors, (H, K), those of the replications, (R, H, K), and the block."""
    cells = scores[0].a.shape[1] if scores else 0
    shape = (len(scores), cells)
    mean, error = np.full(shape, np.nan), np.full(shape, np.nan)
    again, errors = (np.full((replications, *shape), np.nan) for _ in range(2))
    if not scores or not len(scores[0].a) or not cells:
        return mean, error, again, errors, np.nan
    # Longer than half of what there is: no cell of that is judged.
    usable = [one.lag[one.share <= LARGEST_B] for one in scores]
    lags = np.concatenate(usable)
    block = max(1.0, float(np.max(lags, initial=4)) / 4)
    index = stationary_index(len(scores[0].a), replications, block, seed)
    for row, one in enumerate(scores):
        mean[row], error[row] = one.estimate()
        sums = np.empty((replications, 5, cells))
        resampled_sums(one.a, one.b, one.lag, index, sums)
        again[:, row], errors[:, row] = quotient(sums, one.lag)
    return mean, error, again, errors, block * scores[0].width


def _spread(again: Floats) -> Floats:
    """Return the standard deviation over replications, of those that have a mean."""
    there = ~np.isnan(again)
    count = there.sum(axis=0)
    centre = np.where(there, again, 0.0).sum(axis=0) / count
    squares = np.where(there, again - centre, 0.0) ** 2
    return np.asarray(np.sqrt(squares.sum(axis=0) / (count - 1)))


def _exceeded(around: Floats, t: Floats) -> Floats:
    """Return the share of replications that are as large, among those that can be told."""
    count = np.count_nonzero(~np.isnan(around), axis=0)
    share = (1 + np.count_nonzero(around >= t, axis=0)) / (1 + count)
    return np.where(np.isnan(t) | (count == 0), np.nan, share)


def _quantile(around: Floats, level: float) -> Floats:
    """Return what a share ``1 − level`` of the replications exceeds, the estimate included."""
    count = np.count_nonzero(~np.isnan(around), axis=0)
    rank = np.ceil(level * (count + 1)).astype(np.int64) - 1
    ranked = np.sort(around, axis=0)  # NaN last
    last = np.minimum(rank, np.maximum(count - 1, 0))
    picked = np.take_along_axis(ranked, last[None], axis=0)[0] if len(ranked) else np.nan
    return np.where((rank < count) & (count > 0), picked, np.nan)
