"""The entries of a history, as a log has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.paper.log import Logged
from obi_widgets.signals.computing import compute
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import Scanner
from obi_widgets.trading.exits import WORDS
from obi_widgets.trading.sizing import size_weights
from obi_widgets.trading.trade_list import GAP, OPEN, UNFILLED

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.decisions import Decisions
    from obi_widgets.trading.trade_list import Trades


class Backtest(NamedTuple):
    """What settings decide on a whole history.

    Attributes
    ----------
    entries : list of Logged
        The entries, in order; one whose order is on its way at the end is the last.
    decided : Decisions
        What they were decided by.
    """

    entries: list[Logged]
    decided: Decisions


def backtest(history: History, parameters: Parameters) -> Backtest:
    """Return the entries of a history: those of `obi_widgets.entries`."""
    signal = compute(history, parameters)
    scanner = Scanner(parameters)
    scanner.extend(history, signal)
    trades = scanner.decided
    entries = [entry_of(history, trades, row) for row in range(len(trades.side))]
    held = trades.held
    if held is not None and not held.time:
        weight = float(size_weights(parameters, np.array([held.grade]))[0])
        entries.append(Logged(len(entries) + 1, held.side, held.decision_time, weight))
    return Backtest(entries, decisions(history, signal, parameters))


def entry_of(history: History, trades: Trades, row: int) -> Logged:
    """Return a row of trades as a log has it."""
    price, entered = float(trades.entry_price[row]), int(trades.entry_time[row])
    lost, missed = bool(trades.lost[row]), bool(trades.missed[row])
    filled, is_open = not np.isnan(price), trades.is_open and row == len(trades.side) - 1
    found = Logged(
        row + 1, int(trades.side[row]), int(trades.decision_time[row]), float(trades.weight[row]),
        entered=entered if filled else 0, entry_price=price,
    )  # fmt: skip
    if is_open:
        found.ended = OPEN
    elif not filled:
        found.exited, found.ended = entered, UNFILLED if missed else GAP
    elif lost:
        found.exited, found.ended = _lost_after(history, entered), GAP
    else:
        found.exited, found.exit_price = int(trades.exit_time[row]), float(trades.exit_price[row])
        found.ended = WORDS[int(trades.reason[row])]
    return found


def _lost_after(history: History, time: int) -> int:
    """Return when the book was lost after a time, ns UTC."""
    begin = int(np.searchsorted(history.time, time))
    lost = np.flatnonzero(history.lost[begin:])
    return int(history.time[begin + int(lost[0])]) if len(lost) else time
