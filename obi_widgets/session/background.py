"""Work in the background: a thread of its own answers the newest request.

The publisher requests at every frame and does not wait; a later frame shows the result. The thread
ends by itself when nothing is left to compute.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from obi_widgets.kernels import loader

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.session.trials import Tried
    from obi_widgets.settings.parameters import Parameters

F = TypeVar("F")

MIN_PAUSE = 1.0
"""Shortest pause between two answers with the same settings, seconds."""

PAUSE_RATIO = 3.0
"""The pause after an answer lasts at least this many times as long as it took. With a day of data
an answer takes seconds, and would otherwise use a whole core."""

SETTLED_AFTER = 0.6
"""Seconds without a change of settings before what nobody reads while a slider moves is computed,
and the settings that it shows are counted as tried."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked: which states, with which settings.

    Attributes
    ----------
    rows : History
        The states.
    parameters : Parameters
        The settings.
    selected : tuple of int or None
        The part that these states are, if a user selected one; nanoseconds UTC.
    """

    rows: History
    parameters: Parameters
    selected: Span | None = None

    @property
    def settings(self) -> object:
        """What a user chose."""
        return self.parameters, self.selected

    @property
    def data(self) -> object:
        """What distinguishes these states from others of the same source."""
        return self.rows.start, len(self.rows), self.rows.notes


class Background(Generic[F]):
    """Answers questions in a thread; of several it answers only the newest.

    Parameters
    ----------
    tried : Tried
        Counts the settings whose results are shown.
    done : callable
        Called without arguments, in its thread, after each answer.

    Attributes
    ----------
    found : object or None
        The newest answer.
    """

    thread_name = ""

    def __init__(self, tried: Tried, done: Callable[[], None]) -> None:
        self.found: F | None = None
        self.tried = tried
        self._done = done
        self._changed = threading.Condition()
        self._asked: Question | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._newest: Question | None = None  # newest question, answered or not
        self._settings_changed_at = -np.inf
        # About the newest answer:
        self._answered: Question | None = None  # its question
        self._complete = False
        self._duration = 0.0
        self._finished_at = -np.inf

    # -- called by the publisher -----------------------------------------------------------

    def _request(self, question: Question) -> None:
        """Ask a question, unless its answer is known already; do not wait for it."""
        with self._changed:
            if self._newest is not None and question.settings != self._newest.settings:
                self._settings_changed_at = time.monotonic()
            self._newest = question
            if self._closed or self._is_answered(question):
                return
            if not len(question.rows):
                self._answer_without_states(question)
                return
            self._asked = question
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self.thread_name)
                self._thread.daemon = True
                self._thread.start()

    def _answer_without_states(self, question: Question) -> None:
        """Answer what has no states; do nothing unless there is something to say."""

    def forget(self) -> None:
        """Drop the pending request, since no widget shows the answer any more."""
        with self._changed:
            self._asked = None
            self._changed.notify()

    def close(self, *, wait: bool = True) -> None:
        """Stop the thread; the newest answer stays. One that is being computed is finished.

        Parameters
        ----------
        wait : bool
            Whether to wait for it, at most ten seconds.
        """
        with self._changed:
            self._closed = True
            self._asked = None
            self._changed.notify()
            thread = self._thread
        if wait and thread is not None and thread is not threading.current_thread():
            thread.join(timeout=10)

    def _is_answered(self, question: Question) -> bool:
        answered = self._answered
        if answered is None or not self._complete:
            return False
        return question.settings == answered.settings and question.data == answered.data

    # -- run by the thread -----------------------------------------------------------------

    def _work(self) -> None:
        while (question := self._next()) is not None:
            began = time.monotonic()
            first = self._answered is None
            # Also if it fails: an error would come again.
            self._answered, self._complete = question, True
            found = self._answer(question, first=first)
            with self._changed:
                if self._answered is question:  # not if meanwhile one had no states
                    self.found = found
                self._finished_at = time.monotonic()
                self._duration = self._finished_at - began
                if self._asked is None and not self._closed and not self._complete:
                    self._asked = question  # again, for what was left out
            self._done()

    def _next(self) -> Question | None:
        """Wait until the newest question is due, and return it; None if there is none."""
        with self._changed:
            while (asked := self._asked) is not None:
                remaining = self._due(asked) - time.monotonic()
                if remaining <= 0:
                    self._asked = None
                    return asked
                self._changed.wait(remaining)
            self._thread = None
            return None

    def _due(self, asked: Question) -> float:
        """Return when to start, by the monotonic clock."""
        answered = self._answered
        if answered is None or asked.settings != answered.settings:
            return self._due_anew()
        after_pause = self._finished_at + max(MIN_PAUSE, PAUSE_RATIO * self._duration)
        if not self._complete and not loader.busy():
            return min(self._settled_at(), after_pause)
        return after_pause

    def _due_anew(self) -> float:
        """Return when to start if the settings have changed: at once."""
        return 0.0

    def _settled_at(self) -> float:
        """Return when the settings will have stayed for long enough."""
        return self._settings_changed_at + SETTLED_AFTER

    def _answer(self, asked: Question, *, first: bool) -> F:
        """Return the answer; set ``_complete`` to False if something was left out."""
        raise NotImplementedError
