"""Binance's chain of events: which snapshot may begin a book, and which events continue it.

Events are chained by update ids: each has its first and last update ``U`` and ``u``. An event of
futures also has the last update ``pu`` of the event before. Those of spot have none: there, ``U``
is the update after it. A snapshot is used only with all events since it, up to the newest one. So
the newest events are kept as frames, and are decoded when a snapshot needs them.

A snapshot of spot has no time. It waits until an event confirms it, and has the time of that event:
an earlier one would tell of changes before they came.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from obi_widgets.market_data.events import Delta, Refused, Snapshot, Splice
from obi_widgets.market_data.venues.binance_messages import inner, read_depth
from obi_widgets.market_data.venues.wire import sound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obi_widgets.market_data.events import Event
    from obi_widgets.market_data.venues.binance_messages import AnyDepth, Depths, RestSnapshot
    from obi_widgets.market_data.venues.sizes import SizeUnit

MILLISECOND = 1_000_000

KEPT = 2_000
"""Number of events that are kept: minutes of the busiest symbol, longer than any answer takes."""

COMPARED = 100
"""Number of events that a snapshot which was not requested is compared with."""

MAX_WAITING = 4
"""The most snapshots that wait for events."""

BELIEVED = 3
"""Number of events in a row that are trusted although a greater update was seen before: the venue
may have started a new count, or one event may have had a wrong update."""

MAX_AHEAD = 60_000
"""How far a snapshot's time may be ahead of the events after it, ms."""

MAX_BEHIND = 1_000
"""How far a snapshot's time may be behind an event that it contains, ms."""

Fit: TypeAlias = Literal["fits", "ahead", "later", "older", "wrong"]


REFUSALS = {
    "older": "snapshot older than what was seen",
    "wrong": "snapshot whose time is ahead of its events",
}
"""The name of the refusal, for each way in which a snapshot does not fit."""


class Waiting(NamedTuple):
    """A snapshot, whether it was requested, and the most levels a side that it may have."""

    snapshot: RestSnapshot
    asked: bool
    limit: int


