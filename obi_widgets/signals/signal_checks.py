"""Checks of what a signal declares, of the values that it is given, and of what it returns."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from obi_widgets.checks import as_float, as_list, number
from obi_widgets.errors import HistoryError, SettingsError, quoted

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

Needs = Literal["touch", "levels", "flow", "trades", "context"]
NEEDS = ("touch", "levels", "flow", "trades", "context")

MAX_LOOKBACK = 30 * 86_400.0
"""Seconds."""


def as_needs(needs: object) -> frozenset[Needs]:
    """Return what a signal reads of a history."""
    found = {needs} if isinstance(needs, str) else set(as_list("needs", needs))
    if not found or not found <= set(NEEDS):
        raise SettingsError(
            f"needs = {quoted(needs)} is not possible.",
            f"Give one or several of {', '.join(map(repr, NEEDS))}.",
        )
    return cast("frozenset[Needs]", frozenset(found))


def as_range(given: object) -> tuple[float, float] | None:
    """Return the least and the greatest value of a signal; None for no bounds."""
    if given is None:
        return None
    low, high = map(as_float, given) if isinstance(given, tuple) and len(given) == 2 else (0, 0)
    if not -math.inf < low < high < math.inf:
        raise SettingsError(
            f"range = {quoted(given)} is not possible.",
            "Give the least and the greatest value, as (-1, 1), or None.",
        )
    return low, high


def as_threshold(threshold: object, bounds: tuple[float, float] | None) -> float:
    """Return the default threshold: the given one, or one derived from the range."""
    high = max(map(abs, bounds)) if bounds else math.inf
    if threshold is None:
        threshold = 0.4 * high if bounds else 2.0
    if not 0 < as_float(threshold) <= high or math.isinf(as_float(threshold)):
        raise SettingsError(
            f"threshold = {quoted(threshold)} is not possible.",
            f"Give a number above 0, up to {high:g}." if bounds else "Give a number above 0.",
        )
    return as_float(threshold)


def check_lookback(name: str, back: object, parameters: Collection[str]) -> None:
    """Refuse a look-back that is neither a parameter's name, a function, nor valid seconds."""
    if isinstance(back, str) and back not in parameters:
        raise SettingsError(
            f"lookback = {quoted(back)} names no parameter of {name}.",
            "Give a parameter's name, or seconds.",
        )
    if not isinstance(back, str) and not callable(back):
        number("lookback", back, 0, MAX_LOOKBACK, "seconds")


COLUMNS = frozenset(
    {
        # of History.to_frame
        "time", "received", "bid", "ask", "mid", "spread", "spread_bps", "bid_size", "ask_size",
        "events",
        # of Board.to_frame
        "source", "symbol", "venue", "state", "reason", "age", "threshold", "side", "since",
        "change_bps", "card", "card_reason", "direction", "strength", "agreement", "confidence",
    }
)  # fmt: skip
"""Columns of tables that have one named like the signal. Those of further levels have numbers."""

NUMBERED = re.compile(r"(bid|ask)_(price|size)_\d+|order_flow_\d+|(value|band)_\d+")


def check_identifier(name: str, what: str) -> None:
    """Refuse a name of a signal or a gate, as ``what`` says, that is no identifier."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        raise SettingsError(
            f"{quoted(name)} is not a valid {what} name.",
            "Use lower-case letters, digits and underscores; for a lambda, give name=.",
        )


def check_name(name: str) -> None:
    """Refuse a signal name that is no identifier, or that a column of tables has."""
    check_identifier(name, "signal")
    if name in COLUMNS or NUMBERED.fullmatch(name):
        raise SettingsError(
            f"A signal cannot be named {name}: to_frame() has a column of this name beside that of "
            "the signal.",
            f"Choose another name, such as {name}_signal, or give name=.",
        )


def check_values(values: object) -> None:
    """Refuse anything but a mapping of parameter names to values."""
    if not isinstance(values, Mapping):
        raise SettingsError(
            f"{quoted(values)} is not a mapping of parameters to values.",
            'Give values by name, such as {"depth": 5}.',
        )


def check_settings(settings: object) -> None:
    """Refuse anything but settings."""
    if not hasattr(settings, "values_of"):
        raise SettingsError(
            f"A {type(settings).__name__} is not settings.", "Give obi.Settings(...)."
        )


def returned(name: str, found: object, history: History) -> NDArray[np.float64]:
    """Return a function's result as an array, checked, NaN where the book was not in sync."""
    try:
        array = np.array(found, np.float64)
    except (TypeError, ValueError):
        raise SettingsError(
            f"The signal {name} returned a {type(found).__name__}.",
            "Return an array with a number for each state.",
        ) from None
    if array.shape != history.time.shape:
        raise HistoryError(
            f"The signal {name} returned the shape {array.shape}, and the history has "
            f"{history.time.shape}.",
            "Return a number for each state.",
        )
    if np.isinf(array).any():
        raise SettingsError(
            f"The signal {name} is infinite in row {int(np.argmax(np.isinf(array)))}.",
            "Return NaN where there is no value.",
        )
    array[history.lost] = np.nan
    return array
