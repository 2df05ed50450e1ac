"""Raw frames to disk and back.

A recording is text, gzipped when its name ends in ``.gz``: a line a record, ``<receive time, ns>
<frame as received>``. What is not a frame of the book's websocket begins with ``@``: a frame of
another, or one that would not fit on a line; a websocket that opened or closed; an answer by
HTTP. A first line of JSON says which venue and symbol it is; captures made elsewhere in the same
format may lack it.

The file is only ever appended to, and what a second brought is on disk a second later: a kernel
that is killed loses no more.
"""

from __future__ import annotations

import gzip
import logging
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

import msgspec

from obi_widgets.errors import RecordingError
from obi_widgets.venues import make_venue
from obi_widgets.venues.base import BOOK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from obi_widgets.market import Market
    from obi_widgets.venues.base import Reply, Venue

log = logging.getLogger(__name__)

FORMAT, VERSION = "obi-recording", 1
FLUSH_EVERY = 1_000_000_000  # ns
CHUNK = 2**18  # bytes that are read at a time

Kind: TypeAlias = Literal["frame", "open", "close", "answer"]


class Record(NamedTuple):
    """One thing that happened on the wire.

    Attributes
    ----------
    time : int
        Local receive time, ns UTC.
    kind : str
        ``frame``, ``open``, ``close`` or ``answer``.
    name : str
        Of the websocket or of the fetch.
    text : str
        The frame, the reason of a close, or the body of an answer.
    status : int
        Of an answer.
    """

    time: int
    kind: Kind
    name: str
    text: str
    status: int = 0

    def tell(self, market: Market) -> list[Reply]:
        """Tell a market of it; return what is to be sent."""
        if self.kind == "frame":
            return market.receive(self.text, self.time, self.name)
        venue, outputs = market.venue, []
        match self.kind:
            case "open":
                outputs = venue.connected(self.name, self.time)
            case "close":
                outputs = venue.disconnected(self.name, self.text, self.time)
            case "answer":
                outputs = venue.fetched(self.name, self.status, self.text, self.time)
        return market.handle(outputs, self.time)


class Recorder:
    """Appends records to a new file.

    Parameters
    ----------
    path : str or Path
        Where to. It must not exist: a recording is never overwritten.
    venue, symbol : str
        What is recorded.

    Raises
    ------
    RecordingError
        When the file exists, or cannot be made.
    """

    def __init__(self, path: str | Path, venue: str, symbol: str) -> None:
        self.path = Path(path)
        try:
            self._file = self.path.open("xb", buffering=0)
        except FileExistsError:
            raise RecordingError(
                f"{self.path} exists.", "Recordings are not overwritten: choose another name.",
                path=self.path,
            ) from None  # fmt: skip
        except OSError as error:
            raise RecordingError(
                f"{self.path} cannot be written: {error.strerror}.", "Choose another place.",
                path=self.path,
            ) from error  # fmt: skip
        self._pack = zlib.compressobj(wbits=31) if self.path.suffix == ".gz" else None
        self._flushed_at = 0
        header = {"format": FORMAT, "version": VERSION, "venue": venue, "symbol": symbol}
        self._put(msgspec.json.encode(header) + b"\n")
        self.records = 0

    def write(self, record: Record) -> None:
        """Append one record."""
        if record.kind == "frame":
            fits = record.text[:1] not in ("", "@") and not re.search(r"[\r\n]", record.text)
            plain = fits and record.name == BOOK
            said = record.text if plain else f"@frame {_json([record.name, record.text])}"
        elif record.kind == "answer":
            said = f"@answer {_json([record.name, record.status, record.text])}"
        else:
            said = f"@{record.kind} {_json([record.name, record.text])}"
        self.records += 1
        self._put(f"{record.time} {said}\n".encode(), record.time)

    def _put(self, line: bytes, now: int = 0) -> None:
        if self._pack is None:
            self._file.write(line)
            return
        data = self._pack.compress(line)
        if now - self._flushed_at > FLUSH_EVERY:
            data += self._pack.flush(zlib.Z_SYNC_FLUSH)
            self._flushed_at = now
        if data:
            self._file.write(data)

    def close(self) -> None:
        """Write what is left."""
        if self._file.closed:
            return
        if self._pack is not None:
            self._file.write(self._pack.flush())
        self._file.close()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


