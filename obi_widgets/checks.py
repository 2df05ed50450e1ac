"""Checks of arguments: each is of its kind and within its range, or an error says what would be."""

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
    """The default of an option that may not be given at all, where None means something."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "unset"


UNSET = Unset.UNSET


def real(value: object) -> float:
    """Return a number as a float; NaN for what is none: text, a flag, an array."""
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
        Of the argument, for the error.
    value : object
        What was given.
    low, high : float
        The range; an infinite bound is open.
    unit : str
        Of the number, for the error.

    Raises
    ------
    SettingsError
        No number, or one that is out of the range.
    """
    found = real(value)
    if not (low <= found <= high and math.isfinite(found)):
        raise SettingsError(
            f"{name} = {quoted(value)} is not possible.", f"Give {span(low, high, unit)}."
        )
    return found


def above_zero(name: str, value: object, unit: str = "seconds") -> float:
    """Return a finite number above 0.

    Raises
    ------
    SettingsError
        Anything else.
    """
    found = real(value)
    if not 0 < found < math.inf:
        raise SettingsError(
            f"{name} = {quoted(value)} is not possible.", f"Give a finite number of {unit} above 0."
        )
    return found


def between(name: str, value: object) -> float:
    """Return a share: a number between 0 and 1, neither included.

    Raises
    ------
    SettingsError
        Anything else.
    """
    found = real(value)
    if not 0 < found < 1:
        raise SettingsError(
            f"{name} = {quoted(value)} is not possible.", "It lies between 0 and 1."
        )
    return found


def integer(name: str, value: object, low: int, high: int, unit: str = "") -> int:
    """Return a whole number within a range, bounds included.

    Raises
    ------
    SettingsError
        No number, one with a fraction, or one that is out of the range.
    """
    found = real(value)
    if not low <= found <= high or found != int(found):
        raise SettingsError(
            f"{name} = {quoted(value)} is not possible.", f"Give {span(low, high, unit)}."
        )
    return int(value)  # type: ignore[call-overload, no-any-return]  # exact beyond 2**53


def span(low: float, high: float, unit: str = "") -> str:
    """Return a range for a sentence."""
    behind = f" {unit}" if unit else ""
    if math.isinf(low) and math.isinf(high):
        return f"a finite number{f' of {unit}' if unit else ''}"
    if math.isinf(high):
        return f"{_text(low)} or more{behind}"
    return f"{_text(low)} to {_text(high)}{behind}"


def _text(bound: float) -> str:
    return f"{bound:,g}" if abs(bound) < 1e6 else f"{bound:,.0f}" if bound < 1e16 else f"{bound:g}"


def flag(name: str, value: object) -> bool:
    """Return True or False.

    Raises
    ------
    SettingsError
        Anything else: a word, such as "no", would count as True.
    """
    if not isinstance(value, bool | np.bool_):
        raise SettingsError(f"{name} = {quoted(value)} is not possible.", "Give True or False.")
    return bool(value)


def choice(name: str, value: object, words: Sequence[str]) -> str:
    """Return one of a few words.

    Raises
    ------
    SettingsError
        Anything else.
    """
    if not isinstance(value, str) or value not in words:
        raise SettingsError(
            f"{name} = {quoted(value)} is not possible.", f"Give one of {', '.join(words)}."
        )
    return value


def text(name: str, value: object, advice: str) -> str:
    """Return a text.

    Raises
    ------
    ArgumentError
        Anything else.
    """
    if not isinstance(value, str):
        raise ArgumentError(f"{name} = {quoted(value)} is no text.", advice)
    return value


def kind(name: str, value: object, kinds: type | tuple[type, ...], advice: str) -> None:
    """Refuse an object of another class.

    Raises
    ------
    ArgumentError
        It is of none of the classes.
    """
    if not isinstance(value, kinds):
        raise ArgumentError(f"{name} is a {type(value).__name__}.", advice)


def path(value: object, advice: str = "Give the name of a file.") -> Path:
    """Return a path.

    Raises
    ------
    ArgumentError
        What is neither text nor a path, or cannot be one's name.
    """
    if not isinstance(value, str | os.PathLike):
        raise ArgumentError(f"A {type(value).__name__} is no path.", advice)
    named = os.fspath(value)
    if not isinstance(named, str) or "\0" in named:
        raise ArgumentError(f"{quoted(named)} is no path.", advice)
    return Path(named)


def several(name: str, values: object) -> list[Any]:
    """Return values that were given as a list, an array, or another iterable.

    Raises
    ------
    SettingsError
        A single value, text, or nothing at all.
    """
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | dict):
        raise SettingsError(
            f"{name} = {quoted(values)} is no list.", f"Give its values in one: {name}=[…]."
        )
    # Of an array of no dimension Python says only when it is asked that it cannot be gone over.
    found = np.atleast_1d(values).tolist() if isinstance(values, np.ndarray) else list(values)
    if not found:
        raise SettingsError(f"{name} has no values.", "Give at least one, or leave it out.")
    return found
