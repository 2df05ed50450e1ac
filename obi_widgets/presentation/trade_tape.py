"""The tape: the newest trades, one line for each order that took."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from obi_widgets.history.columns import History

SEARCHED = 4096
"""Newest trades that are searched for lines, at most."""


class Print(NamedTuple):
    """A line of the tape.

    Attributes
    ----------
    time : int
        Event time, ns UTC.
    price : float
        Quote currency.
    size : float
        Base units; the sum of the trades of one time, price and side in a row.
    side : int
        The taker's: +1 bought, −1 sold.
    """

    time: int
    price: float
    size: float
    side: int


def newest_prints(history: History, count: int, least: float, until: int | None) -> list[Print]:
    """Return the newest lines of a tape, the newest first.

    Parameters
    ----------
    history : History
        States and trades.
    count : int
        Lines at most.
    least : float
        Smallest size of a line, base units.
    until : int or None
        Event time, ns UTC, up to which states count; None for all.
    """
    trades = history.trades
    end = len(trades)
    if until is not None:
        row = int(np.searchsorted(history.time, until, "right"))
        end = int(history.trade_ends[row - 1]) - trades.start if row else 0
    trades = trades[max(end - SEARCHED, 0) : end]
    if not len(trades):
        return []
    time, price, side = trades.time, trades.amounts[0], trades.side
    new = (np.diff(time) != 0) | (np.diff(price) != 0) | (np.diff(side) != 0)
    first = np.flatnonzero(np.append(True, new))
    size = np.add.reduceat(trades.size, first)
    kept = np.flatnonzero(size >= least)[::-1][:count]
    rows = first[kept]
    columns = time[rows], trades.price[rows], size[kept], side[rows]
    return [Print(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
