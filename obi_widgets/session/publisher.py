"""Frames of a session, shown to whoever looks: from one thread, when something has changed.

Neither the thread nor the publisher holds the session, so that one which is dropped is collected.
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
"""Seconds between frames while data come."""

SOONEST = 0.03
"""Seconds between frames when settings change."""

ALIVE_EVERY = 1.5
"""Seconds between words to every page that is known. A page that hears none for three says so, so
that one may be late by as much."""

NOTE_STAYS = 10.0
"""Seconds that a note is shown, from the first frame that shows it."""

READING = "Reading the recording."


@runtime_checkable
class View(Protocol):
    """What shows frames. Called by the publisher's thread only."""

    @property
    def looked_at(self) -> bool:
        """Whether somebody would see a frame, and has seen those that were sent."""

    @property
    def may_look(self) -> bool:
        """Whether somebody could look, though nothing is heard of it: its words may be lost."""

    def show(self, frame: Frame) -> None:
        """Show it."""

    def keep_alive(self) -> None:
        """Say that the kernel goes on."""

    def end(self) -> None:
        """Say that nothing follows."""


@runtime_checkable
class Forgettable(View, Protocol):
    """A view that the platform holds, even when the user has nothing left of it."""

    def held(self) -> bool:
        """Whether anything but the platform may hold it or its session. It may take a while."""


class Published(Protocol):
    """A session, as far as its publisher looks at it."""

    settings: Settings
    feed: Feed
    market: Market
    sealing: Sealing
    tried: Tried
    time_range: TimeRange
    publisher: Publisher

    @property
    def paused(self) -> bool:
        """Whether the screen stands still."""

    @property
    def selected(self) -> Span | None:
        """The part that calibration looks at; None for all."""

    def shown(self) -> History:
        """Return the states that are shown."""

    def end_if_forgotten(self) -> None:
        """End when nobody has looked for long, and only the platform holds what shows it."""


class Publisher:
    """Shows a session's frames.

    Parameters
    ----------
    session : Session
        Whose market and settings it shows.
    wake : Event
        Set by whoever changes something that a frame shows.

    Attributes
    ----------
    views : list of View
        Who is shown frames.
    looked_at : float
        When one of them was last looked at, by the monotonic clock.
    """

    def __init__(self, session: Published, wake: threading.Event) -> None:
        self._of = weakref.ref(session)
        self._wake = wake
        self._closing = threading.Event()
        self.views: list[View] = []
        self._analysis = Analysis(session.settings.parameters)
        self._maker = FrameMaker()
        self._rate = Rate()
        self._shown: dict[View, object] = {}  # to whom, what
        self._asked = 0  # times that a frame was asked for, though nothing that it shows changed
        self._told = 0  # notes
        self._note = ""
        self._note_shown: float | None = None
        self._failure = ""  # the note, while it tells of a frame that could not be made
        self._view_failure = ""  # or of a view that could not show the newest one
        self.looked_at = self._said_alive = time.monotonic()

    @property
    def _session(self) -> Published:
        session = self._of()
        assert session is not None  # whoever calls holds it
        return session

    @property
    def note(self) -> str:
        """The sentence that is shown just now."""
        return self._note

    def start(self, ended: Callable[[], object]) -> threading.Thread:
        """Start the thread, and return it.

        Parameters
        ----------
        ended : callable
            Called in the thread when it ends: closed, or the session is no more. It may not
            hold the session.
        """
        self.looked_at = time.monotonic()
        arguments = self._of, self._wake, self._closing, ended
        thread = threading.Thread(
            target=_publish, args=arguments, name="obi-publisher", daemon=True
        )
        thread.start()
        return thread

    def close(self) -> None:
        """Let the thread end."""
        self._closing.set()
        self._wake.set()

    def end(self, *, show: bool) -> None:
        """Show the last frame to every view, and say that nothing follows.

        Parameters
        ----------
        show : bool
            False while the thread goes on, as where a view closes the session from a frame.
        """
        if show:
            self._show_safely(last=True)
        for view in self.views:
            view.end()
        self.views.clear()

    def attach(self, view: View) -> None:
        """Show frames there, from now on."""
        self.views.append(view)
        self._wake.set()

    def detach(self, view: View) -> None:
        """Show no more frames there."""
        if view in self.views:
            self.views.remove(view)

    def refresh(self) -> None:
        """Show a frame also where nothing of it has changed: there is more to show with it."""
        self._asked += 1
        self._wake.set()

    def answer(self) -> None:
        """Let a page that has come into sight, or is heard again, hear at once."""
        self._said_alive = -np.inf
        self._wake.set()

    def tell(self, note: str) -> None:
        """Show a sentence for ten seconds, or until the next one; empty for none."""
        self._note, self._note_shown = note, None
        self._told += 1
        self._wake.set()

    def round(self) -> None:
        """Do what is due: a frame, and now and then a word to every page."""
        now = time.monotonic()
        self._rate.follow(self._session.feed)
        if note := self._session.sealing.follow():
            self.tell(note)
        held = self._note in (self._failure, self._view_failure)
        if self._note_shown is not None and not held and now - self._note_shown > NOTE_STAYS:
            self._note, self._note_shown = "", None
        alive = now - self._said_alive >= ALIVE_EVERY
        self._show_safely(alive=alive)
        if alive:  # after the frame: whoever has it is not behind
            self._said_alive = now
            for view in list(self.views):
                try:
                    view.keep_alive()
                except Exception:
                    log.exception("A page could not be told that the kernel goes on.")
        self._session.end_if_forgotten()

    def _show_safely(self, *, alive: bool = False, last: bool = False) -> None:
        """Show a frame; a thread has nobody to raise to, so what goes wrong is logged and shown."""
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
        """Show a frame to those who look, with a word also to those who may, the last to all."""
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
        self._shown = dict.fromkeys(looking, key)  # who looks away is shown it again
        failure = ""
        for view in behind:  # one that fails does not keep the others from theirs
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
        """Return what a frame depends on, and a key that changes when any of it does."""
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
        """Return what is to be seen of a history. For the publisher's thread."""
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
    """Return whether a feed plays a past as fast as possible. A recording may end with that."""
    return feed.market.state != "closed" and (feed.as_fast_as_possible or feed.market.warming)


class Rate:
    """Messages a second over the last two.

    Attributes
    ----------
    now : float
        NaN until there is one to speak of.
    """

    def __init__(self) -> None:
        self.now = np.nan
        self._filling = False
        self._heard: deque[tuple[float, int]] = deque()

    def follow(self, feed: Feed) -> None:
        """Take note of how many have come. A past that is played at once is not part of it."""
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
    """Let a session's publisher do its rounds while the session lives."""
    forget_parent()
    last = time.monotonic()
    try:
        while not closing.is_set():
            due = last + FRAME_EVERY
            if wake.wait(max(due - time.monotonic(), 0.0)):
                closing.wait(max(last + SOONEST - time.monotonic(), 0.0))
                wake.clear()
                due = time.monotonic()
            last = max(due, time.monotonic() - FRAME_EVERY)  # what is late is not made up for
            session = of()
            if session is None or closing.is_set():
                break
            session.publisher.round()
            del session
    finally:
        ended()


def _failed(error: Exception) -> str:
    return f"A frame could not be shown: {error!r}. Please report this."
