"""What cards are made of: a mode, signals, and their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.compare import chosen_signals
from obi_widgets.card.modes import Mode, mode_of
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.presets import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike

    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.signal import Signal

    One = Signal | str | Settings | Parameters


class Plan(NamedTuple):
    """What cards are made of.

    Attributes
    ----------
    mode : Mode
        Windows and horizon.
    names : tuple of str
        Names of the signals, S.
    parameters : tuple of Parameters
        The signals, and the values of their parameters.
    weights : tuple of float
        Weights of the signals, 0 or more, with a sum above 0.
    by_accuracy : bool
        Whether each window of each signal is weighted by how often it was right instead.
    """

    mode: Mode
    names: tuple[str, ...]
    parameters: tuple[Parameters, ...]
    weights: tuple[float, ...]
    by_accuracy: bool = False

    @classmethod
    def of(
        cls,
        mode: str = "day",
        signals: One | Iterable[One] | Mapping[str, One] | None = None,
        weights: ArrayLike | None = None,
        levels: int | None = None,
    ) -> Plan:
        """Return a plan, of what a user gave; see `obi_widgets.cards`.

        With ``levels``, the levels a side that the market's history keeps, the signal of a preset
        takes all of them where it would take more.

        Raises
        ------
        SettingsError
            If one of them is not possible.
        """
        chosen_mode = mode_of(mode)
        if signals is None:
            of_book = dict(BUILT_IN[mode].of_book)
            if levels is not None and (of_book["depth"] or 0) > levels:
                of_book["depth"] = None
            signals = Parameters("imbalance", **of_book)
        chosen = chosen_signals(signals)
        for one in chosen:
            if one.signal is not None:
                raise SettingsError(
                    f"{one.name} is not declared as a signal, which a card needs.",
                    "Put @obi.signal above the function, and give that.",
                )
        by_accuracy = isinstance(weights, str) and weights == "accuracy"
        equal = weights is None or by_accuracy
        given = np.ones(len(chosen)) if equal else _as_weights(weights, len(chosen))
        return cls(
            chosen_mode,
            tuple(one.name for one in chosen),
            tuple(one.parameters for one in chosen),
            tuple(given.tolist()),
            by_accuracy,
        )

    @property
    def scales(self) -> tuple[float | None, ...]:
        """Largest value of each signal; None if it has no bounds."""
        ranges = (one.signal.range for one in self.parameters)
        return tuple(None if one is None else max(map(abs, one)) for one in ranges)


def _as_weights(
    given: ArrayLike | None, count: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return weights of signals, checked."""
    try:
        weights = np.array(given, float)
    except (TypeError, ValueError):
        weights = np.empty(0)
    if weights.shape != (count,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise SettingsError(
            f"weights = {quoted(given)} is not possible.",
            f'Give {count} numbers of 0 or more, one a signal, or "accuracy".',
        )
    if not weights.any():
        raise SettingsError("All weights are 0.", "Give at least one above 0.")
    return weights
