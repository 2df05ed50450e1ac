"""The mean return after an event, and how sure it is.

The mean is the slope of a regression through the origin, over all states in the order of time, of
the return y_t on x_t: +1 where a rise is expected, −1 where a fall, 0 where nothing is. With its
residuals e_t = y_t − βx_t the scores are x_t·e_t. Zeros are kept, so that a lag is a time and not
a number of events; where there is no return (a gap, the end of the record) the score is 0 as well,
for the same reason.

Returns over a horizon overlap, and signals last: what looks like thousands of observations may be
a few. Two errors that know it:

Newey–West (``se_bps``, ``t``)
    The long-run variance of the scores with Bartlett weights, 1 − k / (q + 1) at lag k, and q the
    overlap: the most states that a horizon spans (Newey and West 1987, Econometrica 55, 703).
    It equals statsmodels' ``OLS(y, x).fit(cov_type="HAC", cov_kwds={"maxlags": q,
    "use_correction": False})`` with y and x 0 where there is no return. It is the usual one, and
    too small: at the lags that overlap causes the weights leave out up to a third of the variance,
    so that a nominal 5 % test rejects in 8 to 12 %.

Hodrick (``se_hodrick``, ``t_hodrick``, and from it ``p`` and the confidence interval)
    The same sum Σxy, added up in the order in which returns come in rather than start: each move
    of mid, times the sum of the x/mid whose horizon is under way. Nothing known before a move
    predicts it when there is no edge, so these scores do not overlap, and are not correlated, at
    any horizon (Hodrick 1992, Review of Financial Studies 5, 357, standard errors 1B). What an
    edge leaves of correlation a Bartlett estimate takes up, at the lag max(overlap, 1.3·√T) of
    Lazarus, Lewis, Stock and Watson (2018, JBES 36, 541), T being the states in which any horizon
    is under way; critical values are fixed-b ones (see `fixed_b`), since that lag may be a large
    share of a short record, and larger where few events hold most of the variance. In
    simulations of 8 minutes to an hour nominal 5 % are 4 to 6 %, less where the record is only a
    few horizons long, and up to 7 % for the strongest edges on the shortest records.
    Scores are added up in at most `BINS` bins of equal numbers of states first, over which lags
    are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.forward_returns import PARALLEL, ForwardReturns
from obi_widgets.calibration.statistics import fixed_b, sums_numpy
from obi_widgets.kernels.loader import Kernels
from obi_widgets.kernels.threads import share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Signs = NDArray[np.int8]

KERNELS = Kernels("obi_widgets.calibration.statistics.sums_numba", sums_numpy)

BINS = 2048
"""Bins of scores that a record is cut in, at most."""

SMALLEST = 1e-18
"""Of a sum of squares, what remains of rounding where it should be 0."""

LARGEST_B = 0.5
"""The record must be this much longer than the lag: two horizons of returns at least."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What the means of K cells at one horizon are made of, in the order returns came in.

    The mean is Σa / Σb.

    Attributes
    ----------
    a, b : ndarray of float64, shape (N, K)
        By bin: returns that came in, signed, bps; and events that they belong to, each event
        spread over its horizon.
    m : ndarray of float64, shape (N, K)
        The variance of ``a`` for a unit of the price's: what is known of it beforehand.
    width : int
        States a bin.
    lag : ndarray of int64, shape (K,)
        Bins.
    active : ndarray of float64, shape (K,)
        States in which any horizon is under way.
    """

    a: Floats
    b: Floats
    m: Floats
    width: int
    lag: Ints
    active: Floats

    @property
    def share(self) -> Floats:
        """The lag's share of the record, the b of fixed-b; shape (K,), NaN without an event.

        Where the variance is not spread evenly, few windows hold most of it: ΣM² / (lag + 1) /
        (Σm)², with M the sums of m within windows of lag + 1 bins. It is (lag + 1) / N where m is
        the same everywhere, and more otherwise, so that the degrees of freedom of the variance
        are what Satterthwaite's approximation says.
        """
        sums = np.empty((1, 5, len(self.lag)))
        index = np.arange(len(self.a), dtype=np.int32)[None]
        resampled_sums(self.m, self.m, self.lag, index, sums)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(sums[0, 2] / (self.lag + 1) / sums[0, 0] ** 2)

    def coarsened(self, bins: int) -> Scores:
        """Return the same in at most so many bins, for speed."""
        times = -(-len(self.a) // bins)
        if times <= 1:
            return self
        short = -len(self.a) % times
        a, b, m = (
            np.pad(one, ((0, short), (0, 0))).reshape(-1, times, one.shape[1]).sum(axis=1)
            for one in (self.a, self.b, self.m)
        )
        lag = np.maximum(-(-self.lag // times), 1)
        return Scores(a, b, m, self.width * times, lag, self.active)

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
    """Return means and standard errors from Σa, Σb, ΣA², ΣAB, ΣB²; see `sums_numpy`.

    Parameters
    ----------
    sums : ndarray of float64, shape (..., 5 or more, K)
        The sums.
    lag : ndarray of int64, shape (K,)
        What the windows were.
    """
    a, b, aa, ab, bb = (sums[..., row, :] for row in range(5))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(b > 0, a / b, np.nan)
        squares = aa - 2 * mean * ab + mean * mean * bb
        error = np.sqrt(np.where(squares > SMALLEST * aa, squares, np.nan) / (lag + 1)) / b
    return Estimate(mean, error)


def resampled_sums(a: Floats, b: Floats, lags: Ints, index: NDArray[np.int32], out: Floats) -> None:
    """Write the sums of each replication, shape (R, 5, K); see `sums_numpy.resampled`."""
    resampled = KERNELS.fastest().resampled
    for lag in np.unique(lags):
        cells = np.flatnonzero(lags == lag)
        some_a, some_b = (np.ascontiguousarray(one[:, cells]) for one in (a, b))
        part = np.empty((len(index), 5, len(cells)))
        resampled(some_a, some_b, index, int(lag), part)
        out[:, :, cells] = part


@dataclass(frozen=True, eq=False)
class Means:
    """Mean returns after events, and what is known of them; arrays of shape (H, K).

    H horizons, K cells (columns of events). NaN is what could not be told: `shortage` says why.

    Attributes
    ----------
    horizons : ndarray of float64, shape (H,)
        Seconds.
    lag : ndarray of int64, shape (H,)
        States: the overlap, the lag of Newey–West.
    n : ndarray of int64
        Events that have a return.
    n_eff : ndarray of float64
        n · (naive variance / variance), at most n: as many independent returns know as much.
    mean_bps : ndarray of float64
        Mean of x·y over the events; + where the signal is right.
    se_bps, t : ndarray of float64
        Newey–West.
    se_naive, t_naive : ndarray of float64
        As if the n returns were independent: their standard deviation / √n. A warning.
    se_hodrick, t_hodrick, p, ci_low, ci_high : ndarray of float64
        See the module. p is two-sided.
    b : ndarray of float64
        The share of the record that the lag of ``se_hodrick`` is.
    level : float
        Of the confidence interval.
    scores : tuple of Scores, length H
        What to resample.
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
        """Return why there is no p, empty where there is one."""
        if not np.isnan(self.p[horizon, cell]):
            return ""
        if self.n[horizon, cell] < 2:
            return "fewer than two events"
        if not self.b[horizon, cell] <= LARGEST_B:
            return "fewer than two horizons of returns"
        return "the price never moved"


