"""Orders of takers that were large for the record, and what the book did before and after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.quality.mids_around import before, orders, rows_after
from obi_widgets.calibration.quality.time_weights import held
from obi_widgets.signals.coverage import LevelsUsed, beyond_kept, inferred
from obi_widgets.signals.depth_within import depth_within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

STEPS = 100
"""Lags after a trade at which the book is read."""


@dataclass(frozen=True)
class Shocks:
    """What large orders did to the book; E orders, lags in seconds.

    Attributes
    ----------
    at : ndarray of int64, shape (E,)
        Nanoseconds in sync from the first state to each order.
    lags : ndarray of float64, shape (L,)
        Seconds after the order; the first is 0: the first state that may show it.
    depth, spread : ndarray of float64, shape (E, L)
        By how much the depth of the side that was taken is below, and the spread is above, their
        own means over time before the order: a fraction of the mean of that depth over all orders,
        and bps of mid. NaN in all lags where one is unknown.
    """

    at: Ints
    lags: Floats
    depth: Floats
    spread: Floats


def shocks(history: History, quantile: float, levels: int, seconds: float) -> Shocks:
    """Return the large orders of takers and the book around them.

    Parameters
    ----------
    history : History
        With trades.
    quantile : float
        An order is large if its size is at least this quantile of all orders' sizes.
    levels : int
        Levels whose sizes are the depth.
    seconds : float
        How long before and after each order the book is read.
    """
    lags = np.linspace(0.0, seconds, STEPS + 1)
    rows, time, side = _large(history, quantile)
    if not len(time):
        return Shocks(time, lags, *np.empty((2, 0, len(lags))))
    span = round(seconds * 1e9)
    # What follows another within the time is part of that one's recovery.
    apart = np.diff(time, prepend=time[0] - span - 1) > span
    rows, time, side = rows[apart], time[apart], side[apart]
    start = before(history)
    row, at = start.row[rows], start.at[rows]
    used = LevelsUsed(depth=levels)
    missing = beyond_kept(history, used) | np.isnan(history.mid)
    if history.strict:
        missing |= inferred(history, used)
    depth = [depth_within(history, used, which)[0] for which in (0, 1)]
    with np.errstate(invalid="ignore"):
        columns = [*depth, 1e4 * history.spread / history.mid]
    columns = [np.where(missing, np.nan, one) for one in columns]
    bids, asks, spread = (_around(history, one, time, row, lags, span) for one in columns)
    usual, read = (np.where(side[:, None] > 0, a, b) for a, b in zip(asks, bids, strict=True))
    lacking, wider = usual - read, spread[1] - spread[0]
    whole = np.isfinite(lacking).all(axis=1) & np.isfinite(wider).all(axis=1)
    if whole.any():
        lacking /= usual[whole].mean()  # of all: a share of each would weigh the thin ones most
    lacking[~whole], wider[~whole] = np.nan, np.nan
    return Shocks(at, lags, lacking, wider)


def _large(history: History, quantile: float) -> tuple[Ints, Ints, Ints]:
    """Return the first trade of each large order, its time and its side, in the order of time."""
    trades = history.trades
    if not len(history) or not len(trades):
        nothing = np.empty(0, np.int64)
        return nothing, nothing, nothing
    sorted_, number = orders(trades.time, trades.side)
    first = np.flatnonzero(np.diff(number, prepend=0))
    size = np.add.reduceat(trades.size[sorted_], first)
    large = size >= np.quantile(size, quantile, method="inverted_cdf")
    rows = sorted_[first[large]]
    return rows, trades.time[rows], trades.side[rows].astype(np.int64)


def _around(
    history: History, values: Floats, time: Ints, row: Ints, lags: Floats, span: int
) -> tuple[Floats, Floats]:
    """Return the mean of a column over the time before events, (E, 1), and after them, (E, L).

    NaN where that time is not wholly in sync, or a value is missing in it.
    """
    gaps = np.cumsum(history.lost | np.isnan(values))
    known = np.nan_to_num(values)
    until = np.append(0.0, np.cumsum(known * held(history)))[:-1]  # ∫ values up to each state
    begin = time - span
    first = np.searchsorted(history.time, begin, "right") - 1

    def integral(at: Ints, rows: Ints) -> Floats:
        rows = np.maximum(rows, 0)
        return np.asarray(until[rows] + known[rows] * (at - history.time[rows]) / 1e9)

    whole = (first >= 0) & (gaps[np.maximum(row, 0)] == gaps[np.maximum(first, 0)])
    whole &= ~np.isnan(values[np.maximum(first, 0)])
    mean = np.where(whole, (integral(time, row) - integral(begin, first)) * 1e9 / span, np.nan)
    # The first state that may show the order: before it, the book is still that of before.
    shows = np.searchsorted(history.time, time, "left")
    after = np.full((len(time), len(lags)), np.nan)
    last = rows_after(history, time, row, span / 1e9)
    for at, lag in enumerate(lags.tolist()):
        end = np.searchsorted(history.time, time + round(lag * 1e9), "right") - 1
        end = np.maximum(end, np.minimum(shows, len(history) - 1))
        good = (last >= 0) & (end <= last) & (gaps[np.maximum(end, 0)] == gaps[np.maximum(row, 0)])
        after[good, at] = values[end[good]]
    return mean[:, None], after
