"""The decoder of books that a user's code gives: objects and times in, events out.

It has the contract of every venue, `obi_widgets.market_data.venues.base.Venue`, so that the same
code keeps book and history. But there is nothing to connect to, to ask or to decode.

There is one clock, that of the books: a book counts as received at its own time, unless the time of
its receipt is given too. So the history does not depend on how fast the books come.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from obi_widgets.feeds.given.checks import (
    BadBookError,
    TimeCheck,
    both_sides,
    positive,
    taker_side,
    trade_id,
)
from obi_widgets.history.provenance import utc
from obi_widgets.market_data.events import Instrument, Refused, Snapshot, Status, Trade
from obi_widgets.market_data.venues.base import Venue
from obi_widgets.market_data.venues.replies import BOOK, SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.venues.replies import Output

QUIET = 60 * SECOND
"""Shortest silence that is told, ns."""

USUAL = 10
"""A silence is told when it is longer than so many usual times between two books."""

LEARN = 10
"""Books after which the usual time between two is known."""

DISORDER = SECOND
"""A book that is older than the newest by no more than this comes late, and is left out alone."""


class Given(Venue):
    """What a user's code gives of one market.

    Parameters
    ----------
    instrument : Instrument
        The market.
    source : str
        Who gives it, for provenance: ``"an iterator given by the user"``.

    Attributes
    ----------
    newest : int
        Greatest time of a book or a receipt so far, ns.
    left_out : Counter
        Number of books and trades that were not used, by the kind of fault.
    count : int
        Their sum.
    """

    name = "given"
    label = "given"
    endpoints: ClassVar[Mapping[str, str]] = {}
    levels = 0
    snapshot_lags = True

    def __init__(self, instrument: Instrument, source: str) -> None:
        super().__init__(instrument.symbol)
        self.given = instrument
        self.label = instrument.label or source  # type: ignore[misc]  # each has its own
        self.source = source
        self.can_ask = False
        self.newest = 0
        self.left_out: Counter[str] = Counter()
        self.count = 0
        self._time = TimeCheck()
        self._book_at = 0  # time of the newest book
        self._spacing = 0.0  # usual time between two books, ns
        self._books = 0
        self._last = ""

    @property
    def note(self) -> str:
        """What was left out, and why the last of it."""
        return f"{self.count:,} left out. The last: {self._last}" if self.count else ""

    @property
    def unused(self) -> tuple[str, ...]:
        """A sentence about what was not used, for the notes of the history."""
        if not self.left_out:
            return ()
        counts = ", ".join(f"{kind} {count:,}" for kind, count in self.left_out.items())
        return (f"Books and trades that were not used: {counts}.",)

    @property
    def quiet(self) -> int:
        """The longest time between two books that is usual, ns."""
        return max(QUIET, round(USUAL * self._spacing)) if self._books > LEARN else 2**62

    def book(
        self, time: object, bids: object, asks: object, received: object = None
    ) -> list[Output]:
        """Return the events of a whole book.

        Parameters
        ----------
        time, received, bids, asks
            See `obi_widgets.feeds.given.feed.Feed.book`.
        """
        try:
            at = self._time(time)
            heard = at if received is None else self._time(received, "received")
            if at < self._book_at:
                return self._older(at)
            sides = both_sides(bids, asks)
        except BadBookError as error:
            return self.refuse(error)
        self.newest = max(self.newest, heard)
        outputs: list[Output] = []
        if self._book_at:
            step = at - self._book_at
            if step > QUIET and step > self.quiet:
                what = f"No book came for {step / SECOND:,.0f} s."
                outputs.append(Status(self.newest, "gap", what, "It goes on with the next."))
            else:
                self._books += 1
                self._spacing += (step - self._spacing) / min(self._books, 100)
        self._book_at = at
        outputs.append(Snapshot(at, self.newest, 0, *sides))
        return outputs

    def trade(
        self,
        time: object,
        price: object,
        size: object,
        side: object,
        number: object = 0,
        received: object = None,
    ) -> list[Output]:
        """Return the event of a trade; see `obi_widgets.feeds.given.feed.Feed.trade`."""
        try:
            at = self._time(time)
            heard = at if received is None else self._time(received, "received")
            made = Trade(
                at,
                heard,
                positive("price", price),
                positive("size", size),
                taker_side(side),
                trade_id(number),
            )
        except BadBookError as error:
            return [self._count(error)]
        self.newest = max(self.newest, heard)
        return [made]

    def _older(self, time: int) -> list[Output]:
        """Leave out a book that is older than the newest; the newest stays."""
        before = (self._book_at - time) / SECOND
        error = BadBookError(
            "older than the newest",
            f"The book is {before:,.3g} s older than the one before it.",
            "Give books in the order of time.",
        )
        return self.refuse(error) if before * SECOND > DISORDER else [self._count(error)]

    def refuse(self, error: BadBookError) -> list[Output]:
        """Leave out a book: what the market is now, is not known until the next."""
        refused = self._count(error)
        after = f" after {utc([self._book_at])[0][11:23]}" if self._book_at else ""
        what = f"A book{after} was left out: {error.what}"
        return [refused, Status(self.newest, "gap", what, error.advice)]

    def _count(self, error: BadBookError) -> Refused:
        self._leave_out(error.kind, error.what)
        return Refused(self.newest, error.kind, error.what)

    def _leave_out(self, kind: str, why: str) -> None:
        self.left_out[kind] += 1
        self.count += 1
        self._last = why

    # -- the rest of the contract: nothing to connect to -----------------------------------

    def start(self, now: int) -> list[Output]:  # noqa: ARG002
        """Return the instrument."""
        return [self.given]

    def connected(self, socket: str, now: int) -> list[Output]:  # noqa: ARG002
        """Return nothing."""
        return []

    def disconnected(self, socket: str, reason: str, now: int) -> list[Output]:  # noqa: ARG002
        """Return nothing."""
        return []

    def received(
        self,
        frame: str | bytes,  # noqa: ARG002
        now: int,
        socket: str = BOOK,  # noqa: ARG002
    ) -> list[Output]:
        """Refuse a frame: objects are given instead."""
        return [Refused(now, "frame")]

    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:  # noqa: ARG002
        """Return nothing."""
        return []

    def tick(self, now: int) -> list[Output]:  # noqa: ARG002
        """Return nothing."""
        return []

    def resync(self, reason: str, now: int) -> list[Output]:
        """Throw the book away: the next one that is given begins it again."""
        self._leave_out("impossible", f"{reason}.")
        what = f"The book was thrown away: {reason}."
        advice = "The next book goes on."
        if "grid" in reason:
            advice = "Round the prices to the tick size of the market, and give tick_size."
        return [Status(now, "gap", what, advice)]
