"""Power of the rule of `verdict`: how likely an effect is detected, and how long a record it needs.

Let σ be the true standard error of a mean. `inference` reports σ√S (see `fixed_b`), and the test is
|mean| > c·σ√S. With δ = effect / σ, the test against 0 from above has the power Φ((δ − cm) / s),
where m is the mean of √S and s² = 1 + c² Var √S. σ is estimated by ``se`` / √E[S].
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT
from obi_widgets.calibration.statistics import fixed_b
from obi_widgets.calibration.statistics.inference import LARGEST_B

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

POWER, LEVEL = 0.8, 0.05
_NOISE = np.linspace(-6, 6, 241)
"""Grid of the numerical integration over the estimation error, in standard errors."""


def rule_rate(
    effect_bps: float,
    se: float,
    b: float,
    *,
    hold_out: float = DEFAULT_HOLD_OUT,
    level: float = LEVEL,
    tests: int = 1,
) -> float:
    """Return the probability that the rule of `verdict` detects a true net gain of this size.

    The gain must be significantly above 0 on the whole record, after Holm's correction for
    ``tests`` (the smallest p value is compared with the level divided by their number), and its
    confidence interval must be above 0 both before and in the hold-out. The two parts are taken as
    independent, and the whole as their mean weighted by time; standard errors are random, see the
    module. The excess gain is assumed to be as significant as the gain.

    Parameters
    ----------
    effect_bps : float
        The true mean net gain of a trade, bps.
    se, b : float
        ``se_bps`` and ``b`` of `as_traded.TradeGains`, of the whole record.
    hold_out : float
        Fraction of the time that is held out, 0..1.
    level : float
        Significance level of the two-sided test, 0..1.
    tests : int
        Number of tests made: horizons times settings.

    Returns
    -------
    float
        0..1; NaN if ``se`` is NaN or not above 0.
    """
    if np.isnan(effect_bps) or not se > 0:
        return np.nan
    delta = effect_bps / (se / float(np.sqrt(fixed_b.bias(b))))
    parts = np.sqrt([1 - hold_out, hold_out])
    part_b = b / parts  # the lag is a larger fraction of a shorter record
    if not np.all(part_b <= LARGEST_B):
        return 0.0
    critical = fixed_b.critical(1 - level, part_b)
    means, variances = fixed_b.root_moments(part_b)
    # Integrate over the estimate before the hold-out, in true standard errors of that part.
    density = np.exp(-(_NOISE**2) / 2)
    before = delta * parts[0] + _NOISE
    margin = before - critical[0] * means[0]
    before_passes = _normal_cdf(margin / (critical[0] * np.sqrt(variances[0]) + 1e-9))
    # The hold-out must pass its own test, and be large enough for the whole to pass.
    whole = float(fixed_b.critical(1 - level / tests, b)) * float(fixed_b.root_moments(b)[0])
    missing = (whole - parts[0] * before) / parts[1]
    needed = np.maximum(critical[1] * means[1], missing) - delta * parts[1]
    rest_passes = _normal_cdf(-needed / np.sqrt(1 + critical[1] ** 2 * variances[1]))
    return float(np.sum(density * before_passes * rest_passes) / np.sum(density))


def rule_seconds(
    effect_bps: float,
    se: float,
    b: float,
    seconds: float,
    *,
    power: float = POWER,
    hold_out: float = DEFAULT_HOLD_OUT,
    level: float = LEVEL,
    tests: int = 1,
) -> float:
    """Return the length of record at which `rule_rate` reaches a power.

    The variance of the mean is assumed to fall as 1 / time, and b as 1 / √time (as the lag of
    `inference` does at short horizons; at long ones it falls faster).

    Parameters
    ----------
    effect_bps, se, b, hold_out, level, tests
        See `rule_rate`.
    seconds : float
        Length of the record that ``se`` and ``b`` are from.
    power : float
        Required probability of detecting the effect, 0..1.

    Returns
    -------
    float
        Total seconds; infinite if the effect is not above 0, NaN if ``se`` is NaN.
    """
    if np.isnan(effect_bps) or not se > 0:
        return np.nan
    if effect_bps <= 0:
        return np.inf

    def rate_at(factor: float) -> float:
        scaled_b = min(b / factor**0.5, 1.0)
        variance = fixed_b.bias(scaled_b) / fixed_b.bias(b) / factor
        scaled_se = se * float(np.sqrt(variance))
        return rule_rate(
            effect_bps, scaled_se, scaled_b, hold_out=hold_out, level=level, tests=tests
        )

    low, high = 1e-9, 1.0
    while rate_at(high) < power:
        low, high = high, 2 * high
    while high / low > 1 + 1e-6:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if rate_at(middle) < power else (low, middle)
    return seconds * high


def _normal_cdf(z: Floats) -> Floats:
    cdf = NormalDist().cdf
    return np.reshape([cdf(value) for value in np.ravel(z).tolist()], np.shape(z))
