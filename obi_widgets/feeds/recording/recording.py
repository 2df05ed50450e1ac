"""A recording: files of records of one market."""

from __future__ import annotations

import io
import itertools
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from obi_widgets.checks import path as as_path
from obi_widgets.errors import ArgumentError, RecordingError, SymbolError
from obi_widgets.feeds.recording import foreign
from obi_widgets.feeds.recording.cryptofeed import check, is_cryptofeed, translated
from obi_widgets.feeds.recording.file_reader import Chunk, FileReader
from obi_widgets.feeds.recording.files import BLOCK_SIZE, beginning
from obi_widgets.feeds.recording.folder import files_in, head_in
from obi_widgets.feeds.recording.joining import DOUBLE_AFTER, NOTED_BEFORE, Seam, restart
from obi_widgets.feeds.recording.skipped import Skipped
from obi_widgets.market_data.venues import (
    VENUES,
    FoundMarket,
    find_market,
    find_venue,
    known_venue,
)

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator

    from obi_widgets.feeds.recording.joining import Played
    from obi_widgets.feeds.recording.lines import Record
    from obi_widgets.market_data.venues import Venue

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
        self.paths = files_of(paths, market)
        self.latest = time.time_ns() + DAY  # the clock of the recording computer may be ahead
        self.skipped = Skipped()
        self.chosen = market is not None
        self._bids: dict[Path, dict[FoundMarket, deque[str]]] = {}
        self._foreign: set[Path] = set()  # raw files of cryptofeed
        self._begins: dict[Path, int] = {}  # first receive times of the files with a header
        markets = self._markets_by_file()
        if market is None:
            self.venue_name, self.symbol = self._single_market(markets)
        else:
            self.venue_name, self.symbol = _chosen(market, markets.values())
            self._check_market(market, markets)

    @property
    def market(self) -> str:
        """``venue:SYMBOL``."""
        return f"{self.venue_name}:{self.symbol}"

    depth: int | None = None
    """The most levels a side that are recorded; None if that is not known."""

    def is_own(self, market: FoundMarket) -> bool:
        """Return whether a market is the one of this recording."""
        return market.symbol == self.symbol and self.venue_name in market.venues

    def counts(self, market: FoundMarket) -> bool:
        """Return whether the venue counts the frames of another market too."""
        return self.venue_name in market.venues and VENUES[self.venue_name].counts_others

    def make_venue(self) -> Venue:
        """Return a new decoder of the venue; it cannot ask, since a recording does not answer."""
        venue = VENUES[self.venue_name](self.symbol)  # as it is spelt in the files
        venue.can_ask = False
        return venue

    def __iter__(self) -> Iterator[Record]:
        for chunk in self.chunks():
            if isinstance(chunk, Chunk):
                yield from chunk.records()
            else:
                yield from (one.record for one in chunk if one.record is not None)

    def chunks(self) -> Iterator[Chunk | list[Played]]:
        """Yield the lines of all files, many at a time; where files meet, records to be joined."""
        self.skipped = Skipped()
        begins = [self._begins.get(path, 0) for path in self.paths]
        source, end, played, seam = self._chunks_of(0, 0), 0, 0, Seam(self.make_venue())
        for at, (begin, following) in enumerate(itertools.pairwise([*begins, 0])):
            since = following - NOTED_BEFORE
            tail: list[Chunk] = []
            for chunk in source:
                end = max(end, chunk.last_time if chunk.last_time < self.latest else 0)
                before, after = chunk.cut(since) if following else (chunk, None)
                if before is not None:
                    yield before
                if after is not None:
                    tail.append(after)
            if at + 1 == len(self.paths):
                return
            source = self._chunks_of(at + 1, end)
            if not following or end < following:
                yield from tail
                if following:
                    yield restart(seam, end or following)
                    seam = Seam(self.make_venue())
                continue
            if following <= begin:
                raise _disorder(self.paths[at + 1])
            head: list[Chunk] = []
            older_end = end
            for chunk in source:
                before, after = chunk.cut(older_end + DOUBLE_AFTER)
                if before is not None:
                    head.append(before)
                    end = max(end, before.last_time if before.last_time < self.latest else 0)
                if after is not None:
                    source = itertools.chain([after], source)
                    break
            older, newer = (
                itertools.chain.from_iterable(chunk.records() for chunk in part)
                for part in (tail, head)
            )
            seam.then = Seam(self.make_venue())
            records = seam.records(older, newer, older_end, played)
            yield records
            seam, played = seam.then, records[-1].time

    def _chunks_of(self, index: int, end: int) -> Iterator[Chunk]:
        """Yield the lines of a file; a file that is not joined must not begin before ``end``."""
        path = self.paths[index]
        for chunk in self._reader(path, self._bids[path]).chunks():
            if chunk.first == 1 and 0 < chunk.first_time < end and path not in self._begins:
                raise _disorder(path)
            yield chunk

    def _reader(self, path: Path, bids: dict[FoundMarket, deque[str]] | None = None) -> FileReader:
        return FileReader(path, self, bids, foreign=path in self._foreign)

    # -- which market ----------------------------------------------------------------------

    def _markets_by_file(self) -> dict[Path, list[FoundMarket]]:
        """Return the markets in the first bytes of each file; refuse files of other formats."""
        markets = {}
        for path in self.paths:
            text, why = beginning(path)
            if (head := head_in(text)) is not None:
                self._begins[path] = head.begin
            if why:
                raise RecordingError(f"{path.name} {why}.", foreign.GIVE_RECORDING, path=path)
            self.venue_name = self.symbol = ""
            reader = FileReader(path, self, foreign=is_cryptofeed(text))
            self._bids[path] = reader.bids
            if is_cryptofeed(text):
                self._foreign.add(path)
                markets[path] = list[FoundMarket]()
                for self.venue_name in check(path, text):
                    markets[path] += _markets(reader, _first_lines(path, self.venue_name))
            else:
                foreign.refuse(path, text, self.latest)
                markets[path] = _markets(reader, text)
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
        for path, markets in by_file.items():
            if markets and not any(map(self.is_own, markets)) and not self._begins_later(path):
                known = [market for market in markets if market.venues[0] in VENUES]
                raise RecordingError(
                    f"{path.name} is of {_names(markets)}, not of {chosen}.",
                    f"Give market='{known[0]}', or another file."
                    if known
                    else "Give another file.",
                    path=path,
                )

    def _begins_later(self, path: Path) -> bool:
        """Return whether a file that begins with another market contains ours later."""
        return any(
            self.is_own(market)
            for chunk in self._reader(path).chunks()
            for market in chunk.reader.markets(chunk.data.split(b"\n"))
        )


