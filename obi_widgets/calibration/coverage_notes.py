"""Notes of a report on a signal that needs levels beyond those that are kept, or known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.signals.coverage import Shortfall, inferred

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

MAX_MISSING = 0.5
"""Largest fraction of states without a signal for which a verdict is given. The states that have a
signal are those whose levels lie far apart, which is a biased sample."""


def coverage_notes(history: History, parameters: Parameters) -> tuple[str, tuple[str, ...]]:
    """Return why no verdict can be given, and notes on the signal's data.

    Parameters
    ----------
    history : History
        The history that the report is about.
    parameters : Parameters
        ``depth`` and ``band_bps`` define which levels the signal needs.

    Returns
    -------
    reason : str
        Why no verdict can be given; empty if one can.
    notes : tuple of str
        One sentence or two for each limitation.
    """
    reason, notes = "", []
    shortfall = Shortfall.of(history, parameters.levels_used)
    if shortfall is not None and shortfall.fraction > MAX_MISSING:
        reason = shortfall.sentence
    elif shortfall is not None:
        notes.append(
            f"{_percent(shortfall.fraction)} of states have no signal. {shortfall.sentence}"
        )
    inferred_states = np.count_nonzero(inferred(history, parameters))
    if inferred_states:
        percent = _percent(inferred_states / len(history))
        result = "has no value" if history.strict else "is inferred"
        notes.append(
            f"In {percent} of states the signal {result}: it rests on levels beyond what the last "
            "snapshot covered."
        )
    return reason, tuple(notes)


def _percent(share: float) -> str:
    """Return a fraction as a percentage; never as 0, since this is only called above 0."""
    return f"{max(100 * share, 0.01):.{0 if share >= 0.1 else 2}f} %"
