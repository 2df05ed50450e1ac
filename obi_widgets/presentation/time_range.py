"""What part of the past charts look at: how long it is, and whether it goes with the newest."""

from __future__ import annotations

from typing import NamedTuple

from obi_widgets.checks import as_float
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.history.incoming import is_time

LONGEST = 7 * 86_400
"""Seconds."""

WINDOWS = (60.0, 300.0, 900.0, 3600.0)
"""Seconds of the windows that one chooses from."""

LONG_WINDOWS = (6 * 3600.0, 86_400.0, LONGEST)
"""More of them, where so much of the past is kept."""


def windows(kept: float) -> tuple[float, ...]:
    """Return the windows to choose from, where so many seconds of the past are kept."""
    return (*WINDOWS, *(seconds for seconds in LONG_WINDOWS if seconds <= kept))


class TimeRange(NamedTuple):
    """A length of time, and where it ends.

    Attributes
    ----------
    seconds : float
        How much is shown.
    end : int or None
        Event time of the right edge, nanoseconds UTC; None to go with the newest state.
    """

    seconds: float
    end: int | None = None

    def checked(self) -> TimeRange:
        """Return it when its length is possible.

        Raises
        ------
        SettingsError
            A length that is not between a second and a week.
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
        """Return the event time of the right edge, such that there are states to see."""
        if self.end is None:
            return newest
        return min(max(self.end, _least_end(self.seconds, oldest)), newest)

    def panned(self, share: float, oldest: int, newest: int) -> TimeRange:
        """Return it moved to the past by a share of its length; by a negative one, back."""
        end = self.right_edge(oldest, newest) - round(share * self.seconds * 1e9)
        return _settled(self.seconds, end, oldest, newest)

    def zoomed(self, factor: float, at: float, oldest: int, newest: int) -> TimeRange:
        """Return it with its length multiplied; what is at a share from the left stays there."""
        span = max((newest - oldest) / 1e9, 60.0)
        least, most = min(5.0, self.seconds), min(max(span, self.seconds), LONGEST)
        seconds = min(max(self.seconds * factor, least), most)
        moved = round((1 - at) * (seconds - self.seconds) * 1e9)
        return _settled(seconds, self.right_edge(oldest, newest) + moved, oldest, newest)


def _settled(seconds: float, end: int, oldest: int, newest: int) -> TimeRange:
    """Return a range that shows states; it goes with the newest when it comes to it."""
    end = max(end, _least_end(seconds, oldest))
    return TimeRange(seconds, None if end >= newest else end)


def _least_end(seconds: float, oldest: int) -> int:
    """Return the least right edge that leaves a fifth of the picture to states."""
    return oldest + round(0.2 * seconds * 1e9)
