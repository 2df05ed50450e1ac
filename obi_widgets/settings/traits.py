"""Settings as traits: each assignment is checked by the parameter's kind."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import traitlets

from obi_widgets.errors import SettingsError
from obi_widgets.settings.parameters import as_signal, gates_of, threshold_of

if TYPE_CHECKING:
    from traitlets import HasTraits

    from obi_widgets.parameters import Parameter
    from obi_widgets.signals.signal import Signal


class Setting(traitlets.TraitType[Any, Any]):
    """A trait whose values are those that a parameter allows."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__(parameter.default, help=parameter.description)
        self.parameter = parameter

    def validate(self, obj: HasTraits, value: object) -> Any:  # noqa: ANN401, ARG002
        """Return the checked value."""
        return self.parameter.check(value)


class ThresholdTrait(traitlets.TraitType[float, float]):
    """A threshold: its range depends on the signal, and on whether it is a value or a quantile."""

    default_value = 0.4

    def validate(self, obj: Any, value: object) -> Any:  # noqa: ANN401
        """Return the value as a float."""
        return threshold_of(obj.signal, obj.threshold_is).check(value)


class GatesTrait(traitlets.TraitType[Any, Any]):
    """Gates, given as `obi_widgets.Gates` takes them."""

    default_value = gates_of(None)

    def validate(self, obj: HasTraits, value: object) -> Any:  # noqa: ANN401, ARG002
        """Return the gates."""
        return gates_of(value)


class SignalTrait(traitlets.TraitType[Any, Any]):
    """A signal, given itself or by its name. Assigning one changes which settings exist."""

    def set(self, obj: Any, value: object) -> None:  # noqa: ANN401
        """Change the signal, and replace the parameters of the old one by those of the new one."""
        obj._choose(as_signal(value))


@lru_cache(256)
def class_for(base: type, signal: Signal) -> type:
    """Return a class of settings with the parameters of a signal.

    Raises
    ------
    SettingsError
        If a parameter has the name of an attribute of settings, which it would hide.
    """
    for name in signal.parameters:
        if hasattr(base, name):
            raise SettingsError(
                f"The signal {signal.name} has a parameter {name}, which is the name of an "
                "attribute of all settings.",
                "Give the parameter another name.",
            )
    traits = {name: Setting(parameter) for name, parameter in signal.parameters.items()}
    return type(base.__name__, (base,), {"__module__": base.__module__, **traits})
