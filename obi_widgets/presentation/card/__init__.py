"""What a card shows: its words, and places of what it draws."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from obi_widgets.card.modes import mode_of
from obi_widgets.market_data.events import CURRENT
from obi_widgets.presentation.card import marks, words
from obi_widgets.presentation.card.other_venues import venues_state
from obi_widgets.presentation.card.standing_still import stands_still
from obi_widgets.presentation.still.still import Still, Table
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.formatting import NOTHING
from obi_widgets.settings.presets import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obi_widgets.card.card import Card
    from obi_widgets.card.past import Past
    from obi_widgets.market_data.events import Instrument
    from obi_widgets.presentation.card.market_now import MarketNow
    from obi_widgets.presentation.card.other_venues import OtherVenues

LATE = 30 * 10**9
"""A card that ended so long before the newest state, ns, is not of now: two were not made."""

STARTING = ("connecting", "syncing")
"""States of a feed before its book."""


class Shown(NamedTuple):
    """What a card's figures are made of.

    Attributes
    ----------
    instrument : Instrument
        The market.
    state, detail, advice : str
        State of the feed, its reason and what to do, see `obi_widgets.market_data.events.State`.
    age : float
        Seconds since the book last changed; NaN if unknown.
    recorded : bool
        Whether the market is a recording, or a history, whose end is no fault.
    paused : bool
        Whether the screen is frozen.
    mode : str
        The mode that is shown.
    signals : sequence of str
        Names of the signals.
    card : Card or None
        The newest card; None before the first.
    past : Past or None
        What the cards said so far.
    making : bool
        Whether the first cards in this mode are being made.
    error : str
        Why there are no cards; empty if there are.
    now : MarketNow
        What holds besides the book.
    tick_size : float
        Smallest price step, quote currency.
    fee_bps : float
        A taker's fee of one side, bps.
    venues : OtherVenues or None
        The same market on several venues; None if no other one was given.
    """

    instrument: Instrument
    state: str
    detail: str
    advice: str
    age: float
    recorded: bool
    paused: bool
    mode: str
    signals: Sequence[str]
    card: Card | None
    past: Past | None
    making: bool
    error: str
    now: MarketNow
    tick_size: float
    fee_bps: float
    venues: OtherVenues | None = None

    @property
    def old(self) -> str:
        """Why the card does not tell of now, although it did when it was made; empty if it does."""
        age = math.nan if self.paused else self.age
        still = stands_still(self.state, self.detail, self.advice, age, recorded=self.recorded)
        if still or self.state == "closed":
            return still
        if self.card is not None and self.now.time - self.card.time > LATE and not self.recorded:
            behind = formatting.duration((self.now.time - self.card.time) / 1e9)
            return f"The newest card is {behind} old."
        return ""

    @property
    def shown(self) -> Card | None:
        """The card whose figures are shown; None where a dash stands for each.

        One that is not ready shows its windows, as far as they are, and no direction.
        """
        if self.card is None or self.card.state == "stale" or self.old:
            return None
        if self.card.state == "not_ready":
            return replace(self.card, direction=math.nan, strength=math.nan, price="")
        return self.card


def card_state(of: Shown) -> dict[str, Any]:
    """Return all that a card shows, as JSON; a key each that changes by itself."""
    card, past = of.shown, of.past
    tone, verdict, why = _verdict(of)
    return {
        "head": _head(of),
        "modes": [[name, _mode(name)] for name in BUILT_IN],
        "mode": of.mode,
        "verdict": [verdict, tone, why],
        **_direction(card, past),
        "strength": _of(card, lambda one: words.strength(one, words.past_seconds(past))),
        "confidence": _of(card, lambda one: words.confidence(one.confidence)),
        "caution": ["", ""] if card is None else [*words.caution(card.confidence)],
        **_curve(card, past),
        **_windows(of, card, past),
        "worth": _worth(of),
        "price": [
            f"price, {words.length(mode_of(of.mode).windows[1])}",
            *_of(card, words.price),
        ],
        "context": words.context(of.now, of.tick_size),
        "venues": None if of.venues is None else venues_state(of.venues),
        "about": "" if of.card is None else words.about(of.card, of.signals),
    }


def _of(card: Card | None, line: Any) -> list[str]:  # noqa: ANN401 a function of a card
    """Return a line of a card, or a dash."""
    return [*(words.Line(NOTHING, "") if card is None else line(card))]


def _head(of: Shown) -> list[str]:
    """Return symbol, whole symbol, venue, state, its tone, and age."""
    state, tone, age = of.state, "good" if of.state in CURRENT else "bad", ""
    if of.recorded:
        state, tone = ("ended", "off") if of.state == "closed" else ("replay", tone)
    elif of.state in (*STARTING, "closed") and not of.advice:
        tone = "off"
    if of.paused:
        state, tone = "paused", "off"
    if math.isfinite(of.age) and not of.recorded:
        # A figure that changes with each frame would tell nothing, and be sent each time.
        age = "< 1 s" if of.age < 1 else formatting.duration(math.floor(of.age))
    symbol = of.instrument.symbol
    return [formatting.shortened(symbol), symbol, of.instrument.label, state, tone, age]


def _mode(name: str) -> str:
    of = mode_of(name)
    windows = words.listed([words.length(one) for one in of.windows])
    return f"Windows of {windows}; judged after {of.horizon:g} s"


def _verdict(of: Shown) -> tuple[str, str, str]:
    """Return the tone, the verdict, and why."""
    if of.error:
        return "error", words.VERDICTS["not_ready"], of.error
    if of.card is None:
        return "not_ready", words.VERDICTS["not_ready"], _nothing_yet(of)
    if why := of.old:
        kind = "not_ready" if of.state in STARTING else "stale"
        return kind, words.VERDICTS[kind], why
    return of.card.state, words.VERDICTS[of.card.state], words.why(of.card)


def _nothing_yet(of: Shown) -> str:
    """Return why there is no card."""
    if said := formatting.signed(f"{of.detail} {of.advice}".strip()):
        return said
    if not of.now.time:
        return "No book yet."
    return "It is being computed." if of.making else "No cycle of 10 s is finished yet."


def _direction(card: Card | None, past: Past | None) -> dict[str, Any]:
    scale = 1.0 if past is None else past.scale
    band = None if card is None else marks.on(card.direction_band, scale)
    return {
        "direction": [
            words.signed(card.direction) if card is not None else NOTHING,
            words.arrow(card.direction, beyond=abs(card.direction) > card.direction_band)
            if card is not None
            else "",
            words.direction_caption(card, past) if card is not None else "",
        ],
        "bars": "" if past is None else marks.histogram(past.directions),
        "ends": words.scale_ends(scale),
        "place": None if card is None else marks.on(card.direction, scale),
        "band": band,
    }


def _curve(card: Card | None, past: Past | None) -> dict[str, Any]:
    found = card.confidence if card is not None else None
    return {"curve": None if past is None else marks.reliability(past.reliability, found)}


def _windows(of: Shown, card: Card | None, past: Past | None) -> dict[str, Any]:
    reach = 1.0 if past is None else past.reach
    if card is None:
        names = [words.length(seconds) for seconds in mode_of(of.mode).windows]
        rows: list[list[Any]] = [[name, NOTHING, "", "", "", None, None] for name in names]
        return {"rows": rows, "agree": [NOTHING, "agreement is not known", ""]}
    rows = [[*words.row(one), *marks.window(one, reach)] for one in card.windows]
    agreed = words.agreement(card)
    return {"rows": rows, "agree": [*agreed, "conflict" if card.conflict else ""]}


def _worth(of: Shown) -> list[str]:
    """Return what cards were worth so far: that stays known while the feed stands still."""
    if of.past is None:
        return [NOTHING, "no card that leans has an outcome yet", ""]
    return [*words.worth(of.past.worth, mode_of(of.mode).horizon, of.fee_bps)]


def card_still(of: Shown) -> Still:
    """Return the figures as a table."""
    state = card_state(of)
    verdict, _, why = state["verdict"]
    rows = [
        ["verdict", f"{verdict}. {why}"],
        ["direction", _joined(state["direction"])],
        ["strength", _joined(state["strength"][:2])],
        ["confidence", _joined([*state["confidence"][:2], state["caution"][0]])],
        *([one[0], _joined(one[1:4])] for one in state["rows"]),
        ["agreement", _joined(state["agree"][:2])],
        ["worth so far", _joined(state["worth"][:2])],
        [state["price"][0], _joined(state["price"][1:3])],
        *([one[0], _joined(one[1:3])] for one in state["context"]),
        *_venues(state["venues"]),
    ]
    return Still(text=state["about"], tables=[Table(rows)])


def _venues(shown: dict[str, Any] | None) -> list[list[str]]:
    """Return rows of the other venues."""
    if shown is None:
        return []
    rows = [[name, text] for name, _, _, _, text, *_ in shown["rows"]]
    return [*rows, ["apart", _joined([shown["apart"], *shown["says"]])]]


def _joined(texts: Sequence[str]) -> str:
    return " · ".join(filter(None, texts))
