"""Confidence sequences: bounds on a mean that are valid at all sample sizes at once.

An ordinary 95 % confidence interval covers the mean at one sample size, chosen beforehand. Looking
after every trade and stopping at will makes it wrong far more often. A confidence sequence covers
the mean at all sample sizes simultaneously with probability 95 %.

Both classes take trades one after the other. The mean of each trade, conditional on those before,
may change; the bounds are on the average of these conditional means so far.

- `AsymptoticSequence` needs a finite variance, and no bound on the gain of a trade. Its coverage
  is asymptotic in the number of trades, so it gives no bounds before `BURN_IN`.
- `ClippedSequence` is exact from the first trade on for any distribution, but bounds the mean of
  gains and losses that are each clipped at a given size.

Rare large losses mislead the first: until one occurs, the mean looks certain. The second allows for
a loss as large as the clip at any time. `obi_widgets.SealedTest` requires both lower bounds to be
above 0.
"""

from __future__ import annotations

import math

import numpy as np

ALPHA = 0.05
"""α: probability that a bound is wrong at any sample size, for each bound."""

BURN_IN = 100
"""Trades before the first asymptotic bound, which relies on the central limit theorem."""

TUNED_AT = 500
"""Trades at which the asymptotic bound is tightest. It is valid at every other number too."""

CANDIDATES = 1001
"""Candidate means that the clipped sequence tests: 0 is one of them, the step is clip / 500."""

MEANS = np.linspace(0.0, 1.0, CANDIDATES)
"""The candidate means, scaled to 0..1."""

MAX_BETS = np.append(np.inf, 0.75 / MEANS[1:])
"""Largest bet against each candidate mean: it risks at most three quarters of the capital."""


def tuning(tuned_at: float, alpha: float) -> float:
    """Return the ρ² that minimises the normal mixture's margin at a number of observations.

    It solves n·ρ² = 2·ln(1/α) + ln(1 + n·ρ²), whose solution is n·ρ² = −W₋₁(−α²/e) − 1
    (Waudby-Smith et al. 2024, appendix).

    Parameters
    ----------
    tuned_at : float
        n, number of observations.
    alpha : float
        α, 0..1.

    Returns
    -------
    float
        ρ², per observation.

    Examples
    --------
    >>> round(tuning(500, 0.05), 6)
    0.016424
    """
    x = 1.0
    for _ in range(200):  # a contraction: it converges much earlier
        x = 2 * math.log(1 / alpha) + math.log1p(x)
    return x / tuned_at


class AsymptoticSequence:
    """Asymptotic confidence sequence for a mean.

    With n observations of mean m and sample standard deviation s, and with ρ from `tuning`, the
    two-sided interval is

        m ± s · sqrt(2 (nρ² + 1) / (n²ρ²) · ln(sqrt(nρ² + 1) / α))

    and each one-sided bound has ``ln(1 + sqrt(nρ² + 1) / (2α))`` in place of the logarithm, with ρ
    tuned at 2α: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit
    theory and asymptotic confidence sequences", Annals of Statistics 52 (2024), theorem 2.2 and
    its one-sided form.

    Parameters
    ----------
    alpha : float
        α: probability that the interval, or each one-sided bound, is ever wrong; 0..1.
    burn_in : int
        Number of observations before the first bound; at least 2.
    tuned_at : int
        Number of observations at which the bounds are tightest.

    Attributes
    ----------
    n : int
        Number of observations.
    mean : float
        Mean of the observations, in their unit; 0 without any.

    Examples
    --------
    >>> sequence = AsymptoticSequence()
    >>> for n in range(400):
    ...     sequence.add(1.0 + (-1) ** n)
    >>> round(sequence.mean, 3)
    1.0
    >>> [round(bound, 3) for bound in sequence.interval]
    [0.848, 1.152]
    >>> round(sequence.low, 3)
    0.861
    """

    def __init__(
        self, alpha: float = ALPHA, burn_in: int = BURN_IN, tuned_at: int = TUNED_AT
    ) -> None:
        self.alpha, self.burn_in = alpha, burn_in
        self._two_sided, self._one_sided = tuning(tuned_at, alpha), tuning(tuned_at, 2 * alpha)
        self.n = 0
        self.mean = 0.0
        self._squares = 0.0  # sum of squared deviations from the mean (Welford's algorithm)

    def add(self, value: float) -> None:
        """Add an observation."""
        self.n += 1
        deviation = value - self.mean
        self.mean += deviation / self.n
        self._squares += deviation * (value - self.mean)

    @property
    def deviation(self) -> float:
        """Sample standard deviation of the observations; NaN with fewer than two."""
        return math.sqrt(self._squares / (self.n - 1)) if self.n > 1 else math.nan

    def _margin(self, rho2: float, *, one_sided: bool) -> float:
        if self.n < self.burn_in:
            return math.nan
        n, root = self.n, math.sqrt(self.n * rho2 + 1)
        log = math.log1p(root / (2 * self.alpha)) if one_sided else math.log(root / self.alpha)
        return self.deviation * math.sqrt(2 * (n * rho2 + 1) / (n * n * rho2) * log)

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the two-sided interval, in the observations' unit; NaN during burn-in."""
        margin = self._margin(self._two_sided, one_sided=False)
        return self.mean - margin, self.mean + margin

    @property
    def low(self) -> float:
        """The one-sided lower bound; NaN during burn-in."""
        return self.mean - self._margin(self._one_sided, one_sided=True)

    @property
    def high(self) -> float:
        """The one-sided upper bound; NaN during burn-in."""
        return self.mean + self._margin(self._one_sided, one_sided=True)


