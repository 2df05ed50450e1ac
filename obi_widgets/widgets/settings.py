"""Sliders, and what they do just now."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets import Layout

from obi_widgets.checks import flag
from obi_widgets.errors import ArgumentError
from obi_widgets.presentation import formatting
from obi_widgets.session.session import Session
from obi_widgets.settings.settings import Settings
from obi_widgets.widgets.panel import Part, StateWidget, asset, followed, framed

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.presentation.frame import Frame
    from obi_widgets.settings.parameters import Parameters

OFF = 0.0
"""What a slider has for a setting of None (no band, all levels): of None it makes no choice."""

CAN_BE_OFF = ("band_bps", "depth")
"""Settings that None turns off."""


class Control:
    """A view of one setting: its name and value, a control, and a line on what it does.

    Whoever assigns to the setting moves the control, and moving the control assigns to the
    setting; nothing else happens on either's thread.
    """

    def __init__(
        self,
        settings: Settings,
        name: str,
        title: str,
        control: ipywidgets.Widget,
        text: Callable[[Any], str] = str,
        *,
        tooltip: str,
    ) -> None:
        self.settings, self.name, self.title, self._text = settings, name, title, text
        self.control = control
        control.tooltip = tooltip
        self._tooltip = html.escape(tooltip)  # a slider shows its own on its label only: on none
        self._head = ipywidgets.HTML()
        self._note = ipywidgets.HTML()
        self.box = ipywidgets.VBox([self._head, control, self._note])
        self.box.add_class("obi-control")
        self._follow()
        settings.observe(self._follow, name)
        control.observe(self._assign, "value")

    def close(self) -> None:
        """Follow the setting no more."""
        self.settings.unobserve(self._follow, self.name)

    def say(self, note: str, *, warning: bool = False) -> None:
        """Show what the control does just now."""
        tone = " obi-warning" if warning else ""
        self._note.value = f'<div class="obi-note{tone}">{html.escape(note)}</div>' if note else ""

    def _follow(self, _: object = None) -> None:
        value = getattr(self.settings, self.name)
        shown = OFF if value is None else value
        if isinstance(self.control, ipywidgets.FloatSlider):
            # A setting beyond the slider's ends moves the end.
            if shown > self.control.max:
                self.control.max = shown
            if shown < self.control.min:
                self.control.min = shown
        self.control.value = shown
        name, text = html.escape(self.title), html.escape(self._text(value))
        self._head.value = (
            f'<div class="obi-setting" title="{self._tooltip}">'
            f"<span>{name}</span><b>{text}</b></div>"
        )

    def _assign(self, change: dict[str, Any]) -> None:
        value = change["new"]
        if self.name in CAN_BE_OFF and value == OFF:
            value = None
        if value != getattr(self.settings, self.name):
            setattr(self.settings, self.name, value)


def _slider(low: float, high: float, step: float) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(
        min=low, max=high, step=step, readout=False, layout=Layout(width="100%")
    )


def _toggle(*options: str) -> ipywidgets.ToggleButtons:
    return ipywidgets.ToggleButtons(options=options, style={"button_width": "auto"})


class _Results(StateWidget):
    _esm = asset("results.js")


class SettingsWidget(Part):
    """Controls of every setting, and, with a session, what they do to what it shows.

    Parameters
    ----------
    settings : Settings or Session, optional
        What they control, or the session whose settings they are.
    session : Session, optional
        Whose frames tell what the settings do.
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
                "Settings and a session were given.", "Give one: a session has settings of its own."
            )
        if isinstance(settings, Session):  # as the other parts take it
            settings, session = None, settings
        if session is not None or not isinstance(settings, Settings | None):
            session = followed(
                settings if session is None else session, "SettingsWidget", alone=alone
            )
        flag("alone", alone)
        if settings is None:
            settings = session.settings if session is not None else Settings()
        self.settings = settings
        self.decay = Control(
            settings, "decay", "Decay", _slider(0, formatting.SLIDER_DECAY, 0.01),
            lambda value: f"{formatting.plain(value)} /bp",
            tooltip="A level's weight is exp(−decay · its distance from mid in bps)",
        )  # fmt: skip
        depths: list[tuple[str, float]] = [(formatting.depth(n), n) for n in range(1, 51)]
        depths.append((formatting.depth(None), OFF))
        self.depth = Control(
            settings, "depth", "Depth",
            ipywidgets.SelectionSlider(options=depths, readout=False, layout=Layout(width="100%")),
            formatting.depth,
            tooltip="How many levels of each side count, from the best one on",
        )  # fmt: skip
        self.threshold = Control(
            settings, "threshold", "Threshold", _slider(0, 1, 0.01), formatting.plain,
            tooltip="Long when the imbalance exceeds it, short when it is below minus it",
        )  # fmt: skip
        self.hold = Control(
            settings, "hold_seconds", "Hold", _slider(1, 120, 1), lambda value: f"{value:g} s",
            tooltip="How long an entry is held, in seconds of the exchange's time",
        )  # fmt: skip
        self.band = Control(
            settings, "band_bps", "Band", _slider(OFF, 50, 0.5),
            lambda value: "off" if value is None else f"{value:g} bps",
            tooltip="Only levels within this distance from mid count",
        )  # fmt: skip
        self.weighting = Control(
            settings, "weighting", "Weighting", _toggle("size", "notional"), lambda _: "",
            tooltip="What a level weighs before decay: its size, or its size times its price",
        )  # fmt: skip
        self.price = Control(
            settings, "price", "Entries trade at", _toggle("touch", "mid"), lambda _: "",
            tooltip="Touch: buy at the ask, sell at the bid. Mid: a price that nobody gets",
        )  # fmt: skip
        self.fee = Control(
            settings, "fee_bps", "Fee, each side", _slider(-2, 10, 0.1),
            lambda value: f"{value:g} bps".replace("-", formatting.MINUS),
            tooltip="In bps of the value traded; negative is a rebate",
        )  # fmt: skip
        first = [self.decay, self.depth, self.threshold, self.hold]
        behind = [self.band, self.weighting, self.price, self.fee]
        self._controls = [*first, *behind]
        sliders = ipywidgets.VBox([control.box for control in first])
        self._fold = ipywidgets.VBox([control.box for control in behind])
        for box in (sliders, self._fold):
            box.add_class("obi-sliders")
        self._opener = ipywidgets.Button(tooltip="Show or hide the settings that are used less")
        self._opener.add_class("obi-opener")
        self._opener.on_click(self._turn)
        head = ipywidgets.HTML('<div class="obi-head">Signal and entries</div>')
        boxes = [head, sliders, self._opener, self._fold]
        self._unfold(unfolded=False)
        self._warned_of: Parameters | None = None  # of decay, as these are
        if session is not None:  # without one there is nothing to show, and no frame
            self._results = _Results(state={"head": "", "rows": [], "note": ""})
            self._results.add_class("obi-outcome")
            boxes.append(self._results)
        super().__init__(session, boxes, alone=alone)

    def _turn(self, _: object = None) -> None:
        self._unfold(unfolded=not self._unfolded)
        if self.session is not None:
            self.session.refresh()  # a sentence may have to stand elsewhere

    def _unfold(self, *, unfolded: bool) -> None:
        self._unfolded = unfolded
        self._fold.layout.display = None if unfolded else "none"
        self._opener.description = f"{'▾' if unfolded else '▸'} Band, weighting, fees"

    def update(self, frame: Frame) -> None:
        """Show what the settings do to a frame."""
        framed(frame)
        parameters, reach = frame.parameters, frame.reach
        warned = self._warned_of == parameters
        note, warning = formatting.decay_effect(parameters, reach, warned=warned)
        self._warned_of = parameters if warning else None
        self.decay.say(note, warning=warning)
        shortfall, at_band = reach.shortfall, False
        if shortfall is not None and shortfall.setting == "band_bps" and self._unfolded:
            at_band, reach = True, replace(reach, shortfall=None, inferred=0.0)
        note, warning = formatting.depth_effect(parameters, reach)
        self.depth.say(note, warning=warning)
        self.band.say(shortfall.sentence if shortfall and at_band else "", warning=at_band)
        self.threshold.say(formatting.threshold_effect(frame.beyond))
        rows, note = formatting.results(frame)
        self._results.state = {
            "head": f"Entries in {formatting.duration(frame.seconds)} of history"
            if frame.states
            else "Entries",
            "rows": rows,
            "note": note,
        }

    def close(self) -> None:
        """End the widget and all that it is made of. The settings go on."""
        if self.comm is not None:
            for control in self._controls:
                control.close()
        super().close()
