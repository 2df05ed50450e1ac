"""What the chart of equity says in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.presentation.texts import formatting

if TYPE_CHECKING:
    from obi_widgets.presentation.charts.equity import Equity, Totals
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.settings.parameters import Parameters

TITLE = "Entries in view, summed, bps"

NEARLY = "≈0"
"""What is not 0, but of no account beside a fee."""


def title(equity: Equity) -> str:
    """Return the title: what is summed, and which bound of post-only orders is drawn."""
    return f"{TITLE} · dotted: net if first in the queue" if equity.front is not None else TITLE


def head(equity: Equity, parameters: Parameters) -> str:
    """Return the fee at which the entries in view break even, and what is paid."""
    cases = [equity.curve.totals, *([equity.front.totals] if equity.front is not None else [])]
    if not any(case.entries for case in cases):
        return ""
    fees = sorted({_bps(case.break_even) for case in cases if case.entries}, key=len)
    paid = max(case.fee for case in cases if case.entries)
    who = "taker pays" if parameters.execution == "taker" else "pays"
    return f"Breaks even at {' to '.join(fees)} bps a side, {who} {_bps(paid)}"


def detail(frame: Frame) -> str:
    """Return sentences for a tooltip: drawdown, what is left out, and all of the history."""
    equity = frame.equity
    view = equity.curve.totals
    said = [
        f"In view: {_totals(view)}." if view.entries else "",
        f"Net, largest drawdown {_bps(view.drawdown)} bps, now {_bps(view.drawdown_now)} bps."
        if view.entries
        else "",
    ]
    if equity.front is not None:
        said.append(f"If first in the queue: {_totals(equity.front.totals)}.")
    left = ["1 that is open"] if equity.is_open else []
    left += [f"{equity.lost:,} in view whose book was lost"] if equity.lost else []
    said.append(f"Left out: {' and '.join(left)}." if left else "")
    kept = formatting.duration(frame.seconds)
    said.append(f"All {kept} that are kept: {_totals(equity.whole)}.")
    if equity.sealed is not None:
        said.append(f"Since the settings were sealed: {_totals(equity.sealed)}.")
    return " ".join(filter(None, said))


def nothing(frame: Frame) -> str:
    """Return why the chart is empty; an empty text if it is not."""
    if frame.equity.curve.totals.entries or not frame.states:
        return formatting.nothing_yet(frame)
    if frame.untold:
        return frame.untold
    return "No entry has ended in view." if frame.equity.whole.entries else "No entry has ended."


def _totals(totals: Totals) -> str:
    if not totals.entries:
        return "no entry"
    entries = "entry" if totals.entries == 1 else "entries"
    return f"{totals.entries:,} {entries}, gross {gain(totals.gross)}, net {gain(totals.net)} bps"


def gain(value: float) -> str:
    """Return a sum of gains in bps: one decimal, none from 100 on, or compact."""
    if 0 < abs(value) < 0.05:
        return NEARLY
    if abs(value) >= 1e5:
        return formatting.compact(value, sign=True)
    return formatting.number(value, 0 if abs(value) >= 99.95 else 1, sign=True)


def _bps(value: float) -> str:
    return NEARLY if 0 < abs(value) < 0.005 else formatting.bps(value).removesuffix(" bps")
