"""A control of one setting, made from the setting's declaration."""

from __future__ import annotations

import html
import threading
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
from ipywidgets import Layout

from obi_widgets.errors import SettingsError
from obi_widgets.parameters import Choice, Levels, Number
from obi_widgets.presentation import formatting

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.parameters import Parameter
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.insight import Note

MAX_BUTTONS = 3
"""A choice of so many words has a button for each; a longer one has a list."""


class Control:
    """One setting on the screen: its name, its value to type in, a control, and a note below.

    The control and the setting follow each other: moving the control assigns to the setting, and
    assigning to the setting moves the control. Nothing is computed on either's thread.

    Parameters
    ----------
    settings : Settings
        Settings that it belongs to.
    parameter : Parameter
        Declaration of the setting: name, bounds, unit, description.
    refused : callable, optional
        Called with a sentence when a value is refused.

    Attributes
    ----------
    control : Widget
        A slider, buttons or a list.
    entry : Text or None
        The value and its unit, to be typed; None for a choice of words.
    """

    def __init__(
        self,
        settings: Settings,
        parameter: Parameter,
        refused: Callable[[str], object] | None = None,
    ) -> None:
        self.settings, self.parameter, self._refused = settings, parameter, refused
        self._off = off_place(parameter.kind)
        self._showing = threading.local()  # set in a thread while it shows the setting
        self.control = _widget_of(parameter)
        tooltip = formatting.allowed(parameter)
        self.control.tooltip = tooltip
        # A slider shows its tooltip on its label only, and it has none: so the name has it too.
        self._name = ipywidgets.HTML(
            f'<span title="{html.escape(tooltip)}">{html.escape(parameter.title)}</span>'
        )
        self.entry: ipywidgets.Text | None = None
        if isinstance(parameter.kind, Number):
            self.entry = ipywidgets.Text(continuous_update=False, tooltip=tooltip)
        head = ipywidgets.HBox([one for one in (self._name, self.entry) if one is not None])
        head.add_class("obi-setting")
        self._note = ipywidgets.HTML()
        self.box = ipywidgets.VBox([head, self.control, self._note])
        self.box.add_class("obi-control")
        self._follow()
        settings.observe(self._follow, parameter.name)
        self.control.observe(self._assign, "value")
        if self.entry is not None:
            self.entry.observe(self._read, "value")

    def stop(self) -> None:
        """Stop following the setting, and stop assigning to it."""
        self.settings.unobserve(self._follow, self.parameter.name)
        self.control.unobserve(self._assign, "value")
        if self.entry is not None:
            self.entry.unobserve(self._read, "value")

    def fit(self, step: float, greatest: float) -> None:
        """Give a slider another step and another end; a setting beyond it moves the end."""
        value = getattr(self.settings, self.parameter.name)
        with self.control.hold_sync():
            self.control.step = step
            self.control.max = greatest if value is None else max(greatest, value)

    def say(self, note: Note) -> None:
        """Show a note below the control: its effect on the newest data."""
        tone = " obi-warning" if note.warning else ""
        text = html.escape(note.text)
        self._note.value = f'<div class="obi-note{tone}">{text}</div>' if text else ""

    def _follow(self, _: object = None) -> None:
        """Show the setting's value."""
        value = getattr(self.settings, self.parameter.name)
        shown = self._off if value is None else value
        if isinstance(self.control, ipywidgets.FloatSlider):
            # A setting beyond the slider's ends moves the end.
            if shown > self.control.max:
                self.control.max = shown
            if shown < self.control.min:
                self.control.min = shown
        self.control.value = shown
        if self.entry is not None:
            self._showing.now = True
            self.entry.value = formatting.value(self.parameter, value)
            self._showing.now = False

    def _assign(self, change: dict[str, Any]) -> None:
        """Assign what the control was moved to."""
        value = change["new"]
        if self._off is not None and value == self._off:
            value = None
        if value != getattr(self.settings, self.parameter.name):
            self._set(value)

    def _read(self, change: dict[str, Any]) -> None:
        """Assign what was typed."""
        if getattr(self._showing, "now", False):
            return  # nobody typed it
        try:
            value = formatting.typed(self.parameter, change["new"])
        except SettingsError as error:
            self._refuse(error)
            return
        self._set(value)
        self._follow()  # with the unit, also where the value is the same as before

    def _set(self, value: object) -> None:
        try:
            setattr(self.settings, self.parameter.name, value)
        except SettingsError as error:
            self._refuse(error)

    def _refuse(self, error: SettingsError) -> None:
        """Show the setting as it is, and say why it is: nobody would see an exception."""
        self._follow()
        if self._refused is not None:
            self._refused(str(error))


def off_place(kind: object) -> float | None:
    """Return the place on a slider that means None; None where the setting cannot be None."""
    if not isinstance(kind, Number) or not kind.off:
        return None
    if isinstance(kind, Levels):
        return 0.0
    low, _, step = kind.steps
    return low if low < kind.low else low - step


def _widget_of(parameter: Parameter) -> ipywidgets.Widget:
    """Return the widget that chooses a parameter's value."""
    kind = parameter.kind
    if isinstance(kind, Choice):
        if len(kind.words) <= MAX_BUTTONS:
            return ipywidgets.ToggleButtons(options=kind.words, style={"button_width": "auto"})
        return ipywidgets.Dropdown(options=kind.words, layout=Layout(width="100%"))
    if not isinstance(kind, Number):
        raise SettingsError(
            f"There is no control for {parameter.name}.", "Give a kind of parameters.py."
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
