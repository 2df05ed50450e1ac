"""What every venue is to the rest: bytes and a clock in, events and replies out.

A venue holds no socket, no thread and no clock. Whoever moves the bytes calls its methods with
the local time in nanoseconds, hands the events on, and carries the replies out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta, Struct

from obi_widgets.events import Event, Instrument, Refused, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from obi_widgets.book import Book

SECOND = 1_000_000_000
"""Nanoseconds."""

FOREVER = 2**63 - 1
"""A local time that does not come, ns."""

BOOK = "book"
"""The websocket that a venue's book comes by; frames that do not say come from it."""

# A text of "nan" or "inf" is a float too: in a book it would spoil the order of the levels.
WirePrice: TypeAlias = Annotated[float, Meta(gt=0, lt=1e18)]
WireTime: TypeAlias = Annotated[int, Meta(ge=0, lt=8_000_000_000_000)]
"""Milliseconds, until the year 2223."""

WireSize: TypeAlias = Annotated[float, Meta(ge=0, lt=1e18)]
WireLevel: TypeAlias = tuple[WirePrice, WireSize]


class Connect(Struct, frozen=True):
    """Keep a websocket to this URL from now on; reconnect when it is lost."""

    socket: str
    url: str


class Reconnect(Struct, frozen=True):
    """Drop this websocket and connect again."""

    socket: str
    reason: str


class Send(Struct, frozen=True):
    """Send this text on this websocket; when it is not connected, don't."""

    socket: str
    text: str


class Fetch(Struct, frozen=True):
    """GET this URL, after ``delay`` nanoseconds, and hand the answer to `Venue.fetched`."""

    name: str
    url: str
    delay: int = 0


Reply: TypeAlias = Connect | Reconnect | Send | Fetch
Output: TypeAlias = Event | Reply


class Skimmed(NamedTuple):
    """What was read of a recording at once.

    Attributes
    ----------
    at : int
        Where the first line begins that was not.
    lines : int
        How many were.
    outputs : list of Output
        What came of them beside the book; of trades only the newest.
    now : int
        The receive time of the last.
    changed : int, optional
        The event time of the change that it ended with, ns. Without one, the line that it ended
        at is to be read by `Venue.received`.
    """

    at: int
    lines: int = 0
    outputs: Sequence[Output] = ()
    now: int = 0
    changed: int | None = None


