"""What a report says of a signal that reaches beyond the levels that are kept, or known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.signals.coverage import Shortfall, inferred

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

MOST = 0.5
"""The share of states without a signal from which on nothing is judged: those that have one are
the states in which the levels lie far apart, which is no fair choice."""


def reaches(history: History, parameters: Parameters) -> tuple[str, tuple[str, ...]]:
    """Return why nothing is to be judged, empty for no reason, and what else is to be known.

    Parameters
    ----------
    history : History
        What is judged.
    parameters : Parameters
        ``depth`` and ``band_bps`` say how far the signal reaches.
    """
    beyond, notes = "", []
    shortfall = Shortfall.of(history, parameters.levels_used)
    if shortfall is not None and shortfall.share > MOST:
        beyond = shortfall.sentence
    elif shortfall is not None:
        notes.append(f"{_percent(shortfall.share)} of states have no signal. {shortfall.sentence}")
    guessed = np.count_nonzero(inferred(history, parameters))
    if guessed:
        share = _percent(guessed / len(history))
        result = "has no value" if history.strict else "is inferred"
        notes.append(
            f"In {share} of states the signal {result}: it rests on levels beyond what the last "
            "snapshot covered."
        )
    return beyond, tuple(notes)


def _percent(share: float) -> str:
    """Return a share for a sentence; a small one is not nothing."""
    return f"{max(100 * share, 0.01):.{0 if share >= 0.1 else 2}f} %"