def _disorder(path: Path) -> RecordingError:
    return RecordingError(
        f"{path.name} begins before the file before it ends.",
        "Give the files in the order of time.",
        path=path,
    )


def _markets(reader: FileReader, text: bytes) -> list[FoundMarket]:
    """Return the markets that the lines of a text name, the last of which may be cut off."""
    return list(dict.fromkeys(reader.markets(text.rpartition(b"\n")[0].split(b"\n"))))


def _first_lines(path: Path, venue: str) -> bytes:
    """Return the first lines of a raw file of cryptofeed, as lines of a recording of a venue."""
    text, lines = b"", translated(path, venue, "")
    for block in lines:
        text += block if isinstance(block, bytes) else b""
        if len(text) > BLOCK_SIZE:
            break
    lines.close()
    return text


def files_of(paths: str | Path | Iterable[str | Path], market: str | None = None) -> list[Path]:
    """Return the files of a recording, after checking that they exist.

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files, or one folder that a recorder wrote.
    market : str, optional
        ``venue:SYMBOL``, if a folder holds several markets.

    Raises
    ------
    ArgumentError
        If something is not a path.
    RecordingError
        If there is no path, or no file at a path.
    """
    advice = "Give the path of one, or a list of them."
    many = [paths] if isinstance(paths, str | bytes | os.PathLike | io.IOBase) else paths
    if not isinstance(many, Iterable) or type(many).__name__ == "DataFrame":
        raise ArgumentError(f"A {type(paths).__name__} is no recording.", advice)
    files = [as_path(path, advice) for path in many]
    named = str(files[0]).partition(":")[0] if len(files) == 1 else ""
    if known_venue(named) is not None and not files[0].exists():
        raise ArgumentError(
            f"{str(files[0])!r} is a market, not a recording.",
            "Record it first with obi.record, or show it with obi.Lab.",
        )
    if not files:
        raise RecordingError("No recording was given.", "Give the path of one.")
    if len(files) == 1 and files[0].is_dir():
        return files_in(files[0], market)
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


def _chosen(market: str, by_file: Iterable[list[FoundMarket]]) -> tuple[str, str]:
    """Return venue and symbol that the user has chosen: as in the files, or as the venue has it."""
    name, _, spelling = market.partition(":") if isinstance(market, str) else ("", "", "")
    if not name or not spelling:
        raise ArgumentError(f"market = {market!r} names no market.", "Give 'venue:SYMBOL'.")
    venue = find_venue(name)
    in_files = [*itertools.chain.from_iterable(by_file)]
    if any(found.symbol == spelling and venue.name in found.venues for found in in_files):
        return venue.name, spelling
    try:
        return find_market(name, spelling)
    except SymbolError:
        if not in_files:
            raise
        return venue.name, spelling  # the files say what they are of


def _names(markets: Iterable[FoundMarket]) -> str:
    return " and ".join(map(str, markets))
