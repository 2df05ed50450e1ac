"""The thread that feeds run in."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

from obi_widgets.feeds.blocking import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from obi_widgets.feeds.base import Feed

log = logging.getLogger(__name__)

CLOSED = ("The session was closed.", "Run the cell again to start again.")


class FeedThread:
    """Runs feeds in a thread of its own, all in one event loop.

    If one feed fails or is stopped, the others go on. The thread holds no reference to the session,
    so that a session without references can be garbage-collected while its feeds run.

    Parameters
    ----------
    feeds : iterable of Feed
        The feeds to run.
    ended : callable
        Called in the thread each time that a feed has ended.

    Attributes
    ----------
    thread : Thread
        A daemon thread; its owner starts it.
    """

    def __init__(self, feeds: Iterable[Feed], ended: Callable[[], object]) -> None:
        self._over = {feed: threading.Event() for feed in feeds}
        self._ended = ended
        self._stopping = threading.Lock()
        self._reasons: dict[Feed, tuple[str, str]] = {}  # of stopped feeds: detail and advice
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: dict[Feed, asyncio.Task[None]] = {}
        self.thread = threading.Thread(target=self._run, name="obi-feed", daemon=True)

    def stop(self, detail: str, advice: str, feed: Feed | None = None) -> None:
        """Cancel all feeds with all their sockets and tasks; return without waiting for their end.

        Parameters
        ----------
        detail, advice : str
            Why they end and what to do, to be shown by their markets.
        feed : Feed, optional
            The only one that is cancelled.
        """
        with self._stopping:
            # A second cancellation would interrupt the clean-up of the first.
            chosen = self._over if feed is None else (feed,)
            stopped = [one for one in chosen if one not in self._reasons]
            self._reasons.update(dict.fromkeys(stopped, (detail, advice)))
        loop, running = self._loop, self._running
        for one in stopped:
            if loop is not None and one in running:
                try:
                    loop.call_soon_threadsafe(running[one].cancel)
                except RuntimeError:
                    log.debug("The feeds had ended already.")

    def join(self, feed: Feed, timeout: float) -> None:
        """Wait until a feed has ended; has no effect if the thread was never started."""
        if self.thread.is_alive():
            self._over[feed].wait(timeout)

    def _run(self) -> None:
        run(self._run_all())

    async def _run_all(self) -> None:
        self._loop = asyncio.get_running_loop()
        running = {feed: self._loop.create_task(self._run_feed(feed)) for feed in self._over}
        self._running = running  # before any of them has begun
        await asyncio.gather(*running.values())

    async def _run_feed(self, feed: Feed) -> None:
        try:
            if feed not in self._reasons:  # not stopped before it began
                await feed.run()
        except asyncio.CancelledError:
            pass
        except Exception as error:
            log.exception("The feed failed.")
            while isinstance(error, ExceptionGroup):  # of several failures, report the first
                error = error.exceptions[0]
            failed = f"The feed failed: {error!r}.", "Run the cell again, and report this error."
            self._end(feed, failed)
        if feed in self._reasons:
            self._end(feed, self._reasons[feed])
        self._over[feed].set()
        self._ended()

    def _end(self, feed: Feed, why: tuple[str, str]) -> None:
        """Close the market of a feed; an error must not end the other feeds of this thread."""
        try:
            feed.end(*why)
        except Exception:
            log.exception("A market could not be closed.")
