"""The session of a board: many markets, read by one thread and shown by one publisher.

Each market has a session of its own, which a lab can show. All of them share the settings, the
thread that reads, and the thread that publishes.
"""

from __future__ import annotations

import time
import weakref
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.checks import instance, number, text
from obi_widgets.errors import ObiError, SourceError, VenueError, quoted, suggest
from obi_widgets.feeds.given.feed import name_of
from obi_widgets.feeds.several import open_feeds
from obi_widgets.presentation.board.board_frame import BoardMaker
from obi_widgets.presentation.board.board_table import board_table
from obi_widgets.presentation.board.board_texts import distinct
from obi_widgets.presentation.board.followed import Followed, Refused
from obi_widgets.presentation.charts.time_range import windows
from obi_widgets.session.board_cards import BoardCards
from obi_widgets.session.lead_search import LeadSearch
from obi_widgets.session.lifecycle import Lifecycle, Membership
from obi_widgets.session.publishing import Publishing
from obi_widgets.session.session import Session, chosen
from obi_widgets.session.standing import Standing
from obi_widgets.session.views import View
from obi_widgets.session.waiting import LONGEST, wait_for

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import pandas as pd

    from obi_widgets.card.card import Card
    from obi_widgets.card.modes import Mode
    from obi_widgets.feeds.base import Feed
    from obi_widgets.feeds.options import Options
    from obi_widgets.history.columns import History
    from obi_widgets.presentation.board.board_frame import BoardFrame
    from obi_widgets.presentation.board.leads import Leads
    from obi_widgets.session.lifecycle import Worker, Workers
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.signal import Signal

FRAME_EVERY = 0.5
"""Seconds between two frames of a board while only data change."""


class MarketSession(Session):
    """The session of one market of a board.

    Parameters
    ----------
    feed : Feed
        The market's feed.
    settings : Settings
        Those of the board.
    given : dict of str to object
        Options of the feed that are not the default.
    board : BoardSession
        The board, which lives as long as one of its markets is referred to.
    """

    def __init__(
        self, feed: Feed, settings: Settings, given: dict[str, Any], board: BoardSession
    ) -> None:
        self._board = board
        self._follow(feed, settings, given, board.wake)

    def _begin(self, workers: Workers) -> Membership:
        return self._board.admit(self.feed, self.publisher, workers)


