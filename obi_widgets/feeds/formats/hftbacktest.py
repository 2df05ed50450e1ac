"""Arrays of events of hftbacktest (``.npz`` or ``.npy``), of its version 1 and its version 2.

Version 2 has records with ``ev``, ``exch_ts``, ``local_ts``, ``px`` and ``qty``; bits of ``ev``
are the side and whether the event is one of the exchange, of the local computer, or both.
Version 1 has a matrix of event, exchange time, local time, side, price, size; a time of −1 says
that the event is not of that side. What the local computer received is read, as it received it.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any, ClassVar

import numpy as np

from obi_widgets.errors import RecordingError, quoted
from obi_widgets.feeds.formats.event_files import NO_TICK, EventFiles, FileEvent, Head
from obi_widgets.feeds.formats.level_events import best_levels, messages
from obi_widgets.feeds.formats.units import NO_UNIT, outside, unit_of
from obi_widgets.market_data.events import Delta, Refused, Snapshot, Status, Trade

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from obi_widgets.feeds.recording.skipped import Skipped

NPY, ZIP = b"\x93NUMPY", b"PK\x03\x04"

LOCAL, BUY, SELL = 1 << 30, 1 << 29, 1 << 28
"""Bits of ``ev``: the event is one of the local computer; it is of a bid or a buyer; of an ask."""

KIND = 0xFF
"""The bits of ``ev`` that hold the kind."""

DEPTH, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4
"""Kinds of events: a level, a trade, a side that is emptied, a level of a snapshot."""

FIELDS = ("ev", "exch_ts", "local_ts", "px", "qty")

BATCH = 2**17
"""Events that are read at once."""

ROW = np.dtype(
    [
        ("time", np.int64), ("received", np.int64), ("kind", np.int64), ("side", np.int8),
        ("px", np.float64), ("qty", np.float64), ("clears", np.bool_), ("number", np.int64),
    ]
)  # fmt: skip
"""An event of the local computer, whatever the version; ``number`` is that of its row, from 0."""


class HftBacktest(EventFiles):
    """Arrays of hftbacktest, one after the other. The first may be a snapshot."""

    format: ClassVar[str] = "hftbacktest"

    def __init__(self, heads: Sequence[Head], *, market: str | None = None) -> None:
        super().__init__(heads, market=market)
        self.streams = frozenset({"trades"})

    @classmethod
    def recognises(cls, head: Head) -> bool:  # noqa: D102
        data = _beginning(head.data)
        header = data[:1024].partition(b"}")[0].decode("latin-1")
        if all(f"'{name}'" in header for name in FIELDS):
            return True
        six = re.search(r"'<f8', 'fortran_order': False, 'shape': \(\d+, 6\)", header)
        return six is not None and _is_event(data)

    def lacking(self) -> list[str]:  # noqa: D102
        sentences = [NO_TICK, "Ids of trades are not in arrays of hftbacktest."]
        if not self.symbol:
            sentences.append("The market is not in the file: give it by market='venue:SYMBOL'.")
        return sentences

    def read(self) -> list[Iterator[FileEvent]]:  # noqa: D102
        following = [*self.paths[1:], None]
        pairs = zip(self.paths, following, strict=True)
        return [self.continued([(path, self._events(path, after)) for path, after in pairs])]

    def _events(self, path: Path, after: Path | None) -> Iterator[FileEvent]:
        left, last = np.empty(0, ROW), 0
        for rows in self._rows(path, after):
            rows = np.concatenate([left, rows])
            _refuse(path, rows, np.diff(rows["received"], prepend=last) < 0, "is out of order")
            last = int(rows["received"][-1])
            final = int(np.flatnonzero(_begins(rows))[-1])  # it may go on in the next batch
            yield from _read(rows[:final])
            left = rows[final:]
        yield from _read(left)

    def _rows(self, path: Path, after: Path | None) -> Iterator[NDArray[Any]]:
        """Yield the events of the local computer."""
        unit, done, untimed = 0, 0, 0
        for records in _records(path, self.skipped):
            rows, local = _normal(records, done)
            done += len(records)
            snapshot = bool((rows["kind"] == SNAPSHOT).all())
            if not (snapshot and not local.any()):  # a snapshot of its own has no such bits
                rows = rows[local]
            if not len(rows):
                continue
            if snapshot and not rows["received"].any():
                rows["time"] = rows["received"] = self._begin(after, path)
            none = rows["time"] <= 0
            untimed += int(none.sum())
            rows["time"][none] = rows["received"][none]
            unit = unit or unit_of(rows["received"][0])
            wrong = outside(rows["received"], unit) if unit else np.ones(len(rows), bool)
            wrong |= outside(rows["time"], unit) if unit else False
            _refuse(path, rows, wrong, f"has {NO_UNIT if not unit else 'a time in another unit'}")
            rows["time"] *= unit
            rows["received"] *= unit
            _refuse(path, rows, ~((rows["px"] > 0) | rows["clears"]), "has no price")
            _refuse(path, rows, ~(rows["qty"] >= 0), "has no size")
            yield rows
        if untimed:
            self.skipped.lacking.append(
                f"{untimed:,} events of {path.name} have no exchange time, as that program writes "
                "what arrived out of order: their receive time stands for it."
            )

    def _begin(self, path: Path | None, snapshot: Path) -> int:
        """Return the first receive time of a file, in its own unit."""
        if path is not None:
            for records in _records(path, self.skipped):
                rows, local = _normal(records, 0)
                if local.any():
                    return int(rows["received"][local][0])
        raise RecordingError(
            f"{snapshot.name} is a snapshot without a time.",
            "Give the file of the events that follow it too: obi.load([snapshot, events]).",
            path=snapshot,
        )


def _normal(records: NDArray[Any], first: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return events in one form for both versions, and which are of the local computer."""
    rows = np.zeros(len(records), ROW)
    rows["number"] = np.arange(first, first + len(records))
    if records.dtype.names is None:
        kind, time, received, side, rows["px"], rows["qty"] = records.T
        local = received > 0
        kind = kind.astype(np.int64)
        rows["side"] = np.sign(side)
    else:
        event = records["ev"].astype(np.int64)
        local = (event & LOCAL) != 0
        kind = event & KIND
        time, received = records["exch_ts"], records["local_ts"]
        rows["side"] = np.where(event & BUY, 1, np.where(event & SELL, -1, 0))
        rows["px"], rows["qty"] = (_exact(records[name]) for name in ("px", "qty"))
    rows["time"], rows["received"] = time, received
    rows["clears"] = kind == CLEAR
    rows["kind"] = np.where(kind == CLEAR, SNAPSHOT, kind)
    return rows, local


