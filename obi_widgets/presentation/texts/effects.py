"""What the settings do to the signal and its entries, as texts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from obi_widgets.calibration.difference import FEW
from obi_widgets.calibration.forward_returns import COARSE, too_coarse
from obi_widgets.errors import counted
from obi_widgets.presentation.texts import formatting
from obi_widgets.signals.insight import Note

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.presentation.frames.frame import Frame, Reach
    from obi_widgets.trading.gates.gates import Gates

FEW_NAMED = 3
"""Gates that a sentence names, at most."""


def depth_effect(depth: int | None, reach: Reach) -> Note:
    """Return how far the levels that the signal uses reach.

    The note is a warning if depth or band reach beyond the levels that are kept or known.
    """
    if not reach.levels:
        return Note("No book.")
    if reach.shortfall is not None:
        return Note(reach.shortfall.sentence, warning=True)
    weight = f", weight {reach.weight:.2f}" if math.isfinite(reach.weight) else ""
    note = f"Deepest: {reach.bps:.1f} bps from mid{weight}."
    if depth is not None and reach.levels < depth:
        note = f"The book has only {counted(reach.levels, 'level')}. {note}"
    if reach.inferred:
        return Note(f"{note} {inferred_share(reach)}", warning=True)
    return Note(note)


def inferred_share(reach: Reach) -> str:
    """Return in which share of the states the signal uses levels that are not known."""
    share = f"{max(100 * reach.inferred, 0.1):.{0 if reach.inferred >= 0.1 else 1}f}"
    return f"{share} % of states use levels that the last snapshot did not cover."


def closed(gates: Gates) -> str:
    """Return what may be the reason of no entry while gates are on: which they are."""
    names = [f"“{gate.title}”" for gate in gates.gates]
    if len(names) == 1:
        which, each = f"The gate {names[0]} is", "it"
    else:
        last = names.pop() if len(names) <= FEW_NAMED else f"{len(names) - FEW_NAMED + 1} more"
        which, each = f"The gates {', '.join(names[: FEW_NAMED - 1])} and {last} are", "each"
    return (
        f"No entry. {which} on, and closed also while too little is known: obi.gate_report says "
        f"how long {each} was open or unknown."
    )


def threshold_effect(beyond: float) -> str:
    """Return how often the signal is beyond the threshold."""
    if not math.isfinite(beyond):
        return "No signal."
    share = 100 * beyond
    return f"Exceeded in {share:.{1 if share < 10 else 0}f} % of states."


def results(frame: Frame) -> tuple[list[tuple[str, str, str]], str]:
    """Return rows of (name, figure, tone), and a sentence on how reliable they are.

    The tone is ``"good"``, ``"bad"`` or empty. If the hold is too short for the history's interval,
    dashes replace the figures, and the sentence says so.
    """
    found, parameters = frame.results, frame.parameters
    cases = [found] if frame.front is None else [found, frame.front]
    nets = [result.mean_net_bps for result in cases if result.entries]
    tone = "" if not nets else "good" if min(nets) > 0 else "bad"
    fees = f"2 × {parameters.fee_bps:g} bps".replace("-", formatting.MINUS)
    won = _bounds(formatting.won(result.won, result.entries) for result in cases)
    gross = _bounds(formatting.bps(result.mean_gross_bps, sign=True) for result in cases)
    net = _bounds(formatting.bps(result.mean_net_bps, sign=True) for result in cases)
    rows = [
        ("entries", _bounds(f"{result.entries:,}" for result in cases), ""),
        ("won, before costs", won, ""),
        ("mean, before fees", gross, ""),
        (f"mean, after {fees if frame.front is None else 'fees'}", net, tone),
    ]
    if any(result.missed for result in cases):
        rows.append(("orders not filled", _bounds(f"{result.missed:,}" for result in cases), ""))
    interval = frame.history.interval
    if too_coarse(parameters.hold_seconds, interval):
        return [(name, formatting.NOTHING, "") for name, _, _ in rows], (
            f"Not shown: the history keeps one state every {interval:g} s, so exits would come too "
            f"late. Set the hold to {COARSE * interval:g} s or longer."
        )
    bounds = ""
    if frame.front is not None:
        bounds = "Figures: last to first in the queue. The chart shows the last. "
    if not found.entries:
        return rows, frame.untold or (
            closed(parameters.gates) if parameters.gates else bounds.strip()
        )
    if found.entries < FEW:
        return rows, f"{bounds}Too few entries: the mean may be chance."
    half = formatting.number(1.96 * found.mean_net_se, 2)
    return rows, f"{bounds}95 % interval: ± {half} bps, if entries are independent."


def _bounds(figures: Iterable[str]) -> str:
    """Return one figure, or the figures of both bounds with their unit once."""
    back, *front = figures
    if not front or front[0] == back:
        return back
    return f"{back.removesuffix(' bps')} to {front[0]}"
