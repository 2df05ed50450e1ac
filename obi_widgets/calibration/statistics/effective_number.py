"""How many independent cases a number of overlapping ones are worth.

Two cases whose outcomes are known a horizon later share the part of it in which both are open. The
correlation of their outcomes is taken to be this share; that of signs of a random walk is less
(2/π · arcsin of it). So N cases of the same chance are worth

    N² / Σ max(0, 1 − |t_i − t_j| / horizon)    over all pairs i, j, each with itself too.

Outcomes may depend on each other for longer than a horizon, as where a trend and the direction of a
signal last. `dependence` measures that by the variance of the mean, which is Bartlett's, with the
lag of `block_means`. It is used only to make the number smaller.

That variance is taken around the mean that was seen, and with a lag of an eighth of the record. Of
a few hours in which a direction and a trend each last an hour it knows neither. `rotated` asks
another question: how often would these directions be right of these moves, if the two had nothing
to do with each other? It turns one against the other by every number of cases.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.statistics import fixed_b
from obi_widgets.calibration.statistics.block_means import in_blocks
from obi_widgets.calibration.statistics.inference import LARGEST_B

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def apart(at: Ints, horizon: int) -> float:
    """Return the number of independent cases of which overlap leaves as much information.

    Parameters
    ----------
    at : ndarray of int64, shape (N,)
        Times of the cases, ns, never decreasing.
    horizon : int
        How long each is open, ns, above 0.

    Returns
    -------
    float
        1 to N; 0 without a case.
    """
    if not len(at):
        return 0.0
    time = at - at[0]
    row = np.arange(len(time))
    stop = np.searchsorted(time, time + horizon, side="left")
    later = stop - row - 1
    total = np.concatenate([np.zeros(1, np.int64), np.cumsum(time)])
    waits = total[stop] - total[row + 1] - later * time
    # As floats: of long horizons, the sum over all cases is beyond an int64.
    pairs = float(later.sum()) - float(waits.sum(dtype=np.float64)) / horizon
    return len(time) ** 2 / (len(time) + 2 * pairs)


def dependence(values: Floats, at: Ints, horizon: int) -> float:
    """Return by how much the variance of a mean is larger than overlap explains; at least 1.

    Parameters
    ----------
    values : ndarray of float64, shape (N,)
        Outcomes, without NaN.
    at, horizon
        See `apart`.
    """
    if len(values) < 2:
        return 1.0
    found = in_blocks(values, np.full(len(values), 1 / len(values)), at, horizon)
    if found.b > LARGEST_B:
        return 1.0
    expected = float(np.var(values)) / apart(at, horizon)
    if not expected > 0:
        return 1.0
    return max(1.0, found.variance / float(fixed_b.bias(found.b)) / expected)


def rotated(side: Floats, moved: Floats) -> float:
    """Return how many independent cases the share of right ones is worth, if it is by chance.

    With c_k = Σ side_i · moved_(i+k) / N, where what leaves at the end comes in at the beginning,
    the number is 1 / mean of c_k² over all k. If sides and moves are unrelated and neither changes
    its kind in time, any c_k might have been c_0 as well, so that the mean is the variance of c_0
    around 0, and N independent cases would have 1 / N. A peak of c_k where the two do belong
    together adds little to the mean, since it is narrow: a real relation is taken for many cases.
    If both are mostly of one sign, as of a buyer in a rise, all c_k are alike, and the number is
    small: the drift is one case.

    Parameters
    ----------
    side, moved : ndarray of float64, shape (N,)
        Sign of each direction, and of the move after it, in order of time: −1 or +1. Of a part of
        the cases, ``side`` is 0 elsewhere.

    Returns
    -------
    float
        1 or more; 0 without a case.
    """
    cases, count = float(np.abs(side).sum()), len(side)
    if not cases:
        return 0.0
    # By Parseval, the mean of c_k² takes no transform back.
    power = np.abs(np.fft.rfft(side)) ** 2 * np.abs(np.fft.rfft(moved)) ** 2
    twice = np.full(len(power), 2.0)
    twice[0] = 1.0
    if count % 2 == 0:
        twice[-1] = 1.0
    total = float((twice * power).sum()) / count**2  # of the sums, squared, over all k
    return cases**2 / total if total > 0 else math.inf


def wilson(rate: Floats, number: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the interval of a rate that was seen in a number of independent cases.

    Wilson (1927, JASA 22, 209): the rates from which the one seen is not told apart.

    Parameters
    ----------
    rate, number : ndarray of float64, any shape
        The rate, 0..1, and the number of cases, which need not be whole.
    level : float
        Level of the interval, 0..1.

    Returns
    -------
    low, high : ndarray of float64
        NaN without a case.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = number / (number + z * z)
        centre = share * rate + (1 - share) / 2
        half = z * np.sqrt(rate * (1 - rate) * number + z * z / 4) / (number + z * z)
    none = ~(number > 0)
    low, high = np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
    return np.where(none, math.nan, low), np.where(none, math.nan, high)