class BoardSession:
    """Many markets, and what is computed from them.

    Parameters
    ----------
    sources : iterable of str or Path
        See `obi_widgets.feeds.several.open_feeds`.
    settings, signal
        See `obi_widgets.Session`.
    options : Options
        Options of the sources.
    cards, past
        See `BoardCards`.

    Attributes
    ----------
    settings : Settings
        Settings of all markets.
    refused : mapping of str to ObiError
        Sources that could not be opened, and why.
    publisher : BoardPublisher
        Frames for views.
    wake : threading.Event
        Wakes the publisher.
    windows : tuple of float
        Lengths of the lines to choose from, seconds.
    cards : BoardCards
        The decision cards of the markets.
    """

    paused = False

    def __init__(
        self,
        sources: Iterable[str | Path],
        *,
        settings: Settings | None,
        signal: Signal | str | None,
        options: Options,
        cards: str | None = None,
        past: Mapping[str, History] | None = None,
    ) -> None:
        import threading

        self.settings = chosen(settings, signal)
        opened = open_feeds(sources, options)
        self.sources = tuple(opened)
        self.refused = {name: one for name, one in opened.items() if isinstance(one, ObiError)}
        found = {name: one for name, one in opened.items() if not isinstance(one, ObiError)}
        self.wake: threading.Event = threading.Event()
        self.windows = windows(options.history_seconds)
        self._seconds = self.windows[1]
        self._opened: str | None = None
        self._compared: tuple[str, ...] = ()
        self._leads = LeadSearch(self.wake)
        self.publisher = BoardPublisher(self)
        self._workers: list[Worker] = [self._leads]
        feeds = [feed for feed, _ in found.values()]
        self._life = Lifecycle(feeds, self.settings, self.publisher, self._workers, self.wake)
        self._sessions: dict[str, Session] = {
            name: MarketSession(feed, self.settings, taken.given(), self)
            for name, (feed, taken) in found.items()
        }
        self.cards = BoardCards(cards, past, self._sessions, self._workers)

    def admit(self, feed: Feed, publisher: Publishing, workers: Workers) -> Membership:
        """Return the life of a market; its workers end with the board."""
        self._workers.append(workers)
        return Membership(self._life, weakref.ref(self), feed, publisher, workers)

    @property
    def sessions(self) -> Mapping[str, Session]:
        """The session of each market by its source, without those that were refused."""
        return MappingProxyType(self._sessions)

    def session(self, source: str | Path) -> Session:
        """Return the session of a market.

        Parameters
        ----------
        source : str or Path
            As it was given, or ``venue:SYMBOL`` as the venue spells it.

        Raises
        ------
        SourceError
            If the board has no such market; the error of its source if that was refused.
        """
        name = str(source)
        if name in self._sessions:
            return self._sessions[name]
        if name in self.refused:
            raise self.refused[name]
        for one in self._sessions.values():
            if name_of(one.market.instrument) == name:
                return one
        raise SourceError(
            f"The board has no market {quoted(name)}.", suggest(name, map(str, self.sources))
        )

    # -- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start reading and publishing; has no effect if already started or closed."""
        self._life.start(weakref.ref(self))

    def close(self) -> None:
        """Stop both threads, and all sockets and tasks. The histories stay readable."""
        self._life.close()

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._life.closed

    def end_if_forgotten(self) -> None:
        """Close the board if nobody has looked for ten minutes and no variable refers to it."""
        self._life.end_if_forgotten()

    @property
    def has_data(self) -> bool:
        """Whether a market has a book state."""
        return any(one.has_data for one in self._sessions.values())

    # -- what is shown ---------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """Length of the lines, seconds."""
        return self._seconds

    @seconds.setter
    def seconds(self, value: float) -> None:
        self._seconds = number("seconds", value, 1, self.windows[-1], "seconds")
        self.wake.set()

    @property
    def opened(self) -> str | None:
        """Source of the market whose lab is shown; None for none."""
        return self._opened

    @opened.setter
    def opened(self, source: str | None) -> None:
        self._opened = source
        self.publisher.refresh()

    @property
    def compared(self) -> tuple[str, ...]:
        """Sources of the markets whose signals one chart shows; none if it is not shown."""
        return self._compared

    @compared.setter
    def compared(self, sources: tuple[str, ...]) -> None:
        self._compared = sources
        self._leads.forget()
        self.publisher.refresh()

    @property
    def leads(self) -> Leads | None:
        """Which of the compared markets leads; None if nobody has asked."""
        return self._leads.found

    def show_cards(self, mode: str | None) -> None:
        """Show the decision cards of a mode in the lines, or none."""
        self.cards.choose(mode)
        self.publisher.refresh()

    def newest_cards(self, mode: Mode | None) -> dict[str, tuple[Card | None, str]]:
        """Return the newest card of each market in a mode, and why there is none."""
        return {name: self.cards.newest(name, mode) for name in self._sessions}

    def look_for_leads(self) -> None:
        """Find out in a thread which of the compared markets leads; a later frame shows it."""
        shown = [
            one
            for one in self.followed()
            if isinstance(one, Followed) and one.source in self._compared
        ]
        self._leads.ask({distinct(one, shown): one.history for one in shown})

    def followed(self) -> list[Followed | Refused]:
        """Return what is known of each market now, in the order of the sources."""
        known: list[Followed | Refused] = []
        for source in self.sources:
            if source in self.refused:
                error = self.refused[source]
                known.append(Refused(source, error.what, error.advice))
                continue
            session = self._sessions[source]
            history, feed = session.market.history(), session.feed
            standing = Standing.of(feed, history)
            instrument = session.market.instrument
            known.append(
                Followed(source, instrument, history, *standing, replay=feed.kind == "recording")
            )
        return known

    def attach(self, view: View) -> None:
        """Show frames in a view from now on. Starts the session.

        A board that was closed shows its last frame.
        """
        instance("view", view, View, "Give a widget, or what shows frames as obi.Board does.")
        self.publisher.attach(view)
        self.start()
        if self.closed:
            self.publisher.end(show=True)

    def detach(self, view: View) -> None:
        """Stop showing frames in a view."""
        self.publisher.detach(view)

    def refresh(self) -> None:
        """Show a new frame, even if nothing in it has changed."""
        self.publisher.refresh()

    def tell(self, note: str) -> None:
        """Show a sentence on the screen for ten seconds, or until the next one; "" removes it."""
        self.publisher.tell(text("note", note, "Give a sentence."))

    # -- results ---------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame of the newest values, see `obi_widgets.Board.to_frame`."""
        parameters = self.settings.parameters
        mode = self.cards.mode
        frame = BoardMaker().make(
            self.followed(), parameters, self._seconds, mode=mode, cards=self.newest_cards(mode)
        )
        return board_table(frame, parameters.signal.name, mode)

    def wait(self, states: int = 1, *, timeout: float | None = None) -> None:
        """Wait until each market has a number of states, see `obi_widgets.Board.wait`."""
        if timeout is not None:
            timeout = number("timeout", timeout, 0, LONGEST, "seconds, or None")
        self.start()
        began, failures = time.monotonic(), []
        for session in self._sessions.values():
            left = None if timeout is None else max(timeout - (time.monotonic() - began), 0.0)
            try:
                wait_for(session.market, states, left)
            except VenueError as error:
                if session.market.state != "closed":
                    raise
                failures.append(error)
        if len(failures) == len(self._sessions):
            raise next(iter([*failures, *self.refused.values()]))


