"""The threads of a session: started once, stopped by `close` or when nobody looks for long.

The session of a board has these threads for all its markets; each market's session is then a
member, which starts and stops nothing but itself.

Nothing here refers to the session, so a session that is dropped without `close` is collected.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from typing import TYPE_CHECKING, NamedTuple, Protocol

from obi_widgets.feeds.thread import CLOSED, FeedThread
from obi_widgets.history.memory import give_back
from obi_widgets.session.views import Forgettable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obi_widgets.feeds.base import Feed
    from obi_widgets.session.background_calibration import Calibrator
    from obi_widgets.session.background_gates import GateReporter
    from obi_widgets.session.publishing import Publishing, Shown
    from obi_widgets.session.sealing import Sealing
    from obi_widgets.session.states import Listeners
    from obi_widgets.settings.settings import Settings

log = logging.getLogger(__name__)

UNSEEN = 600.0
"""Seconds without anybody looking after which a session without a variable is closed."""

ASK_AGAIN = 60.0
"""Seconds between searches for a variable that refers to it: each takes most of a second."""

FORGOTTEN = (
    f"The feed was stopped: nobody looked for {UNSEEN / 60:.0f} minutes, and no variable refers to "
    "it.",
    "Run the cell again to start again.",
)


class Worker(Protocol):
    """What works beside the threads."""

    def close(self, *, wait: bool = True) -> None:
        """Stop; without ``wait``, do not wait for what goes on."""


class Workers(NamedTuple):
    """What works for one market beside the threads."""

    listeners: Listeners
    calibrator: Calibrator
    gate_reporter: GateReporter
    sealing: Sealing

    def close(self, *, wait: bool = True) -> None:
        """Stop them; without ``wait``, do not wait for what is being computed."""
        self.listeners.close()
        self.calibrator.close(wait=wait)
        self.gate_reporter.close(wait=wait)
        self.sealing.close()


class Lifecycle:
    """Starts and stops the reading thread, the publishing thread, and the workers beside them.

    Parameters
    ----------
    feeds : sequence of Feed
        Feeds to read.
    settings : Settings
        Each change of them wakes the publisher.
    publisher : Publishing
        Shows frames.
    workers : sequence of Worker
        Stopped together with the threads.
    wake : threading.Event
        Wakes the publisher.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        settings: Settings,
        publisher: Publishing,
        workers: Sequence[Worker],
        wake: threading.Event,
    ) -> None:
        self._settings = settings
        self._publisher = publisher
        self._workers = workers
        self._wake = wake
        self._feeds = feeds
        self._closing = threading.Event()
        self.threads: list[threading.Thread] = []
        self.reader = FeedThread(feeds, wake.set)
        self.ask_at = 0.0  # when to ask next whether anything holds the session

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._closing.is_set()

    def start(self, of: weakref.ref[Shown]) -> None:
        """Start both threads; has no effect if already started or closed.

        Parameters
        ----------
        of : weak reference
            The session. The threads end once it is collected.
        """
        if self.threads or self.closed:
            return
        wake, settings, reader = self._wake, self._settings, self.reader
        workers = self._workers

        # Neither of these two functions may refer to the session.
        def woken(_: object) -> None:
            wake.set()

        def let_go() -> None:
            settings.unobserve(woken)
            for one in workers:
                one.close(wait=False)
            reader.stop(*CLOSED)
            reader.thread.join(timeout=10)  # so that what it held is freed too
            give_back()

        settings.observe(woken)
        reader.thread.start()
        self.threads = [reader.thread, self._publisher.start(of, let_go)]

    def close(self) -> None:
        """Stop both threads."""
        if not self.closed:
            self._end(*CLOSED, show=threading.current_thread() not in self.threads)
            # Parts of earlier labs refer to each other in cycles, tens of megabytes, which Python
            # collects only after many allocations.
            gc.collect()
            give_back()

    def _end(self, detail: str, advice: str, *, show: bool) -> None:
        if self._closing.is_set():
            return
        self._closing.set()
        self._publisher.close()
        for worker in self._workers:
            worker.close()
        self.reader.stop(detail, advice)
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join(timeout=10)
        if not self.threads:
            for feed in self._feeds:
                feed.end(detail, advice)
        self._publisher.end(show=show)

    def end_if_forgotten(self) -> None:
        """Stop if nobody has looked for long, and no variable refers to a view."""
        now = time.monotonic()
        if now < max(self._publisher.looked_at + UNSEEN, self.ask_at):
            return
        self.ask_at = now + ASK_AGAIN
        try:
            for view in self._publisher.views:  # no closure: see `reachability.held`
                if not isinstance(view, Forgettable) or view.held():
                    return
        except Exception:
            log.exception("Could not find out what refers to a view.")
            return
        if self._publisher.views:
            self._end(*FORGOTTEN, show=True)


class Membership:
    """The life of one market of a board, whose threads read it and show it.

    Parameters
    ----------
    board : Lifecycle
        That of the board.
    of : weak reference
        The board's session.
    feed : Feed
        The market's feed.
    publisher : Publishing
        Shows its frames.
    workers : Workers
        Stopped with it.
    """

    def __init__(
        self,
        board: Lifecycle,
        of: weakref.ref[Shown],
        feed: Feed,
        publisher: Publishing,
        workers: Workers,
    ) -> None:
        self._board, self._of = board, of
        self._feed, self._publisher, self._workers = feed, publisher, workers
        self._closing = threading.Event()

    @property
    def closed(self) -> bool:
        """Whether it, or the board, has ended."""
        return self._closing.is_set() or self._board.closed

    def start(self, _: weakref.ref[Shown]) -> None:
        """Start the board; has no effect if it is started, or if this has ended."""
        if not self.closed:
            self._board.start(self._of)

    def close(self) -> None:
        """Stop reading this market. The others of the board go on."""
        if self.closed:
            return
        self._closing.set()
        self._workers.close()
        self._board.reader.stop(*CLOSED, self._feed)
        if not self._board.threads:
            self._feed.end(*CLOSED)
        elif threading.current_thread() not in self._board.threads:
            self._board.reader.join(self._feed, timeout=10)
        self._publisher.end(show=threading.current_thread() not in self._board.threads)

    def end_if_forgotten(self) -> None:
        """Do nothing: the board ends with all its markets."""
