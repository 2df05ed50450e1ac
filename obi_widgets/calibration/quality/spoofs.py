"""Spoofs: walls that were shown near mid and pulled within seconds, again and again on one side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.checks import number
from obi_widgets.errors import HistoryError
from obi_widgets.history.given import as_history
from obi_widgets.history.large_levels import NEVER
from obi_widgets.history.level_lives import some_of
from obi_widgets.trading.spoofing import spoofs_known

if TYPE_CHECKING:
    import pandas as pd

    from obi_widgets.history.columns import History


def spoofs(
    history: History,
    *,
    within_bps: float = 5.0,
    life: float = 10.0,
    window: float = 60.0,
    repeats: float = 3.0,
) -> pd.DataFrame:
    """Return the walls that were shown for seconds only, and which of them are taken for spoofs.

    A wall was only shown if it was near mid when it was born, was pulled within seconds, and was
    never in danger: no trade came within 1 bps of its price in the second before it was pulled,
    nothing was traded against it, and it was never the best price of its side. Such a wall is taken
    for a spoof if several of its side were shown within a window, and if so many on one side are
    unlikely by chance: their ``chance`` is at most 0.15. It is no proof: nothing in a book says who
    placed an order, or why.

    Parameters
    ----------
    history : History
        With large levels and trades; keep every state (``interval=0``).
    within_bps : float
        Largest distance from mid when it was born, basis points, 0.1 to 1,000.
    life : float
        Longest time that it stood, 1 to 600 seconds. Below a second nothing is seen.
    window : float
        Seconds over which such walls are counted, 1 to 3,600.
    repeats : float
        Number of one side that counts as several, 1 to 100.

    Returns
    -------
    DataFrame
        A row for each wall that was only shown, in the order in which its pull became known.
        Columns:

        - ``side``: +1 bid, −1 ask; ``price`` (quote currency); ``largest`` (base units);
          ``times_usual``: ``largest`` against what was usual at its distance; ``away_bps``:
          distance from mid when it was born.
        - ``born``, ``pulled``: UTC; ``told``: time of the first state from which the pull
          is known; ``age``: seconds.
        - ``same``, ``other``: such walls of its side, itself included, and of the other one, whose
          pulls became known in the window up to ``told``.
        - ``chance``: the probability of at least ``same`` on its side if both sides were equally
          likely, 0 to 1. The less, the more one-sided.
        - ``spoof``: whether it is taken for one; ``known``: from when on, UTC; NaT if not. That is
          ``told`` where enough had come before it, and later where others of its side followed
          within the window. Nothing before ``known`` can have used it.

    Raises
    ------
    HistoryError
        If it is no history, or has no stream of trades.
    SettingsError
        If a number is out of its range.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history, truth = obi.simulate_spoofs(seconds=300, seed=3, runs=120)
    >>> table = obi.spoofs(history)
    >>> bool((table["known"].dropna() >= table["told"][table["spoof"]]).all())
    True
    """
    import pandas as pd

    history = as_history(history)
    within_bps = number("within_bps", within_bps, 0.1, 1_000, "bps")
    life, window = number("life", life, 1, 600, "seconds"), number("window", window, 1, 3_600)
    repeats = number("repeats", repeats, 1, 100)
    if not history.trades.streamed:
        raise HistoryError(
            "The history has no stream of trades, so that a pulled wall cannot be told from one "
            "that was traded.",
            "Load or record the trades too.",
        )
    one, found, what = spoofs_known(
        history, within_bps=within_bps, life=life, window=window, repeats=repeats
    )
    some, spoof = some_of(one, found.at), what.known >= 0
    time = history.time if len(history) else np.zeros(1, np.int64)
    known = np.where(spoof, time[what.known], NEVER)
    when = {"born": some.born, "pulled": some.ended, "told": time[found.told], "known": known}
    utc = {name: pd.to_datetime(ns.view("M8[ns]"), utc=True) for name, ns in when.items()}
    return pd.DataFrame(
        {
            "side": some.side, "price": some.price, "largest": some.largest,
            "times_usual": some.largest / some.usual, "away_bps": found.away_bps,
            **{name: utc[name] for name in ("born", "pulled", "told")},
            "age": (some.ended - some.born) / 1e9, "same": what.same, "other": what.other,
            "chance": what.chance, "spoof": spoof, "known": utc["known"],
        }
    )  # fmt: skip
