"""Correlation of two series at many lags, which of them leads, and how sure that is.

The series are changes of values on one grid of time; NaN where there is none. At lag k, x at t is
held against y at t + k: with a peak at k > 0, x leads. The correlation is taken over the pairs that
have both, about the means of the whole series.

The interval of the peak is a bootstrap of blocks of time: the sums of each block are resampled
together, so that dependence within a block stays. Whether the peak is beyond chance is judged by
Bartlett's variance of the correlation of two independent series, Σ ρx(j)·ρy(j) / n over all lags j
(Brockwell and Davis 1991, Time Series, 11.2), which allows for the persistence of both, and by a
bound for the largest of all lags (Bonferroni). Unrelated series can still be restless at the same
times, which widens the variance by E[x²y²] / (E[x²]·E[y²]) (as White 1980 for a regression).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_BLOCKS = 10
"""Blocks that an interval needs at least."""

BLOCKS = 200
"""Blocks at most."""

BLOCK_LAGS = 4
"""Length of a block at least, in multiples of the longest lag."""

RESAMPLED = 1000
"""Resamples of the bootstrap."""

LEVEL = 0.05
"""Chance that a peak counts as beyond chance, or that an interval misses, of two unrelated series
or of a true lead."""


class Lead(NamedTuple):
    """Where the correlation of two series is largest.

    Attributes
    ----------
    lag : int
        Steps by which the first series leads; negative if it follows.
    low, high : float
        Bounds of the lag, steps: a 95 % interval of the bootstrap, widened by half a step, which is
        the grid's own resolution. NaN if the series are too short.
    correlation : float
        Correlation at this lag; NaN without a pair.
    at_zero : float
        Correlation at lag 0.
    chance : float
        Size of a correlation that the largest of all lags exceeds by chance in 5 % of unrelated
        series that persist alike; NaN if the series are too short.
    pairs : int
        Pairs at lag 0.
    """

    lag: int
    low: float
    high: float
    correlation: float
    at_zero: float
    chance: float
    pairs: int


def cross_correlations(x: Floats, y: Floats, most: int) -> Floats:
    """Return the correlations of x at t with y at t + k, for k from −most to most.

    Parameters
    ----------
    x, y : ndarray of float64, shape (T,)
        Two series on one grid; NaN where there is no value.
    most : int
        Largest lag, less than T.

    Returns
    -------
    ndarray of float64, shape (2 * most + 1,)
        NaN where there is no pair, or one series does not vary.
    """
    products, first, second, _ = _sums(x, y, most, np.zeros(1, np.int64))
    return _ratio(products[0], first[0], second[0])


def chance_variance(x: Floats, y: Floats, most: int) -> float:
    """Return the variance of the correlation of two unrelated series that persist as these do.

    Parameters
    ----------
    x, y, most
        As `cross_correlations`.

    Returns
    -------
    float
        Bartlett's variance, from the autocorrelations up to lag ``most``, at least 1 / pairs; times
        the factor by which times of large changes that both series share widen it. NaN without a
        pair.
    """
    pairs = int(np.sum(np.isfinite(x) & np.isfinite(y)))
    if not pairs:
        return math.nan
    product = cross_correlations(x, x, most) * cross_correlations(y, y, most)
    persistence = max(float(np.nansum(product)), 1.0)
    return persistence * _shared_volatility(x, y, most) / pairs


def _shared_volatility(x: Floats, y: Floats, most: int) -> float:
    """Return the largest ratio, of all lags, of mean x²y² to mean x² times mean y²; 1 at least."""
    a, b = np.square(x - np.nanmean(x)), np.square(y - np.nanmean(y))
    largest = 1.0
    for lag in range(-most, most + 1):
        here, there = a[max(-lag, 0) : len(a) - max(lag, 0)], b[max(lag, 0) : len(b) - max(-lag, 0)]
        both = np.isfinite(here) & np.isfinite(there)
        if both.any():
            one, other = here[both], there[both]
            apart = one.mean() * other.mean()
            largest = max(largest, (one * other).mean() / apart if apart else 1.0)
    return float(largest)


def find_lead(x: Floats, y: Floats, most: int, *, seed: int = 0) -> Lead:
    """Return where the correlation of two series is largest in size, with its bounds.

    Parameters
    ----------
    x, y, most
        As `cross_correlations`.
    seed : int
        Seed of the bootstrap: the same data give the same bounds.
    """
    length = max(BLOCK_LAGS * most, math.ceil(len(x) / BLOCKS), 1)
    count = len(x) // length
    edges = np.arange(max(count, 1)) * length  # the last block is the longest
    products, first, second, pairs = _sums(x, y, most, edges)
    correlations = _ratio(products.sum(axis=0), first.sum(axis=0), second.sum(axis=0))
    together = int(pairs[:, most].sum())
    if not np.isfinite(correlations).any():
        return Lead(0, math.nan, math.nan, math.nan, math.nan, math.nan, together)
    peak = int(np.nanargmax(np.abs(correlations)))
    low = high = chance = math.nan
    if count >= FEWEST_BLOCKS:
        random = np.random.default_rng(seed)
        drawn = random.multinomial(count, np.full(count, 1 / count), RESAMPLED).astype(float)
        again = _ratio(drawn @ products, drawn @ first, drawn @ second)
        sign = np.sign(correlations[peak])
        peaks = np.argmax(np.where(np.isfinite(again), sign * again, -np.inf), axis=1) - most
        bounds = np.quantile(peaks, (LEVEL / 2, 1 - LEVEL / 2))
        low, high = (float(bounds[0]) - 0.5, float(bounds[1]) + 0.5)
        z = NormalDist().inv_cdf(1 - LEVEL / (2 * len(correlations)))
        chance = z * math.sqrt(chance_variance(x, y, most))
    return Lead(
        peak - most, low, high, float(correlations[peak]), float(correlations[most]), chance,
        together,
    )  # fmt: skip


def _sums(x: Floats, y: Floats, most: int, edges: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Return sums of x·y, x², y² and 1 over the pairs, by block and lag, shape (B, 2·most + 1)."""
    known_x, known_y = np.isfinite(x), np.isfinite(y)
    a = np.where(known_x, x - (x[known_x].mean() if known_x.any() else 0.0), 0.0)
    b = np.where(known_y, y - (y[known_y].mean() if known_y.any() else 0.0), 0.0)
    sums = np.zeros((4, len(edges), 2 * most + 1))
    u, v = known_x.astype(float), known_y.astype(float)
    terms = ((a, b), (a * a, v), (u, b * b), (u, v))
    row = np.zeros(len(x))
    for at, lag in enumerate(range(-most, most + 1)):
        here = slice(max(-lag, 0), len(x) - max(lag, 0))
        there = slice(max(lag, 0), len(x) - max(-lag, 0))
        for number, (one, other) in enumerate(terms):
            row[:] = 0.0
            row[here] = one[here] * other[there]
            sums[number, :, at] = np.add.reduceat(row, edges)
    return sums[0], sums[1], sums[2], sums[3]


def _ratio(products: Floats, first: Floats, second: Floats) -> Floats:
    size = np.sqrt(np.maximum(first * second, 0.0))
    ratio: Floats = np.full(products.shape, np.nan)
    np.divide(products, size, out=ratio, where=size > 0)
    return ratio
