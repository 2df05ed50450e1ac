"""Writing a recording."""

from __future__ import annotations

import os
import threading
import time
import zlib
from contextlib import suppress
from io import FileIO
from pathlib import Path

from obi_widgets.checks import path as as_path
from obi_widgets.errors import RecordingError
from obi_widgets.feeds.recording.lines import LONGEST, Record, encode, header

FLUSH_EVERY = 0.5
"""Seconds that what was written may wait in the compressor."""

MEMBER = 2**20
"""Bytes that are compressed together: a damaged bit costs no more than the rest of them."""

PLAIN = (".txt", ".log", "")


class Recorder:
    """Appends records to a new file. Any thread may write.

    The file can be read at any time: the first line is there at once, and each record half a
    second after it was written, whether others follow or not.

    Parameters
    ----------
    path : str or Path
        Where to. It must not exist: a recording is never overwritten, and two recorders never
        write to one file. ``.gz`` is compressed; ``.txt``, ``.log`` or nothing is plain text.
    venue, symbol : str
        What is recorded.

    Attributes
    ----------
    path : Path
        Of the file.
    records : int
        How many were taken.
    too_long : int
        How many were not, since their lines would be longer than can be read.
    error : RecordingError, optional
        Why what was taken is not on disk; None again once it is.

    Raises
    ------
    RecordingError
        When the file exists, or cannot be made.
    """

    def __init__(self, path: str | Path, venue: str, symbol: str) -> None:
        self.path = _named(path)
        self.records = self.too_long = 0
        self.error: RecordingError | None = None
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._unwritten = bytearray()  # what is next in the file
        self._size = 0  # of the file, up to there
        self._pack = _packer() if self.path.suffix.lower() == ".gz" else None
        self._packed = 0  # bytes that went into it
        self._flushed_at = self._looked_at = time.monotonic()
        self._file = _new_file(self.path)
        try:
            self._put(header(venue, symbol))
            self._flush()
        except RecordingError:
            self._file.close()
            self.path.unlink()
            raise

    def write(self, record: Record) -> None:
        """Append one record.

        Raises
        ------
        RecordingError
            When the disk is full, or the file has gone. What was taken before is kept, and
            written first when the next record comes: the file has whole lines only. When the
            record is too long; what follows is written.
        """
        line = encode(record)
        if len(line) > LONGEST:
            with self._lock:
                self.too_long += 1
            raise RecordingError(
                f"A record of {len(line):,} bytes is not written to {self.path.name}.",
                f"A line may have {LONGEST:,}.",
                path=self.path,
            )
        with self._lock:
            if self._file.closed:
                raise RecordingError(
                    f"{self.path} was closed.", "Record to another.", path=self.path
                )
            self._drain()
            self.records += 1
            self._put(line)
            now = time.monotonic()
            if now - self._looked_at > FLUSH_EVERY:
                self._looked_at = now
                self._look()
            if self._pack is None:
                self._drain()
            elif now - self._flushed_at > FLUSH_EVERY:
                self._flush()
            elif self._timer is None:
                self._flush_soon()

    def close(self) -> None:
        """Write what is left.

        Raises
        ------
        RecordingError
            When it cannot be written. The file has what was written before.
        """
        with self._lock:
            if self._file.closed:
                return
            if self._timer is not None:
                self._timer.cancel()
            try:
                self._flush(end=True)
            finally:
                self._file.close()

    def _put(self, line: bytes) -> None:
        if self._pack is None:
            self._unwritten += line
        else:
            self._unwritten += self._pack.compress(line)
            self._packed += len(line)

    def _flush_soon(self) -> None:
        # A timer for each flush, so that a recorder that is dropped leaves no thread.
        timer = threading.Timer(FLUSH_EVERY, self._flush_late)
        timer.name, timer.daemon = "obi-flush", True
        try:
            timer.start()
        except RuntimeError:  # the interpreter is ending, or there are too many threads
            self._flush()
        else:
            self._timer = timer

    def _flush_late(self) -> None:
        with self._lock, suppress(RecordingError):  # `error` tells
            self._timer = None
            if not self._file.closed:
                self._look()
                self._flush()

    def _flush(self, *, end: bool = False) -> None:
        """Write what waits in the compressor; end its member when that has grown."""
        self._flushed_at = time.monotonic()
        if self._pack is not None:
            if end or self._packed > MEMBER:
                self._unwritten += self._pack.flush()
                self._pack, self._packed = _packer(), 0
            else:
                self._unwritten += self._pack.flush(zlib.Z_SYNC_FLUSH)
        self._drain()

    def _drain(self) -> None:
        """Write what is next in the file: all of it, or nothing."""
        if not self._unwritten:
            return
        try:
            self._file.seek(self._size)
            written = 0
            while written < len(self._unwritten):
                written += self._file.write(memoryview(self._unwritten)[written:]) or 0
        except OSError as error:
            with suppress(OSError):  # else it is written over when there is room
                self._file.truncate(self._size)
            raise self._failed(
                f"{self.path} cannot be written: {_reason(error)}.",
                "What was recorded before is kept. Make room, or choose another place.",
            ) from error
        self._size += len(self._unwritten)
        self._unwritten.clear()
        self.error = None

    def _look(self) -> None:
        """Raise when the file is no longer where it was made."""
        try:
            here = os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))
        except OSError:
            here = False
        if not here:
            raise self._failed(
                f"{self.path} was removed or replaced while it was written.",
                "Leave it alone until the recording ends.",
            )

    def _failed(self, what: str, advice: str) -> RecordingError:
        self.error = RecordingError(what, advice, path=self.path)
        return self.error


def _packer() -> zlib._Compress:
    return zlib.compressobj(wbits=31)


def _named(path: str | Path) -> Path:
    """Return a path that a recording may have."""
    named = as_path(path, "Give the name of a file that does not exist.")
    if named.suffix.lower() not in (".gz", *PLAIN):
        raise RecordingError(
            f"{named.name} has a name that ends in {named.suffix}, and a recording is text.",
            "Let its name end in .gz (compressed) or .txt.",
            path=named,
        )
    return named


def _new_file(path: Path) -> FileIO:
    """Make a file that is nobody else's."""
    try:
        return FileIO(path, "x")
    except FileExistsError:
        what, advice = (
            (f"{path} is a folder.", "Give the name of a file in it.")
            if path.is_dir()
            else (f"{path} exists.", "Recordings are not overwritten: choose another name.")
        )
        raise RecordingError(what, advice, path=path) from None
    except FileNotFoundError:
        raise RecordingError(
            f"There is no folder {path.parent} for {path.name}.", "Make it first.", path=path
        ) from None
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be written: {_reason(error)}.", "Choose another place.", path=path
        ) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
