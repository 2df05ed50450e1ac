"""Mean paths with intervals and a band, by flipping the signs of blocks.

Each of N observations is a path of L values, and observations that lie in one block of time count
as one: their paths are added up, D of shape (B, L). With T = ΣD / √ΣD² at each lag, the signs of
all B blocks are flipped at random, each block's path as a whole, and T is computed again. Where a
block is as likely to be what it is as its opposite, T is one of equally likely values, so that a
test by their quantile holds its level with few blocks too (a randomisation test: Romano 1990, JASA
85, 686; with clusters, Canay, Romano and Shaikh 2017, Econometrica 85, 1013). The largest |T| over
several lags gives the band that holds for all of them together (Westfall and Young 1993).

T is a function of Student's t of the mean, T² = B·t² / (B − 1 + t²), so its quantile gives the
half-width of an interval: t times the standard error of the mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FLIPS = 1999
"""How often the signs are flipped."""

FEWEST = 10
"""With fewer blocks there is no interval: too few flips are possible."""

ROUNDING = 1e-12
"""A spread below this fraction of the values is rounding error, and counts as none."""


class MeanPath(NamedTuple):
    """A mean path; NaN where there is none.

    Attributes
    ----------
    mean, half : ndarray of float64, shape (L,)
        The mean, and half of the width of its interval at each lag for itself.
    band : ndarray of float64, shape (L,)
        Half of the width of the band, which holds for all chosen lags together; NaN at others.
    blocks : int
        Number of blocks.
    """

    mean: Floats
    half: Floats
    band: Floats
    blocks: int


def mean_path(
    paths: Floats,
    block: Ints,
    together: NDArray[np.bool_],
    *,
    level: float,
    band_level: float,
    seed: int = 0,
) -> MeanPath:
    """Return the mean of paths, with intervals and a band.

    Parameters
    ----------
    paths : ndarray of float64, shape (N, L)
        A path for each observation; all values are known.
    block : ndarray of int64, shape (N,)
        Block of each observation, any numbers.
    together : ndarray of bool, shape (L,)
        Lags for which the band holds together.
    level, band_level : float
        Levels of the intervals and of the band, 0 to 1.
    seed : int
        Seed of the flips.
    """
    count, lags = paths.shape
    none = np.full(lags, np.nan)
    mean = paths.mean(axis=0) if count else none
    _, block = np.unique(block, return_inverse=True)
    blocks = int(block.max()) + 1 if count else 0
    if blocks < FEWEST:
        return MeanPath(mean, none, none.copy(), blocks)
    sums = np.zeros((blocks, lags))
    np.add.at(sums, block, paths)
    left = sums - sums.mean(axis=0)  # about their own mean, so that T and t are one
    error = np.sqrt(blocks / (blocks - 1) * (left * left).sum(axis=0)) / count
    squares = np.sqrt((sums * sums).sum(axis=0))
    varies = error > ROUNDING * np.abs(paths).max(initial=0.0)
    signs = np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), (FLIPS, blocks))
    with np.errstate(invalid="ignore", divide="ignore"):
        flipped = np.abs(signs @ sums) / squares
    flipped[:, ~varies] = 0.0
    half = _t(_quantile(flipped, level), blocks) * error
    largest = flipped[:, together].max(axis=1, initial=0.0)
    at_once = _t(_quantile(largest[:, None], band_level), blocks)[0] * error
    return MeanPath(
        mean, np.where(varies, half, np.nan), np.where(together & varies, at_once, np.nan), blocks
    )


def _quantile(values: Floats, level: float) -> Floats:
    """Return the quantile of each column, the observed value counted as one of them."""
    rank = min(int(np.ceil(level * (len(values) + 1))) - 1, len(values) - 1)
    return np.asarray(np.partition(values, rank, axis=0)[rank])


def _t(largest: Floats, blocks: int) -> Floats:
    """Return Student's t where T is this; infinite where all blocks have to be alike."""
    room = blocks - largest * largest
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(room > ROUNDING * blocks, largest * np.sqrt((blocks - 1) / room), np.inf)
