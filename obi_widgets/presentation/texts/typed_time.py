"""A time as a person gives it: a moment, or a time of day of the data that are shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from obi_widgets.errors import SettingsError, quoted
from obi_widgets.history.incoming import moment
from obi_widgets.presentation.texts import formatting

if TYPE_CHECKING:
    from obi_widgets.history.columns import History

SECOND = 1_000_000_000
DAY = 86_400 * SECOND

TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?")


def time_in(history: History, name: str, value: object) -> int:
    """Return a time as nanoseconds UTC; a time of day is the newest such time of the history.

    Parameters
    ----------
    history : History
        States of one or several days.
    name : str
        Name of the argument, for the error.
    value : int, datetime or str
        As `obi_widgets.history.incoming.moment` takes it, or a time of day: ``"15:23"``,
        ``"15:23:12"`` or ``"15:23:12.4"``.

    Raises
    ------
    SettingsError
        If it is no time.
    """
    found = TIME_OF_DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not len(history):
        try:
            return moment(name, value)
        except SettingsError:
            raise SettingsError(
                f"{name} = {quoted(value)} is not a time.",
                "Give a time of day such as 15:23:12, or nanoseconds UTC, or a time as pandas "
                "takes it.",
            ) from None
    hours, minutes, seconds, fraction = (part or "0" for part in found.groups())
    of_day = (60 * int(hours) + int(minutes)) * 60 + int(seconds)
    newest = int(history.time[-1])
    time = newest // DAY * DAY + of_day * SECOND + int(fraction.ljust(9, "0"))
    return time if time <= newest else time - DAY


def time_to_go(history: History, name: str, value: object) -> int:
    """Return a time as `time_in` does, if the history has it.

    Raises
    ------
    SettingsError
        If it is no time, or not between the first and the last state, if there are any.
    """
    time = time_in(history, name, value)
    if not len(history):
        return time
    first, last = (int(edge) for edge in history.time[[0, -1]])
    if 0 < first - time < SECOND:
        return first  # its second, as the screen writes it
    if not first <= time <= last:
        raise SettingsError(
            f"{quoted(value)} is not within the data.",
            f"Give a time from {formatting.clock(first)} to {formatting.clock(last)} UTC.",
        )
    return time
