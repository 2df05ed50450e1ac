"""What trading every event makes, at the prices that one gets, after fees."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration import compiling
from obi_widgets.calibration.inference import quotient
from obi_widgets.calibration.returns import touch_returns

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.calibration.inference import Means
    from obi_widgets.history import History
    from obi_widgets.settings import Parameters

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
    gross_bps : ndarray of float64
        Mean of what they made before fees: in and out at the touch, or at mid.
    net_bps : ndarray of float64
        Mean after the fees of both sides.
    cost_bps : ndarray of float64
        Mean of what a round trip costs: fees, and what mid moved less what was made.
    won : ndarray of float64
        The fraction that made more than their fees.
    ci_low, ci_high : ndarray of float64
        Of ``net_bps``: as wide as the interval of the move of mid and that of the cost together
        (Newey–West at the overlap), whatever the two have to do with each other.
    """

    horizons: Floats
    n: NDArray[np.int64]
    gross_bps: Floats
    net_bps: Floats
    cost_bps: Floats
    won: Floats
    ci_low: Floats
    ci_high: Floats

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame, a row a horizon (its index, in seconds)."""
        import pandas as pd

        names = ("n", "gross_bps", "net_bps", "ci_low", "ci_high", "cost_bps", "won")
        index = pd.Index(self.horizons, name="horizon")
        return pd.DataFrame({name: getattr(self, name) for name in names}, index=index)


def traded(history: History, parameters: Parameters, x: Signs, means: Means) -> Traded:
    """Return what trading every event as a taker makes.

    Parameters
    ----------
    history : History
        T states.
    parameters : Parameters
        ``price`` and ``fee_bps`` are used.
    x : ndarray of int8, shape (T,)
        Events: +1 is bought, −1 sold.
    means : Means
        Of the same events: how sure the move of mid is.

    Returns
    -------
    Traded
    """
    horizons = means.horizons
    touch = touch_returns(history, horizons)
    overlap = touch.moves.overlap.tolist()
    wide = NormalDist().inv_cdf((1 + means.level) / 2)
    fees, buys = 2 * parameters.fee_bps, x > 0
    n, out = np.zeros(len(horizons), np.int64), np.full((6, len(horizons)), np.nan)
    for row, (mid, lag) in enumerate(zip(touch.moves.bps, overlap, strict=True)):
        made = x * mid
        if parameters.price == "touch":
            made = np.where(buys, touch.long_bps[row], touch.short_bps[row])
        known = (x != 0) & ~np.isnan(made)
        n[row] = np.count_nonzero(known)
        if not n[row]:
            continue
        paid = x * mid - made
        end = np.where(known, touch.moves.end[row], np.int32(-1))
        sums = np.empty((6, 1))
        compiling.fastest().starts(x[:, None], x * paid, end, lag, sums)
        half = (means.ci_high - means.ci_low)[row, 0] / 2
        half += wide * np.nan_to_num(quotient(sums, np.array([lag])).error[0])
        net = float(made[known].mean()) - fees
        cost = float(paid[known].mean()) + fees
        out[:, row] = net + fees, net, cost, np.mean(made[known] > fees), net - half, net + half
    return Traded(horizons, n, *out)
