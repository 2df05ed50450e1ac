"""The cost of liquidity at a quantile: half the spread, and the impact of a size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.quality.time_weights import held, quantiles, share
from obi_widgets.calibration.quality.walk_book import checked_depth, checked_size, walk
from obi_widgets.calibration.statistics.block_means import BlockMean, block_mean
from obi_widgets.checks import as_list, fraction
from obi_widgets.history.given import as_history

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from obi_widgets.history.columns import History

MIDDLE = 0.5

LEFT_OUT = 0.01
"""Largest share of the time without a cost of which a mean is still one: beyond it, it would be the
cost of the few moments in which the book was deep."""


def liquidity_cost(
    history: History,
    sizes: Iterable[float],
    *,
    quantile: float = 0.99,
    depth: float = 1.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return what it costs to trade sizes at once: in the mean, and in a bad moment.

    The cost beyond mid is half the spread, which any size pays, and the impact, by which the price
    of the size (VWAP of the levels it takes) is worse than the best price. Bangia, Diebold,
    Schuermann and Stroughair (1999) add half the spread at a quantile to value at risk; the impact
    is what they leave out as endogenous. The quantile here is that of the sum, as it was found in
    the book. They take the mean and a multiple of the standard deviation, which says less where
    spreads are skewed, as they are.

    Parameters
    ----------
    history : History
        States are weighted by the time for which they were the book, so that the quantile is that
        of a random moment. Those without both sides are left out, and so are gaps.
    sizes : iterable of float
        Base units.
    quantile : float
        Probability of the bad moment, between 0 and 1: the cost is larger in 1 − quantile of the
        time.
    depth : float
        What if each level had so many times its size; 0.5 is depth halved, see `walk_book`.
    level : float
        Level of the intervals of the means, 0 to 1.

    Returns
    -------
    DataFrame
        A row for each size and side. All costs are in bps of mid, above 0, before fees. Columns:

        - ``size`` (base units); ``side``: ``"buy"`` or ``"sell"``.
        - ``mean_bps``, ``low``, ``high``: mean cost of the states that hold the size, with an
          interval from blocks of time.
        - ``half_spread_bps``, ``impact_bps``: the parts of that mean.
        - ``median_bps``; ``lvar_bps``: the cost at the quantile, half the spread and impact
          together. ``lvar_half_spread_bps`` is half the spread alone at the quantile, and
          ``lvar_impact_bps`` what is left of ``lvar_bps``.
        - ``n``: states that hold the size.
        - ``ends``: share of the time in which the kept levels end before the size is filled. There
          the cost is unknown, and larger than that of the kept levels. The mean leaves it out and
          is a little too low; it is NaN if more than 1 % is left out. The median and the quantile
          count it as larger than any, and are NaN if they fall there.
        - ``inferred``: share of the time in which the order reaches beyond the known range of the
          book, see `obi_widgets.inferred`. A strict history leaves it out.
        - ``says``: ``"the book ends here"``, where it does, and how often.

    Raises
    ------
    HistoryError
        If it is no history.
    SettingsError
        If a number is out of its range.

    References
    ----------
    Bangia, Diebold, Schuermann and Stroughair (1999), "Modeling liquidity risk, with implications
    for traditional market risk measurement and management", Wharton Financial Institutions Center
    99-06.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> table = obi.liquidity_cost(history, [0.01, 1e6])
    >>> table["says"].tolist()
    ['', '', 'the book ends here', 'the book ends here']
    >>> whole, half = (obi.liquidity_cost(history, [1.0], depth=one) for one in (1.0, 0.5))
    >>> bool((half["mean_bps"] >= whole["mean_bps"]).all())
    True
    """
    import pandas as pd

    history, depth = as_history(history), checked_depth(depth)
    quantile, level = fraction("quantile", quantile), fraction("level", level)
    time, both, at = held(history), ~np.isnan(history.mid), history.elapsed
    with np.errstate(invalid="ignore"):
        half_spread = 5e3 * history.spread / history.mid
    rows = []
    for size in [checked_size(one, "sizes") for one in as_list("sizes", sizes)]:
        found = walk(history, size, depth)
        for which, side in enumerate(("buy", "sell")):
            bps, ends = found.bps[which], found.ends[which]
            known = ends | ~np.isnan(bps)
            ended = share(ends[both], time[both])
            mean = block_mean(bps, time, at, level=level)
            if ended > LEFT_OUT:
                mean = BlockMean(np.nan, np.nan, np.nan, mean.n)
            # An impact is never below 0, but for rounding.
            half = block_mean(np.where(np.isnan(bps), np.nan, half_spread), time, at).mean
            half = np.nan if np.isnan(mean.mean) else half
            ranked = np.where(ends, np.inf, bps)
            median, bad = quantiles(ranked, time, (MIDDLE, quantile)).tolist()
            narrow = float(quantiles(np.where(known, half_spread, np.nan), time, (quantile,))[0])
            guessed = share(found.inferred[which][both], time[both])
            rows.append((
                size, side, *mean[:3], half, np.maximum(mean.mean - half, 0.0), median, bad, narrow,
                np.maximum(bad - narrow, 0.0),
                mean.n, ended, guessed, _said(ended),
            ))  # fmt: skip
    names = [
        "size", "side", "mean_bps", "low", "high", "half_spread_bps", "impact_bps", "median_bps",
        "lvar_bps", "lvar_half_spread_bps", "lvar_impact_bps", "n", "ends", "inferred", "says",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def _said(ended: float) -> str:
    """Return in words how often the book ends before the size is filled."""
    if not ended > 0:
        return ""
    return "the book ends here" + (f" {100 * ended:.3g} % of the time" if ended < 1 else "")
