"""The log of a paper run: lines of JSON, written as they come and read back."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from obi_widgets.checks import path as as_path
from obi_widgets.errors import RecordingError, SettingsError, quoted
from obi_widgets.paper.seconds import Second
from obi_widgets.settings.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = 1
"""Version of the lines."""

NO_TIME = -(2**63)
"""What NumPy has for no time."""

SYNC_EVERY = 1.0
"""Longest time that lines are in the system's memory and not on the disk, seconds."""

AT_ONCE = frozenset({"begin", "entry", "fill", "exit", "end"})
"""Types of lines that are on the disk before the run goes on."""

ADVICE = "Give the file that obi-widgets paper wrote."


class LogWriter:
    """Appends lines to a new file.

    Parameters
    ----------
    path : str or Path
        A file that does not exist.

    Raises
    ------
    RecordingError
        If it exists, or cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = as_path(path, "Give the name of a file that does not exist.")
        self.lines = 0
        self._synced_at = time.monotonic()
        try:
            self._file = FileIO(self.path, "x")
        except FileExistsError:
            raise RecordingError(
                f"{self.path} exists.", "A log is not overwritten. Choose another name.",
                path=self.path,
            ) from None  # fmt: skip
        except OSError as error:
            raise self._failed(error) from error

    def write(self, lines: Iterable[dict[str, Any]]) -> None:
        """Append lines; decisions are on the disk when it returns, others within a second.

        Raises
        ------
        RecordingError
            If the disk is full.
        """
        given = [*lines]
        data = "".join(f"{json.dumps(one, ensure_ascii=False, allow_nan=False)}\n" for one in given)
        now = time.monotonic()
        try:
            rest = memoryview(data.encode())
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
            urgent = any(one["type"] in AT_ONCE for one in given)
            if urgent or now - self._synced_at >= SYNC_EVERY:
                os.fsync(self._file.fileno())
                self._synced_at = now
        except OSError as error:
            raise self._failed(error) from error
        self.lines += len(given)

    def close(self) -> None:
        """Close the file; one without a line is removed."""
        if self._file.closed:
            return
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed(error) from error
        finally:
            self._file.close()
        if not self.lines:
            self.path.unlink()

    def _failed(self, error: OSError) -> RecordingError:
        return RecordingError(
            f"{self.path} cannot be written: {error.strerror}.", "Choose another place.",
            path=self.path,
        )  # fmt: skip


class Connection(msgspec.Struct):
    """A change of the connection or of its state.

    Attributes
    ----------
    at : int
        When, by the wall clock, ns UTC.
    state, detail : str
        The state of the market, and why.
    connections : dict of str to str
        Ids of the open websockets.
    """

    at: int
    state: str
    detail: str = ""
    connections: dict[str, str] = {}


class Logged(msgspec.Struct):
    """An entry of the log.

    Attributes
    ----------
    number, side : int
        Counted from 1; +1 or −1.
    decided : int
        Event time of the state that decided it, ns UTC.
    weight : float
        Its size as a share of the whole size.
    entered, exited : int
        Event times of its fill and of its end, ns UTC; 0 without one.
    entry_price, exit_price : float
        Quote currency; NaN without one.
    ended : str
        As in `obi_widgets.entries`; ``"open"`` if the log does not say.
    """

    number: int
    side: int
    decided: int
    weight: float = 1.0
    entered: int = 0
    exited: int = 0
    entry_price: float = np.nan
    exit_price: float = np.nan
    ended: str = "open"


@dataclass(frozen=True)
class PaperLog:
    """What a log says.

    Attributes
    ----------
    path : Path
        The file.
    begin : dict
        The first line.
    parameters : Parameters
        The settings.
    entries : list of Logged
        The entries, in order.
    seconds : dict of int to Second
        What there was in each second.
    connections : list of Connection
        Changes of the connection.
    first, last : int
        Event time of the first state, and of the newest one that the log tells of, ns UTC.
    declined : int
        Number of times that an entry was declined.
    whole : bool
        Whether the run ended by itself: a process that is killed leaves a log without its end.
    """

    path: Path
    begin: dict[str, Any]
    parameters: Parameters
    entries: list[Logged]
    seconds: dict[int, Second]
    connections: list[Connection]
    first: int
    last: int
    declined: int
    whole: bool


def read_log(path: str | Path) -> PaperLog:
    """Return what a log says.

    Raises
    ------
    RecordingError
        If it cannot be read, is no log, or has a damaged line, which the error names. A last line
        that is cut off is left out.
    """
    path = as_path(path, ADVICE)
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}.", ADVICE) from error
    parsed = list[dict[str, Any]]()
    for number, line in enumerate(lines[:-1], 1):  # what follows the last line break is cut off
        try:
            one = json.loads(line)
        except ValueError:
            one = None
        if not isinstance(one, dict) or not isinstance(one.get("type"), str):
            raise _damaged(path, number, "it is no object of JSON with a type")
        parsed.append(one)
    if not parsed or parsed[0]["type"] != "begin":
        raise RecordingError(f"{path.name} is not the log of a paper run.", ADVICE, path=path)
    if parsed[0].get("format") != FORMAT:
        raise RecordingError(
            f"{path.name}: its format is {parsed[0].get('format')!r}, and this package reads "
            f"{FORMAT}.", "Update with: pip install -U obi-widgets.", path=path,
        )  # fmt: skip
    return _read(path, parsed)


class _Begin(msgspec.Struct):
    """What is read of the first line; ``settings`` are checked by themselves."""

    market: str
    settings: dict[str, Any]
    levels: int
    interval: float
    strict: bool
    first_state: str


class _Entry(msgspec.Struct):
    number: int
    side: Literal[-1, 1]
    time: str
    weight: float


class _Fill(msgspec.Struct):
    number: int
    time: str
    price: float


class _Exit(msgspec.Struct):
    number: int
    time: str
    why: str
    price: float | None


class _Connected(msgspec.Struct):
    time: str
    state: str
    detail: str
    connections: dict[str, str]


class _At(msgspec.Struct):
    """A line about a state."""

    time: str


class _End(msgspec.Struct):
    last_state: str


def _read(path: Path, parsed: list[dict[str, Any]]) -> PaperLog:
    entries, seconds = dict[int, Logged](), dict[int, Second]()
    connections, declined, last = list[Connection](), 0, 0
    number = 1
    try:
        begin = msgspec.convert(parsed[0], _Begin)
        parameters = Parameters(**begin.settings)
        first = last = ns(begin.first_state)
        end = 0
        for one in parsed[1:]:
            number += 1
            match one.pop("type"):
                case "entry":
                    new = msgspec.convert(one, _Entry)
                    entries[new.number] = Logged(new.number, new.side, ns(new.time), new.weight)
                case "fill":
                    fill = msgspec.convert(one, _Fill)
                    entry = entries[fill.number]
                    entry.entered, entry.entry_price = ns(fill.time), fill.price
                case "exit":
                    left = msgspec.convert(one, _Exit)
                    entry = entries[left.number]
                    entry.exited, entry.ended = ns(left.time), left.why
                    entry.exit_price = np.nan if left.price is None else left.price
                case "second":
                    second = msgspec.convert(one, Second)
                    seconds[second.second] = second
                case "connection":
                    now = msgspec.convert(one, _Connected)
                    connections.append(
                        Connection(ns(now.time), now.state, now.detail, now.connections)
                    )
                case "declined":
                    declined += 1
            if isinstance(one.get("state"), int):
                last = max(last, ns(msgspec.convert(one, _At).time))
            if "last_state" in one:
                end = ns(msgspec.convert(one, _End).last_state)
    except SettingsError as error:
        raise RecordingError(f"{path.name}: {error.what}", error.advice, path=path) from error
    except KeyError as error:
        raise _damaged(path, number, f"there is no entry {error} before it") from error
    except (TypeError, ValueError, msgspec.ValidationError) as error:
        raise _damaged(path, number, str(error)) from error
    if end:
        last = end
    elif seconds:
        last = max(last, (max(seconds) + 1) * 10**9 - 1)
    return PaperLog(
        path=path, begin=parsed[0], parameters=parameters, entries=[*entries.values()],
        seconds=seconds, connections=connections, first=first, last=last, declined=declined,
        whole=bool(end),
    )  # fmt: skip


def ns(text: str) -> int:
    """Return a time of the log, ns UTC.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        time = int(np.datetime64(text.removesuffix("Z"), "ns").view(np.int64))
    except (ValueError, OverflowError):
        time = NO_TIME
    if time == NO_TIME:
        raise ValueError(f"{quoted(text)} is no time")
    return time


def _damaged(path: Path, line: int, why: str) -> RecordingError:
    return RecordingError(
        f"Line {line} of {path.name} is damaged: {why}.", ADVICE, path=path, line=line
    )
