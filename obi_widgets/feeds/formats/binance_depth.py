"""Binance's historical depth of futures (``T_DEPTH``): a file of snapshots, one of changes.

A line is a level. Lines of one event share ``last_update_id``. An event follows the last one if
its ``pu`` is the ``last_update_id`` of that; the first one after a snapshot contains its id. Times
are milliseconds; there is no receive time, and there are no trades.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from obi_widgets.errors import RecordingError
from obi_widgets.feeds.formats.csv_batches import FLOAT, INT, TEXT, Batch, Columns, batches
from obi_widgets.feeds.formats.event_files import NO_TICK, EventFiles, FileEvent, Head, no_trades
from obi_widgets.feeds.formats.level_events import best_levels, messages
from obi_widgets.market_data.events import Delta, Refused, Snapshot, Status
from obi_widgets.market_data.venues import VENUES
from obi_widgets.market_data.venues.binance_coinm import BinanceCoinm, contract_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

USED = {
    "symbol": TEXT, "timestamp": INT, "first_update_id": INT, "last_update_id": INT,
    "side": TEXT, "update_type": TEXT, "price": FLOAT, "qty": FLOAT, "pu": INT,
}  # fmt: skip

SIDES = {"b": 0, "a": 1}
KINDS = {"set": 0, "snap": 1}


class BinanceDepth(EventFiles):
    """Snapshots of the book and changes of it, each in files of their own."""

    format: ClassVar[str] = "Binance's historical depth"

    def __init__(self, heads: Sequence[Head], *, market: str | None = None) -> None:
        super().__init__(heads, market=market)
        self._names = {head.path: head.columns for head in heads}
        self._snapshots = [head.path for head in heads if _has_snapshots(head)]
        self._changes = [path for path in self.paths if path not in self._snapshots]
        if not self._snapshots:
            raise RecordingError(
                f"{self.paths[0].name} has changes of the book, and no snapshot to begin with.",
                "Give the file of snapshots (depth_snap) with it: obi.load([snapshots, changes]).",
                path=self.paths[0],
            )
        for head in heads:
            symbol = head.data.partition(b"\n")[2].partition(b",")[0].decode("utf-8", "replace")
            coin_m = "USD_" in symbol
            self.choose("binance-coinm" if coin_m else "binance-usdm", symbol, head.path)
        self.label = VENUES[self.venue_name].label
        if self.venue_name == BinanceCoinm.name:
            self.quote, self.unit = "USD", contract_of(self.symbol)

    @classmethod
    def recognises(cls, head: Head) -> bool:  # noqa: D102
        return set(USED) <= set(head.columns)

    def lacking(self) -> list[str]:  # noqa: D102
        return [
            no_trades("Binance's historical depth", ""),
            NO_TICK,
            "There is no receive time in the file: event times are used in its place.",
        ]

    def read(self) -> list[Iterator[FileEvent]]:  # noqa: D102
        return [
            self.continued([(path, self._events(path)) for path in paths])
            for paths in (self._snapshots, self._changes)
            if paths
        ]

    def follow(self, events: Iterable[FileEvent]) -> Iterator[FileEvent]:
        """Yield the events that continue the book, and the gaps between them."""
        chain = Chain()
        for event in events:
            if isinstance(event, Change):
                yield chain.change(event)
            elif isinstance(event, Snapshot):
                yield chain.snapshot(event)
            else:
                chain.last = -1 if isinstance(event, Status) else chain.last
                yield event

    def _events(self, path: Path) -> Iterator[FileEvent]:
        columns = Columns(self._names[path], USED, ("timestamp",))
        left, last = None, 0
        for batch in batches(path, columns, self.skipped):
            batch.refuse(batch["symbol"] != self.symbol, "symbol", f"and not {self.symbol}")
            time = batch["timestamp"]
            batch.refuse(np.diff(time, prepend=last) < 0, "timestamp", "before the line before it")
            last = int(time[-1])
            batch = batch if left is None else left.joined(batch)
            final = int(np.flatnonzero(_begins(batch))[-1])  # it may go on in the next batch
            yield from self._read(batch.part(slice(final)))
            left = batch.part(slice(final, None))
        if left is not None:
            yield from self._read(left)

    def _read(self, batch: Batch) -> Iterator[FileEvent]:
        """Yield the events of whole messages."""
        snapshot = batch.words("update_type", KINDS).tolist()
        ask = np.asarray(batch.words("side", SIDES) == 1)
        levels = batch.levels("price", "qty", unit=self.unit)
        names = ("timestamp", "first_update_id", "last_update_id", "pu")
        columns = [batch[name].tolist() for name in names]
        for row, bids, asks in messages(_begins(batch), ask, levels):
            time, first, number, before = (column[row] for column in columns)
            if snapshot[row]:
                yield Snapshot(time, time, number, bids, asks, best_levels(bids, asks))
            else:
                yield Change(time, time, number, bids, asks, first, before)


class Change(Delta, frozen=True, gc=False):
    """An event of the book, with the numbers of its first update and of the last one before it."""

    first: int
    before: int


class Chain:
    """What the next event of a book must follow.

    Attributes
    ----------
    last : int
        Number of the last update; −1 without a book.
    fresh : bool
        Whether it is that of a snapshot.
    """

    def __init__(self) -> None:
        self.last = -1
        self.fresh = False

    def snapshot(self, event: Snapshot) -> FileEvent:
        """Return a snapshot, if it is newer than the book."""
        if event.sequence <= self.last:
            return Refused(event.received, "snapshot that is not newer than the book")
        self.last, self.fresh = event.sequence, True
        return event

    def change(self, event: Change) -> FileEvent:
        """Return a change, if it follows the book."""
        last, number = self.last, event.sequence
        if last < 0:
            return Refused(event.received, "change before the first snapshot, or after a gap")
        if number <= last:
            return Refused(event.received, "change that is older than the book")
        if event.before == last or (self.fresh and event.first <= last + 1):
            self.last, self.fresh = number, False
            return event
        self.last = -1
        what = f"The book was lost: event {number} does not follow {last}."
        return Status(event.received, "gap", what, "It is back at the next snapshot.")


def _has_snapshots(head: Head) -> bool:
    """Return whether the first line of a file is one of a snapshot."""
    line = head.data.partition(b"\n")[2].partition(b"\n")[0].decode("utf-8", "replace")
    place, values = head.columns.index("update_type"), line.split(",")
    return len(values) > place and values[place] == "snap"


def _begins(batch: Batch) -> NDArray[np.bool_]:
    """Return whether each line begins an event."""
    begins = np.ones(len(batch), bool)
    begins[1:] = batch["update_type"][1:] != batch["update_type"][:-1]
    for name in ("last_update_id", "timestamp"):
        begins[1:] |= np.diff(batch[name]) != 0
    return begins
