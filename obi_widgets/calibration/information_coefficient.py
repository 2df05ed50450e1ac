"""Information coefficient, deciles and hit rate: the whole signal, not only its extremes."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.statistics.inference import (
    Means,
    conditional_mean,
    mid_moves,
    prevailing,
)
from obi_widgets.calibration.statistics.ranks import TIE, by_block, ranks
from obi_widgets.calibration.statistics.weighted import Bets, cell_estimate, scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.forward_returns import ForwardReturns
    from obi_widgets.calibration.statistics.inference import Scores
    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Signs = NDArray[np.int8]

MIN_PERSISTENCE_TIMES = 30
"""Shortest record, in persistence times of the signal, for which a coefficient has a p value. A
shorter record holds too few independent values of the signal for any standard error."""

SIGN_FLIPS = 1000
"""Number of random sign vectors for a p value, the record itself included."""


class Slope(NamedTuple):
    """The slope of a standardised return, or its rank, on a standardised signal.

    Attributes
    ----------
    value, error : float
        The slope with its standard error.
    b : float
        Lag of the error as a fraction of the record.
    p : float
        Two-sided p value of 0, see `information_coefficients`.
    """

    value: float
    error: float
    b: float
    p: float


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Information coefficients by horizon; arrays of shape (H,), NaN where unknown.

    Attributes
    ----------
    horizons : ndarray of float64
        Seconds.
    n : ndarray of int64
        Number of states that have a signal and a return.
    ic, rank_ic : ndarray of float64
        Pearson's and Spearman's correlation of signal and return.
    ic_se, rank_ic_se : ndarray of float64
        Their standard errors.
    ic_p, rank_ic_p : ndarray of float64
        Their two-sided p values. NaN where the record has fewer than `MIN_PERSISTENCE_TIMES`
        persistence times.
    b, rank_b : ndarray of float64
        Lags of ``ic_se`` and ``rank_ic_se`` as fractions of the record.
    persistence : float
        Seconds in which the signal's autocorrelation falls to 1/e; NaN if it never changes.
    shortage : str
        Why there are no p values; empty if the record is long enough.
    """

    horizons: Floats
    n: NDArray[np.int64]
    ic: Floats
    ic_se: Floats
    ic_p: Floats
    rank_ic: Floats
    rank_ic_se: Floats
    rank_ic_p: Floats
    b: Floats
    rank_b: Floats
    persistence: float = np.nan
    shortage: str = ""


def information_coefficients(
    history: History, signal: Floats, returns: ForwardReturns, persists: float | None = None
) -> Coefficients:
    """Return the correlations of signal and return at each horizon.

    A correlation is the mean of u·v, with u the standardised signal and v the standardised return
    (their ranks for Spearman). Its standard error is Hodrick's with fixed-b critical values (see
    `inference`): products are added up in the order in which returns accrue, each move of mid times
    the sum of u over the open horizons, so that neither overlapping returns nor a persistent signal
    make it too small. A rank is not a sum of moves; `ranks` says how it is divided over time.

    The p value comes from a sign-flip test: the signs of blocks of time as long as the lag are
    flipped at random. Without an edge each block is as likely as its opposite, so the test keeps
    its level even if a few jumps hold most of the variance. Its smallest p value is 1 /
    `SIGN_FLIPS`; below that, the p value of the standard error is used.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        In its own unit; NaN where there is no signal.
    returns : ForwardReturns
        See `forward_returns.forward_returns`.
    persists : float, optional
        The signal's `persistence`, seconds, where it is known.

    Returns
    -------
    Coefficients
    """
    count, seconds = len(returns.horizons), float(history.elapsed[-1:].sum()) / 1e9
    out = np.full((8, count), np.nan)
    n = np.zeros(count, np.int64)
    persists, shortage = persistence(history.elapsed, signal) if persists is None else persists, ""
    if seconds < MIN_PERSISTENCE_TIMES * persists:
        shortage = (
            f"the signal persists for {persists:.3g} s, and the record is {seconds / persists:.0f} "
            f"times as long: a p value needs {MIN_PERSISTENCE_TIMES} times"
        )
    mid = prevailing(history.mid)
    for row, (y, overlap) in enumerate(zip(returns.bps, returns.overlap.tolist(), strict=True)):
        rows = np.flatnonzero(~np.isnan(signal) & ~np.isnan(y))
        n[row] = len(rows)
        y = y[rows]
        if len(rows) < 3 or not np.ptp(y) > TIE:  # equal but for rounding have no ranks
            continue
        for column, ranked in ((0, False), (3, True)):
            x = ranks(signal[rows]) if ranked else signal[rows]
            if not float(np.std(x)) * float(np.std(y)) > 1e-300:
                continue
            x = (x - x.mean()) / np.std(x)
            found = slope(x, y, rows, returns.end[row], mid, overlap, ranked=ranked)
            out[column, row] = found.value
            # The error of a rank correlation has its own spread in it already: see `ranks`.
            spread = 1.0 if ranked else np.sqrt(max(1 - found.value**2, 0.0))
            out[column + 1, row] = found.error * spread
            out[6 + ranked, row] = found.b
            if not shortage:
                out[column + 2, row] = found.p
    names = ("ic", "ic_se", "ic_p", "rank_ic", "rank_ic_se", "rank_ic_p", "b", "rank_b")
    figures = dict(zip(names, out, strict=True))
    return Coefficients(returns.horizons, n, **figures, persistence=persists, shortage=shortage)


