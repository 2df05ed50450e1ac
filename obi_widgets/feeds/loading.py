"""Loading of a recording: it is replayed through the live code as fast as possible."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.checks import integer
from obi_widgets.errors import RecordingError, RecordingWarning, SettingsError, quoted
from obi_widgets.feeds.formats import open_files
from obi_widgets.feeds.formats.event_files import market_parts
from obi_widgets.feeds.formats.tables import is_table, load_tables
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording.folder_days import compacted
from obi_widgets.feeds.recording.lines import frames_of
from obi_widgets.feeds.recording.recording import files_of
from obi_widgets.feeds.replay_gaps import ReplayGaps
from obi_widgets.history import parquet
from obi_widgets.history.columns import History
from obi_widgets.history.filling import filled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from obi_widgets.feeds.formats import EventRecord
    from obi_widgets.feeds.recording import Chunk, Record
    from obi_widgets.feeds.recording.folder_days import Day
    from obi_widgets.feeds.recording.joining import Played

LEVELS, INTERVAL = 50, 0.1
"""Defaults of `load`: levels a side, and seconds between two states."""


def play(market: Market, record: Record | EventRecord | Played) -> None:
    """Apply one record. The venue's requests are dropped: the recording has their answers."""
    market.tick(record.time)
    record.apply(market)


class NoBookError(RecordingError):
    """Files hold no book."""


class Player:
    """Plays a recording into a market, many lines at a time.

    The effect is that of `play` for each record.

    Parameters
    ----------
    market : Market
        Receives the records.

    Attributes
    ----------
    messages : int
        Number of frames so far.
    now : int
        Greatest receive time so far, ns.
    gaps : ReplayGaps
        Measures the time without a book.
    """

    def __init__(self, market: Market) -> None:
        self.market = market
        self.gaps = ReplayGaps(market)
        self.messages = 0
        self.now = 0

    def play(self, chunk: Chunk | list[EventRecord] | list[Played]) -> None:
        """Apply the lines, or the events, of a chunk."""
        if isinstance(chunk, list):
            for event in chunk:
                self._play(event)
            self.gaps.check_book()
            return
        frames, at = frames_of(chunk.data), 0
        while True:
            first = at
            at, now = self.market.receive_many(frames, at, chunk.reader.latest)
            self._note(at - first, now)
            if at == frames.places.shape[1]:
                break
            begins = int(frames.places[2, at - 1]) + 1 if at else 0
            record, _ = chunk.record(chunk.first + at, begins)
            at += 1
            if record is not None:
                self._play(record)
        self.gaps.check_book()

    def _play(self, record: Record | EventRecord | Played) -> None:
        play(self.market, record)
        self._note(record.kind == "frame", record.time)
        self.gaps.check_book()

    def _note(self, messages: int, now: int) -> None:
        self.messages += messages
        self.now = max(self.now, now)


