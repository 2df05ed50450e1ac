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
from obi_widgets.calibration.statistics.ranks import by_stretch, ranks
from obi_widgets.calibration.statistics.weighted import Bets, cell_estimate, scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.forward_returns import ForwardReturns
    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Signs = NDArray[np.int8]

MIN_PERSISTENCE_TIMES = 30
"""Shortest record in persistence times of the signal for which a coefficient has a p value. A
shorter record holds too few independent values of the signal for any standard error."""


SIGN_FLIPS = 1000
"""Number of random sign vectors for a p value, the record itself included."""


class _Correlation(NamedTuple):
    r: float
    error: float
    b: float
    p: float


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Information coefficients by horizon; arrays of shape (H,), NaN where there is none.

    Attributes
    ----------
    horizons : ndarray of float64
        Seconds.
    n : ndarray of int64
        Number of states that have a signal and a return.
    ic, rank_ic : ndarray of float64
        Pearson's and Spearman's correlation of signal and return.
    ic_se, rank_ic_se : ndarray of float64
        Standard errors.
    ic_p, rank_ic_p : ndarray of float64
        Two-sided. NaN where the record has fewer than `MIN_PERSISTENCE_TIMES` persistence times.
    b : ndarray of float64
        Lag of ``ic_se`` as a fraction of the record.
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
    persistence: float = np.nan
    shortage: str = ""