def slope(
    u: Floats,
    y: Floats,
    rows: NDArray[np.intp],
    end: NDArray[np.int32],
    mid: Floats,
    overlap: int,
    *,
    ranked: bool,
    explained: Floats | None = None,
) -> Slope:
    """Return the slope on a signal of what follows it; see `information_coefficients`.

    Parameters
    ----------
    u : ndarray of float64, shape (N,)
        The signal, or its ranks: mean 0, variance 1.
    y : ndarray of float64, shape (N,)
        Returns, bps, not all equal.
    rows : ndarray of int, shape (N,)
        Row of the state at which each return starts, ascending.
    end : ndarray of int32, shape (T,)
        Row of the state at which the return of each state ends.
    mid : ndarray of float64, shape (T,)
        The mid that prevails at each state, quote currency.
    overlap : int
        Largest number of states that a return spans.
    ranked : bool
        Whether the ranks of the returns are meant.
    explained : ndarray of float64, shape (N,), optional
        What other signals explain of the standardised ranks, see `ranks.by_block`. Only if
        ``ranked``.
    """
    accrued = _accrued(u, y, rows, end, mid, overlap)
    lag = int(accrued.lag[0]) + 1
    if ranked:
        sums = by_block(u, y, rows, end[rows], mid, lag * accrued.width, explained)
        estimated, blocks = sums.estimate(), sums.a[0]
    else:
        estimated = accrued.estimate()
        blocks = np.add.reduceat(accrued.a[:, 0], np.arange(0, len(accrued.a), lag))
    found = cell_estimate(estimated, float(accrued.lag_fraction[0]), 0.95)
    p = 2 * NormalDist().cdf(-abs(found.z)) if found.z == found.z else np.nan
    return Slope(found.mean, found.error, found.b, p if np.isnan(p) else _sign_flip_p(blocks, p))


def _accrued(
    u: Floats,
    y: Floats,
    rows: NDArray[np.intp],
    end: NDArray[np.int32],
    mid: Floats,
    overlap: int,
) -> Scores:
    """Return the scores of the slope; what they are made of is not kept."""
    scale, move = float(np.std(y)), mid_moves(mid)
    bets = Bets(*np.zeros((3, len(mid))))
    price = mid[rows]
    price *= scale
    bets.size[rows] = 1e4 * u / price
    del price
    bets.amount[rows] = -u * y.mean() / scale
    bets.weight[rows] = u * u
    return scores(bets, end, move, overlap)


