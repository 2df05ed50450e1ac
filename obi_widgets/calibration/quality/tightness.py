"""Tightness: the spread between the best prices, in the mean and by quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.quality.time_weights import held
from obi_widgets.calibration.quality.time_weights import quantiles as weighted_quantiles
from obi_widgets.calibration.statistics.block_means import block_mean
from obi_widgets.checks import as_list, fraction
from obi_widgets.history.given import as_history

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from obi_widgets.history.columns import History

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Default quantiles."""


def tightness(
    history: History, *, quantiles: Iterable[float] = QUANTILES, level: float = 0.95
) -> pd.DataFrame:
    """Return the quoted spread of the best prices: its mean and its quantiles.

    It is 1e4 · (ask − bid) / mid, the cost of buying and selling at once the least size, and the
    first of the three dimensions of liquidity by Kyle (1985).

    Parameters
    ----------
    history : History
        States without both sides are left out, and so are gaps.
    quantiles : iterable of float
        Probabilities between 0 and 1.
    level : float
        Level of the interval of a mean, 0 to 1.

    Returns
    -------
    DataFrame
        A row for each statistic, first weighted by time, then by state. Columns:

        - ``weighted``: ``"time"``, as at a random moment of the clock, or ``"state"``, as at a
          random change of the book. Volatile times have more states, and often wider spreads.
        - ``statistic``: ``"mean"``, or a quantile such as ``"q0.95"``.
        - ``bps``: the spread in basis points of mid, above 0.
        - ``low``, ``high``: interval of the mean, bps, from blocks of time: states are not
          independent. NaN for quantiles, with fewer than 30 states, and if the spread never
          changed.
        - ``ticks``: the spread in ticks.
        - ``n``: number of states.

    Raises
    ------
    HistoryError
        If it is no history.
    SettingsError
        If a probability is not between 0 and 1.

    References
    ----------
    Kyle (1985), "Continuous auctions and insider trading", Econometrica 53, 1315.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> table = obi.tightness(history)
    >>> table["statistic"].tolist()[:3]
    ['mean', 'q0.05', 'q0.25']
    >>> bool((table["bps"] > 0).all())
    True
    """
    import pandas as pd

    history, level = as_history(history), fraction("level", level)
    at = [fraction("quantiles", one) for one in as_list("quantiles", quantiles)]
    with np.errstate(invalid="ignore"):
        bps = 1e4 * history.spread / history.mid
    ticks = np.rint(history.spread / history.tick_size)
    rows = []
    for weighted, weights in (("time", held(history)), ("state", np.ones(len(history)))):
        mean = block_mean(bps, weights, history.elapsed, level=level)
        in_ticks = block_mean(ticks, weights, history.elapsed).mean
        rows.append((weighted, "mean", mean.mean, mean.low, mean.high, in_ticks, mean.n))
        of_bps = weighted_quantiles(bps, weights, at).tolist()
        of_ticks = weighted_quantiles(ticks, weights, at).tolist()
        rows += [
            (weighted, f"q{one:g}", value, np.nan, np.nan, tick, mean.n)
            for one, value, tick in zip(at, of_bps, of_ticks, strict=True)
        ]
    names = ["weighted", "statistic", "bps", "low", "high", "ticks", "n"]
    return pd.DataFrame(rows, columns=names)
