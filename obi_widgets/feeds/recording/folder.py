"""The folder of a recorder: a folder for each market, a file for each stretch of time.

A file is ``<venue>_<SYMBOL>/<begin>.gz``, such as
``lmex_BTC-PERP/2026-11-26T18-00-00.000Z.gz``. The begin is a time of this computer's clock, UTC, so
that files sort by time by their names. Which market a file is of, its first line says.
"""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import quote as quoted

from obi_widgets.checks import text
from obi_widgets.errors import (
    RecordingError,
    RecordingWarning,
    SourceError,
    SymbolError,
    suggest,
)
from obi_widgets.feeds.recording.files import beginning
from obi_widgets.feeds.recording.lines import read_header
from obi_widgets.feeds.recording.recorder import Recorder
from obi_widgets.market_data.venues import find_market

if TYPE_CHECKING:
    from pathlib import Path

MILLISECOND = 1_000_000  # ns

NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z\.gz")
"""What names of files look like."""

TRIES = 1000
"""Names that are tried for a new file, a millisecond after the other."""


class Head(NamedTuple):
    """The beginning of a file.

    Attributes
    ----------
    market : str
        ``venue:SYMBOL``.
    begin : int
        Receive time of the first record, ns UTC.
    """

    market: str
    begin: int


def place_of(folder: Path, venue: str, symbol: str) -> Path:
    """Return the folder of a market. What a file system may refuse is escaped, as in URLs."""
    return folder / f"{venue}_{quoted(symbol, safe='')}"


def make_folder(place: Path) -> Path:
    """Return a folder, after making it if it does not exist.

    Raises
    ------
    RecordingError
        If it cannot be made.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(
            f"{place} cannot be made: {error.strerror or error}.",
            "Choose another place.",
            path=place,
        ) from error
    return place


def file_name(time: int) -> str:
    """Return the name of a file that begins at a time, ns UTC."""
    seconds, rest = divmod(time, 1000 * MILLISECOND)
    begin = datetime.fromtimestamp(seconds, UTC)
    return f"{begin:%Y-%m-%dT%H-%M-%S}.{rest // MILLISECOND:03}Z.gz"


def new_recorder(place: Path, venue: str, symbol: str, time: int) -> Recorder:
    """Return a recorder of a new file in the folder of a market.

    Raises
    ------
    RecordingError
        If no file can be written there.
    """
    for later in range(TRIES):
        path = place / file_name(time + later * MILLISECOND)
        if not path.exists():
            return Recorder(path, venue, symbol)
    raise RecordingError(f"{place} has a file for each name that was tried.", path=place)


def head_of(path: Path) -> Head | None:
    """Return the beginning of a file; None if it has no record, or names no market."""
    return head_in(beginning(path)[0])


def head_in(data: bytes) -> Head | None:
    """Return what the first bytes of a file say, as `head_of` does."""
    first, _, rest = data.partition(b"\n")
    fields = read_header(first)
    stamp = rest.partition(b" ")[0]
    if fields is None or not stamp.isdigit():
        return None
    return Head(f"{fields.get('venue')}:{fields.get('symbol')}", int(stamp))


def markets_in(folder: Path) -> dict[str, list[Path]]:
    """Return the recordings in a folder and in the folders in it, by market, in order of time.

    Warns
    -----
    RecordingWarning
        If the beginning of a recording is damaged, so that it does not say its market.
    """
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted([*folder.glob("*.gz"), *folder.glob("*/*.gz")]):
        data, _ = beginning(path)
        head = head_in(data)
        if head is None and NAME.fullmatch(path.name) and not _is_recording(data, path):
            warnings.warn(
                f"{path} is damaged at its beginning, so it is left out.",
                RecordingWarning,
                stacklevel=2,
            )
        if head is not None:
            found.setdefault(head.market, []).append((head.begin, path))
    return {market: [path for _, path in sorted(files)] for market, files in found.items()}


def _is_recording(data: bytes, path: Path) -> bool:
    """Return whether a file begins as a recording does, or is still empty."""
    return path.stat().st_size == 0 or read_header(data.partition(b"\n")[0]) is not None


def _as_the_venue_spells(market: str) -> str:
    """Return a market as its venue spells it; as it is given if that is not known."""
    venue, _, symbol = market.partition(":")
    try:
        return ":".join(find_market(venue, symbol))
    except (SourceError, SymbolError):
        return market


def choose(folder: Path, markets: list[str], market: str | None) -> str:
    """Return the market of a folder that is meant.

    Raises
    ------
    RecordingError
        If the folder has several and none is chosen, or it does not have the chosen one.
    """
    if market is not None:
        text("market", market, "Give 'venue:SYMBOL'.")
    if not markets:
        raise RecordingError(
            f"{folder} is a folder without a recording of obi.record.",
            "Give files of other kinds as a list, in the order of time.",
            path=folder,
        )
    if market is None and len(markets) > 1:
        raise RecordingError(
            f"{folder} holds several markets: {', '.join(sorted(markets))}.",
            f"Choose one: market='{min(markets)}'.",
            path=folder,
        )
    if market is not None and market not in markets:
        own = _as_the_venue_spells(market)
        if own in markets:
            return own
        raise RecordingError(
            f"{folder} holds no recording of {market}.", suggest(market, markets), path=folder
        )
    return market or markets[0]


def files_in(folder: Path, market: str | None) -> list[Path]:
    """Return the files of one market in a folder, in order of time.

    Raises
    ------
    RecordingError
        As in `choose`.
    """
    found = markets_in(folder)
    return found[choose(folder, [*found], market)]


class Lock:
    """The right to record into the folder of a market; a context manager.

    It ends with the process, however that ends. On Windows, folders are not locked.

    Raises
    ------
    RecordingError
        If another recorder records into it.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._handle: int | None = None

    def __enter__(self) -> Self:
        try:
            import fcntl
        except ImportError:
            return self
        self._handle = os.open(self._place, os.O_RDONLY)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.__exit__()
            raise RecordingError(
                f"{self._place} is being recorded into already.",
                "End the other recorder, or choose another folder.",
                path=self._place,
            ) from None
        except OSError:
            pass  # a file system without locks
        return self

    def renew(self) -> None:
        """Make the folder again, and lock it again, if it was moved or removed.

        Raises
        ------
        RecordingError
            If it cannot be made, or another recorder records into it.
        """
        made = make_folder(self._place)
        if self._handle is not None and not os.path.samestat(os.fstat(self._handle), made.stat()):
            self.__exit__()
            self.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = None


def is_recorded(place: Path) -> bool:
    """Return whether a recorder records into the folder of a market at this moment."""
    try:
        with Lock(place):
            return False
    except RecordingError:
        return True
