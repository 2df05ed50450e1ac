"""What decay does to the imbalance at the newest states: the note under its slider."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from obi_widgets.signals.insight import Insight, LevelsInUse, Note, Weighing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

DECAYS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""Decays that are tried to find the largest effect, which may lie at neither end."""

LITTLE = 0.02
"""A smaller change of the imbalance is reported as little."""


class DecayEffect(NamedTuple):
    """How much decay changes the imbalance, compared with no decay.

    Attributes
    ----------
    mean : float
        Mean absolute change under the chosen decay.
    largest : float
        Largest absolute change under any of `DECAYS`.
    """

    mean: float
    largest: float


class ImbalanceInsight(Insight):
    """The levels' weights under decay, and how much decay changes the imbalance."""

    weighs: ClassVar[bool] = True

    def weighings(self, values: Mapping[str, Any]) -> list[Weighing]:
        """Return how levels are weighed; see `Insight.weighings`."""
        return [Weighing(values["decay"], values["depth"], values["band_bps"])]

    def decay_effect(self, history: History, values: Mapping[str, Any]) -> DecayEffect:
        """Return how much decay changes the imbalance in a history."""
        compute = self.signal.compute
        without, with_decay, *others = (
            compute(history, {**values, "decay": decay})
            for decay in (0.0, values["decay"], *DECAYS)
        )
        changes = np.abs(np.array([with_decay, *others]) - without)
        mean = float(np.nanmean(changes[0])) if np.any(~np.isnan(without)) else 0.0
        return DecayEffect(mean, float(np.nanmax(changes, initial=0.0)))

    def notes(
        self,
        history: History,
        values: Mapping[str, Any],
        used: LevelsInUse,
        warned: Collection[str] = (),
    ) -> dict[str, Note]:
        """Return the note on decay; see `Insight.notes`."""
        effect = self.decay_effect(history, values)
        return {"decay": decay_note(values["decay"], effect, used, warned="decay" in warned)}


def decay_note(decay: float, effect: DecayEffect, used: LevelsInUse, *, warned: bool) -> Note:
    """Return the note on decay.

    A warning that is already shown (``warned``) stays until the effect is clearly larger: a note
    that comes and goes would move all controls below it.
    """
    levels = f"All {used.levels} levels lie" if used.levels > 1 else "The only level lies"
    within = f"{levels} within {used.bps:.1f} bps of mid"
    judged = used.levels > 0 and used.enough
    if judged and effect.largest < 0.01:
        return Note(f"{within}: decay changes nothing here. Use more depth.", warning=True)
    if not decay:
        return Note("No decay: all levels weigh the same.")
    if judged and effect.mean < (2 * LITTLE if warned else LITTLE):
        moved = "less than 0.01" if effect.mean < 0.01 else f"only {effect.mean:.2f}"
        advice = "Use more depth or more decay."
        return Note(f"{within}: decay changes the imbalance by {moved}. {advice}", warning=True)
    return Note(f"Half weight {half_weight_bps(decay):.3g} bps from mid.")


def half_weight_bps(decay: float) -> float:
    """Return the distance at which a level's weight is a half, bps: ln 2 / decay."""
    return math.log(2) / decay if decay else math.inf
