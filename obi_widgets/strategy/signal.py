"""A signal as source text: the expression that computes it state by state, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from obi_widgets.errors import SettingsError, counted
from obi_widgets.signals.card_direction import card_direction
from obi_widgets.signals.combined import Combined
from obi_widgets.signals.coverage import kept_suffice
from obi_widgets.signals.cycles import cycles_in
from obi_widgets.signals.imbalance import imbalance
from obi_widgets.signals.registry import is_built_in
from obi_widgets.strategy.plain import ADVICE, OF_FLOW, OF_TRADES
from obi_widgets.strategy.source import self_contained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.history.columns import History
    from obi_widgets.signals.signal import Signal

FROM_BOOKS = {"touch", "levels"}
"""Needs of a user's signals and gates that a strategy file can meet."""

OF_WALLS = ("wall_breakout", "wall_fade")
"""Built-in signals of large levels."""

EARLIER = ("difference", "velocity")
"""Transforms that compare with the value before their window."""


@dataclass
class Written:
    """A signal as text.

    Attributes
    ----------
    expression : str
        The expression; empty for the imbalance alone.
    transforms : bool
        Whether the file needs `transforms`.
    lasts : bool
        Whether the signal goes on after books were missed.
    card, cycles : bool
        Whether the file needs `CardDirection`, and the windows over cycles.
    trades, flow : list of str
        Names of its signals of trades, and of order flow.
    flow_ranks : int
        Ranks whose order flow these need.
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
    lasts: bool = False
    card: bool = False
    cycles: bool = False
    trades: list[str] = field(default_factory=list)
    flow: list[str] = field(default_factory=list)
    flow_ranks: int = 0
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
        If the signal needs more than books, trades and order flow, or more levels than are kept, or
        is not self-contained.
    """
    for part in _innermost(signal):
        more = frozenset() if _has_what_it_needs(part) else part.needs - FROM_BOOKS
        if more:
            raise SettingsError(
                f"The signal {signal.name} cannot be exported: {_reason(part, more)}.", ADVICE
            )
    if signal is imbalance:
        return Written(imbalances=[dict(values)])
    out = Written(lasts=signal.spans_gaps)
    out.expression = _expression(signal, values, history, out)
    return out


def _innermost(signal: Signal) -> list[Signal]:
    """Return the signals that a transform is made of in the end; of others, themselves."""
    if not isinstance(signal, Combined):
        return [signal]
    return [one for part in signal.parts for one in _innermost(part)]


def _has_what_it_needs(signal: Signal) -> bool:
    """Return whether a signal is a built-in one that gets trades or flow, or has other hindrances.

    What is fitted is refused for that, whatever it is fitted on.
    """
    return is_built_in(signal) and (
        signal.name in OF_TRADES or signal.name in OF_FLOW or "refit" in signal.parameters
    )


def _reason(part: Signal, more: frozenset[str]) -> str:
    """Return why a strategy file cannot have what a signal needs."""
    if is_built_in(part) and part.name in OF_WALLS:
        return (
            f"{part.name} follows large levels through every change of the whole book, and a "
            "strategy file knows the best levels alone"
        )
    needs = ", ".join(sorted(more))
    return f"{part.name} needs {needs}, and a strategy file gives functions books alone"


def of_imbalance(values: Mapping[str, Any], out: Written) -> str:
    """Return values of an imbalance as an argument; None if they are the file's constants."""
    if not out.imbalances:
        out.imbalances.append({name: values[name] for name in imbalance.parameters})
    first = out.imbalances[0]
    if all(values[name] == first[name] for name in first):
        return "None"
    notional = values["weighting"] == "notional"
    return repr((values["decay"], values["depth"], values["band_bps"], notional))


def cycles_of(values: Mapping[str, Any]) -> str:
    """Return the three windows of the card in cycles, as an argument."""
    return repr(tuple(cycles_in(values[name]) for name in ("short", "middle", "long")))


def _expression(signal: Signal, values: Mapping[str, Any], history: History, out: Written) -> str:
    if signal is imbalance:
        out.transforms = True  # they have the class `Imbalance`
        given = of_imbalance(values, out)
        return "Imbalance()" if given == "None" else f"Imbalance({given})"
    if isinstance(signal, Combined):
        if signal.transform in EARLIER and signal.parts[0].spans_gaps:
            raise SettingsError(
                f"The signal {signal.name} cannot be exported: after a gap it compares with a "
                "value that may rest on states from before it, which a strategy file forgets.",
                ADVICE,
            )
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
    if is_built_in(signal) and "refit" in signal.parameters:
        raise SettingsError(
            f"The signal {signal.name} cannot be exported: it is fitted on the past again and "
            "again, which a strategy file cannot do.",
            ADVICE,
        )
    if not kept_suffice(history.levels, signal.levels_used(values)):
        raise SettingsError(
            f"The signal {signal.name} cannot be exported: it may reach beyond what is kept, "
            f"{counted(history.levels, 'level')} a side.",
            "Choose less depth, or keep more levels.",
        )
    if signal is card_direction:
        out.card = out.cycles = True
        # As a part, it is known as the look-back of the whole says.
        known_from = "" if out.lasts else f", {round(signal.lookback(values) * 1e9):_}"
        return f"CardDirection({cycles_of(values)}, {of_imbalance(values, out)}{known_from})"
    if signal.spans_gaps:
        raise SettingsError(
            f"The signal {signal.name} cannot be exported: its look-back reaches into gaps, which "
            "a strategy file cannot do.",
            ADVICE,
        )
    if is_built_in(signal) and signal.name in OF_TRADES:
        out.trades += [signal.name] if signal.name not in out.trades else []
        return f"{OF_TRADES[signal.name]}(tape, {round(values['window'] * 1e9):_})"
    if is_built_in(signal) and signal.name in OF_FLOW:
        out.flow += [signal.name] if signal.name not in out.flow else []
        out.flow_ranks = max(out.flow_ranks, values.get("rank", values["depth"]))
        given = ", ".join(str(values[name]) for name in ("rank", "depth") if name in values)
        return f"{OF_FLOW[signal.name]}(flow, {round(values['window'] * 1e9):_}, {given})"
    imports, text = self_contained(signal, signal.name)
    out.imports += [line for line in imports if line not in out.imports]
    if text not in out.functions:
        out.functions.append(text)
    back = round(signal.lookback(values) * 1e9)
    return f"Computed({signal.name}, {dict(values)!r}, {back:_})"
