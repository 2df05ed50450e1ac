"""A recording through the live path: as fast as it was, N times as fast, or at once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from obi_widgets.checks import real
from obi_widgets.errors import RecordingError, SettingsError, quoted
from obi_widgets.feeds.base import TICK, Feed
from obi_widgets.feeds.loading import Player, play
from obi_widgets.feeds.unused import Unused

if TYPE_CHECKING:
    from obi_widgets.feeds.market import Market
    from obi_widgets.feeds.recording import Recording

AT_ONCE = 2_000
"""Records between looks at the event loop when the clock has overtaken them."""


FASTEST = 100_000
"""Times as fast as it was."""


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

    kind = "recording"

    def __init__(self, market: Market, recording: Recording, speed: float | None = 1.0) -> None:
        super().__init__(market)
        self.at_once = speed is None
        if speed is not None and not 0 < real(speed) <= FASTEST:
            raise SettingsError(
                f"speed = {quoted(speed)} is not possible.",
                f"Give a number above 0, up to {FASTEST:,}; or None for at once.",
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
            if self.speed is None:
                unused = await self._play_at_once()
            else:
                unused = await self._play_in_time(self.speed)
            missing = unused.tell(self.recording.left_out)
            detail = " ".join(["The recording has ended.", *missing])
            advice = "Run the cell again to see it again."
        except RecordingError as error:
            detail, advice = error.what, error.advice
        self._played_at = 0
        self.market.end(detail, advice)

    async def _play_at_once(self) -> Unused:
        player = Player(self.market)
        for chunk in self.recording.chunks():
            player.play(chunk)
            self.messages, self._now = player.messages, player.now
            await asyncio.sleep(0)
        return player.unused

    async def _play_in_time(self, speed: float) -> Unused:
        first, unused = 0, Unused(self.market)
        began = time.monotonic_ns()
        for number, record in enumerate(self.recording):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)  # also when it cannot keep up
            first = first or record.time
            due = began + round((record.time - first) / speed)
            while (wait := (due - time.monotonic_ns()) / 1e9) > 0:
                await asyncio.sleep(min(wait, TICK))
                # Not beyond the next record: silence that was not recorded is none.
                self.market.tick(min(self.now(), record.time))
            self._played_at = time.monotonic_ns()
            self._now = max(self._now, record.time) + record.shift
            first += record.shift  # nobody waits for a clock that was set
            play(self.market, record)
            unused.note()
            self.messages += record.kind == "frame"
        return unused
