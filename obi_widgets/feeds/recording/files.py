"""Decompresses a file as far as it can be read, even if it is cut off or damaged.

The first bytes of a file show how it is compressed, whatever its name. Memory stays small however
much a file decompresses to.
"""

from __future__ import annotations

import struct
import zlib
from typing import IO, TYPE_CHECKING, NamedTuple, TypeAlias

import zstandard

from obi_widgets.errors import RecordingError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

BLOCK_SIZE = 2**18
"""Largest block of decompressed bytes."""

READ_SIZE = 2**16
"""Compressed bytes that are read at a time."""

ZSTD_READ_SIZE = 2**7
"""Bytes of a Zstandard file that are read at a time. They are few because each of them may
decompress to 32 KiB, and the library has no limit on its output."""

MAX_ZSTD_WINDOW = 2**25
"""Largest window of a Zstandard frame, bytes. Compression levels up to 20 need no more."""

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

CUT_OFF = "is cut off after line {line:,}"

_EXTRA, _NAME, _COMMENT, _HEADER_CHECKSUM = 4, 8, 16, 2  # flags of a gzip header


class Fault(NamedTuple):
    """Damage between two blocks.

    Attributes
    ----------
    what : str
        What is wrong with the file: the end of a sentence that begins with its name. ``{line}``
        stands for the number of the last line before the damage.
    missing : bool
        Whether bytes are missing here: then the next block does not continue the one before.
    """

    what: str
    missing: bool = True


Blocks: TypeAlias = "Generator[bytes | Fault, None, None]"


def blocks(path: Path) -> Blocks:
    """Yield a file's decompressed bytes, and its faults in their places.

    Raises
    ------
    RecordingError
        If the file cannot be opened, or the system fails to read it.
    """
    try:
        with path.open("rb") as file:
            first = file.read(4)
            file.seek(0)
            if first.startswith(GZIP):
                yield from _read_gzip(file)
            elif first == ZSTD:
                yield from _read_zstd(file)
            else:
                while block := file.read(BLOCK_SIZE):
                    yield block
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be read: {error.strerror or error}.", "Check the file.", path=path
        ) from error


def beginning(path: Path) -> tuple[bytes, str]:
    """Return the first decompressed bytes of a file; if there are none, what is wrong with it."""
    file_blocks = blocks(path)
    why = "is empty"
    for block in file_blocks:
        if isinstance(block, bytes):
            file_blocks.close()
            return block, ""
        why = block.what.format(line=0)
    return b"", why


def _read_zstd(file: IO[bytes]) -> Blocks:
    """Yield the decompressed bytes of a Zstandard file, frame by frame."""
    packed = b""
    while packed := packed or file.read(ZSTD_READ_SIZE):
        decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW).decompressobj()
        try:
            while packed and not decompressor.eof:
                if block := decompressor.decompress(packed):
                    yield block
                packed = decompressor.unused_data if decompressor.eof else file.read(ZSTD_READ_SIZE)
        except zstandard.ZstdError as error:
            next_frame = _find(ZSTD, file, file.tell() - len(packed) + 1)
            yield Fault(f"is damaged after line {{line:,}} ({error})")
            if not next_frame:
                return
            file.seek(next_frame)
            packed = b""
            continue
        if not decompressor.eof:
            yield Fault(CUT_OFF, missing=False)


# -- gzip ----------------------------------------------------------------------------------


def _read_gzip(file: IO[bytes]) -> Blocks:
    """Yield the decompressed bytes of a gzip file, member by member."""
    while True:
        start = file.tell()
        is_header = _read_header(file)
        if is_header is None:
            return
        if is_header:
            fault = yield from _read_member(file)
            if fault is None:
                continue
        else:
            fault = Fault("has bytes after line {line:,} that are not gzip")
        next_member = _find(GZIP + b"\x08", file, max(file.tell(), start + 1))
        if not next_member:
            fault = fault._replace(missing=False)
        yield fault
        if not next_member:
            return
        file.seek(next_member)


def _read_member(file: IO[bytes]) -> Generator[bytes | Fault, None, Fault | None]:
    """Yield the decompressed bytes of a member after its header; return the fault that ends it."""
    decompressor, checksum, length = zlib.decompressobj(wbits=-zlib.MAX_WBITS), 0, 0
    packed = b""
    while not decompressor.eof:
        packed = packed or file.read(READ_SIZE)
        if not packed:
            return Fault(CUT_OFF, missing=False)
        before = decompressor.copy()
        try:
            block = decompressor.decompress(packed, BLOCK_SIZE)
        except zlib.error:
            file.seek(-len(packed), 1)
            yield from _read_to_damage(before, file)
            return Fault("is damaged after line {line:,}, and a number shortly before may be wrong")
        packed = decompressor.unconsumed_tail
        if block:
            checksum, length = zlib.crc32(block, checksum), length + len(block)
            yield block
    file.seek(-len(decompressor.unused_data), 1)
    trailer = file.read(8)
    if len(trailer) < 8:
        return Fault(CUT_OFF, missing=False)
    if struct.unpack("<II", trailer) != (checksum, length % 2**32):
        yield Fault(
            "does not match its checksum: a number up to line {line:,} may be wrong", missing=False
        )
    return None


def _read_to_damage(decompressor: zlib._Decompress, file: IO[bytes]) -> Iterator[bytes]:
    """Yield what can be decompressed before the damage; leave the file's position behind it."""
    readable = bytearray()
    while byte := file.read(1):
        try:
            readable += decompressor.decompress(byte)
        except zlib.error:
            break
    yield bytes(readable)


def _read_header(file: IO[bytes]) -> bool | None:
    """Read a member's header; return whether it is valid, or None at the end of the file.

    Zero bytes before it are skipped: tapes and disks pad files with them.
    """
    first = b"\0"
    while first == b"\0":
        first = file.read(1)
    if not first:
        return None
    fixed = first + file.read(9)
    if len(fixed) < 10 or fixed[:3] != GZIP + b"\x08" or fixed[3] & 0xE0:
        return False
    flags = fixed[3]
    if flags & _EXTRA:
        file.read(int.from_bytes(file.read(2), "little"))
    for text in (_NAME, _COMMENT):
        if flags & text:
            while file.read(1) not in (b"\0", b""):
                pass
    if flags & _HEADER_CHECKSUM:
        file.read(2)
    return True


def _find(wanted: bytes, file: IO[bytes], at: int) -> int:
    """Return the next position of some bytes, at or after ``at``; 0 if there is none."""
    file.seek(at)
    tail = b""
    while block := file.read(READ_SIZE):
        block = tail + block
        index = block.find(wanted)
        if index >= 0:
            return file.tell() - len(block) + index
        tail = block[1 - len(wanted) :]  # the bytes may lie across two blocks
    return 0
