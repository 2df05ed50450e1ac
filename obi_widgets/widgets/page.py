"""The page: what it says to the kernel, and the messages of frames that it gets."""

from __future__ import annotations

import asyncio
import math
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets
import traitlets

from obi_widgets.presentation.frames.frame_message import FrameEncoder
from obi_widgets.widgets.assets import STYLE, asset

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.presentation.frames.frame_message import Message

Pair = tuple[ipywidgets.Widget, Mapping[str, Any]]
"""A widget, and values of its attributes."""

Values = dict[tuple[str, str], Any]
"""By id of a widget and name of an attribute."""


class Together:
    """Changes that stay the same from frame to frame, until another object takes their place.

    They are neither looked through nor compared while this object is given. Frames give it in the
    place of its pairs; `Kept` keeps it.

    Parameters
    ----------
    pairs : iterable of tuple
        Widgets, and values of their attributes.
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.values = values_of(pairs)


Changes = Iterable[Pair | Together]
"""What a frame shows."""


def values_of(changes: Changes) -> Values:
    """Return the values of changes, by id of a widget and name of an attribute."""
    values, together = apart(changes)
    for one in together:
        values |= one.values
    return values


def apart(changes: Changes) -> tuple[Values, list[Together]]:
    """Return the values of changes, and those that stay together."""
    values: Values = {}
    together: list[Together] = []
    for change in changes:
        if isinstance(change, Together):
            together.append(change)
            continue
        widget, attributes = change
        if (comm := widget.comm) is not None:  # a control may be replaced meanwhile
            keys = zip(repeat(comm.comm_id), attributes, strict=False)
            values.update(zip(keys, attributes.values(), strict=True))
    return values, together


SILENT_AFTER = 5.0
"""A page sends a message every second. After so many seconds without one it gets no frames."""

ANSWER_AFTER = 2.0
"""A page that sends again after so many seconds of silence is answered at once, since it may have
received nothing either."""

FORGET_AFTER = 600.0
"""Seconds without a message after which nothing is sent to a page any more."""

BUSY = 0.3
"""The kernel counts as busy with a cell if its event loop does not answer for so many seconds."""

ASK_EVERY = 0.5
"""Seconds between two calls by which the kernel's event loop shows that it is not busy."""

IN_FLIGHT = 24
"""Frames that may be sent without being painted. A page reports every eighth frame it paints."""


class PageWidget(anywidget.AnyWidget):
    """An invisible widget: the one channel by which a page gets frames.

    A frame is one message, see `FrameEncoder`. Views report whether they are visible, and what they
    have painted. A view that is hidden, closed or behind gets no frames. A page that is new, or has
    missed a frame, asks for a whole one.

    While a cell runs, the kernel receives no messages of pages, so views keep their last status. In
    the other direction, a session sends signs of life to every page, so that a page can say when
    the kernel does not answer.

    It brings the style sheet that all widgets share, since there is one of it in each lab, and in
    each part that is shown alone. Other widgets bring only what is their own.

    Parameters
    ----------
    on_visible : callable, optional
        Called without arguments when a view becomes visible, sends again after a silence, or asks
        for a whole frame.
    """

    _esm = asset("frames.js", "page.js")
    _css = STYLE
    name = traitlets.Unicode().tag(sync=True)
    life = traitlets.Unicode("").tag(sync=True)  # session: "on", "over", "" without one

    def __init__(self, on_visible: Callable[[], None] | None = None) -> None:
        super().__init__(name=uuid.uuid4().hex)
        self.layout.display = "contents"
        self._on_visible = on_visible
        self._views: dict[str, PageView] = {}
        self._pulse = Pulse()
        self._encoder = FrameEncoder()
        self._lacking = False  # whether a page waits for a whole frame
        self._sending = threading.Lock()  # one message after the other
        self.on_msg(self._hear)

    @property
    def frame(self) -> int:
        """Number of the newest frame that was sent; 0 before the first."""
        return self._encoder.number

    def show(self, changes: Changes) -> None:
        """Send a frame, as far as it differs from the last one."""
        values, together = apart(changes)
        with self._sending:
            whole, self._lacking = self._lacking, False
            kept = [one.values for one in together]
            self._deliver(self._encoder.encode(values, kept, whole=whole))

    def _deliver(self, message: Message | None) -> None:
        if message is not None:
            self.send(*message)

    def _answer(self) -> None:
        """Send the newest frame as a whole to pages that wait for it."""
        with self._sending:
            if self._lacking and self.frame:
                self._lacking = False
                self._deliver(self._encoder.whole())

    def _hear(self, _: object, content: dict[str, Any], __: object) -> None:
        now = time.monotonic()
        # A page that is loaded again has a new view; the old view is silent from then on.
        views = {
            name: view for name, view in self._views.items() if now - view.heard < FORGET_AFTER
        }
        name, seen = str(content.get("view")), bool(content.get("seen"))
        before = views.pop(name, None)
        lacking = bool(content.get("lacks"))
        if not content.get("gone"):
            # A page without a frame is not behind: it is sent a whole one.
            painted = self.frame if lacking else int(content.get("frame") or 0)
            views[name] = PageView(seen, painted, now)
        self._views = views
        self._lacking = self._lacking or lacking
        known = before is not None and before.seen and now - before.heard < ANSWER_AFTER
        if self._on_visible is not None and seen and (lacking or not known):
            self._on_visible()
        if self.life == "over":
            self._answer()  # nobody else does

    @property
    def looked_at(self) -> bool:
        """Whether a view is visible and has painted the frames that it was sent."""
        views = [view for view in self._views.values() if view.seen]
        if not views:
            return False
        if self._pulse.busy():
            return True
        now = time.monotonic()
        return any(
            now - view.heard < SILENT_AFTER and self.frame - view.painted < IN_FLIGHT
            for view in views
        )

    @property
    def behind(self) -> bool:
        """Whether views are visible and speak, and none has painted the frames that it was sent."""
        now = time.monotonic()
        return not self.looked_at and any(
            view.seen and now - view.heard < SILENT_AFTER for view in self._views.values()
        )

    @property
    def may_look(self) -> bool:
        """Whether a view may be visible: its last message did not say that it is hidden."""
        return any(view.seen for view in self._known())

    def keep_alive(self) -> None:
        """Tell all known views that the kernel is alive, and the number of the newest frame.

        A view that has painted this frame is up to date, however old the frame is.
        """
        self._answer()
        if self._known():
            self.send({"alive": self.frame})

    def _known(self) -> list[PageView]:
        now = time.monotonic()
        return [view for view in self._views.values() if now - view.heard < FORGET_AFTER]


@dataclass(frozen=True)
class PageView:
    """The last message of a view: whether it is visible, the frame it has painted, and when."""

    seen: bool
    painted: int
    heard: float


class Pulse:
    """Tells whether the event loop in which it was made is busy."""

    def __init__(self) -> None:
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        self._sent, self._came_back = -math.inf, True  # the last call

    def busy(self) -> bool:
        """Return whether the loop has not run our call for `BUSY` seconds. Call it repeatedly."""
        if self._loop is None or self._loop.is_closed():
            return False
        now = time.monotonic()
        if self._came_back:
            if now - self._sent >= ASK_EVERY:
                self._sent, self._came_back = now, False
                self._loop.call_soon_threadsafe(self._back)
            return False
        return now - self._sent > BUSY

    def _back(self) -> None:
        self._came_back = True
