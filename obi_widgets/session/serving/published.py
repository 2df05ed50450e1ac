"""One followed market as messages under two topics: its depth, and its signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.market_data.events import CURRENT
from obi_widgets.presentation.watch.messages import depth_message, signal_message, without_book
from obi_widgets.presentation.watch.row_maker import RowMaker
from obi_widgets.session.message_rate import filling
from obi_widgets.session.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.feeds.base import Feed
    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import State
    from obi_widgets.presentation.watch.row import Row
    from obi_widgets.session.serving.topics import Topics
    from obi_widgets.settings.parameters import Parameters

AT_ONCE = 50
"""Largest number of states that are published in one look, so that sockets are served between."""


def topics_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the topics of markets, by their names: the depth and the signal of each."""
    return tuple(topic for name in names for topic in (f"depth:{name}", f"signal:{name}"))


class PublishedMarket:
    """Publishes each new state of a market, and each change of the feed's state.

    Parameters
    ----------
    name : str
        Name of the market in its topics.
    feed : Feed
        The source.
    parameters : Parameters
        Settings of the signal.
    topics : Topics
        Where it is published. Both topics have a message at once, which says that the market is
        not known yet.

    Attributes
    ----------
    standing : Standing
        State of the feed at the newest look.
    missed : int
        Number of states that the history had dropped before they were published.
    """

    def __init__(self, name: str, feed: Feed, parameters: Parameters, topics: Topics) -> None:
        self.feed, self.missed = feed, 0
        self._parameters, self._topics = parameters, topics
        self._depth, self._signal = topics_of([name])
        self._maker = RowMaker(parameters)
        self._next: int | None = None  # number of the first state that was not published
        self._newest: Row | None = None  # the newest row with a time
        self._current: State = "live"  # of the feed when it had a book
        history = feed.market.history()
        standing = Standing.of(feed, history)
        # What is there already is published by the first look.
        state: State = "connecting" if standing.state in CURRENT else standing.state
        self.standing = standing._replace(state=state, has_book=False)
        self._publish_state(history, self.standing)

    def look(self) -> bool:
        """Publish what is new; return whether there may be more at once."""
        standing = Standing.of(self.feed, self.feed.market.history())
        history = self.feed.market.history()  # the end of a feed is looked at before its states
        self.standing = standing
        if standing.has_book:
            self._current = standing.state
        if filling(self.feed):  # a past: it is known when the present begins
            return False
        if self._next is None:
            if not len(history) and standing.state != "closed":
                self._publish_change(history, standing)
                return False
            # Of a recording each state is shown; else what came before is the past.
            past = 0 if self.feed.kind == "recording" else max(len(history) - 1, 0)
            self._next = history.start + past
            self._maker.follow(history[:past])
        end = history.start + len(history)
        first = max(self._next, history.start)
        self.missed += first - self._next
        last = min(first + AT_ONCE, end)
        for number in range(first, last):
            self._publish(history[: number + 1 - history.start], standing)
        self._next = last
        if last == end:
            self._publish_change(history, standing)
        return last < end

    def _publish(self, history: History, standing: Standing) -> None:
        """Publish the newest state of a history."""
        newest = history[-1:]
        has_book = not newest.lost[0]
        state, notes = standing.state, _notes(standing)
        # The feed may have gone on since this state: it has the state of the feed that fits it.
        if has_book and not standing.has_book:
            state, notes = self._current, ()
        elif standing.has_book and not has_book:
            state, notes = "gap", ()
        self._maker.follow(history)
        self._newest = row = self._maker.row(state, notes)
        self._shown = standing._replace(state=state, has_book=has_book)
        self._topics.publish(self._depth, depth_message(row, newest if has_book else None, notes))
        self._topics.publish(self._signal, signal_message(row))

    def _publish_change(self, history: History, standing: Standing) -> None:
        """Publish that the state of the feed is another one, if it is and no new state says so."""
        before = self._shown
        if standing.has_book and not before.has_book:
            return  # the first state of the new book says so, when it is kept
        lost = before.has_book and not standing.has_book
        if (standing.state, standing.detail) != (before.state, before.detail) or lost:
            self._publish_state(history, standing)

    def _publish_state(self, history: History, standing: Standing) -> None:
        """Publish the state of the feed, with the newest state again if that is still the book."""
        self._shown = standing
        notes, newest = _notes(standing), None
        if standing.has_book:
            newest = history[-1:]
            row = self._maker.row(standing.state, notes)
        else:
            row = without_book(self._parameters, standing.state, notes, self._newest)
        self._topics.publish(self._depth, depth_message(row, newest, notes))
        self._topics.publish(self._signal, signal_message(row))


def _notes(standing: Standing) -> tuple[str, ...]:
    return tuple(filter(None, (standing.detail, standing.advice)))
