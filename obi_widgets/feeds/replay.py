"""Replay of a recording through the live path: in real time, at a multiple of it, or at once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from obi_widgets.checks import as_float
from obi_widgets.errors import RecordingError, SettingsError, quoted
from obi_widgets.feeds.base import TICK, Feed, Place
from obi_widgets.feeds.health.monitor import DAY
from obi_widgets.feeds.loading import Player, play
from obi_widgets.feeds.replay_gaps import ReplayGaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obi_widgets.feeds.formats import EventFiles, EventRecord
    from obi_widgets.feeds.market import Market
    from obi_widgets.feeds.recording import Record, Recording
    from obi_widgets.feeds.recording.joining import Played

YIELD_EVERY = 2_000
"""Records after which the event loop gets a turn, even when the replay is behind its clock."""

MAX_SPEED = 100_000
"""Largest multiple of real time."""


class ReplayFeed(Feed):
    """Replays a recording.

    Parameters
    ----------
    market : Market
        Receives the frames.
    recording : Recording or EventFiles
        What to replay.
    speed : float or None
        Multiple of real time; None for as fast as possible.

    Raises
    ------
    SettingsError
        If the speed is not above 0, or above `MAX_SPEED`.
    """

    kind = "recording"
    market: Market

    def __init__(
        self, market: Market, recording: Recording | EventFiles, speed: float | None = 1.0
    ) -> None:
        super().__init__(market)
        market.monitor.seconds = DAY
        self.as_fast_as_possible = speed is None
        if speed is not None and not 0 < as_float(speed) <= MAX_SPEED:
            raise SettingsError(
                f"speed = {quoted(speed)} is not possible.",
                f"Give a number above 0, up to {MAX_SPEED:,}; or None for at once.",
            )
        self.recording = recording
        self.speed = speed
        self._now = 0  # receive time of the newest record, ns
        self._played_at = 0  # when it was played, by the monotonic clock; 0 before and after

    def place(self) -> Place:  # noqa: D102
        return Place(tuple(map(str, self.recording.paths)), files=True)

    def now(self) -> int:  # noqa: D102
        if self.speed is None or not self._played_at:
            return self._now
        return self._now + round((time.monotonic_ns() - self._played_at) * self.speed)

    async def run(self) -> None:  # noqa: D102
        try:
            if self.speed is None:
                gaps = await self._play_as_fast_as_possible()
            else:
                gaps = await self._play_at_speed(self.speed)
            missing = gaps.report(self.recording.skipped)
            detail = " ".join(["The recording has ended.", *missing])
            advice = "Run the cell again to see it again."
        except RecordingError as error:
            detail, advice = error.what, error.advice
        self._played_at = 0
        self.market.end(detail, advice)

    async def _play_as_fast_as_possible(self) -> ReplayGaps:
        player = Player(self.market)
        for chunk in self.recording.chunks():
            player.play(chunk)
            self.messages, self._now = player.messages, player.now
            await asyncio.sleep(0)
        return player.gaps

    async def _play_at_speed(self, speed: float) -> ReplayGaps:
        first, gaps = 0, ReplayGaps(self.market)
        began = time.monotonic_ns()
        for number, record in enumerate(_records(self.recording)):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)  # needed if the replay never waits
            first = first or record.time
            due = began + round((record.time - first) / speed)
            while (wait := (due - time.monotonic_ns()) / 1e9) > 0:
                await asyncio.sleep(min(wait, TICK))
                # Not beyond the next record: the replay waits here, the venue was not silent.
                self.market.tick(min(self.now(), record.time))
            self._played_at = time.monotonic_ns()
            self._now = max(self._now, record.time) + record.shift
            first += record.shift  # do not wait for time that the clock only seemed to pass
            play(self.market, record)
            gaps.check_book()
            self.messages += record.kind == "frame"
        return gaps


def _records(recording: Recording | EventFiles) -> Iterator[Record | EventRecord | Played]:
    """Yield what is played, one after the other."""
    for chunk in recording.chunks():
        yield from chunk if isinstance(chunk, list) else chunk.records()
