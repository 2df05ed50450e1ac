"""A file's bytes, unpacked: all that can be read of one that is cut off or damaged.

What a file is packed with is told by its first bytes, not by its name. Memory is bounded whatever
it unpacks to.
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

CHUNK = 2**18
"""Bytes that are unpacked at a time."""

PACKED = 2**16
"""Packed bytes that are read at a time."""

FED = 2**7
"""Packed bytes that Zstandard is given at a time: it unpacks all of them, a byte to 32 KiB."""

WINDOW = 2**25
"""Bytes that a Zstandard frame may look back by: all that its levels up to 20 need."""

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

CUT_OFF = "is cut off after line {line:,}"

_EXTRA, _NAME, _COMMENT, _CHECKED = 4, 8, 16, 2  # flags of a gzip header


class Fault(NamedTuple):
    """Damage that was met between two blocks.

    Attributes
    ----------
    what : str
        What is wrong with the file: the rest of a sentence that begins with its name, with a
        place for the last line before it.
    missing : bool
        Whether bytes are missing here, so that what follows does not continue what came before.
    """

    what: str
    missing: bool = True


Blocks: TypeAlias = "Generator[bytes | Fault, None, None]"


def blocks(path: Path) -> Blocks:
    """Yield a file's bytes, unpacked, and its faults where they are.

    Raises
    ------
    RecordingError
        The file cannot be opened, or the system fails to read it.
    """
    try:
        with path.open("rb") as file:
            first = file.read(4)
            file.seek(0)
            if first.startswith(GZIP):
                yield from _gunzipped(file)
            elif first == ZSTD:
                yield from _unzstandard(file)
            else:
                while block := file.read(CHUNK):
                    yield block
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be read: {error.strerror or error}.", "Check the file.", path=path
        ) from error


def beginning(path: Path) -> tuple[bytes, str]:
    """Return the first bytes of a file, unpacked; without any, what is wrong with it."""
    unpacked = blocks(path)
    why = "is empty"
    for block in unpacked:
        if isinstance(block, bytes):
            unpacked.close()
            return block, ""
        why = block.what.format(line=0)
    return b"", why


def _unzstandard(file: IO[bytes]) -> Blocks:
    """Yield what the frames of a Zstandard file hold, one after the other."""
    packed = b""
    while packed := packed or file.read(FED):
        unpack = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
        try:
            while packed and not unpack.eof:
                if block := unpack.decompress(packed):
                    yield block
                packed = unpack.unused_data if unpack.eof else file.read(FED)
        except zstandard.ZstdError as error:
            at = _next(ZSTD, file, file.tell() - len(packed) + 1)
            yield Fault(f"is damaged after line {{line:,}} ({error})")
            if not at:
                return
            file.seek(at)
            packed = b""
            continue
        if not unpack.eof:
            yield Fault(CUT_OFF, missing=False)


# -- gzip ----------------------------------------------------------------------------------


def _gunzipped(file: IO[bytes]) -> Blocks:
    """Yield what the members of a gzip file hold, one after the other."""
    while True:
        start = file.tell()
        found = _header(file)
        if found is None:
            return
        if found:
            fault = yield from _member(file)
            if fault is None:
                continue
        else:
            fault = Fault("has bytes after line {line:,} that are not gzip")
        at = _next(GZIP + b"\x08", file, max(file.tell(), start + 1))
        if not at:
            fault = fault._replace(missing=False)
        yield fault
        if not at:
            return
        file.seek(at)


def _member(file: IO[bytes]) -> Generator[bytes | Fault, None, Fault | None]:
    """Yield what a member holds behind its header; return what it broke off with."""
    unpack, check, length = zlib.decompressobj(wbits=-zlib.MAX_WBITS), 0, 0
    packed = b""
    while not unpack.eof:
        packed = packed or file.read(PACKED)
        if not packed:
            return Fault(CUT_OFF, missing=False)
        before = unpack.copy()
        try:
            block = unpack.decompress(packed, CHUNK)
        except zlib.error:
            file.seek(-len(packed), 1)
            yield from _up_to_damage(before, file)
            return Fault("is damaged after line {line:,}, and a number shortly before may be wrong")
        packed = unpack.unconsumed_tail
        if block:
            check, length = zlib.crc32(block, check), length + len(block)
            yield block
    file.seek(-len(unpack.unused_data), 1)
    trailer = file.read(8)
    if len(trailer) < 8:
        return Fault(CUT_OFF, missing=False)
    if struct.unpack("<II", trailer) != (check, length % 2**32):
        yield Fault(
            "does not fit its checksum: a number up to line {line:,} may be wrong", missing=False
        )
    return None


def _up_to_damage(unpack: zlib._Decompress, file: IO[bytes]) -> Iterator[bytes]:
    """Yield what can be unpacked before the damage, and leave the file there."""
    done = bytearray()
    while byte := file.read(1):
        try:
            done += unpack.decompress(byte)
        except zlib.error:
            break
    yield bytes(done)


def _header(file: IO[bytes]) -> bool | None:
    """Read a member's header; return whether it is one, and None at the end of the file.

    Zeros before it are passed over: tapes and disks fill up with them.
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
    if flags & _CHECKED:
        file.read(2)
    return True


def _next(wanted: bytes, file: IO[bytes], at: int) -> int:
    """Return where from there on these bytes come next; 0 when they do not."""
    file.seek(at)
    kept = b""
    while block := file.read(PACKED):
        block = kept + block
        found = block.find(wanted)
        if found >= 0:
            return file.tell() - len(block) + found
        kept = block[1 - len(wanted) :]
    return 0
