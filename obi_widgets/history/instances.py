"""Checks that values are of a class of histories; the error says how to get one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from obi_widgets.errors import HistoryError

T = TypeVar("T")


def one_of(kind: type[T], value: object) -> T:
    """Return the value if it is of the class.

    Raises
    ------
    HistoryError
        If it is anything else; the advice says how to make a history of it.
    """
    if isinstance(value, kind):
        return value
    advice = "Give what obi.load returns."
    if isinstance(value, str | Path):
        advice = f"Load it first: obi.load({str(value)!r})."
    elif type(value).__name__ == "DataFrame":
        advice = "Make one of it: obi.History.from_frame(frame)."
    elif isinstance(value, list | tuple):
        advice = "Give one history; obi.History.concat joins several of a market."
    raise HistoryError(f"A {type(value).__name__} is not a history.", advice)


def several_of(kind: type[T], values: object) -> list[T]:
    """Return the list of one object of the class, or of an iterable of them.

    Raises
    ------
    HistoryError
        If the value is anything else, or there is none in it.
    """
    if isinstance(values, kind):
        return [values]
    if not isinstance(values, Iterable) or type(values).__name__ in ("str", "DataFrame"):
        return [one_of(kind, values)]  # raises the error
    histories = [one_of(kind, value) for value in values]
    if not histories:
        raise HistoryError("No history was given.", "Give what obi.load returns.")
    return histories
