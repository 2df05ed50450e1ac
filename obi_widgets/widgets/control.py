"""A control of one setting, made from the setting's declaration."""

from __future__ import annotations

import html
import math
import threading
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
from ipywidgets import Layout

from obi_widgets.errors import SettingsError
from obi_widgets.parameters import Choice, Levels, Number
from obi_widgets.presentation.texts import formatting
from obi_widgets.settings.parameters import GATES

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.parameters import Parameter
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.insight import Note

MAX_BUTTONS = 3
"""A choice of at most so many words has a button for each word; a longer one has a list."""


class Control:
    """One setting on the screen: its name, a field to type its value, a control, and a note below.

    Moving the control assigns to the setting, and assigning to the setting moves the control.
    Nothing is computed in the thread that does so.

    Parameters
    ----------
    settings : Settings
        Settings to which it belongs.
    parameter : Parameter
        Declaration of the setting: name, bounds, unit, description.
    refused : callable, optional
        Called with a sentence when a value is refused.
    gate : str
        Name of the gate that the parameter belongs to; empty for a setting. While the gate is not
        among the settings, the control keeps what it shows.

    Attributes
    ----------
    control : Widget
        A slider, buttons or a list.
    entry : Text or None
        Field to type the value, with its unit; None for a choice of words.
    note : HTML
        The effect of the setting on the newest data, see `note_html`.
    """

    def __init__(
        self,
        settings: Settings,
        parameter: Parameter,
        refused: Callable[[str], object] | None = None,
        *,
        gate: str = "",
    ) -> None:
        self.settings, self.parameter, self._refused = settings, parameter, refused
        self._gate, self._observed = gate, GATES if gate else parameter.name
        self._off = off_place(parameter.kind)
        self._showing = threading.local()  # set while its thread shows the setting
        self.control = _widget_of(parameter)
        tooltip = formatting.allowed(parameter)
        self.control.tooltip = tooltip
        self._step = getattr(self.control, "step", 0.0)  # 0 without a slider of steps
        # A slider shows its tooltip only on its label, and ours has none: the name shows it too.
        self._name = ipywidgets.HTML(
            f'<span title="{html.escape(tooltip)}">{html.escape(parameter.title)}</span>'
        )
        self.entry: ipywidgets.Text | None = None
        if isinstance(parameter.kind, Number):
            self.entry = ipywidgets.Text(continuous_update=False, tooltip=tooltip)
        head = ipywidgets.HBox([self._name, *([self.entry] if self.entry is not None else [])])
        head.add_class("obi-setting")
        self.note = ipywidgets.HTML()  # frames set it in the page
        self.box = ipywidgets.VBox([head, self.control, self.note])
        self.box.add_class("obi-control")
        self._follow()
        settings.observe(self._follow, self._observed)
        self.control.observe(self._assign, "value")
        if self.entry is not None:
            self.entry.observe(self._read, "value")

    def stop(self) -> None:
        """Disconnect the control from the setting."""
        self.settings.unobserve(self._follow, self._observed)
        self.control.unobserve(self._assign, "value")
        if self.entry is not None:
            self.entry.unobserve(self._read, "value")

    def fit(self, step: float, greatest: float) -> None:
        """Set the step and the end of a slider; a setting beyond the end moves it."""
        value = self._value()
        self._step = step
        with self.control.hold_sync():
            self.control.step = self._step_to(self.control.value)
            self.control.max = greatest if value is None else max(greatest, value)

    def _step_to(self, value: float) -> float:
        """Return the slider's step, made finer where the value lies between two steps.

        The page sets a value between two steps to one of them, and sends that back.
        """
        for exponent in range(7):
            step = self._step / 10**exponent
            places = (value - self.control.min) / step
            if abs(places - round(places)) < 1e-6:
                break
        return float(step)

    def show(self, *, shown: bool) -> None:
        """Show the control, or hide it where it has no effect."""
        self.box.layout.display = None if shown else "none"

    def _value(self) -> Any:  # noqa: ANN401
        """Return the value now; of a gate that is off, the parameter's default."""
        if not self._gate:
            return getattr(self.settings, self.parameter.name)
        own = self.settings.gates.get(self._gate, {})
        return own.get(self.parameter.name, self.parameter.default)

    def _follow(self, _: object = None) -> None:
        """Show the value."""
        if self._gate and self._gate not in self.settings.gates:
            return
        value = self._value()
        shown: Any = self._off if value is None else value
        slider = self.control
        if isinstance(slider, ipywidgets.FloatSlider) and math.isclose(
            shown, slider.value, rel_tol=1e-11, abs_tol=1e-12
        ):
            pass  # the page has it, but for its rounding: it may be dragging the handle
        elif isinstance(slider, ipywidgets.FloatSlider):
            # A setting beyond an end of the slider moves that end.
            slider.max, slider.min = max(slider.max, shown), min(slider.min, shown)
            slider.step = min(slider.step, self._step_to(shown))  # before the page has the value
            slider.value = shown
            slider.step = self._step_to(shown)
        else:
            slider.value = shown
        if self.entry is not None:
            self._showing.now = True
            self.entry.value = formatting.value(self.parameter, value)
            self._showing.now = False

    def _assign(self, change: dict[str, Any]) -> None:
        """Assign the value that was set by the control."""
        value = change["new"]
        if isinstance(value, float):
            value = float(f"{value:.12g}")  # the page adds up steps: 0.30000000000000004
        if self._off is not None and math.isclose(value, self._off, abs_tol=1e-12):
            value = None
        if value != self._value():
            self._set(value)

    def _read(self, change: dict[str, Any]) -> None:
        """Assign the value that was typed."""
        if getattr(self._showing, "now", False):
            return  # set by `_follow`, not typed
        try:
            value = formatting.typed(self.parameter, change["new"])
        except SettingsError as error:
            self._refuse(error)
            return
        self._set(value)
        self._follow()  # shows the unit, also if the value has not changed

    def _set(self, value: object) -> None:
        try:
            if not self._gate:
                setattr(self.settings, self.parameter.name, value)
            elif self._gate in (gates := self.settings.gates):
                self.settings.gates = gates.replace(self._gate, **{self.parameter.name: value})
        except SettingsError as error:
            self._refuse(error)

    def _refuse(self, error: SettingsError) -> None:
        """Show the setting's old value and the error as a note; an exception would not be seen."""
        self._follow()
        if self._refused is not None:
            self._refused(str(error))


