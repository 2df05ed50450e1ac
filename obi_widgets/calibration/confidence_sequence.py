"""Bounds on a mean that hold at every moment at once, however often one looks.

An interval of the usual kind is right 19 times in 20 at one moment that was chosen beforehand.
Who looks after every trade, and stops when it pleases, is wrong far more often. A confidence
sequence is right at all moments together with that probability.

Two are computed. Both are of trades that come one after the other, each with a mean, given what
came before, that may change; what is bounded is the average of these means so far.

- `AsymptoticSequence` needs a finite variance and no bound on what a trade makes. It holds as the
  number of trades grows, and is not told before the `BURN_IN`.
- `ClippedSequence` holds exactly, from the first trade on, and for any distribution: but it is of
  the mean of gains and losses that are each cut at a declared size.

The first is fooled by losses that are rare and large: before the first of them the mean looks
certain. The second knows that a loss as large as the cut may still come. What is claimed has to be
above 0 by both; see `obi_widgets.SealedTest`.
"""

from __future__ import annotations

import math

import numpy as np

ERROR = 0.05
"""How often each claim may be wrong at any moment: above 0 where the mean is not, or below."""

BURN_IN = 100
"""Trades before which nothing is said: the asymptotic bound leans on the central limit theorem."""

TUNED_AT = 500
"""Trades at which the asymptotic bound is tightest. It holds at every other number as well."""

CANDIDATES = 1001
"""Means that the clipped sequence plays against: 0 is one, and the step a 500th of the cut."""

MEANS = np.linspace(0.0, 1.0, CANDIDATES)
LIMITS = np.append(np.inf, 0.75 / MEANS[1:])  # of bets: a quarter of the capital is never at stake


def tuning(tuned_at: float, error: float) -> float:
    """Return ρ², which makes the normal mixture's margin least at a number of observations.

    It solves n·ρ² = 2·ln(1/α) + ln(1 + n·ρ²), which is −W₋₁(−α²/e) − 1 (Waudby-Smith et al.
    2024, appendix).

    Parameters
    ----------
    tuned_at : float
        n, observations.
    error : float
        α, 0..1.

    Returns
    -------
    float
        ρ², one over observations.

    Examples
    --------
    >>> round(tuning(500, 0.05), 6)
    0.016424
    """
    x = 1.0
    for _ in range(200):  # a contraction: it stands still long before
        x = 2 * math.log(1 / error) + math.log1p(x)
    return x / tuned_at


class AsymptoticSequence:
    """An asymptotic confidence sequence for a mean.

    With n observations of mean m and sample standard deviation s, and with ρ from `tuning`, the
    two-sided interval is

        m ± s · sqrt(2 (nρ² + 1) / (n²ρ²) · ln(sqrt(nρ² + 1) / α))

    and each one-sided bound has ``ln(1 + sqrt(nρ² + 1) / (2α))`` in the place of the logarithm,
    with ρ tuned at 2α: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central
    limit theory and asymptotic confidence sequences", Annals of Statistics 52 (2024), theorem 2.2
    and its one-sided form.

    Parameters
    ----------
    error : float
        α: how often the interval, or each one-sided bound, may be wrong at any moment; 0..1.
    burn_in : int
        Observations before which no bound is told; at least 2.
    tuned_at : int
        Observations at which the bounds are tightest.

    Attributes
    ----------
    n : int
        Observations.
    mean : float
        Their mean, in their unit; 0 without any.

    Examples
    --------
    >>> sequence = AsymptoticSequence()
    >>> for n in range(400):
    ...     sequence.add(1.0 + (-1) ** n)
    >>> round(sequence.mean, 3)
    1.0
    >>> [round(one, 3) for one in sequence.interval]
    [0.848, 1.152]
    >>> round(sequence.low, 3)
    0.861
    """

    def __init__(
        self, error: float = ERROR, burn_in: int = BURN_IN, tuned_at: int = TUNED_AT
    ) -> None:
        self.error, self.burn_in = error, burn_in
        self._two_sided, self._one_sided = tuning(tuned_at, error), tuning(tuned_at, 2 * error)
        self.n = 0
        self.mean = 0.0
        self._squares = 0.0  # of the distances from the mean

    def add(self, value: float) -> None:
        """Take one more observation."""
        self.n += 1
        away = value - self.mean
        self.mean += away / self.n
        self._squares += away * (value - self.mean)

    @property
    def deviation(self) -> float:
        """The sample's standard deviation; NaN below two observations."""
        return math.sqrt(self._squares / (self.n - 1)) if self.n > 1 else math.nan

    def _margin(self, rho2: float, *, one_sided: bool) -> float:
        if self.n < self.burn_in:
            return math.nan
        n, root = self.n, math.sqrt(self.n * rho2 + 1)
        log = math.log1p(root / (2 * self.error)) if one_sided else math.log(root / self.error)
        return self.deviation * math.sqrt(2 * (n * rho2 + 1) / (n * n * rho2) * log)

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the two-sided interval, in the observations' unit; NaN in the burn-in."""
        margin = self._margin(self._two_sided, one_sided=False)
        return self.mean - margin, self.mean + margin

    @property
    def low(self) -> float:
        """The one-sided lower bound; NaN in the burn-in."""
        return self.mean - self._margin(self._one_sided, one_sided=True)

    @property
    def high(self) -> float:
        """The one-sided upper bound; NaN in the burn-in."""
        return self.mean + self._margin(self._one_sided, one_sided=True)