def information_coefficients(
    history: History, signal: Floats, returns: ForwardReturns
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
        In its own unit, NaN where there is none.
    returns : ForwardReturns
        See `forward_returns.forward_returns`.

    Returns
    -------
    Coefficients
    """
    count, seconds = len(returns.horizons), float(history.elapsed[-1:].sum()) / 1e9
    out = np.full((7, count), np.nan)
    n = np.zeros(count, np.int64)
    lasts, shortage = persistence(history, signal), ""
    if seconds < MIN_PERSISTENCE_TIMES * lasts:
        shortage = (
            f"the signal lasts {lasts:.3g} s, and the record {seconds / lasts:.0f} times that: for "
            f"a p it takes {MIN_PERSISTENCE_TIMES}"
        )
    mid = prevailing(history.mid)
    for row, (y, overlap) in enumerate(zip(returns.bps, returns.overlap.tolist(), strict=True)):
        rows = np.flatnonzero(~np.isnan(signal) & ~np.isnan(y))
        n[row] = len(rows)
        if len(rows) < 3:
            continue
        for place, ranked in ((0, False), (3, True)):
            found = _correlation(
                signal[rows], y[rows], rows, returns.end[row], mid, overlap, ranked
            )
            if found is None:
                continue
            out[place, row], out[place + 1, row] = found.r, found.error
            if not ranked:
                out[6, row] = found.b
            if not shortage:
                out[place + 2, row] = found.p
    names = ("ic", "ic_se", "ic_p", "rank_ic", "rank_ic_se", "rank_ic_p", "b")
    figures = dict(zip(names, out, strict=True))
    return Coefficients(returns.horizons, n, **figures, persistence=lasts, shortage=shortage)


def _correlation(
    one: Floats,
    y: Floats,
    rows: NDArray[np.intp],
    end: NDArray[np.int32],
    mid: Floats,
    overlap: int,
    ranked: bool,
) -> _Correlation | None:
    """Return Pearson's or Spearman's correlation, and how sure it is; None where either is flat."""
    one = ranks(one) if ranked else one
    size, scale = float(np.std(one)), float(np.std(y))
    if not size * scale > 1e-300:
        return None
    u = (one - one.mean()) / size
    bets = Bets(*np.zeros((3, len(mid))))
    bets.size[rows] = 1e4 * u / (scale * mid[rows])
    bets.amount[rows] = -u * y.mean() / scale
    bets.weight[rows] = u * u
    accrued = scores(bets, end, mid_moves(mid), overlap)
    lag = int(accrued.lag[0]) + 1
    if ranked:
        parts = by_stretch(u, y, rows, end[rows], mid, lag * accrued.width)
        estimated, stretches = parts.estimate(), parts.a[0]
    else:
        estimated = accrued.estimate()
        stretches = np.add.reduceat(accrued.a[:, 0], np.arange(0, len(accrued.a), lag))
    found = cell_estimate(estimated, float(accrued.lag_fraction[0]), 0.95)
    p = 2 * NormalDist().cdf(-abs(found.z)) if found.z == found.z else np.nan
    return _Correlation(
        found.mean,
        found.error * float(np.sqrt(max(1 - found.mean**2, 0.0))),
        found.b,
        p if np.isnan(p) else _sign_flip_p(stretches, p),
    )


def _sign_flip_p(stretches: Floats, p: float) -> float:
    """Return the p value of the sign-flip test; at most ``p`` if no flip gives as large a sum."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (SIGN_FLIPS - 1, len(stretches)))
    least = abs(float(stretches.sum())) * (1 - 1e-12)
    as_large = int(np.count_nonzero(np.abs(signs @ stretches) >= least))
    return (1 + as_large) / SIGN_FLIPS if as_large else min(p, 1 / SIGN_FLIPS)


def persistence(history: History, signal: Floats) -> float:
    """Return the seconds in which a signal's autocorrelation falls to 1/e.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        NaN where there is none.

    Returns
    -------
    float
        By the mean time between states; infinite where it never falls so far, NaN where the
        signal never changes.
    """
    known = ~np.isnan(signal)
    if known.sum() < 2 or not np.ptp(signal[known]) > 0:
        return np.nan
    values = np.where(known, signal - signal[known].mean(), 0.0)
    size = 1 << (2 * len(values) - 1).bit_length()  # no lag wraps round
    spectrum = np.fft.rfft(values, size)
    products = np.fft.irfft(spectrum * spectrum.conj(), size)[: len(values)]
    correlation = products / products[0] * len(values) / np.arange(len(values), 0, -1)
    lag = 0
    for _ in range(4):
        # Subtracting the mean of a finite record lowers its autocorrelation by about 2·lag / T.
        bias = 2 * lag / len(values)
        below = np.flatnonzero(correlation < (1 + bias) / np.e - bias)
        if not len(below):
            return np.inf
        lag = int(below[0])
    return lag * float(history.elapsed[-1]) / 1e9 / (len(values) - 1)


def half_life(horizons: Floats, values: Floats) -> float:
    """Return the horizon at which a coefficient has fallen to half of its largest size.

    Parameters
    ----------
    horizons, values : ndarray of float64, shape (H,)
        Seconds, rising; coefficients. NaN are passed over.

    Returns
    -------
    float
        Seconds, beyond the largest, straight between horizons on their logarithm; NaN where it
        has not fallen so far.
    """
    there = ~np.isnan(values)
    seconds, sizes = horizons[there], values[there]
    if not len(sizes):
        return np.nan
    top = int(np.argmax(np.abs(sizes)))
    sizes = sizes * np.sign(sizes[top])
    below = np.flatnonzero(sizes[top:] <= sizes[top] / 2)
    if not len(below) or sizes[top] == 0:
        return np.nan
    at = top + int(below[0])
    part = (sizes[at - 1] - sizes[top] / 2) / (sizes[at - 1] - sizes[at])
    return float(np.exp(np.interp(part, [0, 1], np.log(seconds[at - 1 : at + 1]))))


def response_time(horizons: Floats, means: Floats) -> float:
    """Return the horizon at which half of the largest mean return has come.

    Parameters
    ----------
    horizons, means : ndarray of float64, shape (H,)
        Seconds, rising; bps. NaN are passed over.

    Returns
    -------
    float
        Seconds, straight between horizons and from 0 at 0 s; NaN without a mean.
    """
    there = ~np.isnan(means)
    seconds, sizes = np.append(0.0, horizons[there]), np.append(0.0, means[there])
    top = int(np.argmax(np.abs(sizes)))
    if not top:
        return np.nan
    sizes = sizes / sizes[top]
    at = int(np.flatnonzero(sizes >= 0.5)[0])
    return float(np.interp(0.5, sizes[at - 1 : at + 1], seconds[at - 1 : at + 1]))


@dataclass(frozen=True, eq=False)
class Deciles:
    """Mean returns by decile of the signal: parts with equal numbers of states.

    Attributes
    ----------
    edges : ndarray of float64, shape (D + 1,)
        Of the signal.
    means : Means
        A cell a part, shape (H, D): the return of mid, whatever the signal's sign.
    """

    edges: Floats
    means: Means


def deciles(mid: Floats, signal: Floats, returns: ForwardReturns, *, parts: int = 10) -> Deciles:
    """Return the mean return of mid by deciles of the signal, with standard errors.

    Parameters
    ----------
    mid, signal : ndarray of float64, shape (T,)
        Quote currency; −1..+1, NaN where there is none.
    returns : ForwardReturns
        See `returns.forward_returns`.
    parts : int
        Ten for deciles.

    Returns
    -------
    Deciles
        Equal signals are never parted: with many ties some parts are larger, or empty.
    """
    there = ~np.isnan(signal)
    x = np.zeros((len(signal), parts), np.int8)
    edges = np.full(parts + 1, np.nan)
    if there.any():
        edges = np.quantile(signal[there], np.linspace(0, 1, parts + 1))
        part = np.searchsorted(edges[1:-1], signal[there], side="right")
        x[np.flatnonzero(there), part] = 1
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
