"""Entries in the window of a chart: those that are drawn, and those that are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obi_widgets.presentation.charts.downsampling import spaced_marks
from obi_widgets.presentation.texts.formatting import NOTHING, number
from obi_widgets.presentation.texts.reading_text import clock, traded
from obi_widgets.trading.exits import WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.presentation.charts.window import Window
    from obi_widgets.trading.trade_list import Trades

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LOST, WON, OPEN = 0, 1, 2
"""How the line of an entry is drawn: it lost, it won (before fees), it has no exit."""

MOST_LISTED = 200
"""Entries that a list shows; it says how many there are."""

ORDERS = ("newest", "oldest", "worst", "best")
"""Orders of a list of entries: by time, and by the result after fees."""


def in_view(trades: Trades, window: Window) -> Ints:
    """Return the rows of entries that were filled and reach into a window."""
    end = np.where(trades.exit_time > 0, trades.exit_time, trades.entry_time)
    seen = (end >= window.start) & (trades.entry_time <= window.end)
    return np.flatnonzero(seen & np.isfinite(trades.entry_price))


class EntryMarks(NamedTuple):
    """Entries that a chart draws, one element each.

    Attributes
    ----------
    entry_time, exit_time : ndarray of int64
        Nanoseconds UTC; the exit time of an entry without an exit is its entry time.
    entry_price, exit_price : ndarray of float64
        Quote currency; NaN without an exit.
    kind : ndarray of int8
        Side times (1 + how its line is drawn): −3 to +3.
    left_out : int
        Entries in the window that are not drawn, because another one would hide them.
    """

    entry_time: Ints
    entry_price: Floats
    exit_time: Ints
    exit_price: Floats
    kind: NDArray[np.int8]
    left_out: int

    @classmethod
    def of(cls, trades: Trades, window: Window) -> EntryMarks:
        """Return the entries of a window that do not hide each other."""
        seen = in_view(trades, window)
        rows = seen[spaced_marks(trades.entry_time[seen], window)]
        exit_time = trades.exit_time[rows]
        return cls(
            trades.entry_time[rows],
            trades.entry_price[rows],
            np.where(exit_time > 0, exit_time, trades.entry_time[rows]),
            trades.exit_price[rows],
            kinds(trades.side[rows], trades.gross_bps[rows]),
            len(seen) - len(rows),
        )


def kinds(side: NDArray[np.int8], gross_bps: Floats) -> NDArray[np.int8]:
    """Return how entries are drawn, see `EntryMarks`."""
    drawn = np.where(np.isnan(gross_bps), OPEN, np.where(gross_bps > 0, WON, LOST))
    return np.asarray(side * (1 + drawn), np.int8)


def listed(trades: Trades, window: Window, order: str) -> tuple[Ints, int]:
    """Return the rows of a list of entries in a window, first to last, and how many there are.

    Entries without a result come last if the order is by result.
    """
    rows = in_view(trades, window)
    if order in ("worst", "best"):
        net = trades.net_bps[rows]
        rows = rows[np.argsort(net if order == "worst" else -net, kind="stable")]  # NaN last
    elif order == "newest":
        rows = rows[::-1]
    return rows[:MOST_LISTED], len(rows)


def list_rows(trades: Trades, rows: Ints, tick_size: float) -> list[list[Any]]:
    """Return the texts of a list of entries.

    Returns
    -------
    list of list
        For each: side (``"bid"`` or ``"ask"``), times and prices of entry and exit, why it was
        left, gross and net in bps, and the tone of the net (``"good"``, ``"bad"`` or empty).
    """
    out = []
    net = trades.net_bps
    for row in rows.tolist():
        done = bool(trades.exit_time[row])
        lost = "lost in a gap" if trades.lost[row] else "open"
        out.append([
            "bid" if trades.side[row] > 0 else "ask",
            clock(int(trades.entry_time[row]), 1),
            traded(float(trades.entry_price[row]), tick_size),
            clock(int(trades.exit_time[row]), 1) if done else lost,
            traded(float(trades.exit_price[row]), tick_size),
            WORDS[trades.reason[row]] if done else NOTHING,
            number(float(trades.gross_bps[row]), 2, sign=True),
            number(float(net[row]), 2, sign=True),
            ("good" if net[row] > 0 else "bad") if done else "",
        ])  # fmt: skip
    return out


def nearest(trades: Trades, entry_time: int) -> int | None:
    """Return the row of the filled entry that was entered nearest to a time; None without one."""
    filled = np.flatnonzero(np.isfinite(trades.entry_price))
    if not len(filled):
        return None
    return int(filled[np.argmin(np.abs(trades.entry_time[filled] - entry_time))])
