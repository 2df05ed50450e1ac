"""The health of the feed as a panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.presentation.health import panel_state
from obi_widgets.presentation.still.still import Still, Table
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.panel import Part, StateWidget, checked_session

if TYPE_CHECKING:
    from obi_widgets.feeds.health.health import Health
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.session.session import Session
    from obi_widgets.widgets.page import Changes


class _Panel(StateWidget):
    _esm = asset("nodes.js", "health.js")
    _css = asset("health.css")


class HealthWidget(Part):
    """The health of the feed: its states as a timeline, why it was interrupted, and its figures.

    The figures are those of `obi_widgets.Health`, read once a second while the panel is visible:
    lag and age of the book, messages, gaps, refused frames, what slow functions and pages did not
    get, how far the book is known, and the clock. Of a recording, it says what was not used.

    Parameters
    ----------
    session : Session
        Session to show; it is started.
    alone : bool
        False if another widget shows the frames.

    Attributes
    ----------
    unfolded : bool
        Whether it is shown; the health is read only then.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> session = obi.Session("sim:BTC-PERP", seed=3)
    >>> panel = obi.HealthWidget(session)
    >>> panel.close(); session.close()
    """

    css_class = "obi-part-health"

    def __init__(self, session: Session, *, alone: bool = True) -> None:
        checked_session(session, "HealthWidget", alone=alone)
        self._panel = _Panel(state={})
        self._made: Kept[dict[str, Any]] = Kept()
        self.unfolded = alone
        super().__init__(session, [self._panel], alone=alone)

    @property
    def shows_health(self) -> bool:
        """Whether it is visible, and needs the health of the feed."""
        return self.unfolded

    def _changes(self, frame: Frame) -> Changes:
        """Yield what a frame shows."""
        if (health := frame.health) is not None:
            yield self._panel, {"state": self._state(health)}

    def _state(self, health: Health) -> dict[str, Any]:
        return self._made.of(health, make=lambda: panel_state(health))

    def _picture(self, frame: Frame) -> Still | None:
        """Return the figures and the interruptions as tables."""
        if frame.health is None:
            return None
        state = self._state(frame.health)
        head = state["head"]
        figures = [
            [cell["name"], " ".join(filter(None, (cell["figure"], cell["beside"]))), cell["note"]]
            for cell in state["cells"]
        ]
        tables = [Table([["state", f"{head['state']} {head['since']}".strip(), head["why"]]])]
        if rows := state["line"]["rows"]:
            tables.append(Table([row[1:] for row in rows], ["state", "at, UTC", "length", "why"]))
        tables.append(Table(figures))
        unused = " ".join((*state["unused"], *state["unknown"]))
        return Still(text=unused, tables=tables)
