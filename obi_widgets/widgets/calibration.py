"""The calibration sheet: the verdict on the current settings, and its figures."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from obi_widgets.checks import number
from obi_widgets.errors import ObiError, SettingsError
from obi_widgets.kernels import loader
from obi_widgets.presentation.still.still_parts import of_sheet
from obi_widgets.presentation.tear_sheet.tear_sheet import SheetMaker, nothing, pending
from obi_widgets.presentation.tear_sheet.tear_sheet_seal import of_seal
from obi_widgets.session.waiting import LONGEST, POLL_EVERY
from obi_widgets.settings.parameters import threshold_of
from obi_widgets.trading.declared import HOLD
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.panel import Part, StateWidget, checked_session

if TYPE_CHECKING:
    from obi_widgets.calibration.report import Report
    from obi_widgets.calibration.result import CalibrationResult
    from obi_widgets.calibration.surface import Surface
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.presentation.still.still import Still
    from obi_widgets.session.session import Session
    from obi_widgets.widgets.page import Changes

log = logging.getLogger(__name__)


class _Sheet(StateWidget):
    _esm = asset("nodes.js", "figures.js", "surface.js", "calibration.js")
    _css = asset("calibration.css")


class _Seal(StateWidget):
    _esm = asset("nodes.js", "seal.js")
    _css = asset("calibration.css")


class CalibrationWidget(Part):
    """The calibration of the current settings: whether the signal earns more than trading costs.

    It shows the verdict and its reason; the mean return by horizon with its 95 % interval, also as
    it would be if returns were independent; the return by decile of the signal; the rank
    correlation by horizon; a map of the mean return per trade by threshold and hold; the table of
    all horizons; and figures on how reliable the verdict is. The map can show all data, the data
    before the held-out time, or the held-out time. Clicking a cell sets its threshold and hold.
    Below the map is a proposal, see `obi_widgets.propose`, with a button that sets it.

    All states are used, or the part that was selected: Shift + drag on a chart of the same session,
    or ``session.select``. The calibration runs in a thread of its own, and only while the widget is
    visible; a still picture asks for the first result also where no page is open.

    A button below seals the settings, see `obi_widgets.Session.seal`. Then the results of the
    sealed test are shown there.

    Parameters
    ----------
    session : Session
        Session to show; it is started.
    alone : bool
        False if another widget shows the frames.
    """

    css_class = "obi-part-calibration"

    def __init__(self, session: Session, *, alone: bool = True) -> None:
        checked_session(session, "CalibrationWidget", alone=alone)
        self._pending = pending(len(session.market.history()), compiling="")
        self._shown = nothing(self._pending)
        self._sheet = _Sheet(state=self._shown)
        self._sheet.on_msg(self._do)
        self._seal = _Seal(state=of_seal(session.sealed))
        self._seal.on_msg(self._do)
        self._maker = SheetMaker()
        self._found: CalibrationResult | None = None
        self._session = session
        super().__init__(session, [self._sheet, self._seal], alone=alone)

    @property
    def report(self) -> Report | None:
        """The newest report; None before the first, and if the calibration failed."""
        found = self._session.calibrator.found
        return found.report if found is not None else None

    @property
    def surface(self) -> Surface | None:
        """The newest surface that was computed, None before the first."""
        found = self._session.calibrator.found
        return found.surface if found is not None else None

    def _do(self, _: object, content: object, __: object) -> None:
        match content:
            case {"do": "all"}:
                self._session.select()
            case {"do": "take", **values}:
                self._take(values)
            case {"do": "seal"}:
                self._seal_settings()
            case _:
                log.warning("The page asks for %r, which is not known.", content)

    def _take(self, values: dict[object, Any]) -> None:
        """Use the settings of a cell. The page sends values, since the axes may have changed."""
        p = self._session.settings.parameters
        allowed = threshold_of(p.signal, p.threshold_is), HOLD
        try:
            chosen = {setting.name: setting.check(values.get(setting.name)) for setting in allowed}
        except SettingsError as error:  # both are taken, or none
            log.warning("The settings of a cell were not taken: %s", error)
            return
        for name, value in chosen.items():
            setattr(self._session.settings, name, value)

    def _seal_settings(self) -> None:
        """Seal, unless a test is running. Errors are shown; an exception would not be seen."""
        session = self._session
        if session.sealed is not None and not session.sealed.broken:
            return  # a second click
        try:
            test = session.seal()
        except ObiError as error:
            session.tell(str(error))
        except Exception as error:
            log.exception("Sealing failed.")
            session.tell(f"Sealing failed: {error!r}. Please report this.")
        else:
            assert test.path is not None  # a session saves its test
            session.tell(f"Sealed. The test is saved in {test.path.absolute()}.")

    def _changes(self, frame: Frame) -> Changes:
        """Request a calibration of a frame's states, and yield the newest result."""
        calibrator = self._session.calibrator
        calibrator.ask(frame.history, frame.parameters, frame.selected)
        found = calibrator.found
        waits = pending(frame.states, compiling=loader.sentence())
        complete = found is not None and (found.surface is not None or found.report is None)
        if found is not self._found or (waits != self._pending and not complete):
            self._found, self._pending = found, waits
            self._shown = self._maker.make(found, frame.instrument, waits)
        yield self._sheet, {"state": self._shown}
        yield self._seal, {"state": of_seal(self._session.sealed)}

    def _picture(self, frame: Frame) -> Still | None:
        """Return the sheet; None before the first result, which is asked for then."""
        calibrator = self._session.calibrator
        if (found := calibrator.found) is None:
            calibrator.ask(frame.history, frame.parameters, frame.selected)
            return None
        return of_sheet(SheetMaker().make(found, frame.instrument))

    def wait(self, *, timeout: float = 60.0) -> bool:
        """Wait for the first result. Use it where no page is open, as with nbconvert.

        Parameters
        ----------
        timeout : float
            Longest time to wait, seconds.

        Returns
        -------
        bool
            Whether there is a result.

        Raises
        ------
        SettingsError
            If the timeout is out of range.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=1, warmup=300)
        >>> session.wait(2000)
        >>> sheet = obi.CalibrationWidget(session)
        >>> sheet.wait()
        True
        >>> sheet.close()
        >>> session.close()
        """
        session, calibrator = self._session, self._session.calibrator
        until = time.monotonic() + number("timeout", timeout, 0, LONGEST, "seconds")
        while calibrator.found is None and time.monotonic() < until:
            calibrator.ask(session.shown(), session.settings.parameters, session.selected)
            time.sleep(POLL_EVERY)
        if self._still is not None:
            self._still.renew()
        return calibrator.found is not None

    def close(self) -> None:
        """Close the widget, and drop its pending calibration. The session goes on."""
        if self.comm is not None:
            self._session.calibrator.forget()
        super().close()