class BoardPublisher(Publishing):
    """Makes frames of a board twice a second, and those of its markets for their own views.

    Parameters
    ----------
    board : BoardSession
        Board to show. Only a weak reference to it is kept.
    """

    def __init__(self, board: BoardSession) -> None:
        super().__init__(board.wake)
        self._of = weakref.ref(board)
        self._maker = BoardMaker()
        self._soon: object = None  # what is shown at once when it changes
        self._tick = 0  # number of the newest frame for which data were read
        self._read_at = -np.inf

    @property
    def _board(self) -> BoardSession:
        board = self._of()
        assert board is not None  # the caller refers to it
        return board

    def round(self) -> None:  # noqa: D102
        board = self._board
        board.cards.ask(board.sessions)
        for session in board.sessions.values():
            if not session.closed:
                session.publisher.round()
            self.looked_at = max(self.looked_at, session.publisher.looked_at)
        self._show_due()

    def end(self, *, show: bool) -> None:  # noqa: D102
        for session in self._board.sessions.values():
            session.publisher.end(show=show)
        super().end(show=show)

    def _due(self) -> tuple[object, Callable[[], BoardFrame]]:
        board, now = self._board, time.monotonic()
        # Each is read once: another thread may set it at any moment.
        parameters, seconds = board.settings.parameters, board.seconds
        opened, compared, leads = board.opened, board.compared, board.leads
        mode = board.cards.mode
        soon = (
            parameters, seconds, opened, compared, leads, mode, self._note, self._told, self._asked
        )  # fmt: skip
        if soon != self._soon or board.closed or now - self._read_at >= FRAME_EVERY:
            self._soon, self._read_at = soon, now
            self._tick += 1

        def make() -> BoardFrame:
            frame = self._maker.make(
                board.followed(), parameters, seconds, note=self._note, told=self._told,
                opened=-1 if opened is None else board.sources.index(opened),
                compared=[board.sources.index(one) for one in compared], leads=leads,
                mode=mode, cards=board.newest_cards(mode),
            )  # fmt: skip
            for row in frame.rows:
                if row.time:
                    board.sessions[row.source].tried.add(parameters)
            return frame

        return self._tick, make