def prevailing(mid: Floats) -> Floats:
    """Return the mid that holds at each state: the last that there was; NaN before the first."""
    there, none = mid.copy(), np.flatnonzero(np.isnan(mid))
    first = np.diff(none, prepend=-2) > 1  # of each stretch without a mid
    there[none] = mid[np.maximum(none[first] - 1, 0)][np.cumsum(first) - 1]
    return there


def steps(mid: Floats) -> Floats:
    """Return how far mid moved since the last state that had one, 0 before the first."""
    there = prevailing(mid)
    move = np.diff(there, prepend=there[:1])
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
    """Return what followed events on average, and how sure that is.

    Parameters
    ----------
    mid : ndarray of float64, shape (T,)
        Quote currency; what ``returns`` were made of.
    returns : ForwardReturns
        See `returns.forward_returns`.
    x : ndarray of int8, shape (T,) or (T, K)
        Events; see `events.columns`.
    level : float
        Of the confidence interval, 0..1.
    newey_west : bool
        Whether to compute ``se_bps``, ``t`` and the naive ones; NaN otherwise, and faster by a
        third, for a sweep.

    Returns
    -------
    Means
        See the module for the estimators. Nothing raises where there is too little.
    """
    x = np.ascontiguousarray(x if x.ndim == 2 else x[:, None], np.int8)
    states, cells = x.shape
    move = steps(mid)
    with np.errstate(divide="ignore"):
        weight = 1e4 / mid
    overlap = returns.overlap
    sums = np.full((len(overlap), 6, cells), np.nan)
    scores: list[Scores | None] = [None] * len(overlap)

    def compute(rows: Iterable[int]) -> None:
        for row in rows:
            end = returns.end[row]
            scores[row] = one = arrived(x, end, move, weight, int(overlap[row]))
            if newey_west:
                y = returns.bps[row]
                KERNELS.fastest().starts(x, y, end, int(overlap[row]), sums[row])
            else:
                sums[row, 0], sums[row, 1] = one.a.sum(axis=0), np.rint(one.b.sum(axis=0))

    everything = range(len(overlap))
    if states * cells < PARALLEL:
        compute(everything)
    else:
        share(compute, everything)
    done = tuple(one for one in scores if one is not None)
    return _judged(returns.horizons, overlap, sums, done, level)