def _sign_flip_p(blocks: Floats, p: float) -> float:
    """Return the p value of the sign-flip test; at most ``p`` if no flip gives as large a sum."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (SIGN_FLIPS - 1, len(blocks)))
    least = abs(float(blocks.sum())) * (1 - 1e-12)
    as_large = int(np.count_nonzero(np.abs(signs @ blocks) >= least))
    return (1 + as_large) / SIGN_FLIPS if as_large else min(p, 1 / SIGN_FLIPS)


def persistence(elapsed: NDArray[np.int64], signal: Floats) -> float:
    """Return the seconds in which a signal's autocorrelation falls to 1/e.

    Parameters
    ----------
    elapsed : ndarray of int64, shape (T,)
        Time since the first state, without gaps, ns.
    signal : ndarray of float64, shape (T,)
        NaN where there is no signal.

    Returns
    -------
    float
        Lag in states times the mean time between states; infinite if the autocorrelation never
        falls so far, NaN if the signal never changes.
    """
    known = ~np.isnan(signal)
    if known.sum() < 2 or not np.ptp(signal[known]) > 0:
        return np.nan
    values = np.where(known, signal - signal[known].mean(), 0.0)
    size = 1 << (2 * len(values) - 1).bit_length()  # zero-padded, so that no lag wraps around
    spectrum = np.fft.rfft(values, size)
    spectrum *= spectrum.conj()
    products = np.fft.irfft(spectrum, size)[: len(values)].copy()
    del spectrum
    correlation = products / products[0] * len(values) / np.arange(len(values), 0, -1)
    lag = 0
    for _ in range(4):
        # Subtracting the mean of a finite record lowers its autocorrelation by about 2·lag / T.
        bias = 2 * lag / len(values)
        below = np.flatnonzero(correlation < (1 + bias) / np.e - bias)
        if not len(below):
            return np.inf
        lag = int(below[0])
    return lag * float(elapsed[-1]) / 1e9 / (len(values) - 1)


def half_life(horizons: Floats, values: Floats) -> float:
    """Return the horizon at which a coefficient has fallen to half of its peak.

    Parameters
    ----------
    horizons : ndarray of float64, shape (H,)
        Seconds, ascending.
    values : ndarray of float64, shape (H,)
        Coefficients of either sign; NaN are ignored. The peak is the largest absolute value.

    Returns
    -------
    float
        Seconds, beyond the peak, interpolated linearly in the logarithm of the horizon; NaN if the
        coefficient does not fall to half.
    """
    known = ~np.isnan(values)
    seconds, sizes = horizons[known], values[known]
    if not len(sizes):
        return np.nan
    peak = int(np.argmax(np.abs(sizes)))
    sizes = sizes * np.sign(sizes[peak])
    half = sizes[peak] / 2
    low = np.flatnonzero(sizes[peak:] <= half)
    if not len(low) or not half:
        return np.nan
    at = peak + int(low[0])
    part = (sizes[at - 1] - half) / (sizes[at - 1] - sizes[at])
    return float(np.exp(np.interp(part, [0, 1], np.log(seconds[at - 1 : at + 1]))))


@dataclass(frozen=True, eq=False)
class Deciles:
    """Mean returns of mid by decile of the signal: ten parts with equal numbers of states.

    Attributes
    ----------
    edges : ndarray of float64, shape (D + 1,)
        Bounds of the deciles, in the signal's unit, ascending.
    means : Means
        Mean return of mid in each decile, bps, shape (H, D); + is a rise, whatever the signal.
    """

    edges: Floats
    means: Means


def deciles(mid: Floats, signal: Floats, returns: ForwardReturns, *, parts: int = 10) -> Deciles:
    """Return the mean return of mid by deciles of the signal, with standard errors.

    Parameters
    ----------
    mid, signal : ndarray of float64, shape (T,)
        Mid in quote currency; signal in its own unit, NaN where there is none.
    returns : ForwardReturns
        See `forward_returns.forward_returns`.
    parts : int
        Number of parts; 10 for deciles.

    Returns
    -------
    Deciles
        Equal signals are always in one part: with many ties some parts are larger, or empty.
    """
    known = ~np.isnan(signal)
    x = np.zeros((len(signal), parts), np.int8)
    edges = np.full(parts + 1, np.nan)
    if known.any():
        edges = np.quantile(signal[known], np.linspace(0, 1, parts + 1))
        part = np.searchsorted(edges[1:-1], signal[known], side="right")
        x[np.flatnonzero(known), part] = 1
    return Deciles(edges, conditional_mean(mid, returns, x))


def hit_rate(x: Signs, y: Floats) -> float:
    """Return the fraction of entries with the right sign, among those after which mid moved.

    Parameters
    ----------
    x, y : ndarray, shape (T,)
        Entries, −1, 0 or +1; returns of one horizon, NaN where there is none.

    Returns
    -------
    float
        0..1; NaN without such an entry.
    """
    right = x * np.nan_to_num(y)
    moved = np.count_nonzero(right)
    return np.count_nonzero(right > 0) / moved if moved else np.nan
