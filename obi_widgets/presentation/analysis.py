"""The newest signal, entries and results of a history that grows while settings change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.signals import imbalance
from obi_widgets.trading.entries import Scanner, tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.entries import Results, Trades

SIGNAL_SETTINGS = ("decay", "depth", "band_bps", "weighting")
"""The settings that the signal depends on; entries depend on all."""


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
        See `obi_widgets.imbalance`.
    trades : Trades
        See `obi_widgets.entries`. Entries that were made stay while their state is kept, also
        when the states that led to them have been dropped.
    results : Results
        What the trades came to.
    beyond : float
        The fraction of states in sync whose signal is beyond the threshold; NaN without any.
    """

    history: History
    trades: Trades
    results: Results
    beyond: float

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._scanner = Scanner(parameters)
        self._buffer = np.empty(0)
        self._filled = 0
        self._start = 0
        self._tallied = 0  # the rows that are in the tally
        self._tally = np.zeros(2, np.int64)  # states with a signal; of them, beyond the threshold

    @property
    def signal(self) -> NDArray[np.float64]:
        """The imbalance of every state of the history."""
        return self._buffer[: self._filled]

    def update(self, history: History, parameters: Parameters) -> None:
        """Bring everything up to date with a later history of the same market."""
        known = self._start + self._filled
        back = history.start + len(history) < known or history.start < self._start
        back |= history.start > known  # states have come and gone unseen
        if back or parameters != self.parameters:
            if back or any(
                getattr(parameters, n) != getattr(self.parameters, n) for n in SIGNAL_SETTINGS
            ):
                self._filled = 0
            self._scanner = Scanner(parameters)
            self.parameters = parameters
            self._tallied, self._tally = 0, np.zeros(2, np.int64)
        self._drop(max(history.start - self._start, 0))
        self._start = history.start
        known = self._filled
        if known < len(history):
            if len(history) > len(self._buffer):
                grown = np.empty(len(history) + max(len(history) // 4, 1024))
                grown[:known] = self.signal
                self._buffer = grown
            self._buffer[known : len(history)] = imbalance(history[known:], parameters)
            self._filled = len(history)
        self.history = history
        self._scanner.extend(history, self.signal)
        self.trades = self._scanner.trades(history)
        self.results = self.trades.results
        self._tally += self._count(self.signal[self._tallied :])
        self._tallied = len(history)
        there, crossed = self._tally.tolist()
        self.beyond = crossed / there if there else np.nan

    def _drop(self, rows: int) -> None:
        if rows:
            self._tally -= self._count(self.signal[: min(rows, self._tallied)])
            self._tallied = max(self._tallied - rows, 0)
        kept = max(self._filled - rows, 0)
        if rows and kept:
            self._buffer = self._buffer[rows:].copy()
        self._filled = kept

    def _count(self, signal: NDArray[np.float64]) -> Sequence[int]:
        return tally(signal, self.parameters.threshold)
