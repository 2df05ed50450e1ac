"""The newest signal, entries and results of a history that grows while settings change."""

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
"""By how much a value may differ from that of the whole history, relative where it is above 1."""


class Analysis:
    """Follows a history: each new state is computed once, all of them when a setting changes.

    Parameters
    ----------
    parameters : Parameters
        What to start with.

    Attributes
    ----------
    history : History
        What the rest belongs to.
    signal : ndarray of float64, shape (T,)
        Of the settings.
    trades : Trades
        See `obi_widgets.entries`. Entries that were made stay while their state is kept, also
        when the states that led to them have been dropped.
        For post-only orders, the entries if last in the queue.
    front : Results or None
        Results of post-only orders if first in the queue; None for a taker.
    trouble : str
        What is wrong with the signal itself: it failed, and has no value; or it gives other values
        for a history that was appended to than for the whole. Empty where nothing is.
    untold : str
        Why there are no entries: those of post-only orders need trades. Empty where there may be.
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
        self._whole = 0  # states that were computed at once, counted from the first ever
        self._compare_at = 1  # states appended since, when they are next compared with the whole
        self._places = np.empty(0)  # what a quantile is held against; see `compared`
        self._tallied = 0  # the rows that are in the tally, and in places
        self._having = self._beyond = 0  # states with a signal; of them, beyond the threshold

    @property
    def signal(self) -> NDArray[np.float64]:
        """The signal of every state of the history."""
        return self._buffer[: self._filled]

    @property
    def results(self) -> Results:
        """What the trades came to."""
        return self.trades.results

    @property
    def beyond(self) -> float:
        """The fraction of states in sync whose signal is beyond the threshold; NaN without any."""
        return self._beyond / self._having if self._having else np.nan

    def update(self, history: History, parameters: Parameters) -> None:
        """Bring everything up to date with a later history of the same market."""
        if parameters is not self.parameters or not self._append(history):
            self._update(history, parameters)
        self.history = history

    def _append(self, history: History) -> bool:
        """Take the one state that came since, or none; return whether it was not more than that.

        It comes to the same as `_update`, in a small part of the time: most of what a history has
        is not asked for, unless something is entered or left.
        """
        newest: Newest | None = history.newest
        row = self._filled
        if newest is None or history.start != self._start or row != self._tallied:
            return False
        if newest.row == row - 1:
            return True
        if newest.row != row or self._newest is None or row >= len(self._buffer):
            return False
        value, columns = self._newest(newest), newest.columns
        self._buffer[row] = value
        self._filled = self._tallied = row + 1
        self._having += value == value  # not NaN
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
        except SettingsError as error:  # no trade so far: all is decided once there is one
            self.untold = str(error)
            self._scanners = _scanners(self.parameters)
        self.trades, *front = (scanner.trades(history) for scanner in self._scanners)
        self.front = front[0].results if front else None

    def _update(self, history: History, parameters: Parameters) -> None:
        known = self._start + self._filled
        again = history.start + len(history) < known or history.start < self._start
        again |= history.start > known  # states have come and gone unseen
        again |= self._failed
        if again or parameters != self.parameters:
            if again or parameters.of_signal != self.parameters.of_signal:
                self._filled = 0
            self._scanners = _scanners(parameters)
            self._choose(parameters)
            self._tallied = self._having = self._beyond = 0
        self._drop(max(history.start - self._start, 0))
        self._start = history.start
        if self._filled < len(history):
            self._compute(history, parameters)
        self._decide(history)
        self._place(history)
        self._count(slice(self._tallied, len(history)), +1)
        self._tallied = len(history)

    def _choose(self, parameters: Parameters) -> None:
        """Take the settings, and what computes their signal of the newest state alone."""
        self.parameters = parameters
        self._newest = None
        if parameters.threshold_is == "value" and parameters.execution == "taker":
            self._newest = parameters.signal.newest_by(dict(parameters.values))

    def _compute(self, history: History, parameters: Parameters) -> None:
        """Compute the states that came since; all of them have no value where that fails."""
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
                raise  # one of ours: nothing that a user could mend
            trouble = _told(signal.name, error)
            if trouble != self.trouble:  # once, not ten times a second
                log.exception("The signal %s failed.", signal.name)
            self.trouble, self._failed = trouble, True
            self._filled = len(history)
            self._buffer[: self._filled] = np.nan
            self._scanners = _scanners(parameters)
            self._tallied = self._having = self._beyond = 0

    def _compare(self, history: History, known: int) -> None:
        """Compare what was appended with the whole, each time that there is twice as much."""
        states = history.start + len(history)
        if not known:
            self._whole, self._compare_at = states, 1
            return
        appended = states - self._whole
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
            self._count(slice(min(rows, self._tallied)), -1)
            self._tallied = max(self._tallied - rows, 0)
            self._places = self._places[rows:]
        kept = max(self._filled - rows, 0)
        if rows and kept:
            self._buffer = self._buffer[rows:].copy()
        self._filled = kept

    def _place(self, history: History) -> None:
        """Find the places of new states among those before them, where a quantile asks for them."""
        if self.parameters.threshold_is == "value":
            return
        new = self._tallied
        if len(history) > len(self._places):
            grown = np.empty(len(history) + max(len(history) // 4, 1024))
            grown[:new] = self._places[:new]
            self._places = grown
        places = compared(history, self.signal, self.parameters, new)
        self._places[new : len(history)] = places[new:]

    def _count(self, rows: slice, sign: int) -> None:
        """Add states to those that are counted (+1), or take them away (−1)."""
        held = self.signal if self.parameters.threshold_is == "value" else self._places
        having, beyond = tally(held[rows], self.parameters.threshold)
        self._having += sign * having
        self._beyond += sign * beyond


def _scanners(parameters: Parameters) -> list[Scanner]:
    """Return what decides entries: for post-only orders one for each bound of the queue."""
    queues = QUEUES if parameters.execution == "post_only" else QUEUES[:1]
    return [Scanner(parameters, queue) for queue in queues]


def _told(name: str, error: Exception) -> str:
    """Return what to say of a signal that failed."""
    if isinstance(error, ObiError):
        return str(error)
    return (
        f"The signal {name} failed: {error!r}. Correct its function, and choose the signal again."
    )
