"""The same market on other venues: their sessions, and what their cards say at this moment."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from obi_widgets.card.venues import venue_moment
from obi_widgets.errors import ArgumentError, HistoryError, quoted
from obi_widgets.presentation.card.standing_still import RECORDED, stands_still
from obi_widgets.presentation.card.words import why
from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.session.session import Session
from obi_widgets.session.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from obi_widgets.card.cards import Cards
    from obi_widgets.card.divergence import VenueMoment
    from obi_widgets.session.live_cards import LiveCards

ASK_EVERY = 1.0
"""Seconds between two questions for cards, which change every ten."""


class OnVenues(NamedTuple):
    """What the cards of one market say on several venues.

    Attributes
    ----------
    moment : VenueMoment or None
        What they say; None while no venue has a card.
    reasons : mapping of str to str
        Why a venue is left out, in a sentence; of each venue, empty if it is not.
    """

    moment: VenueMoment | None
    reasons: Mapping[str, str]


class VenueCards:
    """The cards of one market on several venues, made by the thread of the first one's cards.

    Parameters
    ----------
    own : Session
        Of the market itself; it has the key 0 in `LiveCards`, and is asked for elsewhere.
    others : sequence of Session, str or Path
        The same market on other venues. What is no session is opened, and closed with this.

    Attributes
    ----------
    names : tuple of str
        Names of the venues, the own one first; with the symbol where a venue comes twice.

    Raises
    ------
    ArgumentError, SourceError
        If a market comes twice, or cannot be opened; nothing is left open then.
    """

    def __init__(self, own: Session, others: Sequence[Session | str | Path]) -> None:
        self._opened: list[Session] = []
        self._asked_at = -float("inf")
        self._made: Kept[OnVenues] = Kept()
        try:
            self._sessions = [own, *(self._open(one) for one in others)]
            self.names = _names(self._sessions)
        except BaseException:
            self.close()
            raise
        for session in self._sessions[1:]:
            session.start()

    def _open(self, given: Session | str | Path) -> Session:
        if isinstance(given, Session):
            return given
        self._opened.append(Session(given))
        return self._opened[-1]

    def ask(self, live: LiveCards[Any]) -> None:
        """Request the cards of the other venues if it is time to; do not wait."""
        now = time.monotonic()
        if now - self._asked_at < ASK_EVERY:
            return
        self._asked_at = now
        for key, session in enumerate(self._sessions[1:], 1):
            live.ask(key, session.market.history())

    def now(self, live: LiveCards[Any], own_stands: str) -> OnVenues:
        """Return what the newest cards say; the same object as long as they say the same.

        Parameters
        ----------
        live : LiveCards
            Who makes them.
        own_stands : str
            Why the market itself stands still; empty if it does not.
        """
        found, errors = self._found(live)
        stands = (own_stands, *(map(_stands, self._sessions[1:])))
        return self._made.of(
            *found, errors, stands, make=lambda: _compared(self.names, found, errors, stands)
        )

    def newest(self, live: LiveCards[Any]) -> OnVenues:
        """Return what the newest cards say, looked at or not; any thread may ask."""
        return _compared(self.names, *self._found(live), tuple(map(_stands, self._sessions)))

    def _found(self, live: LiveCards[Any]) -> tuple[list[Cards | None], tuple[str, ...]]:
        keys = range(len(self._sessions))
        return [live.cards(key) for key in keys], tuple(live.error(key) for key in keys)

    def close(self) -> None:
        """Close the sessions that were opened here."""
        for session in self._opened:
            session.close()


def _stands(session: Session) -> str:
    """Return why a market stands still; empty if it does not."""
    of = Standing.of(session.feed, session.market.history())
    recorded = session.feed.kind in RECORDED
    return stands_still(of.state, of.detail, of.advice, of.age, recorded=recorded)


def _compared(
    names: Sequence[str],
    found: Sequence[Cards | None],
    errors: Sequence[str],
    stands: Sequence[str],
) -> OnVenues:
    cards = dict(zip(names, found, strict=True))
    stale = {name: reason for name, reason in zip(names, stands, strict=True) if reason}
    reasons = dict.fromkeys(names, "")
    moment = None
    if any(found):
        try:
            moment = venue_moment(cards, stale)
        except HistoryError:  # no cycle is finished on any of them
            moment = None
    for name, error in zip(names, errors, strict=True):
        one = cards[name]
        if moment is not None and name not in moment.left_out:
            continue
        if error or name in stale or not one:
            reasons[name] = error or stale.get(name, "It has no card yet.")
        elif one.last.state in ("stale", "not_ready"):
            reasons[name] = why(one.last)
        else:
            reasons[name] = "It has had no card since another venue's newest one."
    return OnVenues(moment, reasons)


def _names(sessions: Sequence[Session]) -> tuple[str, ...]:
    """Return a name for each venue: its own, with the symbol if it has several of the markets."""
    of = [one.market.instrument for one in sessions]
    labels = [one.label for one in of]
    names = tuple(
        one.label if labels.count(one.label) == 1 else f"{one.label} {one.symbol}" for one in of
    )
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError(
                f"The market {quoted(name)} comes twice in others, or is that of the card.",
                "Name each other venue of the market once.",
            )
    return names
