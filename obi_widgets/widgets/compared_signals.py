"""Signals of several markets on one chart of a board, which a click opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from obi_widgets.presentation.board.board_texts import compared_state
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.panel import StateWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.presentation.board.board_frame import BoardFrame
    from obi_widgets.widgets.page import Changes


class _Chart(StateWidget):
    _esm = asset("nodes.js", "theme.js", "place.js", "compared.js")
    _css = asset("board.css")


class ComparedSignals(ipywidgets.VBox):
    """The chart, and the line above it that shows or hides it.

    Parameters
    ----------
    first : BoardFrame
        What stands there before the first frame.
    turn : callable
        Called by a click on the line.
    do : callable
        Called by a click in the chart, with the message of the page.
    """

    def __init__(
        self,
        first: BoardFrame,
        turn: Callable[[object], None],
        do: Callable[[object, dict[str, Any], object], None],
    ) -> None:
        self.chart = _Chart(state=compared_state(first))
        self.chart.on_msg(do)
        self.opener = ipywidgets.Button(tooltip="Signals of several markets on one chart")
        self.opener.add_class("obi-unfold")
        self.opener.on_click(turn)
        super().__init__([self.opener, self.chart])
        self.add_class("obi-board-compare")
        self.show(shown=False)

    def show(self, *, shown: bool) -> None:
        """Show the chart, or hide it."""
        self.chart.layout.display = None if shown else "none"
        self.opener.description = f"{'▾' if shown else '▸'} Compare signals"

    def changes(self, frame: BoardFrame) -> Changes:
        """Yield what the chart shows of a frame."""
        if frame.compared is not None:
            yield (
                self.chart,
                {
                    "state": compared_state(frame),
                    "lines": frame.compared.lines,
                    "apart": frame.compared.apart,
                },
            )
