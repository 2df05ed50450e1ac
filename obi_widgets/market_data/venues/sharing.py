"""How the markets of a venue share one websocket: what is subscribed to, and whose a frame is.

A decoder knows one market, and sends texts as if the websocket were its own. A venue that lets many
markets share one says here how such a text is read and written, of which topic a frame is, and whom
an answer concerns. It holds no socket and no clock; `obi_widgets.feeds.connections` does.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from obi_widgets.market_data.venues.wire import DECODE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Kind = TypeVar("Kind")

HEAD = 400
"""Bytes at the beginning of a frame in which its topic is looked for first."""

KEPT_REQUESTS = 500
"""Number of requests whose answers are still recognised."""


class Subscription(NamedTuple):
    """A request to subscribe to topics, or to end that.

    Attributes
    ----------
    on : bool
        Whether to subscribe.
    topics : tuple of str
        The topics, in a spelling of ours that says the channel and the market.
    group : str
        The rest of the request. Only requests of one group can be sent as one.
    """

    on: bool
    topics: tuple[str, ...]
    group: str = ""


class Answer(NamedTuple):
    """Whom a frame without a topic concerns.

    Attributes
    ----------
    topics : collection of str, optional
        Those who hold these topics; None for all markets of the websocket.
    frame : bytes, optional
        What they are given in its place; None for the frame as it came.
    refused : str
        Why the venue refused their subscription, if a decoder cannot read that from the frame:
        their part of the websocket is closed. Empty otherwise.
    failed : bool
        Whether a request was refused. It may have been refused whole, for one of its topics.
    ends : bool
        Whether the venue is about to close the websocket.
    lasts : bool
        Whether who joins later has to be told, too: the venue says it once, when a websocket opens.
    """

    topics: Collection[str] | None = None
    frame: bytes | None = None
    refused: str = ""
    failed: bool = False
    ends: bool = False
    lasts: bool = False


NOBODY = Answer(())


FIRST_NUMBER = 1001
"""Number of the first request: decoders number their own from 1."""


class Requests:
    """The requests that were sent, by number, to tell whom an answer concerns."""

    def __init__(self) -> None:
        self._sent: dict[int, Subscription] = {}
        self._newest = FIRST_NUMBER - 1

    def add(self, asked: Subscription) -> int:
        """Store a request; return its number."""
        self._newest += 1
        self._sent[self._newest] = asked
        if len(self._sent) > KEPT_REQUESTS:
            del self._sent[next(iter(self._sent))]
        return self._newest

    def get(self, number: int | None) -> Subscription | None:
        """Return a request; None if it is not known."""
        return self._sent.get(number or 0)

    def topics(self, number: int | None) -> tuple[str, ...] | None:
        """Return the topics of a request; None if it is not known."""
        asked = self.get(number)
        return None if asked is None else asked.topics

    def take(self, *, on: bool, listed: Collection[str] = ()) -> str:
        """Return the topic of the request that is answered, where answers have no number.

        It is the oldest of a listed topic, or else the oldest of all; empty if there is none. Each
        request has one topic.
        """
        waiting = [(number, one.topics[0]) for number, one in self._sent.items() if one.on == on]
        own = [one for one in waiting if one[1] in listed] or waiting
        if not own:
            return ""
        del self._sent[own[0][0]]
        return own[0][1]


class Sharing(ABC):
    """What a venue says of a websocket that many of its markets share.

    Attributes
    ----------
    markets : int
        The most markets of one websocket.
    together : int
        The most topics of one request.
    an_hour : int, optional
        The most subscriptions that are sent in an hour.
    books : str
        How the topics of books begin: these are sent first. Empty where all go together.
    """

    markets: ClassVar[int]
    together: ClassVar[int] = 1
    an_hour: ClassVar[int | None] = None
    books: ClassVar[str] = ""

    def address(self, url: str) -> tuple[str, Subscription | None]:
        """Return the URL that all markets share, and what one of them subscribes to by its own."""
        return url, None

    @abstractmethod
    def read(self, text: str) -> Subscription | None:
        """Return what a decoder asks for; None for any other text, such as a keep-alive."""

    @abstractmethod
    def write(self, asked: Subscription, number: int) -> str:
        """Return the text of a request."""

    def is_book(self, topic: str) -> bool:
        """Return whether a topic is that of a book, or its kind does not matter."""
        return topic.startswith(self.books)

    def keys(self, topic: str, names: Collection[str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the topics that frames of a topic may say, given the names of the market."""
        return (topic,)

    @abstractmethod
    def topics_of(self, frame: bytes) -> Collection[str]:
        """Return the topics that a frame has data of; none for an answer, or a frame for all.

        It is called for each frame, so it reads the fields that say the topic, and no others.

        Raises
        ------
        DECODE_ERRORS
            If it cannot be read.
        """

    @abstractmethod
    def answer(self, frame: bytes, requests: Requests) -> Answer:
        """Return whom a frame without a topic concerns.

        Raises
        ------
        DECODE_ERRORS
            If it cannot be read. Then it is given to all.
        """

    def number_of(self, frame: bytes) -> int | None:  # noqa: ARG002
        """Return the number of a frame, where all frames of a websocket are numbered together."""
        return None

    def skipped(self, last: int) -> bytes:
        """Return a frame that says that all up to this number came, and are of other markets."""
        raise NotImplementedError


class TopicSharing(Sharing):
    """A venue whose requests are ``{"op":…,"args":[topics]}``, and whose frames say a ``topic``."""

    def read(self, text: str) -> Subscription | None:  # noqa: D102
        operation = decoded(_operations, text)
        if operation is None or operation.op not in ("subscribe", "unsubscribe"):
            return None
        return Subscription(operation.op == "subscribe", operation.args)

    def topics_of(self, frame: bytes) -> Collection[str]:  # noqa: D102
        if found := _TOPIC.search(frame, 0, HEAD):
            return (found[1].decode(),)
        topic = _topics.decode(frame).topic
        return (topic,) if topic else ()


class _Operation(Struct):
    op: str
    args: tuple[str, ...] = ()


class _Topic(Struct):
    topic: str = ""


_operations = msgspec.json.Decoder(_Operation)
_topics = msgspec.json.Decoder(_Topic)
_TOPIC = re.compile(rb'"topic"\s*:\s*"([^"\\]+)"')


def decoded(decoder: msgspec.json.Decoder[Kind], text: str) -> Kind | None:
    """Return what a text says; None if it says something else."""
    try:
        return decoder.decode(text)
    except DECODE_ERRORS:
        return None


def distinct(found: Iterable[bytes]) -> list[str]:
    """Return names that were found in a frame, each once."""
    return [name.decode() for name in dict.fromkeys(found)]
