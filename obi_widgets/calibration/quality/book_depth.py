"""Depth: how much rests within some levels, or within a distance from mid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.quality.time_weights import held, quantiles, share
from obi_widgets.calibration.statistics.block_means import block_mean
from obi_widgets.checks import as_list, fraction, integer, number
from obi_widgets.history.given import as_history
from obi_widgets.signals.coverage import LevelsUsed, beyond_kept, inferred
from obi_widgets.signals.depth_within import depth_within

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from obi_widgets.history.columns import History

LOW, MIDDLE = 0.05, 0.5
"""Quantiles of depth: what is there nearly always, and what is there usually."""


def book_depth(
    history: History,
    *,
    levels: Iterable[int] = (1, 5, 10),
    bps: Iterable[float] = (5.0, 10.0),
    level: float = 0.95,
) -> pd.DataFrame:
    """Return how much rests in the book: within numbers of levels, and within distances from mid.

    Depth is the second of the three dimensions of liquidity by Kyle (1985). States are weighted by
    the time for which they were the book.

    Parameters
    ----------
    history : History
        States without both sides are left out, and so are gaps.
    levels : iterable of int
        Numbers of levels a side, 1 to 10,000. May be ``[]``, if ``bps`` is not.
    bps : iterable of float
        Distances from mid, basis points, above 0 up to 10,000; a level at the distance counts. May
        be ``[]``, if ``levels`` is not.
    level : float
        Level of the intervals, 0 to 1.

    Returns
    -------
    DataFrame
        A row for each range and side. Columns:

        - ``within``: such as ``"5 levels"`` or ``"10 bps"``; ``side``: ``"bid"`` or ``"ask"``.
        - ``base``, ``base_low``, ``base_high``: mean depth and its interval, base units, from
          blocks of time; ``base_q5``, ``base_q50``: its 5 % quantile and its median.
        - ``quote`` and the same: Σ price · size, quote currency.
        - ``n``: states with a value.
        - ``unknown``: share of the time with both sides in which the kept levels end before the
          range does, so that the depth is not known. Those states are left out, and never taken as
          if the range ended there. If it is above 0, the mean is of the other states only.
        - ``inferred``: share of that time in which levels were used beyond the known range of the
          book, see `obi_widgets.inferred`. In a strict history they are left out too.

        NaN where nothing is known.

    Raises
    ------
    HistoryError
        If it is no history.
    SettingsError
        If a number is out of its range, or there is no range at all.

    References
    ----------
    Kyle (1985), "Continuous auctions and insider trading", Econometrica 53, 1315.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, levels=10, seed=1)
    >>> table = obi.book_depth(history, levels=[1, 5], bps=[2])
    >>> table["within"].unique().tolist()
    ['1 level', '5 levels', '2 bps']
    """
    import pandas as pd

    history, level = as_history(history), fraction("level", level)
    used = ranges(levels, bps)
    time, both = held(history), ~np.isnan(history.mid)
    rows = []
    for name, one in used.items():
        missing, guessed = beyond_kept(history, one), inferred(history, one)
        lacking = missing | guessed if history.strict else missing
        told = (share(lacking[both], time[both]), share(guessed[both], time[both]))
        for side, which in (("bid", 0), ("ask", 1)):
            base, quote = depth_within(history, one, which)
            cells: list[float] = []
            for values in (base, quote):
                values[lacking | ~both] = np.nan
                mean = block_mean(values, time, history.elapsed, level=level)
                cells += [*mean[:3], *quantiles(values, time, (LOW, MIDDLE)).tolist()]
            rows.append((name, side, *cells, mean.n, *told))
    parts = ("", "_low", "_high", "_q5", "_q50")
    columns = [f"{unit}{part}" for unit in ("base", "quote") for part in parts]
    return pd.DataFrame(rows, columns=["within", "side", *columns, "n", "unknown", "inferred"])


def ranges(levels: Iterable[int], bps: Iterable[float]) -> dict[str, LevelsUsed]:
    """Return the ranges that are asked for, by name."""
    found = {}
    if not _empty(levels) or _empty(bps):  # the error says that there is none
        for one in as_list("levels", levels):
            depth = integer("levels", one, 1, 10_000, "levels")
            found[f"{depth} level{'s' * (depth > 1)}"] = LevelsUsed(depth=depth)
    if not _empty(bps):
        for one in as_list("bps", bps):
            band = number("bps", one, 1e-6, 10_000, "bps")
            found[f"{band:g} bps"] = LevelsUsed(band_bps=band)
    return found


def _empty(values: object) -> bool:
    return isinstance(values, list | tuple) and not values
