"""The lines of a recording: a header, then one record a line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias, cast

import msgspec
import numpy as np
from msgspec import Meta, Raw, Struct

from obi_widgets.market_data.venues.many_frames import Frames
from obi_widgets.market_data.venues.replies import BOOK

if TYPE_CHECKING:
    from obi_widgets.feeds.market import Market
    from obi_widgets.market_data.venues.replies import Reply

FORMAT, VERSION = "obi-recording", 1

LONGEST = 16 * 2**20
"""Longest line, bytes: three times the largest frame that was measured."""

EARLIEST = 315_532_800_000_000_000
"""1980, ns: an earlier receive time is a time in another unit."""

Kind: TypeAlias = Literal["frame", "open", "close", "pong", "answer", "clock", "end"]


class Record(NamedTuple):
    """Something that came over the network, a change of this computer's clock, or the end.

    Attributes
    ----------
    time : int
        Receive time by this computer's clock, ns UTC; for a change of the clock, the time by the
        old clock.
    kind : str
        ``frame``, ``open``, ``close``, ``pong``, ``answer``, ``clock`` or ``end``.
    name : str
        Name of the websocket, or of the request that was answered.
    text : str
        The frame, the reason why a websocket was closed, or the body of an answer.
    status : int
        HTTP status of an answer.
    date : int, optional
        The venue's clock when it sent an answer (the HTTP header ``Date``), ns UTC.
    shift : int
        How far the clock was set ahead, ns; negative if it was set back.
    took : int, optional
        Time from the request to its answer, ns. None if another market asked, and in a recording.
    """

    time: int
    kind: Kind
    name: str
    text: str
    status: int = 0
    date: int | None = None
    shift: int = 0
    took: int | None = None

    def apply(self, market: Market) -> list[Reply]:
        """Apply the record to a market; return the venue's requests."""
        match self.kind:
            case "frame":
                return market.receive(self.text, self.time, self.name)
            case "open":
                return market.connected(self.name, self.time)
            case "close":
                return market.disconnected(self.name, self.text, self.time)
            case "pong":
                return market.ponged(self.name, self.time)
            case "answer":
                return market.fetched(
                    self.name, self.status, self.text, self.time, self.date, self.took
                )
            case "clock":
                market.clock_was_set(self.shift)
                return []
            case "end":
                return []


def header(venue: str, symbol: str) -> bytes:
    """Return the first line of a recording."""
    fields = {"format": FORMAT, "version": VERSION, "venue": venue, "symbol": symbol}
    return msgspec.json.encode(fields) + b"\n"


def read_header(line: bytes) -> dict[str, Any] | None:
    """Return the fields of a recording's first line; None if the line is something else."""
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        return None
    return cast("dict[str, Any]", fields)


def encode(record: Record) -> bytes:
    """Return a record's line, with its line end."""
    name, text = record.name, record.text
    match record.kind:
        case "frame":
            fits = text[:1] not in ("", "@") and not re.search(r"[\r\n]", text)
            plain = fits and name == BOOK and _is_intact(text, text)
            payload = text if plain else f"@frame {_json([name, text])}"
        case "answer":
            date = [] if record.date is None else [record.date]
            payload = f"@answer {_json([name, record.status, text, *date])}"
        case "pong":
            payload = f"@pong {_json([name])}"
        case "clock":
            payload = f"@clock {_json([record.shift])}"
        case "end":
            payload = "@end []"
        case _:
            payload = f"@{record.kind} {_json([name, text])}"
    return f"{record.time} {payload}\n".encode()


def decode(line: bytes, latest: int) -> Record:
    """Return the record of a line.

    Parameters
    ----------
    line : bytes
        The line without its line end.
    latest : int
        Receive times from here on are refused, ns.

    Raises
    ------
    ValueError
        If the line is not a record.
    """
    at = line.find(b" ", 0, 20)
    if not line[: max(at, 0)].isdigit() or not EARLIEST <= (time := int(line[:at])) < latest:
        raise ValueError(line)
    payload = memoryview(line)[at + 1 :]  # a view, not a copy: a frame may be large
    text = str(payload, "utf-8")
    if not text:
        raise ValueError(line)
    if not text.startswith("@"):
        if not _is_intact(text, payload):
            raise ValueError(line)
        return Record(time, "frame", BOOK, text)
    kind, _, rest = text[1:].partition(" ")
    try:
        value = _decoders[kind].decode(rest)
    except (KeyError, RecursionError) as error:
        raise ValueError(line) from error
    match kind:
        case "answer":
            return Record(time, "answer", value.name, value.body, value.status, value.date)
        case "pong":
            return Record(time, "pong", value[0], "")
        case "clock":
            return Record(time, "clock", "", "", shift=value[0])
        case "end":
            return Record(time, "end", "", "")
    return Record(time, cast("Kind", kind), *value)


_STAMP = 20
"""Bytes before a frame: a time in nanoseconds, of 19 digits since 2001, and a space."""

# The digits are summed as two floats of at most ten digits each, which floats hold exactly.
_PLACES = np.zeros((19, 2))
_PLACES[:9, 0], _PLACES[9:, 1] = 10.0 ** np.arange(8, -1, -1), 10.0 ** np.arange(9, -1, -1)


def frames_of(data: bytes) -> Frames:
    """Return lines of ``<receive time, ns> <frame>`` as frames of the book's websocket.

    A line that does not look like that gets a receive time of 0 or less. Give it to `decode`.
    """
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    begins = np.zeros(len(ends), np.int64)
    begins[1:] = ends[:-1] + 1
    count = max(len(data) - _STAMP + 1, 0)
    if not count:  # no line is long enough
        return Frames(data, np.stack([np.zeros_like(ends), begins, ends]))
    windows = np.ndarray((count,), f"V{_STAMP}", data, strides=(1,))
    stamps = windows[np.minimum(begins, count - 1)].view(np.uint8).reshape(-1, _STAMP)
    digits = stamps[:, :-1] - np.uint8(ord("0"))
    plain = (digits.max(axis=1) <= 9) & (stamps[:, -1] == ord(" ")) & (begins + _STAMP <= ends)
    high, low = (digits @ _PLACES).astype(np.int64).T
    received = np.where(plain, high * 10**10 + low, 0)  # below 0 if it overflows
    return Frames(data, np.stack([received, begins + _STAMP, ends]))


def _is_intact(frame: str, data: str | memoryview) -> bool:
    """Return whether a frame, given as text and as its source, is anything but broken JSON.

    A frame that is received as broken JSON is recorded as ``@frame``. So one that stands in a file
    without it was damaged in the file.
    """
    if not frame.startswith(("{", "[")):
        return True
    try:
        _any.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


class _Answer(Struct, array_like=True, forbid_unknown_fields=True):
    name: str
    status: int
    body: str
    date: int | None = None


_Shift: TypeAlias = Annotated[int, Meta(gt=-(2**62), lt=2**62)]

_any = msgspec.json.Decoder(Raw)
_two_texts = msgspec.json.Decoder(tuple[str, str])
_decoders: dict[str, msgspec.json.Decoder[Any]] = {
    "frame": _two_texts,
    "open": _two_texts,
    "close": _two_texts,
    "pong": msgspec.json.Decoder(tuple[str]),
    "answer": msgspec.json.Decoder(_Answer),
    "clock": msgspec.json.Decoder(tuple[_Shift]),
    "end": msgspec.json.Decoder(tuple[()]),
}
