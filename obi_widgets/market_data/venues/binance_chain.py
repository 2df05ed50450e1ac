"""Which snapshot of Binance's may begin a book, and what continues it.

Events are chained: each has its own update ``u`` and the one before, ``pu``. A snapshot counts
only with every event since it, up to the newest that was seen. So the newest events are kept, as
they came, and are decoded when a snapshot needs them.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from obi_widgets.market_data.events import Delta, Refused, Snapshot, Splice
from obi_widgets.market_data.venues.binance_messages import Depth, RestSnapshot, read_depth
from obi_widgets.market_data.venues.wire import sound, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obi_widgets.market_data.events import Event

MILLISECOND = 1_000_000

LIMIT = 1000
"""Levels a side that a snapshot holds at most."""

KEPT = 2_000
"""Events: minutes of the busiest symbol, and longer than any answer takes."""

COMPARED = 100
"""Events that a snapshot which nobody asked for is compared with."""

MOST_WAITING = 4
"""Snapshots that wait for events."""

BELIEVED = 3
"""Events in a row that count for more than a greater update which was seen before them: ids may
begin anew, or one event may have told of an update that never was."""

TIME_APART = 60_000
"""Milliseconds by which a snapshot's time may be beyond that of the events after it."""

TIME_BESIDE = 1_000
"""Milliseconds by which the time of an event that a snapshot holds may be beyond the snapshot's."""

Fit: TypeAlias = Literal["fits", "ahead", "later", "older", "wrong"]


REFUSALS = {
    "older": "snapshot older than what was seen",
    "wrong": "snapshot whose time is ahead of its events",
}
"""How a snapshot that does not fit is refused."""


class Waiting(NamedTuple):
    """A snapshot, and whether it was asked for."""

    snapshot: RestSnapshot
    asked: bool


