"""Hypothetical entries: what the threshold and the hold would have done, in event time.

At each state, first a position that is due is closed, then, when flat, the signal decides: above
the threshold long, below its negative short. One position at a time. Nothing is ever sent
anywhere: these are the trades of a hindsight without look-ahead.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.settings import Parameters
from obi_widgets.signals import imbalance

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history import History
    from obi_widgets.settings import Settings

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SIDE, ENTRY_TIME, ENTRY_PRICE = 0, 1, 2
HELD, GAP, OPEN = "held", "gap", "open"
"""Why an entry ended: held to its time; the book was lost meanwhile; it has not ended yet."""


@dataclass(frozen=True)
class Trades:
    """Entries, a row each, in the order they were made.

    Attributes
    ----------
    side : ndarray of int64
        +1 long, −1 short.
    entry_time, exit_time : ndarray of int64
        Nanoseconds UTC; an exit of 0 has not come yet, or never will because of a gap.
    entry_price, exit_price : ndarray of float64
        Quote currency; NaN where there is no exit.
    lost : ndarray of bool
        Whether the book was lost before the exit.
    fee_bps : float
        The fee of one side.
    """

    side: Ints
    entry_time: Ints
    entry_price: Floats
    exit_time: Ints
    exit_price: Floats
    lost: NDArray[np.bool_]
    fee_bps: float

    @cached_property
    def gross_bps(self) -> Floats:
        """Side · (exit − entry) / entry · 1e4."""
        return np.asarray(self.side * (self.exit_price / self.entry_price - 1) * 1e4)

    @property
    def net_bps(self) -> Floats:
        """``gross_bps`` less the fee of both sides."""
        return self.gross_bps - 2 * self.fee_bps


@dataclass(frozen=True)
class Results:
    """What entries came to. ``mean_net_se`` is the standard error of the mean, NaN below two."""

    entries: int
    won: float
    mean_gross_bps: float
    mean_net_bps: float
    mean_net_se: float

    @classmethod
    def of(cls, trades: Trades) -> Results:
        """Sum up the trades that have an exit; NaN where there is none."""
        gross = trades.gross_bps[~np.isnan(trades.gross_bps)]
        net = trades.net_bps[~np.isnan(trades.net_bps)]
        count = len(gross)
        if not count:
            return cls(0, np.nan, np.nan, np.nan, np.nan)
        error = float(net.std(ddof=1) / np.sqrt(count)) if count > 1 else np.nan
        return cls(count, float(np.mean(gross > 0)), float(gross.mean()), float(net.mean()), error)


class Scanner:
    """Decides entries over a history that grows, each state once."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._hold = round(parameters.hold_seconds * 1e9)
        self._rows: list[list[Any]] = []  # in the order of the fields of Trades
        self._open = False
        self._next = 0  # the first state not decided on, counted from the first state ever
        self._trades: Trades | None = None

    def extend(self, history: History, signal: Floats) -> None:
        """Decide on the states that came since; ``signal`` belongs to all of the history."""
        time = history.time
        row = max(self._next - history.start, 0)
        self._next = history.start + len(time)
        out = np.isnan(history.bid[row:]) & np.isnan(history.ask[row:])
        gaps = (np.flatnonzero(out) + row).tolist()
        beyond = np.abs(signal[row:]) > self.parameters.threshold  # False for NaN
        candidates = (np.flatnonzero(beyond) + row).tolist()
        while True:
            if self._open:
                due = int(np.searchsorted(time, self._rows[-1][ENTRY_TIME] + self._hold))
                while due < len(time) and not history.bid[due] < history.ask[due]:
                    due += 1  # a due position waits for a side that came empty
                next_gap = bisect_left(gaps, row)
                if next_gap < len(gaps) and gaps[next_gap] <= due:
                    row = gaps[next_gap]
                    self._close(0, np.nan, lost=True)
                elif due < len(time):
                    row = due
                    self._close(int(time[row]), self._price(history, row, -1), lost=False)
                else:
                    break
            at = bisect_left(candidates, row)
            if at == len(candidates):
                break
            row = candidates[at]
            side = 1 if signal[row] > 0 else -1
            self._rows.append([side, int(time[row]), 0.0, 0, np.nan, False])
            self._rows[-1][ENTRY_PRICE] = self._price(history, row, +1)
            self._open = True
            self._trades = None

    def _close(self, time: int, price: float, *, lost: bool) -> None:
        self._rows[-1][ENTRY_PRICE + 1 :] = [time, price, lost]
        self._open = False
        self._trades = None

    def _price(self, history: History, row: int, direction: int) -> float:
        """Return what getting in (+1) or out (−1) of the newest entry costs at a state."""
        bid, ask = float(history.bid[row]), float(history.ask[row])
        if self.parameters.price == "mid":
            return (bid + ask) / 2
        return ask if self._rows[-1][SIDE] * direction > 0 else bid

    def trades(self, history: History) -> Trades:
        """Return the entries made at states that the history still holds, and the open one."""
        oldest = int(history.time[0]) if len(history) else 0
        dropped = bisect_left(self._rows, oldest, key=lambda row: row[ENTRY_TIME])
        dropped = min(dropped, len(self._rows) - self._open)
        if self._trades is None or dropped:
            del self._rows[:dropped]
            columns = list(zip(*self._rows, strict=True)) or [()] * 6
            types: tuple[Any, ...] = (int, int, float, int, float, bool)
            side, entry_time, entry_price, exit_time, exit_price, lost = (
                np.array(column, dtype) for column, dtype in zip(columns, types, strict=True)
            )
            self._trades = Trades(
                side, entry_time, entry_price, exit_time, exit_price, lost, self.parameters.fee_bps
            )
        return self._trades


def entries(history: History, settings: Settings | Parameters) -> pd.DataFrame:
    """Return the entries that the settings would have made.

    Parameters
    ----------
    history : History
        Book states.
    settings : Settings or Parameters
        All are used.

    Returns
    -------
    DataFrame
        A row an entry: ``side`` (+1 long, −1 short), ``entry_time``, ``exit_time`` (UTC),
        ``entry_price``, ``exit_price`` (quote currency), ``gross_bps``, ``net_bps`` (after the
        fees of both sides), ``ended`` (``"held"``; ``"gap"``: the book was lost meanwhile, and
        the result is not known; ``"open"``: not yet). NaT and NaN where there is no exit.
    """
    import pandas as pd

    parameters = Parameters.of(settings)
    scanner = Scanner(parameters)
    scanner.extend(history, imbalance(history, parameters))
    trades = scanner.trades(history)
    done = trades.exit_time > 0
    exit_time = trades.exit_time.view("datetime64[ns]").copy()
    exit_time[~done] = np.datetime64("NaT")
    columns: dict[str, Any] = {
        "side": trades.side,
        "entry_time": pd.to_datetime(trades.entry_time.view("datetime64[ns]"), utc=True),
        "entry_price": trades.entry_price,
        "exit_time": pd.to_datetime(exit_time, utc=True),
        "exit_price": trades.exit_price,
        "gross_bps": trades.gross_bps,
        "net_bps": trades.net_bps,
        "ended": np.where(done, HELD, np.where(trades.lost, GAP, OPEN)),
    }
    return pd.DataFrame(columns)
