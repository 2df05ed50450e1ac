"""Why a market stands still, so that its newest card does not tell of now."""

from __future__ import annotations

from obi_widgets.card.rows import STALE_SECONDS
from obi_widgets.market_data.events import CURRENT
from obi_widgets.presentation.texts import formatting

RECORDED = ("recording", "history")
"""Kinds of feeds whose end is no fault."""


def stands_still(state: str, detail: str, advice: str, age: float, *, recorded: bool) -> str:
    """Return why a market stands still; empty if it does not.

    Parameters
    ----------
    state, detail, advice : str
        State of the feed, its reason and what to do, see `obi_widgets.market_data.events.State`.
    age : float
        Seconds since the book last changed; NaN if unknown.
    recorded : bool
        Whether it is a recording, or a history, whose end is no fault.
    """
    said = formatting.signed(f"{detail} {advice}".strip())
    if state == "closed":
        return "" if recorded else said or "The feed was closed."
    if state not in CURRENT:
        return said or f"The feed is {state}."
    if age >= STALE_SECONDS:
        return f"The book has not changed for {formatting.duration(age)}."
    return ""
