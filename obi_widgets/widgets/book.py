"""The ladder: sizes by price, and the part of each that the signal uses."""

from __future__ import annotations

import math
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from obi_widgets.checks import integer
from obi_widgets.errors import SettingsError
from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.presentation.reading.ladder import LADDER
from obi_widgets.presentation.still.still_parts import of_book
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.level_choice import LevelChoice, words
from obi_widgets.presentation.texts.reading_text import clock, nothing_there
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.panel import Part, StateWidget, checked_session
from obi_widgets.widgets.pointing import hear, shown_in

if TYPE_CHECKING:
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.presentation.reading.ladder import Ladder
    from obi_widgets.presentation.still.still import Still
    from obi_widgets.session.session import Session
    from obi_widgets.widgets.page import Changes

FADE = 0.97
"""Factor of the largest size from frame to frame, so that bars do not jump when an order ends."""

FULL = 1000
"""Length of the bar of the largest size."""

SHORT = 8
"""Letters of a spread's price that have room beside mid."""

LONG = 13
"""Letters of mid beside which there is no room for the word "spread"."""

NOTE, OF_WEIGHTS = "Faint: not used.", "Thin bar: size after decay."
OF_CLICK = "Click a level to use no further one."

NO_CHOICE: dict[str, Any] = {"why": "", "depths": [], "band": None}
NOTHING = {
    "mid": "", "spread": "", "bids": [], "asks": [], "bands": [[], []], "choose": NO_CHOICE,
    "old": False, "note": NOTE,
}  # fmt: skip


class _Ladder(StateWidget):
    _esm = asset("cursor.js", "nodes.js", "levels.js", "goto.js", "book.js")
    rows = traitlets.Int().tag(sync=True)
    session = traitlets.Unicode().tag(sync=True)


class BookWidget(Part):
    """A ladder of the best levels of both sides.

    The wide pale bar is the size of a level, on a square-root scale. The thin bar below it is the
    size that the signal uses, after decay. Levels that the signal does not use are faint.
    While a moment of the past is read, it shows the book of that moment, with bars on a scale of
    its own: the price is then framed, and not filled.

    "go to" takes a time of day, and shows the book of that time.

    A click on a level sets depth or band so that the signal uses levels up to it, of now or of the
    moment that is read; see `obi_widgets.presentation.texts.level_choice`.

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
        self._ladder = _Ladder(rows=levels, state=NOTHING, session=session.key)
        self._ladder.on_msg(self._hear)
        self._rows, self._largest = levels, 0.0
        self._choice: Kept[tuple[LevelChoice, dict[str, Any]]] = Kept()
        self._decimals: int | None = None
        super().__init__(session, [self._ladder], alone=alone)

    def _hear(self, _: object, content: dict[str, Any], __: object) -> None:
        if self.session is None:
            return
        match content.get("do"):
            case "use":
                self._use(self.session, int(content["rank"]), float(content["bps"]))
            case "goto":
                self._go_to(self.session, str(content["time"]))
            case _:
                hear(self.session, content, None)

    def _go_to(self, session: Session, time: str) -> None:
        """Show the book of a time that was typed; the ladder says why not if it cannot."""
        try:
            session.go_to(time)
        except SettingsError as error:
            self._ladder.send({"refused": str(error)})
        else:
            self._ladder.send({"refused": ""})

    def _use(self, session: Session, rank: int, bps: float) -> None:
        """Let the signal use levels up to one; say why not if it cannot."""
        now = session.settings.parameters
        try:
            session.settings.update(now.replace(**LevelChoice.of(now).changes(rank, bps)))
        except SettingsError as error:  # an exception would not be seen
            session.tell(str(error))

    def _changes(self, frame: Frame) -> Changes:
        """Yield what a frame shows."""
        now = self._now(frame)
        yield self._ladder, {"state": {**now, "old": frame.old}, "then": self._then(frame)}

    def _picture(self, frame: Frame) -> Still:
        """Return the ladder as a table."""
        state = self._now(frame)
        bids, asks = ([level[:2] for level in state[side]] for side in ("bids", "asks"))
        return of_book(bids, asks)

    def _now(self, frame: Frame) -> dict[str, Any]:
        """Return what the ladder shows of the newest state, on a scale that shrinks slowly."""
        largest = self._largest_of(frame.ladder)
        self._largest = max(largest, FADE * self._largest) if largest else self._largest
        return self._state(frame, frame.ladder, self._largest, frame.mid, frame.spread)

    def _then(self, frame: Frame) -> dict[str, Any] | None:
        """Return the book of the moment that is read; None while now is shown."""
        where, reading = shown_in(frame), frame.reading
        if where is None or reading is None:
            return None
        ladder = reading.ladder
        largest = self._largest_of(ladder)  # its own scale: those of now are not of this book
        state = self._state(frame, ladder, largest, reading.mid, reading.spread)
        if reading.time is None:
            head = "No book"
            state["note"] = f"{nothing_there(frame)}."
        else:
            head = f"Book at {clock(reading.time, 1)}"
        if reading.gap:
            state["note"] = "In a gap: the book was not in sync."
        return {**where, **state, "head": head, "old": False}

    def _largest_of(self, ladder: Ladder) -> float:
        """Return the largest size that is shown; 0 without one."""
        known = ladder.size[:, : self._rows]
        if self._decimals is None and np.isfinite(known).any():
            typical = float(np.nanmedian(known))
            self._decimals = int(np.clip(2 - np.floor(np.log10(typical)), 0, 8))
        return max(filter(math.isfinite, known.ravel().tolist()), default=0.0)

    def _state(
        self, frame: Frame, ladder: Ladder, largest: float, mid: float, spread: float
    ) -> dict[str, Any]:
        """Return what the ladder shows of a moment; the bar of the largest size is full."""
        some, tick = math.isfinite(ladder.size[0, 0]), frame.tick_size
        apart = [formatting.price(spread, tick), formatting.spread(spread, mid, tick)]
        if len(apart[0]) > SHORT:
            del apart[0]
        middle = formatting.mid(mid, tick)
        word = "" if len(middle) > LONG else "spread "
        choice, chosen = self._choice.of(frame.parameters, make=lambda: self._choose(frame))
        rows = self._rows
        bars = ladder.bars(rows, largest or 1.0, FULL)
        columns = ladder.price[:, :rows], ladder.size[:, :rows], *bars
        bids, asks = zip(*[column.tolist() for column in columns], strict=True)
        notes = [*([OF_WEIGHTS] if ladder.weighs else []), NOTE]
        return {
            "mid": middle,
            "spread": word + " · ".join(apart) if some else "",
            "bids": self._side(bids, tick),
            "asks": self._side(asks, tick),
            "bands": [choice.bands(side, mid, tick) for side in ladder.price[:, :rows]],
            "choose": chosen,
            "note": " ".join(notes if choice.reason else [*notes, OF_CLICK]),
        }

    def _choose(self, frame: Frame) -> tuple[LevelChoice, dict[str, Any]]:
        """Return what a click on a level sets, and the words of it."""
        choice = LevelChoice.of(frame.parameters)
        return choice, words(choice, self._rows)

    def _side(
        self, columns: tuple[list[Any], ...], tick_size: float
    ) -> list[tuple[str, str, int, int]]:
        """Return texts and bars of a side, from prices, sizes, and the lengths of both bars."""
        prices, sizes, whole, used = columns
        texts = formatting.prices(prices, tick_size), formatting.sizes(sizes, self._decimals or 0)
        levels = zip(*texts, whole, used, strict=True)
        return list(compress(levels, map(math.isfinite, prices)))  # a price is NaN without a level
