"""Calibration beside a screen: in a thread of its own, the newest question first.

The publisher asks at every frame and goes on at once; it shows what was found with a later frame.
The thread lives while there is something to find out, and ends by itself.
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
from obi_widgets.kernels import loader

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.calibration.report import Report
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.session.trials import Tried
    from obi_widgets.settings.parameters import Parameters

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between calibrations while data stream and nothing else changes."""

SHARE = 3.0
"""Times as long as a calibration took, there is rest after it: of a day's data it takes seconds."""

REST = 0.6
"""Seconds that settings must rest before a surface is shown, and its settings counted as tried:
nobody reads one that flies by."""

HOLDS = DEFAULT_HORIZONS
"""The surface's holds, seconds: the horizons that are counted anyway."""


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
    """Answers the newest question.

    Parameters
    ----------
    tried : Tried
        Counts settings.
    done : callable
        Called in the calibrator's thread after each answer.

    Attributes
    ----------
    found : CalibrationResult or None
        The newest answer.
    """

    def __init__(self, tried: Tried, done: Callable[[], None]) -> None:
        self.found: CalibrationResult | None = None
        self.tried = tried
        self._done = done
        self._changed = threading.Condition()
        self._asked: _Question | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._newest: _Question | None = None  # that was asked
        self._moved = -np.inf  # when settings were others than before
        # Of the last answer:
        self._of: _Question | None = None
        self._whole = False  # with its surface
        self._count = 0
        self._took = 0.0
        self._finished = -np.inf

    # -- the publisher's side --------------------------------------------------------------

    def ask(self, history: History, parameters: Parameters, selected: Span | None = None) -> None:
        """Ask for a calibration, unless the answer is there already; return at once."""
        question = _Question(part(history, selected), parameters, selected)
        with self._changed:
            if self._newest is not None and question.settings != self._newest.settings:
                self._moved = time.monotonic()
            self._newest = question
            if self._closed or self._answered(question):
                return
            if not len(question.rows):
                self._nothing(question)
                return
            self._asked = question
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="obi-calibrator")
                self._thread.daemon = True
                self._thread.start()

    def _nothing(self, question: _Question) -> None:
        """Say that there is nothing to calibrate; before the first state there is no answer."""
        if question.selected is None:
            return
        self._asked, self._of, self._whole, self._count = None, question, True, len(self.tried)
        error = "The selected part has no states. Select another part, or use all data."
        self.found = CalibrationResult(
            None, None, stale=True, selected=question.selected, error=error
        )

    def forget(self) -> None:
        """Leave unanswered what was asked: nobody looks any more."""
        with self._changed:
            self._asked = None
            self._changed.notify()

    def close(self, *, wait: bool = True) -> None:
        """End; the newest answer stays. Without waiting, what is computed just now is finished."""
        with self._changed:
            self._closed = True
            self._asked = None
            self._changed.notify()
            thread = self._thread
        if wait and thread is not None and thread is not threading.current_thread():
            thread.join(timeout=10)

    def _answered(self, question: _Question) -> bool:
        of = self._of
        if of is None or not self._whole or self._count != len(self.tried):
            return False
        return question.settings == of.settings and question.data == of.data

    # -- the thread's side -----------------------------------------------------------------

    def _work(self) -> None:
        while (question := self._next()) is not None:
            began = time.monotonic()
            found = self._answer(question)
            with self._changed:
                if self._of is question:  # or there has come to be nothing to calibrate
                    self.found = found
                self._finished = time.monotonic()
                self._took = self._finished - began
                if self._asked is None and not self._closed and not self._whole:
                    self._asked = question  # its surface is still to come
            self._done()

    def _next(self) -> _Question | None:
        """Wait until the newest question is due."""
        with self._changed:
            while (asked := self._asked) is not None:
                left = self._due(asked) - time.monotonic()
                if left <= 0:
                    self._asked = None
                    return asked
                self._changed.wait(left)
            self._thread = None
            return None

    def _due(self, asked: _Question) -> float:
        of = self._of
        if of is None or asked.settings != of.settings:
            return 0.0
        pace = self._finished + max(EVERY, SHARE * self._took)
        if not self._whole and not loader.busy():
            return min(self._moved + REST, pace)
        return pace

    def _answer(self, asked: _Question) -> CalibrationResult:
        of, before = self._of, self.found
        moving = of is not None and time.monotonic() - self._moved < REST
        whole = not moving and not loader.busy()
        old, advice = (before.surface, before.proposal) if before is not None else (None, None)
        if old is not None and not old.parameters.signal.computes_as(asked.parameters.signal):
            old = advice = None  # nothing of another signal is shown beside a report
        self._of, self._whole = asked, True  # also where it fails: it would again
        report: Report | None = None
        try:
            from obi_widgets.calibration.calibrate import calibrate
            from obi_widgets.calibration.proposal import proposed
            from obi_widgets.calibration.sweep import sweep

            p, selected = asked.parameters, asked.selected
            thresholds, holds = axes(p)
            self._count = self.tried.add(p, selected, thresholds if whole else ())
            report = calibrate(asked.rows, p, horizons=DEFAULT_HORIZONS, tried=self._count)
            if whole:
                new = sweep(asked.rows, settings=p, threshold=thresholds, hold_seconds=holds)
                advice = proposed(asked.rows, new)
                return CalibrationResult(
                    report, new, stale=False, selected=selected, proposal=advice
                )
            self._whole = False
            return CalibrationResult(report, old, stale=True, selected=selected, proposal=advice)
        except ObiError as error:
            text = str(error)
        except Exception as error:
            log.exception("Calibration failed.")
            text = f"Calibration failed: {error!r}. Change a setting to try again, and report this."
        # Beside a report, the trouble stands where its surface would.
        surface = old if report is None else None
        return CalibrationResult(report, surface, stale=True, selected=asked.selected, error=text)


def part(history: History, selected: Span | None) -> History:
    """Return the states within a window, all of them without one."""
    if selected is None:
        return history
    first, end = selected
    return history[
        int(np.searchsorted(history.time, first, side="left")) : int(
            np.searchsorted(history.time, end, side="right")
        )
    ]


def axes(parameters: Parameters) -> tuple[list[float], list[float]]:
    """Return the thresholds and holds of a surface, with those of the settings among them.

    They stand in the place of the nearest, so that the axes stay as they are while a slider moves.
    """
    thresholds, holds = thresholds_for(parameters), list(HOLDS)
    nearest = np.abs(np.array(thresholds) - parameters.threshold).argmin()
    thresholds[int(nearest)] = parameters.threshold
    nearest = np.abs(np.log(np.array(holds) / parameters.hold_seconds)).argmin()
    holds[int(nearest)] = parameters.hold_seconds
    return thresholds, holds
