"""The base class of venues: bytes and times in, events and requests out.

A venue holds no socket, no thread and no clock, and knows no file format. A feed calls its methods
with the local time in nanoseconds, passes the events on, and carries out the requests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self

from obi_widgets.market_data.events import Instrument, Status
from obi_widgets.market_data.venues.budget import Budget
from obi_widgets.market_data.venues.http_answers import explain
from obi_widgets.market_data.venues.many_frames import Applied
from obi_widgets.market_data.venues.replies import BOOK, FOREVER, SECOND, Fetch, Output
from obi_widgets.market_data.venues.route import Route
from obi_widgets.market_data.venues.symbols import did_you_mean, own_spelling, similar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from obi_widgets.market_data.book import Book
    from obi_widgets.market_data.fees import Fees
    from obi_widgets.market_data.venues.many_frames import Frames, TradeRows
    from obi_widgets.market_data.venues.sharing import Sharing
    from obi_widgets.market_data.venues.sizes import SizeUnit
    from obi_widgets.market_data.venues.symbols import Contract


NOTHING_UNSENT: frozenset[str] = frozenset()


class FoundMarket(NamedTuple):
    """The market that a frame or a header belongs to.

    Attributes
    ----------
    venues : tuple of str
        Names of the venues that it may come from: several venues may speak one protocol.
    symbol : str
        As the venue spells it. Empty for a snapshot that does not contain its symbol.
    """

    venues: tuple[str, ...]
    symbol: str

    def __str__(self) -> str:
        return f"{self.venues[0]}:{self.symbol}"


class Venue(ABC):
    """The decoder of one symbol at one venue: bytes and times in, events and requests out.

    Class attributes describe the venue. A new venue is a subclass in a file of its own, an entry in
    `obi_widgets.market_data.venues.VENUES`, and a test file. ``tests/test_venue_contract.py`` tests
    every venue for what the notes below promise.

    Parameters
    ----------
    symbol : str
        As the venue spells it.
    endpoints : mapping of str to str, optional
        Base URLs that replace the venue's own, for a test network or a simulated exchange.

    Attributes
    ----------
    urls : dict of str to str
        The base URLs that are used.
    route : Route
        The proxy and the ``Origin`` that are used.
    can_ask : bool
        Whether requests are answered. A replay sets it to False.
    unsent : frozenset of {"book", "others"}
        Of what its requests still wait to be sent: of its book, of what comes beside it. A live
        feed sets it before `tick`: by a websocket that many markets share, requests may wait for
        long, and what was not asked for is not late.

    Notes
    -----
    *Who calls.* One thread owns a venue: that of a live feed, or of a replay. It calls the methods
    through `obi_widgets.feeds.market.Market`, which applies the returned events in order, and
    returns the requests for the feed to carry out.

    *When.* `start` is called once, first. `connected` is called when a websocket that the venue
    requested by `Connect` is open, `received` for each of its frames, and `disconnected` when it is
    lost or cannot be opened; the feed then opens it again by itself. `fetched` is called once for
    each `Fetch`, `ponged` when a `Ping` is answered, and `tick` several times a second in any case.
    `resync` is called when the book is impossible: it is crossed, or the price has left the known
    range. `doubt` is called just before `resync` if the newest event made the book impossible.
    `refresh` is called while a book is in sync and little of it is known. A replay calls the same
    methods with what was recorded. No request is answered then; see ``can_ask``.

    *Times* in arguments are nanoseconds of a steady clock that never goes back (see
    `obi_widgets.feeds.clocks`). Times in events are nanoseconds UTC of the exchange's clock.

    *What a venue promises.*

    - It returns no `Delta` before a `Snapshot`. After `disconnected`, `resync` or a `Status` of its
      own, the book is thrown away, and it returns no `Delta` until the next `Snapshot`.
    - It refuses a `Snapshot` that is older than what it has seen.
    - Some venues send older trades first upon a subscription. The venue refuses these with the
      reason `obi_widgets.market_data.venues.wire.PAST_TRADE`.
    - It raises no error, whatever the bytes are. A damaged frame, one of an unknown kind or of
      another symbol is a `Refused`. If it may have been a frame of the book, the venue requests a
      new book.
    - Sizes are in base units. The venue converts contracts by their size (see
      `obi_widgets.market_data.venues.sizes`), and returns no book before it knows that size.
    - It limits its requests, however often it is called and whatever it receives: it waits longer
      and longer between snapshots that it cannot use.
    - It requests ``urls`` only. Its own endpoints are wss and https.
    """

    name: ClassVar[str]
    """The name that a source begins with: ``name:SYMBOL``."""
    label: ClassVar[str]
    """The display name."""
    endpoints: ClassVar[Mapping[str, str]]
    """Base URLs by name: one for each websocket, and ``rest``."""
    testnet: ClassVar[Mapping[str, str]] = {}
    """The same of its test network, as far as they differ; empty if none is known."""
    levels: ClassVar[int]
    """The most levels a side in a snapshot."""
    window: ClassVar[int] = 0
    """Number of best levels a side that the venue reports; 0 if it reports every change."""
    lasts: ClassVar[int] = FOREVER
    """Time after which the venue ends a websocket, ns. A new one is opened before."""
    budget: ClassVar[Budget] = Budget()
    """How many connections and messages the venue allows."""
    whole_books: ClassVar[bool] = False
    """Whether each frame of the book is all of it, as it was when it was sent. Then a book whose
    time is long ago is late, however little happens in the market."""
    cadence: ClassVar[str]
    """How often the venue sends changes of the book, for the docs."""
    noticed_by: ClassVar[str]
    """How a change of the book that is lost is noticed, for the docs."""
    size_unit: ClassVar[Literal["coins", "contracts"]] = "coins"
    """The unit of sizes in frames."""
    streams: frozenset[Literal["trades", "mark"]] = frozenset()
    """The data beside the book: trades, and mark prices."""
    fees: ClassVar[Fees | None] = None
    """The fees; None if they are not known, since they are never guessed."""
    sharing: ClassVar[Sharing | None] = None
    """How many markets share one websocket; None if each needs its own."""
    asked_first: ClassVar[str] = "instrument"
    """The name of the request of the instrument, which recordings have. If its answer holds all
    markets, its URL is the same for all, and it is requested once for many."""
    source: str = ""
    """`History.source` of its states: empty, since they come from a venue."""
    counts_others: ClassVar[bool] = False
    """Whether messages of all markets of a websocket are numbered together, so that a recording
    gives the venue those of other markets too."""
    verified: ClassVar[bool] = True
    """Whether a change of the book that is lost is noticed. If not, it is never ``live``, but
    ``unverified``."""
    snapshot_lags: ClassVar[bool] = False
    """Whether the lag of every snapshot counts, also if nothing happened for long before it."""
    warms_up: ClassVar[bool] = False
    """Whether the venue begins with a past that is played as fast as possible."""

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        self.symbol = symbol
        self.urls = {**self.endpoints, **(endpoints or {})}
        self.route = Route()
        self.can_ask = True
        self.unsent: frozenset[str] = NOTHING_UNSENT

    def anew(self) -> Self:
        """Return a decoder of the same market that has heard nothing yet."""
        venue = self._copy()
        venue.route = self.route
        return venue

    def _copy(self) -> Self:
        return type(self)(self.symbol, endpoints=self.urls)

    @property
    def silent_at(self) -> int:
        """The steady time from which it is silent for longer than usual, ns, if nothing comes."""
        return FOREVER

    @property
    def note(self) -> str:
        """What the user should know of a live book; empty if nothing."""
        return ""

    @property
    def names(self) -> frozenset[str]:
        """The symbol, and other names that frames have for the same market."""
        return frozenset({self.symbol})

    @classmethod
    def spell(cls, base: str, quote: str, contract: Contract) -> str | None:  # noqa: ARG003
        """Return the venue's symbol of a market; None if it lists none of the kind.

        Other spellings find the venue's own by it.

        Parameters
        ----------
        base, quote : str
            In capitals, as ``BTC`` and ``USDT``. An empty quote is the venue's usual one for such
            a contract; None is returned if it has no usual one.
        contract : {"spot", "linear", "inverse"}
            The coins, or a perpetual that is settled in the quote currency or in the coins.
        """
        return None

    @classmethod
    def own_symbol(cls, spelling: str) -> str:
        """Return the venue's symbol of a market that is spelt in any common way.

        Raises
        ------
        SymbolError
            If the venue cannot have such a symbol. Whether it lists it is told by its answer.
        """
        symbol = own_spelling(spelling, cls.spell, cls.label)
        cls.check(symbol)
        return symbol

    @classmethod  # noqa: B027 most venues know all by `spell`
    def check(cls, symbol: str) -> None:
        """Raise a SymbolError if a symbol, as the venue spells it, cannot be one of its own."""

    @classmethod
    def market_of(cls, frame: str | bytes) -> FoundMarket | None:  # noqa: ARG003
        """Return the market that a frame belongs to. Captures are recognised by it.

        A venue that speaks the protocol of another one inherits this method. Then
        `obi_widgets.market_data.venues.market_of` names both.

        Returns
        -------
        FoundMarket, optional
            A market of this venue; its symbol is empty for a snapshot that does not contain it.
            None for a frame of another venue that the frames distinguish, of another protocol, or
            one that does not contain its market.
        """
        return None

    @abstractmethod
    def start(self, now: int) -> list[Output]:
        """Return what to connect to and to fetch first."""

    @abstractmethod
    def connected(self, socket: str, now: int) -> list[Output]:
        """Handle the opening of a websocket."""

    @abstractmethod
    def disconnected(self, socket: str, reason: str, now: int) -> list[Output]:
        """Handle the loss of a websocket, or one that could not be opened."""

    @abstractmethod
    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:
        """Decode a frame of a websocket."""

    @abstractmethod
    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:
        """Decode the answer to a `Fetch`. Status 0: there was no answer, and the body says why."""

    @abstractmethod
    def tick(self, now: int) -> list[Output]:
        """Check keepalives and timeouts; called several times a second."""

    @abstractmethod
    def resync(self, reason: str, now: int) -> list[Output]:
        """Throw the book away, which is wrong, and request a new snapshot."""

    def doubt(self) -> None:  # noqa: B027 most venues drop earlier events with the book
        """Distrust the newest event, which made the book impossible.

        The next book must not be built with it: its snapshot must contain that event.
        """

    def refresh(self, now: int) -> list[Output]:  # noqa: ARG002
        """Request a snapshot for a book in sync, whose price is near the edge of the known range.

        It is called at every change of such a book, so the venue limits the rate of its requests.
        The answer becomes a `Splice`.
        """
        return []

    def ponged(self, socket: str, now: int) -> list[Output]:  # noqa: ARG002
        """Handle the answer to a `Ping`."""
        return []

    def ask_time(self, now: int) -> list[Output]:  # noqa: ARG002
        """Request the venue's time by HTTP. The venue limits the rate of its requests."""
        return []

    def set_venue_time(self, time: int, now: int) -> None:  # noqa: B027 most do not need it
        """Store the venue's own time, ns UTC, which was received at ``now``."""

    # A venue with compiled code for its most frequent frames applies these to the book directly.

    def apply_frame(self, frame: str | bytes, now: int, book: Book) -> int | None:  # noqa: ARG002
        """Apply a frame of the book's websocket to the book, if it clearly is the next change.

        It is called while the book is in sync, and has the same effect as `received`.

        Returns
        -------
        int, optional
            The event time, ns. None if nothing was changed, and `received` must decode the frame.
        """
        return None

    def apply_trade(self, frame: str | bytes, now: int, trades: TradeRows) -> bool:  # noqa: ARG002
        """Append the trade in a frame of another websocket to the table, if it is a plain trade.

        It is called while the book is in sync. The result equals that of `received`.

        Parameters
        ----------
        frame : str or bytes
            The frame.
        now : int
            Its receive time by the wall clock, ns; not before the last trade.
        trades : TradeRows
            The table.

        Returns
        -------
        bool
            Whether it was appended. If not, nothing was changed, and `received` must handle it.
        """
        return False

    def apply_frames(
        self,
        frames: Frames,  # noqa: ARG002
        at: int,
        since: int,  # noqa: ARG002
        until: int,  # noqa: ARG002
        book: Book,  # noqa: ARG002
        trades: TradeRows,  # noqa: ARG002
    ) -> Applied:
        """Apply frames up to the next change of the book, or to one that needs `received`.

        It is called while the book is in sync, and has the same effect as `tick` and `received`
        for each frame.

        Parameters
        ----------
        frames : Frames
            Frames of any websocket of the venue.
        at : int
            Index of the first frame to apply.
        since, until : int
            Receive times, ns: it stops at a frame received before ``since`` or from ``until`` on.
        book : Book
            The book, in sync. Changed in place.
        trades : TradeRows
            The columns to append trades to.
        """
        return Applied(at)

    # -- events that venues have in common -----------------------------------------------

    def instrument(self, *, quote: str, tick_size: float, unit: SizeUnit) -> Instrument:
        """Return the instrument of this symbol."""
        return Instrument(self.name, self.symbol, self.label, quote, tick_size, *unit)

    def thrown_away(self, reason: str, wait: int, now: int) -> Status:
        """Return the status of a wrong book; a new one is requested in ``wait`` nanoseconds."""
        if not self.can_ask:
            advice = "A recording cannot send a new one: the book is back at its next snapshot."
        elif wait > SECOND:
            advice = (
                f"Asking for a new one in {wait // SECOND} s, because the last ones were wrong too."
            )
        else:
            advice = "Asking for a new one."
        return Status(now, "gap", f"The book was thrown away: {reason}.", advice)

    def lost(self, was_open: bool, reason: str, now: int) -> Status:
        """Return the status of a book whose websocket was lost, or could not be opened."""
        what = f"The connection to {self.label} was lost"
        if not was_open:
            what = f"{self.label} cannot be reached"
        return Status(now, "connecting", f"{what}: {reason}.", "Connecting again.")

    def unlisted(self, now: int, listed: Iterable[str] | None = None) -> Status:
        """Return the status that ends the feed of an unknown symbol.

        ``listed`` are all symbols of the venue, if it has said.
        """
        others = did_you_mean(similar(self.symbol, self.spell, listed))
        return Status(
            now,
            "closed",
            f"{self.label} lists no symbol {self.symbol!r}.",
            others or "Check how the venue spells it.",
        )

    def no_answer(self, fetch: Fetch, status: int, body: str | bytes, now: int) -> list[Output]:
        """Return the status of a failed fetch, and the same fetch again."""
        detail, advice = explain(self.label, status, body)
        return [Status(now, "connecting", detail, advice), fetch]
