"""What the entries came to, as texts: of the present settings, or of both A and B."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from obi_widgets.calibration.difference import FEW
from obi_widgets.calibration.forward_returns import too_coarse
from obi_widgets.parameters import Choice
from obi_widgets.presentation.texts import effects, formatting
from obi_widgets.settings.parameters import GATES
from obi_widgets.settings.undo import differing
from obi_widgets.signals.signal import title_of

if TYPE_CHECKING:
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.presentation.reading.comparison import Compared
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.trade_list import Results

NAMED = 2
"""Differing settings that the name of B says, at most."""


def outcome(frame: Frame) -> dict[str, Any]:
    """Return what is shown of the entries.

    Returns
    -------
    dict
        ``head`` and ``note`` are sentences, ``rows`` are lists of a name, a figure and its tone,
        and the figure of B. ``other`` is the name of B; empty without one.
    """
    head = "Entries"
    if frame.states:
        head = f"Entries in {formatting.duration(frame.seconds)} of history"
    if frame.other is None:
        rows, note = effects.results(frame)
        return {"head": head, "other": "", "rows": [list(row) for row in rows], "note": note}
    other = frame.other
    sides = [
        _figures(results, parameters, frame.history.interval)
        for results, parameters in (
            (frame.results, frame.parameters), (other.results, other.parameters),
        )
    ]  # fmt: skip
    return {
        "head": head,
        "other": name_of(other.parameters, frame.parameters),
        "rows": [[name, a, tone, b] for (name, a, tone), (_, b, _) in zip(*sides, strict=True)],
        "note": _worth(frame, other),
    }


def name_of(other: Parameters, present: Parameters) -> str:
    """Return what distinguishes settings from the present ones, such as "hold 30 s"."""
    changed = differing(present, other)
    if "signal" in changed:
        return title_of(other.signal.name)
    said = []
    for name in changed:
        parameter, value = other.declared.get(name), other.as_dict()[name]
        if name == GATES:
            said.append(f"gates {', '.join(value)}" if value else "no gate")
            continue
        if parameter is None:  # whether the threshold is a quantile
            said.append(str(value))
            continue
        word = str(value) if isinstance(parameter.kind, Choice) else ""
        said.append(f"{parameter.title.lower()} {word or formatting.value(parameter, value)}")
    more = f" +{len(said) - NAMED}" if len(said) > NAMED else ""
    return ", ".join(said[:NAMED]) + more or "the same"


def _figures(found: Results, parameters: Parameters, interval: float) -> list[tuple[str, str, str]]:
    """Return the rows of one side: name, figure in bps, tone."""
    number = formatting.number
    half = f"± {number(1.96 * found.mean_net_se, 2)}" if found.entries >= FEW else "–"
    tone = "" if not found.entries else "good" if found.mean_net_bps > 0 else "bad"
    rows = [
        ("entries", f"{found.entries:,}", ""),
        ("won, before fees", formatting.won(found.won, found.entries), ""),
        ("mean, before fees", number(found.mean_gross_bps, 2, sign=True), ""),
        ("95 % interval", half, ""),
        ("mean, after fees", number(found.mean_net_bps, 2, sign=True), tone),
        ("break-even, a side", number(found.mean_gross_bps / 2, 2, sign=True), ""),
    ]
    if too_coarse(parameters.hold_seconds, interval):
        return [(name, formatting.NOTHING, "") for name, _, _ in rows]
    return rows


def _worth(frame: Frame, other: Compared) -> str:
    """Return whether A and B can be told apart."""
    if frame.parameters == other.parameters:
        return "B has these settings. Change one, and compare."
    if other.trouble:
        return f"B: {other.trouble}"
    found, number = other.difference, formatting.number
    said = ["In bps."]
    if frame.front is not None or other.front is not None:
        said.append("Post-only: last in the queue.")
    count = min(frame.results.entries, other.results.entries)
    if not found.enough and count < FEW:
        said.append("Too few entries to tell A from B, or either from chance.")
    elif not found.enough:
        said.append("The record is too short to tell A from B.")
    else:
        bounds = f"{number(found.low, 2, sign=True)} to {number(found.high, 2, sign=True)}"
        tried = f"95 % interval, allowing for {other.tried} settings tried"
        if found.told:
            more, less = ("A", "B") if found.mean_bps > 0 else ("B", "A")
            by = number(math.fabs(found.mean_bps), 2)
            said.append(f"{more} earns {by} more an entry than {less}: A − B is {bounds}, {tried}.")
        else:
            said.append(f"A and B cannot be told apart: A − B is {bounds}, {tried}.")
    return " ".join(said)