class ClippedSequence:
    """Exact confidence sequence for the mean of observations that are each clipped at ±``clip``.

    It is valid at any number of observations. Let z be the clipped observations scaled to 0..1,
    and μ and σ² their mean and variance before the i-th, each regularised by one observation of
    1/2 with variance 1/4. A gambler who bets against the mean m with stakes

        λᵢ = min(sqrt(2 ln(1/α) / (σ²ᵢ₋₁ · i · ln(1 + i))), 3/4 / m)

    has the capital Π (1 + λᵢ (zᵢ − m)). If the conditional mean of every zᵢ is at most m, the
    capital ever reaches 1/α with probability at most α (Ville's inequality). The lower bound is the
    largest m, of `CANDIDATES`, that is rejected in this way; the upper bound is its mirror image.
    These are the two sides of the hedged capital of Waudby-Smith and Ramdas, "Estimating means of
    bounded random variables by betting", JRSS-B 86 (2024), theorem 3, with predictable plug-in
    bets. It is as exact as the empirical Bernstein sequence of Howard, Ramdas, McAuliffe and
    Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics
    49 (2021), and detects large edges with half as many trades or fewer.

    Parameters
    ----------
    clip : float
        Size at which gains and losses are clipped, in their unit; above 0. It must be chosen before
        the first observation.
    alpha : float
        α of each bound, 0..1.

    Attributes
    ----------
    n : int
        Number of observations.
    n_clipped : int
        Number of observations that were clipped.

    Examples
    --------
    >>> sequence = ClippedSequence(5.0)
    >>> for n in range(400):
    ...     sequence.add(1.0 + (-1) ** n)
    >>> round(sequence.mean, 3)
    1.0
    >>> round(sequence.low, 3), round(sequence.high, 3)
    (0.86, 1.15)
    """

    def __init__(self, clip: float, alpha: float = ALPHA) -> None:
        self.clip, self.alpha = clip, alpha
        self._log = math.log(1 / alpha)
        self.n = self.n_clipped = 0
        self._sum = 0.0  # of the clipped observations, in their unit
        self._mean, self._variance = 0.5, 0.25  # of z, for the next bet
        self._scaled = self._squares = 0.0  # sums of z, and of its squared deviations
        # Row 0 bets that the mean is above m, row 1 that it is below.
        self._log_capital = np.zeros((2, CANDIDATES))

    def add(self, value: float) -> None:
        """Add an observation."""
        self.n += 1
        self.n_clipped += abs(value) > self.clip
        value = min(max(value, -self.clip), self.clip)
        z = value / (2 * self.clip) + 0.5
        bet = math.sqrt(2 * self._log / (self._variance * self.n * math.log1p(self.n)))
        # Betting that z is below m is betting that 1 − z is above 1 − m: the same means serve both.
        sides = np.array([[z], [1 - z]])
        self._log_capital += np.log1p(np.minimum(bet, MAX_BETS) * (sides - MEANS))
        self._sum += value
        self._scaled += z
        self._mean = (0.5 + self._scaled) / (self.n + 1)
        self._squares += (z - self._mean) ** 2
        self._variance = (0.25 + self._squares) / (self.n + 1)

    @property
    def mean(self) -> float:
        """Mean of the clipped observations, in their unit; NaN without any."""
        return self._sum / self.n if self.n else math.nan

    def _largest_rejected(self, side: int) -> float:
        """Return the largest candidate mean that is rejected, in the observations' unit."""
        # The capital decreases in the mean, so the rejected candidates are the first ones.
        count = int(np.count_nonzero(self._log_capital[side] >= self._log))
        return (2 * float(MEANS[max(count - 1, 0)]) - 1) * self.clip

    @property
    def low(self) -> float:
        """Lower bound on the mean of the clipped observations, in their unit."""
        return self._largest_rejected(0)

    @property
    def high(self) -> float:
        """Upper bound on the mean of the clipped observations, in their unit."""
        return 0.0 - self._largest_rejected(1)
