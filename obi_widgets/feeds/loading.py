"""A recording through the live path at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.errors import RecordingError
from obi_widgets.market import Market
from obi_widgets.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from obi_widgets.history import History
    from obi_widgets.recording import Chunk, Record


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
    """

    def __init__(self, market: Market) -> None:
        self.market = market
        self.messages = 0
        self.now = 0

    def play(self, chunk: Chunk) -> None:
        """Apply some lines."""
        at, number = 0, chunk.first
        while at < len(chunk.data):
            at, lines, now = self.market.skim(chunk.data, at)
            number += lines
            self._note(lines, now)
            if at == len(chunk.data):
                break
            record, at = chunk.record(number, at)
            number += 1
            if record is not None:
                play(self.market, record)
                self._note(record.kind == "frame", record.time)

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

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files that `record` made, or captures of lines of ``<receive time in ns> <frame>``, in
        the order of time. ``.gz`` is read as gzip.
    market : str, optional
        ``venue:SYMBOL``, for a capture that does not say what it is.
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
        A file that is missing, damaged or of another kind, with its line; or one that never
        leads to a book.
    """
    recording = Recording(paths, market=market)
    reader = Market(recording.make_venue(), levels=levels, interval=interval, strict=strict)
    player = Player(reader)
    for chunk in recording.chunks():
        player.play(chunk)
    path, why = recording.paths[0], reader.detail and f" The last thing it says: {reader.detail}"
    reader.end("The recording has ended.", "")
    history = reader.history()
    if not len(history):
        raise RecordingError(
            f"{path.name} has no book of {recording.symbol}.{why}",
            "A recording must hold a snapshot of the book, and the changes after it.",
            path=path,
        )
    return history
