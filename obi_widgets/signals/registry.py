"""Signals by name: ours, those that were defined in a notebook, and transforms of either.

A name is an identifier, or a transform of names: ``imbalance``, ``zscore(imbalance)``,
``sum(imbalance, smooth(queue_imbalance))``. Settings and files keep a signal by its name.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from obi_widgets.errors import SettingsError, quoted, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

OURS = {
    "imbalance": "obi_widgets.signals.imbalance",
    "order_flow_imbalance": "obi_widgets.signals.order_flow_imbalance",
    "queue_imbalance": "obi_widgets.signals.queue_imbalance",
    "trade_imbalance": "obi_widgets.signals.trade_imbalance",
}
"""The module of each signal of ours. One more signal is one more line."""

SWEEPS = {
    "imbalance": "obi_widgets.signals.imbalance_sweep",
}
"""The module of a signal's own fast sweep, where it has one: its ``AXES`` and ``add_up``."""

TRANSFORMS = ("difference", "smooth", "sum", "velocity", "zscore")
"""Made by `obi_widgets.signals.transforms.make`; ``sum`` is `weighted_sum`."""

MAKER = "obi_widgets.signals.transforms"
"""The module that makes a transform by its name."""

LONGEST = 300
"""Characters of a name."""


class Named(Protocol):
    """A signal, as far as its name goes. The class itself stands above this registry."""

    @property
    def name(self) -> str:
        """What settings and files call it."""

    @property
    def function(self) -> Callable[..., Any]:
        """What computes it."""


_yours: dict[str, Named] = {}


def names() -> list[str]:
    """Return the names of all signals that are known, transforms aside."""
    return sorted({*OURS, *_yours})


def register(signal: Named) -> None:
    """Make a signal known by its name; one that was defined before is replaced.

    Raises
    ------
    SettingsError
        A name that is one of ours, or a transform's.
    """
    name, module = signal.name, getattr(signal.function, "__module__", "")
    if OURS.get(name) == module:
        return
    if name in OURS or name in TRANSFORMS:
        raise SettingsError(
            f"There is a signal or transform of the name {name!r} already.", "Choose another name."
        )
    _yours[name] = signal


def fast_sweep(signal: Named) -> ModuleType | None:
    """Return the module with a signal's own fast sweep; None for a signal that has none."""
    if not is_ours(signal) or signal.name not in SWEEPS:
        return None
    return import_module(SWEEPS[signal.name])


def is_ours(signal: Named) -> bool:
    """Return whether a signal is one of ours, or a transform of ours only."""
    parts = getattr(signal, "parts", None)
    if parts is not None:
        return all(map(is_ours, parts))
    return OURS.get(signal.name) == getattr(signal.function, "__module__", "")


def find(name: str) -> Named:
    """Return a signal by its name.

    Raises
    ------
    SettingsError
        A name that is not known.
    """
    if not isinstance(name, str) or len(name) > LONGEST:
        raise SettingsError(f"{quoted(name)} is not a signal.", suggest("", names()))
    rest = name.strip()
    signal, rest = _read(rest, name)
    if rest:
        raise _unreadable(name)
    return signal


def _read(text: str, whole: str) -> tuple[Named, str]:
    """Return the signal that a text begins with, and what follows."""
    match = re.match(r"\s*(\w+)\s*", text)
    if match is None:
        raise _unreadable(whole)
    word, rest = match[1], text[match.end() :]
    if not rest.startswith("("):
        return _known(word), rest
    if word not in TRANSFORMS:
        raise SettingsError(f"There is no transform {quoted(word)}.", suggest(word, TRANSFORMS))
    parts, rest = [], rest
    while rest[:1] in ("(", ","):
        part, rest = _read(rest[1:], whole)
        parts.append(part)
    if rest[:1] != ")":
        raise _unreadable(whole)
    return _transform(word, parts), rest[1:].lstrip()


def _transform(word: str, parts: Sequence[Named]) -> Named:
    made: Named = import_module(MAKER).make(word, parts)
    return made


def _known(name: str) -> Named:
    if name in _yours:
        return _yours[name]
    if name not in OURS:
        raise SettingsError(
            f"There is no signal {quoted(name)}.",
            f"{suggest(name, names())} One of your own has to be defined first.",
        )
    signal: Named = getattr(import_module(OURS[name]), name)
    return signal


def _unreadable(name: str) -> SettingsError:
    return SettingsError(
        f"{quoted(name)} cannot be read as the name of a signal.",
        "Give one as 'imbalance' or 'zscore(imbalance)'.",
    )