def note_html(note: Note) -> str:
    """Return a note below a control as HTML."""
    tone = " obi-warning" if note.warning else ""
    text = html.escape(note.text)
    return f'<div class="obi-note{tone}">{text}</div>' if text else ""


def off_place(kind: object) -> float | None:
    """Return the slider's value that means None; None if the setting cannot be None."""
    if not isinstance(kind, Number) or not kind.off:
        return None
    if isinstance(kind, Levels):
        return 0.0
    low, _, step = kind.steps
    return low if low < kind.low else low - step


def _widget_of(parameter: Parameter) -> ipywidgets.Widget:
    """Return a widget to choose a parameter's value."""
    kind = parameter.kind
    if isinstance(kind, Choice):
        labelled = [(word.replace("_", "-"), word) for word in kind.words]
        if len(labelled) <= MAX_BUTTONS:
            return ipywidgets.ToggleButtons(options=labelled, style={"button_width": "auto"})
        return ipywidgets.Dropdown(options=labelled, layout=Layout(width="100%"))
    if not isinstance(kind, Number):
        raise SettingsError(
            f"No control can show {parameter.name}.",
            "Use a kind of parameter of obi_widgets.parameters.",
        )
    off = off_place(kind)
    if isinstance(kind, Levels):
        levels = [int(n) for n in np.arange(kind.low, kind.high + 1)]
        options = [(formatting.value(parameter, n), n) for n in levels]
        if off is not None:
            options.append((formatting.value(parameter, None), int(off)))
        return ipywidgets.SelectionSlider(
            options=options, readout=False, layout=Layout(width="100%")
        )
    low, high, step = kind.steps
    return ipywidgets.FloatSlider(
        min=low if off is None else off, max=high, step=step, readout=False,
        layout=Layout(width="100%"),
    )  # fmt: skip
