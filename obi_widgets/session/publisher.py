"""The publisher of a session: one thread makes frames and shows them to the views.

It makes a frame only if something has changed. Neither the thread nor the publisher refers to the
session, so that a session that is dropped is garbage collected.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from obi_widgets.presentation.analysis import Analysis
from obi_widgets.presentation.frame import Frame
from obi_widgets.presentation.frame_maker import FrameMaker
from obi_widgets.session.kernel_parent import forget_parent

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.feeds.base import Feed
    from obi_widgets.feeds.market import Market
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.presentation.time_range import TimeRange
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

NOTE_STAYS = 10.0
"""Seconds for which a note is shown, from the first frame with it."""

READING = "Reading the recording."


@runtime_checkable
class View(Protocol):
    """Something that shows frames. Only the publisher's thread calls its methods."""

    @property
    def looked_at(self) -> bool:
        """Whether it is visible, and has painted the frames that were sent."""

    @property
    def may_look(self) -> bool:
        """Whether it may be visible. It may be silent: its messages may have been lost."""

    def show(self, frame: Frame) -> None:
        """Show a frame."""

    def keep_alive(self) -> None:
        """Tell the page that the kernel is alive."""

    def end(self) -> None:
        """Tell the page that no frame will follow."""


@runtime_checkable
class Forgettable(View, Protocol):
    """A view to which the platform still refers when the user's code does not."""

    def held(self) -> bool:
        """Whether anything but the platform may refer to it or its session. This may be slow."""


class Published(Protocol):
    """The attributes of a session that its publisher uses."""

    settings: Settings
    feed: Feed
    market: Market
    sealing: Sealing
    tried: Tried
    time_range: TimeRange
    publisher: Publisher

    @property
    def paused(self) -> bool:
        """Whether the screen is frozen."""

    @property
    def selected(self) -> Span | None:
        """The part that calibration uses, nanoseconds UTC; None for all states."""

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
            session.selected,
            self._asked,
        )
        return key, history, parameters

    def frame(self, history: History, parameters: Parameters) -> Frame:
        """Return the frame of a history. For the publisher's thread."""
        self._analysis.update(history, parameters)
        session, market = self._session, self._session.market
        feed = session.feed
        state, detail, advice = market.state, market.detail, market.advice
        if feed.as_fast_as_possible and state != "closed":
            state, detail, advice = "syncing", READING, ""
        fresh = market.changed_at and state != "closed" and not filling(feed)
        return self._maker.make(
            self._analysis,
            instrument=market.instrument,
            state=state,
            has_book=market.has_book and not filling(feed),
            replay=feed.kind == "recording",
            detail=detail,
            advice=advice,
            note=self._note,
            told=self._told,
            paused=session.paused,
            age=market.age(feed.now()) if fresh else np.nan,
            lag=market.lag.seconds,
            late=market.lag.absolute,
            rate=self._rate.now,
            time_range=session.time_range,
            selected=session.selected,
        )


def filling(feed: Feed) -> bool:
    """Return whether a feed is loading past data at full speed; a recording may end that way."""
    return feed.market.state != "closed" and (feed.as_fast_as_possible or feed.market.warming)


class Rate:
    """Messages a second, averaged over the last two seconds.

    Attributes
    ----------
    now : float
        The rate; NaN until two counts are known, and while past data are loaded.
    """

    def __init__(self) -> None:
        self.now = np.nan
        self._filling = False
        self._heard: deque[tuple[float, int]] = deque()

    def follow(self, feed: Feed) -> None:
        """Count the messages so far. Past data that are loaded at full speed are left out."""
        now = time.monotonic()
        was_filling, self._filling = self._filling, filling(feed)
        if was_filling or self._filling:
            self._heard.clear()
        self._heard.append((now, feed.messages))
        while len(self._heard) > 2 and now - self._heard[1][0] >= 2:
            self._heard.popleft()
        (then, before), (_, after) = self._heard[0], self._heard[-1]
        self.now = (after - before) / (now - then) if now > then else np.nan


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
