"""Checkboxes that switch gates on and off, each with what its gate does as a tooltip.

A checkbox of ipywidgets shows its own name where a tooltip should be, so these are made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anywidget
import traitlets

from obi_widgets.presentation.texts.gate_text import said_of
from obi_widgets.widgets.assets import STYLE, asset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.trading.gates.gate import Gate


class GateSwitches(anywidget.AnyWidget):
    """A checkbox for each gate. A user's click sets `on`.

    Attributes
    ----------
    offered : list of list of str
        Of each gate: its name in code, its name on the screen, and what it does.
    on : list of str
        Names of the gates that are on, ascending.
    """

    _esm = asset("nodes.js", "gates.js")
    _css = STYLE
    offered = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    on = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def offer(self, gates: Iterable[Gate]) -> None:
        """Have a checkbox for each of these gates, by their names in code."""
        self.offered = [
            [gate.name, gate.title, said_of(gate)]
            for gate in sorted(gates, key=lambda one: one.name)
        ]
