"""Kyle's lambda: how much price moves for each unit that takers buy more than they sell.

It is the slope of a regression over intervals that follow one another::

    ΔP = α + λ · Σ side · v + ε

ΔP is the change of mid in an interval, and Σ side · v what takers bought less what they sold in it.
With x and y for them, and means over the n intervals of a window::

    λ  = Σ (x − x̄)(y − ȳ) / Σ (x − x̄)²
    SE = √( Σ ε² / (n − 2) / Σ (x − x̄)² )

SE is that of ordinary least squares: it takes ε to be as wide after much flow as after little, and
is too small where that is not so.

Public code differs. Some divides |ΔP| by volume, or takes the sign of the price change for that of
the trade: that is positive by construction and no regression. Some drops the sign of the flow, so
that a sale counts as a purchase. Hasbrouck (2009) and Goyenko, Holden and Trzcinka (2009) regress
returns on Σ side · √value, another measure of the same name. Kyle's is of price and signed volume.

It is a gauge of depth: it says how far price moves with the flow, and not which way it will.

References
----------
Kyle (1985), "Continuous auctions and insider trading".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from obi_widgets.parameters import Choice, Seconds
from obi_widgets.signals.intervals import Intervals
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

TINY = 1e-12
"""Share of a sum of squares that is rounding."""


def _back(values: Mapping[str, Any]) -> float:
    return float(values["window"] + values["step"])  # the newest interval may have ended before


@signal(unit="quote/base", needs=("touch", "trades"), lookback=_back, directional=False)
def kyle_lambda(
    history: History,
    *,
    window: Annotated[float, Seconds(1, 86_400, slider=(60, 3600, 60))] = 600.0,
    step: Annotated[float, Seconds(0.1, 600, slider=(1, 60, 1))] = 10.0,
    shows: Annotated[str, Choice("slope", "standard error")] = "slope",
) -> NDArray[np.float64]:
    """Return how much mid moves for each unit that takers buy more than they sell.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Seconds that the regression is over. They have to hold 10 steps.
    step : float
        Length of an interval in seconds. Intervals lie at multiples of it.
    shows : {"slope", "standard error"}
        Which of both; a slope of less than two standard errors is not told from 0.

    Returns
    -------
    ndarray of float64, shape (T,)
        Quote currency per base unit; below 0 where price fell while takers bought. A gauge: it has
        no direction. NaN where takers' net volume was the same in all intervals, until
        ``window + step`` have passed, at the beginning and after a gap, and without a trades
        stream.

    Raises
    ------
    SettingsError
        A window that holds too few steps.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> slope = obi.kyle_lambda(history, window=60, step=1)
    >>> error = obi.kyle_lambda(history, window=60, step=1, shows="standard error")
    >>> bool(slope[-1] > 2 * error[-1] > 0)
    True
    """
    cut = Intervals.of(history, window, step)
    y, x = np.diff(cut.mid), cut.net_volume
    known = ~np.isnan(y)
    y, x = np.where(known, y, 0.0), np.where(known, x, 0.0)
    n, sum_x, sum_y, xx, xy, yy = cut.sums(known.astype(float), x, y, x * x, x * y, y * y)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = xx - sum_x * sum_x / n
        spread[~((n >= 3) & (spread > TINY * xx))] = np.nan
        slope = (xy - sum_x * sum_y / n) / spread
        rest = np.maximum(yy - sum_y * sum_y / n - slope * slope * spread, 0.0)
        error = np.sqrt(rest / (n - 2) / spread)
    return cut.of_states(slope if shows == "slope" else error)
