"""Showing frames to views: one thread, which makes a frame only if something has changed.

Neither the thread nor a publisher refers to what it shows, so that a session that is dropped is
garbage collected.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from obi_widgets.history.memory import RETURNS
from obi_widgets.session.kernel_parent import forget_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from obi_widgets.session.views import View

log = logging.getLogger(__name__)

FRAME_EVERY = 0.1
"""Seconds between two frames while only data change."""

SOONEST = 0.03
"""Shortest time between two frames, seconds, that show a change of settings."""

ALIVE_EVERY = 1.5
"""Seconds between two signs of life that every page gets. A page that gets none for three seconds
says so; one that is 1.5 s late is in time."""

WAIT_FOR_FRAME = 10.0
"""Longest wait for a frame that another thread makes or shows, seconds."""

NOTE_STAYS = 10.0
"""Seconds for which a note is shown, from the first frame with it."""


class Shown(Protocol):
    """What a publisher's thread asks of a session."""

    @property
    def publisher(self) -> Publishing:
        """Its publisher."""

    def end_if_forgotten(self) -> None:
        """Close the session if nobody has looked for long and no variable refers to it."""


class Publishing(ABC):
    """Shows frames to views, and sentences for some seconds.

    Parameters
    ----------
    wake : Event
        Is set when something that a frame shows has changed.

    Attributes
    ----------
    views : list of View
        Views that get frames.
    looked_at : float
        When a view was last visible, by the monotonic clock.
    """

    def __init__(self, wake: threading.Event) -> None:
        self._wake = wake
        self._closing = threading.Event()
        self.views: list[View] = []
        self._is_showing = False  # a view may end it meanwhile, in the same thread
        self._showing = threading.RLock()  # what makes frames keeps arrays between two of them
        self._shown: dict[View, object] = {}  # by view: the key of the frame that it has
        self._asked = 0  # calls of `refresh`: a frame although nothing that it shows has changed
        self._told = 0  # notes so far
        self._note = ""
        self._note_shown: float | None = None
        self._failure = ""  # the note about a frame that could not be made, while shown
        self._view_failure = ""  # the note about a view that could not show the newest frame
        self.looked_at = self._said_alive = time.monotonic()

    @abstractmethod
    def _due(self) -> tuple[object, Callable[[], Any]]:
        """Return a key of all that a frame depends on, and a function that makes the frame."""

    @abstractmethod
    def round(self) -> None:
        """Show a frame if one is due, and send signs of life if they are due."""

    @property
    def note(self) -> str:
        """The sentence that is shown now; empty for none."""
        return self._note

    # -- the thread ------------------------------------------------------------------------

    def start(self, of: weakref.ref[Shown], ended: Callable[[], object]) -> threading.Thread:
        """Start the thread, and return it.

        Parameters
        ----------
        of : weak reference
            The session that is shown.
        ended : callable
            Called in the thread when it ends: after `close`, or once the session is collected.
            It must not refer to the session.
        """
        self.looked_at = time.monotonic()
        thread = threading.Thread(
            target=_publish, args=(of, self._wake, self._closing, ended), name="obi-publisher",
            daemon=True,
        )  # fmt: skip
        thread.start()
        return thread

    def close(self) -> None:
        """Stop the thread."""
        self._closing.set()
        self._wake.set()

    def end(self, *, show: bool) -> None:
        """Show the last frame to every view, and tell the views that no frame will follow.

        It waits for a frame that the publisher's thread shows meanwhile.

        Parameters
        ----------
        show : bool
            False in the publisher's thread, for example when a view closes the session while it
            shows a frame.
        """
        with self._alone() as alone:
            if show and alone and not self._is_showing:
                self._show_safely(last=True)
            while self.views:
                self.views.pop(0).end()
            self._shown = {}

    # -- views -----------------------------------------------------------------------------

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

    def _show_due(self) -> None:
        """Show a frame if one is due, and send signs of life if they are due."""
        now = time.monotonic()
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
                    log.exception("A page could not be told that the kernel is alive.")

    def _show_safely(self, *, alive: bool = False, last: bool = False) -> None:
        """Show a frame. An error in a thread reaches no user: it is logged and shown as a note."""
        try:
            with self._alone() as alone:
                if alone:
                    self._is_showing = True
                    try:
                        self._show(alive=alive, last=last)
                    finally:
                        self._is_showing = False
        except Exception as error:
            note = _failed(error)
            if note != self._failure:  # once, not ten times a second
                log.exception("A frame could not be shown.")
            self._note = self._failure = note
        else:
            if self._failure and self._note == self._failure:
                self._note = self._failure = ""

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Wait until no other thread shows a frame; yield whether that took less than 10 s.

        The publisher's thread shows frames, and the one that closes a session shows the last.
        """
        alone = self._showing.acquire(timeout=WAIT_FOR_FRAME)
        if not alone:
            log.warning("A frame took over %g s; the one after it is left out.", WAIT_FOR_FRAME)
        try:
            yield alone
        finally:
            if alone:
                self._showing.release()

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
        key, make = self._due()
        behind = [view for view in looking if self._shown.get(view) != key]
        if behind:
            frame = make()
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


def _publish(
    of: weakref.ref[Shown],
    wake: threading.Event,
    closing: threading.Event,
    ended: Callable[[], object],
) -> None:
    """Call `Publishing.round` again and again, until it is closed or the session collected."""
    forget_parent()
    last, woken = time.monotonic(), -np.inf
    try:
        while not closing.is_set():
            due = last + FRAME_EVERY
            if wake.wait(max(due - time.monotonic(), 0.0)):
                # A frame of data delays no answer to a slider, only another answer does.
                closing.wait(max(woken + SOONEST - time.monotonic(), 0.0))
                wake.clear()
                due = woken = time.monotonic()
            last = max(due, time.monotonic() - FRAME_EVERY)  # a delay is not made up for
            session = of()
            if session is None or closing.is_set():
                break
            session.publisher.round()
            session.end_if_forgotten()
            del session
            RETURNS.look()
    finally:
        ended()


def _failed(error: Exception) -> str:
    return f"A frame could not be shown: {error!r}. Please report this."
