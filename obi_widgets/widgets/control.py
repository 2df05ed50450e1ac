"""A control of one setting, made from what the setting declares of itself."""

from __future__ import annotations

import html
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

MOST_BUTTONS = 3
"""Words that one chooses from by buttons; of more there is a list."""


class Control:
    """A view of one setting: its name and value, a control, and a line on what it does.

    Whoever assigns to the setting moves the control, and moving the control assigns to the
    setting; nothing else happens on either's thread.

    Parameters
    ----------
    settings : Settings
        Whose setting it is.
    parameter : Parameter
        What the setting declares: its name, its bounds and unit, and what it is.
    refused : callable, optional
        Called with a sentence when a value is not possible.
    """

    def __init__(
        self,
        settings: Settings,
        parameter: Parameter,
        refused: Callable[[str], object] | None = None,
    ) -> None:
        self.settings, self.parameter, self._refused = settings, parameter, refused
        self._off = off_place(parameter.kind)
        self.control = _widget_of(parameter)
        tooltip = formatting.allowed(parameter)
        self.control.tooltip = tooltip
        self._tooltip = html.escape(tooltip)  # a slider shows its own on its label only: on none
        self._head = ipywidgets.HTML()
        self._note = ipywidgets.HTML()
        self.box = ipywidgets.VBox([self._head, self.control, self._note])
        self.box.add_class("obi-control")
        self._follow()
        settings.observe(self._follow, parameter.name)
        self.control.observe(self._assign, "value")

    def stop(self) -> None:
        """Follow the setting no more, and do not assign to it."""
        self.settings.unobserve(self._follow, self.parameter.name)
        self.control.unobserve(self._assign, "value")

    def say(self, note: Note) -> None:
        """Show what the control does just now."""
        tone = " obi-warning" if note.warning else ""
        text = html.escape(note.text)
        self._note.value = f'<div class="obi-note{tone}">{text}</div>' if text else ""

    def _follow(self, _: object = None) -> None:
        value = getattr(self.settings, self.parameter.name)
        shown = self._off if value is None else value
        if isinstance(self.control, ipywidgets.FloatSlider):
            # A setting beyond the slider's ends moves the end.
            if shown > self.control.max:
                self.control.max = shown
            if shown < self.control.min:
                self.control.min = shown
        self.control.value = shown
        name = html.escape(self.parameter.title)
        text = html.escape(formatting.value(self.parameter, value))
        self._head.value = (
            f'<div class="obi-setting" title="{self._tooltip}">'
            f"<span>{name}</span><b>{text}</b></div>"
        )

    def _assign(self, change: dict[str, Any]) -> None:
        value = change["new"]
        if self._off is not None and value == self._off:
            value = None
        if value == getattr(self.settings, self.parameter.name):
            return
        try:
            setattr(self.settings, self.parameter.name, value)
        except SettingsError as error:  # nobody would see an exception
            self._follow()
            if self._refused is not None:
                self._refused(str(error))


def off_place(kind: object) -> float | None:
    """Return what a control has for None: a slider cannot have it; None where it is impossible."""
    if not isinstance(kind, Number) or not kind.off:
        return None
    if isinstance(kind, Levels):
        return 0.0
    low, _, step = kind.steps
    return low if low < kind.low else low - step


def _widget_of(parameter: Parameter) -> ipywidgets.Widget:
    """Return what chooses a value of a parameter."""
    kind = parameter.kind
    if isinstance(kind, Choice):
        if len(kind.words) <= MOST_BUTTONS:
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
