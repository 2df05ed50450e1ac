"""Checks of arguments that must be one history, or several; the error says how to get one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.errors import HistoryError
from obi_widgets.history.columns import History
from obi_widgets.history.instances import one_of, several_of
from obi_widgets.history.loaders import Given, HasLoaders

if TYPE_CHECKING:
    from obi_widgets.history.loaders import Loader


def as_history(value: object) -> History:
    """Return the value if it is a history.

    Raises
    ------
    HistoryError
        If it is anything else; the advice says how to make a history of it.
    """
    return one_of(History, value)


def as_histories(values: object) -> list[History]:
    """Return the list of one history, or of an iterable of histories.

    Raises
    ------
    HistoryError
        If the value is anything else, or there is no history in it.
    """
    return several_of(History, values)


def as_loaders(values: object) -> list[Loader]:
    """Return a loader for each of one or several histories, or those of days.

    Raises
    ------
    HistoryError
        If the value is anything else, or there is no history in it.
    """
    if not isinstance(values, HasLoaders):
        return [Given(history) for history in as_histories(values)]
    if not values.loaders:
        raise HistoryError(f"There is no day of {values.market}.", "Record some, or give others.")
    return list(values.loaders)
