"""The still picture beside a widget: what a saved notebook shows when no kernel runs."""

from __future__ import annotations

import threading
import time
import uuid
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from obi_widgets.presentation.still import still

if TYPE_CHECKING:
    from obi_widgets.session.publishing import Publishing
    from obi_widgets.session.views import View

EVERY = 60.0
"""Shortest time between two pictures, seconds: each one changes the notebook."""

DRAWN_WITHIN = 2.0
"""Longest time to wait for a picture, seconds."""

DISPLAYED_WITHIN = 0.5
"""The same while a widget is being displayed that has data already."""

AGAIN = 0.1
"""Time after which a picture that is waited for is asked for again, seconds."""


class Shown(Protocol):
    """The session of a widget, or of a board."""

    @property
    def publisher(self) -> Publishing:
        """What shows frames to views."""

    @property
    def has_data(self) -> bool:
        """Whether there is a book state."""

    @property
    def paused(self) -> bool:
        """Whether the screen is frozen."""

    @property
    def closed(self) -> bool:
        """Whether it has ended."""

    def attach(self, view: View) -> None:
        """Show frames in a view from now on."""

    def detach(self, view: View) -> None:
        """Stop showing frames in a view."""


class Drawable(Protocol):
    """A frame, as far as every still picture needs it."""

    @property
    def states(self) -> int:
        """How many book states, or markets with one, there are."""

    @property
    def is_fresh(self) -> bool:
        """Whether there is a book that is not out of date."""


class Drawn(Protocol):
    """A widget that has a still picture."""

    @property
    def shows(self) -> Shown | None:
        """Its session."""

    @property
    def shows_health(self) -> bool:
        """Whether it shows the health of the feed."""

    def _drawing(self, frame: Any) -> still.Still | None:  # noqa: ANN401 its own kind of frame
        """Return the picture with its sentence; None while it is being computed."""

    def held(self) -> bool:
        """Whether a variable may refer to it, to its session or to another of its parts."""


class StillPicture:
    """A second output of the cell that shows a widget. It is hidden while the widget runs.

    It is a view of the session. It is drawn with the first data, at a pause, at the end of a wait,
    when the session closes, and at most once a minute in between.

    Parameters
    ----------
    widget : Drawn
        Widget to draw, with a session. It is not kept alive.
    """

    looked_at = behind = False  # so that a session that nobody looks at can end

    def __init__(self, widget: Drawn) -> None:
        self._widget = weakref.ref(widget)
        self._id = uuid.uuid4().hex
        self._displayed = self._paused = self._awaited = False
        self._due = 0.0
        self._drawn = threading.Event()

    @property
    def _session(self) -> Shown | None:
        widget = self._widget()
        return None if widget is None else widget.shows

    def display(self) -> None:
        """Show the output in the running cell. Does nothing outside a notebook."""
        from IPython import get_ipython

        session = self._session
        if session is None or not hasattr(get_ipython(), "kernel"):
            return
        self._publish({"text/html": '<div class="obi-still"></div>', "text/plain": ""}, again=False)
        self._due = 0.0
        if not self._displayed:
            self._displayed = True
            session.attach(self)
        if session.has_data:
            self.renew(DISPLAYED_WITHIN)
            # What takes longer, as the cards of a long history do, is drawn when it is ready.
            self._awaited = not self._drawn.is_set()

    def leave(self) -> None:
        """Keep the output as it is: the widget is closed."""
        if (session := self._session) is not None:
            session.detach(self)

    @property
    def shows_health(self) -> bool:
        """Whether the widget shows the health of the feed."""
        widget = self._widget()
        return widget is not None and widget.shows_health

    @property
    def may_look(self) -> bool:
        """Whether a new picture is due."""
        session = self._session
        paused = session is not None and session.paused
        begins, self._paused = paused and not self._paused, paused
        return begins or time.monotonic() >= self._due

    def show(self, frame: Drawable) -> None:
        """Draw a picture of a frame.

        Without a fresh book, for example while past data are loaded, it is drawn only if `renew`
        waits for it, if it was not ready when the widget was displayed, or if the session has
        ended, since no other frame follows.
        """
        widget, session = self._widget(), self._session
        if widget is None or session is None:
            return
        wanted = self._awaited or session.closed
        if not (frame.is_fresh or (wanted and frame.states)):
            return
        if (shown := widget._drawing(frame)) is not None:
            self._due = time.monotonic() + EVERY
            self._publish(still.written(shown), again=True)
            self._awaited = False
            self._drawn.set()

    def held(self) -> bool:
        """Whether a variable may refer to the widget, or to its session."""
        widget = self._widget()
        return widget is not None and widget.held()

    def renew(self, within: float = DRAWN_WITHIN) -> None:
        """Draw a picture now, while the cell runs whose output is saved.

        Parameters
        ----------
        within : float
            Longest time to wait for it, seconds.
        """
        session = self._session
        if session is None or not self._displayed or session.closed:
            return
        self._due, self._awaited = 0.0, True
        self._drawn.clear()
        until = time.monotonic() + within
        try:
            while not self._drawn.is_set() and time.monotonic() < until:
                session.publisher.answer()
                self._drawn.wait(AGAIN)
        finally:
            self._awaited = False

    def keep_alive(self) -> None:
        """Do nothing: no page waits for a sign of life."""

    def end(self) -> None:
        """Do nothing: the last frame was drawn before."""

    def _publish(self, data: dict[str, str], *, again: bool) -> None:
        from IPython import get_ipython

        shell: Any = get_ipython()
        shell.display_pub.publish(data, transient={"display_id": self._id}, update=again)