def load(
    paths: str | Path | Iterable[str | Path],
    *,
    market: str | None = None,
    levels: int = LEVELS,
    interval: float = INTERVAL,
    strict: bool = False,
) -> History:
    """Load a recording, or a file of another format, as a history of book states.

    Trades and marks come with it, as far as the files have them. A recording is decoded by the same
    code as a live market, and changes of other formats go through the same book. Damaged lines,
    unused frames, time without a book, and what a format does not have are listed in ``notes`` of
    the history. A Parquet file that `History.save` wrote is returned as it was saved.

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files that `record` wrote, or its folder; captures whose lines are
        ``<receive time in ns> <frame>``; Parquet files that `History.save` wrote; or files of a
        format in the notes below. Several files must be of one market and in the order of time.
        Text files may be plain, gzip or Zstandard. Every format is recognised by the contents,
        whatever the name.
    market : str, optional
        ``venue:SYMBOL``. Needed if a file or a folder contains several markets, or a capture does
        not contain its market. For a format that names no market, it is the market of the history.
    levels : int
        Number of levels to keep on each side, 1 to 1,000; fewer if the file has fewer. A Parquet
        file has the levels that it was saved with.
    interval : float
        Seconds of event time between two states: the last state of each interval is kept. 0 keeps
        every state. A Parquet file has the interval that it was saved with.
    strict : bool
        What a signal is in a state where it uses levels that no snapshot covered: NaN if True. If
        False, it is computed from the levels that the venue has sent; see `inferred`.

    Returns
    -------
    History
        Columns of T states: times as int64 ns UTC, prices in quote currency and sizes in base
        units as float64.

    Raises
    ------
    ArgumentError
        If ``paths`` is not a path, or is a market such as ``"lmex:BTC-PERP"``.
    RecordingError
        If a file does not exist, cannot be read, is of another market, or contains no book. It has
        the file in ``path`` and the number of the line in ``line``.
    SettingsError
        If a number is out of its range, or a Parquet file was saved with other levels or another
        interval.
    SourceError, SymbolError
        If ``market`` names a venue or a symbol that does not exist.

    Warns
    -----
    RecordingWarning
        Once, if data of the book were not used. The message says which, and why.

    Notes
    -----
    Formats of others:

    - Tardis.dev: ``incremental_book_L2``, ``book_snapshot_5`` or ``book_snapshot_25``; in a list
      with it, ``trades``, ``derivative_ticker`` and ``liquidations``, by these words in their
      names.
    - LOBSTER: the order book, with the message file beside it. Its name has the date. Times are
      those of New York.
    - hftbacktest: ``.npz`` and ``.npy`` of version 1 and 2. What the local side received is read.
    - Binance's historical depth (``T_DEPTH``): a list of the file of snapshots and that of changes.
    - cryptofeed's raw files, of venues that this package decodes.
    - Tables of books, Parquet or CSV: a row for each state, with columns as `History.from_frame`
      takes them, and ``time`` or ``timestamp``. Each row is kept.

    Of a folder, the files are one history: what two of them hold is counted once, and where the
    recording was interrupted is a gap. Of a day of which recordings are gone, the Parquet file that
    `compact` wrote is read, and joined with what other recordings add; between two pieces is a gap
    of one state.

    The unit of times follows from their values, which must lie between 2000 and 2100. A wrong line
    is refused with its number. A file that is cut off is read as far as it is whole.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> path = obi.record("sim:BTC-PERP", "capture.gz", seconds=1, seed=1)
    >>> history = obi.load(path, levels=20, interval=0)
    >>> history.levels, history.interval
    (20, 0.0)
    """
    if (found := compacted(paths, market)) is not None:
        return _of_days(found.market, found.days, levels, interval, strict=strict)
    files = files_of(paths, market)
    tables = [path for path in files if is_table(path)]
    if tables:
        return _of_tables(files, tables, market, levels, interval, strict=strict)
    saved = [path for path in files if parquet.is_parquet(path)]
    if saved and len(saved) < len(files):
        other = next(path for path in files if path not in saved)
        raise RecordingError(
            f"{saved[0].name} is a Parquet table, and {other.name} is not.",
            "Load each by itself, and join them by obi.History.concat.",
            path=saved[0],
        )
    if saved:
        return _saved(files, market=market, levels=levels, interval=interval, strict=strict)
    history, missing = _of_recording(files, market, levels, interval, strict=strict)
    if missing:
        warnings.warn(" ".join(missing), RecordingWarning, stacklevel=2)
    return history


def _of_recording(
    files: Iterable[Path], market: str | None, levels: int, interval: float, *, strict: bool
) -> tuple[History, list[str]]:
    """Return the history that recordings, or files of another format, hold; and what is missing."""
    recording = open_files(files, market)
    levels = integer("levels", levels, 1, 1000)
    levels = min(levels, recording.depth or levels)
    reader = Market(recording.make_venue(), levels=levels, interval=interval, strict=strict)
    player = Player(reader)
    for chunk in recording.chunks():
        player.play(chunk)
    path, why = recording.paths[0], reader.detail and f" Its last state: {reader.detail}"
    name = recording.symbol or "any market"
    reader.end("The recording has ended.", "")
    missing = player.gaps.report(recording.skipped)
    history = reader.history()
    if not len(history):
        skipped = recording.skipped
        damage = "".join(f" {one}" for one in (*skipped.damage, *skipped.of_other_markets))
        raise NoBookError(
            f"{path.name} has no book of {name}.{why}{damage}",
            "A recording needs a snapshot of the book, and the changes after it.",
            path=path,
        )
    return history, missing