class Chain:
    """The events of one connection.

    Parameters
    ----------
    depths : decoder
        That of changes of the book.
    unit : SizeUnit
        The unit of sizes in frames.

    Attributes
    ----------
    last : int or None
        The last update of the book; None if there is no book.
    fresh : bool
        Whether the book is a snapshot that no event has continued yet.
    kept : deque of str or bytes
        The frames of the newest events, without a gap between them.
    newest : int
        The last update of the newest event.
    waiting : list of Waiting
        Snapshots that later events may confirm.
    """

    def __init__(self, depths: Depths, unit: SizeUnit) -> None:
        self._depths = depths
        self._unit = unit
        self.last: int | None = None
        self.fresh = False
        self.kept: deque[str | bytes] = deque(maxlen=KEPT)
        self.newest = -1
        self.waiting: list[Waiting] = []
        self._time = 0  # time of the snapshot that the book began with, ms
        self._greatest = -1  # greatest update that was seen
        self._unread = False  # whether a frame after the newest event may have been an event

    @property
    def seen(self) -> int:
        """The greatest update that was seen; −1 before the first event."""
        self._greatest = max(self._greatest, self.newest, self.last or -1)
        return self._greatest

    @property
    def contradicted(self) -> bool:
        """Whether so many events in a row are below `seen` that `seen` is not trusted."""
        return self.newest < self.seen and len(self.kept) >= BELIEVED

    def behind(self, snapshot: RestSnapshot) -> int:
        """Return how much older the newest event is than a snapshot, ns; 0 if not, or unsure."""
        if not self.kept or snapshot.lastUpdateId <= self.newest:
            return 0
        apart = snapshot.T - next(self._backwards()).T
        return apart * MILLISECOND if 0 < apart <= MAX_AHEAD else 0

    def lose(self) -> None:
        """Give up the book; remember the greatest update."""
        self._greatest = self.seen
        self.last = None
        self.fresh = False

    def doubt(self) -> None:
        """Drop the events so far: a snapshot that needs one of them is then too old."""
        self.kept.clear()

    def mark_unread(self) -> None:
        """Remember that an unreadable frame may have been an event."""
        self._unread = True

    def add(self, depth: AnyDepth, frame: str | bytes) -> None:
        """Keep an event; drop those before it if it does not follow them."""
        self._greatest = self.seen
        if depth.pu != self.newest:
            self.kept.clear()
        self.kept.append(frame)
        self.newest = depth.u
        self._unread = False

    def advance(self, depth: AnyDepth) -> bool | None:
        """Move on to an event; return whether it continues the book.

        None: the book contains the event already.
        """
        last = self.last
        assert last is not None
        if self.fresh and depth.u < last:
            # An event later than the snapshot cannot be in it: the venue started a new count.
            return False if depth.T - self._time > MAX_BEHIND else None
        if depth.pu == last or (self.fresh and depth.U <= last <= depth.u):
            self.last, self.fresh = depth.u, False
            return True
        return False

    # -- snapshots -------------------------------------------------------------------------

    def offer(self, candidate: Waiting, now: int) -> list[Event] | Refused | None:
        """Begin the book with a snapshot, or make its known range wider.

        Returns
        -------
        list of Event, or Refused, or None
            The snapshot and the changes since, or the splice; or why the snapshot is not used.
            None: it waits for later events.
        """
        used = self._use(candidate, now)
        if used is None:
            self.waiting.append(candidate)
            del self.waiting[:-MAX_WAITING]
        return used

    def offer_again(self, now: int) -> tuple[bool, list[Refused], list[Event]]:
        """Offer the waiting snapshots again, the newest first.

        Returns
        -------
        asked : bool
            Whether the last requested snapshot is refused now.
        refusals : list of Refused
            Why some snapshots are not used.
        events : list of Event
            The result of the one that is used; empty if all that are left still wait.
        """
        refusals: list[Refused] = []
        left: list[Waiting] = []
        for candidate in reversed(self.waiting):
            used = self._use(candidate, now)
            if isinstance(used, Refused):
                refusals.append(used)
            elif used is None:
                left.insert(0, candidate)
            else:
                return False, refusals, used
        still_asked = any(candidate.asked for candidate in left)
        asked = any(candidate.asked for candidate in self.waiting) and not still_asked
        self.waiting = left
        return asked, refusals, []

    def _use(self, candidate: Waiting, now: int) -> list[Event] | Refused | None:
        snapshot = candidate.snapshot
        update = snapshot.lastUpdateId
        if not (sound(snapshot.bids) and sound(snapshot.asks)):
            return Refused(now, "unreadable snapshot", "a size is too small to be stored")
        fit, events = self.fit(snapshot)
        if fit in REFUSALS:
            return Refused(
                now, REFUSALS[fit], f"it ends at update {update}, and {self.seen} had come before"
            )
        agrees = candidate.asked or self.agrees(snapshot)
        if agrees is False:
            return Refused(now, "snapshot of another book", f"of update {update}")
        begins = fit == "ahead" and candidate.asked and self.last is None and self.kept
        if not (agrees and (begins or fit == "fits")):
            return None
        self.waiting.clear()
        # One without a time is no later than the first event after it.
        time = (snapshot.T or events[0].T) * MILLISECOND
        event = Snapshot(time, now, update, snapshot.bids, snapshot.asks, candidate.limit)
        deltas = [delta(depth, update, now) for depth in events]
        if self.last is not None:
            return [Splice(now, event, deltas)]
        self.last = events[-1].u if events else update
        self.fresh, self._time = not events, snapshot.T
        return [event, *deltas]

    def fit(self, snapshot: RestSnapshot) -> tuple[Fit, list[AnyDepth]]:
        """Return how a snapshot fits the events, and the events that continue it.

        Returns
        -------
        fit : str
            ``fits``; ``ahead`` if it is newer than all that was seen; ``later`` if a later event
            must decide; ``older`` if the events since it are not kept; ``wrong`` if its time is far
            ahead of the events after it.
        events : list of Depth
            The events since the snapshot, if it fits.
        """
        update = snapshot.lastUpdateId
        if self.kept and update <= self.newest:
            events = self._since(update)
            if events is None:
                return "older", []
            if snapshot.T > events[-1].T + MAX_AHEAD:
                return "wrong", []
            if self._unread or (self.newest < self.seen and not self.contradicted):
                return "later", []
            return "fits", events
        if self._unread or update < self.seen or self.contradicted:
            return "later", []
        if self.kept and snapshot.T < next(self._backwards()).T:
            return "later", []  # it may be from before the venue started a new count
        return "ahead", []

    def _since(self, update: int) -> list[AnyDepth] | None:
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

    def _backwards(self) -> Iterator[AnyDepth]:
        for frame in reversed(self.kept):
            yield read_depth(self._depths, inner(frame), self._unit)

    def agrees(self, snapshot: RestSnapshot) -> bool | None:
        """Return whether most sizes of a snapshot equal those of the events; None if unknown yet.

        Update ids are counted over all symbols, so they do not tell which symbol a snapshot is of.
        """
        update = snapshot.lastUpdateId
        sizes_by_side: tuple[dict[float, float | None], ...] = ({}, {})  # None: any size may be
        events = list(islice(self._backwards(), COMPARED))
        for depth in reversed(events):
            for sizes, levels in zip(sizes_by_side, (depth.b, depth.a), strict=True):
                # The sizes of an event that ends after the snapshot may differ from it.
                sizes.update(levels if depth.u <= update else dict.fromkeys(dict(levels)))
        equal, different, outside = 0, 0, 0
        for sizes, levels in zip(sizes_by_side, (snapshot.bids, snapshot.asks), strict=True):
            snapshot_sizes = dict(levels)
            low, high = min(snapshot_sizes, default=0.0), max(snapshot_sizes, default=0.0)
            for price, size in sizes.items():
                if not low <= price <= high:
                    outside += 1
                elif size is None or size == snapshot_sizes.get(price, 0.0):
                    equal += 1
                else:
                    different += 1
        if equal or different:
            return equal >= different
        return None if outside else True


def delta(depth: AnyDepth, update: int, now: int) -> Delta:
    """Return what an event changes in a book that is at an update.

    A book at the event's last update contains it already: the change then has no levels, only the
    event's time.
    """
    bids, asks = (depth.b, depth.a) if depth.u > update else ([], [])
    return Delta(depth.T * MILLISECOND, now, depth.u, bids, asks)
