"""A cap on the positions that are entered in one market within an hour of event time.

A position counts from its entry, when its order is filled. An order that is not filled does not
count; one that a gap ended on its way may have been filled, and counts from the gap. The next entry
may be decided once fewer than `most_per_hour` are left within the hour before: an hour after the
oldest of the newest so many. So no hour, wherever it begins, holds more.

A scan keeps the times of the newest entries, also of those before its first state: `Trades.recent`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.trading.declared import Chosen

    Ints = NDArray[np.int64]

HOUR = 3_600 * 10**9
"""Nanoseconds."""

NEVER = -(2**62)
"""The time of an entry that was not made, and the time from which on there may be one: always."""

NO_CAP = np.empty(0, np.int64)
"""Times of the newest entries where nothing depends on them."""


def newest(parameters: Chosen, before: Ints) -> Ints:
    """Return the times of the newest entries for a scan, which changes them.

    Parameters
    ----------
    parameters : Chosen
        ``most_per_hour`` is used.
    before : ndarray of int64, shape (most_per_hour,) or (0,)
        Those before its first state, nanoseconds UTC, ascending; empty if there was none.
    """
    most = parameters.most_per_hour
    if most is None:
        return np.empty(0, np.int64)
    return before.copy() if len(before) == most else np.full(most, NEVER, np.int64)


def entered(recent: Ints, time: int) -> int:
    """Note an entry, and return the time from which on the next one may be decided."""
    if not len(recent):
        return NEVER
    recent[:-1] = recent[1:]
    recent[-1] = time
    return open_from(recent)


def open_from(recent: Ints) -> int:
    """Return the time from which on an entry may be decided; `NEVER` without a cap."""
    return int(recent[0]) + HOUR if len(recent) else NEVER
