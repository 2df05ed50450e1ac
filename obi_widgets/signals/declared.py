"""What signals and gates declare alike: a function of a history with parameters and a look-back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from obi_widgets.checks import flag
from obi_widgets.parameters import check_all
from obi_widgets.signals import chunks
from obi_widgets.signals.coverage import LevelsUsed, levels_declared
from obi_widgets.signals.signal_checks import as_needs, check_lookback, check_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.parameters import Parameter
    from obi_widgets.signals.signal_checks import Needs

Lookback = str | float | Callable[[Mapping[str, Any]], float]
"""Seconds, the name of a parameter that has them, or a function of all values."""


class Declared:
    """A function of a history with its parameters, the data it reads, and its look-back."""

    kind: ClassVar[str]
    """What it is, as errors call it: a signal or a gate."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str,
        parameters: Mapping[str, Parameter],
        needs: Needs | Iterable[Needs],
        lookback: Lookback,
        spans_gaps: bool = False,
    ) -> None:
        self.name = name
        self.function = function
        self.parameters = dict(parameters)
        self.needs = as_needs(needs)
        self._lookback = lookback
        self.spans_gaps = flag("spans_gaps", spans_gaps)
        check_lookback(name, lookback, self.parameters)
        first = (inspect.getdoc(function) or "").partition("\n\n")[0]
        self.description = " ".join(first.split())

    def check(self, values: Mapping[str, object]) -> dict[str, Any]:
        """Return the value of each parameter: the given one, or its default.

        Raises
        ------
        SettingsError
            An unknown parameter, or an invalid value.
        """
        check_values(values)
        return check_all(self.parameters, values, f"The {self.kind} {self.name}")

    def lookback(self, values: Mapping[str, Any]) -> float:
        """Return its look-back in seconds; 0 if it uses one state only."""
        check_values(values)
        back = self._lookback
        if callable(back):
            return float(back(values))
        return float(values[back] if isinstance(back, str) else back)

    def _reach(self, values: Mapping[str, Any]) -> chunks.Reach:
        """Return what finds the first state that a state's value depends on; −1 if before all.

        It is the one that stood when the look-back begins.
        """
        seconds = self.lookback(values)
        return lambda history, row: chunks.standing(history, row, seconds)

    def levels_used(self, values: Mapping[str, Any]) -> LevelsUsed:
        """Return the levels of a state that it uses. Flow and trades are not of a state."""
        check_values(values)
        if "levels" not in self.needs:
            return LevelsUsed(1)
        return levels_declared(self.parameters, values)
