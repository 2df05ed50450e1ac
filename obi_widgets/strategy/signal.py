"""A signal as source text: the expression that computes it state by state, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from obi_widgets.errors import SettingsError
from obi_widgets.signals.coverage import kept_suffice
from obi_widgets.signals.imbalance import imbalance
from obi_widgets.signals.registry import is_built_in
from obi_widgets.signals.transforms import Combined
from obi_widgets.strategy.plain import ADVICE
from obi_widgets.strategy.source import self_contained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.history.columns import History
    from obi_widgets.signals.signal import Signal

FROM_BOOKS = {"touch", "levels"}
"""Needs of signals that a strategy file can meet: it is given books only."""


@dataclass
class Written:
    """A signal as text.

    Attributes
    ----------
    expression : str
        The expression; empty for the imbalance alone.
    transforms : bool
        Whether the file needs `transforms`.
    imbalances : list of dict
        Parameter values of each imbalance in it; those of the first are constants of the file.
    imports : list of str
        Imports that the functions need, such as ``import numpy as np``.
    functions : list of str
        Functions of a user, each once.
    gates : list of str
        Expressions that make the gates.
    gate_sections : list of str
        Names of the sections of `plain_gates` that they need.
    """

    expression: str = ""
    transforms: bool = False
    imbalances: list[dict[str, Any]] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    gates: list[str] = field(default_factory=list)
    gate_sections: list[str] = field(default_factory=list)


def written_out(signal: Signal, values: Mapping[str, Any], history: History) -> Written:
    """Return a signal with values of its parameters as text.

    Raises
    ------
    SettingsError
        If the signal needs more than books or more levels than are kept, or is not self-contained.
    """
    more = signal.needs - FROM_BOOKS
    if more:
        raise SettingsError(
            f"The signal {signal.name} cannot be exported: it needs {', '.join(sorted(more))}, and "
            "a strategy file is given books alone.",
            ADVICE,
        )
    if signal is imbalance:
        return Written(imbalances=[dict(values)])
    out = Written()
    out.expression = _expression(signal, values, history, out)
    return out


def _expression(signal: Signal, values: Mapping[str, Any], history: History, out: Written) -> str:
    if signal is imbalance:
        out.transforms = True  # they have the class `Imbalance`
        out.imbalances.append(dict(values))
        if len(out.imbalances) == 1:
            return "Imbalance()"
        notional = values["weighting"] == "notional"
        given = values["decay"], values["depth"], values["band_bps"], notional
        return f"Imbalance({given!r})"
    if isinstance(signal, Combined):
        out.transforms = True
        parts = [
            _expression(p, given, history, out) for p, given in signal.parts_with_values(values)
        ]
        own = [values[name] for name in signal.own]
        if signal.transform == "sum":
            weighted = (f"({w!r}, {part})" for w, part in zip(own, parts, strict=True))
            return f"WeightedSum({', '.join(weighted)})"
        window, back = round(own[0] * 1e9), round(signal.lookback(values) * 1e9)
        return f"{signal.transform.capitalize()}({parts[0]}, {window:_}, {back:_})"
    if not kept_suffice(history.levels, signal.levels_used(values)):
        raise SettingsError(
            f"The signal {signal.name} cannot be exported: it may reach beyond the "
            f"{history.levels} levels that are kept.",
            "Choose less depth, or keep more levels.",
        )
    if is_built_in(signal) and "refit" in signal.parameters:
        raise SettingsError(
            f"The signal {signal.name} cannot be exported: it is fitted on the past again and "
            "again, which a strategy file cannot do.",
            ADVICE,
        )
    if signal.spans_gaps:
        raise SettingsError(
            f"The signal {signal.name} cannot be exported: its look-back reaches into gaps, which "
            "a strategy file cannot do.",
            ADVICE,
        )
    imports, text = self_contained(signal, signal.name)
    out.imports += [line for line in imports if line not in out.imports]
    if text not in out.functions:
        out.functions.append(text)
    back = round(signal.lookback(values) * 1e9)
    return f"Computed({signal.name}, {dict(values)!r}, {back:_})"
