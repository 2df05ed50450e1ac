"""Markouts: what each trade was worth to its taker some time later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.calibration.forward_returns import as_horizons
from obi_widgets.calibration.quality.mids_around import before, mids_after
from obi_widgets.history.given import as_history

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

    from obi_widgets.history.columns import History

SECONDS = (1.0, 5.0, 10.0, 30.0, 60.0)
"""Default times after a trade."""


def markouts(history: History, seconds: ArrayLike = SECONDS) -> pd.DataFrame:
    """Return the markout of each trade: the gain of its taker up to mid some time later.

    With d = +1 if the taker bought and −1 if the taker sold, p its price and m₊τ mid τ seconds
    later, the markout is 1e4 · d · (m₊τ − p) / p. The maker has the opposite.

    It looks ahead by design: it says what trades came to, and no decision at the trade's time can
    use it.

    Parameters
    ----------
    history : History
        With trades; keep every state (``interval=0``), so that mid before more of them is known.
    seconds : array_like of float
        Times τ after a trade, seconds of event time, above 0.

    Returns
    -------
    DataFrame
        A row for each trade, index ``time`` (UTC). Columns:

        - ``side``: +1 the taker bought, −1 sold; ``price`` (quote currency); ``size`` (base units).
        - ``mid``: m, of the last state whose event time is before the trade's, quote currency. NaN
          where another order (other trades of one side at one time) came since that state: m is
          not known then, since mid may have moved.
        - ``effective_bps``: the effective spread, 1e4 · 2d(p − m) / p; + is a cost of the taker.
        - ``markout_1s`` and so on: bps of the price, before fees; + is a gain of the taker. m₊τ is
          mid of the last state at or before that time.

        NaN where the book was lost at the trade or on the way, has not both sides, or the record
        ends before τ; and for a τ below ten intervals of the history. Without trades no rows.

    Raises
    ------
    HistoryError
        If it is no history.
    SettingsError
        If a time is not above 0.

    References
    ----------
    Huang and Stoll (1996), "Dealer versus auction markets: a paired comparison of execution costs
    on NASDAQ and the NYSE", Journal of Financial Economics 41, 313: the realised spread is −2
    times the markout.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> table = obi.markouts(history, seconds=[1, 5])
    >>> len(table) == len(history.trades)
    True
    >>> table.columns.tolist()[-2:]
    ['markout_1s', 'markout_5s']
    """
    history, horizons = as_history(history), as_horizons(seconds, "seconds")
    trades = history.trades
    table = trades.to_frame()[["side", "price", "size"]]
    side, price = trades.side.astype(float), trades.price
    start = before(history)
    table["mid"] = start.mid
    table["effective_bps"] = 1e4 * 2 * side * (price - start.mid) / price
    for one in horizons.tolist():
        later = mids_after(history, trades.time, start.row, one)
        table[f"markout_{one:g}s"] = 1e4 * side * (later - price) / price
    return table
