"""A history whose gaps are filled by another of the same market."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from obi_widgets.history.columns import History


def filled(history: History, other: History) -> History:
    """Return a history with the states of another where it has none of its own.

    Parameters
    ----------
    history : History
        Its states stay: only the last one before a state of the other is left out, if both are of
        one interval.
    other : History
        Of the same market, levels and interval.

    Returns
    -------
    History
        The first one itself, if the other has no further state. Otherwise both, with a gap of one
        state between two pieces.

    Raises
    ------
    HistoryError
        If they cannot be joined, for example because they have other levels.
    """
    rows = np.flatnonzero(~history.lost)
    begins = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
    firsts, lasts = rows[begins], rows[np.append(begins[1:], len(rows)) - 1]  # of each run
    # Hole 0 is before the first run, hole 1 after it, and so on.
    holes = np.searchsorted(history.time[firsts], other.time, side="right")
    ends = np.append(np.iinfo(np.int64).min, history.time[lasts])
    new = ~other.lost & (other.time > ends[holes])
    if not new.any():
        return history
    parts, row = [], 0
    for hole in np.unique(holes[new]).tolist():
        first, last = np.flatnonzero(new & (holes == hole))[[0, -1]].tolist()
        stop = int(lasts[hole - 1]) + 1 if hole else 0
        if (
            hole
            and first
            and not other.lost[first - 1]
            and _is_same_interval(history, int(history.time[stop - 1]), int(other.time[first]))
        ):
            stop -= 1
        parts += [history[row:stop], other[first : last + 1]]
        row = int(firsts[hole]) if hole < len(firsts) else len(history)
    return type(history).concat([*parts, history[row:]])


def _is_same_interval(history: History, *times: int) -> bool:
    """Return whether two times are of one interval, of which a history keeps the last state."""
    interval = round(history.interval * 1e9)
    return interval > 0 and len({time // interval for time in times}) == 1
