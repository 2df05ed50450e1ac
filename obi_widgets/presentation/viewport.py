"""What of the data is looked at: the window of the charts, a pause, and a part that was chosen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from obi_widgets.checks import number
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.history.incoming import is_time
from obi_widgets.presentation.time_range import TimeRange

if TYPE_CHECKING:
    from obi_widgets.feeds.market import Market
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span


MOST = 1e6
"""Times the length of a window that one may pan or zoom by."""


class Looking:
    """Where in a market's past one looks. Each change wakes the publisher."""

    market: Market
    time_range: TimeRange
    _wake: threading.Event

    def __init__(self, seconds: float) -> None:
        self.time_range = TimeRange(seconds)
        self._wake = threading.Event()
        self._paused: History | None = None
        self._selected: Span | None = None

    @property
    def paused(self) -> bool:
        """Whether the screen stands still. The history goes on."""
        return self._paused is not None

    def pause(self) -> None:
        """Let the screen stand still; sliders still recompute what it shows."""
        if self._paused is None:
            self._paused = self.market.history()
        self._wake.set()

    def resume(self) -> None:
        """Let the screen go on with the newest."""
        self._paused = None
        self._wake.set()

    def look_at(self, seconds: float, end: int | None = None) -> None:
        """Choose what part of the past charts show.

        Parameters
        ----------
        seconds : float
            How long it is; a second to a week.
        end : int, optional
            Event time of its right edge, nanoseconds UTC; the newest state when left out.

        Raises
        ------
        SettingsError
            A length that is not possible.
        """
        self.time_range = TimeRange(seconds, end).checked()
        self._wake.set()

    def pan(self, share: float) -> None:
        """Look further into the past, by a share of what is shown; by a negative one, back."""
        share = number("share", share, -MOST, MOST)
        self.time_range = self.time_range.panned(share, *self._span())
        self._wake.set()

    def zoom(self, factor: float, at: float = 0.5) -> None:
        """Show so many times as much; what is at a share from the left edge stays there."""
        factor, at = number("factor", factor, 1 / MOST, MOST), number("at", at, 0, 1)
        self.time_range = self.time_range.zoomed(factor, at, *self._span())
        self._wake.set()

    @property
    def selected(self) -> Span | None:
        """The part that calibration looks at, as `select` was given it; None for everything."""
        return self._selected

    def select(self, start: int | None = None, end: int | None = None) -> None:
        """Choose the part of the history that calibration looks at; all of it without arguments.

        Parameters
        ----------
        start, end : int, optional
            Event times of the first and the last state, nanoseconds UTC.

        Raises
        ------
        SettingsError
            Times that are no nanoseconds, or an end that is not after the start.
        """
        if start is None and end is None:
            self._selected = None
            self._wake.set()
            return
        if start is None or end is None or not (is_time(start) and is_time(end) and start < end):
            raise SettingsError(
                f"A part from {quoted(start)} to {quoted(end)} is not possible.",
                "Give two times in nanoseconds UTC, the earlier one first; or none, for all data.",
            )
        self._selected = int(start), int(end)
        self._wake.set()

    def shown(self) -> History:
        """Return the states that are looked at: up to a pause, or all."""
        paused = self._paused
        return self.market.history() if paused is None else paused  # an empty one is false

    def _span(self) -> tuple[int, int]:
        history = self.shown()
        return (int(history.time[0]), int(history.time[-1])) if len(history) else (0, 0)
