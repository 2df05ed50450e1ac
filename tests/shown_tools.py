"""What a page shows: the values of the newest frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obi_widgets.widgets import page as pages
from obi_widgets.widgets.page import PageWidget
from obi_widgets.widgets.reachability import registry

if TYPE_CHECKING:
    import ipywidgets

    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.widgets.panel import Part


def shown(widget: ipywidgets.Widget, name: str = "state") -> Any:
    """Return what a page shows for an attribute of a widget, also before the first frame."""
    for page in list(registry().values()):
        if isinstance(page, PageWidget) and (widget.model_id, name) in page._encoder.values:
            return page._encoder.values[widget.model_id, name]
    return getattr(widget, name, None)


def hear(page: PageWidget, view: str = "one", *, seen: bool = True, frame: int = 0, **more) -> None:
    """Let a view of a page say that it is there."""
    page._hear(None, {"view": view, "seen": seen, "frame": frame, **more}, None)


def values_of(part: Part, frame: Frame) -> dict[tuple[str, str], Any]:
    """Return what a frame shows in a part, by id of a widget and name of an attribute."""
    return pages.values_of(part._changes(frame))
