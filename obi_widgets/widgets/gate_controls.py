"""A checkbox for each gate, and the controls of those that are on."""

from __future__ import annotations

import html
import threading
from typing import TYPE_CHECKING, Any

import ipywidgets

from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.presentation.texts.gate_text import removed, said_of
from obi_widgets.session.kernel_parent import deliver_as_addressed
from obi_widgets.settings.parameters import GATES
from obi_widgets.trading.gates import registry
from obi_widgets.trading.gates.gates import as_gate
from obi_widgets.widgets.control import Control
from obi_widgets.widgets.gate_switches import GateSwitches
from obi_widgets.widgets.page import Together
from obi_widgets.widgets.panel import close_tree, tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from obi_widgets.calibration.result import GatesResult
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings
    from obi_widgets.trading.gates.gate import Gate
    from obi_widgets.widgets.page import Changes

CALCULATING = "Counting what it removes."

OF_WHAT = (
    "Of all entries in the history with these settings, but without this gate: those that begin "
    "where it is closed are removed, the others are kept. With the gate, other entries may follow "
    "in place of the removed ones. Net of fees."
)
"""Tooltip of what a gate removes."""


class GateControls:
    """The gates that can be switched on, and the parameters of those that are on.

    The controls of a gate are made when it is switched on for the first time. A gate that is
    switched off and on again has the values that it had before.

    Parameters
    ----------
    settings : Settings
        Settings whose ``gates`` they show and change.
    refused : callable, optional
        Called with a sentence when a value is refused.

    Attributes
    ----------
    box : VBox
        The checkboxes, and below them the controls of each gate that is on.
    switches : GateSwitches
        The checkboxes.
    """

    def __init__(self, settings: Settings, refused: Callable[[str], object] | None = None) -> None:
        self.settings, self._refused = settings, refused
        self._lock = threading.RLock()  # settings may be assigned in any thread
        self._rows: dict[str, _Row] = {}
        self._made: tuple[_Row, ...] = ()  # another tuple when a row is made
        self._removed: Kept[Together] = Kept()
        self._last: dict[str, tuple[Gate, Mapping[str, Any]]] = {}
        self._showing = threading.local()  # set while its thread shows the settings
        self.switches, self._below = GateSwitches(), ipywidgets.VBox()
        self.switches.observe(self._switched, "on")
        _addressed(self.switches)
        self.box = ipywidgets.VBox([self.switches, self._below])
        self._follow()
        settings.observe(self._follow, GATES)

    def of(self, gate: str, parameter: str) -> Control:
        """Return the control of a parameter of a gate that is on, or was."""
        return self._rows[gate].controls[parameter]

    def offer(self) -> None:
        """Offer the gates that are registered now, and those of the settings."""
        self._follow()

    def changes(self, found: GatesResult | None, parameters: Parameters, *, known: bool) -> Changes:
        """Yield what each gate removes; nothing before one was switched on.

        Parameters
        ----------
        found : GatesResult or None
            The newest report. One of other settings is not shown.
        parameters : Parameters
            The settings that are shown.
        known : bool
            Whether there are states, and exits that are not too coarse.
        """
        if rows := self._made:
            yield self._removed.of(
                rows, found, parameters, known,
                make=lambda: Together(
                    (row.removed, {"value": _removed_by(row.gate.name, found, parameters)})
                    if known else (row.removed, {"value": ""})
                    for row in rows
                ),
            )  # fmt: skip

    def stop(self) -> None:
        """Follow the settings no longer."""
        self.settings.unobserve(self._follow, GATES)
        for row in self._rows.values():
            row.stop()

    def _follow(self, _: object = None) -> None:
        """Show which gates are on."""
        with self._lock:
            chosen = self.settings.gates
            gates = {gate.name: gate for gate in chosen.gates}
            for name in registry.names():
                gates.setdefault(name, as_gate(name))
            for name in chosen:
                self._last[name] = gates[name], chosen[name]
                self._make(gates[name])
            self._showing.now = True
            self.switches.offer(gates.values())
            self.switches.on = sorted(chosen)
            self._showing.now = False
            for name, row in self._rows.items():
                row.box.layout.display = None if name in chosen else "none"

    def _make(self, gate: Gate) -> None:
        """Have controls of a gate; those of one that was defined anew are replaced."""
        old = self._rows.get(gate.name)
        if old is not None and old.gate is gate:
            return
        self._rows[gate.name] = row = _Row(self.settings, gate, self._refused)
        _addressed(row.box)
        self._made = tuple(self._rows[name] for name in sorted(self._rows))
        self._below.children = [one.box for one in self._made]
        if old is not None:
            old.stop()
            close_tree(old.box, old.box.close)

    def _switched(self, change: dict[str, Any]) -> None:
        """Switch gates as a user says."""
        if not getattr(self._showing, "now", False):  # else `_follow` has set it
            for name in sorted({*change["old"]} ^ {*change["new"]}):
                self._switch(name, on=name in change["new"])

    def _switch(self, name: str, *, on: bool) -> None:
        """Switch a gate on or off."""
        gates = self.settings.gates
        if on == (name in gates):
            return
        if not on:
            self.settings.gates = gates.without(name)
            return
        before, values = self._last.get(name, (None, {}))
        # One that was defined anew since may have other parameters.
        self.settings.gates = gates.replace(name, **(values if before is as_gate(name) else {}))


class _Row:
    """The controls of one gate, below its name, what it does and what it removes."""

    def __init__(
        self, settings: Settings, gate: Gate, refused: Callable[[str], object] | None
    ) -> None:
        self.gate = gate
        self.controls = {
            name: Control(settings, parameter, refused, gate=gate.name)
            for name, parameter in gate.parameters.items()
        }
        said = ipywidgets.HTML(
            f'<div class="obi-gate-said"><b>{html.escape(gate.title)}</b> '
            f"<span>{html.escape(said_of(gate))}</span></div>"
        )
        self.removed = ipywidgets.HTML()
        sliders = ipywidgets.VBox([control.box for control in self.controls.values()])
        sliders.add_class("obi-sliders")
        self.box = ipywidgets.VBox([said, self.removed, sliders])
        self.box.add_class("obi-gate-row")

    def stop(self) -> None:
        """Disconnect the controls from the settings."""
        for control in self.controls.values():
            control.stop()


def _removed_by(gate: str, found: GatesResult | None, parameters: Parameters) -> str:
    """Return what is shown of what a gate removes; nothing of one that is off."""
    if gate not in parameters.gates:
        return ""
    if found is None or found.parameters != parameters:
        text = CALCULATING
    elif found.error:
        text = found.error
    else:
        posted = parameters.execution == "post_only"
        text = removed(found.rows[gate], found.tried, posted=posted)
    return f'<div class="obi-gate-removed" title="{OF_WHAT}">{html.escape(text)}</div>'


def _addressed(root: ipywidgets.Widget) -> None:
    for widget in tree(root, set()):
        deliver_as_addressed(widget.comm)
