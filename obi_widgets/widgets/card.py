"""The decision card of a market."""

from __future__ import annotations

import logging
import math
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obi_widgets.card.past import Pasts
from obi_widgets.checks import instance
from obi_widgets.errors import ArgumentError, ObiError, quoted
from obi_widgets.history.columns import History
from obi_widgets.presentation.card import Shown, card_state, card_still
from obi_widgets.presentation.card.market_now import MarketNow
from obi_widgets.presentation.card.other_venues import no_venues, other_venues
from obi_widgets.presentation.card.standing_still import RECORDED
from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.session.live_cards import LiveCards
from obi_widgets.session.session import Session
from obi_widgets.session.venue_cards import VenueCards
from obi_widgets.signals.cycles import CYCLE
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.lab import Lab
from obi_widgets.widgets.panel import Part, StateWidget, checked_session
from obi_widgets.widgets.reachability import forget_outputs

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike

    from obi_widgets.card.cards import Cards
    from obi_widgets.card.divergence import VenueMoment
    from obi_widgets.card.past import Past
    from obi_widgets.presentation.card.other_venues import OtherVenues
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.presentation.still.still import Still
    from obi_widgets.session.venue_cards import OnVenues
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.signal import Signal
    from obi_widgets.widgets.page import Changes

    One = Signal | str | Settings | Parameters

log = logging.getLogger(__name__)

KEY = 0
"""The card's own market among its `LiveCards`; the other venues have the numbers after it."""


class _Card(StateWidget):
    _esm = asset("nodes.js", "hints.js", "card.js")
    _css = asset("hints.css", "card.css")


class _OwnPast:
    """Makes what the cards of the own market said; those of the other venues are not shown."""

    def __init__(self) -> None:
        self._pasts = Pasts()

    def __call__(self, key: Hashable, cards: Cards) -> Past | None:
        return self._pasts(cards) if key == KEY else None


class _Refresh:
    """Asks a session for a frame, without keeping the session alive."""

    def __init__(self) -> None:
        self.of: weakref.ref[Session] | None = None

    def __call__(self) -> None:
        session = self.of() if self.of is not None else None
        if session is not None:
            session.refresh()


