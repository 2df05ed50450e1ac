"""What a board shows of a market's decision card, in its line and in the table of all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from obi_widgets.card.rows import STALE_SECONDS
from obi_widgets.market_data.events import CURRENT
from obi_widgets.presentation.texts import formatting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obi_widgets.card.card import Card, CardReason, CardWindow
    from obi_widgets.card.modes import Mode
    from obi_widgets.presentation.board.followed import Followed

LATE = 30.0
"""Seconds by which a card may end before the newest state. A cycle lasts ten, and a card is made in
much less; what is older than three cycles says nothing of now."""

NO_BOOK = {"closed": "the feed ended", "stale": "no fresh book"}
"""By state of a feed, why a card of it would say nothing of now."""

NAN = float("nan")


@dataclass(frozen=True)
class RowCard:
    """What a board shows of a card.

    Attributes
    ----------
    state : str
        That of the card, see `obi_widgets.Card`; ``"waiting"`` before the first one, ``"failed"``
        if none could be made.
    says : str
        Why there are no figures, in short; empty if there are.
    narrow : str
        The same for a narrow screen.
    direction, strength, agreement, confidence : float
        NaN where there is none, and in a card that is not ready or stale.
    better : bool
        Whether the confidence was better than a constant so far.
    cases : int
        Like cases that the confidence is learned from.
    windows : tuple of CardWindow
        Short, middle and long; none without a card.
    """

    state: str
    says: str = ""
    narrow: str = ""
    direction: float = NAN
    strength: float = NAN
    agreement: float = NAN
    confidence: float = NAN
    better: bool = False
    cases: int = 0
    windows: tuple[CardWindow, ...] = ()

    @classmethod
    def of(cls, market: Followed, card: Card | None, error: str) -> RowCard:
        """Return what is shown of a market's newest card, or why there is none.

        A recording that has ended shows the card of its end.
        """
        ended = market.state == "closed" and market.replay
        if not len(market.history):
            return cls("waiting", "no data yet", "no data")
        if not ended and not (market.has_book and market.state in CURRENT):
            what = NO_BOOK.get(market.state, "no whole book")
            return cls("stale", f"{what}, no figures", what.removeprefix("the "))
        if not ended and market.age >= STALE_SECONDS:
            text = f"no change for {formatting.duration(market.age)}, no figures"
            return cls("stale", text, formatting.duration(market.age))
        if error:
            return cls("failed", formatting.signed(error), "failed")
        if card is None:
            return cls("waiting", "first card within 10 s", "10 s")
        behind = (int(market.history.time[-1]) - card.time) / 1e9
        if behind > LATE:
            text = f"card is {formatting.duration(behind)} old, no figures"
            return cls("stale", text, formatting.duration(behind))
        if card.state == "stale":
            return cls("stale", "book was not fresh, no figures", "no book")
        if card.state == "not_ready":
            says, narrow = awaited(card.reason)
            return cls("not_ready", says, narrow, windows=card.windows)
        return cls(
            card.state,
            direction=card.direction,
            strength=card.strength,
            agreement=card.agreement,
            confidence=card.confidence.value,
            better=card.confidence.better,
            cases=card.confidence.n,
            windows=card.windows,
        )

    @property
    def ready(self) -> bool:
        """Whether it has figures."""
        return not self.says

    def figures(self, mode: Mode) -> dict[str, Any]:
        """Return what a table of all markets has of it; NaN and nothing where there is none."""
        found: dict[str, Any] = {
            "card": self.state,
            "card_reason": self.says,
            "direction": self.direction,
            "strength": self.strength,
            "agreement": self.agreement,
            "confidence": self.confidence,
        }
        for which, seconds in enumerate(mode.windows):
            window = self.windows[which] if self.windows else None
            found[f"value_{seconds:g}"] = NAN if window is None else window.value
            found[f"band_{seconds:g}"] = NAN if window is None else window.band
        return found


NONE = RowCard("")
"""That of a source that could not be opened."""


def awaited(reason: CardReason) -> tuple[str, str]:
    """Return what a card waits for, with figures, and the same for a narrow screen."""
    unit, name = next((u, n) for u, n in ((3600.0, "h"), (60.0, "min"), (1.0, "s"))
                      if reason.needs >= 2 * u or u == 1.0)  # fmt: skip
    # Rounded down: what is said to be filled has to be.
    has, needs = f"{math.floor(reason.has / unit):g}", f"{reason.needs / unit:g}"
    if unit == 3600.0:
        has = f"{math.floor(10 * reason.has / unit) / 10:.1f}"
    filled = f"{has} of {needs} {name}"
    long = max(reason.windows, default=0.0)
    of = f"{span(long)[1]} " if long else ""
    what = "window" if reason.what == "window" else "band"
    return f"{of}{what}: {filled}", f"{has}/{needs} {name}"


def span(seconds: float) -> tuple[str, str]:
    """Return the name of a window: for the head of a column, and in a sentence."""
    if seconds < 60:
        return f"{seconds:g} s", f"{seconds:g} s"
    if seconds < 3600:
        return f"{seconds / 60:g} m", f"{seconds / 60:g} min"
    return f"{seconds / 3600:g} h", f"{seconds / 3600:g} h"


def card_columns(mode: Mode | None, modes: Sequence[str]) -> dict[str, Any]:
    """Return what the page needs to know of cards besides those of the lines."""
    if mode is None:
        return {"mode": "", "modes": list(modes), "windows": [], "horizon": ""}
    return {
        "mode": mode.name,
        "modes": list(modes),
        "windows": [span(seconds) for seconds in mode.windows],
        "horizon": formatting.duration(mode.horizon),
    }


def card_line(card: RowCard) -> list[Any]:
    """Return a market's card as ``static/board_cards.js`` reads it.

    It changes every ten seconds, so it is no part of the line, which changes with each frame.
    """
    return [
        card.state,
        card.says,
        card.narrow,
        _known(card.strength, 3),
        _known(card.confidence, 3),
        card.better,
        card.cases,
        [[_known(one.value, 3), _known(one.band, 3), one.beyond] for one in card.windows],
    ]


def still_card(card: RowCard, mode: Mode) -> list[str]:
    """Return what a still picture has of a card: windows, card, strength and confidence."""
    marks = [arrow(one) for one in card.windows] or [formatting.NOTHING] * len(mode.windows)
    said = card.says or card.state
    if not card.ready:
        return [*marks, said, formatting.NOTHING, formatting.NOTHING]
    figures = (formatting.number(one, 2) for one in (card.strength, card.confidence))
    return [*marks, said, *figures]


def arrow(window: CardWindow) -> str:
    """Return the mark of a window: filled beyond its band, open inside it, a dash if unknown."""
    if not abs(window.value) > 0:
        return "0" if window.value == 0 else formatting.NOTHING
    return ("▲▼" if window.beyond else "△▽")[window.value < 0]


def _known(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None
