"""Files whose contents become events of a market: the base class of their formats."""

from __future__ import annotations

import heapq
import itertools
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, TypeAlias

from obi_widgets.errors import ArgumentError, RecordingError, counted
from obi_widgets.feeds.formats.venue import FileVenue
from obi_widgets.feeds.recording.files import BLOCK_SIZE, blocks
from obi_widgets.feeds.recording.skipped import Skipped
from obi_widgets.market_data.events import (
    Delta,
    Instrument,
    Liquidation,
    Mark,
    Refused,
    Snapshot,
    Status,
    Trade,
)
from obi_widgets.market_data.venues import find_market, known_venue
from obi_widgets.market_data.venues.sizes import COINS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from obi_widgets.feeds.market import Market
    from obi_widgets.market_data.venues.replies import Reply

FileEvent: TypeAlias = Snapshot | Delta | Trade | Mark | Liquidation | Status | Refused
"""What a file is read into. Each has ``received``, ns."""

Stream: TypeAlias = Literal["trades", "mark"]

SECOND = 1_000_000_000  # ns

NEXT_FILE = 60 * SECOND
"""A file continues the book of the one before it if it begins within this time after its end."""

SILENCE = 60 * SECOND
"""A book without an event for so long is told of: the file does not say whether it was lost."""

CHUNK = 4096
"""Records that are played at once."""


class EventRecord(NamedTuple):
    """An event of a file. It is played as a record of a recording is.

    Attributes
    ----------
    time : int
        Receive time, ns UTC.
    event : FileEvent or Instrument
        The event.
    """

    time: int
    event: FileEvent | Instrument
    kind: Literal["frame"] = "frame"
    shift: int = 0

    def apply(self, market: Market) -> list[Reply]:
        """Apply the event to a market."""
        market.messages += 1
        return market.handle((self.event,), self.time)


