"""Controls for all settings, made from their declarations, and the results of the entries."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

import ipywidgets

from obi_widgets.calibration.forward_returns import too_coarse
from obi_widgets.checks import flag
from obi_widgets.errors import ArgumentError, ObiError, SettingsError
from obi_widgets.parameters import Band, Choice
from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.presentation.order_size import size_range
from obi_widgets.presentation.still.still import of_figures
from obi_widgets.presentation.texts import effects, formatting
from obi_widgets.presentation.texts.outcome import outcome
from obi_widgets.presentation.texts.setting_notes import setting_notes
from obi_widgets.session.kernel_parent import deliver_as_addressed
from obi_widgets.session.session import Session
from obi_widgets.settings.parameters import as_signal, threshold_of
from obi_widgets.settings.settings import Settings
from obi_widgets.signals import registry
from obi_widgets.signals.insight import Note
from obi_widgets.signals.signal import title_of
from obi_widgets.trading.declared import HOLD, SIZE
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.choices import Choices
from obi_widgets.widgets.control import Control, note_html
from obi_widgets.widgets.fold import COMMON, Fold, title
from obi_widgets.widgets.page import Together
from obi_widgets.widgets.panel import Part, StateWidget, checked_session, close_tree, tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from obi_widgets.history.columns import History
    from obi_widgets.parameters import Parameter
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.presentation.still.still import Still
    from obi_widgets.signals.signal import Signal
    from obi_widgets.widgets.page import Changes

NOTHING = Note("")

REBUILD = ["signal", "threshold_is"]
"""A change of one of these changes which settings exist, or their bounds."""

_ALWAYS = {HOLD.name, *(setting.name for setting in COMMON)}
"""Settings whose controls stay when a signal or a kind of threshold is chosen."""


class _Results(StateWidget):
    _esm = asset("nodes.js", "results.js")


class SettingsWidget(Part):
    """Controls for all settings. Numbers can also be typed beside their sliders.

    Each signal has its own controls, made from the parameters that it declares. ``widget["decay"]``
    is the control of the setting ``decay``. With a session, a note under each control and the
    results of the entries follow the data. The controls that are folded away are made when they are
    first unfolded or asked for: they are hundreds of widgets, each a message to the page.

    Parameters
    ----------
    settings : Settings or Session, optional
        Settings to control, or a session, whose settings are controlled. New settings if left out.
    session : Session, optional
        Session, if no settings are given; it is started.
    alone : bool
        False if another widget shows the frames.
    """

    css_class = "obi-part-settings"

    def __init__(
        self,
        settings: Settings | Session | None = None,
        session: Session | None = None,
        *,
        alone: bool = True,
    ) -> None:
        if settings is not None and session is not None:
            raise ArgumentError(
                "Settings and a session were given.",
                "Give one of them: a session already has settings.",
            )
        if isinstance(settings, Session):  # as the other parts take it
            settings, session = None, settings
        if session is not None or not isinstance(settings, Settings | None):
            session = checked_session(
                settings if session is None else session, "SettingsWidget", alone=alone
            )
        flag("alone", alone)
        if settings is None:
            settings = session.settings if session is not None else Settings()
        self.settings = settings
        self._tell = _teller(session) if session is not None else None
        self._lock = threading.RLock()  # controls may be made in any thread
        self._offered: set[str] = set()
        self._known: object = None  # what the list of signals was made of
        self._offering = 0  # id of the thread that sets the list of signals; 0 for none
        self._controls: dict[str, Control] = {}
        self._sized = ""  # the market of `_sizes`
        self._sizes: tuple[float, float] | None = None  # step and end of the slider of the size
        self._signals: dict[str, Signal] = {}  # by name: signals that were chosen in this widget
        self._choice = ipywidgets.Dropdown(tooltip="Signal to show, calibrate and export")
        self._choice.add_class("obi-choice")
        self.choices = Choices(settings, self._tell)
        self.choices.add_class("obi-choices-area")
        title = ipywidgets.HTML("Signal")
        head = ipywidgets.HBox([title, self._choice])
        head.add_class("obi-heading")
        self._sliders = ipywidgets.VBox()
        self._sliders.add_class("obi-sliders")
        self._sliders.add_class("obi-first")
        self._folded: Fold | None = None  # see `_fold`
        self._opener = ipywidgets.Button(tooltip="Show or hide more settings")
        self._opener.add_class("obi-opener")
        self._opener.on_click(self._turn)
        boxes = [self.choices, head, self._sliders]
        self._unfolded = False
        self._noted: Kept[Together] = Kept()
        self._outcome: Kept[Together] = Kept()
        self._make_controls()
        if session is not None:  # without a session there are no frames
            nothing = {"head": "", "rows": [], "note": "", "other": "", "can": True}
            self._results = _Results(state=nothing)
            self._results.on_msg(self._compare_with_b)
            self._results.add_class("obi-outcome")
            boxes.append(self._results)
        boxes.append(self._opener)
        super().__init__(session, boxes, alone=alone)
        me = weakref.ref(self)

        # The settings may outlive the widget, and must not keep it alive.
        def rebuild(_: object) -> None:
            if (widget := me()) is not None:
                widget._rebuild()

        def stop() -> None:
            settings.unobserve(rebuild, REBUILD)

        self._stop = stop
        settings.observe(rebuild, REBUILD)
        self._choice.observe(self._choose, "value")

    def __getitem__(self, name: str) -> Control:
        """Return the control of a setting."""
        if name not in self._controls:
            _ = self._fold
        return self._controls[name]

    # -- making the controls ---------------------------------------------------------------

    def _make_controls(self) -> None:
        """Make the controls that the signal and the kind of threshold decide."""
        signal = self.settings.signal
        self._signals[signal.name] = signal
        first, behind = _split(signal)
        shown = [*first, threshold_of(signal, self.settings.threshold_is)]
        kept = {name: self._controls[name] for name in _ALWAYS if name in self._controls}
        controls = self._made([*shown, *(() if HOLD.name in kept else (HOLD,))]) | kept
        if self._folded is not None:
            controls |= self._made(behind)
            self._folded.fill(behind, controls)
        self._sliders.children = [controls[setting.name].box for setting in [*shown, HOLD]]
        self._controls = controls
        self._behind = title(behind)
        self._unfold(unfolded=self._unfolded)
        self._offer()

    def _made(self, settings: Iterable[Parameter]) -> dict[str, Control]:
        """Return a new control of each of these settings, by name."""
        return {one.name: Control(self.settings, one, self._tell) for one in settings}

    @property
    def _fold(self) -> Fold:
        """The settings that are folded away; they are made when this is first read."""
        with self._lock:
            if self._folded is not None:
                return self._folded
            if self.comm is None:
                raise ObiError("The widget of the settings was closed.", "Make a new one.")
            self._folded = fold = Fold(self.settings, self._tell)
            fold.box.layout.display = None if self._unfolded else "none"
            behind = _split(self.settings.signal)[1]
            # A new dict: the notes of a frame are kept for as long as this is the same object.
            self._controls = controls = {**self._controls, **self._made([*behind, *COMMON])}
            fold.fill(behind, controls)
            if self._sizes is not None:
                controls[SIZE.name].fit(*self._sizes)
            for widget in tree(fold.box, set()):
                deliver_as_addressed(widget.comm)
            boxes = list(self.children)
            boxes.insert(boxes.index(self._opener) + 1, fold.box)
            self.set_trait("children", boxes)
            return fold

    def _rebuild(self) -> None:
        """Replace what is made for a signal or a kind of threshold, after a change of one."""
        with self._lock:
            before = self._controls
            old = {name: control for name, control in before.items() if name not in _ALWAYS}
            for control in old.values():
                control.stop()
            self._make_controls()
            for name, control in self._controls.items():
                if control is not before.get(name):
                    for widget in tree(control.box, set()):
                        deliver_as_addressed(widget.comm)
            for control in old.values():
                close_tree(control.box, control.box.close)

    def _offer(self) -> None:
        """Offer the signals that are registered now, without gauges: these make no entries."""
        chosen = self.settings.signal.name
        known = registry.names(), [*self._signals], chosen
        if known == self._known and self._choice.value == chosen:
            return  # asked for at each frame
        self._known = known
        names = {name for name in registry.names() if _enters(registry.find(name))}
        names |= {name for name, one in self._signals.items() if _enters(one)} | {chosen}
        if names == self._offered and self._choice.value == chosen:
            return
        self._offering = threading.get_ident()
        with self._choice.hold_sync():
            if names != self._offered:
                self._choice.options = [(title_of(name), name) for name in sorted(names)]
                self._offered = names
            self._choice.value = chosen
        self._offering = 0

    def _choose(self, change: dict[str, Any]) -> None:
        name = change["new"]
        if self._offering == threading.get_ident():
            return  # set by `_offer`, not chosen by a user
        if name is not None and name != self.settings.signal.name:
            # The registry has the newest definition; a signal of a user may not be registered.
            registered = name in registry.names()
            self.settings.signal = name if registered else self._signals[name]

    # -- the fold --------------------------------------------------------------------------

    def _turn(self, _: object = None) -> None:
        if self.comm is None:
            return  # closed meanwhile
        self._unfold(unfolded=not self._unfolded)
        if self.session is not None:
            if not self._unfolded:
                self.session.gate_reporter.forget()
            self.session.refresh()  # a note may belong to another control now

    def _unfold(self, *, unfolded: bool) -> None:
        self._unfolded = unfolded
        if unfolded:
            self._fold.offer()
        if self._folded is not None:
            self._folded.box.layout.display = None if unfolded else "none"
        self._opener.description = f"{'▾' if unfolded else '▸'} {self._behind}"

    # -- showing a frame -------------------------------------------------------------------

    def _changes(self, frame: Frame) -> Changes:
        """Yield the effects of the settings, and the results of the entries."""
        with self._lock:
            self._offer()
            self._fit_size(frame.history)
            controls = self._controls
        if frame.parameters.signal == self.settings.signal:  # else they are being replaced
            yield self._noted.of(
                controls, self._unfolded, frame.parameters, frame.reach,
                effects.threshold_effect(frame.beyond), frame.cap,
                make=lambda: self._note_changes(controls, frame),
            )  # fmt: skip
        yield from self._gate_changes(frame)
        some = frame.states > 0
        yield self._outcome.of(
            frame.results, frame.front, frame.other, frame.parameters, frame.untold, some,
            formatting.duration(frame.seconds), frame.history.interval,
            make=lambda: Together([(self._results, {"state": {**outcome(frame), "can": some}})]),
        )  # fmt: skip

    def _gate_changes(self, frame: Frame) -> Changes:
        """Request what the gates remove while somebody can see it, and yield the newest result."""
        assert self.session is not None  # without one there are no frames
        parameters, reporter = frame.parameters, self.session.gate_reporter
        # If an exit would come too late, the results say so.
        known = bool(parameters.gates and frame.states) and not too_coarse(
            parameters.hold_seconds, frame.history.interval
        )
        if self._unfolded and known:
            reporter.ask(frame.history, parameters)
        if self._folded is not None:
            yield from self._folded.gates.changes(reporter.found, parameters, known=known)

    def _note_changes(self, controls: dict[str, Control], frame: Frame) -> Together:
        notes = setting_notes(frame, unfolded=self._unfolded)
        return Together(
            (control.note, {"value": note_html(notes.get(name, NOTHING))})
            for name, control in controls.items()
        )

    def _picture(self, frame: Frame) -> Still:
        """Return the figures and the settings."""
        return of_figures(frame)

    def _compare_with_b(self, _: object, content: dict[str, Any], __: object) -> None:
        """Keep the present settings as B, swap A and B, or compare no longer."""
        session = self.session
        assert session is not None  # without one there are no results
        match content.get("do"):
            case "keep":
                session.compare_with(self.settings)
            case "swap":
                session.swap()
            case "alone":
                session.compare_with(None)

    def _fit_size(self, history: History) -> None:
        """Set the end of the size slider from the sizes in the book, once for each market."""
        instrument = history.instrument
        market = f"{instrument.venue}:{instrument.symbol}"
        if market != self._sized and (found := size_range(history)) is not None:
            self._sized, self._sizes = market, found
            if SIZE.name in self._controls:
                self._controls[SIZE.name].fit(*found)

    def close(self) -> None:
        """Close the widget and all widgets in it. The settings are kept."""
        if self.comm is not None:
            if self.session is not None:
                self.session.gate_reporter.forget()
            self._stop()
            self.choices.stop()
            if self._folded is not None:
                self._folded.stop()
            for control in self._controls.values():
                control.stop()
        super().close()


def _enters(signal: object) -> bool:
    """Return whether a signal makes entries: a gauge has no direction.

    A signal that was declared wrongly stays in the list. Who chooses it is told what is wrong.
    """
    try:
        return as_signal(signal).directional
    except SettingsError:
        return True


def _split(signal: Signal) -> tuple[list[Parameter], list[Parameter]]:
    """Return the signal's parameters that are always shown, and those that can be folded away.

    Choices of words and bands are folded away, since they are changed less often.
    """
    own = list(signal.parameters.values())
    first = [p for p in own if not isinstance(p.kind, Choice | Band)]
    return first, [p for p in own if p not in first]


def _teller(session: Session) -> Callable[[str], None]:
    """Return a function that shows a sentence in a session, without keeping the session alive."""
    reference = weakref.ref(session)

    def tell(note: str) -> None:
        if (alive := reference()) is not None:
            alive.tell(note)

    return tell
