"""The calibration sheet: the verdict on the current settings, and its figures."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from obi_widgets.errors import ObiError, SettingsError
from obi_widgets.kernels import loader
from obi_widgets.presentation.tear_sheet import SheetMaker, nothing, pending
from obi_widgets.presentation.tear_sheet_seal import of_seal
from obi_widgets.settings.parameters import threshold_of
from obi_widgets.trading.declared import HOLD
from obi_widgets.widgets.panel import Part, StateWidget, asset, followed, framed

if TYPE_CHECKING:
    from obi_widgets.calibration.report import Report
    from obi_widgets.calibration.result import CalibrationResult
    from obi_widgets.calibration.surface import Surface
    from obi_widgets.presentation.frame import Frame
    from obi_widgets.session.session import Session

log = logging.getLogger(__name__)


class _Sheet(StateWidget):
    _esm = asset("nodes.js", "figures.js", "surface.js", "calibration.js")
    _css = asset("calibration.css")


class _Seal(StateWidget):
    _esm = asset("nodes.js", "seal.js")
    _css = asset("calibration.css")


class CalibrationWidget(Part):
    """Whether the signal is worth its costs, as the sliders stand and while data stream.

    The verdict and its reason; the mean return by horizon with its 95 % band, and what the naive
    one would be; the return by decile; the rank correlation by horizon; the mean a trade for
    other thresholds and holds; the table; and how far all that is to be trusted. The mean a trade
    can be seen of all the record, of what comes before the time held out, and of that time.
    Clicking a cell takes its threshold and its hold, as moving their sliders would. Below stands
    what is proposed of them, see `obi_widgets.propose`, with a button that takes it.

    It looks at the whole history, or at the part that was chosen: drag with Shift on a chart of
    the same session, or call ``session.select``. It is computed in a thread of its own, and only
    while it can be seen.

    Below it a button seals the settings: see `obi_widgets.Session.seal`. What the sealed test has
    come to is shown there as trades come.

    Parameters
    ----------
    session : Session
        Whose market and settings it judges.
    """

    css_class = "obi-part-calibration"

    def __init__(self, session: Session, *, alone: bool = True) -> None:
        followed(session, "CalibrationWidget", alone=alone)
        self._pending = pending(len(session.market.history()), compiling=False)
        self._sheet = _Sheet(state=nothing(self._pending))
        self._sheet.on_msg(self._do)
        self._seal = _Seal(state=of_seal(session.sealed))
        self._seal.on_msg(self._do)
        self._maker = SheetMaker()
        self._found: CalibrationResult | None = None
        self._session = session
        super().__init__(session, [self._sheet, self._seal], alone=alone)

    @property
    def report(self) -> Report | None:
        """The newest one that was computed, None before the first and where it failed."""
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
        """Take the settings of a cell: its values, since the axes may have changed meanwhile."""
        p = self._session.settings.parameters
        allowed = threshold_of(p.signal, p.threshold_is), HOLD
        try:
            chosen = {one.name: one.check(values.get(one.name)) for one in allowed}
        except SettingsError as error:  # both are taken, or none
            log.warning("The settings of a cell were not taken: %s", error)
            return
        for name, value in chosen.items():
            setattr(self._session.settings, name, value)

    def _seal_settings(self) -> None:
        """Seal, unless a test goes on. What goes wrong is shown: nobody would see an exception."""
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
            session.tell(f"Sealed, and kept in {test.path}.")

    def show(self, frame: Frame) -> None:
        """Show a frame. Called by the session's publisher."""
        before = self._found, self._seal.state
        self.update(frame)
        if self._page is not None and (self._found, self._seal.state) != before:
            self._page.frame += 1

    def update(self, frame: Frame) -> None:
        """Ask for what a frame calls for, and show what was found."""
        framed(frame)
        calibrator = self._session.calibrator
        calibrator.ask(frame.history, frame.parameters, frame.selected)
        found = calibrator.found
        waits = pending(frame.states, compiling=loader.busy())
        told = found is not None and (found.surface is not None or found.report is None)
        if found is not self._found or (waits != self._pending and not told):
            self._found, self._pending = found, waits
            self._sheet.state = self._maker.make(found, frame.instrument, waits)
        self._seal.state = of_seal(self._session.sealed)

    def close(self) -> None:
        """End the widget, and what is computed for it. The session goes on."""
        if self.comm is not None:
            self._session.calibrator.forget()
        super().close()
