"""The gates that settings have, and the values of their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from obi_widgets.checks import integer
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.history.given import as_history
from obi_widgets.trading.gates import registry
from obi_widgets.trading.gates.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Flags = NDArray[np.bool_]

OFF = "off"
"""The word for None in files, which TOML does not have."""

ADVICE = 'Give names and values, such as {"spread": {"quantile": 0.9}}, or names: ["hours"].'


def as_gate(given: object) -> Gate:
    """Return a gate, given itself or by its name.

    Raises
    ------
    SettingsError
        An unknown name, or something else.
    """
    return given if isinstance(given, Gate) else cast("Gate", registry.find(given))


class Gates(Mapping[str, Mapping[str, Any]]):
    """Gates by name, each with the values of its parameters. It cannot be changed.

    An entry may begin where all of them are open. Without any, it may begin everywhere.

    Parameters
    ----------
    given : mapping, iterable or None
        Names of gates, or gates themselves, each with a mapping of its parameters to values; a list
        takes the defaults. None for no gate.

    Raises
    ------
    SettingsError
        An unknown gate or parameter, or a value that is not possible.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> gates = obi.Gates({"spread": {"quantile": 0.8}, "hours": {}})
    >>> gates["hours"]["until_hour"]
    21.0
    >>> list(gates.without("spread"))
    ['hours']
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> gates.allowed(history).shape == (2, len(history))
    True
    """

    def __init__(
        self, given: Mapping[Any, Mapping[str, object]] | Iterable[Any] | None = None
    ) -> None:
        found = {}
        for one, values in _pairs(given):
            gate = as_gate(one)
            if not isinstance(values, Mapping):
                raise SettingsError(
                    f"{quoted(values)} are no values of the gate {gate.name}.", ADVICE
                )
            written = {
                str(name): None if isinstance(value, str) and value == OFF else value
                for name, value in values.items()
            }
            found[gate.name] = gate, tuple(gate.check(written).items())
        self._chosen: tuple[tuple[Gate, tuple[tuple[str, Any], ...]], ...] = tuple(
            found[name] for name in sorted(found)
        )

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        for gate, values in self._chosen:
            if gate.name == name:
                return MappingProxyType(dict(values))
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter([gate.name for gate, _ in self._chosen])

    def __len__(self) -> int:
        return len(self._chosen)

    def __repr__(self) -> str:
        return f"Gates({ {name: dict(values) for name, values in self.items()} })".replace(
            "({ ", "({"
        )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Gates):
            return self._chosen == other._chosen
        return dict(self) == other if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._chosen)

    def __reduce__(self) -> tuple[Any, ...]:
        return Gates, ({name: dict(values) for name, values in self.items()},)

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The gates themselves, by name."""
        return tuple(gate for gate, _ in self._chosen)

    @property
    def lookback(self) -> float:
        """Seconds before a state that the gates look back; 0 without one."""
        return max((gate.lookback(dict(values)) for gate, values in self._chosen), default=0.0)

    def replace(self, name: str, **values: object) -> Gates:
        """Return these gates with one more, or with other values of one that is among them."""
        now = {key: dict(own) for key, own in self.items()}
        name = as_gate(name).name
        now[name] = {**now.get(name, {}), **values}
        return Gates(now)

    def without(self, name: str) -> Gates:
        """Return these gates without one.

        Raises
        ------
        SettingsError
            It is not among them.
        """
        if not isinstance(name, str) or name not in self:
            raise SettingsError(
                f"The gate {quoted(name)} is not set.",
                f"Those set are {', '.join(self) or 'none'}.",
            )
        return Gates({key: dict(own) for key, own in self.items() if key != name})

    def first_needed(self, history: History, row: int) -> int:
        """Return the first row that the gates at a row and at all later ones depend on."""
        return min(
            (gate.first_needed(history, dict(values), row) for gate, values in self._chosen),
            default=row,
        )

    def allowed(self, history: History, first: int = 0) -> Flags:
        """Return where an entry may begin: where all gates are known to be open.

        Parameters
        ----------
        history : History
            T states.
        first : int
            First state to return.

        Returns
        -------
        ndarray of bool, shape (2, T - first)
            For long entries, and for short ones.
        """
        history = as_history(history)
        first = integer("first", first, 0, len(history))
        out = np.ones((2, len(history) - first), bool)
        for gate, values in self._chosen:
            out &= gate.compute(history, dict(values), first) == 1
        return out

    def as_table(self) -> dict[str, dict[str, Any]]:
        """Return the values as files have them: by name, "off" for None."""
        return {
            name: {key: OFF if value is None else value for key, value in values.items()}
            for name, values in self.items()
        }


def _pairs(given: object) -> list[tuple[object, object]]:
    """Return gates or their names, each with its values.

    Raises
    ------
    SettingsError
        Anything but a mapping, a list or None.
    """
    if given is None:
        return []
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        return [(one, {}) for one in given]
    raise SettingsError(f"gates = {quoted(given)} is not possible.", ADVICE)
