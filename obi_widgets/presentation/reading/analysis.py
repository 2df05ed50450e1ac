"""Signal, entries and results of a growing history, up to date when states or settings change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import SettingsError
from obi_widgets.presentation.reading.signal_values import SignalValues
from obi_widgets.trading.cap_effect import cap_effect
from obi_widgets.trading.declared import BEYOND, leaves_early
from obi_widgets.trading.entries import Scanner, tally
from obi_widgets.trading.post_only import queues_of
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.history.rows import Newest
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.trade_list import Results, Trades


class Analysis(SignalValues):
    """Computes each new state once, and all states again when a setting changes.

    Parameters
    ----------
    parameters : Parameters
        Settings to start with.

    Attributes
    ----------
    history, parameters, signal, trouble
        See `SignalValues`.
    trades : Trades
        Entries and exits, see `obi_widgets.entries`. An entry stays while its state is kept, also
        if earlier states that it depends on have been dropped. For post-only orders, the entries
        if the order is last in the queue.
    front_trades : Trades or None
        Entries by post-only orders that are first in the queue; None for a taker.
    cap : str
        What ``most_per_hour`` leaves out, in a sentence; empty without it.
    untold : str
        Why no entries can be computed: post-only orders need trades. Empty if they can.
    """

    trades: Trades

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self.untold = self.cap = ""
        self.front_trades: Trades | None = None
        self._ranks = np.empty(0)  # compared with a quantile threshold; see `compared`
        self._begin_anew()

    @property
    def results(self) -> Results:
        """Results of the trades."""
        return self.trades.results

    @property
    def front(self) -> Results | None:
        """Results of ``front_trades``; None for a taker."""
        return None if self.front_trades is None else self.front_trades.results

    @property
    def beyond(self) -> float:
        """Fraction of the states with a signal that are beyond the threshold; NaN without any."""
        return self._beyond / self._with_signal if self._with_signal else np.nan

    def _choose(self, parameters: Parameters) -> None:
        super()._choose(parameters)
        p = parameters
        usual = p.threshold_is == "value" and p.entry_rule == BEYOND and not p.gates
        if not usual or leaves_early(p) or p.execution != "taker":
            self._newest = None  # their entries need more than the new state

    def _append(self, history: History) -> bool:
        return self._filled == self._counted and super()._append(history)

    def _appended(self, newest: Newest, value: float) -> None:
        """Take the value of a new state. A taker's trade depends on none before that decides it."""
        columns, row = newest.columns, newest.row
        self._counted = row + 1
        self._with_signal += value == value  # not NaN
        self._beyond += abs(value) > self.parameters.threshold
        state = columns.time[row], columns.bid[row], columns.ask[row], value
        acts = [one for one in (self._scanners[0], *self._free) if not one.skip(*state)]
        if acts:
            for scanner in acts:
                scanner.extend(newest.history(), self._buffer[row : row + 1])
            self.trades = self._scanners[0].decided
            self._compare_cap([one.decided for one in self._free])

    def _update(self, history: History, parameters: Parameters) -> None:
        super()._update(history, parameters)
        self._decide(history)
        self._rank(history)
        self._count(slice(self._counted, len(history)), +1)
        self._counted = len(history)

    def _begin_anew(self) -> None:
        self._scanners, self._free = _scanners(self.parameters)
        self._counted = 0  # rows that are counted below, and have a rank
        self._with_signal = self._beyond = 0  # states with a signal; those beyond the threshold

    def _decide(self, history: History) -> None:
        """Decide on the new states; for post-only orders, by both bounds of the queue."""
        try:
            for scanner in (*self._scanners, *self._free):
                scanner.extend(history, self.signal)
            self.untold = ""
        except SettingsError as error:  # no trade on the tape yet: decide all states once there is
            self.untold = str(error)
            self._scanners, self._free = _scanners(self.parameters)
        self.trades, *front = (scanner.trades(history) for scanner in self._scanners)
        self.front_trades = front[0] if front else None
        self._compare_cap([scanner.trades(history) for scanner in self._free])

    def _compare_cap(self, free: list[Trades]) -> None:
        self.cap = cap_effect(self.trades, free[0]) if free and not self.untold else ""

    def _drop(self, rows: int) -> None:
        if rows:
            self._count(slice(min(rows, self._counted)), -1)
            self._counted = max(self._counted - rows, 0)
            self._ranks = self._ranks[rows:]
        super()._drop(rows)

    def _rank(self, history: History) -> None:
        """Rank new states among those before them, if the threshold is a quantile."""
        if self.parameters.threshold_is == "value":
            return
        new = self._counted
        if len(history) > len(self._ranks):
            grown = np.empty(len(history) + max(len(history) // 4, 1024))
            grown[:new] = self._ranks[:new]
            self._ranks = grown
        ranks = compared(history, self.signal, self.parameters, new)
        self._ranks[new : len(history)] = ranks[new:]

    def _count(self, rows: slice, sign: int) -> None:
        """Count states (+1), or remove them from the count (−1)."""
        values = self.signal if self.parameters.threshold_is == "value" else self._ranks
        with_signal, beyond = tally(values[rows], self.parameters.threshold)
        self._with_signal += sign * with_signal
        self._beyond += sign * beyond


def _scanners(parameters: Parameters) -> tuple[list[Scanner], list[Scanner]]:
    """Return the scanners of entries: one; for post-only orders two, one for each queue bound.

    With a cap there is another, of entries without it, to say what the cap leaves out.
    """
    queues = queues_of(parameters)
    free = [] if parameters.most_per_hour is None else [parameters.replace(most_per_hour=None)]
    return [Scanner(parameters, queue) for queue in queues], [Scanner(p, queues[0]) for p in free]
