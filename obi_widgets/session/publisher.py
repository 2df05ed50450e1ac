"""The publisher of a session: one thread makes frames and shows them to the views.

It makes a frame only if something has changed. Neither the thread nor the publisher refers to the
session, so that a session that is dropped is garbage collected.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from typing import TYPE_CHECKING, Protocol

import numpy as np

from obi_widgets.history.silences import note_now
from obi_widgets.market_data.events import CURRENT
from obi_widgets.presentation.frames.frame import Frame
from obi_widgets.presentation.frames.frame_maker import FrameMaker
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.presentation.reading.comparison import Compared, Comparison
from obi_widgets.presentation.reading.signal_values import SignalValues
from obi_widgets.session.kernel_parent import forget_parent
from obi_widgets.session.message_rate import Rate, filling
from obi_widgets.session.views import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.feeds.base import Feed, Followed
    from obi_widgets.feeds.health.health import Health
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.presentation.charts.time_range import TimeRange
    from obi_widgets.presentation.layers.chart_layers import Appearance
    from obi_widgets.presentation.reading.cursor import Cursor, PointedEntry
    from obi_widgets.session.alerts import Bell
    from obi_widgets.session.sealing import Sealing
    from obi_widgets.session.trials import Tried
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings

log = logging.getLogger(__name__)

FRAME_EVERY = 0.1
"""Seconds between two frames while only data change."""

SOONEST = 0.03
"""Shortest time between two frames, seconds, when settings change."""

ALIVE_EVERY = 1.5
"""Seconds between two signs of life that every page gets. A page that gets none for three seconds
says so; one that is 1.5 s late is in time."""

HEALTH_EVERY = 1.0
"""Seconds between two readings of the feed's health, while a view shows it."""

NOTE_STAYS = 10.0
"""Seconds for which a note is shown, from the first frame with it."""

READING = "Reading the recording."


class Published(Protocol):
    """The attributes of a session that its publisher uses."""

    settings: Settings
    feed: Feed
    market: Followed
    sealing: Sealing
    tried: Tried
    time_range: TimeRange
    cursor: Cursor | None
    pointed: PointedEntry | None
    appearance: Appearance
    publisher: Publisher

    def health(self) -> Health:
        """Return the health of the feed now."""

    @property
    def paused(self) -> bool:
        """Whether the screen is frozen."""

    @property
    def selected(self) -> Span | None:
        """The part that calibration uses, nanoseconds UTC; None for all states."""

    @property
    def compared(self) -> Parameters | None:
        """Settings that the present ones are compared with; None for none."""

    @property
    def bell(self) -> Bell:
        """Alerts that are shown."""

    @property
    def stacked(self) -> tuple[Parameters, ...]:
        """The stacked signals, with their parameters and thresholds."""

    def shown(self) -> History:
        """Return the states that the screen shows."""

    def end_if_forgotten(self) -> None:
        """Close the session if nobody has looked for long and no variable refers to it."""


