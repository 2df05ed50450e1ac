"""The ladder: sizes by price, and the part of each that the signal uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import traitlets

from obi_widgets.checks import integer
from obi_widgets.presentation import formatting
from obi_widgets.presentation.frame import LADDER
from obi_widgets.widgets.panel import Part, StateWidget, asset, check_frame, checked_session

if TYPE_CHECKING:
    from obi_widgets.presentation.frame import Frame
    from obi_widgets.session.session import Session

FADE = 0.97
"""Factor of the largest size from frame to frame, so that bars do not jump when an order ends."""


NOTE, NOTE_OF_WEIGHTS = (
    "Faint: levels that the signal does not use.",
    "Thin bar: size after decay. Faint: levels that the signal does not use.",
)

NOTHING = {"mid": "", "spread": "", "bids": [], "asks": [], "old": False, "note": NOTE}


class _Ladder(StateWidget):
    _esm = asset("book.js")
    rows = traitlets.Int().tag(sync=True)


class BookWidget(Part):
    """A ladder of the best levels of both sides.

    The wide pale bar is the size of a level, on a square-root scale. The thin bar below it is the
    size that the signal uses, after decay. Levels that the signal does not use are faint.

    Parameters
    ----------
    session : Session
        Session to show; it is started.
    levels : int
        Levels on each side, 1 to 20.
    alone : bool
        False if another widget shows the frames.
    """

    css_class = "obi-part-book"

    def __init__(self, session: Session, *, levels: int = LADDER, alone: bool = True) -> None:
        checked_session(session, "BookWidget", alone=alone)
        levels = integer("levels", levels, 1, LADDER)
        self._ladder = _Ladder(rows=levels, state=NOTHING)
        self._largest = 0.0
        self._decimals: int | None = None
        super().__init__(session, [self._ladder], alone=alone)

    def update(self, frame: Frame) -> None:
        """Show a frame."""
        check_frame(frame)
        ladder, rows = frame.ladder, self._ladder.rows
        sizes = ladder.size[:, :rows]
        known = sizes[np.isfinite(sizes)]
        if len(known):
            self._largest = max(float(known.max()), FADE * self._largest)
            if self._decimals is None:
                typical = float(np.median(known))
                self._decimals = int(np.clip(2 - np.floor(np.log10(typical)), 0, 8))
        spread = formatting.price(frame.spread, frame.tick_size)
        self._ladder.state = {
            "mid": formatting.mid(frame.mid, frame.tick_size),
            "spread": f"spread {spread} · {formatting.bps(frame.spread_bps)}" if known.size else "",
            "bids": self._side(frame, 0, rows),
            "asks": self._side(frame, 1, rows),
            "old": frame.old,
            "note": NOTE_OF_WEIGHTS if ladder.weighs else NOTE,
        }

    def _side(self, frame: Frame, side: int, rows: int) -> list[tuple[str, str, int, int]]:
        ladder = frame.ladder
        out = []
        for price, size, weight in zip(
            ladder.price[side, :rows].tolist(),
            ladder.size[side, :rows].tolist(),
            ladder.weight[side, :rows].tolist(),
            strict=True,
        ):
            if price != price:  # NaN: no level
                break
            whole = round(1000 * (size / self._largest) ** 0.5)
            left = round(1000 * (size * weight / self._largest) ** 0.5)
            # A level that is used is never faint, even if its weight is almost 0.
            left = max(left, 1) if weight > 0 else 0
            text = formatting.size(size, self._decimals or 0)
            out.append((formatting.price(price, frame.tick_size), text, whole, left))
        return out