class ClippedSequence:
    """A confidence sequence for the mean of observations that are each cut at ±``clip``.

    It is exact: no number of observations has to be large. With z the cut observations on a scale
    from 0 to 1, and μ and σ² their mean and variance before the i-th, each with one observation of
    1/2 and of variance 1/4 added, somebody who plays against a mean of m with bets

        λᵢ = min(sqrt(2 ln(1/α) / (σ²ᵢ₋₁ · i · ln(1 + i))), 3/4 / m)

    has a capital of Π (1 + λᵢ (zᵢ − m)). Where no zᵢ has a larger mean than m, given what came
    before, it ever reaches 1/α with a probability of at most α (Ville). The lower bound is the
    largest m, of `CANDIDATES`, that has been beaten so; the upper one is its mirror image. These
    are the two sides of the hedged capital of Waudby-Smith and Ramdas, "Estimating means of
    bounded random variables by betting", JRSS-B 86 (2024), theorem 3, with predictable plug-in
    bets. It is as exact as the empirical Bernstein sequence of Howard, Ramdas, McAuliffe and
    Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics
    49 (2021), and finds large edges in half as many trades or fewer.

    Parameters
    ----------
    clip : float
        Where gains and losses are cut, in their unit; above 0. To be chosen before the first.
    error : float
        α of each bound, 0..1.

    Attributes
    ----------
    n : int
        Observations.
    cut : int
        How many of them were cut.

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

    def __init__(self, clip: float, error: float = ERROR) -> None:
        self.clip, self.error = clip, error
        self._log = math.log(1 / error)
        self.n = self.cut = 0
        self._sum = 0.0  # of what was cut, in its unit
        self._mean, self._variance = 0.5, 0.25  # of z, as the next bet takes them
        self._scaled = self._squares = 0.0  # sums of z, and of its squared distances
        self._capital = np.zeros((2, CANDIDATES))  # its logarithm: on more than m, on less

    def add(self, value: float) -> None:
        """Take one more observation."""
        self.n += 1
        self.cut += abs(value) > self.clip
        value = min(max(value, -self.clip), self.clip)
        z = value / (2 * self.clip) + 0.5
        bet = math.sqrt(2 * self._log / (self._variance * self.n * math.log1p(self.n)))
        # On less than m is on more than 1 − m, of 1 − z: so one row of means and limits serves.
        both = np.array([[z], [1 - z]])
        self._capital += np.log1p(np.minimum(bet, LIMITS) * (both - MEANS))
        self._sum += value
        self._scaled += z
        self._mean = (0.5 + self._scaled) / (self.n + 1)
        self._squares += (z - self._mean) ** 2
        self._variance = (0.25 + self._squares) / (self.n + 1)

    @property
    def mean(self) -> float:
        """The mean of what was cut, in the observations' unit; NaN without any."""
        return self._sum / self.n if self.n else math.nan

    def _beaten(self, side: int) -> float:
        """Return the largest mean that was beaten; the capital falls as means rise."""
        count = int(np.count_nonzero(self._capital[side] >= self._log))
        return (2 * float(MEANS[max(count - 1, 0)]) - 1) * self.clip

    @property
    def low(self) -> float:
        """The lower bound of the mean of what was cut, in the observations' unit: it is above."""
        return self._beaten(0)

    @property
    def high(self) -> float:
        """The upper bound of the mean of what was cut: it is below."""
        return 0.0 - self._beaten(1)
