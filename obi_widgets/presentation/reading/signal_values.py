"""The signal of a growing history: each new state is computed once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import ObiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.rows import Newest
    from obi_widgets.settings.parameters import Parameters

log = logging.getLogger(__name__)

SAME = 1e-9
"""Largest difference between a value of appended states and that of the whole history. It is
relative if the value is above 1."""


class SignalValues:
    """Computes the signal of each new state once, and of all states when a setting changes.

    Parameters
    ----------
    parameters : Parameters
        Settings to start with.

    Attributes
    ----------
    history : History
        History of the last update; all other attributes belong to it.
    parameters : Parameters
        Settings of the last update.
    signal : ndarray of float64, shape (T,)
        Signal of each state with the settings, in its unit.
    trouble : str
        What is wrong with the signal function: it raised an error, and the signal is NaN; or it
        gives other values for appended states than for the whole history. Empty if nothing is.
    """

    history: History
    parameters: Parameters

    def __init__(self, parameters: Parameters) -> None:
        self._choose(parameters)
        self.trouble = ""
        self._failed = False
        self._buffer = np.empty(0)
        self._filled = 0
        self._start = 0
        self._at_once = 0  # states that were computed at once, counted from the first
        self._compare_at = 1  # number of appended states at the next comparison

    @property
    def signal(self) -> NDArray[np.float64]:
        """The signal of every state, in its unit; NaN without a value."""
        return self._buffer[: self._filled]

    def update(self, history: History, parameters: Parameters) -> None:
        """Update everything to a later history of the same market."""
        if parameters is not self.parameters or not self._append(history):
            self._update(history, parameters)
        self.history = history

    def _append(self, history: History) -> bool:
        """Compute a single new state; return False if there are more, and `_update` is needed.

        The result is that of `_update`, in a small part of its time: the columns of the history are
        not read.
        """
        newest = history.newest
        if newest is None or history.start != self._start:
            return False
        if newest.row == self._filled - 1:
            return True
        if newest.row != self._filled or self._newest is None or newest.row >= len(self._buffer):
            return False
        value = self._newest(newest)
        self._buffer[newest.row] = value
        self._filled = newest.row + 1
        self._appended(newest, value)
        return True

    def _appended(self, newest: Newest, value: float) -> None:
        """Take the value of a single new state."""

    def _update(self, history: History, parameters: Parameters) -> None:
        known = self._start + self._filled
        again = history.start + len(history) < known or history.start < self._start
        again |= history.start > known  # states were dropped before they were seen
        again |= self._failed
        if again or parameters != self.parameters:
            if again or parameters.of_signal != self.parameters.of_signal:
                self._filled = 0
            self._choose(parameters)
            self._begin_anew()
        self._drop(max(history.start - self._start, 0))
        self._start = history.start
        if self._filled < len(history):
            self._compute(history, parameters)

    def _begin_anew(self) -> None:
        """Forget what follows from the values."""

    def _choose(self, parameters: Parameters) -> None:
        """Set the settings, and the function that computes the signal of one new state, if any."""
        self.parameters = parameters
        self._newest: Callable[[Newest], float] | None = parameters.signal.newest_by(
            dict(parameters.values)
        )

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
            self._begin_anew()

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
        """Forget the oldest states."""
        kept = max(self._filled - rows, 0)
        if rows and kept:
            self._buffer = self._buffer[rows:].copy()
        self._filled = kept


def _failure(name: str, error: Exception) -> str:
    """Return the sentence to show about a signal that failed."""
    if isinstance(error, ObiError):
        return str(error)
    return (
        f"The signal {name} failed: {error!r}. Correct its function, and choose the signal again."
    )