class Chain:
    """The events of one connection.

    Attributes
    ----------
    last : int or None
        The update that the book is at; None without a book.
    fresh : bool
        Whether the book is a snapshot that no event has continued yet.
    kept : deque of str or bytes
        The newest events without a break between them.
    newest : int
        The update of the newest of them.
    waiting : list of Waiting
        Snapshots that events yet to come may confirm.
    """

    def __init__(self) -> None:
        self.last: int | None = None
        self.fresh = False
        self.kept: deque[str | bytes] = deque(maxlen=KEPT)
        self.newest = -1
        self.waiting: list[Waiting] = []
        self._time = 0  # of the snapshot that the book began with, ms
        self._greatest = -1  # update that was seen
        self._unread = False  # whether a frame since may have been an event

    @property
    def seen(self) -> int:
        """The greatest update that was seen; −1 before the first."""
        self._greatest = max(self._greatest, self.newest, self.last or -1)
        return self._greatest

    @property
    def contradicted(self) -> bool:
        """Whether so many events in a row are below what was seen that it is not believed."""
        return self.newest < self.seen and len(self.kept) >= BELIEVED

    def behind(self, snapshot: RestSnapshot) -> int:
        """Return by how much the newest event is older than a snapshot, ns; 0 if not, or unsure."""
        if not self.kept or snapshot.lastUpdateId <= self.newest:
            return 0
        apart = snapshot.T - next(self._backwards()).T
        return apart * MILLISECOND if 0 < apart <= TIME_APART else 0

    def lose(self) -> None:
        """Give up the book. What was seen still counts."""
        self._greatest = self.seen
        self.last = None
        self.fresh = False

    def doubt(self) -> None:
        """Use none of the events so far; a snapshot that needs one of them is too old."""
        self.kept.clear()

    def unread(self) -> None:
        """Take note of a frame that may have been an event."""
        self._unread = True

    def heard(self, depth: Depth, frame: str | bytes) -> None:
        """Keep an event; forget those before it when it does not continue them."""
        self._greatest = self.seen
        if depth.pu != self.newest:
            self.kept.clear()
        self.kept.append(frame)
        self.newest = depth.u
        self._unread = False

    def advance(self, depth: Depth) -> bool | None:
        """Return whether an event continues the book; None for one that is in it already."""
        last = self.last
        assert last is not None
        if self.fresh and depth.u < last:
            # One that is later than the snapshot cannot be in it: the ids have begun anew.
            return False if depth.T - self._time > TIME_BESIDE else None
        if depth.pu == last or (self.fresh and depth.U <= last <= depth.u):
            self.last, self.fresh = depth.u, False
            return True
        return False

    # -- snapshots -------------------------------------------------------------------------

    def offer(self, one: Waiting, now: int) -> list[Event] | Refused | None:
        """Begin the book with a snapshot, or widen it.

        Returns
        -------
        list of Event, or Refused, or None
            The snapshot and its changes, or the splice; or why it is not used. None: it waits,
            since events yet to come must tell.
        """
        used = self._use(one, now)
        if used is None:
            self.waiting.append(one)
            del self.waiting[:-MOST_WAITING]
        return used

    def offer_again(self, now: int) -> tuple[bool, list[Refused], list[Event]]:
        """Offer those that wait, the newest first.

        Returns
        -------
        bool
            Whether the last one that was asked for is now refused.
        list of Refused
            Why some are not used.
        list of Event
            What one of them led to; empty when all that are left wait.
        """
        refusals: list[Refused] = []
        left: list[Waiting] = []
        for one in reversed(self.waiting):
            used = self._use(one, now)
            if isinstance(used, Refused):
                refusals.append(used)
            elif used is None:
                left.insert(0, one)
            else:
                return False, refusals, used
        asked = any(one.asked for one in self.waiting) and not any(one.asked for one in left)
        self.waiting = left
        return asked, refusals, []

    def _use(self, one: Waiting, now: int) -> list[Event] | Refused | None:
        snapshot = one.snapshot
        update = snapshot.lastUpdateId
        if snapshot.symbol or snapshot.pair:
            return Refused(now, "COIN-M", text(f"a snapshot of {snapshot.symbol or snapshot.pair}"))
        if not (sound(snapshot.bids) and sound(snapshot.asks)):
            return Refused(now, "unreadable snapshot", "a size is too small to be held")
        fit, events = self.fit(snapshot)
        if fit in REFUSALS:
            return Refused(
                now, REFUSALS[fit], f"it ends at update {update}, and {self.seen} had come before"
            )
        agrees = one.asked or self.agrees(snapshot)
        if agrees is False:
            return Refused(now, "snapshot of another book", f"of update {update}")
        begins = fit == "ahead" and one.asked and self.last is None and self.kept
        if not (agrees and (begins or fit == "fits")):
            return None
        self.waiting.clear()
        time = snapshot.T * MILLISECOND
        event = Snapshot(time, now, update, snapshot.bids, snapshot.asks, LIMIT)
        deltas = [delta(depth, update, now) for depth in events]
        if self.last is not None:
            return [Splice(now, event, deltas)]
        self.last = events[-1].u if events else update
        self.fresh, self._time = not events, snapshot.T
        return [event, *deltas]

    def fit(self, snapshot: RestSnapshot) -> tuple[Fit, list[Depth]]:
        """Return how a snapshot fits what was seen, and the events that continue it.

        Returns
        -------
        str
            ``fits``; ``ahead`` when it is newer than all that was seen; ``later`` when an event
            yet to come must tell; ``older`` when the events since it are not kept; ``wrong`` when
            its time is far beyond that of events after it.
        list of Depth
            Those since it, when it fits.
        """
        update = snapshot.lastUpdateId
        if self.kept and update <= self.newest:
            events = self._since(update)
            if events is None:
                return "older", []
            if snapshot.T > events[-1].T + TIME_APART:
                return "wrong", []
            if self._unread or (self.newest < self.seen and not self.contradicted):
                return "later", []
            return "fits", events
        if self._unread or update < self.seen or self.contradicted:
            return "later", []
        if self.kept and snapshot.T < next(self._backwards()).T:
            return "later", []  # it may be of ids that have since begun anew
        return "ahead", []

    def _since(self, update: int) -> list[Depth] | None:
        events = []
        for depth in self._backwards():
            if depth.u < update:
                break
            events.append(depth)
            if update >= depth.U:
                break
        first = events[-1]
        events.reverse()
        return events if update >= first.U or first.pu == update else None

    def _backwards(self) -> Iterator[Depth]:
        return map(read_depth, reversed(self.kept))

    def agrees(self, snapshot: RestSnapshot) -> bool | None:
        """Return whether most sizes of a snapshot are what events told; None: not known yet.

        Update ids are counted over all symbols, so that they do not tell whose a snapshot is.
        """
        update = snapshot.lastUpdateId
        told: tuple[dict[float, float | None], ...] = ({}, {})
        events = list(islice(self._backwards(), COMPARED))
        for depth in reversed(events):
            for sizes, levels in zip(told, (depth.b, depth.a), strict=True):
                # The sizes of an event after it, or around it, may differ.
                sizes.update(levels if depth.u <= update else dict.fromkeys(dict(levels)))
        same, other, beside = 0, 0, 0
        for sizes, levels in zip(told, (snapshot.bids, snapshot.asks), strict=True):
            there = dict(levels)
            least, most = min(there, default=0.0), max(there, default=0.0)
            for price, size in sizes.items():
                if not least <= price <= most:
                    beside += 1
                elif size is None or size == there.get(price, 0.0):
                    same += 1
                else:
                    other += 1
        if same or other:
            return same >= other
        return None if beside else True


def delta(depth: Depth, update: int, now: int) -> Delta:
    """Return what an event changes of a book that is at an update.

    One that ends in that update is in the book as a whole: its time counts, its levels no more.
    """
    bids, asks = (depth.b, depth.a) if depth.u > update else ([], [])
    return Delta(depth.T * MILLISECOND, now, depth.u, bids, asks)
