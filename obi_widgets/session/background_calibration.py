"""Calibration in the background: a thread of its own answers the newest request.

The publisher requests a calibration at every frame and does not wait; a later frame shows the
result. The thread ends by itself when nothing is left to compute.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS
from obi_widgets.calibration.grid import thresholds_for
from obi_widgets.calibration.result import CalibrationResult
from obi_widgets.errors import ObiError
from obi_widgets.history.loaders import Given
from obi_widgets.kernels import loader

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.calibration.report import Report
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.session.trials import Tried
    from obi_widgets.settings.parameters import Parameters

log = logging.getLogger(__name__)

MIN_PAUSE = 1.0
"""Shortest pause between two calibrations of the same settings, seconds."""

PAUSE_RATIO = 3.0
"""The pause after a calibration lasts at least this many times as long as the calibration did. With
a day of data a calibration takes seconds, and would otherwise use a whole core."""

SETTLED_AFTER = 0.6
"""Seconds without a change of settings before a surface is computed and its settings are counted as
tried: while a slider moves, nobody reads the surface."""

HOLDS = DEFAULT_HORIZONS
"""Holds of the surface, seconds. They are the default horizons, which are tested anyway."""


@dataclass(frozen=True, eq=False)
class _Question:
    rows: History
    parameters: Parameters
    selected: Span | None

    @property
    def settings(self) -> object:
        return self.parameters, self.selected

    @property
    def data(self) -> object:
        return self.rows.start, len(self.rows), self.rows.notes


class Calibrator:
    """Runs calibrations in a thread; of several requests it answers only the newest.

    Parameters
    ----------
    tried : Tried
        Counts the settings that were calibrated.
    done : callable
        Called without arguments, in the calibrator's thread, after each result.

    Attributes
    ----------
    found : CalibrationResult or None
        The newest result.
    """

    def __init__(self, tried: Tried, done: Callable[[], None]) -> None:
        self.found: CalibrationResult | None = None
        self.tried = tried
        self._done = done
        self._changed = threading.Condition()
        self._asked: _Question | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._newest: _Question | None = None  # newest request, answered or not
        self._settings_changed_at = -np.inf
        # About the newest result:
        self._answered: _Question | None = None  # its request
        self._has_surface = False
        self._count = 0  # settings tried when it was computed
        self._duration = 0.0
        self._finished_at = -np.inf

    # -- called by the publisher -----------------------------------------------------------

    def ask(self, history: History, parameters: Parameters, selected: Span | None = None) -> None:
        """Request a calibration, unless its result is known already; do not wait for it."""
        question = _Question(part(history, selected), parameters, selected)
        with self._changed:
            if self._newest is not None and question.settings != self._newest.settings:
                self._settings_changed_at = time.monotonic()
            self._newest = question
            if self._closed or self._is_answered(question):
                return
            if not len(question.rows):
                self._answer_without_states(question)
                return
            self._asked = question
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="obi-calibrator")
                self._thread.daemon = True
                self._thread.start()

    def _answer_without_states(self, question: _Question) -> None:
        """Set an error if the selected part has no states; before the first state, do nothing."""
        if question.selected is None:
            return
        self._asked, self._answered = None, question
        self._has_surface, self._count = True, len(self.tried)
        error = "The selected part has no states. Select another part, or use all data."
        self.found = CalibrationResult(
            None, None, stale=True, selected=question.selected, error=error
        )

    def forget(self) -> None:
        """Drop the pending request, since no widget shows the result any more."""
        with self._changed:
            self._asked = None
            self._changed.notify()

    def close(self, *, wait: bool = True) -> None:
        """Stop the thread; the newest result stays. A calibration that is running is finished.

        Parameters
        ----------
        wait : bool
            Whether to wait for it, at most ten seconds.
        """
        with self._changed:
            self._closed = True
            self._asked = None
            self._changed.notify()
            thread = self._thread
        if wait and thread is not None and thread is not threading.current_thread():
            thread.join(timeout=10)

    def _is_answered(self, question: _Question) -> bool:
        answered = self._answered
        if answered is None or not self._has_surface or self._count != len(self.tried):
            return False
        return question.settings == answered.settings and question.data == answered.data

    # -- run by the thread -----------------------------------------------------------------

    def _work(self) -> None:
        while (question := self._next()) is not None:
            began = time.monotonic()
            found = self._answer(question)
            with self._changed:
                if self._answered is question:  # not if `ask` meanwhile found a part empty
                    self.found = found
                self._finished_at = time.monotonic()
                self._duration = self._finished_at - began
                if self._asked is None and not self._closed and not self._has_surface:
                    self._asked = question  # again, for its surface
            self._done()

    def _next(self) -> _Question | None:
        """Wait until the newest request is due, and return it; None if there is none."""
        with self._changed:
            while (asked := self._asked) is not None:
                remaining = self._due(asked) - time.monotonic()
                if remaining <= 0:
                    self._asked = None
                    return asked
                self._changed.wait(remaining)
            self._thread = None
            return None

    def _due(self, asked: _Question) -> float:
        """Return when to start, by the monotonic clock: at once if the settings have changed."""
        answered = self._answered
        if answered is None or asked.settings != answered.settings:
            return 0.0
        after_pause = self._finished_at + max(MIN_PAUSE, PAUSE_RATIO * self._duration)
        if not self._has_surface and not loader.busy():
            return min(self._settings_changed_at + SETTLED_AFTER, after_pause)
        return after_pause

    def _answer(self, asked: _Question) -> CalibrationResult:
        """Calibrate; leave out the surface while settings change or kernels are compiled."""
        before = self.found
        unsettled = time.monotonic() - self._settings_changed_at < SETTLED_AFTER
        moving = self._answered is not None and unsettled
        with_surface = not moving and not loader.busy()
        old, advice = (before.surface, before.proposal) if before is not None else (None, None)
        if old is not None and not old.parameters.signal.computes_as(asked.parameters.signal):
            old = advice = None  # a report is not shown with the surface of another signal
        self._answered, self._has_surface = asked, True  # also on an error: it would come again
        report: Report | None = None
        try:
            from obi_widgets.calibration.calibrate import calibrate
            from obi_widgets.calibration.proposal import proposed
            from obi_widgets.calibration.record import Record
            from obi_widgets.calibration.sweep import sweep

            p, selected = asked.parameters, asked.selected
            thresholds, holds = axes(p)
            self._count = self.tried.add(p, selected, thresholds if with_surface else ())
            report = calibrate(asked.rows, p, horizons=DEFAULT_HORIZONS, tried=self._count)
            if with_surface:
                new = sweep(asked.rows, settings=p, threshold=thresholds, hold_seconds=holds)
                advice = proposed(Record.of([Given(asked.rows)]), new)
                return CalibrationResult(
                    report, new, stale=False, selected=selected, proposal=advice
                )
            self._has_surface = False
            return CalibrationResult(report, old, stale=True, selected=selected, proposal=advice)
        except ObiError as error:
            text = str(error)
        except Exception as error:
            log.exception("Calibration failed.")
            text = f"Calibration failed: {error!r}. Change a setting to try again, and report this."
        # With a report, the error is shown in the place of the surface.
        surface = old if report is None else None
        return CalibrationResult(report, surface, stale=True, selected=asked.selected, error=text)


def part(history: History, selected: Span | None) -> History:
    """Return the states of the selected part, both ends included; all states if it is None."""
    if selected is None:
        return history
    first, end = selected
    return history[
        int(np.searchsorted(history.time, first, side="left")) : int(
            np.searchsorted(history.time, end, side="right")
        )
    ]


def axes(parameters: Parameters) -> tuple[list[float], list[float]]:
    """Return the thresholds and holds of a surface, including those of the settings.

    The threshold and the hold of the settings replace the nearest value on their axis. So the axes
    keep their length, and their other values, while a slider moves.
    """
    thresholds, holds = thresholds_for(parameters), list(HOLDS)
    nearest = np.abs(np.array(thresholds) - parameters.threshold).argmin()
    thresholds[int(nearest)] = parameters.threshold
    nearest = np.abs(np.log(np.array(holds) / parameters.hold_seconds)).argmin()
    holds[int(nearest)] = parameters.hold_seconds
    return thresholds, holds
