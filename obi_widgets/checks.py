"""Checks of arguments. Each returns the checked value, or raises an error that says what fits."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from enum import Enum
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.errors import ArgumentError, SettingsError, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence


class Unset(Enum):
    """The type of `UNSET`, the default of an option for which None has a meaning."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "unset"


UNSET = Unset.UNSET


def as_float(value: object) -> float:
    """Return a number as a float; NaN for anything else, such as text, a bool or an array."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # an int of more than 308 digits
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]


def number(name: str, value: object, low: float, high: float, unit: str = "") -> float:
    """Return a number within a range, bounds included.

    Parameters
    ----------
    name : str
        Name of the argument, for the error.
    value : object
        Value to check.
    low, high : float
        Bounds of the range; infinity for no bound.
    unit : str
        Unit of the number, for the error.

    Raises
    ------
    SettingsError
        If the value is not a finite number within the range.
    """
    checked = as_float(value)
    if not (low <= checked <= high and math.isfinite(checked)):
        raise SettingsError(
            f"{name} = {quoted(value)} is not possible.", f"Give {range_text(low, high, unit)}."
        )
    return checked


def above_zero(name: str, value: object, unit: str = "seconds") -> float:
    """Return a finite number above 0.

    Raises
    ------
    SettingsError
        If the value is anything else.
    """
    checked = as_float(value)
    if not 0 < checked < math.inf:
        raise SettingsError(
            f"{name} = {quoted(value)} is not possible.", f"Give a finite number of {unit} above 0."
        )
    return checked


def fraction(name: str, value: object) -> float:
    """Return a fraction: a number between 0 and 1, both excluded.

    Raises
    ------
    SettingsError
        If the value is anything else.
    """
    checked = as_float(value)
    if not 0 < checked < 1:
        raise SettingsError(
            f"{name} = {quoted(value)} is not possible.", "Give a number between 0 and 1."
        )
    return checked


def integer(name: str, value: object, low: int, high: int, unit: str = "") -> int:
    """Return a whole number within a range, bounds included.

    Raises
    ------
    SettingsError
        If the value is not a number, has a fraction, or is out of the range.
    """
    checked = as_float(value)
    if not low <= checked <= high or checked != int(checked):
        raise SettingsError(
            f"{name} = {quoted(value)} is not possible.", f"Give {range_text(low, high, unit)}."
        )
    return int(value)  # type: ignore[call-overload, no-any-return]  # exact beyond 2**53


def range_text(low: float, high: float, unit: str = "") -> str:
    """Return a range in words, for an error, such as ``"1 to 50 bps"``."""
    suffix = f" {unit}" if unit else ""
    if math.isinf(low) and math.isinf(high):
        return f"a finite number{f' of {unit}' if unit else ''}"
    if math.isinf(high):
        return f"{_formatted(low)} or more{suffix}"
    return f"{_formatted(low)} to {_formatted(high)}{suffix}"


def _formatted(bound: float) -> str:
    return f"{bound:,g}" if abs(bound) < 1e6 else f"{bound:,.0f}" if bound < 1e16 else f"{bound:g}"


def flag(name: str, value: object) -> bool:
    """Return True or False.

    Raises
    ------
    SettingsError
        If the value is anything else. A word would count as True, even "no".
    """
    if not isinstance(value, bool | np.bool_):
        raise SettingsError(f"{name} = {quoted(value)} is not possible.", "Give True or False.")
    return bool(value)


def choice(name: str, value: object, words: Sequence[str]) -> str:
    """Return one of the allowed words.

    Raises
    ------
    SettingsError
        If the value is anything else.
    """
    if not isinstance(value, str) or value not in words:
        raise SettingsError(
            f"{name} = {quoted(value)} is not possible.", f"Give one of {', '.join(words)}."
        )
    return value


def text(name: str, value: object, advice: str) -> str:
    """Return a str.

    Raises
    ------
    ArgumentError
        If the value is not a str.
    """
    if not isinstance(value, str):
        raise ArgumentError(f"{name} = {quoted(value)} is not text.", advice)
    return value


def instance(name: str, value: object, types: type | tuple[type, ...], advice: str) -> None:
    """Check that a value is an instance of one of the given classes.

    Raises
    ------
    ArgumentError
        If the value is an instance of none of them.
    """
    if not isinstance(value, types):
        kind, wanted = type(value), types if isinstance(types, tuple) else (types,)
        same = any(one.__name__ == kind.__name__ for one in wanted)  # that of another library
        what = f"{kind.__module__.partition('.')[0]}.{kind.__name__}" if same else kind.__name__
        raise ArgumentError(f"{name} is a {what}.", advice)


def path(value: object, advice: str = "Give the name of a file.") -> Path:
    """Return a path.

    Raises
    ------
    ArgumentError
        If the value is neither a str nor path-like, or its name is bytes or contains a NUL.
    """
    if not isinstance(value, str | os.PathLike):
        raise ArgumentError(f"A {type(value).__name__} is not a path.", advice)
    name = os.fspath(value)
    if not isinstance(name, str) or "\0" in name:
        raise ArgumentError(f"{quoted(name)} is not a path.", advice)
    return Path(name)


def as_list(name: str, values: object) -> list[Any]:
    """Return the values of a list, an array, or another iterable.

    Raises
    ------
    SettingsError
        If the argument is a single value, a str, bytes or a dict, or has no values.
    """
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | dict):
        raise SettingsError(
            f"{name} = {quoted(values)} is not a list.", f"Give a list: {name}=[…]."
        )
    # An array without dimensions is an Iterable to Python, but raises when it is iterated over.
    items = np.atleast_1d(values).tolist() if isinstance(values, np.ndarray) else list(values)
    if not items:
        raise SettingsError(f"{name} has no values.", "Give at least one, or leave it out.")
    return items
