"""Signal, entries and results of a growing history, up to date when states or settings change."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import ObiError, SettingsError
from obi_widgets.trading.entries import Scanner, tally
from obi_widgets.trading.post_only import QUEUES
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.rows import Newest
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.trade_list import Results, Trades

log = logging.getLogger(__name__)

SAME = 1e-9
"""Largest difference between a value of appended states and that of the whole history. It is
relative if the value is above 1."""


class Analysis:
    """Computes each new state once, and all states again when a setting changes.

    Parameters
    ----------
    parameters : Parameters
        Settings to start with.

    Attributes
    ----------
    history : History
        History of the last update; all other attributes belong to it.
    signal : ndarray of float64, shape (T,)
        Signal of each state with the settings, in its unit.
    trades : Trades
        Entries and exits, see `obi_widgets.entries`. An entry stays while its state is kept, also
        if earlier states that it depends on have been dropped. For post-only orders, the entries
        if the order is last in the queue.
    front : Results or None
        Results of post-only orders that are first in the queue; None for a taker.
    trouble : str
        What is wrong with the signal function: it raised an error, and the signal is NaN; or it
        gives other values for appended states than for the whole history. Empty if nothing is.
    untold : str
        Why no entries can be computed: post-only orders need trades. Empty if they can.
    """

    history: History
    trades: Trades

    def __init__(self, parameters: Parameters) -> None:
        self._choose(parameters)
        self.trouble = self.untold = ""
        self.front: Results | None = None
        self._failed = False
        self._scanners = _scanners(parameters)
        self._buffer = np.empty(0)
        self._filled = 0
        self._start = 0
        self._at_once = 0  # states that were computed at once, counted from the first
        self._compare_at = 1  # number of appended states at the next comparison
        self._ranks = np.empty(0)  # compared with a quantile threshold; see `compared`
        self._counted = 0  # rows that are counted below, and have a rank
        self._with_signal = self._beyond = 0  # states with a signal; those beyond the threshold

    @property
    def signal(self) -> NDArray[np.float64]:
        """The signal of every state, in its unit; NaN without a value."""
        return self._buffer[: self._filled]

    @property
    def results(self) -> Results:
        """Results of the trades."""
        return self.trades.results

    @property
    def beyond(self) -> float:
        """Fraction of the states with a signal that are beyond the threshold; NaN without any."""
        return self._beyond / self._with_signal if self._with_signal else np.nan

    def update(self, history: History, parameters: Parameters) -> None:
        """Update everything to a later history of the same market."""
        if parameters is not self.parameters or not self._append(history):
            self._update(history, parameters)
        self.history = history

    def _append(self, history: History) -> bool:
        """Compute a single new state; return False if there are more, and `_update` is needed.

        The result is that of `_update`, in a small part of its time: unless the state may enter or
        leave a trade, most columns of the history are not read.
        """
        newest: Newest | None = history.newest
        row = self._filled
        if newest is None or history.start != self._start or row != self._counted:
            return False
        if newest.row == row - 1:
            return True
        if newest.row != row or self._newest is None or row >= len(self._buffer):
            return False
        value, columns = self._newest(newest), newest.columns
        self._buffer[row] = value
        self._filled = self._counted = row + 1
        self._with_signal += value == value  # not NaN
        self._beyond += abs(value) > self.parameters.threshold
        if not self._scanners[0].skip(columns.time[row], columns.bid[row], columns.ask[row], value):
            self._decide(history)
        return True

    def _decide(self, history: History) -> None:
        """Decide on the new states; for post-only orders, by both bounds of the queue."""
        try:
            for scanner in self._scanners:
                scanner.extend(history, self.signal)
            self.untold = ""
        except SettingsError as error:  # no trade on the tape yet: decide all states once there is
            self.untold = str(error)
            self._scanners = _scanners(self.parameters)
        self.trades, *front = (scanner.trades(history) for scanner in self._scanners)
        self.front = front[0].results if front else None

    def _update(self, history: History, parameters: Parameters) -> None:
        known = self._start + self._filled
        again = history.start + len(history) < known or history.start < self._start
        again |= history.start > known  # states were dropped before they were seen
        again |= self._failed
        if again or parameters != self.parameters:
            if again or parameters.of_signal != self.parameters.of_signal:
                self._filled = 0
            self._scanners = _scanners(parameters)
            self._choose(parameters)
            self._counted = self._with_signal = self._beyond = 0
        self._drop(max(history.start - self._start, 0))
        self._start = history.start
        if self._filled < len(history):
            self._compute(history, parameters)
        self._decide(history)
        self._rank(history)
        self._count(slice(self._counted, len(history)), +1)
        self._counted = len(history)

    def _choose(self, parameters: Parameters) -> None:
        """Set the settings, and the function that computes the signal of one new state, if any."""
        self.parameters = parameters
        self._newest = None
        if parameters.threshold_is == "value" and parameters.execution == "taker":
            self._newest = parameters.signal.newest_by(dict(parameters.values))

    def _compute(self, history: History, parameters: Parameters) -> None:
        """Compute the new states; if the signal fails, it is NaN for all states."""
        known = self._filled
        if len(history) > len(self._buffer):
            grown = np.empty(len(history) + max(len(history) // 4, 1024))
            grown[:known] = self.signal
            self._buffer = grown
        signal, values = parameters.signal, dict(parameters.values)
        try:
            self._buffer[known : len(history)] = signal.compute(history, values, known)
            self._filled = len(history)
            if not known:
                self.trouble, self._failed = "", False
            if signal.checked:
                self._compare(history, known)
        except Exception as error:
            if not signal.checked:
                raise  # a signal of this package: the user cannot correct it
            trouble = _failure(signal.name, error)
            if trouble != self.trouble:  # once, not ten times a second
                log.exception("The signal %s failed.", signal.name)
            self.trouble, self._failed = trouble, True
            self._filled = len(history)
            self._buffer[: self._filled] = np.nan
            self._scanners = _scanners(parameters)
            self._counted = self._with_signal = self._beyond = 0

    def _compare(self, history: History, known: int) -> None:
        """Compare appended values with the whole, each time that their number has doubled."""
        states = history.start + len(history)
        if not known:
            self._at_once, self._compare_at = states, 1
            return
        appended = states - self._at_once
        if appended < self._compare_at:
            return
        self._compare_at = 2 * appended
        signal, values = self.parameters.signal, dict(self.parameters.values)
        whole = signal.compute(history, values)
        first = signal.settled(history, values)
        kept, whole = self.signal[first:], whole[first:]
        same = np.abs(kept - whole) <= SAME * np.maximum(np.abs(whole), 1)
        same |= np.isnan(kept) & np.isnan(whole)
        if not same.all():
            self.trouble = (
                f"The signal {signal.name} gives other values when states are appended than when "
                "the whole history is computed at once. Let each value depend only on its own "
                "state and on those within lookback."
            )

    def _drop(self, rows: int) -> None:
        if rows:
            self._count(slice(min(rows, self._counted)), -1)
            self._counted = max(self._counted - rows, 0)
            self._ranks = self._ranks[rows:]
        kept = max(self._filled - rows, 0)
        if rows and kept:
            self._buffer = self._buffer[rows:].copy()
        self._filled = kept

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


def _scanners(parameters: Parameters) -> list[Scanner]:
    """Return the scanners of entries: one; for post-only orders two, one for each queue bound."""
    queues = QUEUES if parameters.execution == "post_only" else QUEUES[:1]
    return [Scanner(parameters, queue) for queue in queues]


def _failure(name: str, error: Exception) -> str:
    """Return the sentence to show about a signal that failed."""
    if isinstance(error, ObiError):
        return str(error)
    return (
        f"The signal {name} failed: {error!r}. Correct its function, and choose the signal again."
    )
