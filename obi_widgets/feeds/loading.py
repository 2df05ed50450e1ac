"""Loading of a recording: it is replayed through the live code as fast as possible."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

from obi_widgets.errors import RecordingError, RecordingWarning, SettingsError, quoted
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Recording
from obi_widgets.feeds.recording.lines import frames_of
from obi_widgets.feeds.recording.recording import files_of
from obi_widgets.feeds.replay_gaps import ReplayGaps
from obi_widgets.history import parquet
from obi_widgets.history.columns import History

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from obi_widgets.feeds.recording import Chunk, Record

LEVELS, INTERVAL = 50, 0.1
"""Defaults of `load`: levels a side, and seconds between two states."""


def play(market: Market, record: Record) -> None:
    """Apply one record. The venue's requests are dropped: the recording has their answers."""
    market.tick(record.time)
    record.apply(market)


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

    def play(self, chunk: Chunk) -> None:
        """Apply the lines of a chunk."""
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
                play(self.market, record)
                self._note(record.kind == "frame", record.time)
                self.gaps.check_book()
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
    """Load a recording as a history of book states, with its trades and marks.

    The recording is decoded by the same code as a live market. Damaged lines, unused frames and
    time without a book are listed in ``notes`` of the history. A Parquet file that `History.save`
    wrote is returned as it was saved.

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files that `record` wrote; or captures whose lines are ``<receive time in ns> <frame>``; or
        Parquet files that `History.save` wrote. Several files must be of one market and in the
        order of time. Text files may be plain, gzip or Zstandard, whatever their names.
    market : str, optional
        ``venue:SYMBOL``. Needed if a capture does not contain its market, or contains several.
    levels : int
        Number of levels to keep on each side, 1 to 1,000. A Parquet file has the levels that it
        was saved with.
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

    Examples
    --------
    >>> import obi_widgets as obi
    >>> path = obi.record("sim:BTC-PERP", "capture.gz", seconds=1, seed=1)
    >>> history = obi.load(path, levels=20, interval=0)
    >>> history.levels, history.interval
    (20, 0.0)
    """
    files = files_of(paths)
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
    recording = Recording(files, market=market)
    reader = Market(recording.make_venue(), levels=levels, interval=interval, strict=strict)
    player = Player(reader)
    for chunk in recording.chunks():
        player.play(chunk)
    path, why = recording.paths[0], reader.detail and f" Its last state: {reader.detail}"
    reader.end("The recording has ended.", "")
    missing = player.gaps.report(recording.skipped)
    history = reader.history()
    if not len(history):
        damage = "".join(f" {sentence}" for sentence in recording.skipped.damage)
        raise RecordingError(
            f"{path.name} has no book of {recording.symbol}.{why}{damage}",
            "A recording needs a snapshot of the book, and the changes after it.",
            path=path,
        )
    if missing:
        warnings.warn(" ".join(missing), RecordingWarning, stacklevel=2)
    return history


def _saved(
    files: list[Path], *, market: str | None, levels: int, interval: float, strict: bool
) -> History:
    """Return the history that Parquet files hold, as it was saved."""
    parts = [parquet.load(path, History) for path in files]
    history = parts[0] if len(parts) == 1 else History.concat(parts)
    instrument, name = history.instrument, files[0].name
    saved_market = f"{instrument.venue}:{instrument.symbol}"
    if market not in (None, saved_market):
        raise RecordingError(
            f"{name} is of {saved_market}, not of {market}.", "Leave market out.", path=files[0]
        )
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
