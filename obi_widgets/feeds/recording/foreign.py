"""Recognises files that are no recordings, and says how to use each of them instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from obi_widgets.errors import RecordingError
from obi_widgets.feeds.recording.files import GZIP, ZSTD
from obi_widgets.feeds.recording.lines import EARLIEST, FORMAT, read_header

if TYPE_CHECKING:
    from pathlib import Path

ARRAYS = "obi.History.from_arrays(time_ns, bid_price, bid_size, ask_price, ask_size)"
TABLE = f"Read it with {{}}, and give its columns to {ARRAYS}."
PARQUET = (
    "To follow it, give the recording that it was made from. If History.save wrote it, obi.load "
    "reads it, for obi.calibrate and obi.sweep. Read another table with pandas.read_parquet, and "
    f"give its columns to {ARRAYS}."
)
UNPACK = "Unpack it first."
GIVE_RECORDING = "Give a file that obi.record made, or lines of '<receive time in ns> <frame>'."

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"PAR1", "a Parquet table, not a recording", PARQUET),
    (b"ARROW1", "an Arrow (Feather) table", TABLE.format("pandas.read_feather")),
    (b"\x93NUMPY", "a NumPy array", TABLE.format("numpy.load")),
    (b"\x89HDF", "an HDF5 file", TABLE.format("pandas.read_hdf")),
    (b"SQLite format 3", "an SQLite database", TABLE.format("pandas.read_sql")),
    (b"DBN", "a file of Databento", TABLE.format("databento's to_df")),
    (b"\x80\x04", "a pickle", TABLE.format("pandas.read_pickle, if you trust it")),
    (b"\x80\x05", "a pickle", TABLE.format("pandas.read_pickle, if you trust it")),
    (b"PK\x03\x04", "a ZIP archive", UNPACK),
    (b"BZh", "packed with bzip2", UNPACK),
    (b"\xfd7zXZ", "packed with xz", UNPACK),
    (b"7z\xbc\xaf", "packed with 7-Zip", UNPACK),
    (b"\x04\x22\x4d\x18", "packed with LZ4", UNPACK),
    (b"\x1f\x9d", "packed with compress", UNPACK),
    (GZIP, "packed with gzip", UNPACK),
    (ZSTD, "packed with Zstandard", UNPACK),
    (b"\xff\xfe", "text in UTF-16", "Save it as UTF-8."),
    (b"\xfe\xff", "text in UTF-16", "Save it as UTF-8."),
    (b"%PDF", "a PDF document", GIVE_RECORDING),
)

_CSV = TABLE.format("pandas.read_csv")
_PERCENTAGES = (
    "It has sums up to some distances from mid, and no levels: get historical depth (T_DEPTH), or "
    "record the market by obi.record."
)

UNITS = (("seconds", 10**9), ("milliseconds", 10**6), ("microseconds", 10**3))

_HEADER = f'{{"format":"{FORMAT}"'

_SECTION = re.compile(r"\[[A-Za-z_][\w.-]*\]")  # of TOML

_STAMPED = re.compile(rb"^\xef?\xbb?\xbf?(\d{1,25})(\.\d+)? +[^\s\d]", re.MULTILINE)


def refuse(path: Path, text: bytes, latest: int) -> None:
    """Raise if a file is no recording; the error says what it is instead.

    Parameters
    ----------
    path : Path
        The file.
    text : bytes
        Its first bytes, decompressed.
    latest : int
        Receive times from here on are refused, ns.

    Raises
    ------
    RecordingError
        If it is no recording.
    """
    stamps = _STAMPED.findall(text)
    if not stamps and read_header(text.partition(b"\n")[0]) is None:
        what, advice = _describe(text)
        if _is_packed(path) and text.startswith(tuple(magic for magic, _, _ in _MAGIC)):
            what, advice = f"packed, and its contents are {what}", UNPACK
        raise RecordingError(f"{path.name} is {what}.", advice, path=path, line=1)
    if stamps:
        _refuse_unit(path, stamps, latest)


def _is_packed(path: Path) -> bool:
    """Return whether a file is read through a decompressor."""
    with path.open("rb") as file:
        return file.read(len(ZSTD)).startswith((GZIP, ZSTD))


def _refuse_unit(path: Path, stamps: list[tuple[bytes, bytes]], latest: int) -> None:
    """Raise if the receive times are not nanoseconds."""
    times = [int(stamp) for stamp, _ in stamps]
    if any(EARLIEST <= time < latest for time in times):
        return  # any other time is in a damaged line
    first = b"".join(stamps[0]).decode()
    for unit, factor in UNITS:
        if EARLIEST <= times[0] * factor < latest:
            raise RecordingError(
                f"The receive times of {path.name} are {unit}, such as {first}.",
                f"Multiply them by {factor:,}: a recording has nanoseconds.",
                path=path,
                line=1,
            )
    raise RecordingError(
        f"The receive times of {path.name}, such as {first[:25]}, are not between 1980 and now.",
        "A recording has nanoseconds since 1970, UTC.",
        path=path,
        line=1,
    )


def _describe(data: bytes) -> tuple[str, str]:
    for magic, what, advice in _MAGIC:
        if data.startswith(magic):
            if what == "a ZIP archive" and b".npy" in data[:200]:
                return "a NumPy archive", TABLE.format("numpy.load")
            return what, advice
    if data[257:262] == b"ustar":
        return "a tar archive", UNPACK
    first, _, rest = data.partition(b"\n")
    line = first.decode("utf-8", "replace").strip("\ufeff \r")
    return _describe_table(line) or _describe_json(line, rest) or _describe_text(line)


def _describe_table(line: str) -> tuple[str, str] | None:
    """Describe a table by its first line: what it is, and advice; None if it is no table."""
    if line == "timestamp,percentage,depth,notional":
        return "a CSV file of Binance's bookDepth", _PERCENTAGES
    if re.fullmatch(r"-?[\d.]+(,-?[\d.]+){3,}", line):
        return "a table of numbers (CSV)", _CSV
    if line.count(",") >= 2 and not re.search(r"[{\[<]\s*\"", line):
        return f"a table (CSV) whose columns are {line[:60]}", _CSV
    return None


def _describe_json(line: str, rest: bytes) -> tuple[str, str] | None:
    if re.match(r"wss?://\S+ <-> ", line) or re.match(r"\d+\.\d+: ", line):
        return (
            "a dump of cryptofeed's raw messages",
            "Write its lines as '<receive time in ns> <frame>', without the lines of addresses.",
        )
    if not line.startswith(("{", "[")) or _SECTION.fullmatch(line):
        return None
    if line.startswith(_HEADER) or (len(line) > 5 and _HEADER.startswith(line)):
        return "cut off or damaged in its first line", GIVE_RECORDING
    if '"lastUpdateId"' in line[:200] and not rest.strip():
        return "a single snapshot of a book", f"Give it as one row to {ARRAYS}."
    if '"nbformat"' in line or b'"nbformat"' in rest[-4096:] or b'"cells"' in rest[:200]:
        return "a notebook", GIVE_RECORDING
    if re.search(r'"version":\s*\d', line) and '"obi-' in line:
        return f"another file of obi-widgets: {line[:60]}", GIVE_RECORDING
    return (
        f"JSON without receive times: its first line is {line[:60]!r}",
        "Write each frame as '<receive time in ns> <frame>'.",
    )


def _describe_text(line: str) -> tuple[str, str]:
    if line[:15].lower().startswith(("<!doctype", "<html", "<?xml")):
        return "a web page", "The download failed: it holds an error page instead of data."
    if _SECTION.fullmatch(line) or re.match(r"\w+ = ", line):
        return "a settings file (TOML)", "Read it with obi.Settings.load(path)."
    return f"not a recording: its first line is {line[:60]!r}", GIVE_RECORDING
