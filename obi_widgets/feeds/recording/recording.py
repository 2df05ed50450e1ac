"""A recording: files of records of one market."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from obi_widgets.checks import path as as_path
from obi_widgets.errors import ArgumentError, RecordingError
from obi_widgets.feeds.recording import foreign
from obi_widgets.feeds.recording.file_reader import Chunk, FileReader
from obi_widgets.feeds.recording.files import beginning
from obi_widgets.feeds.recording.skipped import Skipped
from obi_widgets.market_data.venues import VENUES, make_venue

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator

    from obi_widgets.feeds.recording.lines import Record
    from obi_widgets.market_data.venues import FoundMarket, Venue

DAY = 86_400_000_000_000  # ns


class Recording:
    """A recording of one market, in one or more files.

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files in the order of time; plain text, gzip or Zstandard, whatever their names.
    market : str, optional
        ``venue:SYMBOL``. Needed if a capture does not name its market, or holds several.

    Attributes
    ----------
    venue_name, symbol : str
        The venue and the symbol that were recorded.
    skipped : Skipped
        What was skipped when the files were last read.

    Raises
    ------
    RecordingError
        If a file does not exist, is no recording, or is of another market; or if the files do not
        say which market they are of.
    SourceError
        If the venue is not known.
    """

    def __init__(
        self, paths: str | Path | Iterable[str | Path], *, market: str | None = None
    ) -> None:
        self.paths = files_of(paths)
        self.latest = time.time_ns() + DAY  # the clock of the recording computer may be ahead
        self.skipped = Skipped()
        self.chosen = market is not None
        self._bids: dict[Path, dict[FoundMarket, deque[str]]] = {}
        markets = self._markets_by_file()
        if market is None:
            self.venue_name, self.symbol = self._single_market(markets)
        else:
            self.venue_name, self.symbol = _split(market)
            self._check_market(market, markets)

    @property
    def market(self) -> str:
        """``venue:SYMBOL``."""
        return f"{self.venue_name}:{self.symbol}"

    def is_own(self, market: FoundMarket) -> bool:
        """Return whether a market is the one of this recording."""
        return market.symbol == self.symbol and self.venue_name in market.venues

    def make_venue(self) -> Venue:
        """Return a new decoder of the venue; it cannot ask, since a recording does not answer."""
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
        self.skipped = Skipped()
        last_time = 0
        for path in self.paths:
            for chunk in FileReader(path, self, self._bids[path]).chunks():
                if chunk.first == 1 and 0 < chunk.first_time < last_time:
                    raise RecordingError(
                        f"{path.name} begins before the file before it ends.",
                        "Give the files in the order of time.",
                        path=path,
                    )
                yield chunk
                last_time = chunk.last_time or last_time

    # -- which market ----------------------------------------------------------------------

    def _markets_by_file(self) -> dict[Path, list[FoundMarket]]:
        """Return the markets in the first bytes of each file; refuse files of other formats."""
        markets = {}
        for path in self.paths:
            text, why = beginning(path)
            if why:
                raise RecordingError(f"{path.name} {why}.", foreign.GIVE_RECORDING, path=path)
            foreign.refuse(path, text, self.latest)
            reader = FileReader(path, self)
            lines = text.rpartition(b"\n")[0].split(b"\n")
            markets[path] = list(dict.fromkeys(reader.markets(lines)))
            self._bids[path] = reader.bids
        return markets

    def _single_market(self, by_file: dict[Path, list[FoundMarket]]) -> tuple[str, str]:
        """Return venue and symbol of the files; raise if they name none or several."""
        markets = list(dict.fromkeys(itertools.chain.from_iterable(by_file.values())))
        path = self.paths[0]
        if not markets:
            raise RecordingError(
                f"{path.name} does not say which venue it was recorded at.",
                "Give it: market='venue:SYMBOL'.",
                path=path,
            )
        market = markets[0]
        if len(markets) > 1:
            what = f"{path.name} holds" if len(self.paths) == 1 else "These files hold"
            raise RecordingError(
                f"{what} several markets: {_names(markets)}.",
                f"Choose one: market='{market}'.",
                path=path,
            )
        if len(market.venues) > 1:
            raise RecordingError(
                f"{path.name} is of {market.symbol}, and does not say which venue it was recorded "
                f"at.",
                f"Give it: market='{market}', or another of {', '.join(market.venues)}.",
                path=path,
            )
        if market.venues[0] not in VENUES:
            raise RecordingError(
                f"{path.name} is of {market}, a venue that this package does not decode.",
                f"It decodes {', '.join(VENUES)}. Give books of another to {foreign.ARRAYS}.",
                path=path,
            )
        return market.venues[0], market.symbol

    def _check_market(self, chosen: str, by_file: dict[Path, list[FoundMarket]]) -> None:
        """Refuse a file that does not contain the market that the user has chosen."""
        for path, markets in by_file.items() if self.venue_name in VENUES else ():
            if markets and not any(map(self.is_own, markets)) and not self._begins_later(path):
                known = [market for market in markets if market.venues[0] in VENUES]
                raise RecordingError(
                    f"{path.name} is of {_names(markets)}, not of {chosen}.",
                    f"Give market='{known[0]}', or another file."
                    if known
                    else "Give another file.",
                    path=path,
                )
        make_venue(self.venue_name, self.symbol)  # raises if the venue or symbol does not exist

    def _begins_later(self, path: Path) -> bool:
        """Return whether a file that begins with another market contains ours later."""
        return any(
            self.is_own(market)
            for chunk in FileReader(path, self).chunks()
            for market in chunk.reader.markets(chunk.data.split(b"\n"))
        )


def files_of(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the files of a recording, after checking that they exist.

    Raises
    ------
    ArgumentError
        If something is not a path.
    RecordingError
        If there is no path, or no file at a path.
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


def _names(markets: Iterable[FoundMarket]) -> str:
    return " and ".join(map(str, markets))
