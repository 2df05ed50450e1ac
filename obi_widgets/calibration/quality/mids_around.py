"""Mid just before a trade, and some time after it, in event time and never across a gap.

A state at the very time of a trade may hold the trade's own effect already, so that mid before it
is that of an earlier state. Venues send books at most every so often, and between two states prices
may have moved: with 50 ms between states of a fast market, the spread that trades seem to pay is
ten times the quoted one, nearly all of it moves of mid. Therefore mid before is known only for the
first order since that state. An order is all trades of one side at one time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.forward_returns import too_coarse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Before(NamedTuple):
    """The states before trades; arrays of shape (N,).

    Attributes
    ----------
    row : ndarray of int64
        The last state strictly before each trade; −1 where the record has none.
    mid : ndarray of float64
        Its mid, quote currency; NaN where there is none, and where another order came since.
    at : ndarray of int64
        Nanoseconds in sync from the first state to the trade.
    """

    row: Ints
    mid: Floats
    at: Ints


def before(history: History) -> Before:
    """Return the states before the trades of a history."""
    time, side = history.trades.time, history.trades.side
    if not len(history) or not len(time):
        return Before(np.full(len(time), -1), np.full(len(time), np.nan), np.zeros(len(time), int))
    row = np.searchsorted(history.time, time, "left") - 1
    there = np.maximum(row, 0)
    sorted_, number = orders(time, side)
    since = np.searchsorted(time[sorted_], history.time[there], "right")  # a state has its own time
    own = np.empty(len(time), np.int64)
    own[sorted_] = number
    known = (row >= 0) & (own == number[np.minimum(since, len(time) - 1)])
    mid = np.where(known, history.mid[there], np.nan)
    return Before(row, mid, history.elapsed[there] + np.maximum(time - history.time[there], 0))


def orders(time: Ints, side: NDArray[np.int8]) -> tuple[Ints, Ints]:
    """Return the order in time of trades, and in it the number of the taker's order of each.

    Parameters
    ----------
    time : ndarray of int64, shape (N,)
        Event times, ns.
    side : ndarray of int8, shape (N,)
        Of the taker, +1 or −1.
    """
    sorted_ = np.argsort(time, kind="stable")
    begins = (np.diff(time[sorted_], prepend=time[:1] - 1) != 0) | (
        np.diff(side[sorted_].astype(np.int64), prepend=0) != 0
    )
    return sorted_, np.cumsum(begins)


def rows_after(history: History, time: Ints, row: Ints, seconds: float) -> Ints:
    """Return the state that is the book some time after each trade.

    Parameters
    ----------
    history : History
        T states.
    time, row : ndarray of int64, shape (N,)
        Event times, ns, and the states before them.
    seconds : float
        Seconds after each trade.

    Returns
    -------
    ndarray of int64, shape (N,)
        The last state at or before that time; −1 where the record ends earlier, where the book was
        lost in between, and for a time below ten intervals of the history, which its states cannot
        tell.
    """
    if not len(history) or too_coarse(seconds, history.interval):
        return np.full(len(time), -1)
    until = time + round(seconds * 1e9)
    end = np.maximum(np.searchsorted(history.time, until, "right") - 1, 0)
    lost, there = np.flatnonzero(history.lost), np.maximum(row, 0)
    whole = (row >= 0) & (until <= history.time[-1]) & ~history.lost[there]
    whole &= np.searchsorted(lost, end, "right") == np.searchsorted(lost, there, "right")
    return np.where(whole, end, -1)


def mids_after(history: History, time: Ints, row: Ints, seconds: float) -> Floats:
    """Return mid some time after each event; NaN where `rows_after` has no state, or no mid."""
    end = rows_after(history, time, row, seconds)
    if not len(history):
        return np.full(len(time), np.nan)
    return np.where(end >= 0, history.mid[np.maximum(end, 0)], np.nan)
