"""Gates as source text: the expression that makes them, and what it needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from obi_widgets.errors import SettingsError, counted
from obi_widgets.signals.coverage import kept_suffice
from obi_widgets.signals.cycles import cycles_in
from obi_widgets.strategy.signal import FROM_BOOKS, cycles_of, of_imbalance
from obi_widgets.strategy.source import self_contained
from obi_widgets.trading.gates.hours import HOUR
from obi_widgets.trading.gates.registry import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from obi_widgets.history.columns import History
    from obi_widgets.strategy.signal import Written
    from obi_widgets.trading.gates.gate import Gate
    from obi_widgets.trading.gates.gates import Gates

CONFLICT = "conflict"
"""The name of the gate that goes on after books were missed."""

OWN = "computed"
"""The name of the section that a gate of a user needs."""


def _ns(seconds: float) -> str:
    return f"{round(seconds * 1e9):_}"


PLAIN: dict[str, Callable[[Mapping[str, Any], Written], str]] = {
    "conflict": lambda v, out: (
        f"ConflictGate({cycles_of(v)}, {cycles_in(v['of_last'])}, {of_imbalance(v, out)})"
    ),
    "depth": lambda v, _: f"DepthGate({v['band_bps']!r}, {v['quantile']!r}, {_ns(v['window'])})",
    "hours": lambda v, _: (
        f"HoursGate({round(v['from_hour'] * HOUR):_}, {round(v['until_hour'] * HOUR):_}, "
        f"{json.dumps(v['days'])})"
    ),
    "largest_share": lambda v, _: (
        f"LargestShareGate({v['depth']!r}, {v['quantile']!r}, {_ns(v['window'])}, {v['most']!r})"
    ),
    "spread": lambda v, _: f"SpreadGate({v['quantile']!r}, {_ns(v['window'])}, {v['most_bps']!r})",
    "volatility": lambda v, _: (
        f"VolatilityGate({_ns(v['window'])}, {v['most']!r}, {v['least']!r}, {_ns(v['of_last'])})"
    ),
}
"""The built-in gates that a file can have, each as text that makes it of its parameters' values."""

ADVICE = (
    f"A strategy file can have the gates {', '.join(list(PLAIN)[:-1])} and {[*PLAIN][-1]}, and a "
    "function of your own of the book. With this package, settings.gates.allowed(history) says "
    "where any gate is open."
)


def write_gates(gates: Gates, history: History, out: Written) -> None:
    """Add the text of gates to what a file has.

    Raises
    ------
    SettingsError
        If a gate needs more than books or more levels than are kept, is not self-contained, or has
        no value in the history.
    """
    for gate in gates.gates:
        values = dict(gates[gate.name])
        if gate.spans_gaps and not (is_built_in(gate) and gate.name in PLAIN):
            raise _refused(gate, "its look-back reaches into gaps, which a strategy file cannot do")
        if is_built_in(gate) and gate.name not in PLAIN:
            raise _refused(
                gate,
                "it follows large levels through every change of the whole book, and a strategy "
                "file knows the best levels alone",
            )
        more = gate.needs - FROM_BOOKS
        if more:
            needs = ", ".join(sorted(more))
            raise _refused(gate, f"it needs {needs}, and a strategy file is given books alone")
        if gate.name == CONFLICT and is_built_in(gate):
            _check_levels(gate, values, history)
            out.cycles = True
        if is_built_in(gate):
            made, section = PLAIN[gate.name](values, out), gate.name
        else:
            made, section = _own(gate, values, history, out), OWN
        out.gates.append(made)
        if section not in out.gate_sections:
            out.gate_sections.append(section)


def is_built_in(gate: Gate) -> bool:
    """Return whether a gate is built in."""
    # Code that was run from a text may have no module.
    return BUILT_IN.get(gate.name, "") == getattr(gate.function, "__module__", None)


def _own(gate: Gate, values: dict[str, Any], history: History, out: Written) -> str:
    """Return the text that makes a gate of a user, and add its function."""
    _check_levels(gate, values, history)
    name = f"{gate.name}_gate"  # a signal, or a class of the file, may have its own name
    imports, text = self_contained(gate, name)
    out.imports += [line for line in imports if line not in out.imports]
    out.functions.append(text)
    return f"ComputedGate({name}, {values!r}, {_ns(gate.lookback(values))})"


def _check_levels(gate: Gate, values: dict[str, Any], history: History) -> None:
    if not kept_suffice(history.levels, gate.levels_used(values)):
        raise SettingsError(
            f"The gate {gate.name} cannot be exported: it may reach beyond what is kept, "
            f"{counted(history.levels, 'level')} a side.",
            "Choose less depth, or keep more levels.",
        )


def _refused(gate: Gate, reason: str) -> SettingsError:
    return SettingsError(f"The gate {gate.name} cannot be exported: {reason}.", ADVICE)
