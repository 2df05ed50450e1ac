"""What every venue is to the rest: bytes and a clock in, events and replies out.

A venue holds no socket, no thread and no clock, and knows no file format. Whoever moves the bytes
calls its methods with the local time in nanoseconds, hands the events on, and carries the replies
out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

from obi_widgets.errors import SymbolError
from obi_widgets.market_data.events import Instrument, Status
from obi_widgets.market_data.venues.http_answers import explain
from obi_widgets.market_data.venues.replies import BOOK, SECOND, Fetch, Output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from obi_widgets.market_data.book import Book
    from obi_widgets.market_data.fees import Fees


@dataclass(frozen=True, eq=False)
class Frames:
    """N frames in one piece of memory.

    Attributes
    ----------
    data : bytes
        Where they stand; there is a byte after each that no frame is made of.
    places : ndarray of int64, shape (3, N)
        When each came, ns; where it begins; and where the byte after it is. What is not plainly a
        frame came at 0 or before.
    """

    data: bytes
    places: NDArray[np.int64]

    def __getitem__(self, at: int) -> tuple[int, bytes]:
        """Return when one came, and the frame."""
        received, start, end = self.places[:, at].tolist()
        return received, self.data[start:end]


class Applied(NamedTuple):
    """What was read of many frames at once.

    Attributes
    ----------
    at : int
        The first frame that was not read.
    outputs : list of Output
        What came of them beside the book and trades.
    now : int
        The receive time of the last.
    changed : int, optional
        The event time of the change that it ended with, ns. Without one, the frame that it ended
        at is to be read by `Venue.received`.
    """

    at: int
    outputs: Sequence[Output] = ()
    now: int = 0
    changed: int | None = None


class TradeRows(Protocol):
    """Where compiled code writes trades, behind those that stand there.

    Attributes
    ----------
    stamps : ndarray of int64, shape (3, room)
        Event time and receive time, ns; the venue's number.
    amounts : ndarray of int32 or int64, shape (2, room)
        Price and size in steps of so many ``decimals``; the size is below 0 where the taker sold.
    count : int
        Rows that are written.
    decimals : sequence of int
        Of prices and of sizes. A trade that needs more is left to `Venue.received`.
    """

    stamps: NDArray[np.int64]
    amounts: NDArray[Any]
    count: int
    decimals: list[int]

    def took(self, count: int) -> None:
        """Take note that there are so many now."""


class FoundMarket(NamedTuple):
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
    """One symbol at one venue: bytes and a clock in, events and replies out.

    What a venue is, it says by its class attributes; a new one is a subclass in a file of its own,
    a line in `obi_widgets.market_data.venues.VENUES`, and a test file.
    ``tests/test_venue_contract.py`` holds every venue to what follows.

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
    *Who calls.* One thread owns a venue: the feed that moves its bytes, or the player of a
    recording. The methods are called through `obi_widgets.feeds.market.Market`, which applies the
    events that they return, in order, and hands the replies back to be carried out.

    *When.* `start` is called once, first. `connected` is called when a websocket that it asked for
    by `Connect` is open, `received` for each frame that then comes by it, `disconnected` when it
    is lost or could not be opened; it is then opened again without being asked for. `fetched` is
    called once for each `Fetch`, `ponged` for a `Ping` that was answered, `tick` several times a
    second whatever else happens. `resync` is called when the book that the events led to cannot be
    (crossed, or left by the price), `doubt` just before it when the newest event is to blame,
    `refresh` while a book is in sync and little of it is known. A recording calls the same
    methods with what was recorded; nothing that is asked for is answered then, see ``can_ask``.

    *Times* that are given are nanoseconds of a steady clock that never goes back (see
    `obi_widgets.feeds.clocks`). Times in events are the exchange's, nanoseconds UTC.

    *What it promises.*

    - There is no `Delta` before a `Snapshot`; and none after `disconnected`, `resync` or a `Status`
      of its own until the next `Snapshot`, since the book is then thrown away.
    - A `Snapshot` that is older than what was seen is refused.
    - No bytes make it raise. What is damaged, of a kind that is not known, or of another symbol is
      a `Refused`; where a frame of the book may have been lost by it, a new book is asked for.
    - Sizes are in base units: what the venue counts in contracts is multiplied here, and no book
      comes before the contract size is known.
    - What it asks for is bounded, however often it is called and whatever comes: it waits longer
      and longer between snapshots that are of no use.
    - It asks ``urls`` alone, and those of its own are wss and https.
    """

    name: ClassVar[str]
    """What a source begins with: ``name:SYMBOL``."""
    label: ClassVar[str]
    """Its name for people."""
    endpoints: ClassVar[Mapping[str, str]]
    """Base URLs by name: each websocket's, and ``rest``."""
    levels: ClassVar[int]
    """Levels a side that a snapshot holds at most."""
    window: ClassVar[int] = 0
    """Levels a side that the venue keeps up to date by itself; 0: it tells of every change."""
    size_unit: ClassVar[Literal["coins", "contracts"]] = "coins"
    """What sizes on the wire are counted in."""
    streams: ClassVar[frozenset[Literal["trades", "mark"]]] = frozenset()
    """What it tells beside the book: each a kind of event."""
    fees: ClassVar[Fees | None] = None
    """What it charges; None where that is not known, since none is ever guessed."""
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
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: ARG003
        """Return which market a frame in this venue's protocol is of: so captures are recognised.

        A venue that takes another's protocol takes over its method; `venues.market_of` then names
        both.

        Returns
        -------
        FoundMarket, optional
            Of this venue, or of a sister that its frames tell apart. None for a frame that does
            not tell, or that is of another protocol.
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

    def set_venue_time(self, time: int, now: int) -> None:  # noqa: B027 most do not need it
        """Take note of what the venue's own clock says, ns UTC."""

    # A venue that has compiled code for its plain frames reads those into the book at once.

    def apply_frame(self, frame: str | bytes, now: int, book: Book) -> int | None:  # noqa: ARG002
        """Apply a frame of the book's websocket to the book, when it plainly is its next change.

        It is called while the book is in sync. What it comes to is what `received` comes to.

        Returns
        -------
        int, optional
            The event time, ns. None when the frame is to be given to `received`; nothing has been
            changed then.
        """
        return None

    def apply_frames(
        self,
        frames: Frames,  # noqa: ARG002
        at: int,
        since: int,  # noqa: ARG002
        until: int,  # noqa: ARG002
        book: Book,  # noqa: ARG002
        trades: TradeRows,  # noqa: ARG002
    ) -> Applied:
        """Read frames for as long as they are plain, up to a change of the book.

        It is called while the book is in sync. What it comes to is what `tick` and `received` come
        to, frame by frame.

        Parameters
        ----------
        frames : Frames
            Of whichever websocket.
        at : int
            The first one to read.
        since, until : int
            The receive times between which a frame must be; one that is not is left.
        book : Book
            Which is in sync; changed.
        trades : TradeRows
            What trades are written to.
        """
        return Applied(at)

    # -- what venues say ------------------------------------------------------------------

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
