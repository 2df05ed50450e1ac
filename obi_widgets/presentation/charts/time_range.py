"""The part of time that the charts show: its length, and where it ends."""

from __future__ import annotations

from typing import NamedTuple

from obi_widgets.checks import as_float
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.history.incoming import is_time

LONGEST = 7 * 86_400
"""Longest time range, seconds."""

WINDOWS = (60.0, 300.0, 900.0, 3600.0)
"""Lengths of the windows to choose from, seconds."""

LONG_WINDOWS = (6 * 3600.0, 86_400.0, LONGEST)
"""Further windows, each offered if so much of the past is kept."""


def windows(kept: float) -> tuple[float, ...]:
    """Return the lengths of the windows to choose from, if ``kept`` seconds of data are kept."""
    return (*WINDOWS, *(seconds for seconds in LONG_WINDOWS if seconds <= kept))


def whole(seconds: float) -> float:
    """Return the length of a window that shows data of so many seconds, a week at most.

    It is a little longer, since the right edge of a chart is not exactly the newest state.
    """
    return min(max(1.005 * seconds, 1.0), float(LONGEST))


class TimeRange(NamedTuple):
    """A length of time, and where it ends.

    Attributes
    ----------
    seconds : float
        Length that is shown.
    end : int or None
        Event time of the right edge, nanoseconds UTC; None to follow the newest state.
    """

    seconds: float
    end: int | None = None

    def checked(self) -> TimeRange:
        """Return it if its length and its end are possible.

        Raises
        ------
        SettingsError
            If the length is not between a second and a week, or the end is no time in ns.
        """
        if not 1 <= as_float(self.seconds) <= LONGEST:
            raise SettingsError(
                f"A window of {quoted(self.seconds)} s is not possible.",
                f"Give 1 to {LONGEST:,} seconds.",
            )
        if self.end is not None and not is_time(self.end):
            raise SettingsError(
                f"A window cannot end at {quoted(self.end)}.",
                "Give nanoseconds UTC, or None for now.",
            )
        return self

    def right_edge(self, oldest: int, newest: int) -> int:
        """Return the event time of the right edge, limited so that states are visible."""
        if self.end is None:
            return newest
        return min(max(self.end, _least_end(self.seconds, oldest)), newest)

    def panned(self, fraction: float, oldest: int, newest: int) -> TimeRange:
        """Return it moved by a fraction of its length: + to the past, − to the present."""
        end = self.right_edge(oldest, newest) - round(fraction * self.seconds * 1e9)
        return _settled(self.seconds, end, oldest, newest)

    def zoomed(self, factor: float, at: float, oldest: int, newest: int) -> TimeRange:
        """Return it with its length multiplied by ``factor``.

        The time at the fraction ``at`` of the width, 0 at the left edge, stays in its place.
        """
        span = max((newest - oldest) / 1e9, 60.0)
        shortest, longest = min(5.0, self.seconds), min(max(span, self.seconds), LONGEST)
        seconds = min(max(self.seconds * factor, shortest), longest)
        moved = round((1 - at) * (seconds - self.seconds) * 1e9)
        return _settled(seconds, self.right_edge(oldest, newest) + moved, oldest, newest)


def _settled(seconds: float, end: int, oldest: int, newest: int) -> TimeRange:
    """Return a range that shows states; it follows the newest state if it reaches it."""
    end = max(end, _least_end(seconds, oldest))
    return TimeRange(seconds, None if end >= newest else end)


def _least_end(seconds: float, oldest: int) -> int:
    """Return the earliest right edge at which states fill a fifth of the chart."""
    return oldest + round(0.2 * seconds * 1e9)