class Publisher:
    """Makes frames of a session and shows them to views.

    Parameters
    ----------
    session : Session
        Session to show. Only a weak reference to it is kept.
    wake : Event
        Is set when something that a frame shows has changed.

    Attributes
    ----------
    views : list of View
        Views that get frames.
    looked_at : float
        When a view was last visible, by the monotonic clock.
    """

    def __init__(self, session: Published, wake: threading.Event) -> None:
        self._of = weakref.ref(session)
        self._wake = wake
        self._closing = threading.Event()
        self.views: list[View] = []
        self._analysis = Analysis(session.settings.parameters)
        self._comparison: Comparison | None = None
        self._stacked: dict[Parameters, SignalValues] = {}
        self._maker = FrameMaker()
        self._rate = Rate()
        self._shown: dict[View, object] = {}  # by view: the key of the frame that it has
        self._asked = 0  # calls of `refresh`: a frame although nothing that it shows has changed
        self._told = 0  # notes so far
        self._note = ""
        self._note_shown: float | None = None
        self._failure = ""  # the note about a frame that could not be made, while shown
        self._view_failure = ""  # the note about a view that could not show the newest frame
        self.looked_at = self._said_alive = time.monotonic()
        self.left_out = 0  # frames that pages did not get because they were behind
        self._behind_at = 0  # states when that was last counted
        self._health: tuple[float, Health] | None = None  # when it was made, and what

    @property
    def _session(self) -> Published:
        session = self._of()
        assert session is not None  # the caller refers to it
        return session

    @property
    def note(self) -> str:
        """The sentence that is shown now; empty for none."""
        return self._note

    def start(self, ended: Callable[[], object]) -> threading.Thread:
        """Start the thread, and return it.

        Parameters
        ----------
        ended : callable
            Called in the thread when it ends: after `close`, or once the session is collected.
            It must not refer to the session.
        """
        self.looked_at = time.monotonic()
        arguments = self._of, self._wake, self._closing, ended
        thread = threading.Thread(
            target=_publish, args=arguments, name="obi-publisher", daemon=True
        )
        thread.start()
        return thread

    def close(self) -> None:
        """Stop the thread."""
        self._closing.set()
        self._wake.set()

    def end(self, *, show: bool) -> None:
        """Show the last frame to every view, and tell the views that no frame will follow.

        Parameters
        ----------
        show : bool
            False if the publisher's thread still runs, for example when a view closes the session
            while it shows a frame.
        """
        if show:
            self._show_safely(last=True)
        for view in self.views:
            view.end()
        self.views.clear()

    def attach(self, view: View) -> None:
        """Show frames to a view from now on."""
        self.views.append(view)
        self._wake.set()

    def detach(self, view: View) -> None:
        """Stop showing frames to a view."""
        if view in self.views:
            self.views.remove(view)

    def refresh(self) -> None:
        """Show a frame soon, also if none of its contents has changed."""
        self._asked += 1
        self._wake.set()

    def answer(self) -> None:
        """Send signs of life at once: a page has become visible, or has answered again."""
        self._said_alive = -np.inf
        self._wake.set()

    def tell(self, note: str) -> None:
        """Show a sentence for ten seconds, or until the next sentence; empty to show none."""
        self._note, self._note_shown = note, None
        self._told += 1
        self._wake.set()

    def round(self) -> None:
        """Show a frame if one is due, and send signs of life if they are due."""
        now = time.monotonic()
        self._rate.follow(self._session.feed)
        if note := self._session.sealing.follow():
            self.tell(note)
        held = self._note in (self._failure, self._view_failure)
        if self._note_shown is not None and not held and now - self._note_shown > NOTE_STAYS:
            self._note, self._note_shown = "", None
        alive = now - self._said_alive >= ALIVE_EVERY
        self._show_safely(alive=alive)
        if alive:  # after the frame, so that a view that has painted it is up to date
            self._said_alive = now
            for view in list(self.views):
                try:
                    view.keep_alive()
                except Exception:
                    log.exception("A page could not be told that the kernel goes on.")
        self._session.end_if_forgotten()

    def _show_safely(self, *, alive: bool = False, last: bool = False) -> None:
        """Show a frame. An error in a thread reaches no user: it is logged and shown as a note."""
        try:
            self._show(alive=alive, last=last)
        except Exception as error:
            note = _failed(error)
            if note != self._failure:  # once, not ten times a second
                log.exception("A frame could not be shown.")
            self._note = self._failure = note
        else:
            if self._failure and self._note == self._failure:
                self._note = self._failure = ""

    def _show(self, *, alive: bool, last: bool) -> None:
        """Show a frame to visible views; every 1.5 s also to silent ones, and the last to all."""
        if behind := sum(getattr(view, "behind", False) for view in self.views):
            history = self._session.market.history()
            states = history.start + len(history)
            self.left_out += behind * (states != self._behind_at)
            self._behind_at = states
        seeing = [view for view in self.views if view.looked_at]
        if seeing:
            self.looked_at = time.monotonic()
        looking = [
            view for view in self.views if last or view in seeing or (alive and view.may_look)
        ]
        if not looking:
            self._shown = {}
            return
        key, history, parameters = self._now()
        behind = [view for view in looking if self._shown.get(view) != key]
        if behind:
            frame = self.frame(history, parameters)
            if frame.states:
                self._session.tried.add(parameters)
        self._shown = dict.fromkeys(looking, key)  # a view that was hidden gets it again
        failure = ""
        for view in behind:  # if one fails, the others still get the frame
            try:
                view.show(frame)
            except Exception as error:
                failure = _failed(error)
                if failure != self._note:  # once, not ten times a second
                    log.exception("A frame could not be shown.")
                self._note = failure
        if behind:
            self._view_failure = failure
        if self._note and self._note_shown is None:
            self._note_shown = time.monotonic()

    def _now(self) -> tuple[object, History, Parameters]:
        """Return a key of all that a frame depends on, the history, and the parameters."""
        session, market = self._session, self._session.market
        history, parameters = session.shown(), session.settings.parameters
        key = (
            history.start + len(history),
            session.paused,
            market.state,
            market.detail,
            parameters,
            self._note,
            self._told,
            f"{self._rate.now:.0f}",
            session.time_range,
            session.cursor,
            session.pointed,
            session.appearance,
            session.selected,
            session.stacked,
            session.compared,
            (session.bell.on, session.bell.level, session.bell.count),
            self._asked,
            self._watch(),
        )
        return key, history, parameters

    def _watch(self) -> Health | None:
        """Return the health if a view shows it, made again once a second; else None."""
        if not any(getattr(view, "shows_health", False) for view in self.views):
            self._health = None
        elif self._health is None or time.monotonic() - self._health[0] >= HEALTH_EVERY:
            self._health = time.monotonic(), self._session.health()
        return self._health[1] if self._health is not None else None

    def frame(self, history: History, parameters: Parameters) -> Frame:
        """Return the frame of a history. For the publisher's thread."""
        self._analysis.update(history, parameters)
        session = self._session
        stacked = self._stack(history, session.stacked)
        market, feed = session.market, session.feed
        state, detail, advice = market.state, market.detail, market.advice
        if feed.as_fast_as_possible and state != "closed":
            state, detail, advice = "syncing", READING, ""
        if state in CURRENT and (silence := note_now(history)):
            detail = f"{detail} {silence}".strip()
        full = not filling(feed)
        fresh, lag = market.changed_at and state != "closed" and full, market.lag
        return self._maker.make(
            self._analysis,
            instrument=market.instrument,
            state=state,
            has_book=market.has_book and full,
            replay=feed.kind == "recording",
            detail=detail,
            advice=advice,
            note=self._note,
            told=self._told,
            paused=session.paused,
            age=market.age(feed.now()) if fresh else np.nan,
            lag=lag.seconds,
            late=lag.absolute,
            rate=self._rate.now,
            time_range=session.time_range,
            cursor=session.cursor,
            pointed=session.pointed,
            appearance=session.appearance,
            selected=session.selected,
            sealed_at=session.sealing.sealed_at,
            stacked=stacked,
            other=self._compare(history, session.compared),
            watching=session.bell.on,
            watched=session.bell.level,
            alerts=session.bell.newest,
            alert_count=session.bell.count,
            health=self._health[1] if self._health is not None else None,
        )

    def _stack(self, history: History, wanted: tuple[Parameters, ...]) -> list[SignalValues]:
        """Return the values of the stacked signals."""
        self._stacked = {one: self._stacked.get(one) or SignalValues(one) for one in wanted}
        for parameters, values in self._stacked.items():
            values.update(history, parameters)
        return list(self._stacked.values())

    def _compare(self, history: History, other: Parameters | None) -> Compared | None:
        """Return the results of the settings that the present ones are compared with."""
        if other is None or not len(history):
            self._comparison = None
            return None
        tried = self._session.tried
        if self._comparison is None or self._comparison.parameters != other:
            self._comparison = Comparison(other)
            tried.add(other)
        return self._comparison.update(history, self._analysis, len(tried))


def _publish(
    of: weakref.ref[Published],
    wake: threading.Event,
    closing: threading.Event,
    ended: Callable[[], object],
) -> None:
    """Call `Publisher.round` again and again, until it is closed or the session collected."""
    forget_parent()
    last = time.monotonic()
    try:
        while not closing.is_set():
            due = last + FRAME_EVERY
            if wake.wait(max(due - time.monotonic(), 0.0)):
                closing.wait(max(last + SOONEST - time.monotonic(), 0.0))
                wake.clear()
                due = time.monotonic()
            last = max(due, time.monotonic() - FRAME_EVERY)  # a delay is not made up for
            session = of()
            if session is None or closing.is_set():
                break
            session.publisher.round()
            del session
    finally:
        ended()


def _failed(error: Exception) -> str:
    return f"A frame could not be shown: {error!r}. Please report this."
