"""The list of hypothetical entries in view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.errors import counted
from obi_widgets.presentation.still.still import Still, Table
from obi_widgets.presentation.texts.entry_marks import MOST_LISTED, ORDERS, list_rows, listed
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.panel import Part, StateWidget, checked_session
from obi_widgets.widgets.pointing import go_to, hear

if TYPE_CHECKING:
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.session.session import Session
    from obi_widgets.trading.trade_list import Trades
    from obi_widgets.widgets.page import Changes

NOTHING = {"rows": [], "order": ORDERS[0], "said": "No entries in view.", "chosen": -1}

COLUMNS = ("side", "in", "price", "out", "price", "left", "gross", "net, bps")
"""Heads of the columns, as in ``static/entry_list.js``."""


class _EntryList(StateWidget):
    _esm = asset("nodes.js", "entry_list.js")


class EntriesWidget(Part):
    """A list of the entries in the window of the charts, with their results.

    The heads of the columns sort it by time or by the result after fees. A click on a row goes to
    the entry: the window moves there, the entry is marked, and the book of that moment is shown.

    Parameters
    ----------
    session : Session
        Session to show; it is started.
    alone : bool
        False if another widget shows the frames.
    """

    css_class = "obi-part-entries"

    def __init__(self, session: Session, *, alone: bool = True) -> None:
        checked_session(session, "EntriesWidget", alone=alone)
        self._list = _EntryList(state=NOTHING)
        self._list.on_msg(self._hear)
        self._order = ORDERS[0]
        self._trades: Trades | None = None
        self._made: tuple[Trades, tuple[Any, ...], dict[str, Any]] | None = None
        super().__init__(session, [self._list], alone=alone)

    def _hear(self, _: object, content: dict[str, Any], __: object) -> None:
        if self.session is None:
            return
        match content.get("do"):
            case "order" if content["order"] in ORDERS:
                self._order = content["order"]
                self.session.refresh()
            case "go" if self._trades is not None:
                # The page names an entry by its decision: rows move when old ones are dropped.
                trades = self._trades
                rows = trades.decision_time // 1_000_000 == int(content["row"])
                rows &= np.isfinite(trades.entry_price)
                for row in np.flatnonzero(rows).tolist()[:1]:
                    go_to(self.session, trades, row)
            case "cursor":
                hear(self.session, content, self._trades)

    def _changes(self, frame: Frame) -> Changes:
        """Yield what a frame shows."""
        self._trades = trades = frame.trades
        rows, many = listed(trades, frame.window, self._order)
        of = (self._order, frame.tick_size, rows.tobytes())
        if self._made is None or self._made[0] is not trades or self._made[1] != of:
            numbers = (trades.decision_time[rows] // 1_000_000).tolist()
            texts = list_rows(trades, rows, frame.tick_size)
            state = {
                "rows": [[number, *text] for number, text in zip(numbers, texts, strict=True)],
                "order": self._order,
                "said": _said(len(rows), many),
            }
            self._made = trades, of, state
        chosen = -1 if frame.entry is None else frame.entry.decision_time // 1_000_000
        yield self._list, {"state": {**self._made[2], "chosen": chosen}}

    def _picture(self, frame: Frame) -> Still:
        """Return the list as a table."""
        rows, _ = listed(frame.trades, frame.window, self._order)
        texts = list_rows(frame.trades, rows, frame.tick_size)
        sides = {"bid": "long", "ask": "short"}
        lines = [[sides[side], *line] for side, *line, _ in texts]
        return Still(tables=[Table(lines, COLUMNS)] if lines else [])


def _said(shown: int, many: int) -> str:
    if not many:
        return str(NOTHING["said"])
    first = f", the first {MOST_LISTED} shown" if shown < many else ""
    return f"{counted(many, 'entry', 'entries')} in view{first}. Click one to go there."
