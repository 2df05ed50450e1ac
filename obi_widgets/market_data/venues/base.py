"""What every venue is to the rest: bytes and a clock in, events and replies out.

A venue holds no socket, no thread and no clock. Whoever moves the bytes calls its methods with
the local time in nanoseconds, hands the events on, and carries the replies out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta, Struct

from obi_widgets.errors import SymbolError
from obi_widgets.market_data.events import Event, Instrument, Refused, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from obi_widgets.market_data.book import Book

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

WireStep: TypeAlias = Annotated[float, Meta(ge=1e-12, le=1e9)]
"""A tick size, or a contract size."""

WireId: TypeAlias = Annotated[int, Meta(ge=0, lt=2**62)]
"""Of an update, in a sequence or of a trade."""

SMALLEST = 1e-18
"""A size on the wire below it is none: times a contract size, a float32 would make it zero."""


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


class Ping(Struct, frozen=True):
    """Send a protocol ping on this websocket, and call `Venue.ponged` when it is answered."""

    socket: str


Reply: TypeAlias = Connect | Reconnect | Send | Fetch | Ping
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


class Found(NamedTuple):
    """A market that bytes tell of.

    Attributes
    ----------
    venues : tuple of str
        It is at one of these: several venues may speak one protocol.
    symbol : str
        As the venue spells it. Empty for a picture of a book that does not say of which market.
    """

    venues: tuple[str, ...]
    symbol: str

    def __str__(self) -> str:
        return f"{self.venues[0]}:{self.symbol}"


class Venue(ABC):
    """One symbol at one venue.

    Parameters
    ----------
    symbol : str
        As the venue spells it.
    endpoints : mapping of str to str, optional
        Base URLs that replace the venue's own: a test network, or a simulated exchange.

    Attributes
    ----------
    can_ask : bool
        Whether what it asks for is answered. Whoever plays a recording sets it to False.

    Notes
    -----
    The times that its methods take are of a steady clock (see `obi_widgets.feeds.clocks`).
    """

    name: ClassVar[str]
    label: ClassVar[str]
    endpoints: ClassVar[Mapping[str, str]]
    window: ClassVar[int] = 0
    """Levels a side that the venue keeps up to date by itself; 0: it tells of every change."""
    warms_up: ClassVar[bool] = False
    """Whether it begins with a past that it plays as fast as possible."""

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        self.symbol = symbol
        self.urls = {**self.endpoints, **(endpoints or {})}
        self.can_ask = True

    @property
    def note(self) -> str:
        """What is to be known of a book that is live; empty when there is nothing."""
        return ""

    @classmethod
    def check(cls, symbol: str) -> None:
        """Raise a SymbolError for a symbol that cannot be one of this venue's."""
        if symbol != symbol.upper():
            raise SymbolError(
                f"{cls.label} has no symbol {symbol!r}: they are spelt in capitals.",
                f"Give '{cls.name}:{symbol.upper()}'.",
            )

    @classmethod
    def market_of(cls, frame: str | bytes) -> Found | None:  # noqa: ARG003
        """Return which market a frame in this venue's protocol is of: so captures are recognised.

        Returns
        -------
        Found, optional
            Also at a sister venue that is told by its frames. None for a frame that does not
            tell, or that is of another protocol.
        """
        return None

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

    @abstractmethod
    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:
        """Decode an answer to a `Fetch`; status 0 is no answer, and the body then says why."""

    @abstractmethod
    def tick(self, now: int) -> list[Output]:
        """Take note of the time, several times a second: keepalives and watchdogs."""

    @abstractmethod
    def resync(self, reason: str, now: int) -> list[Output]:
        """Get a new snapshot: the book that the events led to is wrong."""

    def doubt(self) -> None:  # noqa: B027 most forget what came before a new snapshot
        """Take note that the newest event led to a book that cannot be.

        A new book is not to be made with it: its snapshot must be of that event or a later one.
        """

    def refresh(self, now: int) -> list[Output]:  # noqa: ARG002
        """Ask for a snapshot for a book in sync, whose price nears the edge of what is known.

        It is called at every change of such a book, so the venue limits the rate by itself. The
        answer comes as a `Splice`.
        """
        return []

    def ponged(self, socket: str, now: int) -> list[Output]:  # noqa: ARG002
        """Take note that a `Ping` was answered."""
        return []

    def ask_time(self, now: int) -> list[Output]:  # noqa: ARG002
        """Ask the venue for its time, by an answer over HTTP; it limits the rate by itself."""
        return []

    def told(self, time: int, now: int) -> None:  # noqa: B027 most do not need it
        """Take note of what the venue's own clock says, ns UTC."""

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

    def skim(self, data: bytes, at: int, since: int, until: int, book: Book) -> Skimmed:  # noqa: ARG002
        """Read lines of a recording for as long as they are plain, up to a change of the book.

        Parameters
        ----------
        data : bytes
            Whole lines of ``<receive time, ns> <frame>``.
        at : int
            Where the first one begins.
        since, until : int
            The receive times between which a line must be; one that is not is left.
        book : Book
            Which is in sync; changed.
        """
        return Skimmed(at)

    # -- shared by venues ------------------------------------------------------------------

    def instrument(self, *, quote: str, tick_size: float, contract_size: float) -> Instrument:
        """Return the facts of this symbol."""
        return Instrument(self.name, self.symbol, self.label, quote, tick_size, contract_size)

    def thrown_away(self, reason: str, wait: int, now: int) -> Status:
        """Return that the book is wrong, and that a new one is asked for in so many ns."""
        if not self.can_ask:
            advice = (
                "A recording cannot be asked for a new one: the book is back at its next snapshot."
            )
        elif wait > SECOND:
            advice = (
                f"Asking for a new one in {wait // SECOND} s, because the last ones were wrong too."
            )
        else:
            advice = "Asking for a new one."
        return Status(now, "gap", f"The book was thrown away: {reason}.", advice)

    def lost(self, was_open: bool, reason: str, now: int) -> Status:
        """Return that the book's websocket was lost, or could not be opened."""
        what = f"The connection to {self.label} was lost"
        if not was_open:
            what = f"{self.label} cannot be reached"
        return Status(now, "connecting", f"{what}: {reason}.", "Connecting again.")

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


