"""What VPIN says of the size of the next move that volume and volatility do not.

Easley, López de Prado and O'Hara propose VPIN as a warning of turbulence. Andersen and Bondarenko
find nothing in it once trading volume and realised volatility are held constant. So it is held
against both, on the same windows. With y the absolute or squared move of mid in the next window,
and z what VPIN is held against, u and w are what a linear regression on z leaves of VPIN and of y:

    partial = correlation of u and w,     adds = partial² · (1 − R² of y on z)

That is the R² of y on z and VPIN, less that on z alone (Frisch and Waugh 1933, Econometrica 1,
387). The interval is that of the partial correlation, squared, as in `r_squared`: it begins at 0
where the correlation is not told from 0. What z says is removed as a line: if moves depend on
volume or volatility by a curve, some of that may be left to VPIN.

VPIN looks back over several windows, and so it lasts; moves are large for a while. The interval of
the jackknife is too narrow for two series of which both last, so it is that or what chance makes of
them when VPIN is shifted in time (`time_shifts`), whichever is wider.

References
----------
Andersen, Bondarenko (2014), "VPIN and the flash crash", Journal of Financial Markets 17, 1; (2015)
"Assessing measures of order flow toxicity and early warning signals for market turbulence", Review
of Finance 19, 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.explained import next_moves, window_ends
from obi_widgets.calibration.forward_returns import too_coarse
from obi_widgets.calibration.statistics.correlation import jackknifed, widened
from obi_widgets.calibration.statistics.r_squared import FEWEST, RSquared, squared
from obi_widgets.calibration.statistics.time_shifts import chance
from obi_widgets.checks import integer, number
from obi_widgets.errors import SettingsError
from obi_widgets.history.given import as_history
from obi_widgets.signals.realised_volatility import realised_volatility
from obi_widgets.signals.vpin import vpin
from obi_widgets.signals.windows import sides_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

OVER = {
    "nothing": (),
    "volume": ("volume",),
    "volatility": ("volatility",),
    "both": ("volume", "volatility"),
}
"""What VPIN is held against, by its name in the table."""


def vpin_increment(
    history: History, *, window: float = 600.0, buckets: int = 50, seconds: float = 60.0
) -> pd.DataFrame:
    """Return what VPIN adds to volume and volatility in explaining the size of the next move.

    Parameters
    ----------
    history : History
        T states, with trades.
    window : float
        Trailing seconds of VPIN, of the volume, and of the realised volatility, 1 to 3,600.
    buckets : int
        Buckets of VPIN, 2 to 200.
    seconds : float
        Length of the move that follows, 0.1 to 3,600. The windows follow each other, so no two
        moves overlap. Shorter than ten intervals of the history is refused.

    Returns
    -------
    DataFrame
        A row for each size of the move and each thing that VPIN is added to. Columns:

        - ``move``: ``"absolute"``, the size of mid's move in the next ``seconds``, or
          ``"squared"``.
        - ``over``: ``"nothing"``, ``"volume"`` (base units traded within ``window``),
          ``"volatility"`` (`realised_volatility`), or ``"both"``.
        - ``r2_over``: share of the variance of the size that this explains, by a line.
        - ``adds``, ``low``, ``high``: how much more is explained with VPIN, and its 95 % interval,
          which begins at 0 where it is not significant.
        - ``partial``: correlation of VPIN with the size, both without what ``over`` explains: + if
          moves are larger after a high VPIN.
        - ``n``: windows with all of them.
        - ``says``: the result in words.

        NaN where there is no value. Intervals are NaN with fewer than 30 windows.

    Raises
    ------
    HistoryError, SettingsError
        No history, or a number out of its range.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=300, seed=1)
    >>> table = obi.vpin_increment(history, window=30, buckets=10, seconds=5)
    >>> table["over"].tolist()[:4]
    ['nothing', 'volume', 'volatility', 'both']
    >>> bool((table["adds"] >= 0).all())
    True
    """
    import pandas as pd

    history = as_history(history)
    window = number("window", window, 1, 3600, "seconds")
    buckets = integer("buckets", buckets, 2, 200, "buckets")
    seconds = number("seconds", seconds, 0.1, 3600, "seconds")
    if too_coarse(seconds, history.interval):
        raise SettingsError(
            f"Windows of {seconds:g} s are too short for states {history.interval:g} s apart.",
            "Give ten intervals or more, or load with interval=0.",
        )
    rows = window_ends(history.time, seconds)
    toxic = vpin(history, window=window, buckets=float(buckets))[rows]
    bought, sold = (np.asarray(side, np.float64) for side in sides_of(history, window))
    held = {
        "volume": (bought + sold)[rows],
        "volatility": realised_volatility(history, window=window)[rows],
    }
    move = np.abs(next_moves(history, rows, seconds))
    table = []
    for kind, size in (("absolute", move), ("squared", move * move)):
        known = np.all([np.isfinite(one) for one in (toxic, size, *held.values())], axis=0)
        y = size[known]
        for over, names in OVER.items():
            design = _design([held[name][known] for name in names], len(y))
            u, w = (_left(one, design) for one in (toxic[known], y))
            explained = _share(w, y)
            found, partial = _explained(u, w, design, known, math.ceil(window / seconds))
            adds = [(1 - explained) * one for one in found[:3]]
            says = _said(found, adds, partial, over)
            table.append((kind, over, explained, *adds, partial, found.n, says))
    columns = ["move", "over", "r2_over", "adds", "low", "high", "partial", "n", "says"]
    return pd.DataFrame(table, columns=columns)


def _design(over: list[Floats], count: int) -> Floats:
    """Return a column of ones and one of each series."""
    columns = [np.ones(count)]
    for one in over:  # of like size, so that none counts as rounding error
        scale = np.std(one) if count else 0.0
        columns.append((one - one.mean()) / scale if scale > 0 else np.zeros(count))
    return np.stack(columns, axis=1)


def _left(values: Floats, design: Floats) -> Floats:
    """Return what a linear regression leaves of a series."""
    return np.asarray(values - design @ np.linalg.lstsq(design, values, rcond=None)[0])


def _share(left: Floats, size: Floats) -> float:
    """Return which share of the variance of a size is explained, 0 to 1; NaN if it has none."""
    whole = float(np.var(size)) if len(size) else 0.0
    if not whole > 0:
        return np.nan
    return min(max(1 - float(np.mean(left**2)) / whole, 0.0), 1.0)


def _explained(
    u: Floats, w: Floats, design: Floats, known: NDArray[np.bool_], lasts: int
) -> tuple[RSquared, float]:
    """Return the R² of what is left of both where they are known, and their correlation.

    VPIN lasts for so many windows at least.
    """
    of_all = np.full((2, len(known)), np.nan)  # lags count windows that are not known, too
    of_all[:, known] = u, w
    found = jackknifed(*of_all)
    if found.pairs >= FEWEST and not np.isnan(found.value):
        found = widened(found, chance(u, w, design, lasts))
    return squared(found), found.value


def _said(found: RSquared, adds: list[float], partial: float, over: str) -> str:
    """Return the result in words."""
    beside = {"nothing": "alone", "both": "over volume and volatility"}.get(over, f"over {over}")
    if not found.n:
        return "No window has VPIN, volume and volatility: record longer, or give a shorter window."
    if np.isnan(found.value):
        return "No result: one of them does not vary."
    if np.isnan(found.low):
        return f"Too few windows to tell: {found.n}, and {FEWEST} are needed."
    if found.low == 0:
        return f"Nothing told {beside}."
    value, low, high = adds
    larger = "larger" if partial > 0 else "smaller"
    span = f"{value:.1%} ({low:.1%} to {high:.1%})"
    return f"Adds {span} {beside}: moves are {larger} after a high VPIN."