class CardWidget(Part):
    """The decision card of a market: where its book leans, how strongly, and what that was worth.

    The verdict comes first, with the reason in numbers. Below it are direction, strength and
    confidence with its reliability, the windows against their own bands, the mean return so far
    against costs, and what holds besides the book. Buttons choose the mode. A card that is not
    ready, or stale, shows a dash for each figure. The figures are those of `obi_widgets.cards`; a
    new card comes every 10 seconds, and is made in a thread.

    Several cards stand beside each other as far as they fit:
    ``ipywidgets.Box(cards, layout={"flex_flow": "row wrap"})``.

    Parameters
    ----------
    source : Session, Lab, str or Path
        Session to show, or the lab of one. A source as `Session` takes it is opened with its
        default options, and closed with the card.
    mode : {"scalp", "day", "swing"}
        Which windows it has, and when it is judged, see `obi_widgets.cards`.
    signals, weights : optional
        See `obi_widgets.cards`.
    earlier : History, optional
        States of this market from before, such as a recording: windows and bands then need not
        wait. If they ended over 25 hours before, they have no effect.
    others : sequence of Session, Lab, str or Path, optional
        The same market on other venues. The card then shows where their cards of the same mode and
        signals lean, how far apart they are, and who is against the rest. Sources are opened, and
        closed with the card.
    alone : bool
        False if another widget shows the frames.

    Attributes
    ----------
    mode : str
        May be set.
    cards : Cards or None
        The cards so far, in this mode; None before the first.
    venues : VenueMoment or None
        What the venues say now; None without others, and while no venue has a card.

    Raises
    ------
    ArgumentError, SourceError
        If the source or one of the others is none of these, or cannot be opened; or if a market
        comes twice.
    SettingsError
        If mode, signals or weights are not possible.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> session = obi.Session("sim:BTC-PERP", seed=3, warmup=60)
    >>> card = obi.CardWidget(session, mode="scalp")
    >>> card.mode
    'scalp'
    >>> card.close(); session.close()

    >>> session = obi.Session("sim:BTC-PERP", seed=3)
    >>> card = obi.CardWidget(session, others=["sim:ETH-PERP"])  # a stand-in for another venue
    >>> card.venues is None  # no card yet
    True
    >>> card.close(); session.close()
    """

    css_class = "obi-part-card"

    def __init__(
        self,
        source: Session | Lab | str | Path,
        *,
        mode: str = "day",
        signals: One | Iterable[One] | Mapping[str, One] | None = None,
        weights: ArrayLike | None = None,
        earlier: History | None = None,
        others: Sequence[Session | Lab | str | Path] = (),
        alone: bool = True,
    ) -> None:
        advice = "Give what obi.load returns, of this market."
        instance("earlier", earlier, (History, type(None)), advice)
        follow = _checked_others(others)
        refresh = _Refresh()
        self._live: LiveCards[Past | None] = LiveCards(
            mode, signals, weights, done=refresh, details=_OwnPast()
        )
        self._own = isinstance(source, str | Path)
        given: object = source.session if isinstance(source, Lab) else source
        if isinstance(source, str | Path):
            given = Session(source)
        session = checked_session(given, "CardWidget", alone=alone)
        try:
            self._venues = VenueCards(session, follow) if follow else None
        except BaseException:
            if self._own:
                session.close()
            raise
        refresh.of = weakref.ref(session)
        if earlier is not None:
            self._live.seed(KEY, earlier)
        self._card = _Card(state={})
        self._card.on_msg(self._do)
        self._market: Kept[MarketNow] = Kept()
        self._on_venues: OnVenues | None = None
        self._made: Kept[dict[str, Any]] = Kept()
        self._session = session
        super().__init__(session, [self._card], alone=alone)

    @property
    def mode(self) -> str:
        """The mode; may be set."""
        return self._live.mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self._live.mode = mode
        self._session.refresh()

    @property
    def cards(self) -> Cards | None:
        """The cards so far, in this mode; None before the first."""
        return self._live.cards(KEY)

    @property
    def venues(self) -> VenueMoment | None:
        """What the venues say now; None without others, and while no venue has a card."""
        return None if self._venues is None else self._venues.newest(self._live).moment

    def _do(self, _: object, content: object, __: object) -> None:
        match content:
            case {"do": "mode", "mode": str(mode)}:
                try:
                    self.mode = mode
                except ObiError as error:
                    self._session.tell(str(error))
            case _:
                log.warning("The page asks for %r, which is not known.", content)

    def keep_alive(self) -> None:
        """Tell the page that the kernel is alive, and let cards go on while nobody looks."""
        self._live.ask(KEY, self._session.market.history())
        if self._venues is not None:
            self._venues.ask(self._live)
        super().keep_alive()

    def _changes(self, frame: Frame) -> Changes:
        """Request the cards of a frame's states, and yield the newest."""
        self._live.ask(KEY, frame.history)
        found = self._live.found(KEY)
        self._compare_venues(frame)
        cards, error = (None, "") if found is None else (found.cards, found.error)
        # A card comes every 10 s; in between, only what is wrong with the feed changes.
        state = self._made.of(
            cards, error, found is None, self._live.mode, frame.state, frame.detail, frame.advice,
            frame.paused, _whole(frame.age), self._now(frame), frame.parameters.fee_bps,
            self._on_venues,
            make=lambda: card_state(self._shown(frame)),
        )  # fmt: skip
        yield self._card, {"state": state}

    def _compare_venues(self, frame: Frame) -> None:
        """Find out what the other venues say; while the screen is frozen, what they said stays."""
        if self._venues is None or (frame.paused and self._on_venues is not None):
            return
        self._venues.ask(self._live)
        self._on_venues = self._venues.now(self._live, self._shown(frame).old)

    def _now(self, frame: Frame) -> MarketNow:
        """Return what holds besides the book, read once a cycle."""
        history = frame.history
        cycle = int(history.time[-1]) // CYCLE if len(history) else 0
        return self._market.of(cycle, make=lambda: MarketNow.of(history))

    def _shown(self, frame: Frame) -> Shown:
        found = self._live.found(KEY)
        on_venues = self._on_venues
        cards = None if found is None else found.cards
        return Shown(
            frame.instrument,
            frame.state,
            frame.detail,
            frame.advice,
            frame.age,
            self._session.feed.kind in RECORDED,
            frame.paused,
            self._live.mode,
            () if cards is None else cards.signals,
            None if cards is None else cards.last,
            None if found is None else found.details,
            found is None,
            "" if found is None else found.error,
            self._now(frame),
            frame.tick_size,
            frame.parameters.fee_bps,
            None if on_venues is None else _of_venues(on_venues),
        )

    def _picture(self, frame: Frame) -> Still | None:
        """Return the figures as a table; None before the first answer, which is asked for then."""
        if not frame.states:
            return card_still(self._shown(frame))
        if self._live.found(KEY) is None:
            self._live.ask(KEY, frame.history)
            return None
        return card_still(self._shown(frame))

    def end(self) -> None:
        """Tell the page that no frame will follow; what it opened has no other use."""
        super().end()
        if self._venues is not None:
            self._venues.close()

    def close(self) -> None:
        """Close the card; sources that it opened end with it."""
        if self.comm is not None:
            self._session.detach(self)
            self._live.close()
            if self._venues is not None:
                self._venues.close()
            if self._own:
                self._session.close()
                forget_outputs([self._session])
        super().close()


def _of_venues(found: OnVenues) -> OtherVenues:
    if found.moment is None:
        return no_venues(found.reasons)
    return other_venues(found.moment, found.reasons)


def _checked_others(given: object) -> list[Session | str | Path]:
    """Return sessions and sources of other venues."""
    advice = "Give a list of sessions, labs or sources, such as ['okx:BTC-USDT-SWAP']."
    if not isinstance(given, list | tuple):
        raise ArgumentError(f"others = {quoted(given)} is no list.", advice)
    found: list[Session | str | Path] = []
    for one in given:
        if isinstance(one, Lab):
            one = one.session
        if not isinstance(one, Session | str | Path):
            raise ArgumentError(f"others has {quoted(one)}, which is no market.", advice)
        found.append(one)
    return found


def _whole(age: float) -> float:
    """Return an age in whole seconds, as it is shown; −1 if it is not known."""
    return math.floor(age) if math.isfinite(age) else -1