def arrived(x: Signs, end: NDArray[np.int32], move: Floats, weight: Floats, overlap: int) -> Scores:
    """Return the scores of one horizon in the order in which returns come in; see `Means`."""
    states, cells = x.shape
    width = max(1, -(-states // BINS))
    a, b, m = (np.zeros((-(-states // width), cells)) for _ in range(3))
    active = np.zeros(cells)
    KERNELS.fastest().arrivals(x, end, move, weight, width, a, b, m, active)
    lag = np.maximum(overlap, 1.3 * np.sqrt(active))
    return Scores(a, b, m, width, np.ceil(lag / width).astype(np.int64), active)


def _judged(
    horizons: Floats, overlap: Ints, sums: Floats, scores: tuple[Scores, ...], level: float
) -> Means:
    n = sums[:, 1]
    usual = quotient(sums, overlap[:, None])
    better = [one.estimate() for one in scores]
    error = np.reshape([one.error for one in better], n.shape)
    b = np.reshape([one.share for one in scores], n.shape)
    mean = usual.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = sums[:, 5] - n * mean * mean
        naive = np.sqrt(np.where((n > 1) & (spread > SMALLEST * sums[:, 5]), spread, np.nan))
        naive /= np.sqrt((n - 1) * n)
        se = np.where(n > 1, usual.error, np.nan)
        error = np.where((n > 1) & (b <= LARGEST_B), error, np.nan)
        t = mean / error
        variance = error**2 / fixed_b.bias(b)
        reach = fixed_b.critical(level, np.nan_to_num(b)) * error
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
            se_hodrick=error,
            t_hodrick=t,
            p=fixed_b.p_value(t, np.nan_to_num(b)),
            ci_low=mean - reach,
            ci_high=mean + reach,
            b=b,
            level=level,
            scores=scores,
        )


class Influence(NamedTuple):
    """What the episode that weighs most does to a mean.

    ``share`` is its part of the sum that the mean is made of (1 and more: without it there is no
    effect of that sign); ``mean_without`` the mean of the others, bps; ``episode`` its number.
    NaN and −1 without an event.
    """

    share: float
    mean_without: float
    episode: int


def influence(x: Signs, y: Floats, start: Ints) -> Influence:
    """Return how much of a mean comes from one episode.

    Parameters
    ----------
    x : ndarray of int8, shape (T,)
        Events.
    y : ndarray of float64, shape (T,)
        Returns of one horizon, bps, NaN where there is none.
    start : ndarray of int64, shape (E,)
        Where episodes begin; see `events.find_episodes`. An event belongs to the last one begun.
    """
    rows = np.flatnonzero((x != 0) & ~np.isnan(y))
    total = float(np.sum(x[rows] * y[rows]))
    if not len(rows) or not len(start) or total == 0:
        return Influence(np.nan, np.nan, -1)
    episode = np.maximum(np.searchsorted(start, rows, side="right") - 1, 0)
    parts = np.bincount(episode, x[rows] * y[rows], len(start)) / total
    largest = int(np.argmax(parts))
    others = len(rows) - int(np.count_nonzero(episode == largest))
    without = total * (1 - float(parts[largest])) / others if others else np.nan
    return Influence(float(parts[largest]), without, largest)