class Recording:
    """One or more files of records, one after the other.

    Parameters
    ----------
    paths : str, Path or iterable of them
        In the order of time.
    market : str, optional
        ``venue:SYMBOL``, for a capture that does not say what it is.

    Raises
    ------
    RecordingError
        A file that is not there, is not a recording, or whose venue cannot be told.
    """

    def __init__(
        self, paths: str | Path | Iterable[str | Path], *, market: str | None = None
    ) -> None:
        many = [paths] if isinstance(paths, str | Path) else paths
        self.paths = [Path(path) for path in many]
        if not self.paths:
            raise RecordingError("No recording was given.", "Give the path of one.")
        for path in self.paths:
            if not path.is_file():
                raise RecordingError(f"There is no file {path}.", "Check the path.", path=path)
        if market is None:
            self.venue_name, self.symbol = self._identify()
        else:
            self.venue_name, _, self.symbol = market.partition(":")

    def make_venue(self) -> Venue:
        """Return a new decoder for it."""
        return make_venue(self.venue_name, self.symbol)

    def __iter__(self) -> Iterator[Record]:
        for chunk in self.chunks():
            at, number = 0, chunk.first
            while at < len(chunk.data):
                record, at = chunk.record(number, at)
                number += 1
                if record is not None:
                    yield record

    def chunks(self) -> Iterator[Chunk]:
        """Yield the lines of all files, many at a time."""
        last = 0
        for path in self.paths:
            for chunk in _chunks(path):
                if chunk.first == 1 and 0 < chunk.begins < last:
                    raise RecordingError(
                        f"{path.name} begins before the file before it ends.",
                        "Give the files in the order of time.",
                        path=path,
                    )
                yield chunk
                last = chunk.ends or last

    def _identify(self) -> tuple[str, str]:
        path = self.paths[0]
        for number, line in (line for chunk in _chunks(path) for line in chunk.lines()):
            if number == 1 and line.startswith("{"):
                header = _header(path, line)
                return str(header["venue"]), str(header["symbol"])
            # Binance USD-M futures alone has both "pu" and combined streams.
            found = re.search(r'"stream":"\w+@depth.*"s":"(\w+)".*"pu":', line)
            if found:
                return "binance-usdm", found.group(1)
            if number > 1000:
                break
        raise RecordingError(
            f"{path.name} does not say which venue it was recorded at.",
            "Give it: market='venue:SYMBOL'.",
            path=path,
        )


def _header(path: Path, line: str) -> dict[str, Any]:
    try:
        header = msgspec.json.decode(line)
    except msgspec.DecodeError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise RecordingError(
            f"{path.name} is not a recording: its first line is {line[:60]!r}.",
            "Give a file that obi.record made, or lines of '<time in ns> <frame>'.",
            path=path,
            line=1,
        )
    if header.get("version") != VERSION:
        raise RecordingError(
            f"{path.name} is a recording of version {header.get('version')}, and this package "
            f"reads {VERSION}.",
            "Update with: pip install -U obi-widgets.",
            path=path,
            line=1,
        )
    return cast("dict[str, Any]", header)


class Chunk(NamedTuple):
    """Some lines of a file.

    Attributes
    ----------
    path : Path
        The file.
    first : int
        The number of the first line.
    data : bytes
        Whole lines, each with its end.
    """

    path: Path
    first: int
    data: bytes

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield numbered lines without their ends."""
        for number, line in enumerate(self.data.split(b"\n")[:-1], self.first):
            yield number, self._text(number, line)

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
        time = self.data[at : at + 24].partition(b" ")[0]
        return int(time) if time.isdigit() else 0

    def record(self, number: int, at: int) -> tuple[Record | None, int]:
        """Return what the line says that begins there, and where the next one begins."""
        end = self.data.index(b"\n", at)
        line = self._text(number, self.data[at:end])
        if number == 1 and line.startswith("{"):
            _header(self.path, line)
            return None, end + 1
        time, _, said = line.partition(" ")
        try:
            return _record(int(time), said), end + 1
        except (ValueError, TypeError, msgspec.DecodeError):
            raise RecordingError(
                f"Line {number} of {self.path.name} is not a record: {line[:60]!r}.",
                "A record is '<receive time in ns> <frame>'.",
                path=self.path,
                line=number,
            ) from None

    def _text(self, number: int, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise _unreadable(self.path, number - 1, error) from error


def _chunks(path: Path) -> Iterator[Chunk]:
    """Yield the lines of a file; one that was cut off ends where it was cut off."""
    number, rest = 1, b""
    for data in _blocks(path):
        whole, end, rest = (rest + data).rpartition(b"\n")
        if end:
            yield Chunk(path, number, whole + end)
            number += whole.count(b"\n") + 1
    if rest:
        log.warning("%s was cut off in line %d.", path, number)


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked: all that can be read of one that is cut off or damaged."""
    lines = 0
    try:
        with cast(
            "gzip.GzipFile", gzip.open(path) if path.suffix == ".gz" else path.open("rb")
        ) as file:
            while block := file.read1(CHUNK):
                lines += block.count(b"\n")
                yield block
    except EOFError:
        log.warning("%s was cut off after line %d.", path, lines)
    except (OSError, zlib.error) as error:
        raise _unreadable(path, lines, error) from error


def _unreadable(path: Path, whole: int, error: Exception) -> RecordingError:
    return RecordingError(
        f"{path.name} cannot be read after line {whole}: {error}.",
        "It is damaged, or of another kind than its name says.",
        path=path,
        line=whole + 1,
    )


def _record(time: int, said: str) -> Record:
    if not 0 <= time < 2**63:
        raise ValueError(time)
    if not said.startswith("@"):
        if not said:
            raise ValueError(said)
        return Record(time, "frame", BOOK, said)
    kind, _, rest = said[1:].partition(" ")
    value = msgspec.json.decode(rest)
    match kind:
        case "frame" | "open" | "close":
            name, text = map(_text, value)
            return Record(time, kind, name, text)
        case "answer":
            name, status, text = value
            return Record(time, "answer", name, text, int(status))
    raise ValueError(kind)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
