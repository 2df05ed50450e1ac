"""What a record of this length can find, and how long one would have to be."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.holdout import SHARE
from obi_widgets.calibration.statistics import fixed_b
from obi_widgets.calibration.statistics.inference import LARGEST_B

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

POWER, LEVEL = 0.8, 0.05
_NOISE = np.linspace(-6, 6, 241)
"""Over which chance is added up, in standard errors."""


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


def rule_rate(
    effect_bps: float,
    se: float,
    b: float,
    *,
    hold_out: float = SHARE,
    level: float = LEVEL,
    tests: int = 1,
) -> float:
    """Return how often the rule of `verdict` would find a true net gain of that size.

    It has to be surely above 0 on the whole, after the correction for ``tests`` (Holm's: the
    surest is held against the level divided by them), and by its interval in the time before the
    hold-out and in the hold-out. The two parts are independent, and the whole is their mean,
    weighted by their time; errors are uncertain as `detection_rate` has it. That the gain exceeds
    what not looking makes is taken to be as sure.

    Parameters
    ----------
    effect_bps : float
        The true mean of what a trade makes, net, bps.
    se, b : float
        ``se_bps`` and ``b`` of `traded.Traded`, of the whole record.
    hold_out : float
        The share of the time that is held out, 0..1.
    level : float
        Of the test, two-sided.
    tests : int
        How many horizons of how many settings were looked at.

    Returns
    -------
    float
        0..1; NaN where ``se`` is.
    """
    if np.isnan(effect_bps) or not se > 0:
        return np.nan
    delta = effect_bps / (se / float(np.sqrt(fixed_b.bias(b))))
    parts = np.sqrt([1 - hold_out, hold_out])
    shares = b / parts  # the lag is a larger share of a shorter record
    if not np.all(shares <= LARGEST_B):
        return 0.0
    cuts = fixed_b.critical(1 - level, shares)
    means, variances = fixed_b.root_moments(shares)
    # By what the time before says, in true standard errors.
    chance = np.exp(-(_NOISE**2) / 2)
    before = delta * parts[0] + _NOISE
    passes = _normal((before - cuts[0] * means[0]) / (cuts[0] * np.sqrt(variances[0]) + 1e-9))
    # The hold-out has to pass its own cut, and to give the whole what that still lacks.
    whole = float(fixed_b.critical(1 - level / tests, b)) * float(fixed_b.root_moments(b)[0])
    lacks = (whole - parts[0] * before) / parts[1]
    needs = np.maximum(cuts[1] * means[1], lacks) - delta * parts[1]
    then = _normal(-needs / np.sqrt(1 + cuts[1] ** 2 * variances[1]))
    return float(np.sum(chance * passes * then) / np.sum(chance))


def rule_seconds(
    effect_bps: float,
    se: float,
    b: float,
    seconds: float,
    *,
    power: float = POWER,
    hold_out: float = SHARE,
    level: float = LEVEL,
    tests: int = 1,
) -> float:
    """Return how long a record has to be for `rule_rate` to be that power.

    Parameters
    ----------
    effect_bps, se, b, hold_out, level, tests
        See `rule_rate`.
    seconds : float
        How long the record is that ``se`` and ``b`` are of.
    power : float
        The chance of finding the effect, 0..1.

    Returns
    -------
    float
        Seconds in all; infinite for an effect that is not above 0, NaN where ``se`` is.
    """
    if np.isnan(effect_bps) or not se > 0:
        return np.nan
    if effect_bps <= 0:
        return np.inf

    def rate(shorter: float, share: float) -> float:
        return rule_rate(effect_bps, shorter, share, hold_out=hold_out, level=level, tests=tests)

    return seconds * _times(rate, se, b, power)


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

    def rate(shorter: float, share: float) -> float:
        return float(detection_rate(effect_bps, shorter, share, level=level))

    return seconds * _times(rate, se, b, power)


def _times(rate: Callable[[float, float], float], se: float, b: float, power: float) -> float:
    """Return how many times as long a record has that power."""

    def found(times: float) -> float:
        share = min(b / times**0.5, 1.0)
        return rate(se * float(np.sqrt(fixed_b.bias(share) / fixed_b.bias(b) / times)), share)

    low, high = 1e-9, 1.0
    while found(high) < power:
        low, high = high, 2 * high
    while high / low > 1 + 1e-6:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if found(middle) < power else (low, middle)
    return high


def _normal(z: Floats) -> Floats:
    cdf = NormalDist().cdf
    return np.reshape([cdf(one) for one in np.ravel(z).tolist()], np.shape(z))
