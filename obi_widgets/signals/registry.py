"""Signals by name: built-in ones, those that a user defined, and transforms of either.

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

BUILT_IN = {
    "amihud": "obi_widgets.signals.amihud",
    "book_pressure": "obi_widgets.signals.book_pressure",
    "book_slope": "obi_widgets.signals.book_slope",
    "buy_sell_ratio": "obi_widgets.signals.buy_sell_ratio",
    "card_direction": "obi_widgets.signals.card_direction",
    "depth_difference": "obi_widgets.signals.depth_difference",
    "depth_ratio": "obi_widgets.signals.depth_ratio",
    "event_frequency": "obi_widgets.signals.event_frequency",
    "imbalance": "obi_widgets.signals.imbalance",
    "integrated_order_flow_imbalance": "obi_widgets.signals.integrated_order_flow_imbalance",
    "kyle_lambda": "obi_widgets.signals.kyle_lambda",
    "micro_price": "obi_widgets.signals.micro_price",
    "multi_level_order_flow_imbalance": "obi_widgets.signals.multi_level_order_flow_imbalance",
    "notional_difference": "obi_widgets.signals.notional_difference",
    "order_flow_imbalance": "obi_widgets.signals.order_flow_imbalance",
    "queue_imbalance": "obi_widgets.signals.queue_imbalance",
    "queue_logistic": "obi_widgets.signals.queue_logistic",
    "rank_imbalance": "obi_widgets.signals.rank_imbalance",
    "realised_volatility": "obi_widgets.signals.realised_volatility",
    "trade_frequency": "obi_widgets.signals.trade_frequency",
    "trade_imbalance": "obi_widgets.signals.trade_imbalance",
    "vpin": "obi_widgets.signals.vpin",
    "vwap_deviation": "obi_widgets.signals.vwap_deviation",
    "wall_breakout": "obi_widgets.signals.wall_breakout",
    "wall_fade": "obi_widgets.signals.wall_fade",
}
"""The module of each built-in signal. To add a signal, add a line."""

SWEEPS = {
    "imbalance": "obi_widgets.signals.imbalance_sweep",
}
"""The module of a signal's compiled sweep, if it has one: it defines ``AXES`` and ``add_up``."""

TRANSFORMS = ("difference", "smooth", "sum", "velocity", "zscore")
"""Names of transforms, see `obi_widgets.signals.transforms.make`; ``sum`` is `weighted_sum`."""

TRANSFORM_MODULE = "obi_widgets.signals.transforms"
"""The module whose ``make`` builds a transform by its name."""

MAX_NAME_LENGTH = 300
"""Characters."""


class Named(Protocol):
    """What the registry needs of a signal; the class `Signal` itself is in a layer above."""

    @property
    def name(self) -> str:
        """What settings and files call it."""

    @property
    def function(self) -> Callable[..., Any]:
        """What computes it."""


_user_signals: dict[str, Named] = {}


def names() -> list[str]:
    """Return the names of all registered signals, without transforms."""
    return sorted({*BUILT_IN, *_user_signals})


def register(signal: Named) -> None:
    """Register a signal under its name; it replaces a user's earlier signal of that name.

    Raises
    ------
    SettingsError
        The name of a built-in signal or of a transform.
    """
    name = signal.name
    if name in BUILT_IN and is_built_in(signal):
        return
    if name in BUILT_IN or name in TRANSFORMS:
        raise SettingsError(
            f"A built-in signal or transform has the name {name!r}.", "Choose another name."
        )
    _user_signals[name] = signal


def fast_sweep(signal: Named) -> ModuleType | None:
    """Return the module with a signal's compiled sweep; None if it has none."""
    if not is_built_in(signal) or signal.name not in SWEEPS:
        return None
    return import_module(SWEEPS[signal.name])


def is_built_in(signal: Named) -> bool:
    """Return whether a signal is built in, or is a transform of built-in signals only."""
    parts = getattr(signal, "parts", None)
    if parts is not None:
        return all(map(is_built_in, parts))
    # Code that was run from a text may have no module.
    return BUILT_IN.get(signal.name, "") == getattr(signal.function, "__module__", None)


def defined_by_user(signal: Named) -> list[Named]:
    """Return the signals in a signal that are not built in, without transforms."""
    parts = getattr(signal, "parts", None)
    if parts is not None:
        return list(dict.fromkeys(one for part in parts for one in defined_by_user(part)))
    return [] if is_built_in(signal) else [signal]


def find(name: str) -> Named:
    """Return a signal by its name.

    Raises
    ------
    SettingsError
        No signal has this name.
    """
    if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH:
        raise SettingsError(f"{quoted(name)} is not a signal.", suggest("", names()))
    rest = name.strip()
    signal, rest = _read(rest, name)
    if rest:
        raise _unreadable(name)
    return signal


def _read(text: str, whole: str) -> tuple[Named, str]:
    """Parse the signal that a text begins with; return it and the rest of the text."""
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
    made: Named = import_module(TRANSFORM_MODULE).make(word, parts)
    return made


def _known(name: str) -> Named:
    if name in _user_signals:
        return _user_signals[name]
    if name not in BUILT_IN:
        raise SettingsError(
            f"There is no signal {quoted(name)}.",
            f"{suggest(name, names())} Define a signal of your own before you use its name.",
        )
    signal: Named = getattr(import_module(BUILT_IN[name]), name)
    return signal


def _unreadable(name: str) -> SettingsError:
    return SettingsError(
        f"{quoted(name)} is not a valid signal name.",
        "Write 'imbalance' or 'zscore(imbalance)', for example.",
    )
