"""The viewport: window of the charts, pause, and the part selected for calibration."""

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


MAX_FACTOR = 1e6
"""Largest pan or zoom at once, in lengths of the window."""


class Viewport:
    """The part of a market's past that is shown. Each change wakes the publisher."""

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
        """Whether the screen is frozen. New data are still kept."""
        return self._paused is not None

    def pause(self) -> None:
        """Freeze the screen. Sliders still recompute what it shows, and new data are still kept."""
        if self._paused is None:
            self._paused = self.market.history()
        self._wake.set()

    def resume(self) -> None:
        """Show the newest data again."""
        self._paused = None
        self._wake.set()

    def look_at(self, seconds: float, end: int | None = None) -> None:
        """Choose the window of the charts.

        Parameters
        ----------
        seconds : float
            Length of the window; 1 second to a week.
        end : int, optional
            Event time of the right edge, nanoseconds UTC. If left out, the window follows the
            newest state.

        Raises
        ------
        SettingsError
            If the length is out of range, or the end is not a time.
        """
        self.time_range = TimeRange(seconds, end).checked()
        self._wake.set()

    def pan(self, share: float) -> None:
        """Move the window into the past by a fraction of its length; back if it is negative."""
        share = number("share", share, -MAX_FACTOR, MAX_FACTOR)
        self.time_range = self.time_range.panned(share, *self._span())
        self._wake.set()

    def zoom(self, factor: float, at: float = 0.5) -> None:
        """Multiply the length of the window; the point at fraction ``at`` from the left stays."""
        factor, at = number("factor", factor, 1 / MAX_FACTOR, MAX_FACTOR), number("at", at, 0, 1)
        self.time_range = self.time_range.zoomed(factor, at, *self._span())
        self._wake.set()

    @property
    def selected(self) -> Span | None:
        """Part that calibration uses, as given to `select`; None for all states."""
        return self._selected

    def select(self, start: int | None = None, end: int | None = None) -> None:
        """Select the part of the history that calibration uses; without arguments, all of it.

        Parameters
        ----------
        start, end : int, optional
            Event times of the first and the last state, nanoseconds UTC.

        Raises
        ------
        SettingsError
            If a time is not in nanoseconds, or the end is not after the start.
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
        """Return the states that are shown: those up to the pause, or all."""
        paused = self._paused
        return self.market.history() if paused is None else paused  # an empty one is false

    def _span(self) -> tuple[int, int]:
        history = self.shown()
        return (int(history.time[0]), int(history.time[-1])) if len(history) else (0, 0)
