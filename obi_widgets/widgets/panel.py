"""What every widget of a session has: a page that says whether anybody looks, and an end."""

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

    anywidget takes one script a widget, which cannot import others: scripts that share functions
    are joined. It would also take a path, but then it watches the file, and keeps every widget of
    the class for ever.
    """
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


STYLE = asset("obi.css", "status.css", "charts.css", "settings.css")
"""The style sheet of all parts but the calibration sheet, which has more."""


GONE = 5.0
"""Seconds without a word from a page that says "still here" every second."""

UNHEARD = 2.0
"""The same after which a page is answered at once: it may have heard nothing either."""

FORGOTTEN = 600.0
"""Seconds without a word after which a page is not spoken to any more."""

BUSY = 0.3
"""Seconds that the kernel may take to answer before it counts as busy with a cell."""

IN_FLIGHT = 24
"""Frames that may be under way to a page that tells of every eighth that it has painted."""


class PageWidget(anywidget.AnyWidget):
    """Has no size. Its views tell when they can be seen, and which frame they have painted.

    A page that is hidden, closed, or behind gets no frames. While a cell runs, the kernel cannot
    hear what pages say: then they count as they did before. A page in turn says when it does not
    hear the kernel: a session speaks to every page that is known, so that silence means something.

    Parameters
    ----------
    came : callable, optional
        Called when a view comes into sight, or is heard again after a while.
    """

    _esm = asset("page.js")
    _css = STYLE
    frame = traitlets.Int(0).tag(sync=True)
    life = traitlets.Unicode("").tag(sync=True)  # of the session: "on", "over", "" without one

    def __init__(self, came: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.layout.display = "contents"
        self._came = came
        self._views: dict[str, PageView] = {}
        self._pulse = Pulse()
        self.on_msg(self._hear)

    def _hear(self, _: object, content: dict[str, Any], __: object) -> None:
        now = time.monotonic()
        # A page that is loaded again is another view: of the old one nothing is heard any more.
        views = {name: one for name, one in self._views.items() if now - one.heard < FORGOTTEN}
        name, seen = str(content.get("view")), bool(content.get("seen"))
        before = views.pop(name, None)
        if not content.get("gone"):
            views[name] = PageView(seen, int(content.get("frame", 0)), now)
        self._views = views
        known = before is not None and before.seen and now - before.heard < UNHEARD
        if self._came is not None and seen and not known:
            self._came()

    @property
    def looked_at(self) -> bool:
        """Whether a view can be seen and has painted what it was sent."""
        views = [view for view in self._views.values() if view.seen]
        if not views:
            return False
        if self._pulse.busy():
            return True
        now = time.monotonic()
        return any(
            now - view.heard < GONE and self.frame - view.painted < IN_FLIGHT for view in views
        )

    @property
    def may_look(self) -> bool:
        """Whether a view has not said that it is hidden; it may not be heard, or be behind."""
        return any(view.seen for view in self._known())

    def keep_alive(self) -> None:
        """Say to the views that are known that the kernel goes on, and which frame is the newest.

        One that has it is not behind, however long ago it came.
        """
        if self._known():
            self.send({"frame": self.frame})

    def _known(self) -> list[PageView]:
        now = time.monotonic()
        return [view for view in self._views.values() if now - view.heard < FORGOTTEN]


@dataclass(frozen=True)
class PageView:
    """What a view said last: whether it can be seen, what it has painted; and when."""

    seen: bool
    painted: int
    heard: float


class Pulse:
    """Tells whether the event loop that it was made in is busy."""

    def __init__(self) -> None:
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        self._sent = 0.0  # 0: none is under way

    def busy(self) -> bool:
        """Return whether it has not turned for a while; called again and again."""
        if self._loop is None or self._loop.is_closed():
            return False
        if not self._sent:
            self._sent = time.monotonic()
            self._loop.call_soon_threadsafe(self._back)
        return time.monotonic() - self._sent > BUSY

    def _back(self) -> None:
        self._sent = 0.0


def followed(session: object, what: str, *, alone: bool) -> Session:
    """Return a session that a part is to follow, before anything of the part is made.

    Raises
    ------
    ArgumentError
        Something else, as the source that a `Lab` takes.
    SettingsError
        ``alone`` is neither True nor False.
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


def framed(frame: object) -> None:
    """Refuse what is no frame of a session.

    Raises
    ------
    ArgumentError
        It is something else.
    """
    instance("frame", frame, Frame, "A session makes frames, and its publisher shows them.")


class Part(ipywidgets.VBox):
    """A part of the lab: usable alone, as the last line of a cell, or in a room with others.

    Running a cell again closes what is alone and was made in it before.

    Parameters
    ----------
    session : Session or None
        Whose frames it shows. It is started if it has not been.
    children : iterable of Widget
        What it is made of.
    alone : bool
        False in a room that shows the frames itself.
    """

    css_class: ClassVar[str] = ""
    session: Session | None = None

    def __init__(
        self, session: Session | None, children: Iterable[ipywidgets.Widget], *, alone: bool = True
    ) -> None:
        came = session.publisher.answer if session is not None else None
        self._page = PageWidget(came) if alone else None
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
        """Whether anybody would see a frame."""
        return self._page is not None and self._page.looked_at

    @property
    def may_look(self) -> bool:
        """Whether somebody could look, though nothing is heard of it."""
        return self._page is not None and self._page.may_look

    def keep_alive(self) -> None:
        """Say that the kernel goes on. Called by the session's publisher."""
        if self._page is not None:
            self._page.keep_alive()

    def end(self) -> None:
        """Say that nothing follows. Called when the session has been closed."""
        if self._page is not None:
            self._page.life = "over"

    def show(self, frame: Frame) -> None:
        """Show a frame. Called by the session's publisher."""
        self.update(frame)
        if self._page is not None:
            self._page.frame += 1

    def update(self, frame: Frame) -> None:
        """Set what is shown, each widget's changes in one message."""
        raise NotImplementedError

    def held(self) -> bool:
        """Whether a variable may hold this, its session, or another part of the session.

        One that holds no more than settings, a history or a report does not count: nothing new
        could be read from these.
        """
        parts: list[Part] = []
        inside: list[ipywidgets.Widget] = []
        for one in list(registry().values()):
            if isinstance(one, Part) and one.session is self.session:
                parts.append(one)
                inside += tree(one, set())
        return held([self.session, *parts], inside)

    def close(self) -> None:
        """End the widget and all that it is made of. The session goes on."""
        if self.comm is None:
            return  # it has ended; ipywidgets asks again when it is collected
        if self.session is not None:
            self.session.detach(self)
        closed = close_tree(self, super().close)
        forget_outputs(closed)


def close_tree(root: ipywidgets.Widget, close_root: Any) -> list[ipywidgets.Widget]:  # noqa: ANN401
    """Close a widget and everything that it refers to: layouts, styles, scales, marks.

    Returns
    -------
    list of Widget
        What has been closed.
    """
    whole = list(tree(root, set()))
    for widget in whole:
        if widget is not root and widget.comm is not None:
            widget.close()
    close_root()
    return whole


def tree(widget: ipywidgets.Widget, seen: set[int]) -> Iterator[ipywidgets.Widget]:
    """Yield a widget and everything that it refers to, each once, what it refers to first."""
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
        for one in value.values():
            yield from _inside(one, seen)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _inside(one, seen)


class StateWidget(anywidget.AnyWidget):
    """A view of one dict of JSON: a frame is one message, and an equal one is none."""

    _css = STYLE
    state = traitlets.Dict().tag(sync=True)
