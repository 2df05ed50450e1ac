"""What the health panel shows: its words, and places of what it draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obi_widgets.presentation.health import marks, words

if TYPE_CHECKING:
    from obi_widgets.feeds.health.health import Health


def panel_state(health: Health) -> dict[str, Any]:
    """Return all that the panel shows, as JSON."""
    line = marks.timeline(health)
    shown = words.cells(health)
    drawings: dict[str, tuple[str, Any]] = {
        "Lag": ("box", marks.box(health.lag, health.lag_limit)),
        "Age of the book": ("box", marks.box(health.age, float("nan"))),
        "Messages": ("line", marks.rates(health)),
        "Book known to": ("range", marks.known(health)),
    }
    for cell in shown:
        kind, drawn = drawings.get(cell["name"], ("", None))
        cell |= {"kind": kind if drawn else "", "drawn": drawn or None}
    return {
        "head": words.head(health),
        "line": line._asdict(),
        "cells": shown,
        "scale": [[marks.on_scale(at), text] for at, text in marks.SCALE],
        "parts": marks.used_parts(health),
        "unused": list(health.unused),
        "unknown": list(health.unknown),
    }
