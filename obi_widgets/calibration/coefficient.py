"""The information coefficient, deciles and hit rate: the whole signal, not only its extremes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration import compiling, fixed_b
from obi_widgets.calibration.inference import Means, conditional_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.returns import ForwardReturns

    Floats = NDArray[np.float64]
    Signs = NDArray[np.int8]

LAGS = 5
"""The lag of a coefficient's error, in overlaps."""


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Information coefficients by horizon; arrays of shape (H,), NaN where there is none.

    Attributes
    ----------
    horizons : ndarray of float64
        Seconds.
    n : ndarray of int64
        States that have a signal and a return.
    ic, rank_ic : ndarray of float64
        Pearson's and Spearman's correlation of signal and return.
    ic_se, rank_ic_se : ndarray of float64
        Standard errors.
    ic_p, rank_ic_p : ndarray of float64
        Two-sided.
    b : ndarray of float64
        The share of the record that the lag of ``ic_se`` is.
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


def ranks(values: Floats) -> Floats:
    """Return ranks from 1, ties sharing their mean, as `scipy.stats.rankdata`; no NaN."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    first = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1])[: len(ranked)])
    last = np.append(first[1:], len(ranked))
    out = np.empty(len(values))
    out[order] = np.repeat((first + last + 1) / 2, last - first)
    return out


def information_coefficients(signal: Floats, returns: ForwardReturns) -> Coefficients:
    """Return how signal and return go together at each horizon.

    The error is that of the correlation's influence, with r the correlation and u, v the
    standardised signal and return (their ranks for Spearman): u·v − r·(u² + v²) / 2, whose
    long-run variance is Newey–West's at a lag of five overlaps, at least 1.3·√T. p is fixed-b, with
    the lag's share of the record larger where few stretches of the signal hold most of the
    variance. In simulations of 20 minutes to an hour without an edge, nominal 5 % are 4 to 7.5 %
    at horizons up to 30 s: Newey–West's error remains a little too small where returns overlap.

    Parameters
    ----------
    signal : ndarray of float64, shape (T,)
        −1..+1, NaN where there is none.
    returns : ForwardReturns
        See `returns.forward_returns`.

    Returns
    -------
    Coefficients
    """
    count = len(returns.horizons)
    out = np.full((7, count), np.nan)
    n = np.zeros(count, np.int64)
    for row, (y, overlap) in enumerate(zip(returns.bps, returns.overlap.tolist(), strict=True)):
        rows = np.flatnonzero(~np.isnan(signal) & ~np.isnan(y))
        n[row] = len(rows)
        if len(rows) < 3:
            continue
        lag = min(int(np.ceil(max(LAGS * overlap, 1.3 * len(rows) ** 0.5))), len(rows) - 1)
        one, other = signal[rows], y[rows]
        for place, u, v in ((3, ranks(one), ranks(other)), (0, one, other)):
            r, error = _correlation(u, v, rows, len(signal), lag)
            out[place : place + 2, row] = r, error
            if error > 0:
                out[6, row] = _share(u, rows, len(signal), overlap, lag)
                out[place + 2, row] = fixed_b.p_value(r / error, out[6, row])
    return Coefficients(returns.horizons, n, *out)


def _correlation(
    one: Floats, other: Floats, rows: NDArray[np.intp], states: int, lag: int
) -> tuple[float, float]:
    """Return Pearson's correlation and its standard error, NaN where either never changes."""
    u, v = one - one.mean(), other - other.mean()
    size = np.sqrt(np.mean(u * u) * np.mean(v * v))
    if not size > 1e-300:
        return np.nan, np.nan
    u, v = u / np.sqrt(np.mean(u * u)), v / np.sqrt(np.mean(v * v))
    r = float(np.mean(u * v))
    scores = np.zeros(states)  # 0 where there is nothing, so that lags remain times
    scores[rows] = u * v - r * (u * u + v * v) / 2
    variance = compiling.fastest().windows(scores, lag)
    return r, float(np.sqrt(variance)) / len(rows) if variance > 1e-18 else np.nan


def _share(signal: Floats, rows: NDArray[np.intp], states: int, overlap: int, lag: int) -> float:
    """Return the lag's share of the record, as `inference.Scores.share` has it.

    A unit of the price's variance counts as often as the sum of the signals, squared, whose
    horizon is under way.
    """
    total = np.zeros(states + overlap)
    total[overlap + rows] = signal - signal.mean()
    total = np.cumsum(total)
    held = total[overlap:] - total[:states] if overlap else np.diff(total, prepend=0.0)
    m = held * held
    return float(compiling.fastest().windows(m, lag) / np.sum(m) ** 2)


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
    """Mean returns by how strong the signal is; the parts of equal numbers of states.

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
    """Return how often the sign was right, among events after which mid moved; NaN for none.

    Parameters
    ----------
    x, y : ndarray, shape (T,)
        Events, −1, 0 or +1; returns of one horizon, NaN where there is none.
    """
    right = x * np.nan_to_num(y)
    moved = np.count_nonzero(right)
    return np.count_nonzero(right > 0) / moved if moved else np.nan
