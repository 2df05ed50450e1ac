"""The decision cards of a board's markets: which mode is shown, and the newest card of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from obi_widgets.card.modes import mode_of
from obi_widgets.errors import ArgumentError, SettingsError, counted, quoted, suggest
from obi_widgets.history.given import as_history
from obi_widgets.session.live_cards import LiveCards
from obi_widgets.settings.presets import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Hashable

    from obi_widgets.card.card import Card
    from obi_widgets.card.cards import Cards
    from obi_widgets.card.modes import Mode
    from obi_widgets.history.columns import History
    from obi_widgets.session.lifecycle import Worker
    from obi_widgets.session.session import Session

ASK_EVERY = 1.0
"""Seconds between two questions for cards, which change every ten."""


class BoardCards:
    """The cards of the markets of a board; none are made before a mode is chosen.

    Once one was chosen they go on, whether they are shown and looked at or not: a card that is
    forgotten is not ready for hours.

    Parameters
    ----------
    mode : str or None
        The mode that is shown; None for no cards.
    past : mapping of str to History, or None
        By source: states from before, with which a market's cards begin.
    sessions : mapping of str to Session
        The sessions of the board, by source.
    workers : list of Worker
        What ends with the board; the thread that makes cards is added to it.

    Raises
    ------
    ArgumentError, HistoryError, SettingsError
        If the mode or the past is not possible.
    """

    def __init__(
        self,
        mode: str | None,
        past: Mapping[str, History] | None,
        sessions: Mapping[str, Session],
        workers: list[Worker],
    ) -> None:
        self._past = _checked(past, sessions)
        self._workers = workers
        self._lock = threading.Lock()
        self._live: LiveCards[Card] | None = None
        self._mode: Mode | None = None
        self._asked_at = -float("inf")
        self.choose(mode)

    @property
    def mode(self) -> Mode | None:
        """The mode that is shown; None for no cards."""
        return self._mode

    def choose(self, mode: str | None) -> None:
        """Show the cards of a mode, or none."""
        if mode is None:
            self._mode = None
            return
        if not isinstance(mode, str) or mode not in BUILT_IN:
            raise SettingsError(
                f"cards = {quoted(mode)} is not possible.",
                f"Give one of {', '.join(BUILT_IN)}, or None for no cards.",
            )
        with self._lock:
            if self._live is None:
                self._live = LiveCards(mode, done=_nothing, details=_newest)
                for source, history in self._past.items():
                    self._live.seed(source, history)
                self._workers.append(self._live)
            self._live.mode = mode
            self._mode, self._asked_at = mode_of(mode), -float("inf")

    def ask(self, sessions: Mapping[str, Session]) -> None:
        """Ask for the cards of all markets if it is time to, and do not wait for them."""
        now = time.monotonic()
        if self._live is None or now - self._asked_at < ASK_EVERY:
            return
        self._asked_at = now
        for source, session in sessions.items():
            if not session.closed:
                self._live.ask(source, session.market.history())

    def newest(self, source: str, mode: Mode | None) -> tuple[Card | None, str]:
        """Return the newest card of a market in a mode, and why there is none.

        Both are empty if there is none yet.
        """
        found = None if self._live is None else self._live.found(source)
        if found is None or (found.details is not None and found.details.mode != mode):
            return None, ""
        return found.details, found.error


def _checked(past: object, sessions: Mapping[str, Session]) -> dict[str, History]:
    """Return the past of some markets, checked: that of another market would be a wrong number.

    So would be one with more levels or with fewer, where a signal takes all that are kept.
    """
    if past is None:
        return {}
    if not isinstance(past, Mapping):
        raise ArgumentError(
            f"past = {quoted(past)} is no mapping of sources to histories.",
            'Give past={"venue:SYMBOL": obi.load(path)}.',
        )
    found = {}
    for source, given in past.items():
        if source not in sessions:
            raise ArgumentError(
                f"past has {quoted(source)}, and the board follows no such source.",
                suggest(str(source), sessions),
            )
        history, market = as_history(given), sessions[source].market
        of, instrument = history.instrument, market.instrument
        if of.venue and (of.venue, of.symbol) != (instrument.venue, instrument.symbol):
            raise ArgumentError(
                f"past has {of.venue}:{of.symbol} for {quoted(source)}.",
                "Give states of the same market.",
            )
        levels, has = market.history().levels, history.levels
        if has != levels:
            raise ArgumentError(
                f"past has {counted(has, 'level')} a side for {quoted(source)}, and "
                f"the board keeps {levels}.",
                f"Load it with levels={levels}, or give levels={has} to the board.",
            )
        found[source] = history
    return found


def _nothing() -> None:
    """Wake nobody: a frame comes twice a second anyway."""


def _newest(_: Hashable, cards: Cards) -> Card:
    """Return the newest card; in the thread that made them, since it takes some milliseconds."""
    return cards.last
