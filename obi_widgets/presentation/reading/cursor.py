"""What a person points at: a time that is hovered over or pinned, or an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from obi_widgets.presentation.charts.window import Window


class Cursor(NamedTuple):
    """A time that is read. Hovering is seen in one page, a pin in all pages.

    Attributes
    ----------
    pinned : int or None
        Event time of a pin, nanoseconds UTC; None while hovering.
    at : float
        Place of the mouse in the window, 0 (left edge) to 1. It stays when the window moves on, so
        the time under it is that of the frame's window.
    view : str
        Page in which the mouse hovers; empty for a pin.
    """

    pinned: int | None = None
    at: float = 0.0
    view: str = ""

    def time(self, window: Window) -> int:
        """Return the event time in a window, nanoseconds UTC."""
        if self.pinned is not None:
            return self.pinned
        return window.start + round(self.at * (window.end - window.start))


class PointedEntry(NamedTuple):
    """An entry that is hovered over (in one page), or was chosen (in all pages).

    Attributes
    ----------
    time : int
        Time of its decision, nanoseconds UTC. Two entries never have the same.
    view : str
        Page in which the mouse hovers; empty if the entry was chosen.
    """

    time: int
    view: str = ""
