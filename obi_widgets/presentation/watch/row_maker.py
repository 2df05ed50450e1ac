"""Makes rows and alerts of a growing history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.labels import WORDS
from obi_widgets.presentation.board.crossings import Crossings
from obi_widgets.presentation.watch.row import Row
from obi_widgets.signals.crossing import Alert, Crossing, Side
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import State
    from obi_widgets.settings.parameters import Parameters


class RowMaker:
    """Follows every state of a history, so that no crossing between two rows is missed.

    The signal, the label and the alerts are those that the lab has of the same states: see
    `SignalValues`, `obi_widgets.signals.crossing` and `obi_widgets.session.alerts`.

    Parameters
    ----------
    parameters : Parameters
        The settings.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._values = Crossings(parameters)
        self._side = Side(parameters.threshold)
        self._crossing = Crossing(parameters.threshold)
        self._at = np.nan  # side of the newest state
        self._next = 0  # number of the first state that was not followed
        self._held = dict.fromkeys(WORDS, 0)  # event time on each side, ns
        self._time = 0  # of the newest state

    def follow(self, history: History) -> list[Alert]:
        """Follow a later history of the same market; return the crossings of its new states."""
        self._values.update(history, self.parameters)
        first = max(self._next - history.start, 0)
        self._next = history.start + len(history)
        return list(self._follow(history, first))

    def row(self, state: State = "live", notes: tuple[str, ...] = ()) -> Row:
        """Return the row of the newest state that was followed; there has to be one."""
        return Row.of(self._values, self._at, state, notes)

    @property
    def seconds(self) -> float:
        """Event time with a signal so far, seconds."""
        return sum(self._held.values()) / 1e9

    @property
    def shares(self) -> dict[str, float]:
        """The share of that time in which each label held, as `obi_widgets.label` has it."""
        whole = sum(self._held.values()) or np.nan
        return {word: self._held[side] / whole for side, word in WORDS.items()}

    def _follow(self, history: History, first: int) -> Iterator[Alert]:
        level = self.parameters.threshold
        places = compared(history, self._values.signal, self.parameters, first)
        for row in range(first, len(history)):
            place, time = float(places[row]), int(history.time[row])
            if self._at == self._at:  # not NaN
                self._held[int(self._at)] += time - self._time
            self._at, self._time = self._side.follow(place), time
            if side := self._crossing.follow(place):
                mid = float(history.bid[row] + history.ask[row]) / 2
                yield Alert(time, side, place, level, mid)


class Schedule:
    """Tells after which state of a growing history each row is due.

    The first row is due at the first state with both sides, and the next ones at fixed distances
    from it, by the time of receipt. So rows are the same at every speed of a replay.

    Parameters
    ----------
    every : float
        Seconds between two rows.

    Attributes
    ----------
    notes : tuple of str
        What is to be said of the newest row.
    """

    def __init__(self, every: float) -> None:
        self._step = round(every * 1e9)
        self._due: int | None = None
        self._shown = -1  # number of the state in the newest row
        self.notes: tuple[str, ...] = ()

    def ends(self, history: History) -> Iterator[int]:
        """Yield the number of states up to each row that is due now."""
        received = np.maximum.accumulate(history.received)
        if self._due is None:
            with_mid = np.flatnonzero(~np.isnan(history.bid + history.ask))
            if not len(with_mid):
                return
            first = int(with_mid[0])
            self._due = int(received[first]) + self._step
            yield self._told(history, first + 1)
        while self._due < received[-1]:  # no state that belongs to the row can still come
            end = int(np.searchsorted(received, self._due, "right"))
            self._due += self._step
            if end:  # else, all of it is dropped already
                yield self._told(history, end)

    def _told(self, history: History, end: int) -> int:
        number = history.start + end
        self.notes = ("no new state since the row above",) if number == self._shown else ()
        self._shown = number
        return end
