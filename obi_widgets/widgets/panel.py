"""The base of all widgets of a session: it knows whether it is visible, and can be closed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import ipywidgets
import traitlets

from obi_widgets.checks import flag, instance
from obi_widgets.errors import ArgumentError
from obi_widgets.presentation.frame import Frame
from obi_widgets.session.kernel_parent import deliver_as_addressed
from obi_widgets.session.session import Session
from obi_widgets.widgets.cells import replace_in_cell
from obi_widgets.widgets.reachability import forget_outputs, held, registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


STATIC = Path(__file__).parent / "static"


def asset(*names: str) -> str:
    """Return scripts or style sheets as one text.

    anywidget takes one script for each widget, and the script cannot import others. So scripts that
    share functions are joined. With a path instead of a text, anywidget would watch the file and
    never free the widgets of the class.
    """
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


STYLE = asset("obi.css", "status.css", "charts.css", "settings.css")
"""The style sheet of all widgets; the calibration sheet adds its own."""


SILENT_AFTER = 5.0
"""A page sends a message every second. After so many seconds without one it gets no frames."""

ANSWER_AFTER = 2.0
"""A page that sends again after so many seconds of silence is answered at once, since it may have
received nothing either."""

FORGET_AFTER = 600.0
"""Seconds without a message after which nothing is sent to a page any more."""

BUSY = 0.3
"""The kernel counts as busy with a cell if its event loop does not answer for so many seconds."""

IN_FLIGHT = 24
"""Frames that may be sent without being painted. A page reports every eighth frame it paints."""


class PageWidget(anywidget.AnyWidget):
    """An invisible widget. Its views report whether they are visible, and what they have painted.

    A view that is hidden, closed or behind gets no frames. While a cell runs, the kernel receives
    no messages of pages, so views keep their last status. In the other direction, a session sends
    signs of life to every page, so that a page can say when the kernel does not answer.

    Parameters
    ----------
    on_visible : callable, optional
        Called without arguments when a view becomes visible, or sends again after a silence.
    """

    _esm = asset("page.js")
    _css = STYLE
    frame = traitlets.Int(0).tag(sync=True)
    life = traitlets.Unicode("").tag(sync=True)  # session: "on", "over", "" without one

    def __init__(self, on_visible: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.layout.display = "contents"
        self._on_visible = on_visible
        self._views: dict[str, PageView] = {}
        self._pulse = Pulse()
        self.on_msg(self._hear)

    def _hear(self, _: object, content: dict[str, Any], __: object) -> None:
        now = time.monotonic()
        # A page that is loaded again has a new view; the old view is silent from then on.
        views = {
            name: view for name, view in self._views.items() if now - view.heard < FORGET_AFTER
        }
        name, seen = str(content.get("view")), bool(content.get("seen"))
        before = views.pop(name, None)
        if not content.get("gone"):
            views[name] = PageView(seen, int(content.get("frame", 0)), now)
        self._views = views
        known = before is not None and before.seen and now - before.heard < ANSWER_AFTER
        if self._on_visible is not None and seen and not known:
            self._on_visible()

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
    def may_look(self) -> bool:
        """Whether a view may be visible: its last message did not say that it is hidden."""
        return any(view.seen for view in self._known())

    def keep_alive(self) -> None:
        """Tell all known views that the kernel is alive, and the number of the newest frame.

        A view that has painted this frame is up to date, however old the frame is.
        """
        if self._known():
            self.send({"frame": self.frame})

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
        self._sent = 0.0  # time of the call that has not returned; 0 if it has

    def busy(self) -> bool:
        """Return whether the loop has not run our call for `BUSY` seconds. Call it repeatedly."""
        if self._loop is None or self._loop.is_closed():
            return False
        if not self._sent:
            self._sent = time.monotonic()
            self._loop.call_soon_threadsafe(self._back)
        return time.monotonic() - self._sent > BUSY

    def _back(self) -> None:
        self._sent = 0.0


def checked_session(session: object, what: str, *, alone: bool) -> Session:
    """Return the session if it is one; call it before any widget is made.

    Raises
    ------
    ArgumentError
        If it is something else, for example the source that a `Lab` takes.
    SettingsError
        If ``alone`` is neither True nor False.
    """
    flag("alone", alone)
    if isinstance(session, Session):
        return session
    if isinstance(session, str | Path):
        source = str(session)
        advice = f"Give obi.Session({source!r}), which parts can share; or use obi.Lab({source!r})."
    else:
        advice = "Give an obi.Session, or the session of a Lab."
    raise ArgumentError(f"{what} needs a session, and {session!r} is not one.", advice)


def check_frame(frame: object) -> None:
    """Check that this is a frame of a session.

    Raises
    ------
    ArgumentError
        If it is something else.
    """
    instance("frame", frame, Frame, "A session makes frames, and its publisher shows them.")


class Part(ipywidgets.VBox):
    """A part of the lab. It can be shown alone, as the last line of a cell, or inside the lab.

    Running a cell again closes the widgets that were shown alone in it before.

    Parameters
    ----------
    session : Session or None
        Session to show; it is started.
    children : iterable of Widget
        Widgets of which it is made.
    alone : bool
        False if another widget shows the frames.
    """

    css_class: ClassVar[str] = ""
    session: Session | None = None

    def __init__(
        self, session: Session | None, children: Iterable[ipywidgets.Widget], *, alone: bool = True
    ) -> None:
        on_visible = session.publisher.answer if session is not None else None
        self._page = PageWidget(on_visible) if alone else None
        super().__init__([*children, *([self._page] if self._page else [])])
        self.session = session
        self.add_class("obi")
        self.add_class(self.css_class)
        for widget in tree(self, set()):
            deliver_as_addressed(widget.comm)
        if self._page is not None:
            if session is not None:
                self._page.life = "over" if session.closed else "on"
                session.attach(self)
            replace_in_cell(self)

    def __repr__(self) -> str:
        instrument = self.session.market.instrument if self.session else None
        source = f"{instrument.venue}:{instrument.symbol}" if instrument else ""
        return f"{type(self).__name__}({source!r})" if source else f"{type(self).__name__}()"

    @property
    def looked_at(self) -> bool:
        """Whether it is visible and up to date."""
        return self._page is not None and self._page.looked_at

    @property
    def may_look(self) -> bool:
        """Whether it may be visible; it may be silent."""
        return self._page is not None and self._page.may_look

    def keep_alive(self) -> None:
        """Tell the page that the kernel is alive. Called by the session's publisher."""
        if self._page is not None:
            self._page.keep_alive()

    def end(self) -> None:
        """Tell the page that no frame will follow. Called when the session is closed."""
        if self._page is not None:
            self._page.life = "over"

    def show(self, frame: Frame) -> None:
        """Show a frame. Called by the session's publisher."""
        self.update(frame)
        if self._page is not None:
            self._page.frame += 1

    def update(self, frame: Frame) -> None:
        """Show a frame's numbers; the changes of each widget are one message."""
        raise NotImplementedError

    def held(self) -> bool:
        """Whether a variable may refer to this, its session, or another part of the session.

        A reference to the settings, a history or a report does not count: from these nothing new
        can be read.
        """
        parts: list[Part] = []
        inside: list[ipywidgets.Widget] = []
        for widget in list(registry().values()):
            if isinstance(widget, Part) and widget.session is self.session:
                parts.append(widget)
                inside += tree(widget, set())
        return held([self.session, *parts], inside)

    def close(self) -> None:
        """Close the widget and all widgets in it. The session goes on."""
        if self.comm is None:
            return  # closed already; ipywidgets closes again when it is collected
        if self.session is not None:
            self.session.detach(self)
        closed = close_tree(self, super().close)
        forget_outputs(closed)


def close_tree(root: ipywidgets.Widget, close_root: Any) -> list[ipywidgets.Widget]:  # noqa: ANN401
    """Close a widget and everything that it refers to: layouts, styles, scales, marks.

    Returns
    -------
    list of Widget
        Widgets that were closed.
    """
    widgets = list(tree(root, set()))
    for widget in widgets:
        if widget is not root and widget.comm is not None:
            widget.close()
    close_root()
    return widgets


def tree(widget: ipywidgets.Widget, seen: set[int]) -> Iterator[ipywidgets.Widget]:
    """Yield a widget and all widgets that it refers to: each once, the referred ones first."""
    if id(widget) in seen or widget.comm is None:
        return
    seen.add(id(widget))
    for key in widget.keys:
        yield from _inside(getattr(widget, key, None), seen)
    yield widget


def _inside(value: object, seen: set[int]) -> Iterator[ipywidgets.Widget]:
    if isinstance(value, ipywidgets.Widget):
        yield from tree(value, seen)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _inside(item, seen)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _inside(item, seen)


class StateWidget(anywidget.AnyWidget):
    """A widget with one dict of JSON: a change is one message, an equal dict sends nothing."""

    _css = STYLE
    state = traitlets.Dict().tag(sync=True)
