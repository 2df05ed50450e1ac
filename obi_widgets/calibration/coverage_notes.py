"""Notes of a report on a signal that needs levels beyond those that are kept, or known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.signals.coverage import Beyond, Shortfall, inferred

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

MAX_MISSING = 0.5
"""Largest fraction of states without a signal for which a verdict is given. The states that have a
signal are those whose levels lie far apart, which is a biased sample."""


class Coverage(NamedTuple):
    """What a signal lacks of a history.

    Attributes
    ----------
    beyond : Beyond or None
        States whose signal needs levels that are not kept; None if there can be none.
    inferred : int
        States whose signal is inferred.
    states : int
        All states.
    strict : bool
        Whether inferred states have no value.
    """

    beyond: Beyond | None
    inferred: int
    states: int
    strict: bool

    @classmethod
    def of(cls, history: History, parameters: Parameters) -> Coverage:
        """Return what the settings' signal lacks of a history; see `Shortfall`."""
        return cls(
            Beyond.of(history, parameters.levels_used),
            int(np.count_nonzero(inferred(history, parameters))),
            len(history),
            history.strict,
        )


def without_values(history: History, values: NDArray[np.float64]) -> str:
    """Return why there is no verdict where a signal has no value at any state; else empty."""
    if not np.isnan(values).all():
        return ""
    if not len(history):
        return "The record is empty."
    if np.isnan(history.mid).all():
        return "The book never had both sides: no state of the record has a mid."
    return (
        "The signal has no value at any state: it may look back further than the record, or need "
        "data that the record lacks."
    )


def coverage_notes(
    parts: Sequence[Coverage], parameters: Parameters
) -> tuple[str, tuple[str, ...]]:
    """Return why no verdict can be given, and notes on the signal's data.

    Parameters
    ----------
    parts : sequence of Coverage
        What the signal lacks of each history that the report is about.
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
    shortfall = Shortfall.of_all([one.beyond for one in parts], parameters.levels_used)
    if shortfall is not None and shortfall.fraction > MAX_MISSING:
        reason = shortfall.sentence
    elif shortfall is not None:
        notes.append(
            f"{_percent(shortfall.fraction)} of states have no signal. {shortfall.sentence}"
        )
    inferred_states = sum(one.inferred for one in parts)
    if inferred_states:
        percent = _percent(inferred_states / sum(one.states for one in parts))
        result = "has no value" if any(one.strict for one in parts) else "is inferred"
        notes.append(
            f"In {percent} of states the signal {result}: it rests on levels beyond what the last "
            "snapshot covered."
        )
    return reason, tuple(notes)


def _percent(share: float) -> str:
    """Return a fraction as a percentage; never as 0, since this is only called above 0."""
    return f"{max(100 * share, 0.01):.{0 if share >= 0.1 else 2}f} %"
