"""Checks of arguments that must be one history, or several; the error says how to get one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from obi_widgets.errors import HistoryError
from obi_widgets.history.columns import History
from obi_widgets.history.flow import Flow


def as_history(value: object) -> History:
    """Return the value if it is a history.

    Raises
    ------
    HistoryError
        If it is anything else; the advice says how to make a history of it.
    """
    if isinstance(value, History):
        return value
    advice = "Give what obi.load returns."
    if isinstance(value, str | Path):
        advice = f"Load it first: obi.load({str(value)!r})."
    elif type(value).__name__ == "DataFrame":
        advice = "Make one of its columns: obi.History.from_arrays(...)."
    elif isinstance(value, list | tuple):
        advice = "Give one history; obi.History.concat joins several of a market."
    raise HistoryError(f"A {type(value).__name__} is not a history.", advice)


def as_histories(values: object) -> list[History]:
    """Return the list of one history, or of an iterable of histories.

    Raises
    ------
    HistoryError
        If the value is anything else, or there is no history in it.
    """
    if isinstance(values, History):
        return [values]
    if not isinstance(values, Iterable) or type(values).__name__ in ("str", "DataFrame"):
        return [as_history(values)]  # raises the error
    histories = [as_history(value) for value in values]
    if not histories:
        raise HistoryError("No history was given.", "Give what obi.load returns.")
    return histories


def as_joined(values: object) -> History:
    """Return one history, or several histories of one market joined into one.

    Raises
    ------
    HistoryError
        If the value is anything else, or the histories cannot be joined.
    """
    return values if isinstance(values, History) else History.concat(as_histories(values))


def flow_of(history: History) -> Flow:
    """Return the sums that a history has.

    Raises
    ------
    HistoryError
        It has none.
    """
    if history.flow is None:
        raise HistoryError(
            "This history knows its states, and not what happened between them.",
            "Give what obi.load returns; or arrays with a row for each event, by "
            "obi.History.from_arrays(..., every_event=True).",
        )
    return history.flow
