"""Messages under topics, and the queue of each subscriber. It knows no socket and no clock.

A message is encoded once, and all queues hold the same bytes. A topic numbers its messages from 1
on without a gap, so a subscriber sees what it has lost. Whoever subscribes gets the newest message
of the topic at once: each message stands alone, so that one is the snapshot.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from obi_widgets.errors import SourceError, quoted, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MOST_WAITING = 4 * 2**20
"""Largest number of bytes that may wait for a subscriber. With one byte more it is shed."""

_ENCODER = msgspec.json.Encoder()  # NaN is null


class Subscriber:
    """Somebody who gets messages: a queue with a bound.

    Parameters
    ----------
    wake : callable
        Called without arguments each time that a message was put into the queue, and when the
        subscriber is shed. It must not block.
    most : int
        Largest number of bytes that may wait.

    Attributes
    ----------
    bytes : int
        Number of bytes that wait.
    shed : bool
        Whether more has come than the queue holds. The queue is then empty, and stays so.
    """

    def __init__(self, wake: Callable[[], object], most: int = MOST_WAITING) -> None:
        self.bytes, self.shed = 0, False
        self._wake, self._most = wake, most
        self._waiting: deque[bytes] = deque()

    def put(self, message: bytes) -> None:
        """Put a message into the queue; shed the subscriber if it is full."""
        if self.shed:
            return
        self._waiting.append(message)
        self.bytes += len(message)
        if self.bytes > self._most:
            self._waiting.clear()
            self.bytes, self.shed = 0, True
        self._wake()

    def take(self) -> bytes | None:
        """Return the oldest message and forget it; None if none waits."""
        if not self._waiting:
            return None
        message = self._waiting.popleft()
        self.bytes -= len(message)
        return message


class Topics:
    """All topics, and who has subscribed to which.

    Parameters
    ----------
    names : iterable of str
        Names of the topics.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._subscribers: dict[str, set[Subscriber]] = {name: set() for name in names}
        self._sequence = dict.fromkeys(self._subscribers, 0)
        self._newest: dict[str, bytes] = {}  # the message without its head

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all topics."""
        return tuple(self._subscribers)

    def sequence(self, name: str) -> int:
        """Return the number of a topic's newest message; 0 before the first."""
        return self._sequence[name]

    def publish(self, name: str, fields: Mapping[str, Any]) -> None:
        """Encode a message with its number, and put it into the queue of each subscriber.

        Parameters
        ----------
        name : str
            The topic.
        fields : mapping of str to object
            What the message says beside its topic and number; at least one field. NaN becomes null.
        """
        self._sequence[name] += 1
        self._newest[name] = _ENCODER.encode(fields)
        subscribers = self._subscribers[name]
        if subscribers:
            message = self._message(name, snapshot=False)
            for subscriber in subscribers:
                subscriber.put(message)

    def subscribe(self, subscriber: Subscriber, names: Iterable[str]) -> None:
        """Put the newest message of some topics into a queue, and from now on each further one.

        Of a topic that it has subscribed to already, it gets the newest message again.

        Raises
        ------
        SourceError
            If there is no such topic. Nothing is subscribed to then.
        """
        for name in self._known(names):
            if name in self._newest:
                subscriber.put(self._message(name, snapshot=True))
            self._subscribers[name].add(subscriber)

    def unsubscribe(self, subscriber: Subscriber, names: Iterable[str]) -> None:
        """Put no more messages of some topics into a queue.

        Raises
        ------
        SourceError
            If there is no such topic.
        """
        for name in self._known(names):
            self._subscribers[name].discard(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        for subscribers in self._subscribers.values():
            subscribers.discard(subscriber)

    def _known(self, names: Iterable[str]) -> tuple[str, ...]:
        asked = tuple(dict.fromkeys(names))
        for name in asked:
            if name not in self._subscribers:
                known = suggest(name, self._subscribers)
                raise SourceError(f"There is no topic {quoted(name)}.", known)
        return asked

    def _message(self, name: str, *, snapshot: bool) -> bytes:
        head = {"topic": name, "sequence": self._sequence[name], "snapshot": snapshot}
        return _ENCODER.encode(head)[:-1] + b"," + self._newest[name][1:]
