"""Mean forward return of entries, with standard errors that allow for overlap.

The mean is the slope β of a regression through the origin, over all states in time order, of the
return y_t on x_t: +1 where a rise is expected, −1 where a fall is expected, 0 elsewhere. With the
residuals e_t = y_t − βx_t the scores are x_t·e_t. Zeros are kept, so that a lag is a time and not a
number of entries. Where there is no return (a gap, the end of the record) the score is 0 as well,
for the same reason.

Returns over a horizon overlap and signals persist, so that thousands of observations may hold the
information of a few independent ones. Two standard errors allow for it:

Newey–West (``se_bps``, ``t``)
    The long-run variance of the scores with Bartlett weights, 1 − k / (q + 1) at lag k, where q is
    the overlap: the largest number of states that a horizon spans (Newey and West 1987,
    Econometrica 55, 703). It equals statsmodels' ``OLS(y, x).fit(cov_type="HAC",
    cov_kwds={"maxlags": q, "use_correction": False})`` with y and x 0 where there is no return. It
    is in common use, and too small: at the lags that overlap causes, the weights omit up to a third
    of the variance, so that a nominal 5 % test rejects in 8 to 12 %.

Hodrick (``se_hodrick``, ``t_hodrick``, and from it ``p`` and the confidence interval)
    The same sum Σxy, added up in the order in which returns accrue rather than start: each move of
    mid, times the sum of x/mid over the open horizons. Without an edge nothing known before a move
    predicts it, so these scores are uncorrelated at any horizon (Hodrick 1992, Review of Financial
    Studies 5, 357, standard errors 1B). The correlation that an edge causes is covered by a
    Bartlett estimate with the lag max(overlap, 1.3·√T) of Lazarus, Lewis, Stock and Watson (2018,
    JBES 36, 541), where T is the number of states with an open horizon. Critical values are fixed-b
    ones (see `fixed_b`), since that lag may be a large fraction of a short record, and effectively
    larger where few entries hold most of the variance. In simulations of 8 minutes to an hour a
    nominal 5 % test rejects in 4 to 6 %, less if the record is only a few horizons long, and up to
    7 % for the strongest edges on the shortest records. Scores are first summed in at most `BINS`
    bins of equal numbers of states; lags are counted in bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.forward_returns import PARALLEL, ForwardReturns
from obi_widgets.calibration.statistics import fixed_b, sums_numpy
from obi_widgets.kernels.loader import Kernels
from obi_widgets.kernels.threads import run_tasks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Signs = NDArray[np.int8]

KERNELS = Kernels("obi_widgets.calibration.statistics.sums_numba", sums_numpy)

BINS = 2048
"""Largest number of bins that the scores of a record are summed in."""

ROUNDING = 1e-18
"""A variance below this fraction of the sum of squares is rounding error, and counts as 0."""

LARGEST_B = 0.5
"""Largest lag as a fraction of the record: the record must span at least two horizons."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Binned scores of K cells at one horizon, in the order in which returns accrue.

    A cell is one choice of entries: a column of x. The mean of each cell is Σa / Σb.

    Attributes
    ----------
    a : ndarray of float64, shape (N, K)
        Signed returns that accrue in each bin, bps.
    b : ndarray of float64, shape (N, K)
        Number of entries that they belong to, each entry spread over its horizon.
    m : ndarray of float64, shape (N, K)
        Variance of ``a`` per unit variance of the price, which depends on the entries only.
    width : int
        Number of states in a bin.
    lag : ndarray of int64, shape (K,)
        Lag of the long-run variance, bins.
    active : ndarray of float64, shape (K,)
        Number of states with an open horizon.
    """

    a: Floats
    b: Floats
    m: Floats
    width: int
    lag: Ints
    active: Floats

    @property
    def lag_fraction(self) -> Floats:
        """The lag as a fraction of the record, the b of fixed-b; shape (K,), NaN without an entry.

        It is ΣM² / (lag + 1) / (Σm)², where M are the sums of m within windows of lag + 1 bins.
        This equals (lag + 1) / N if m is constant, and is larger if few windows hold most of the
        variance, so that the variance has the degrees of freedom of Satterthwaite's approximation.
        """
        sums = np.empty((1, 5, len(self.lag)))
        index = np.arange(len(self.a), dtype=np.int32)[None]
        resampled_sums(self.m, self.m, self.lag, index, sums)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(sums[0, 2] / (self.lag + 1) / sums[0, 0] ** 2)

    def coarsened(self, bins: int) -> Scores:
        """Return the scores in at most this many bins, for speed."""
        factor = -(-len(self.a) // bins)
        if factor <= 1:
            return self
        padding = -len(self.a) % factor
        a, b, m = (
            np.pad(series, ((0, padding), (0, 0))).reshape(-1, factor, series.shape[1]).sum(axis=1)
            for series in (self.a, self.b, self.m)
        )
        lag = np.maximum(-(-self.lag // factor), 1)
        return Scores(a, b, m, self.width * factor, lag, self.active)

    def estimate(self) -> Estimate:
        """Return the means and their standard errors."""
        sums = np.full((1, 5, len(self.lag)), np.nan)
        index = np.arange(len(self.a), dtype=np.int32)[None]
        resampled_sums(self.a, self.b, self.lag, index, sums)
        return quotient(sums[0], self.lag)


class Estimate(NamedTuple):
    """Means and standard errors of cells; NaN where there is none."""

    mean: Floats
    error: Floats


def quotient(sums: Floats, lag: Ints) -> Estimate:
    """Return means and standard errors from the sums Σa, Σb, ΣA², ΣAB, ΣB²; see `sums_numpy`.

    Parameters
    ----------
    sums : ndarray of float64, shape (..., 5 or more, K)
        The sums, in this order.
    lag : ndarray of int64, shape (K,)
        Lag of the windows of A and B.
    """
    a, b, aa, ab, bb = (sums[..., row, :] for row in range(5))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(b > 0, a / b, np.nan)
        squares = aa - 2 * mean * ab + mean * mean * bb
        error = np.sqrt(np.where(squares > ROUNDING * aa, squares, np.nan) / (lag + 1)) / b
    return Estimate(mean, error)


def resampled_sums(a: Floats, b: Floats, lags: Ints, index: NDArray[np.int32], out: Floats) -> None:
    """Write the sums of each replication, shape (R, 5, K); see `sums_numpy.resampled`."""
    resampled = KERNELS.current().resampled
    for lag in np.unique(lags):
        cells = np.flatnonzero(lags == lag)
        cells_a, cells_b = (np.ascontiguousarray(series[:, cells]) for series in (a, b))
        sums = np.empty((len(index), 5, len(cells)))
        resampled(cells_a, cells_b, index, int(lag), sums)
        out[:, :, cells] = sums


@dataclass(frozen=True, eq=False)
class Means:
    """Mean returns after entries, with standard errors and tests; arrays of shape (H, K).

    H horizons, K cells (columns of entries). NaN where there are too few data: `shortage` says why.

    Attributes
    ----------
    horizons : ndarray of float64, shape (H,)
        Seconds.
    lag : ndarray of int64, shape (H,)
        The overlap, states: the lag of Newey–West.
    n : ndarray of int64
        Number of entries that have a return.
    n_eff : ndarray of float64
        Effective number of independent returns: n · (naive variance / variance), at most n.
    mean_bps : ndarray of float64
        Mean of x·y over the entries, bps; + where the signal is right.
    se_bps, t : ndarray of float64
        Newey–West standard error, bps, and t value.
    se_naive, t_naive : ndarray of float64
        The same as if the n returns were independent: standard deviation / √n. Misleading; shown
        only for comparison.
    se_hodrick, t_hodrick, p, ci_low, ci_high : ndarray of float64
        Hodrick standard error, bps, t value, two-sided p value and confidence interval, bps; see
        the module.
    b : ndarray of float64
        Lag of ``se_hodrick`` as a fraction of the record.
    level : float
        Level of the confidence interval, 0..1.
    scores : tuple of Scores, length H
        Scores of each horizon, for the bootstrap.
    """

    horizons: Floats
    lag: Ints
    n: Ints
    n_eff: Floats
    mean_bps: Floats
    se_bps: Floats
    t: Floats
    se_naive: Floats
    t_naive: Floats
    se_hodrick: Floats
    t_hodrick: Floats
    p: Floats
    ci_low: Floats
    ci_high: Floats
    b: Floats
    level: float
    scores: tuple[Scores, ...]

    def shortage(self, horizon: int, cell: int = 0) -> str:
        """Return why there is no p value; empty if there is one."""
        if not np.isnan(self.p[horizon, cell]):
            return ""
        if self.n[horizon, cell] < 2:
            return "fewer than two entries"
        if not self.b[horizon, cell] <= LARGEST_B:
            return "the record spans fewer than two horizons"
        return "the price never moved"


def prevailing(mid: Floats) -> Floats:
    """Return the last mid up to each state, quote currency; NaN before the first."""
    filled, missing = mid.copy(), np.flatnonzero(np.isnan(mid))
    first = np.diff(missing, prepend=-2) > 1  # of each run without a mid
    filled[missing] = mid[np.maximum(missing[first] - 1, 0)][np.cumsum(first) - 1]
    return filled


def mid_moves(mid: Floats) -> Floats:
    """Return the move of mid since the last state with a mid, quote currency; 0 up to the first."""
    filled = prevailing(mid)
    move = np.diff(filled, prepend=filled[:1])
    move[np.isnan(move)] = 0.0
    return move


def conditional_mean(
    mid: Floats,
    returns: ForwardReturns,
    x: Signs,
    *,
    level: float = 0.95,
    newey_west: bool = True,
) -> Means:
    """Return the mean return after entries, with standard errors and tests.

    Parameters
    ----------
    mid : ndarray of float64, shape (T,)
        Quote currency; the mid that ``returns`` were computed from.
    returns : ForwardReturns
        See `forward_returns.forward_returns`.
    x : ndarray of int8, shape (T,) or (T, K)
        Entries; see `episodes.entry_columns`.
    level : float
        Level of the confidence interval, 0..1.
    newey_west : bool
        Whether to compute ``se_bps``, ``t``, ``se_naive`` and ``t_naive``. If False these and
        ``n_eff`` are NaN, and a sweep is faster by a third.

    Returns
    -------
    Means
        See the module for the estimators. NaN where there are too few data; this raises nothing.
    """
    x = np.ascontiguousarray(x if x.ndim == 2 else x[:, None], np.int8)
    states, cells = x.shape
    move = mid_moves(mid)
    with np.errstate(divide="ignore"):
        weight = 1e4 / mid
    overlap = returns.overlap
    sums = np.full((len(overlap), 6, cells), np.nan)
    scores: list[Scores | None] = [None] * len(overlap)

    def compute(rows: Iterable[int]) -> None:
        for row in rows:
            end = returns.end[row]
            scores[row] = accrued = accrued_scores(x, end, move, weight, int(overlap[row]))
            if newey_west:
                y = returns.bps[row]
                KERNELS.current().starts(x, y, end, int(overlap[row]), sums[row])
            else:
                sums[row, 0], sums[row, 1] = accrued.a.sum(axis=0), np.rint(accrued.b.sum(axis=0))

    horizons = range(len(overlap))
    if states * cells < PARALLEL:
        compute(horizons)
    else:
        run_tasks(compute, horizons)
    computed = tuple(accrued for accrued in scores if accrued is not None)
    return _means(returns.horizons, overlap, sums, computed, level)


def accrued_scores(
    x: Signs, end: NDArray[np.int32], move: Floats, weight: Floats, overlap: int
) -> Scores:
    """Return the scores of one horizon in the order in which returns accrue; see the module.

    Parameters
    ----------
    x : ndarray of int8, shape (T, K)
        Entries.
    end : ndarray of int32, shape (T,)
        Row where each state's horizon ends, −1 where there is no return.
    move : ndarray of float64, shape (T,)
        Move of mid since the previous state, quote currency; see `mid_moves`.
    weight : ndarray of float64, shape (T,)
        1e4 / mid.
    overlap : int
        Largest number of states that a horizon spans.
    """
    states, cells = x.shape
    width = max(1, -(-states // BINS))
    a, b, m = (np.zeros((-(-states // width), cells)) for _ in range(3))
    active = np.zeros(cells)
    KERNELS.current().accruals(x, end, move, weight, width, a, b, m, active)
    lag = np.maximum(overlap, 1.3 * np.sqrt(active))
    return Scores(a, b, m, width, np.ceil(lag / width).astype(np.int64), active)


def _means(
    horizons: Floats, overlap: Ints, sums: Floats, scores: tuple[Scores, ...], level: float
) -> Means:
    """Return the means with their tests, from sums by start and scores by accrual."""
    n = sums[:, 1]
    newey_west = quotient(sums, overlap[:, None])
    hodrick = np.reshape([horizon.estimate().error for horizon in scores], n.shape)
    b = np.reshape([horizon.lag_fraction for horizon in scores], n.shape)
    mean = newey_west.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = sums[:, 5] - n * mean * mean
        naive = np.sqrt(np.where((n > 1) & (squares > ROUNDING * sums[:, 5]), squares, np.nan))
        naive /= np.sqrt((n - 1) * n)
        se = np.where(n > 1, newey_west.error, np.nan)
        hodrick = np.where((n > 1) & (b <= LARGEST_B), hodrick, np.nan)
        t = mean / hodrick
        variance = hodrick**2 / fixed_b.bias(b)
        margin = fixed_b.critical(level, np.nan_to_num(b)) * hodrick
        return Means(
            horizons=horizons,
            lag=overlap,
            n=n.astype(np.int64),
            n_eff=n * np.minimum(naive**2 / variance, 1.0),
            mean_bps=mean,
            se_bps=se,
            t=mean / se,
            se_naive=naive,
            t_naive=mean / naive,
            se_hodrick=hodrick,
            t_hodrick=t,
            p=fixed_b.p_value(t, np.nan_to_num(b)),
            ci_low=mean - margin,
            ci_high=mean + margin,
            b=b,
            level=level,
            scores=scores,
        )
