"""The thread that a feed runs in."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

from obi_widgets.feeds.blocking import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.feeds.base import Feed

log = logging.getLogger(__name__)

CLOSED = ("The session was closed.", "Run the cell again to start again.")


class FeedThread:
    """Runs a feed in a thread of its own, with its own event loop.

    The thread holds no reference to the session, so that a session without references can be
    garbage-collected while its feed runs.

    Parameters
    ----------
    feed : Feed
        The feed to run.
    ended : callable
        Called in the thread when the feed has ended.

    Attributes
    ----------
    thread : Thread
        A daemon thread; its owner starts it.
    """

    def __init__(self, feed: Feed, ended: Callable[[], object]) -> None:
        self._feed = feed
        self._ended = ended
        self._stopping = threading.Lock()
        self._reason: tuple[str, str] | None = None  # detail and advice; None until stopped
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: asyncio.Task[None] | None = None
        self.thread = threading.Thread(target=self._run, name="obi-feed", daemon=True)

    def stop(self, detail: str, advice: str) -> None:
        """Cancel the feed with all its sockets and tasks; return without waiting for its end.

        Parameters
        ----------
        detail, advice : str
            Why it ends and what to do, to be shown by the market.
        """
        with self._stopping:
            if self._reason is not None:
                return  # a second cancellation would interrupt the clean-up of the first
            self._reason = detail, advice
        loop, running = self._loop, self._running
        if loop is not None and running is not None:
            try:
                loop.call_soon_threadsafe(running.cancel)
            except RuntimeError:
                log.debug("The feed had ended already.")

    def _run(self) -> None:
        try:
            run(self._run_feed())
        except Exception as error:
            log.exception("The feed failed.")
            while isinstance(error, ExceptionGroup):  # of several failures, report the first
                error = error.exceptions[0]
            self._feed.end(
                f"The feed failed: {error!r}.", "Run the cell again, and report this error."
            )
        self._ended()

    async def _run_feed(self) -> None:
        self._loop, self._running = asyncio.get_running_loop(), asyncio.current_task()
        try:
            if self._reason is None:  # not stopped before it began
                await self._feed.run()
        except asyncio.CancelledError:
            pass
        if self._reason is not None:
            self._feed.end(*self._reason)
