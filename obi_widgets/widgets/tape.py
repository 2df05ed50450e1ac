"""The tape of trades."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import traitlets

from obi_widgets.checks import integer, number
from obi_widgets.presentation.still.still import Still, Table
from obi_widgets.presentation.texts import formatting, layer_texts
from obi_widgets.presentation.texts.instrument_units import base_of
from obi_widgets.presentation.trade_tape import newest_prints
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.panel import Part, StateWidget, checked_session

if TYPE_CHECKING:
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.session.session import Session
    from obi_widgets.widgets.page import Changes

ROWS = (1, 200)
"""Fewest and most lines."""

FADE = 0.98
"""Factor of the largest size from frame to frame, so that bars do not jump."""


class _Lines(StateWidget):
    _esm = asset("nodes.js", "tape.js")
    rows = traitlets.Int().tag(sync=True)


class TapeWidget(Part):
    """The newest trades, the newest on top: time, price, size, and who took.

    Trades of one time, price and side in a row are one line. Where the charts look back, the tape
    ends with the window. A bar shows the size on a square-root scale.

    Parameters
    ----------
    session : Session
        Session to show; it is started.
    rows : int
        Lines, 1 to 200.
    least : float
        Smallest size of a line, base units.
    alone : bool
        False if another widget shows the frames.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> lab = obi.Lab("sim:BTC-PERP", seed=1)
    >>> tape = obi.TapeWidget(lab.session, rows=12, least=0.5)
    >>> tape.close(); lab.close()
    """

    css_class = "obi-part-tape"

    def __init__(
        self, session: Session, *, rows: int = 20, least: float = 0.0, alone: bool = True
    ) -> None:
        checked_session(session, "TapeWidget", alone=alone)
        rows, self.least = integer("rows", rows, *ROWS), number("least", least, 0, 1e15)
        self._lines = _Lines(rows=rows, state={"head": "Trades", "lines": []})
        self._largest = 0.0
        super().__init__(session, [self._lines], alone=alone)

    def _changes(self, frame: Frame) -> Changes:
        """Yield what a frame shows."""
        yield self._lines, {"state": self._state(frame)}

    def _picture(self, frame: Frame) -> Still:
        """Return the lines as a table."""
        state = self._state(frame)
        sides = {+1: "bought", -1: "sold"}
        rows = [[at, price, size, sides[side]] for at, price, size, side, _ in state["lines"]]
        return Still(tables=[Table(rows, ["time", "price", state["head"], "taker"])])

    def _state(self, frame: Frame) -> dict[str, Any]:
        """Return the head and the lines."""
        until = frame.window.end if frame.looking_back else None
        prints = newest_prints(frame.history, self._lines.rows, self.least, until)
        self._largest = max([FADE * self._largest, *(one.size for one in prints)])
        lines = [
            [
                _clock(one.time), formatting.price(one.price, frame.tick_size),
                layer_texts.amount(one.size), one.side,
                round(1000 * (one.size / self._largest) ** 0.5),
            ]
            for one in prints
        ]  # fmt: skip
        base = base_of(frame.instrument)
        head = f"Trades, {base}" if base else "Trades"
        if self.least:
            head += f" · ≥ {layer_texts.amount(self.least)}"
        if not frame.history.trades.streamed:
            head = "Trades: the source sends none"
        return {"head": head, "lines": lines}


def _clock(time: int) -> str:
    at = dt.datetime.fromtimestamp(time // 1_000_000_000, dt.UTC)
    return f"{at:%H:%M:%S}.{time // 1_000_000 % 1000:03d}"
