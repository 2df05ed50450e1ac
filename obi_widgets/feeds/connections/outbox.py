"""What waits to be sent by a shared websocket, within the venue's limits."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from obi_widgets.market_data.venues.budget import Rate
from obi_widgets.market_data.venues.sharing import Requests, Subscription

if TYPE_CHECKING:
    from obi_widgets.market_data.venues.sharing import Sharing

HOUR = 3600.0

UNLIMITED = Rate(10, 1.0)
"""Texts that are sent to a venue that names no limit."""

SAME_WITHIN = 1.0
"""Seconds within which a text is not sent again: the answer to a keep-alive goes to all."""


class _One(NamedTuple):
    """One topic to subscribe to, or to leave."""

    on: bool
    topic: str
    group: str


class Outbox:
    """Puts requests of many markets together, and says when they may be sent.

    Requests of one topic keep their order, and those of books come before all others. Times are
    those of a steady clock, in seconds.

    Parameters
    ----------
    sharing : Sharing
        How the venue writes a request, and how many topics it takes.
    rate : Rate
        The messages that the venue takes.

    Attributes
    ----------
    requests : Requests
        What was sent, to recognise its answer.
    waiting : set of str
        The topics of requests that wait.
    """

    def __init__(self, sharing: Sharing, rate: Rate) -> None:
        self._sharing = sharing
        most, seconds = rate if rate.most else UNLIMITED
        self._a_second = most / seconds
        self.requests = Requests()
        self._together = sharing.together
        self._texts: deque[str] = deque()
        self._topics: list[_One] = []
        self.waiting: set[str] = set()
        self._on: set[str] = set()  # topics whose newest request that was sent subscribes to them
        self._said: dict[str, float] = {}  # when a text was sent or put here last
        self._room, self._filled_at = self._a_second, 0.0
        self._hour: deque[float] = deque()  # when subscriptions of the last hour were sent

    def say(self, text: str, now: float) -> None:
        """Put in a keep-alive, unless somebody has just sent the same."""
        if now - self._said.get(text, -SAME_WITHIN) >= SAME_WITHIN:
            self._said[text] = now
            self._texts.append(text)

    def ask(self, asked: Subscription) -> None:
        """Put in a request.

        A market whose request waits for long asks again. So what waits already is not put in twice,
        and a subscription that is ended before it was sent is not sent.
        """
        for topic in asked.topics:
            self._put(_One(asked.on, topic, asked.group))
        self._count()

    def _put(self, one: _One) -> None:
        places = [at for at, other in enumerate(self._topics) if other.topic == one.topic]
        newest = self._topics[places[-1]] if places else None
        if newest == one:
            return
        was_on = self._topics[places[-2]].on if len(places) > 1 else one.topic in self._on
        if newest is not None and newest.on and not one.on and not was_on:
            del self._topics[places[-1]]
        else:
            self._topics.append(one)

    def _count(self) -> None:
        self.waiting = {one.topic for one in self._topics}

    @property
    def rate(self) -> float:
        """Books that can be subscribed to in a second."""
        return self._a_second * self._together

    def apart(self) -> None:
        """Send each topic by itself from now on: a request may have been refused for another's."""
        self._together = 1

    def used_up(self, now: float) -> bool:
        """Return whether the venue allows no more subscriptions in this hour."""
        while self._hour and now - self._hour[0] >= HOUR:
            self._hour.popleft()
        return self._sharing.an_hour is not None and len(self._hour) >= self._sharing.an_hour

    def next(self, now: float) -> tuple[str, float | None]:
        """Take out what may be sent now.

        Returns
        -------
        text : str
            What to send; empty for nothing.
        wait : float, optional
            Seconds after which something else may be sent. None if there is nothing else.
        """
        if not self._texts and not self._topics:
            return "", None
        rate = self._a_second
        self._room = min(self._room + (now - self._filled_at) * rate, max(rate, 1.0))
        self._filled_at = now
        if self._room < 1:
            return "", (1 - self._room) / rate
        self._room -= 1
        if self._texts:
            return self._texts.popleft(), 0.0
        self._hour.append(now)
        asked = self._take()
        return self._sharing.write(asked, self.requests.add(asked)), 0.0

    def _take(self) -> Subscription:
        """Take out the topics of the next request."""
        waiting = sorted(self._topics, key=lambda one: not self._sharing.is_book(one.topic))
        first, together = waiting[0], list[str]()
        left = list[_One]()
        passed = set[str]()  # topics of which a request came before
        for one in waiting:
            alike = (one.on, one.group) == (first.on, first.group)
            if alike and one.topic not in passed and len(together) < self._together:
                together.append(one.topic)
            else:
                left.append(one)
            passed.add(one.topic)
        self._topics = left
        self._count()
        self._on = self._on.union(together) if first.on else self._on.difference(together)
        return Subscription(first.on, tuple(together), first.group)
