"""The viewport: window and look of the charts, pause, what is pointed at, what calibration uses."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING

from obi_widgets.checks import instance, integer, number, text
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.history.incoming import is_time, moment
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.presentation.layers.chart_layers import Appearance
from obi_widgets.presentation.reading.cursor import Cursor, PointedEntry
from obi_widgets.presentation.reading.reading import Reading, read
from obi_widgets.presentation.texts.typed_time import time_in, time_to_go

if TYPE_CHECKING:
    from obi_widgets.feeds.base import Followed
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings


MAX_FACTOR = 1e6
"""Largest pan or zoom at once, in lengths of the window."""

MAX_STEP = 1_000_000
"""Largest step of the pin at once, states."""


class Viewport:
    """The part of a market's past that is shown. Each change wakes the publisher.

    Attributes
    ----------
    key : str
        Name by which the widgets of a page know that they show the same.
    time_range : TimeRange
        Window of the charts.
    cursor : Cursor or None
        Time that is pointed at.
    pointed : PointedEntry or None
        Entry that is pointed at.
    """

    market: Followed
    settings: Settings
    time_range: TimeRange
    cursor: Cursor | None
    pointed: PointedEntry | None
    _stacked: tuple[Parameters, ...]
    _wake: threading.Event

    def __init__(self, seconds: float, wake: threading.Event | None = None) -> None:
        self.time_range = TimeRange(seconds)
        self.key = uuid.uuid4().hex
        self.cursor = self.pointed = None
        self._wake = threading.Event() if wake is None else wake
        self._paused: History | None = None
        self._selected: Span | None = None
        self._appearance = Appearance()

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

    # -- what is pointed at ----------------------------------------------------------------

    def read(self, time: object) -> Reading:
        """Return the state of the market at a time: prices, signals, thresholds and the book.

        Parameters
        ----------
        time : int, datetime or str
            Event time: nanoseconds UTC, or a time as pandas takes it; without a zone it is UTC. A
            time of day, such as "15:23:12", is the newest such time.

        Returns
        -------
        Reading
            The newest state at or before that time, with the current settings. Before the first
            state and inside a gap it says so, and has no numbers.

        Raises
        ------
        SettingsError
            If it is no time.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3, warmup=20)
        >>> session.wait(100)
        >>> reading = session.read(session.history.time[50])
        >>> float(reading.ladder.price[0, 0]) == float(session.history.bid[50]) == reading.bid
        True
        >>> session.close()
        """
        history = self.market.history()
        at = time_in(history, "time", time)
        return read(history, self.settings.parameters, at, self._stacked)

    def pin(self, time: object = None) -> None:
        """Show the state of the market at a time, and its book, in all pages; None: of now.

        Parameters
        ----------
        time : int, datetime or str, optional
            Event time, as in `read`. If left out, the screen shows now again, and no entry is
            chosen.

        Raises
        ------
        SettingsError
            If it is no time.
        """
        if time is None:
            self.cursor = self.pointed = None
        else:
            self.cursor = Cursor(pinned=time_in(self.shown(), "time", time))
        self._wake.set()

    def go_to(self, time: object) -> None:
        """Pin a time, and move the window there if it does not show it.

        Parameters
        ----------
        time : int, datetime or str
            As in `pin`.

        Raises
        ------
        SettingsError
            If it is no time, or not between the first and the last state.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3, warmup=20)
        >>> session.wait(100)
        >>> session.go_to(session.history.time[50])
        >>> session.cursor.pinned == int(session.history.time[50])
        True
        >>> session.close()
        """
        at = time_to_go(self.shown(), "time", time)
        self.pin(at)
        self.bring_into_view(at, at)

    def hover(self, at: float | None, view: str) -> None:
        """Show in one page the state at a fraction of the window's width; None: of now.

        A pin stays: only `pin` moves it or lets it go.
        """
        at = None if at is None else number("at", at, 0, 1)
        view = text("view", view, "Give the id of a page.")
        before = self.cursor
        if before is not None and (
            before.pinned is not None or (at is None and before.view != view)
        ):
            return
        self.cursor = None if at is None else Cursor(at=at, view=view)
        self._wake.set()

    def step(self, states: int) -> None:
        """Move the pin by a number of states, + to later ones. Without a pin, set one.

        It is then set to the newest state in view.
        """
        states = integer("states", states, -MAX_STEP, MAX_STEP)
        history, cursor = self.shown(), self.cursor
        if not len(history):
            return
        at = self.time_range.right_edge(*self._span())
        if cursor is not None and cursor.pinned is not None:
            at = cursor.pinned
        else:
            states = 0
        row = int(history.time.searchsorted(at, "right")) - 1 + states
        row = min(max(row, 0), len(history) - 1)
        time = int(history.time[row])
        self.cursor = Cursor(pinned=time)
        self.bring_into_view(time, time)

    def choose(self, decision_time: int, start: int, end: int) -> None:
        """Go to an entry: show its details in all pages, pin its begin, and bring it into view.

        Parameters
        ----------
        decision_time : int
            Time of its decision, nanoseconds UTC.
        start, end : int
            Time of the entry, and of its exit or of the newest state, nanoseconds UTC.
        """
        decision_time = moment("decision_time", decision_time)
        start, end = moment("start", start), moment("end", end)
        self.pointed, self.cursor = PointedEntry(decision_time), Cursor(pinned=start)
        self.bring_into_view(start, end)

    def point(self, decision_time: int | None, view: str) -> None:
        """Show the details of an entry in one page; None: no longer. A chosen entry stays."""
        if decision_time is not None:
            decision_time = moment("decision_time", decision_time)
        view = text("view", view, "Give the id of a page.")
        before = self.pointed
        if before is not None and (
            not before.view or (decision_time is None and before.view != view)
        ):
            return
        self.pointed = None if decision_time is None else PointedEntry(decision_time, view)
        self._wake.set()

    def bring_into_view(self, start: int, end: int) -> None:
        """Move the window so that it shows these times, nanoseconds UTC, if it does not yet."""
        start, end = moment("start", start), moment("end", end)
        seconds = self.time_range.seconds
        right = self.time_range.right_edge(*self._span())
        left = right - round(seconds * 1e9)
        if not left <= start <= end <= right:
            # In the middle; a span that is longer than the window begins near its left edge.
            spare = max(seconds * 1e9 - (end - start), 0.2 * seconds * 1e9)
            centred = start + round(seconds * 1e9 - spare / 2)
            newest = self._span()[1]
            self.time_range = TimeRange(seconds, None if centred >= newest else centred)
        self._wake.set()

    @property
    def appearance(self) -> Appearance:
        """What the price chart draws besides lines: heatmap, trades, large levels.

        Assign a changed one: ``session.appearance = session.appearance._replace(heatmap=False)``.
        """
        return self._appearance

    @appearance.setter
    def appearance(self, appearance: Appearance) -> None:
        advice = "Give a changed one: session.appearance._replace(heatmap=False)."
        instance("appearance", appearance, Appearance, advice)
        self._appearance = appearance.checked()
        self._wake.set()

    def shown(self) -> History:
        """Return the states that are shown: those up to the pause, or all."""
        paused = self._paused
        return self.market.history() if paused is None else paused  # an empty one is false

    def _span(self) -> tuple[int, int]:
        history = self.shown()
        return (int(history.time[0]), int(history.time[-1])) if len(history) else (0, 0)