def _of_days(
    market: str, days: Sequence[Day], levels: int, interval: float, *, strict: bool
) -> History:
    """Return the days of a folder as one history, of which recordings hold some only in part."""
    # One history has one number of levels: that of the Parquet files, unless another is asked for.
    needed = next(day.parquet for day in days if day.parquet is not None and not day.recorded)
    saved = parquet.load(needed, History)
    levels = saved.levels if levels == LEVELS else levels
    interval = saved.interval if interval == INTERVAL else interval
    parts, missing = list[History](), list[str]()
    for recorded, group in itertools.groupby(days, key=lambda day: day.recorded):
        # Days of recordings are read at once, so that there is no gap at midnight.
        several = list(group)
        for some in [several] if recorded else [[day] for day in several]:
            try:
                history, faults = of_days(some, market, levels, interval, strict=strict)
            except NoBookError as error:
                missing.append(str(error))
            else:
                parts.append(history)
                missing += faults
    if missing:
        warnings.warn(" ".join(missing), RecordingWarning, stacklevel=3)
    return History.concat(parts)


def of_days(
    days: Sequence[Day], market: str, levels: int, interval: float, *, strict: bool
) -> tuple[History, list[str]]:
    """Return the history of days that follow each other, and what is missing.

    It is that of the recordings. If they do not hold all that there is of a day, which then must be
    the only one, it is that of its Parquet file, joined with what the recordings add.

    Raises
    ------
    NoBookError
        If there is no book on these days.
    SettingsError
        If the Parquet file is needed, and was saved with other levels or another interval.
    """
    first = days[0]
    saved = None
    if not first.recorded and first.parquet is not None:
        saved = _saved(
            [first.parquet], market=market, levels=levels, interval=interval, strict=strict
        )
        if first.compacted:
            return saved, []
        levels, interval = saved.levels, saved.interval
    try:
        recorded, missing = of_recordings(days, market, levels, interval, strict=strict)
    except NoBookError:
        if saved is None:
            raise
        return saved, []
    return (recorded if saved is None else filled(saved, recorded)), missing


def of_recordings(
    days: Sequence[Day], market: str, levels: int, interval: float, *, strict: bool
) -> tuple[History, list[str]]:
    """Return what the recordings of days that follow each other hold of them, and what is missing.

    Raises
    ------
    NoBookError
        If they have no book.
    """
    files = list(dict.fromkeys(path for day in days for path in day.files))
    history, missing = _of_recording(files, market, levels, interval, strict=strict)
    first, last = np.searchsorted(history.time, [days[0].begin, days[-1].end]).tolist()
    if first == last:
        raise NoBookError(
            f"There is no book of {market} on {days[0].date}.", "Leave that day out.", path=files[0]
        )
    return history[first:last], missing


def _of_tables(
    files: list[Path],
    tables: list[Path],
    market: str | None,
    levels: int,
    interval: float,
    *,
    strict: bool,
) -> History:
    """Return the history that tables of books hold."""
    if len(tables) < len(files):
        other = next(path for path in files if path not in tables)
        raise RecordingError(
            f"{tables[0].name} is a table of books, and {other.name} is not.",
            "Load each by itself, and join them by obi.History.concat.",
            path=tables[0],
        )
    asked = None if interval == INTERVAL else interval
    history, faults = load_tables(
        tables, market=market, levels=levels, interval=asked, strict=strict
    )
    if faults:
        warnings.warn(" ".join(faults), RecordingWarning, stacklevel=3)
    return history


def _saved(
    files: list[Path], *, market: str | None, levels: int, interval: float, strict: bool
) -> History:
    """Return the history that Parquet files hold, as it was saved."""
    parts = [parquet.load(path, History) for path in files]
    history = parts[0] if len(parts) == 1 else History.concat(parts)
    instrument, name = history.instrument, files[0].name
    own = instrument.venue, instrument.symbol
    if market not in (None, ":".join(own)) and market_parts(market) != own:
        what = f"is of {':'.join(own)}, not of {market}" if any(own) else "names no market"
        raise RecordingError(f"{name} {what}.", "Leave market out.", path=files[0])
    for what, asked, default, saved in (
        ("levels", levels, LEVELS, history.levels),
        ("interval", interval, INTERVAL, history.interval),
    ):
        if asked not in (default, saved):
            raise SettingsError(
                f"{name} was saved with {what}={saved}, so {what}={quoted(asked)} is not possible.",
                "Load the recording that it was made from.",
            )
    return replace(history, strict=history.strict or strict)
