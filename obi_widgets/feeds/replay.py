"""A recording through the live path: as fast as it was, N times as fast, or at once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from obi_widgets.errors import RecordingError, SettingsError
from obi_widgets.feeds.base import TICK, Feed
from obi_widgets.market import Market
from obi_widgets.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from obi_widgets.history import History
    from obi_widgets.recording import Record

AT_ONCE = 2_000
"""Records between looks at the event loop when replaying at once."""


def play(market: Market, record: Record) -> None:
    """Apply one record. What the venue would send is not sent: the answer is in the recording."""
    market.tick(record.time)
    market.handle(record.tell(market.venue), record.time)


class ReplayFeed(Feed):
    """Replays a recording.

    Parameters
    ----------
    market : Market
        Where the frames go.
    recording : Recording
        What to replay.
    speed : float or None
        How many times as fast as it was; None for at once.
    """

    def __init__(self, market: Market, recording: Recording, speed: float | None = 1.0) -> None:
        super().__init__(market)
        if speed is not None and not 0 < speed <= 100_000:
            raise SettingsError(
                f"speed = {speed!r} is not possible.", "Give a number above 0, or None for at once."
            )
        self.recording = recording
        self.speed = speed
        self._now = 0
        self._played_at = 0  # by the monotonic clock, when _now was set

    def now(self) -> int:  # noqa: D102
        if self.speed is None or not self._played_at:
            return self._now
        return self._now + round((time.monotonic_ns() - self._played_at) * self.speed)

    async def run(self) -> None:  # noqa: D102
        try:
            await self._play_all()
            detail, advice = "The recording has ended.", "Re-run the cell to see it again."
        except RecordingError as error:
            detail, advice = error.what, error.advice
        self._played_at = 0
        self.market.end(detail, advice)

    async def _play_all(self) -> None:
        first = 0
        began = time.monotonic_ns()
        for number, record in enumerate(self.recording):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)  # also when it cannot keep up
            if self.speed is not None:
                first = first or record.time
                due = began + round((record.time - first) / self.speed)
                while (wait := (due - time.monotonic_ns()) / 1e9) > 0:
                    await asyncio.sleep(min(wait, TICK))
                    # Not beyond the next record: silence that was not recorded is none.
                    self.market.tick(min(self.now(), record.time))
                self._played_at = time.monotonic_ns()
            self._now = max(self._now, record.time)
            play(self.market, record)
            self.messages += record.kind == "frame"


def load(
    paths: str | Path | Iterable[str | Path],
    *,
    market: str | None = None,
    levels: int = 50,
    interval: float = 0.1,
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
    reader = Market(recording.make_venue(), levels=levels, interval=interval)
    for record in recording:
        play(reader, record)
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
