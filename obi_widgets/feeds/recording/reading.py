"""Reading one file of a recording: all that can be read of its lines, and what was left out."""

from __future__ import annotations

import re
from collections import deque
from math import inf, log
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, Protocol

from obi_widgets.errors import RecordingError
from obi_widgets.feeds.recording.files import CUT_OFF, Fault, blocks
from obi_widgets.feeds.recording.lines import LONGEST, VERSION, Record, decode, read_header
from obi_widgets.market_data.venues import FoundMarket, market_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from obi_widgets.feeds.recording.left_out import LeftOut

BIDS = 25
"""Best bids by which a market's prices are known."""

ALIKE = 1.05
"""Two markets whose prices are that near cannot be told apart by them."""

GIVE_UP = 100_000
"""Lines in a row that are not records: what follows is something else."""

_MARK = b"\xef\xbb\xbf"  # of UTF-8, at the beginning
_BEST_BID = re.compile(r'"(?:b|bids)":\s*\[(\[.*?\])\]')
_HAS_BID = re.compile(r'"(?:b|bids)":\s*\[\[\s*"?\d')
_PRICE = re.compile(r'\[\s*"?(\d+(?:\.\d+)?)')
_WHOLE = re.compile(rb"\d{19} |{")  # how a line begins


def _header(path: Path, line: bytes) -> FoundMarket | None:
    """Return the market that a header tells; None when the line is no header."""
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
            f"The first line of {path.name} does not say of which market it is.",
            "It needs a venue and a symbol.",
            path=path,
            line=1,
        )
    return FoundMarket((venue,), symbol)


class Whole(Protocol):
    """A recording, as far as the reading of one of its files looks at it."""

    latest: int
    left_out: LeftOut
    chosen: bool

    @property
    def market(self) -> str:
        """``venue:SYMBOL``."""

    def is_ours(self, found: FoundMarket) -> bool:
        """Return whether what was found is the market of the recording."""


class Chunk(NamedTuple):
    """Some lines of a file.

    Attributes
    ----------
    reading : Reading
        Of the file.
    first : int
        The number of the first line.
    data : bytes
        Whole lines, each with its end.
    """

    reading: Reading
    first: int
    data: bytes

    @property
    def begins(self) -> int:
        """The receive time of the first record, 0 when it tells none."""
        header = self.first == 1 and self.data.startswith(b"{")
        return self._time(self.data.index(b"\n") + 1 if header else 0)

    @property
    def ends(self) -> int:
        """The receive time of the last record, 0 when it tells none."""
        return self._time(self.data.rfind(b"\n", 0, -1) + 1)

    def _time(self, at: int) -> int:
        stamp = self.data[at : at + 24].partition(b" ")[0]
        return int(stamp) if stamp.isdigit() else 0

    def record(self, number: int, at: int) -> tuple[Record | None, int]:
        """Return what the line says that begins there, and where the next one begins.

        Returns
        -------
        record : Record, optional
            None for a line that is not to be used: a header, a blank or damaged line, one of
            another market.
        next : int
        """
        end = self.data.index(b"\n", at)
        return self.reading.read(number, self.data[at:end]), end + 1


