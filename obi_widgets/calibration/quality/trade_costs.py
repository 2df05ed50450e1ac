"""What takers paid: effective and realised spread, and the impact of trades on the price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.forward_returns import as_horizons
from obi_widgets.calibration.quality.mids_around import before, mids_after
from obi_widgets.calibration.statistics.block_means import block_mean
from obi_widgets.checks import fraction
from obi_widgets.history.given import as_history

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from obi_widgets.history.columns import History


def trade_costs(
    history: History, seconds: ArrayLike = (5.0,), *, level: float = 0.95
) -> pd.DataFrame:
    """Return effective spread, realised spread and price impact of the trades, in the mean.

    With d = +1 if the taker bought and −1 if the taker sold, p the price, m mid just before and
    m₊τ mid τ seconds later, each in bps of p:

    - effective spread 2d(p − m): what the taker paid beyond mid, for both ways;
    - realised spread 2d(p − m₊τ): what is left of it to the maker, before fees;
    - price impact 2d(m₊τ − m): by how much the price followed the taker.

    The first is the sum of the others, trade by trade. Some authors halve all three. Realised
    spread and impact look ahead by design, as `markouts` do.

    Parameters
    ----------
    history : History
        With trades; keep every state (``interval=0``). Only the first order since a state counts,
        that is all trades of its side and time: for later ones m is not known, and the spread that
        they seem to pay is mostly a move of mid. With few states a second many trades are left out.
    seconds : array_like of float
        Times τ after a trade, seconds of event time, above 0.
    level : float
        Level of the intervals, 0 to 1.

    Returns
    -------
    DataFrame
        A row for each mean. Columns:

        - ``measure``: ``"effective"``, ``"realised"`` or ``"impact"``; ``seconds``: τ, NaN for the
          effective spread.
        - ``side``: ``"both"``, ``"buy"`` or ``"sell"``, of the taker.
        - ``weighted``: ``"trade"``, each alike, or ``"value"``, by price · size.
        - ``bps``: the mean, + is a cost of the taker, a gain of the maker, or a move in the taker's
          direction.
        - ``low``, ``high``: its interval, from blocks of time of at least τ: trades come in runs,
          and their horizons overlap. NaN with fewer than 30 trades, if the record is too short for
          the blocks, and if all trades are alike.
        - ``n``: trades with a value. A taker's order that met several makers is several trades.

        A trade has no value where `markouts` has none, or no ``mid``.

    Raises
    ------
    HistoryError
        If it is no history.
    SettingsError
        If a time is not above 0.

    References
    ----------
    Huang and Stoll (1996), "Dealer versus auction markets: a paired comparison of execution costs
    on NASDAQ and the NYSE", Journal of Financial Economics 41, 313.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> table = obi.trade_costs(history, seconds=[1])
    >>> table["measure"].unique().tolist()
    ['effective', 'realised', 'impact']
    """
    import pandas as pd

    history, horizons, level = (
        as_history(history),
        as_horizons(seconds, "seconds"),
        fraction("level", level),
    )
    trades = history.trades
    side, price = trades.side.astype(float), trades.price
    start = before(history)
    measures = [("effective", np.nan, 2e4 * side * (price - start.mid) / price)]
    for one in horizons.tolist():
        later = mids_after(history, trades.time, start.row, one)
        later[np.isnan(start.mid)] = np.nan  # so that the parts are of the same trades
        measures += [
            ("realised", one, 2e4 * side * (price - later) / price),
            ("impact", one, 2e4 * side * (later - start.mid) / price),
        ]
    rows = []
    for measure, after, bps in measures:
        shortest = 0 if np.isnan(after) else round(after * 1e9)
        for name, which in (("both", side != 0), ("buy", side > 0), ("sell", side < 0)):
            for weighted, amount in (("trade", np.ones(len(side))), ("value", price * trades.size)):
                weights = np.where(which, amount, 0.0)
                mean = block_mean(bps, weights, start.at, shortest=shortest, level=level)
                rows.append((measure, after, name, weighted, *mean))
    names = ["measure", "seconds", "side", "weighted", "bps", "low", "high", "n"]
    return pd.DataFrame(rows, columns=names)