def _exact(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return numbers as float64: of float32, those of fewest digits."""
    if values.dtype.itemsize > 4:
        return np.asarray(values, np.float64)
    different, where = np.unique(values, return_inverse=True)
    return np.array([float(str(value)) for value in different])[where]


def _begins(rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether each event begins a message. Each trade is one."""
    begins = rows["kind"] == TRADE
    begins[:1] = True
    for name in ("kind", "time", "received"):
        begins[1:] |= np.diff(rows[name]) != 0
    return np.asarray(begins)


def _read(rows: NDArray[Any]) -> Iterator[FileEvent]:
    """Yield the events of whole messages."""
    columns = [rows[name].tolist() for name in ("kind", "time", "received", "side")]
    price = np.where(rows["clears"], np.nan, rows["px"])
    levels = np.stack([price, rows["qty"]], axis=1)
    for row, bids, asks in messages(_begins(rows), rows["side"] < 0, levels):
        kind, time, received, side = (column[row] for column in columns)
        if kind == DEPTH:
            yield Delta(time, received, 0, bids, asks)
        elif kind == SNAPSHOT:
            bids, asks = (side_[~np.isnan(side_[:, 0])] for side_ in (bids, asks))
            if len(bids) or len(asks):
                yield Snapshot(time, received, 0, bids, asks, best_levels(bids, asks))
            else:
                yield Status(received, "gap", "The file empties the book.", "")
        elif kind == TRADE and side:
            price, size = (bids if side > 0 else asks)[0].tolist()
            yield Trade(time, received, price, size, side, 0)
        elif kind == TRADE:
            yield Refused(received, "trade whose taker is unknown")
        else:
            yield Refused(received, f"event {kind}", count=len(bids) + len(asks))


def _refuse(path: Path, rows: NDArray[Any], bad: NDArray[np.bool_], what: str) -> None:
    if bad.any():
        row = rows[int(bad.argmax())]
        values = {name: row[name].item() for name in ("time", "received", "kind", "px", "qty")}
        raise RecordingError(
            f"{path.name}, event {int(row['number']):,}: it {what}: {quoted(values)}.",
            "Make the file again.",
            path=path,
        )


# -- arrays of NumPy -----------------------------------------------------------------------


def _is_event(data: bytes) -> bool:
    """Return whether the first of six columns is a kind, and two others are times, or none."""
    end = data.find(b"\n") + 1  # of the header
    if not end or len(data) < end + 48:
        return False
    kind, *times = np.frombuffer(data[end : end + 24], np.float64).tolist()
    return 0 < kind <= KIND and all(time in (0, -1) or unit_of(time) for time in times)


def _beginning(data: bytes) -> bytes:
    """Return the first bytes of an array from those of a file; none if it holds no array."""
    if data.startswith(ZIP):
        start = 30 + int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
        packed, method = data[start:], int.from_bytes(data[8:10], "little")
        try:
            data = zlib.decompressobj(-15).decompress(packed, 4096) if method else packed
        except zlib.error:
            return b""
    return data if data.startswith(NPY) else b""


def _records(path: Path, skipped: Skipped) -> Iterator[NDArray[Any]]:
    """Yield the records of an array, many at a time; of a file that is cut off, the whole ones."""
    with path.open("rb") as file:
        stream = _unpacked(file)
        shape, dtype = _array_header(path, stream)
        size, left = int(dtype.itemsize * np.prod(shape[1:], dtype=int)), shape[0]
        while left:
            data = stream.read(min(left, BATCH) * size)
            count = len(data) // size
            if count:
                yield np.frombuffer(data, dtype, count * max(size // dtype.itemsize, 1)).reshape(
                    count, *shape[1:]
                )
            left -= count
            if count * size < len(data) or not count:
                skipped.faults.append(
                    f"{path.name} is cut off after event {shape[0] - left:,} of {shape[0]:,}."
                )
                return
        if _checksum(path, stream.length) not in (None, stream.checksum):
            skipped.faults.append(
                f"{path.name} does not match its checksum: a number may be wrong."
            )


def _checksum(path: Path, length: int) -> int | None:
    """Return the checksum that an archive has of its first member; None if it has none.

    Nor has one whose member is of another length, since then not all of it was read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.infolist()[0]
    except (zipfile.BadZipFile, IndexError):  # an array alone, or an archive that is damaged
        return None
    return member.CRC if member.file_size == length else None


def _array_header(path: Path, stream: Stream) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read the header of an array; return its shape and the type of its records."""
    reader: Any = stream
    try:
        version = np.lib.format.read_magic(reader)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, by_columns, dtype = read(reader)
        why = "it is stored column by column" if by_columns and len(shape) > 1 else ""
        why = "it has objects of Python" if dtype.hasobject else why
    except (ValueError, KeyError) as error:
        shape, dtype, why = (), np.dtype(float), str(error)
    if why:
        raise RecordingError(
            f"The array of {path.name} cannot be read: {why}.",
            "Save it again by numpy.savez_compressed(path, data=np.ascontiguousarray(data)).",
            path=path,
        )
    return shape, dtype


class Stream:
    """Unpacked bytes of a file, as far as it can be unpacked.

    Parameters
    ----------
    file : binary file
        At the first byte to unpack.
    packed : bool
        Whether the bytes are deflated.

    Attributes
    ----------
    length, checksum : int
        Number of bytes so far, and their CRC32.
    """

    def __init__(self, file: IO[bytes], *, packed: bool) -> None:
        self._file = file
        self._unpack = zlib.decompressobj(-15) if packed else None
        self.length = self.checksum = 0

    def read(self, size: int) -> bytes:
        """Return so many bytes, fewer at the end or at damage."""
        data = self._read(size)
        self.length += len(data)
        self.checksum = zlib.crc32(data, self.checksum)
        return data

    def _read(self, size: int) -> bytes:
        if self._unpack is None:
            return self._file.read(size)
        parts, missing, rest = [], size, self._unpack.unconsumed_tail
        while missing and not self._unpack.eof:
            rest = rest or self._file.read(2**16)
            if not rest:
                break
            try:
                part = self._unpack.decompress(rest, missing)
            except zlib.error:
                break
            rest = self._unpack.unconsumed_tail
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


def _unpacked(file: IO[bytes]) -> Stream:
    """Return the bytes of the array: of an archive, those of its first member."""
    head = file.read(30)
    if not head.startswith(ZIP):
        file.seek(0)
        return Stream(file, packed=False)
    lengths = int.from_bytes(head[26:28], "little"), int.from_bytes(head[28:30], "little")
    file.seek(30 + sum(lengths))
    return Stream(file, packed=head[8:10] != b"\0\0")