class Tries:
    """How long to wait before a snapshot is asked for again: 1, 2, 4 … 60 s.

    A book that stood for a while begins the row anew.
    """

    stood = 3 * SECOND
    most = 60 * SECOND
    forget_after = 120 * SECOND

    def __init__(self) -> None:
        self.count = 0
        self.good_at = -self.stood  # steady time at which a book began
        self.tried_at = 0

    def began(self, now: int) -> None:
        """Take note that there is a book."""
        self.good_at = now

    def wait(self, now: int, *, had_book: bool = False) -> int:
        """Return the nanoseconds to wait before the next try, and count it."""
        stood = had_book and now - self.good_at >= self.stood
        if stood or now - self.tried_at >= self.forget_after:
            self.count = 0
        self.count += 1
        self.tried_at = now
        return min(SECOND << min(self.count - 1, 6), self.most)


def sound(levels: Iterable[tuple[float, float]]) -> bool:
    """Return whether every size is zero, or one that can be held."""
    return not any(0 < size < SMALLEST for _, size in levels)


def explain(label: str, status: int, body: str | bytes) -> tuple[str, str]:
    """Return what an HTTP status other than 200 means for a person, and what to do."""
    if status == 0:
        return f"{label} cannot be reached: {text(body, 160)}.", "Trying again every few seconds."
    if limits_rate(status, body):
        return limited(label, status), "The next request waits until it is allowed."
    if status in (403, 451):
        return (
            f"{label} refuses this location (HTTP {status}).",
            "Run the kernel elsewhere, choose another venue, or use sim: for the simulator.",
        )
    return f"{label} answered HTTP {status}: {text(body, 160)}.", "Trying again every few seconds."


def limited(label: str, status: int) -> str:
    """Return that a venue takes no requests for a while, and why."""
    if status == 418:
        why = "has banned this computer's address for a while: it sent too many requests"
    elif status in (403, 429):
        why = "takes no requests for a while: too many came from this computer's address"
    else:
        why = "takes no requests for a while"
    return f"{label} {why} (HTTP {status})."


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
    frame = frame[: 8 * limit]
    if isinstance(frame, bytes):
        frame = frame.decode("utf-8", "replace")
    elif not frame.isascii():  # JSON may hold half a character
        frame = frame.encode("utf-8", "replace").decode()
    frame = " ".join(frame.split())
    return frame if len(frame) <= limit else frame[: limit - 1] + "…"


def refused(frame: str | bytes, now: int, why: str) -> Refused:
    """Return that a frame could not be read."""
    return Refused(now, why, text(frame))


DECODE_ERRORS = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)
"""What msgspec raises for bytes that are not the JSON that was expected: also for what is nested
too deeply, for text that is none, and for numbers of thousands of digits."""
