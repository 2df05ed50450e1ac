"""Writes a recording."""

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
"""Longest time that records wait in the compressor, seconds."""

MEMBER_SIZE = 2**20
"""Bytes that are compressed together as a gzip member. Damage to a member loses at most these."""

MOST_WAITING = 64 * 2**20
"""Bytes that may wait for a slow disk. Beyond them the caller waits too."""

PLAIN_SUFFIXES = (".txt", ".log", "")


class Recorder:
    """Appends records to a new file. Any thread may write.

    The file can be read at any time. Its first line is written at once, and each record within
    half a second, even if no other follows. A compressed file is written by a thread of its own,
    so that a disk that is slow for a while does not delay who records.

    Parameters
    ----------
    path : str or Path
        The file to write. It must not exist: a recording is never overwritten, and two recorders
        never write to one file. With the suffix ``.gz`` it is compressed; with ``.txt``, ``.log``
        or no suffix it is plain text.
    venue, symbol : str
        The venue and the symbol that are recorded.

    Attributes
    ----------
    path : Path
        The file.
    records : int
        Number of records accepted.
    too_long : int
        Number of records refused, because their lines would be too long to be read again.
    error : RecordingError, optional
        Why accepted records are not on disk, or not at the path; None once they are.

    Raises
    ------
    RecordingError
        If the file exists, or cannot be created.
    """

    def __init__(self, path: str | Path, venue: str, symbol: str) -> None:
        self.path = _checked_path(path)
        self.records = self.too_long = 0
        self.error: RecordingError | None = None
        self._is_gone = False  # whether the path was no longer that of the file when last looked
        self._disk = threading.RLock()  # held while the file is written; taken before `_lock`
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None  # until what it has written is in the file
        self._is_waiting = False  # whether records came since the last flush
        self._unwritten = bytearray()  # the bytes that come next in the file
        self._size = 0  # bytes in the file before them
        self._compressor = _new_compressor() if self.path.suffix.lower() == ".gz" else None
        self._member_bytes = 0  # bytes of the open gzip member, before compression
        self._checked_at = time.monotonic()
        self._file = _new_file(self.path)
        try:
            self._put(header(venue, symbol))
            self._flush()
        except RecordingError:
            self._file.close()
            self.path.unlink()
            raise

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def write(self, record: Record) -> None:
        """Append one record.

        Raises
        ------
        RecordingError
            If the disk is full, or the file was removed or replaced. Records that were accepted
            before are kept in memory and written before the next one, so the file has complete
            lines only. Also if the record is too long; later records are still written.
        """
        line = encode(record)
        if len(line) > LONGEST:
            with self._lock:
                self.too_long += 1
            raise RecordingError(
                f"A record of {len(line):,} bytes is not written to {self.path.name}.",
                f"A line may have at most {LONGEST:,} bytes.",
                path=self.path,
            )
        if self._compressor is None or self.error or len(self._unwritten) > MOST_WAITING:
            self._write_now(line)
            return
        with self._lock:
            self._check_open()
            self.records += 1
            self._put(line)
            started = self._timer is not None or self._flush_soon()
        if not started:
            self._flush()

    def _check_open(self) -> None:
        if self._file.closed:
            raise RecordingError(
                f"{self.path} was closed.", "Record to another file.", path=self.path
            )

    def _write_now(self, line: bytes) -> None:
        """Append a line, and wait until it is in the file, or nearly so."""
        with self._disk, self._lock:
            self._check_open()
            self._write_out()
            self.records += 1
            self._put(line)
            now = time.monotonic()
            if now - self._checked_at > FLUSH_EVERY:
                self._checked_at = now
                self._check_place()
            if self._compressor is None:
                self._write_out()
            elif self._timer is None and not self._flush_soon():
                self._flush()

    def close(self) -> None:
        """Write the remaining records, and close the file.

        Raises
        ------
        RecordingError
            If they cannot be written. The file keeps what was written before.
        """
        with self._disk, self._lock:
            if self._file.closed:
                return
            if self._timer is not None:
                self._timer.cancel()
            try:
                self._flush(end=True)
            finally:
                self._close_file()

    def _close_file(self) -> None:
        try:
            self._file.close()
        except OSError as error:  # over a network, a full disk may show only now
            raise self._set_error(
                f"{self.path} cannot be closed: {_reason(error)}.",
                "Its end may be missing. Make room, or choose another place.",
            ) from error

    def _put(self, line: bytes) -> None:
        if self._compressor is None:
            self._unwritten += line
        else:
            self._unwritten += self._compressor.compress(line)
            self._member_bytes += len(line)
            self._is_waiting = True

    def _flush_soon(self) -> bool:
        """Flush in a while, in another thread; return False if none can be started."""
        # A timer for each flush, so that a recorder without references leaves no thread behind.
        timer = threading.Timer(FLUSH_EVERY, self._flush_late)
        timer.name, timer.daemon = "obi-flush", True
        try:
            timer.start()
        except RuntimeError:  # the interpreter is ending, or there are too many threads
            return False
        self._timer = timer
        return True

    def _flush_late(self) -> None:
        with self._disk:
            with suppress(RecordingError):  # it is stored in `error`
                if not self._file.closed:
                    self._check_place()
                    self._flush()
            with self._lock:
                self._timer = None
                if self._is_waiting and not (self._file.closed or self.error):
                    self._flush_soon()  # of what came while this was written

    def _flush(self, *, end: bool = False) -> None:
        """Write what waits in the compressor; end the gzip member if it is large enough."""
        with self._disk:
            with self._lock:
                self._is_waiting = False
                if self._compressor is not None:
                    if end or self._member_bytes > MEMBER_SIZE:
                        self._unwritten += self._compressor.flush()
                        self._compressor, self._member_bytes = _new_compressor(), 0
                    else:
                        self._unwritten += self._compressor.flush(zlib.Z_SYNC_FLUSH)
            self._write_out()

    def _write_out(self) -> None:
        """Write the unwritten bytes to the file: all of them, or none."""
        with self._disk:
            with self._lock:
                data, self._unwritten = self._unwritten, bytearray()
            if not data:
                return
            try:
                self._file.seek(self._size)
                written = 0
                while written < len(data):
                    written += self._file.write(memoryview(data)[written:]) or 0
            except OSError as error:
                with self._lock:
                    self._unwritten[:0] = data
                with suppress(OSError):  # if this fails too, the next write overwrites the rest
                    self._file.truncate(self._size)
                raise self._set_error(
                    f"{self.path} cannot be written: {_reason(error)}.",
                    "What was recorded before is kept. Make room, or choose another place.",
                ) from error
            self._size += len(data)
            if not self._is_gone:
                self.error = None

    def _check_place(self) -> None:
        """Raise if the path is no longer that of the open file."""
        try:
            same_file = os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))
        except OSError:
            same_file = False
        self._is_gone = not same_file
        if not same_file:
            raise self._set_error(
                f"{self.path} was removed or replaced while it was written.",
                "Leave it alone until the recording ends.",
            )

    def _set_error(self, what: str, advice: str) -> RecordingError:
        self.error = RecordingError(what, advice, path=self.path)
        return self.error


def _new_compressor() -> zlib._Compress:
    return zlib.compressobj(wbits=31)


def _checked_path(path: str | Path) -> Path:
    """Return the path as a `Path`; raise if its suffix is not one of a recording."""
    path = as_path(path, "Give the name of a file that does not exist.")
    if path.suffix.lower() not in (".gz", *PLAIN_SUFFIXES):
        raise RecordingError(
            f"{path.name} ends in {path.suffix}, but a recording is text.",
            "Choose a name that ends in .gz (compressed) or .txt.",
            path=path,
        )
    return path


def _new_file(path: Path) -> FileIO:
    """Create a file that did not exist."""
    try:
        return FileIO(path, "x")
    except FileExistsError:
        what, advice = (
            (f"{path} is a folder.", "Give the name of a file in it.")
            if path.is_dir()
            else (f"{path} exists.", "A recording is not overwritten. Choose another name.")
        )
        raise RecordingError(what, advice, path=path) from None
    except FileNotFoundError:
        raise RecordingError(
            f"There is no folder {path.parent} for {path.name}.", "Create it first.", path=path
        ) from None
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be written: {_reason(error)}.", "Choose another place.", path=path
        ) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
