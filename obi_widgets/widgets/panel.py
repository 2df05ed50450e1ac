"""The base of all widgets of a session: it shows frames, alone or in the lab, and can be closed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import ipywidgets
import traitlets

from obi_widgets.checks import flag, instance
from obi_widgets.errors import ArgumentError
from obi_widgets.presentation.frames.frame import Frame
from obi_widgets.presentation.still.still import Still, of_market, titled
from obi_widgets.session.kernel_backlog import let_messages_wait
from obi_widgets.session.kernel_parent import deliver_as_addressed
from obi_widgets.session.session import Session
from obi_widgets.widgets.assets import STYLE
from obi_widgets.widgets.cells import replace_in_cell
from obi_widgets.widgets.page import PageWidget
from obi_widgets.widgets.reachability import forget_outputs, held, registry
from obi_widgets.widgets.still import StillPicture

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from obi_widgets.widgets.page import Changes
    from obi_widgets.widgets.still import Shown


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


class Panel(ipywidgets.VBox):
    """What shows the frames of a session, or of a board, and is closed whole.

    It is shown alone, as the last line of a cell, or within another one. Running a cell again
    closes the widgets that were shown alone in it before. What is shown alone leaves a still
    picture in the notebook, for when no kernel runs.

    Parameters
    ----------
    shows : Shown or None
        What makes the frames; it is started.
    children : iterable of Widget
        Widgets of which it is made.
    alone : bool
        False if another widget shows the frames.
    """

    css_class: ClassVar[str] = ""

    def __init__(
        self, shows: Shown | None, children: Iterable[ipywidgets.Widget], *, alone: bool = True
    ) -> None:
        let_messages_wait()
        on_visible = shows.publisher.answer if shows is not None else None
        self._page = PageWidget(on_visible) if alone else None
        super().__init__([*children, *([self._page] if self._page else [])])
        self.shows = shows
        self._still = StillPicture(self) if alone and shows is not None else None
        self.add_class("obi")
        self.add_class(self.css_class)
        for widget in tree(self, set()):
            deliver_as_addressed(widget.comm)
        if self._page is not None:
            if shows is not None:
                self._page.life = "over" if shows.closed else "on"
                shows.attach(self)
            replace_in_cell(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:  # noqa: ANN401 of Jupyter
        if self._still is not None:
            self._still.display()
        return super()._repr_mimebundle_(**kwargs)

    @property
    def looked_at(self) -> bool:
        """Whether it is visible and up to date."""
        return self._page is not None and self._page.looked_at

    @property
    def may_look(self) -> bool:
        """Whether it may be visible; it may be silent."""
        return self._page is not None and self._page.may_look

    @property
    def behind(self) -> bool:
        """Whether it is visible, but has not painted the frames that were sent."""
        return self._page is not None and self._page.behind

    @property
    def shows_health(self) -> bool:
        """Whether it shows the health of the feed."""
        return False

    def keep_alive(self) -> None:
        """Tell the page that the kernel is alive. Called by the session's publisher."""
        if self._page is not None:
            self._page.keep_alive()

    def end(self) -> None:
        """Tell the page that no frame will follow. Called when the session is closed."""
        if self._page is not None:
            self._page.life = "over"

    def show(self, frame: Any) -> None:  # noqa: ANN401 of the kind that its publisher makes
        """Show a frame. Called by the session's publisher."""
        if self._page is not None:
            self._page.show(self._changes(frame))

    def _changes(self, frame: Any) -> Changes:  # noqa: ANN401
        """Yield what a frame shows: widgets, and values of their attributes.

        A value is of JSON, an array, or a tuple of arrays, see `FrameEncoder`. The page sets them
        all at once; what has not changed is not sent.
        """
        raise NotImplementedError

    def _drawing(self, frame: Any) -> Still | None:  # noqa: ANN401
        """Return the still picture with its sentence; None while it is being computed."""
        raise NotImplementedError

    def held(self) -> bool:
        """Whether a variable may refer to this, to its session, or to what shows the same."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the widget, and all in it that no other part shows. The session goes on."""
        if self.comm is None:
            return  # closed already; ipywidgets closes again when it is collected
        if self.shows is not None:
            self.shows.detach(self)
        if self._still is not None:
            self._still.leave()
        closed = close_tree(self, super().close, self._kept())
        forget_outputs(closed)

    def _kept(self) -> set[int]:
        """Return the ids of widgets in it that stay open when it is closed."""
        return set()


