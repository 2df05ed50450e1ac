"""Amihud's illiquidity: how much price moves for each million that is traded.

Over intervals that follow one another, of which those without a trade do not count::

    mean of |r| / value

with the return r of mid in an interval, and the value traded in it. It is the mean of ratios, as
Amihud has it over days, and not the ratio of means, which some public code takes: that gives a busy
interval more weight, and is the smaller one as a rule. Neither is it the slope of |r| on value,
which others call Amihud's lambda.

It is a gauge of depth: it knows no side. Where little is traded in an interval one ratio may be
large: let ``step`` be long enough for many trades.

References
----------
Amihud (2002), "Illiquidity and stock returns: cross-section and time-series effects".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from obi_widgets.parameters import Seconds
from obi_widgets.signals.intervals import Intervals
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

MILLION = 1e6


def _back(values: Mapping[str, Any]) -> float:
    return float(values["window"] + values["step"])  # the newest interval may have ended before


@signal(unit="bps/million", needs=("touch", "trades"), lookback=_back, directional=False)
def amihud(
    history: History,
    *,
    window: Annotated[float, Seconds(1, 86_400, slider=(60, 3600, 60))] = 600.0,
    step: Annotated[float, Seconds(0.1, 600, slider=(1, 60, 1))] = 10.0,
) -> NDArray[np.float64]:
    """Return how much mid moves for each million of quote currency that is traded.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Seconds that the mean is over. They have to hold 10 steps.
    step : float
        Length of an interval in seconds. Intervals lie at multiples of it.

    Returns
    -------
    ndarray of float64, shape (T,)
        Basis points per million of quote currency, 0 or more. A gauge: it has no direction. NaN
        where nothing was traded, until ``window + step`` have passed, at the beginning and after a
        gap, and without a trades stream.

    Raises
    ------
    SettingsError
        A window that holds too few steps.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> bool(obi.amihud(history, window=60, step=5)[-1] > 0)
    True
    """
    cut = Intervals.of(history, window, step)
    mid, value = cut.mid, cut.value
    move = 1e4 * np.abs(np.diff(mid) / mid[:-1])
    counts = (value > 0) & ~np.isnan(move)
    ratio = np.where(counts, move, 0.0) / np.where(counts, value / MILLION, 1.0)
    total, number = cut.sums(ratio, counts.astype(float))
    return cut.of_states(total / np.where(number > 0, number, np.nan))
