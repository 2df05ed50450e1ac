"""Messages as lines on a file, written in a thread so that a slow reader delays nobody else."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from obi_widgets.session.serving.topics import Subscriber

if TYPE_CHECKING:
    from obi_widgets.session.serving.topics import Topics


class Lines:
    """Writes the messages of all topics to a file, a line each.

    Parameters
    ----------
    topics : Topics
        The topics. Only the thread that publishes may make or close this.
    file : int
        A file descriptor.

    Attributes
    ----------
    left : OSError or None
        Why nothing can be written any more: whoever read it has left.
    """

    def __init__(self, topics: Topics, file: int) -> None:
        self.left: OSError | None = None
        self._topics, self._file = topics, file
        self._woken, self._closing = threading.Event(), False
        self._subscriber = Subscriber(self._woken.set)
        topics.subscribe(self._subscriber, topics.names)
        # A write may never return, so nothing waits for this thread longer than `close` does.
        self._thread = threading.Thread(target=self._run, name="obi-lines", daemon=True)
        self._thread.start()

    @property
    def shed(self) -> bool:
        """Whether nobody read fast enough; no line follows."""
        return self._subscriber.shed

    def close(self, patience: float = 2.0) -> None:
        """Write what waits, unless nobody reads it."""
        self._topics.leave(self._subscriber)
        self._closing = True
        self._woken.set()
        self._thread.join(patience)

    def _run(self) -> None:
        try:
            while True:
                self._woken.wait()
                self._woken.clear()
                closing = self._closing  # before the queue: what is put later wakes it again
                while (message := self._subscriber.take()) is not None:
                    self._write(message + b"\n")
                if closing:
                    return
        except OSError as error:
            self.left = error

    def _write(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._file, line) :]
