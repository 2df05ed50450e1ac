"""Equity: the gains of hypothetical entries, summed up by the time of their exits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.presentation.charts.axis_range import Axis
from obi_widgets.presentation.charts.window import PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.presentation.charts.window import Window
    from obi_widgets.trading.trade_list import Trades

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MANY = 2 * PIXELS
"""Exits in a window from which on only extremes are drawn."""

WIDE = 2
"""Columns of pixels in which extremes are looked for together."""

LEAST = 1.0
"""Smallest range of the chart, bps."""


@dataclass(frozen=True)
class Totals:
    """What entries gained together. Entries without a result, lost in a gap or open, do not count.

    Gains are in bps of the value of a whole size: that of a smaller entry counts by its weight.

    Attributes
    ----------
    entries : int
        Their number.
    gross, net : float
        Sums of their gains before and after fees, bps.
    break_even : float
        Fee of each side at which ``net`` would be 0, bps; NaN without entries.
    fee : float
        Mean fee of a side, bps; NaN without entries.
    drawdown : float
        Largest fall of the summed net gain below what it had been, bps, 0 or more.
    drawdown_now : float
        How far it is below that at the end, bps.
    """

    entries: int
    gross: float
    net: float
    break_even: float
    fee: float
    drawdown: float
    drawdown_now: float

    @classmethod
    def of(cls, trades: Trades, which: slice | NDArray[np.bool_] = slice(None)) -> Totals:
        """Add up the trades that have an exit."""
        weight = trades.weight[which]
        ended = ~np.isnan(trades.gross_bps[which])
        gross, net, fees = (
            (weight * one[which])[ended]
            for one in (trades.gross_bps, trades.net_bps, trades.fees_bps)
        )
        total = float(weight[ended].sum())
        if not len(gross):
            return cls(0, 0.0, 0.0, np.nan, np.nan, 0.0, 0.0)
        curve = np.append(0.0, np.cumsum(net))
        below = np.maximum.accumulate(curve) - curve
        return cls(
            len(gross), float(gross.sum()), float(net.sum()), float(gross.sum()) / total / 2,
            float(fees.sum()) / total / 2, float(below.max()), float(below[-1]),
        )  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """The sums after each exit in a window, as corners of step lines.

    Attributes
    ----------
    time : ndarray of int64, shape (n,)
        Nanoseconds UTC: the beginning of the window, exits, and its end. Empty without exits.
    gross, net : ndarray of float64, shape (n,)
        Summed gains before and after fees, bps; 0 where the window begins.
    totals : Totals
        Of all exits in the window.
    """

    time: Ints
    gross: Floats
    net: Floats
    totals: Totals

    @classmethod
    def of(cls, trades: Trades, window: Window, newest: int) -> Curve:
        """Add up the entries whose exit is in the window; the line ends at the newest state."""
        ended = np.flatnonzero(trades.exit_time)
        time = trades.exit_time[ended]
        first, last = np.searchsorted(time, window[:2]).tolist()
        rows, time = ended[first:last], time[first:last]
        chosen = np.zeros(len(trades.side), bool)
        chosen[rows] = True
        totals = Totals.of(trades, chosen)
        if not len(rows):
            return cls(time, np.empty(0), np.empty(0), totals)
        weight = trades.weight[rows]
        gross = np.cumsum(weight * trades.gross_bps[rows])
        net = np.cumsum(weight * trades.net_bps[rows])
        if len(rows) > MANY:
            kept = _extremes(time // (WIDE * window.column), gross, net)
            time, gross, net = time[kept], gross[kept], net[kept]
        end = max(
            min(newest // window.column * window.column + window.column, window.end), time[-1]
        )
        return cls(
            np.concatenate([[window.start], time, [max(end, time[-1])]]),
            np.concatenate([[0.0], gross, gross[-1:]]),
            np.concatenate([[0.0], net, net[-1:]]),
            totals,
        )


def _extremes(column: Ints, *lines: Floats) -> Ints:
    """Return the rows of the extremes of lines, and the last row, of each column."""
    first = np.flatnonzero(np.append(True, np.diff(column) != 0))
    number = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(column))))
    kept = [np.append(first[1:], len(column)) - 1]
    for line in lines:
        for reduction in (np.minimum, np.maximum):
            hits = np.flatnonzero(line == reduction.reduceat(line, first)[number])
            _, one = np.unique(number[hits], return_index=True)
            kept.append(hits[one])
    return np.unique(np.concatenate(kept))


@dataclass(frozen=True)
class Equity:
    """What the chart of equity shows.

    Attributes
    ----------
    curve : Curve
        Entries that ended in the window; of post-only orders, if last in the queue.
    front : Curve or None
        If first in the queue; None for a taker.
    whole : Totals
        All entries of the history.
    whole_front : Totals or None
        If first in the queue; None for a taker.
    sealed : Totals or None
        Entries of the history that were decided after the settings were sealed; None without a
        sealed test of these settings. The test itself begins without a position, so that it may
        differ by the entries about the seal.
    sealed_at : int or None
        When they were sealed, nanoseconds UTC.
    lost : int
        Entries decided in the window whose result is unknown, because the book was lost.
    is_open : bool
        Whether an entry has not ended; it is left out.
    scale : tuple of float
        Range of the chart, bps; it contains 0.
    """

    curve: Curve
    front: Curve | None
    whole: Totals
    whole_front: Totals | None
    sealed: Totals | None
    sealed_at: int | None
    lost: int
    is_open: bool
    scale: tuple[float, float]


class EquityMaker:
    """Makes the equity of each frame; nothing is added up again while entries and window stay."""

    def __init__(self) -> None:
        self._axis, self._axis_for = Axis(LEAST), 0
        self._of: tuple[Trades, Trades | None] | None = None
        self._sealed_at: int | None = None
        self._where: tuple[Window, int] | None = None
        self._whole: list[Totals] = []
        self._sealed: Totals | None = None
        self._equity: Equity | None = None

    def make(
        self,
        trades: Trades,
        front: Trades | None,
        window: Window,
        newest: int,
        sealed_at: int | None = None,
    ) -> Equity:
        """Return the equity of a window.

        Parameters
        ----------
        trades, front : Trades
            Entries; ``front`` those of post-only orders that are first in the queue, else None.
        window : Window
            Part of time that is shown.
        newest : int
            Event time of the newest state, nanoseconds UTC.
        sealed_at : int, optional
            When the settings were sealed, nanoseconds UTC.
        """
        both = [trades] if front is None else [trades, front]
        of, where = (trades, front), (window, newest // window.column)
        same = self._of is not None and self._of[0] is trades and self._of[1] is front
        same &= self._sealed_at == sealed_at
        if not same:
            self._of, self._sealed_at = of, sealed_at
            self._whole, self._sealed = [Totals.of(one) for one in both], None
            if sealed_at is not None:
                self._sealed = Totals.of(trades, trades.decision_time > sealed_at)
        if self._equity is None or not same or self._where != where:
            self._where = where
            self._equity = self._make([Curve.of(one, window, newest) for one in both], window)
        return self._equity

    def _make(self, curves: list[Curve], window: Window) -> Equity:
        assert self._of is not None
        trades = self._of[0]
        if self._axis_for != window.column:
            self._axis, self._axis_for = Axis(LEAST), window.column
        values = [np.zeros(1), *(line for curve in curves for line in (curve.gross, curve.net))]
        seen = (trades.decision_time >= window.start) & (trades.decision_time < window.end)
        return Equity(
            curves[0],
            curves[1] if len(curves) > 1 else None,
            self._whole[0],
            self._whole[1] if len(curves) > 1 else None,
            self._sealed,
            self._sealed_at,
            int(np.count_nonzero(trades.lost & seen)),
            trades.is_open,
            self._axis.follow(np.concatenate(values)),
        )


def gained_by(trades: Trades, window: Window, time: int) -> tuple[float, float]:
    """Return the sums of gross and net, bps, of the exits from a window's begin up to a time."""
    ended = np.flatnonzero(trades.exit_time)
    first, last = np.searchsorted(trades.exit_time[ended], [window.start, time + 1]).tolist()
    rows = ended[first:last]
    weight = trades.weight[rows]
    gross, net = weight * trades.gross_bps[rows], weight * trades.net_bps[rows]
    return float(gross.sum()), float(net.sum())
