"""Whether claims of a chance came true: by step, and by Brier score against a constant.

The Brier score is the mean of (claim − outcome)², with 1 for right and 0 for wrong (Brier 1950,
Monthly Weather Review 78, 1). Claims are compared with the constant that was known when each was
made, case by case, on cases that neither of them had seen. The gain is the mean of how much less
the squared error of the claim is. Its interval is a block bootstrap's (`resampled_mean`), since
cases overlap and depend on each other. The claims are better than the constant only if the whole
interval is above 0. That is asked of one moment: who asks each hour until it is so will see it by
chance more often than in one of forty.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.confidence import FEWEST, STEPS, gains
from obi_widgets.calibration.statistics.effective_number import apart, dependence, wilson
from obi_widgets.calibration.statistics.resampled_mean import resampled_mean
from obi_widgets.errors import counted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Claims and the share that was right, in S steps of the claim.

    Attributes
    ----------
    said, right, low, high : ndarray of float64, shape (S,)
        Mean claim; the share of cases that was right, and its interval. 0..1.
    n : ndarray of int64, shape (S,)
        Number of cases.
    n_eff : ndarray of float64, shape (S,)
        Independent cases that they are worth.
    brier, brier_constant : float
        Mean squared error of the claims, and of the constant that was known at the time.
    gain, gain_low, gain_high : float
        The second less the first, + if the claims are better, and its interval. NaN where there are
        too few cases.
    cases : int
        Number of cases.
    unmoved : float
        Share of the rows with a known move at which mid did not move. They are no cases.
    horizon : float
        Seconds.
    level : float
        Level of the intervals, 0..1.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> cards = obi.cards(obi.simulate(seconds=900, seed=1), mode="scalp")
    >>> found = cards.confidence(score="direction", horizon=10, refit=60).reliability
    >>> found.better, found.verdict
    (False, 'too few cases to tell')
    """

    said: Floats
    right: Floats
    low: Floats
    high: Floats
    n: Ints
    n_eff: Floats
    brier: float
    brier_constant: float
    gain: float
    gain_low: float
    gain_high: float
    cases: int
    unmoved: float
    horizon: float
    level: float

    @property
    def better(self) -> bool:
        """Whether the claims are better than the constant: the whole interval says so."""
        return self.gain_low > 0

    @property
    def verdict(self) -> str:
        """What is found, in words."""
        if not self.cases:
            return "no claim whose outcome is known"
        if math.isnan(self.gain_low):
            return "too few cases to tell"
        return "better than a constant" if self.better else "no better than a constant"

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each step: ``said, right, low, high, n, n_eff``."""
        import pandas as pd

        names = ("said", "right", "low", "high", "n", "n_eff")
        index = pd.RangeIndex(1, len(self.said) + 1, name="step")
        return pd.DataFrame({name: getattr(self, name) for name in names}, index=index)

    def __repr__(self) -> str:
        lines = [f"Confidence at {self.horizon:g} s: {self.verdict}; {counted(self.cases, 'case')}"]
        if not self.cases:
            return lines[0]
        score = f"Brier score {self.brier:.4f}, of the constant {self.brier_constant:.4f}"
        gain = f"gain {self.gain:+z.5f}"
        if not math.isnan(self.gain_low):
            gain += f" ({self.gain_low:+z.5f} to {self.gain_high:+z.5f})"
        lines += [f"{score}, {gain}", "", "  said  right       interval       n  independent"]
        lines += [
            f"{said:6.3f} {right:6.3f}  {low:6.3f}..{high:.3f} {n:7,} {n_eff:12,.0f}"
            for said, right, low, high, n, n_eff in zip(
                self.said, self.right, self.low, self.high, self.n, self.n_eff, strict=True
            )
        ]
        if self.unmoved > 0:
            lines += ["", f"Mid did not move in {100 * self.unmoved:.0f} % of rows: no cases."]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def reliability(
    time: Ints,
    said: Floats,
    constant: Floats,
    right: Floats,
    *,
    horizon: float,
    steps: int = 5,
    level: float = 0.95,
    unmoved: float = 0.0,
) -> Reliability:
    """Return whether claims came true.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        When each claim was made, ns UTC, never decreasing.
    said, constant : ndarray of float64, shape (T,)
        See `confidence.Claims`; NaN where nothing was said.
    right : ndarray of float64, shape (T,)
        1, 0, or NaN where it is not known, as of `confidence.outcomes`.
    horizon : float
        Seconds after which it is known.
    steps : int
        Largest number of steps: as many cases in each, as far as claims differ. A step is worth at
        least `confidence.FEWEST` independent cases, if there is more than one.
    level : float
        Level of the intervals, 0..1.
    unmoved : float
        What is told of rows without a move, 0..1.
    """
    rows = np.flatnonzero(~(np.isnan(said) | np.isnan(constant) | np.isnan(right)))
    at, p, c, y = time[rows], said[rows], constant[rows], right[rows]
    ahead = round(horizon * 1e9)
    lasting = dependence(y - p, at, ahead)  # what is not said is what may last
    most = max(1, min(steps, STEPS, int(apart(at, ahead) / lasting / FEWEST)))
    cuts = np.sort(p)[(np.arange(1, most) * len(p)) // most] if len(p) else np.empty(0)
    which = np.searchsorted(np.unique(cuts), p, side="right")
    parts = [np.flatnonzero(which == one) for one in np.unique(which)]
    share = np.array([y[one].mean() for one in parts])
    n_eff = np.array([apart(at[one], ahead) / lasting for one in parts])
    low, high = wilson(share, n_eff, level)
    gain = resampled_mean(gains(p, c, y), at, horizon=ahead, level=level)
    errors = [float(np.mean((one - y) ** 2)) if len(y) else math.nan for one in (p, c)]
    return Reliability(
        said=np.array([p[one].mean() for one in parts]),
        right=share,
        low=low,
        high=high,
        n=np.array([len(one) for one in parts], np.int64),
        n_eff=n_eff,
        brier=errors[0],
        brier_constant=errors[1],
        gain=gain.mean,
        gain_low=gain.low,
        gain_high=gain.high,
        cases=len(rows),
        unmoved=unmoved,
        horizon=horizon,
        level=level,
    )
