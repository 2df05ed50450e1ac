"""What a gate does, in a sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obi_widgets.trading.gates.gate import Gate


def said_of(gate: Gate) -> str:
    """Return what a gate does, made of its docstring: "Entries begin only where …"."""
    if not gate.description:
        return "Entries begin only where this gate is open."
    return re.sub(r"^Return where ", "Entries begin only where ", gate.description)
