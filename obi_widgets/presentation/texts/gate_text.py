"""What a gate does, and what it removes, in a few sentences."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from obi_widgets.calibration.difference import FEW
from obi_widgets.errors import counted
from obi_widgets.presentation.texts import formatting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.trading.gates.gate import Gate


def said_of(gate: Gate) -> str:
    """Return what a gate does, made of its docstring: "Entries begin only where …"."""
    if not gate.description:
        return "Entries begin only where this gate is open."
    return re.sub(r"^Return where ", "Entries begin only where ", gate.description)


LARGE_UNKNOWN = 0.05
"""Share of the time without a value of the gate from which it is said, 0 to 1."""


def removed(figures: Mapping[str, float], tried: int, *, posted: bool = False) -> str:
    """Return how many entries a gate removes, and what those would have made.

    Parameters
    ----------
    figures : mapping
        A row of `obi_widgets.gate_report`.
    tried : int
        Number of settings that the interval of ``selects`` allows for.
    posted : bool
        Whether entries are post-only orders.
    """
    said, gone, all_of_them = [], round(figures["removed"]), round(figures["entries_off"])
    if not all_of_them:
        said.append("Without this gate there are no entries either.")
    elif not gone:
        said.append(f"Removed none of {all_of_them:,} entries.")
    else:
        said += [_made(figures, gone, all_of_them), *_selects(figures, gone, tried)]
    if figures["unknown"] >= LARGE_UNKNOWN:
        share = 100 * figures["unknown"]
        said.append(f"Unknown, and so closed, {share:.0f} % of the time.")
    if posted and all_of_them:
        said.append("Post-only: last in the queue.")
    return " ".join(said)


def _made(figures: Mapping[str, float], gone: int, all_of_them: int) -> str:
    which = f"{gone:,} of {all_of_them:,} entries"
    if gone == all_of_them:
        which = "the only entry" if gone == 1 else f"all {gone:,} entries"
    it, each = ("it", "") if gone == 1 else ("they", " each")
    net = figures["removed_net"]
    if math.isnan(net):
        return f"Removed {which}; no exit is known of {'it' if gone == 1 else 'them'}."
    made = formatting.bps(net, sign=True)
    return f"Removed {which}; {it} would have made {made}{each}, net."


def _selects(figures: Mapping[str, float], gone: int, tried: int) -> list[str]:
    """Return whether those that are kept are better, in a sentence or none."""
    kept, more = round(figures["kept"]), figures["selects"]
    low, high = figures["selects_low"], figures["selects_high"]
    if math.isnan(low):
        if math.isnan(figures["removed_net"]):
            return []
        if gone < FEW:
            return ["Too few to say what such entries make."]
        if kept < FEW:
            return [f"It keeps {kept or 'none'}: too few to compare with."]
        return ["The record is too short to tell them from those it keeps."]
    by = formatting.bps(math.fabs(more))
    bounds = f"{formatting.number(low, 2, sign=True)} to {formatting.number(high, 2, sign=True)}"
    chance = "" if low > 0 or high < 0 else ", which may be chance"
    settings = counted(tried, "setting")
    return [
        f"Those it keeps made {by} {'more' if more > 0 else 'less'}{chance}: {bounds}, "
        f"95 % interval, allowing for {settings} tried."
    ]
