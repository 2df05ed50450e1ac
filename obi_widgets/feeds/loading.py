"""A recording through the live path at once."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from obi_widgets.errors import RecordingError, RecordingWarning
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Recording
from obi_widgets.feeds.recording.lines import frames_of
from obi_widgets.feeds.unused import Unused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from obi_widgets.feeds.recording import Chunk, Record
    from obi_widgets.history.columns import History


def play(market: Market, record: Record) -> None:
    """Apply one record. What the venue would send is not sent: the answer is in the recording."""
    market.tick(record.time)
    record.tell(market)


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
    unused : Unused
        What led to no book.
    """

    def __init__(self, market: Market) -> None:
        self.market = market
        self.unused = Unused(market)
        self.messages = 0
        self.now = 0

    def play(self, chunk: Chunk) -> None:
        """Apply some lines."""
        frames, at = frames_of(chunk.data), 0
        while True:
            first = at
            at, now = self.market.skim(frames, at, chunk.reading.latest)
            self._note(at - first, now)
            if at == frames.places.shape[1]:
                break
            begins = int(frames.places[2, at - 1]) + 1 if at else 0
            record, _ = chunk.record(chunk.first + at, begins)
            at += 1
            if record is not None:
                play(self.market, record)
                self._note(record.kind == "frame", record.time)
                self.unused.note()
        self.unused.note()

    def _note(self, messages: int, now: int) -> None:
        self.messages += messages
        self.now = max(self.now, now)


def load(
    paths: str | Path | Iterable[str | Path],
    *,
    market: str | None = None,
    levels: int = 50,
    interval: float = 0.1,
    strict: bool = False,
) -> History:
    """Return the whole of a recording as a history, by the code that reads a live market.

    All that can be read is used. What was not (damaged lines, frames of other kinds, seconds
    without a book) is told in ``notes`` of the history.

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files that `record` made, or captures of lines of ``<receive time in ns> <frame>``, in
        the order of time. Plain, gzip or Zstandard, whatever their names.
    market : str, optional
        ``venue:SYMBOL``, for a capture that does not say what it is, or that holds several.
    levels : int
        Levels a side to keep, 1 to 1,000.
    interval : float
        Seconds: the last state of each interval of event time is kept; 0 keeps every state.
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

    Warns
    -----
    RecordingWarning
        Once, when data of the book were not used.
    """
    recording = Recording(paths, market=market)
    reader = Market(recording.make_venue(), levels=levels, interval=interval, strict=strict)
    player = Player(reader)
    for chunk in recording.chunks():
        player.play(chunk)
    path, why = recording.paths[0], reader.detail and f" The last thing it says: {reader.detail}"
    reader.end("The recording has ended.", "")
    missing = player.unused.tell(recording.left_out)
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
