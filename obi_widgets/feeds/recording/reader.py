"""Reading a recording: all that can be read, and what was left out."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from obi_widgets.checks import path as as_path
from obi_widgets.errors import ArgumentError, RecordingError
from obi_widgets.feeds.recording import foreign
from obi_widgets.feeds.recording.files import beginning
from obi_widgets.feeds.recording.left_out import LeftOut
from obi_widgets.feeds.recording.reading import Chunk, Reading
from obi_widgets.market_data.venues import VENUES, make_venue

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator

    from obi_widgets.feeds.recording.lines import Record
    from obi_widgets.market_data.venues import FoundMarket, Venue

DAY = 86_400_000_000_000  # ns


class Recording:
    """One or more files of records of one market, one after the other.

    Parameters
    ----------
    paths : str, Path or iterable of them
        In the order of time. Plain, gzip or Zstandard, whatever their names.
    market : str, optional
        ``venue:SYMBOL``, for a capture that does not say what it is, or that holds several.

    Attributes
    ----------
    venue_name, symbol : str
        What it is a recording of.
    left_out : LeftOut
        What the newest reading did not read.

    Raises
    ------
    RecordingError
        A file that is not there, is not a recording, is of another market, or whose market cannot
        be told.
    SourceError
        A venue that is not known.
    """

    def __init__(
        self, paths: str | Path | Iterable[str | Path], *, market: str | None = None
    ) -> None:
        self.paths = files_of(paths)
        self.latest = time.time_ns() + DAY  # a clock may be ahead
        self.left_out = LeftOut()
        self.chosen = market is not None
        self._bids: dict[Path, dict[FoundMarket, deque[str]]] = {}
        found = self._found()
        if market is None:
            self.venue_name, self.symbol = self._only(found)
        else:
            self.venue_name, self.symbol = _split(market)
            self._check(market, found)

    @property
    def market(self) -> str:
        """``venue:SYMBOL``."""
        return f"{self.venue_name}:{self.symbol}"

    def is_ours(self, found: FoundMarket) -> bool:
        """Return whether what was found is the market of this recording."""
        return found.symbol == self.symbol and self.venue_name in found.venues

    def make_venue(self) -> Venue:
        """Return a new decoder for it, which knows that nobody answers."""
        venue = make_venue(self.venue_name, self.symbol)
        venue.can_ask = False
        return venue

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
        self.left_out = LeftOut()
        last = 0
        for path in self.paths:
            for chunk in Reading(path, self, self._bids[path]).chunks():
                if chunk.first == 1 and 0 < chunk.begins < last:
                    raise RecordingError(
                        f"{path.name} begins before the file before it ends.",
                        "Give the files in the order of time.",
                        path=path,
                    )
                yield chunk
                last = chunk.ends or last

    # -- whose it is -----------------------------------------------------------------------

    def _found(self) -> dict[Path, list[FoundMarket]]:
        """Return the markets that each file begins with."""
        found = {}
        for path in self.paths:
            text, why = beginning(path)
            if why:
                raise RecordingError(f"{path.name} {why}.", foreign.RAW, path=path)
            foreign.refuse(path, text, self.latest)
            reading = Reading(path, self)
            lines = text.rpartition(b"\n")[0].split(b"\n")
            found[path] = list(dict.fromkeys(reading.markets(lines)))
            self._bids[path] = reading.bids
        return found

    def _only(self, found: dict[Path, list[FoundMarket]]) -> tuple[str, str]:
        """Return the one market that was found."""
        all_found = list(dict.fromkeys(one for some in found.values() for one in some))
        path = self.paths[0]
        if not all_found:
            raise RecordingError(
                f"{path.name} does not say which venue it was recorded at.",
                "Give it: market='venue:SYMBOL'.",
                path=path,
            )
        one = all_found[0]
        if len(all_found) > 1:
            what = f"{path.name} holds" if len(self.paths) == 1 else "These files hold"
            raise RecordingError(
                f"{what} several markets: {_names(all_found)}.",
                f"Choose one: market='{one}'.",
                path=path,
            )
        if len(one.venues) > 1:
            raise RecordingError(
                f"{path.name} is of {one.symbol}, and does not say which venue it was recorded at.",
                f"Give it: market='{one}', or another of {', '.join(one.venues)}.",
                path=path,
            )
        if one.venues[0] not in VENUES:
            raise RecordingError(
                f"{path.name} is of {one}, a venue that this package does not decode.",
                f"It decodes {', '.join(VENUES)}. Books of another go to {foreign.ARRAYS}.",
                path=path,
            )
        return one.venues[0], one.symbol

    def _check(self, market: str, found: dict[Path, list[FoundMarket]]) -> None:
        """Refuse a file that is of other markets than the one that was asked for."""
        for path, some in found.items() if self.venue_name in VENUES else ():
            if some and not any(map(self.is_ours, some)) and not self._begins_later(path):
                known = [one for one in some if one.venues[0] in VENUES]
                raise RecordingError(
                    f"{path.name} is of {_names(some)}, not of {market}.",
                    f"Give market='{known[0]}', or another file."
                    if known
                    else "Give another file.",
                    path=path,
                )
        make_venue(self.venue_name, self.symbol)  # which may not be, for reasons of its own

    def _begins_later(self, path: Path) -> bool:
        """Return whether a file that begins with another market goes on with ours."""
        return any(
            self.is_ours(found)
            for chunk in Reading(path, self).chunks()
            for found in chunk.reading.markets(chunk.data.split(b"\n"))
        )


def files_of(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the files of a recording.

    Raises
    ------
    ArgumentError, RecordingError
        What is no path, or none of a file that is there.
    """
    advice = "Give the path of one, or a list of them."
    many = [paths] if isinstance(paths, str | Path) else paths
    if not isinstance(many, Iterable) or type(many).__name__ == "DataFrame":
        raise ArgumentError(f"A {type(paths).__name__} is no recording.", advice)
    files = [as_path(path, advice) for path in many]
    if len(files) == 1 and str(files[0]).partition(":")[0] in VENUES and not files[0].exists():
        raise ArgumentError(
            f"{str(files[0])!r} is a market, not a recording.",
            "Record it first with obi.record, or show it with obi.Lab.",
        )
    if not files:
        raise RecordingError("No recording was given.", "Give the path of one.")
    for path in files:
        if path.is_dir():
            raise RecordingError(
                f"{path} is a folder.",
                "Give its files in the order of time: sorted(Path(folder).glob('*.gz')).",
                path=path,
            )
        if not path.is_file():
            raise RecordingError(f"There is no file {path}.", "Check the path.", path=path)
    return files


def _split(market: str) -> tuple[str, str]:
    venue, _, symbol = market.partition(":") if isinstance(market, str) else ("", "", "")
    if not venue or not symbol:
        raise ArgumentError(f"market = {market!r} names no market.", "Give 'venue:SYMBOL'.")
    return venue, symbol


def _names(found: Iterable[FoundMarket]) -> str:
    return " and ".join(map(str, found))