class Head(NamedTuple):
    """What shows a file's format: its path, and its first bytes, decompressed."""

    path: Path
    data: bytes

    @property
    def line(self) -> str:
        """The first line."""
        return self.data.partition(b"\n")[0].decode("utf-8", "replace").strip("\ufeff \r")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the first line of a CSV file with a header."""
        return tuple(self.line.split(","))


def head_of(path: Path) -> Head:
    """Return the beginning of a file: two lines at least, if they are there and not endless."""
    data, read = b"", blocks(path)
    for block in read:
        data += block if isinstance(block, bytes) else b""
        if data.count(b"\n") > 1 or len(data) >= BLOCK_SIZE:
            break
    read.close()
    return Head(path, data)


class EventFiles(ABC):
    """Files of one market in one format, which are read into events.

    A new format is a subclass in a file of its own, an entry in
    `obi_widgets.feeds.formats.FORMATS`, and a test file. It is replayed as a recording is.

    Parameters
    ----------
    heads : sequence of Head
        The files, all recognised. Files of books in the order of time.
    market : str, optional
        ``venue:SYMBOL``.

    Attributes
    ----------
    paths : list of Path
        The files.
    venue_name, symbol, label : str
        The market; empty if neither the files nor the user say it.
    tick_size, quote : float, str
        See `Instrument`.
    depth : int, optional
        The most levels a side that the files have; None if it is not known.
    skipped : Skipped
        What was skipped when the files were last read, and what the format does not have.
    streams : frozenset of str
        What there is beside the book: ``trades``, ``mark``.

    Raises
    ------
    RecordingError
        If the files cannot be read together, or are of another market.
    """

    format: ClassVar[str]
    """Its name, for errors."""

    empty_means_nothing: ClassVar[bool] = False
    """Whether a file without a byte says that there was nothing."""

    def __init__(self, heads: Sequence[Head], *, market: str | None = None) -> None:
        self.paths = [head.path for head in heads]
        self.chosen = market
        self.venue_name, self.symbol = market_parts(market)
        self.label, self.quote, self.tick_size = "", "", 0.0
        self.unit = COINS
        self.depth: int | None = None
        self.streams: frozenset[Stream] = frozenset()
        self.skipped = Skipped()

    @classmethod
    @abstractmethod
    def recognises(cls, head: Head) -> bool:
        """Return whether a file is of this format, by its contents."""

    @abstractmethod
    def read(self) -> list[Iterator[FileEvent]]:
        """Return the events of each file, or of each kind of data, in order of receipt."""

    @abstractmethod
    def lacking(self) -> list[str]:
        """Return sentences about what the files do not have."""

    def follow(self, events: Iterable[FileEvent]) -> Iterator[FileEvent]:
        """Yield the events of all files, in order of receipt, after checks of their order."""
        yield from events

    # -- as a recording --------------------------------------------------------------------

    @property
    def market(self) -> str:
        """``venue:SYMBOL``, or the file's name."""
        if not self.symbol:
            return self.paths[0].name
        return f"{self.venue_name}:{self.symbol}" if self.venue_name else self.symbol

    def make_venue(self) -> FileVenue:
        """Return the venue for a market that the events are applied to."""
        label = self.label or self.format
        return FileVenue(self.venue_name, self.symbol, label, self.streams, self.format)

    def __iter__(self) -> Iterator[EventRecord]:
        self.skipped = Skipped(lacking=self.lacking())
        if self.depth is not None:
            what = f"Of the book, the file has the best {counted(self.depth, 'level')} a side."
            self.skipped.lacking.append(what)
        merged = heapq.merge(*self.read(), key=_received)
        events = self._told_of_silence(self.follow(merged))
        for event in itertools.islice(events, 1):
            label = self.label or self.format
            instrument = Instrument(
                self.venue_name, self.symbol, label, self.quote, self.tick_size, *self.unit
            )
            yield EventRecord(event.received, instrument)
            yield EventRecord(event.received, event)
        for event in events:
            yield EventRecord(event.received, event)

    def chunks(self) -> Iterator[list[EventRecord]]:
        """Yield the records, many at a time."""
        records = iter(self)
        while chunk := list(itertools.islice(records, CHUNK)):
            yield chunk

    # -- for formats -----------------------------------------------------------------------

    def continued(
        self,
        parts: Iterable[tuple[Path, Iterator[FileEvent]]],
        *,
        of_books: bool = True,
        or_else: str = "",
    ) -> Iterator[FileEvent]:
        """Yield the events of one file after the other.

        Where files ``of_books`` are apart, the book is lost between them; of others, nothing was
        told. ``or_else`` says what may be wrong, besides the order, if a file begins too early.

        Raises
        ------
        RecordingError
            If a file begins before the one before it ends.
        """
        last, before = 0, ""
        for path, events in parts:
            for event in itertools.islice(events, 1):
                if event.received < last:
                    raise RecordingError(
                        f"{path.name} begins before the end of {before}, the file before it.",
                        f"Give the files in the order of time. {or_else}".rstrip(),
                        path=path,
                    )
                if of_books and last and event.received - last > NEXT_FILE:
                    what = f"Nothing is known between {before} and {path.name}."
                    yield Status(last, "gap", what, "The next file begins anew.")
                last = event.received
                yield event
            for event in events:
                last = event.received
                yield event
            before = path.name

    def _told_of_silence(self, events: Iterable[FileEvent]) -> Iterator[FileEvent]:
        """Yield the events; tell the longest time in which none is of the book."""
        last = longest = since = 0
        for event in events:
            if isinstance(event, Delta | Snapshot):
                if last and event.received - last > longest:
                    longest, since = event.received - last, last
                last = event.received
            elif isinstance(event, Status):
                last = 0  # a gap is told by itself
            yield event
        if longest > SILENCE:
            self.skipped.lacking.append(
                f"The book does not change for {longest / SECOND:,.0f} s from {_at(since)} on, and "
                "the file does not say whether the connection was lost."
            )

    def choose(self, venue: str, symbol: str, path: Path) -> None:
        """Take the market that a file names; it must be the one that was chosen, if one was."""
        named = f"{venue}:{symbol}"
        if self.symbol and (self.venue_name, self.symbol) != (venue, symbol):
            other = self.chosen or self.market
            raise RecordingError(
                f"{path.name} is of {named}, not of {other}.",
                "Leave market out, or give files of one market.",
                path=path,
            )
        self.venue_name, self.symbol = venue, symbol


def no_trades(format_: str, how: str) -> str:
    """Return the sentence about files without trades."""
    return (
        f"There are no trades in {format_}: fills of post-only orders and signals of trades are "
        f"unknown. {how}"
    ).rstrip()


NO_TICK = "The tick size is not in the file: it is inferred from the prices."


def _received(event: FileEvent) -> int:
    return event.received


def _at(time: int) -> str:
    import numpy as np

    return f"{str(np.datetime64(time, 'ns'))[:19]} UTC"


def market_parts(market: str | None) -> tuple[str, str]:
    """Return venue and symbol of ``venue:SYMBOL``; two empty texts for None."""
    if market is None:
        return "", ""
    venue, colon, symbol = market.partition(":") if isinstance(market, str) else ("", "", "")
    if not (venue and colon and symbol):
        raise ArgumentError(f"market = {market!r} names no market.", "Give 'venue:SYMBOL'.")
    return (venue, symbol) if known_venue(venue) is None else find_market(venue, symbol)
