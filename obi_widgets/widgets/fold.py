"""The settings that are changed less often, in groups: signal, entries, exits, gates, fees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from obi_widgets.settings.parameters import THRESHOLD_IS
from obi_widgets.trading.declared import (
    COSTS,
    DECELERATION_SECONDS,
    ENTERING,
    EXECUTION,
    EXIT_DECELERATION,
    EXIT_FADE,
    EXIT_FLIP,
    FIXED,
    LEAST_WEIGHT,
    PRICE,
    QUANTILE_WINDOW,
    SIZE_BY,
    STOP,
    STOP_BY,
    STRENGTH,
    TARGET,
    TRANSITION,
    TRANSITION_SECONDS,
    WAIT,
)
from obi_widgets.widgets.gate_controls import GateControls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from obi_widgets.parameters import Parameter
    from obi_widgets.settings.settings import Settings
    from obi_widgets.widgets.control import Control

SIGNAL, ENTRIES, EXITS, GATES, ORDERS, FEES = (
    "Signal", "Entries", "Exits", "Gates", "Orders", "Fees",
)  # fmt: skip
"""Heads of the groups."""

HEADS = SIGNAL, ENTRIES, EXITS, GATES, ORDERS, FEES

GROUPS: dict[str, tuple[Parameter, ...]] = {
    ENTRIES: (THRESHOLD_IS, QUANTILE_WINDOW, *ENTERING),
    EXITS: (STOP, STOP_BY, TARGET, EXIT_FLIP, EXIT_FADE, EXIT_DECELERATION, DECELERATION_SECONDS),
    ORDERS: (*EXECUTION[:2], PRICE, *EXECUTION[2:], SIZE_BY, LEAST_WEIGHT),
    FEES: COSTS,
}
"""The settings of each group that every signal has."""

COMMON = tuple(setting for group in GROUPS.values() for setting in group)
"""Settings of every signal that have their control in a group."""

DECIDING = [
    "threshold_is", "entry_rule", "exit_deceleration", "execution", "stop_bps", "stop_by",
    "size_by",
]  # fmt: skip
"""A change of one of these changes which others have an effect."""


def without_effect(settings: Settings) -> set[str]:
    """Return the names of the settings that change nothing while others are as they are."""
    found = set()
    if settings.threshold_is != "quantile":
        found.add(QUANTILE_WINDOW.name)
    if settings.entry_rule != TRANSITION:
        found.add(TRANSITION_SECONDS.name)
    if settings.exit_deceleration is None:
        found.add(DECELERATION_SECONDS.name)
    if settings.stop_bps is None:
        found.add(STOP_BY.name)
    stop_by = FIXED if settings.stop_bps is None else settings.stop_by
    if STRENGTH not in (settings.size_by, stop_by):
        found.add(LEAST_WEIGHT.name)
    found.add(PRICE.name if settings.execution == "post_only" else WAIT.name)
    return found


class Fold:
    """Groups of controls, each with its head. What has no effect now is hidden, not taken away.

    A control that is dragged stays the same one, so that dragging a setting from off shows what
    depends on it.

    Parameters
    ----------
    settings : Settings
        Settings that the controls change.
    refused : callable, optional
        Called with a sentence when a value is refused.

    Attributes
    ----------
    box : VBox
        All groups.
    gates : GateControls
        The controls of the gates.
    """

    def __init__(self, settings: Settings, refused: Callable[[str], object] | None) -> None:
        self.settings = settings
        self.gates = GateControls(settings, refused)
        self._controls: Mapping[str, Control] = {}
        self._boxes = {name: ipywidgets.VBox() for name in (SIGNAL, *GROUPS)}
        for box in self._boxes.values():
            box.add_class("obi-sliders")
        inside = {**self._boxes, GATES: self.gates.box}
        self._groups = {name: _group(name, inside[name]) for name in HEADS}
        self.box = ipywidgets.VBox(list(self._groups.values()))
        self.box.add_class("obi-behind")
        settings.observe(self._follow, DECIDING)

    def fill(self, own: Sequence[Parameter], controls: Mapping[str, Control]) -> None:
        """Put controls into the groups.

        Parameters
        ----------
        own : sequence of Parameter
            Parameters of the signal that belong here.
        controls : mapping of str to Control
            A control of each of them, and of each of `COMMON`, by name.
        """
        self._controls = controls
        for name, box in self._boxes.items():
            box.children = [controls[one.name].box for one in GROUPS.get(name, own)]
        self._groups[SIGNAL].layout.display = None if own else "none"
        self._follow()

    def offer(self) -> None:
        """Offer the gates that are registered now."""
        self.gates.offer()

    def stop(self) -> None:
        """Follow the settings no longer."""
        self.settings.unobserve(self._follow, DECIDING)
        self.gates.stop()

    def _place_least_weight(self) -> None:
        """Have the least weight beside what it is of: of the stop alone, among the exits."""
        control = self._controls.get(LEAST_WEIGHT.name)
        if control is None:
            return
        of_stop = self.settings.size_by != STRENGTH and self.settings.stop_by == STRENGTH
        for name in (EXITS, ORDERS):
            shown = [self._controls[one.name].box for one in GROUPS[name] if one != LEAST_WEIGHT]
            after = {EXITS: STOP_BY, ORDERS: SIZE_BY}[name]
            if of_stop == (name == EXITS):
                shown.insert(shown.index(self._controls[after.name].box) + 1, control.box)
            if shown != list(self._boxes[name].children):
                self._boxes[name].children = shown

    def _follow(self, _: object = None) -> None:
        self._place_least_weight()
        unused = without_effect(self.settings)
        for setting in COMMON:
            if setting.name in self._controls:
                self._controls[setting.name].show(shown=setting.name not in unused)


def title(own: Sequence[Parameter]) -> str:
    """Return what the button says that opens the fold, with these parameters of the signal."""
    names = [setting.title for setting in own]
    return ", ".join([*names, *(name for name in HEADS if name != SIGNAL)]).capitalize()


def _group(name: str, inside: ipywidgets.Widget) -> ipywidgets.HBox:
    head = ipywidgets.HTML(f'<div class="obi-group-head">{name}</div>')
    group = ipywidgets.HBox([head, inside])
    group.add_class("obi-group")
    return group
