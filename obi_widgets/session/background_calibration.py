"""Calibration in the background: the report of the present settings, and the surface."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS
from obi_widgets.calibration.grid import thresholds_for
from obi_widgets.calibration.result import CalibrationResult
from obi_widgets.errors import ObiError
from obi_widgets.history.loaders import Given
from obi_widgets.kernels import loader
from obi_widgets.session.background import Background, Question
from obi_widgets.signals.registry import fast_sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.calibration.report import Report
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.session.trials import Tried
    from obi_widgets.settings.parameters import Parameters

log = logging.getLogger(__name__)

HOLDS = DEFAULT_HORIZONS
"""Holds of the surface, seconds. They are the default horizons, which are tested anyway."""


class Calibrator(Background[CalibrationResult]):
    """Runs calibrations in a thread; of several requests it answers only the newest.

    Its answers have no surface while settings change or kernels are compiled: nobody reads it then.

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

    thread_name = "obi-calibrator"

    def __init__(self, tried: Tried, done: Callable[[], None]) -> None:
        super().__init__(tried, done)
        self._count = 0  # settings tried when the newest result was computed

    def ask(self, history: History, parameters: Parameters, selected: Span | None = None) -> None:
        """Request a calibration, unless its result is known already; do not wait for it."""
        self._request(Question(part(history, selected), parameters, selected))

    def _answer_without_states(self, question: Question) -> None:
        """Set an error if the selected part has no states; before the first state, do nothing."""
        if question.selected is None:
            return
        self._asked, self._answered = None, question
        self._complete, self._count = True, len(self.tried)
        error = "The selected part has no states. Select another part, or use all data."
        self.found = CalibrationResult(
            None, None, stale=True, selected=question.selected, error=error
        )

    def _is_answered(self, question: Question) -> bool:
        return self._count == len(self.tried) and super()._is_answered(question)

    def _answer(self, asked: Question, *, first: bool) -> CalibrationResult:
        """Calibrate; leave out the surface while settings change or kernels are compiled."""
        before = self.found
        moving = not first and time.monotonic() < self._settled_at()
        with_surface = not moving and not loader.busy()
        if (compiled := fast_sweep(asked.parameters.signal)) is not None:
            compiled.KERNELS.start()  # with the others, so that later no sweep waits for it
        old, advice = (before.surface, before.proposal) if before is not None else (None, None)
        if old is not None and not old.parameters.signal.computes_as(asked.parameters.signal):
            old = advice = None  # a report is not shown with the surface of another signal
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
            self._complete = False
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
