"""Reads one file of a recording, skips what it cannot read, and counts what it skipped."""

from __future__ import annotations

import re
from collections import deque
from math import inf, log
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from obi_widgets.errors import RecordingError
from obi_widgets.feeds.recording.cryptofeed import translated
from obi_widgets.feeds.recording.files import CUT_OFF, Fault, blocks
from obi_widgets.feeds.recording.lines import (
    LONGEST,
    VERSION,
    Record,
    decode,
    frames_of,
    read_header,
)
from obi_widgets.market_data.venues import FoundMarket, market_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from obi_widgets.feeds.recording.skipped import Skipped

RECENT_BIDS = 25
"""Frames with bids that are kept of each market, to recognise it by its price."""

SAME_PRICE = 1.05
"""Two markets whose prices differ by a smaller factor cannot be told apart by price."""

MAX_UNREADABLE = 100_000
"""Lines in a row that are not records. So many mean that the rest of the file is no recording."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # UTF-8
_BEST_BID = re.compile(r'"(?:b|bids)":\s*\[(\[.*?\])\]')
_HAS_BID = re.compile(r'"(?:b|bids)":\s*\[\[\s*"?\d')
_PRICE = re.compile(r'\[\s*"?(\d+(?:\.\d+)?)')
_LINE_START = re.compile(rb"\d{19} |{")


def _header_market(path: Path, line: bytes) -> FoundMarket | None:
    """Return the market of a header; None if the line is not a header."""
    fields = read_header(line)
    if fields is None:
        return None
    if fields.get("version") != VERSION:
        raise RecordingError(
            f"{path.name} is a recording of version {fields.get('version')}, and this package "
            f"reads {VERSION}.",
            "Update with: pip install -U obi-widgets.",
            path=path,
            line=1,
        )
    venue, symbol = fields.get("venue"), fields.get("symbol")
    if not (isinstance(venue, str) and venue and isinstance(symbol, str) and symbol):
        raise RecordingError(
            f"The first line of {path.name} does not name its market.",
            "It needs a venue and a symbol.",
            path=path,
            line=1,
        )
    return FoundMarket((venue,), symbol)


class RecordingLike(Protocol):
    """The part of a `Recording` that the reader of one of its files uses."""

    latest: int
    skipped: Skipped
    chosen: bool
    venue_name: str
    symbol: str

    @property
    def market(self) -> str:
        """``venue:SYMBOL``."""

    def is_own(self, market: FoundMarket) -> bool:
        """Return whether a market is the one that the recording is read for."""

    def counts(self, market: FoundMarket) -> bool:
        """Return whether the venue counts the frames of another market too."""


class Chunk(NamedTuple):
    """Some lines of a file.

    Attributes
    ----------
    reader : FileReader
        The reader of the file.
    first : int
        Number of the first line, from 1.
    data : bytes
        Complete lines, each with its line end.
    """

    reader: FileReader
    first: int
    data: bytes

    @property
    def first_time(self) -> int:
        """Receive time of the first record, ns; 0 if its line has none."""
        header = self.first == 1 and self.data.startswith(b"{")
        return self._time(self.data.index(b"\n") + 1 if header else 0)

    @property
    def last_time(self) -> int:
        """Receive time of the last record, ns; 0 if its line has none."""
        return self._time(self.data.rfind(b"\n", 0, -1) + 1)

    def _time(self, at: int) -> int:
        stamp = self.data[at : at + 24].partition(b" ")[0]
        return int(stamp) if stamp.isdigit() else 0

    def cut(self, time: int) -> tuple[Chunk | None, Chunk | None]:
        """Return the lines before the first one that was received at a time or later, and the rest.

        None stands for no lines.
        """
        if self.last_time < time:
            return self, None
        frames = frames_of(self.data)
        later = (frames.places[0] >= time) & (frames.places[0] < self.reader.latest)
        if not later.any():  # the time in the last line is damaged
            return self, None
        line = int(np.argmax(later))
        begin = int(frames.places[2, line - 1]) + 1 if line else 0
        before = Chunk(self.reader, self.first, self.data[:begin]) if begin else None
        return before, Chunk(self.reader, self.first + line, self.data[begin:])

    def records(self) -> Iterator[Record]:
        """Yield the records of the lines that can be used."""
        at, number = 0, self.first
        while at < len(self.data):
            record, at = self.record(number, at)
            number += 1
            if record is not None:
                yield record

    def record(self, number: int, at: int) -> tuple[Record | None, int]:
        """Return the record of the line that begins at an offset.

        Parameters
        ----------
        number : int
            Number of the line in the file, from 1.
        at : int
            Offset of the line in `data`.

        Returns
        -------
        record : Record, optional
            None for a header, a blank or damaged line, or a line of another market.
        next : int
            Offset of the next line.
        """
        end = self.data.index(b"\n", at)
        return self.reader.read(number, self.data[at:end]), end + 1


class FileReader:
    """Reads one file of a recording, once.

    Parameters
    ----------
    path : Path
        The file.
    recording : Recording
        The recording that the file belongs to.
    bids : mapping of FoundMarket to iterable of str, optional
        For a capture without a header: frames with bids, by market, from its first lines.
    foreign : bool
        Whether it is a raw file of cryptofeed.
    """

    def __init__(
        self,
        path: Path,
        recording: RecordingLike,
        bids: Mapping[FoundMarket, Iterable[str]] | None = None,
        *,
        foreign: bool = False,
    ) -> None:
        self.path = path
        self._recording = recording
        self.latest = recording.latest  # a receive time at or after it is not believed
        self._skipped = recording.skipped
        self._section: FoundMarket | None = None  # market of the newest header
        self._last_unreadable = self._unreadable_in_row = 0  # number of the line; count of lines
        self._foreign = foreign
        self.bids = {market: deque(frames, RECENT_BIDS) for market, frames in (bids or {}).items()}

    def chunks(self) -> Iterator[Chunk]:
        """Yield the file's lines, many at a time."""
        number, size = 1, 0
        line: list[bytes] = []  # the pieces of a line whose end has not been read
        bytes_missing = skipping = damaged = False
        recording = self._recording
        read = blocks(self.path)
        if self._foreign:
            read = translated(self.path, recording.venue_name, recording.symbol)
        for block in read:
            if isinstance(block, Fault):
                damaged = True
                self._add_fault(block.what, number)
                if block.missing:
                    bytes_missing, line, size = True, [], 0
                continue
            if bytes_missing:  # the block may begin in the middle of a line
                bytes_missing, skipping = False, not _LINE_START.match(block)
            if skipping:
                _, end, block = block.partition(b"\n")
                if not end:
                    continue
                skipping = False
                self._skipped.add_line(self.path.name, number)
                number += 1
            complete = block.rfind(b"\n") + 1
            if complete:
                data = b"".join([*line, block[:complete]])
                line, size = [], 0
                yield Chunk(self, number, data)
                number += data.count(b"\n")
            if complete < len(block):
                line.append(block[complete:])
                size += len(line[-1])
            if size > LONGEST:
                skipping, line, size = True, [], 0
        if skipping:
            self._skipped.add_line(self.path.name, number)
        elif line:
            data = b"".join(line)
            if _is_complete(data, self.latest):
                yield Chunk(self, number, data + b"\n")
            elif not damaged:
                self._add_fault(CUT_OFF, number)

    def read(self, number: int, line: bytes) -> Record | None:
        """Return the record of a line; None if the line must not be used."""
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        line = line.rstrip(b"\r")
        if line.startswith(b"{") and (market := _header_market(self.path, line)) is not None:
            self._section = market
            return None
        if self._section is not None and not self._recording.is_own(self._section):
            self._skip_other(self._section, number)
            return None
        try:
            record = decode(line, self.latest)
        except ValueError:  # the errors of msgspec and of Unicode are ValueErrors too
            self._skip_unreadable(number, line)
            return None
        if self._section is None and record.kind == "frame":
            market = self.market_of(record.text)
            if market is not None and market.symbol:
                return self._own_record(record, market, number)
            if market is not None and not all(map(self._recording.is_own, self.bids)):
                return self._snapshot_without_symbol(record, number)
        return record

    def _skip_unreadable(self, number: int, line: bytes) -> None:
        """Count a line that is not a record, unless it is blank; raise after too many in a row."""
        if line.strip():
            self._skipped.add_line(self.path.name, number)
        follows = number == self._last_unreadable + 1
        self._unreadable_in_row = self._unreadable_in_row + 1 if follows else 1
        self._last_unreadable = number
        if self._unreadable_in_row == MAX_UNREADABLE:
            raise RecordingError(
                f"{self.path.name} is no recording from line {number - MAX_UNREADABLE + 1:,} on: "
                f"{MAX_UNREADABLE:,} lines in a row are not records.",
                "Cut it off there.",
                path=self.path,
                line=number - MAX_UNREADABLE + 1,
            )

    def markets(self, lines: Iterable[bytes]) -> Iterator[FoundMarket]:
        """Yield the markets that lines name: headers, and the frames before the first header."""
        has_header = False
        for line in lines:
            if line.startswith((b"{", _BYTE_ORDER_MARK)):
                market = _header_market(self.path, line.removeprefix(_BYTE_ORDER_MARK))
                if market is not None:
                    has_header = True
                    yield market
            elif not has_header:
                frame = line.partition(b" ")[2].decode("utf-8", "replace")
                market = self.market_of(frame)
                if market is not None and market.symbol:
                    yield market

    def market_of(self, frame: str) -> FoundMarket | None:
        """Return the market that a frame names; keep the frame in `bids` if it has bids."""
        market = market_of(frame)
        venue = self._recording.venue_name
        if self._foreign and market is not None and venue in market.venues:
            market = FoundMarket((venue,), market.symbol)  # its websocket tells which one it is
        if market is not None and market.symbol and _HAS_BID.search(frame):
            self.bids.setdefault(market, deque(maxlen=RECENT_BIDS)).append(frame)
        return market

    def _snapshot_without_symbol(self, record: Record, number: int) -> Record | None:
        """Return a snapshot that names no symbol if its price is that of the chosen market."""
        bid = _best_bid(record.text)
        recent = {
            market: [*filter(None, map(_best_bid, frames))] for market, frames in self.bids.items()
        }
        by_distance = sorted(
            (abs(log(bid / median(prices))) if bid and prices else inf, market)
            for market, prices in recent.items()
        )
        near = [(distance, market) for distance, market in by_distance if distance < log(2)]
        if len(near) == 1 or (near and near[1][0] - near[0][0] > log(SAME_PRICE)):
            return self._own_record(record, near[0][1], number)
        if not near and not any(map(self._recording.is_own, self.bids)):
            return record  # the first frame of the chosen market: no price to compare with yet
        self._skipped.faults.append(
            f"The snapshot in line {number:,} of {self.path.name} does not name its market, and "
            f"was left out."
        )
        return None

    def _own_record(self, record: Record, market: FoundMarket, number: int) -> Record | None:
        """Return a record if it is of the chosen market; otherwise skip it."""
        if self._recording.is_own(market):
            return record
        if self._recording.chosen and self._recording.counts(market):
            return record  # the venue refuses it
        self._skip_other(market, number)
        return None

    def _skip_other(self, other: FoundMarket, number: int) -> None:
        """Count a line of another market; raise if the user has not chosen one."""
        if not self._recording.chosen:
            raise RecordingError(
                f"{self.path.name} holds several markets: {self._recording.market}, and from line "
                f"{number:,} on {other}.",
                f"Choose one: market='{self._recording.market}'.",
                path=self.path,
                line=number,
            )
        self._skipped.other_markets[str(other)] += 1

    def _add_fault(self, what: str, number: int) -> None:
        self._skipped.faults.append(f"{self.path.name} {what.format(line=number - 1)}.")


def _best_bid(frame: str) -> float | None:
    """Return the highest bid price in a frame of a book, whatever its size."""
    bids = _BEST_BID.search(frame)
    return max(map(float, _PRICE.findall(bids[1])), default=None) if bids else None


def _is_complete(line: bytes, latest: int) -> bool:
    """Return whether a last line without a line end is complete: its JSON is closed."""
    try:
        decode(line, latest)
    except ValueError:
        return False
    return line.endswith((b"}", b"]"))
