"""A signal that is computed from other signals, with their needs and their parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.parameters import Parameter
from obi_widgets.signals import chunks
from obi_widgets.signals.coverage import LevelsUsed
from obi_widgets.signals.insight import Insight, LevelsInUse, Note, Weighing
from obi_widgets.signals.signal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]


class Combined(Signal):
    """A signal computed from other signals: it has their needs and their parameters.

    Parameters
    ----------
    transform : str
        Name of the transform. The signal's name is made of it and its parts: ``zscore(imbalance)``.
    parts : sequence of Signal
        The signals that it is computed from.
    own : mapping of str to Parameter
        The transform's own parameters.
    combine : callable
        Takes the parts' arrays, the history and the values of ``own``; returns an array.
    window : str
        Which parameter in ``own`` is its look-back, added to that of the parts; empty for none.
    unit, range
        See `Signal`.
    """

    def __init__(
        self,
        transform: str,
        parts: Sequence[Signal],
        own: Mapping[str, Parameter],
        combine: Callable[[Sequence[Floats], History, Mapping[str, Any]], Floats],
        *,
        window: str = "",
        unit: str = "",
        range: tuple[float, float] | None = None,  # noqa: A002
    ) -> None:
        self.transform, self.parts = transform, tuple(parts)
        self.own, self._combine, self._window = dict(own), combine, window
        parameters, self._names = {}, []
        for part in self.parts:
            names = {}
            for key, parameter in part.parameters.items():
                outer = f"{identifier(part.name)}_{key}" if key in parameters or key in own else key
                names[key] = outer
                parameters[outer] = Parameter(
                    outer, parameter.kind, parameter.default, parameter.description
                )
            self._names.append(names)

        def function(history: History, **values: Any) -> Floats:  # noqa: ANN401
            arrays = [part.compute(history, v) for part, v in self.parts_with_values(values)]
            return combine(arrays, history, {key: values[key] for key in self.own})

        named = ", ".join(part.name for part in self.parts)
        function.__doc__ = f"Return the {transform} of {named}."
        super().__init__(
            function,
            name=f"{transform}({named})",
            parameters={**parameters, **self.own},
            unit=unit,
            range=range,
            needs=frozenset().union(*(part.needs for part in self.parts)),
            lookback=self._look_back,
            directional=all(part.directional for part in self.parts),
            insight=CombinedInsight,
        )

    def parts_with_values(self, values: Mapping[str, Any]) -> list[tuple[Signal, dict[str, Any]]]:
        """Return each part with the values of its parameters."""
        return [
            (part, {inner: values[outer] for inner, outer in names.items()})
            for part, names in zip(self.parts, self._names, strict=True)
        ]

    def _look_back(self, values: Mapping[str, Any]) -> float:
        parts = max(part.lookback(own) for part, own in self.parts_with_values(values))
        return parts + (values[self._window] if self._window else 0.0)

    def _reach(self, values: Mapping[str, Any]) -> chunks.Reach:
        """Return what goes from the state that stood when the own window began to its parts."""
        window = values[self._window] if self._window else 0.0
        parts = [part._reach(own) for part, own in self.parts_with_values(values)]

        def reach(history: History, row: int) -> int:
            if window:
                row = chunks.standing(history, row, window)
            return row if row < 0 else min(part(history, row) for part in parts)

        return reach

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Combined) and (
            (self.transform, self.parts, self.own) == (other.transform, other.parts, other.own)
        )

    def __hash__(self) -> int:
        return hash((self.transform, self.parts))

    def computes_as(self, other: Signal) -> bool:
        """Return whether another signal computes the same; its defaults may differ."""
        return (
            isinstance(other, Combined)
            and (self.transform, len(self.parts)) == (other.transform, len(other.parts))
            and all(one.computes_as(its) for one, its in zip(self.parts, other.parts, strict=True))
        )

    def levels_used(self, values: Mapping[str, Any]) -> LevelsUsed:
        """Return the levels of the part that uses the most."""
        return max(
            (part.levels_used(given) for part, given in self.parts_with_values(values)),
            key=lambda used: (
                np.inf if used.band_bps is None and used.depth is None else used.band_bps or 0.0,
                used.depth or 0,
            ),
        )


class CombinedInsight(Insight):
    """The insights of a transform's parts, combined."""

    signal: Combined

    @property
    def weighs(self) -> bool:  # type: ignore[override]
        """Whether a part gives some levels less than their full size."""
        return any(part.insight.weighs for part in self.signal.parts)

    def weighings(self, values: Mapping[str, Any]) -> list[Weighing]:
        """Return how the levels of all parts are weighed; see `Insight.weighings`."""
        return [
            one
            for part, given in self.signal.parts_with_values(values)
            for one in part.insight.weighings(given)
        ]

    def notes(
        self,
        history: History,
        values: Mapping[str, Any],
        used: LevelsInUse,
        warned: Collection[str] = (),
    ) -> dict[str, Note]:
        """Return the notes on all parts' parameters; see `Insight.notes`."""
        found = {name: Note(one.description) for name, one in self.signal.own.items()}
        for (part, given), names in zip(
            self.signal.parts_with_values(values), self.signal._names, strict=True
        ):
            already = [inner for inner, outer in names.items() if outer in warned]
            told = part.insight.notes(history, given, used, already)
            found |= {names[inner]: note for inner, note in told.items()}
        return found


def identifier(name: str) -> str:
    """Return a signal's name as a part of a parameter's: ``zscore(imbalance)`` with underscores."""
    return re.sub(r"\W+", "_", name).strip("_")