class Part(Panel):
    """A part of the lab. It can be shown alone, as the last line of a cell, or inside the lab.

    Running a cell again closes the widgets that were shown alone in it before. What is shown alone
    leaves a still picture in the notebook, for when no kernel runs.

    Parameters
    ----------
    session : Session or None
        Session to show; it is started.
    children : iterable of Widget
        Widgets of which it is made.
    alone : bool
        False if another widget shows the frames.
    """

    session: Session | None = None

    def __init__(
        self, session: Session | None, children: Iterable[ipywidgets.Widget], *, alone: bool = True
    ) -> None:
        self.session = session
        super().__init__(session, children, alone=alone)

    def __repr__(self) -> str:
        instrument = self.session.market.instrument if self.session else None
        source = f"{instrument.venue}:{instrument.symbol}" if instrument else ""
        return f"{type(self).__name__}({source!r})" if source else f"{type(self).__name__}()"

    def anywidgets(self) -> list[anywidget.AnyWidget]:
        """Return the anywidgets that it is made of, for front ends that show nothing else.

        In marimo, ``mo.vstack([mo.ui.anywidget(one) for one in part.anywidgets()])`` shows a
        ladder, a tape, a depth chart, a list of entries, a status line or a calibration. Charts
        against time and settings have parts that are no anywidgets. Such a front end keeps the
        style sheets of widgets apart, so each has the whole one from now on.
        """
        found = [one for one in tree(self, set()) if isinstance(one, anywidget.AnyWidget)]
        for one in found:
            if not one._css.startswith(STYLE):
                one._css = STYLE + one._css
        return found

    def _picture(self, frame: Frame) -> Still | None:
        """Return what its still picture shows; None while it is being computed."""
        return of_market(frame)

    def _drawing(self, frame: Frame) -> Still | None:
        shown = self._picture(frame)
        return None if shown is None else titled(frame, shown)

    def show(self, frame: Frame) -> None:
        """Show a frame. Called by the session's publisher."""
        check_frame(frame)
        super().show(frame)

    def held(self) -> bool:
        """Whether a variable may refer to this, its session, or another part of the session.

        A reference to the settings, a history or a report does not count: from these nothing new
        can be read.
        """
        return self.session is not None and sessions_held([self.session])

    def _kept(self) -> set[int]:
        return shown_beside(self)


def sessions_held(sessions: Collection[Session], others: Iterable[object] = ()) -> bool:
    """Return whether a variable may refer to sessions, to their parts, or to other objects.

    Parameters
    ----------
    sessions : collection of Session
        Sessions that end together.
    others : iterable of object
        What belongs to them: a board, and its session.
    """
    found: list[object] = [*sessions, *others]
    inside: list[ipywidgets.Widget] = []
    ids = {id(one) for one in sessions}
    for widget in list(registry().values()):
        if isinstance(widget, Part) and id(widget.session) in ids:
            found.append(widget)
            inside += tree(widget, set())
    return held(found, inside)


def shown_beside(part: Part) -> set[int]:
    """Return the ids of widgets that other parts of its session refer to, as to a shared scale."""
    if part.session is None:
        return set()
    inside = {id(widget) for widget in tree(part, set())}
    seen = {id(part)}  # a lab refers to what is in its part only through the part
    return {
        id(widget)
        for other in list(registry().values())
        if isinstance(other, Part) and other.session is part.session and id(other) not in inside
        for widget in tree(other, seen)
    }


def close_tree(
    root: ipywidgets.Widget,
    close_root: Any,  # noqa: ANN401
    kept: Collection[int] = (),
) -> list[ipywidgets.Widget]:
    """Close a widget and everything that it refers to: layouts, styles, scales, marks.

    Parameters
    ----------
    root : Widget
        The widget.
    close_root : callable
        Closes it alone.
    kept : collection of int
        Ids of widgets that stay open.

    Returns
    -------
    list of Widget
        Widgets that were closed.
    """
    widgets = [widget for widget in tree(root, set()) if id(widget) not in kept]
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
    """A widget that shows one dict of JSON. Frames change it in the page, and not here.

    Attributes
    ----------
    state : dict
        What is shown before the first frame.
    """

    _css = ""  # a style sheet of its own; that of all widgets comes with the page
    state = traitlets.Dict().tag(sync=True)
