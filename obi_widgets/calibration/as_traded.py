"""What trading every event makes, at the prices that one gets, after fees.

Two questions are asked of it. Is the mean of what a trade made, net, above 0? And is it above what
being long and short as often, without looking, would have made over the same horizon at the same
cost? The second is how much more mid moved the signal's way than it moved anyway: Σ(x − x̄)·r / Σx²
with x the events and r the moves of mid. On a price that drifts, a signal that is mostly on one
side makes money by being there, and nothing by knowing anything.

Errors are those of `inference` (Hodrick's, with fixed-b critical values), of the net gains as they
come in: see `weighted`.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.forward_returns import touch_returns
from obi_widgets.calibration.statistics.inference import influence, steps
from obi_widgets.calibration.statistics.weighted import Bets, estimate, scores

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]
    Signs = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Traded:
    """What came of trading every event, each by itself; arrays of shape (H,), NaN without one.

    Attributes
    ----------
    horizons : ndarray of float64
        Seconds. A trade is closed at the first state at or after the horizon's end.
    n : ndarray of int64
        Trades whose end is known.
    longs : ndarray of float64
        The fraction of them that were long.
    gross_bps : ndarray of float64
        Mean of what they made before fees: in and out at the touch, or at mid.
    net_bps : ndarray of float64
        Mean after the fees of both sides.
    cost_bps : ndarray of float64
        Mean of what a round trip costs: fees, and what mid moved less what was made.
    won : ndarray of float64
        The fraction that made more than their fees.
    ci_low, ci_high : ndarray of float64
        Confidence interval of ``net_bps``.
    se_bps, b : ndarray of float64
        Hodrick's error of ``net_bps``, and the share of the record that its lag is.
    z : ndarray of float64
        The normal deviate that is as unlikely as ``net_bps`` where the true one is 0.
    without_bps : ndarray of float64
        ``net_bps`` without the episode that weighs most; NaN where no episodes were given.
    excess_bps, excess_low, excess_high, excess_z : ndarray of float64
        What was made beyond being long and short as often without looking, its confidence
        interval, and its normal deviate. NaN where the signal never changes.
    """

    horizons: Floats
    n: NDArray[np.int64]
    longs: Floats
    gross_bps: Floats
    net_bps: Floats
    cost_bps: Floats
    won: Floats
    ci_low: Floats
    ci_high: Floats
    se_bps: Floats
    b: Floats
    z: Floats
    excess_bps: Floats
    excess_low: Floats
    excess_high: Floats
    excess_z: Floats
    without_bps: Floats

    @property
    def move_bps(self) -> Floats:
        """Mean move of mid the signal's way, from a trade's start to its end."""
        return self.net_bps + self.cost_bps

    @property
    def sure_z(self) -> Floats:
        """The lesser of the two deviates: how sure it is that both are above 0."""
        return np.asarray(np.minimum(self.z, self.excess_z))

    @property
    def p(self) -> Floats:
        """Of both being above 0, as a two-sided p: twice the chance of a larger ``sure_z``."""
        chance = [NormalDist().cdf(-z) if z == z else np.nan for z in self.sure_z.tolist()]
        return np.asarray(np.minimum(2 * np.array(chance), 1.0))

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame, a row a horizon (its index, in seconds)."""
        import pandas as pd

        traded = ("n", "gross_bps", "net_bps", "ci_low", "ci_high", "cost_bps", "won")
        names = (*traded, "excess_bps", "excess_low", "excess_high", "longs")
        index = pd.Index(self.horizons, name="horizon")
        return pd.DataFrame({name: getattr(self, name) for name in names}, index=index)


def traded(
    history: History,
    parameters: Parameters,
    x: Signs,
    horizons: ArrayLike,
    *,
    level: float = 0.95,
    episodes: NDArray[np.int64] | None = None,
) -> Traded:
    """Return what trading every event as a taker makes.

    Parameters
    ----------
    history : History
        T states.
    parameters : Parameters
        ``price`` and ``fee_bps`` are used.
    x : ndarray of int8, shape (T,)
        Events: +1 is bought, −1 sold.
    horizons : array_like of float, shape (H,)
        Seconds.
    level : float
        Of the confidence intervals.
    episodes : ndarray of int64, shape (E,), optional
        Where episodes begin, to tell what is left without one of them; see `inference.influence`.

    Returns
    -------
    Traded
    """
    touch = touch_returns(history, horizons)
    fees, buys = 2 * parameters.fee_bps, x > 0
    move = steps(history.mid)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.nan_to_num(1e4 / history.mid)
    number = np.zeros(len(touch.horizons), np.int64)
    out = np.full((15, len(number)), np.nan)
    rows = zip(touch.moves.bps, touch.moves.end, touch.moves.overlap.tolist(), strict=True)
    for row, (moved, end, overlap) in enumerate(rows):
        gross = x * moved
        if parameters.price == "touch":
            gross = np.where(buys, touch.long_bps[row], touch.short_bps[row])
        known = end >= 0
        event = known & (x != 0)
        number[row] = n = int(np.count_nonzero(event))
        if not n:
            continue
        moved = np.where(known, moved, 0.0)
        sides = np.where(known, x, 0).astype(np.float64)
        paid = np.where(event, sides * moved - gross, 0.0)
        bets = Bets(sides * weight, -paid - fees * event, event.astype(np.float64))
        net = estimate(scores(bets, end, move, overlap), n, level)
        # As often long and short without looking: x less its mean, over all that there is.
        states = np.count_nonzero(known)
        beyond = np.where(known, sides - sides.sum() / states, 0.0)
        square = beyond * beyond
        bets = Bets(beyond * weight, -beyond * moved.sum() / states, square)
        more = estimate(scores(bets, end, move, overlap), n, level)
        part = square.sum() / n  # a slope is a difference in the mean by as much
        gains, without = gross[event] - fees, np.nan
        if episodes is not None:
            gained = np.where(event, x * (gross - fees), np.nan)
            without = influence(x, gained, episodes).mean_without
        mean, cost = float(gains.mean()), float(paid[event].mean()) + fees
        out[:, row] = (
            np.mean(x[event] > 0), mean + fees, mean, cost, np.mean(gains > 0),
            mean - net.reach, mean + net.reach, net.error, net.b, net.z,
            part * more.mean, part * (more.mean - more.reach), part * (more.mean + more.reach),
            more.z, without,
        )  # fmt: skip
    return Traded(touch.horizons, number, *out)
