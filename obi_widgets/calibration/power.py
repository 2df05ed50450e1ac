"""What a record of this length can find, and how long one would have to be."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration import fixed_b

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

POWER, LEVEL = 0.8, 0.05


def detection_rate(
    effect_bps: ArrayLike, se: ArrayLike, b: ArrayLike, *, level: float = LEVEL
) -> Floats:
    """Return how often an effect of that size would be found significant.

    With the true standard error σ, what `inference` reports is σ√S (see `fixed_b`), and the test
    is |mean| > c·σ√S. With δ = effect / σ the chance is Φ((δ − cm) / s) + Φ((−δ − cm) / s), where
    m is the mean of √S and s² = 1 + c² Var √S. σ is taken to be ``se`` / √E[S].

    Parameters
    ----------
    effect_bps : array_like of float
        The true mean, bps.
    se, b : array_like of float
        ``se_hodrick`` and ``b`` of `inference.Means`.
    level : float
        Of the test, two-sided.

    Returns
    -------
    ndarray of float64
        0..1, broadcast; NaN where ``se`` is.
    """
    effect, se, b = np.broadcast_arrays(
        np.asarray(effect_bps, np.float64), np.asarray(se, np.float64), np.nan_to_num(b)
    )
    delta = effect / (se / np.sqrt(fixed_b.bias(b)))
    cut = fixed_b.critical(1 - level, b)
    mean, variance = fixed_b.root_moments(b)
    scale = np.sqrt(1 + cut * cut * variance)
    return _normal((delta - cut * mean) / scale) + _normal((-delta - cut * mean) / scale)


def seconds_needed(
    effect_bps: float,
    se: float,
    b: float,
    seconds: float,
    *,
    power: float = POWER,
    level: float = LEVEL,
) -> float:
    """Return how long a record finds an effect with that power.

    The variance of the mean is taken to fall as 1 / time, and b as 1 / √time (as the lag of
    `inference` does at short horizons; at long ones it falls faster).

    Parameters
    ----------
    effect_bps : float
        The true mean, bps.
    se, b, seconds : float
        Of a record that exists: ``se_hodrick``, ``b``, and how long it is.
    power, level : float
        The chance of finding the effect, and of finding one where there is none.

    Returns
    -------
    float
        Seconds in all, the record that exists included; infinite for no effect, NaN where ``se``
        is. Less than ``seconds`` where the record is already long enough.
    """
    if np.isnan(effect_bps) or not se > 0:
        return np.nan
    if effect_bps == 0:
        return np.inf

    def rate(times: float) -> float:
        shorter = se * np.sqrt(fixed_b.bias(min(b / times**0.5, 1.0)) / fixed_b.bias(b) / times)
        return float(detection_rate(effect_bps, shorter, min(b / times**0.5, 1.0), level=level))

    low, high = 1e-9, 1.0
    while rate(high) < power:
        low, high = high, 2 * high
    while high / low > 1 + 1e-6:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if rate(middle) < power else (low, middle)
    return seconds * high


def _normal(z: Floats) -> Floats:
    cdf = NormalDist().cdf
    return np.reshape([cdf(one) for one in np.ravel(z).tolist()], np.shape(z))
