"""Records one market to a folder: file after file, until it is cancelled.

A file replays alone: it begins with what a venue sends to a new client, its instrument and a
snapshot. To go on in a new file, a second feed therefore connects while the first one still
records; the first one ends when the second has all that it needs. Both files then hold the same
few seconds, which `obi_widgets.feeds.joining` counts once. So every byte in a file was sent by the
venue, and nothing is lost between two files.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from obi_widgets.errors import RecordingError
from obi_widgets.feeds.changeover import Readiness
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Record
from obi_widgets.feeds.recording.folder import Lock, new_recorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from obi_widgets.feeds.connections import Connections
    from obi_widgets.feeds.days.rotation import Rotation
    from obi_widgets.feeds.recording import Recorder
    from obi_widgets.market_data.events import Status
    from obi_widgets.market_data.venues import Venue

log = logging.getLogger(__name__)

LOOK_EVERY = 0.1
"""Seconds between two looks at the feeds."""

RETRY, LONGEST_RETRY = 1.0, 60.0
"""Seconds until a market that failed is tried again; doubled at each failure in a row."""

STEADY = 30.0
"""Seconds that it must go well for the next wait to be `RETRY` again."""

KEPT = 100
"""States that are kept while recording: the market only watches over the book."""


class WatchedBook(Market):
    """A market that keeps little, and counts how often its book was lost."""

    def __init__(self, venue: Venue) -> None:
        super().__init__(venue, levels=1, capacity=KEPT, interval=1.0)
        self.losses = 0

    def _lose(self, status: Status, now: int) -> None:
        self.losses += self._in_sync
        super()._lose(status, now)


class Part:
    """One file, and the feed that fills it.

    Parameters
    ----------
    venue : Venue
        A new decoder.
    recorder : Recorder
        Writes the file.
    connections : Connections, optional
        See `MarketRecorder`.
    """

    def __init__(
        self, venue: Venue, recorder: Recorder, connections: Connections | None = None
    ) -> None:
        self.market = WatchedBook(venue)
        self.recorder = recorder
        self.feed = LiveFeed(self.market, recorder, connections=connections)
        self.begun = time.time_ns()
        self._readiness = Readiness()
        self._running = asyncio.create_task(self.feed.run(), name="obi-recording")

    @property
    def closed(self) -> bool:
        """Whether the venue says that there is no such market."""
        return self.market.state == "closed"

    def check(self) -> None:
        """Raise what went wrong, if anything did."""
        if self.recorder.error is not None:
            raise self.recorder.error
        if self._running.done() and not self.closed:
            self._running.result()

    def is_whole(self) -> bool:
        """Return whether the file has had a book and all websockets for a while."""
        return self._readiness.look(has_book=self.market.has_book, heard_all=self.feed.heard_all)

    async def end(self) -> None:
        """End the feed, and close the file."""
        self._running.cancel()
        await asyncio.wait([self._running])
        if not self._running.cancelled():
            self._running.exception()  # `check` raised it
        with suppress(RecordingError):  # what could not be written; `check` raised it
            self.recorder.write(Record(time.time_ns(), "end", "", ""))
        try:
            self.recorder.close()
        except RecordingError as error:
            log.warning("The end of a file may be missing: %s", error)


class MarketRecorder:
    """Records one market to files in a folder.

    Parameters
    ----------
    market : str
        ``venue:SYMBOL``.
    make : callable
        Returns a new decoder of the market.
    place : Path
        The folder of the market; it exists.
    rotation : Rotation
        When a new file begins.
    lock : Lock, optional
        That of the folder.
    connections : Connections, optional
        Websockets that it shares with other markets. A new file gets another one than the file
        before it, since both are of one market.

    Attributes
    ----------
    files : list of Path
        The files so far.
    failed : bool
        Whether the venue has no such market: it is not recorded any more.
    problem : str
        What went wrong last, if it has not gone well since.
    too_long : int
        Number of frames that were too long for a line.
    first, last : int
        When there was a book first and last, ns UTC; 0 before the first.
    """

    def __init__(
        self,
        market: str,
        make: Callable[[], Venue],
        place: Path,
        rotation: Rotation,
        lock: Lock | None = None,
        connections: Connections | None = None,
    ) -> None:
        self.market = market
        self._make = make
        self._place = place
        self._rotation = rotation
        self._lock = lock or Lock(place)
        self._connections = connections
        self._part: Part | None = None
        self._next: Part | None = None
        self._open: list[Part] = []  # those two, and one that is being closed
        self._next_after = 0.0  # when a new file may be tried again, by the monotonic clock
        self.files: list[Path] = []
        self.failed = False
        self.problem = ""
        self.too_long = self._messages = self._size = self._gaps = 0  # of the files that ended
        self.first = self.last = 0

    @property
    def had_book(self) -> bool:
        """Whether there was a book."""
        return self.first > 0

    # -- what is told of it ----------------------------------------------------------------

    @property
    def is_warming(self) -> bool:
        """Whether a simulated past is being played."""
        market = None if self._part is None else self._part.market
        return market is not None and market.changed_at > 0 and market.warming

    @property
    def messages(self) -> int:
        """Number of frames in the files. Those in two files count twice."""
        return self._messages + sum(part.feed.messages for part in self._open)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._size + sum(part.recorder.size for part in self._open)

    @property
    def gaps(self) -> int:
        """How often the book was lost, or its recording failed."""
        return self._gaps + sum(part.market.losses for part in self._open)

    @property
    def state(self) -> str:
        """The state of the market; see `Market.state`."""
        if self.failed:
            return "failed"
        return self._part.market.state if self._part is not None else "waiting"

    @property
    def detail(self) -> str:
        """Why it is not live; empty if it is."""
        if self.problem and not self._goes_well:
            return self.problem
        if self._part is None or self._part.market.has_book:
            return ""
        return f"{self._part.market.detail} {self._part.market.advice}".strip()

    @property
    def _goes_well(self) -> bool:
        """Whether there is a book, and a new file that failed may be tried again."""
        has_book = self._part is not None and self._part.market.has_book
        return has_book and time.monotonic() >= self._next_after

    # -- recording -------------------------------------------------------------------------

    async def run(self) -> None:
        """Record until cancelled, or until the venue says that it never listed the market."""
        pause = RETRY
        while True:
            began = time.monotonic()
            try:
                await self._record()
            except RecordingError as error:
                self.problem = str(error)
            except Exception as error:
                log.exception("Recording %s failed.", self.market)
                while isinstance(error, ExceptionGroup):
                    error = error.exceptions[0]
                self.problem = f"The feed failed: {error!r}."
            finally:
                if self._next is not None and not self._next.market.changed_at:
                    await self._remove(self._next)
                self._part = self._next = None
                for part in list(self._open):
                    await self._end(part)
            if self.failed:
                return
            self._gaps += self.had_book
            if time.monotonic() - began > STEADY:
                pause = RETRY
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY)

    async def _record(self) -> None:
        """Record, file after file, until something fails or the venue ends it."""
        self._part = self._begin()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                self._part.check()
            except Exception:
                if self._next is None:
                    raise
                log.exception("The file of %s ends; the next one goes on.", self.market)
                await self._go_on(self._next)
            self._note_book(self._part)
            if self._goes_well:
                self.problem = ""
            if self._part.closed:
                self.failed = not self.had_book  # if it was listed before, it may be again
                self.problem = f"{self._part.market.detail} {self._part.market.advice}".strip()
                return
            if self._next is not None:
                await self._look_at_next(self._next)
            elif self._is_due(self._part):
                try:
                    self._next = self._begin()
                except RecordingError as error:
                    self._try_later(str(error))

    def _is_due(self, part: Part) -> bool:
        due = self._rotation.due(part.begun, time.time_ns(), part.recorder.size)
        due = due or part.feed.ends_soon  # a new file has new connections
        return due and time.monotonic() >= self._next_after

    def _try_later(self, problem: str) -> None:
        self.problem = f"{problem} The file before it goes on."
        self._next_after = time.monotonic() + LONGEST_RETRY

    async def _look_at_next(self, part: Part) -> None:
        """Go on in the next file if it is whole; give it up if it failed."""
        try:
            part.check()
        except Exception as error:  # noqa: BLE001 told in `problem`
            await self._drop(part, repr(error))
            return
        if part.closed:
            await self._drop(part, part.market.detail)
        elif part.is_whole():
            await self._go_on(part)

    async def _drop(self, part: Part, why: str) -> None:
        """Give up a new file for now."""
        await self._remove(part)
        self._try_later(f"A new file could not begin: {why}")

    async def _remove(self, part: Part) -> None:
        """Remove a new file, which holds nothing that the one before it does not hold."""
        self._next = None
        await self._end(part, keep=False)

    async def _go_on(self, part: Part) -> None:
        ended, self._part, self._next = self._part, part, None
        if ended is not None:
            await self._end(ended)

    def _begin(self) -> Part:
        venue = self._make()
        self._lock.renew()
        recorder = new_recorder(self._place, venue.name, venue.symbol, time.time_ns())
        self.files.append(recorder.path)
        part = Part(venue, recorder, self._connections)
        self._open.append(part)
        return part

    async def _end(self, part: Part, *, keep: bool = True) -> None:
        """End a file, and add up what it holds, or delete it."""
        if keep:
            self._note_book(part)  # it may have come after the last look
        await part.end()
        self._open.remove(part)
        unlisted = part.closed and not part.market.losses  # no book came
        if unlisted or not keep:
            self._delete(part.recorder.path)
        else:
            self._messages += part.feed.messages
            self._size += part.recorder.size
            self._gaps += part.market.losses
            self.too_long += part.recorder.too_long
        if unlisted:
            with suppress(OSError):  # it holds other files
                self._place.rmdir()

    def _delete(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # it holds nothing of its own, and is joined with the others
            log.warning("%s stays: %s.", path, error)
        else:
            self.files.remove(path)

    def _note_book(self, part: Part) -> None:
        """Note the time of the newest book."""
        if part.market.has_book:
            self.first = self.first or part.market.changed_at  # the file may have begun long before
            self.last = time.time_ns()
