"""A recording through the live path at once."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

from obi_widgets.errors import RecordingError, RecordingWarning, SettingsError, quoted
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Recording
from obi_widgets.feeds.recording.lines import frames_of
from obi_widgets.feeds.recording.reader import files_of
from obi_widgets.feeds.replay_gaps import ReplayGaps
from obi_widgets.history import parquet
from obi_widgets.history.columns import History

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from obi_widgets.feeds.recording import Chunk, Record

LEVELS, INTERVAL = 50, 0.1
"""What is kept of a recording when nothing else is asked for: levels a side; seconds."""


def play(market: Market, record: Record) -> None:
    """Apply one record. What the venue would send is not sent: the answer is in the recording."""
    market.tick(record.time)
    record.apply(market)


class Player:
    """Plays a recording into a market, many lines at a time.

    Parameters
    ----------
    market : Market
        Where they go. It comes to the same as by `play`, record by record.

    Attributes
    ----------
    messages : int
        Frames so far.
    now : int
        The greatest receive time so far, ns.
    gaps : ReplayGaps
        What led to no book.
    """

    def __init__(self, market: Market) -> None:
        self.market = market
        self.gaps = ReplayGaps(market)
        self.messages = 0
        self.now = 0

    def play(self, chunk: Chunk) -> None:
        """Apply some lines."""
        frames, at = frames_of(chunk.data), 0
        while True:
            first = at
            at, now = self.market.receive_many(frames, at, chunk.reading.latest)
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
    """Return the whole of a recording as a history, by the code that reads a live market.

    A Parquet file that `History.save` wrote is returned as it was saved.

    All that can be read is used. What was not (damaged lines, frames of other kinds, seconds
    without a book) is told in ``notes`` of the history.

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files that `record` made, or captures of lines of ``<receive time in ns> <frame>``, in
        the order of time. Plain, gzip or Zstandard, whatever their names. Or Parquet files of one
        market that `History.save` wrote.
    market : str, optional
        ``venue:SYMBOL``, for a capture that does not say what it is, or that holds several.
    levels : int
        Levels a side to keep, 1 to 1,000. Parquet files have the levels they were saved with.
    interval : float
        Seconds: the last state of each interval of event time is kept; 0 keeps every state.
        Parquet files have the interval they were saved with.
    strict : bool
        Whether a signal that rests on levels beyond what a snapshot covered is NaN; otherwise it
        is computed from the levels that have been told, see `History.inferred`.

    Returns
    -------
    History

    Raises
    ------
    RecordingError
        A file that is missing, of another kind or of another market; or one that never leads to
        a book.
    SettingsError
        Levels or an interval that a Parquet file was not saved with.

    Warns
    -----
    RecordingWarning
        Once, when data of the book were not used.
    """
    files = files_of(paths)
    if all(map(parquet.is_parquet, files)):
        return _saved(files, market=market, levels=levels, interval=interval, strict=strict)
    recording = Recording(files, market=market)
    reader = Market(recording.make_venue(), levels=levels, interval=interval, strict=strict)
    player = Player(reader)
    for chunk in recording.chunks():
        player.play(chunk)
    path, why = recording.paths[0], reader.detail and f" The last thing it says: {reader.detail}"
    reader.end("The recording has ended.", "")
    missing = player.gaps.report(recording.left_out)
    history = reader.history()
    if not len(history):
        left_out = "".join(f" {one}" for one in recording.left_out.damage)
        raise RecordingError(
            f"{path.name} has no book of {recording.symbol}.{why}{left_out}",
            "A recording must hold a snapshot of the book, and the changes after it.",
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
    found = f"{instrument.venue}:{instrument.symbol}"
    if market not in (None, found):
        raise RecordingError(
            f"{name} is of {found}, not of {market}.", "Leave market out.", path=files[0]
        )
    for what, asked, usual, kept in (
        ("levels", levels, LEVELS, history.levels),
        ("interval", interval, INTERVAL, history.interval),
    ):
        if asked not in (usual, kept):
            raise SettingsError(
                f"{name} was saved with {what}={kept}, and {what}={quoted(asked)} is asked for.",
                "Load the recording that it was made of.",
            )
    return replace(history, strict=history.strict or strict)
