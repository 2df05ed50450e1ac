"""Gates by name: built-in ones, and those that a user defined."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from obi_widgets.errors import SettingsError, quoted, suggest

if TYPE_CHECKING:
    from collections.abc import Callable

BUILT_IN = {
    "conflict": "obi_widgets.trading.gates.conflict",
    "depth": "obi_widgets.trading.gates.depth",
    "hours": "obi_widgets.trading.gates.hours",
    "large_level_age": "obi_widgets.trading.gates.large_level_age",
    "largest_share": "obi_widgets.trading.gates.largest_share",
    "spoofs": "obi_widgets.trading.gates.spoofs",
    "spread": "obi_widgets.trading.gates.spread",
    "volatility": "obi_widgets.trading.gates.volatility",
}
"""The module of each built-in gate. To add a gate, add a line."""


class Named(Protocol):
    """What the registry needs of a gate; the class `Gate` itself is in a module above."""

    @property
    def name(self) -> str:
        """What settings and files call it."""

    @property
    def function(self) -> Callable[..., Any]:
        """What computes it."""


_user_gates: dict[str, Named] = {}


def names() -> list[str]:
    """Return the names of all registered gates."""
    return sorted({*BUILT_IN, *_user_gates})


def register(gate: Named) -> None:
    """Register a gate under its name; it replaces a user's earlier gate of that name.

    Raises
    ------
    SettingsError
        The name of a built-in gate.
    """
    name = gate.name
    if name in BUILT_IN and BUILT_IN[name] == gate.function.__module__:
        return
    if name in BUILT_IN:
        raise SettingsError(f"A built-in gate has the name {name!r}.", "Choose another name.")
    _user_gates[name] = gate


def find(name: object) -> Named:
    """Return a gate by its name.

    Raises
    ------
    SettingsError
        No gate has this name.
    """
    if isinstance(name, str) and name in _user_gates:
        return _user_gates[name]
    if not isinstance(name, str) or name not in BUILT_IN:
        raise SettingsError(
            f"There is no gate {quoted(name)}.",
            f"{suggest(str(name), names())} Define a gate of your own before you use its name.",
        )
    gate: Named = getattr(import_module(BUILT_IN[name]), name)
    return gate