class Reading:
    """One reading of one file.

    Parameters
    ----------
    path : Path
        The file.
    recording : Recording
        Which it belongs to.
    bids : mapping of FoundMarket to iterable of str, optional
        Of a capture without a header: frames that tell bids by market, from where it begins.
    """

    def __init__(
        self, path: Path, recording: Whole, bids: Mapping[FoundMarket, Iterable[str]] | None = None
    ) -> None:
        self.path = path
        self._recording = recording
        self.latest = recording.latest  # the receive time from which on a line is not believed
        self._left_out = recording.left_out
        self._section: FoundMarket | None = None  # what the last header said
        self._bad = self._row = 0  # the last line that is not a record; how many in a row
        self.bids = {one: deque(frames, BIDS) for one, frames in (bids or {}).items()}

    def chunks(self) -> Iterator[Chunk]:
        """Yield the file's lines, many at a time."""
        number, size = 1, 0
        line: list[bytes] = []  # one that has not ended, in pieces
        broken = skipping = cut = False
        for block in blocks(self.path):
            if isinstance(block, Fault):
                cut = True
                self._tell(block.what, number)
                if block.missing:
                    broken, line, size = True, [], 0
                continue
            if broken:  # it may begin in the middle of a line
                broken, skipping = False, not _WHOLE.match(block)
            if skipping:
                _, end, block = block.partition(b"\n")
                if not end:
                    continue
                skipping = False
                self._left_out.line(self.path.name, number)
                number += 1
            whole = block.rfind(b"\n") + 1
            if whole:
                data = b"".join([*line, block[:whole]])
                line, size = [], 0
                yield Chunk(self, number, data)
                number += data.count(b"\n")
            if whole < len(block):
                line.append(block[whole:])
                size += len(line[-1])
            if size > LONGEST:
                skipping, line, size = True, [], 0
        if skipping:
            self._left_out.line(self.path.name, number)
        elif line:
            data = b"".join(line)
            if _ends_well(data, self.latest):
                yield Chunk(self, number, data + b"\n")
            elif not cut:
                self._tell(CUT_OFF, number)

    def read(self, number: int, line: bytes) -> Record | None:
        """Return what a line says; None when it is not to be used."""
        if number == 1:
            line = line.removeprefix(_MARK)
        line = line.rstrip(b"\r")
        if line.startswith(b"{") and (found := _header(self.path, line)) is not None:
            self._section = found
            return None
        if self._section is not None and not self._recording.is_ours(self._section):
            self._leave(self._section, number)
            return None
        try:
            record = decode(line, self.latest)
        except ValueError:  # what msgspec and Unicode raise is one too
            self._unreadable(number, line)
            return None
        if self._section is None and record.kind == "frame":
            found = self.market_of(record.text)
            if found is not None and found.symbol:
                return self._kept(record, found, number)
            if found is not None and not all(map(self._recording.is_ours, self.bids)):
                return self._nameless_snapshot(record, number)
        return record

    def _unreadable(self, number: int, line: bytes) -> None:
        """Count a line that is not a record; blank ones hold nothing."""
        if line.strip():
            self._left_out.line(self.path.name, number)
        self._row = self._row + 1 if number == self._bad + 1 else 1
        self._bad = number
        if self._row == GIVE_UP:
            raise RecordingError(
                f"{self.path.name} is no recording from line {number - GIVE_UP + 1:,} on: "
                f"{GIVE_UP:,} lines in a row are not records.",
                "Cut it off there.",
                path=self.path,
                line=number - GIVE_UP + 1,
            )

    def markets(self, lines: Iterable[bytes]) -> Iterator[FoundMarket]:
        """Yield the markets that lines tell of."""
        told = False  # by a header, which needs no more
        for line in lines:
            if line.startswith((b"{", _MARK)):
                if (found := _header(self.path, line.removeprefix(_MARK))) is not None:
                    told = True
                    yield found
            elif not told:
                frame = line.partition(b" ")[2].decode("utf-8", "replace")
                found = self.market_of(frame)
                if found is not None and found.symbol:
                    yield found

    def market_of(self, frame: str) -> FoundMarket | None:
        """Return which market a frame tells, and keep the frame when it tells bids."""
        found = market_of(frame)
        if found is not None and found.symbol and _HAS_BID.search(frame):
            self.bids.setdefault(found, deque(maxlen=BIDS)).append(frame)
        return found

    def _nameless_snapshot(self, record: Record, number: int) -> Record | None:
        """Return a snapshot that says no symbol, when its prices are those of this market."""
        bid = _best_bid(record.text)
        bids = {one: [*filter(None, map(_best_bid, told))] for one, told in self.bids.items()}
        apart = sorted(
            (abs(log(bid / median(prices))) if bid and prices else inf, one)
            for one, prices in bids.items()
        )
        near = [(distance, one) for distance, one in apart if distance < log(2)]
        if len(near) == 1 or (near and near[1][0] - near[0][0] > log(ALIKE)):
            return self._kept(record, near[0][1], number)
        if not near and not any(map(self._recording.is_ours, self.bids)):
            return record  # it comes before all else of this market
        self._left_out.faults.append(
            f"The snapshot in line {number:,} of {self.path.name} does not say of which market it "
            f"is, and was left out."
        )
        return None

    def _kept(self, record: Record, found: FoundMarket, number: int) -> Record | None:
        """Return a record when it is of this market."""
        if self._recording.is_ours(found):
            return record
        self._leave(found, number)
        return None

    def _leave(self, other: FoundMarket, number: int) -> None:
        """Leave out a line of another market."""
        if not self._recording.chosen:
            raise RecordingError(
                f"{self.path.name} holds several markets: {self._recording.market}, and from line "
                f"{number:,} on {other}.",
                f"Choose one: market='{self._recording.market}'.",
                path=self.path,
                line=number,
            )
        self._left_out.other[str(other)] += 1

    def _tell(self, what: str, number: int) -> None:
        self._left_out.faults.append(f"{self.path.name} {what.format(line=number - 1)}.")


def _best_bid(frame: str) -> float | None:
    """Return the highest bid price that a frame of a book tells, whatever its size."""
    bids = _BEST_BID.search(frame)
    return max(map(float, _PRICE.findall(bids[1])), default=None) if bids else None


def _ends_well(line: bytes, latest: int) -> bool:
    """Return whether a last line without an end is whole: its JSON is closed."""
    try:
        decode(line, latest)
    except ValueError:
        return False
    return line.endswith((b"}", b"]"))