class Venue(ABC):
    """One symbol at one venue.

    Parameters
    ----------
    symbol : str
        As the venue spells it.
    endpoints : mapping of str to str, optional
        Base URLs that replace the venue's own: a test network, or a simulated exchange.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    endpoints: ClassVar[Mapping[str, str]]
    window: ClassVar[int] = 0
    """Levels a side that the venue keeps up to date by itself; 0: it tells of every change."""

    can_ask = True
    """Whether there is somebody to ask: not of a recording."""

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        self.symbol = symbol
        self.urls = {**self.endpoints, **(endpoints or {})}

    @abstractmethod
    def start(self, now: int) -> list[Output]:
        """Say what to connect to and to fetch first."""

    @abstractmethod
    def connected(self, socket: str, now: int) -> list[Output]:
        """Take note that a websocket is open."""

    @abstractmethod
    def disconnected(self, socket: str, reason: str, now: int) -> list[Output]:
        """Take note that a websocket was lost, or could not be opened."""

    @abstractmethod
    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:
        """Decode a frame of a websocket."""

    def ponged(self, socket: str, now: int) -> list[Output]:  # noqa: ARG002
        """Take note that a websocket answered a ping."""
        return []

    @abstractmethod
    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:
        """Decode an answer to a `Fetch`; status 0 is no answer, and the body then says why."""

    @abstractmethod
    def tick(self, now: int) -> list[Output]:
        """Take note of the time, several times a second: keepalives and watchdogs."""

    @abstractmethod
    def resync(self, reason: str, now: int) -> list[Output]:
        """Get a new snapshot: the book that the events led to is wrong."""

    def refresh(self, now: int) -> list[Output]:  # noqa: ARG002
        """Ask for a snapshot for a book in sync, whose price nears the edge of what is known.

        It is called at every change of such a book, so the venue limits the rate by itself. The
        answer comes as a `Splice`.
        """
        return []

    # A venue that has compiled code for its plain frames reads those into the book at once.

    def follow(self, frame: str | bytes, now: int, book: Book) -> int | None:  # noqa: ARG002
        """Apply a frame of the book's websocket to the book, when it plainly is its next change.

        Returns
        -------
        int, optional
            The event time, ns. None when the frame is to be given to `received`; nothing has been
            changed then.
        """
        return None

    def skim(self, data: bytes, at: int, until: int, book: Book) -> Skimmed:  # noqa: ARG002
        """Read lines of a recording for as long as they are plain, up to a change of the book.

        Parameters
        ----------
        data : bytes
            Whole lines of ``<receive time, ns> <frame>``.
        at : int
            Where the first one begins.
        until : int
            The receive time from which on a line is left.
        book : Book
            Which is in sync; changed.
        """
        return Skimmed(at)

    # -- shared by venues ------------------------------------------------------------------

    def instrument(self, *, quote: str, tick_size: float, contract_size: float) -> Instrument:
        """Return the facts of this symbol."""
        return Instrument(self.name, self.symbol, self.label, quote, tick_size, contract_size)

    def lost(self, was_open: bool, reason: str, now: int) -> Status:
        """Return that the book's websocket was lost, or could not be opened."""
        what = "lost its connection" if was_open else "cannot be reached"
        return Status(now, "connecting", f"{self.label} {what}: {reason}.", "Connecting again.")

    def unlisted(self, now: int) -> Status:
        """Return the end of a feed whose symbol the venue does not know."""
        return Status(
            now,
            "closed",
            f"{self.label} lists no symbol {self.symbol!r}.",
            "Check the spelling: it is the venue's own.",
        )

    def no_answer(self, fetch: Fetch, status: int, body: str | bytes, now: int) -> list[Output]:
        """Return what to show and do when a fetch failed: why, and try again."""
        detail, advice = explain(self.label, status, body)
        return [Status(now, "connecting", detail, advice), fetch]


def explain(label: str, status: int, body: str | bytes) -> tuple[str, str]:
    """Return what an HTTP status other than 200 means for a person, and what to do."""
    if status == 0:
        return f"{label} cannot be reached: {text(body, 160)}.", "Trying again every few seconds."
    if limits_rate(status, body):
        return f"{label} limits the rate of requests (HTTP {status}).", "Waiting before the next."
    if status in (403, 451):
        return (
            f"{label} refuses this location (HTTP {status}).",
            "Run the kernel elsewhere, choose another venue, or use sim: for the simulator.",
        )
    return f"{label} answered HTTP {status}: {text(body, 160)}.", "Trying again every few seconds."


def limits_rate(status: int, body: str | bytes) -> bool:
    """Tell whether an HTTP answer says that there were too many requests.

    Bybit says so with a 403, of which most others mean the location: its words tell them apart.
    """
    if status == 403:
        words = text(body, 4096).lower()
        return any(phrase in words for phrase in _TOO_MANY)
    return status in (418, 429)


_TOO_MANY = ("too frequent", "too many", "rate limit", "ratelimit")


def text(frame: str | bytes, limit: int = 80) -> str:
    """Return the beginning of a frame, for a message."""
    if isinstance(frame, bytes):
        frame = frame.decode("utf-8", "replace")
    frame = " ".join(frame.split())
    return frame if len(frame) <= limit else frame[: limit - 1] + "…"


def refused(frame: str | bytes, now: int, why: str) -> Refused:
    """Return that a frame could not be read."""
    return Refused(now, why, text(frame))


DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError)
"""What msgspec raises for bytes that are not the JSON that was expected."""
