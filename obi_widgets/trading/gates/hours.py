"""Trade at some hours only, in UTC.

Crypto markets never close. Sessions of other markets are hours here: London is about 7 to 16,
New York 13 to 21, Tokyo 0 to 6, an hour later or earlier with their summer time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Choice, Number
from obi_widgets.trading.gates.gate import gate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

HOUR = 3_600 * 10**9
DAY = 24 * HOUR
"""Nanoseconds."""


@gate(needs="touch", exact=True)
def hours(
    history: History,
    *,
    from_hour: Annotated[float, Number(0, 24, "h", slider=(0, 24, 0.5)), "From, UTC"] = 7.0,
    until_hour: Annotated[float, Number(0, 24, "h", slider=(0, 24, 0.5)), "Until, UTC"] = 21.0,
    days: Annotated[str, Choice("all", "weekdays", "weekends")] = "all",
) -> NDArray[np.bool_]:
    """Return where the hour and the day of the week are those chosen, in UTC.

    Parameters
    ----------
    history : History
        T states.
    from_hour : float
        Hour of the day from which on it is open, UTC.
    until_hour : float
        Hour at which it closes. Before ``from_hour``, it is open over midnight; the same, all day.
    days : {"all", "weekdays", "weekends"}
        Monday to Friday, or Saturday and Sunday, by the UTC day of the state.
    """
    of_day = history.time % DAY
    begin, end = (round(one * HOUR) for one in (from_hour, until_hour))
    if begin == end:
        open_now = np.ones(len(history), bool)
    elif begin < end:
        open_now = (of_day >= begin) & (of_day < end)
    else:
        open_now = (of_day >= begin) | (of_day < end)
    weekend = (history.time // DAY + 3) % 7 >= 5  # 1 January 1970 was a Thursday
    if days == "weekdays":
        open_now &= ~weekend
    elif days == "weekends":
        open_now &= weekend
    return np.asarray(open_now)
