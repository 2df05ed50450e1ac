"""Calls of a user's function for each new book state, in a thread of its own.

The history serves as the queue: a listener reads the states since its last check. So a callback
never delays the feed, and a slow callback misses a state only when the history has dropped it.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import ArgumentError
from obi_widgets.session.kernel_parent import forget_parent

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.feeds.base import Followed
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY = 0.02
"""Seconds between two checks for new states."""

AT_ONCE = 1000
"""Largest number of states whose signal is computed at once. The settings may change between two
such batches."""


@dataclass(frozen=True)
class NewState:
    """A new book state and its signal.

    Attributes
    ----------
    time, received : int
        Event time of the exchange, and time of receipt, nanoseconds UTC.
    bid, ask : float
        Best prices, quote currency; NaN if the book was not in sync, or the side is empty.
    signal : float
        Signal with the settings at the time of its computation, in its unit; NaN without a value.
    history : History
        This state alone, with its levels.
    """

    time: int
    received: int
    bid: float
    ask: float
    signal: float
    history: History

    @property
    def mid(self) -> float:
        """Mean of bid and ask, quote currency."""
        return (self.bid + self.ask) / 2


class Listeners:
    """The callbacks of a session, each called in a thread of its own.

    It does not refer to the session. `close` stops the threads.

    Parameters
    ----------
    market : Market
        Market whose states are given.
    settings : Settings
        Settings of the signal.
    tell : callable
        Called with a sentence to show.
    """

    def __init__(self, market: Followed, settings: Settings, tell: Callable[[str], object]) -> None:
        self._market, self._settings, self._tell = market, settings, tell
        self._all: list[Listener] = []
        self._closed = False
        self._left_out = 0  # of functions that were stopped

    def add(
        self,
        callback: Callable[..., object],
        make: Callable[..., Listener] | None = None,
        of: str = "a state",
    ) -> Callable[[], None]:
        """Call a function for each new state; return a function that stops it.

        Parameters
        ----------
        callback : callable
            What to call.
        make : callable, optional
            Makes another listener than `Listener`, from the same arguments.
        of : str
            What the function takes, for the error.
        """
        if not callable(callback):
            raise ArgumentError(
                f"A {type(callback).__name__} cannot be called.", f"Give a function of {of}."
            )
        listener = (make or Listener)(callback, self._market, self._settings, self._tell)
        if self._closed:
            return listener.stop
        self._all.append(listener)
        listener.thread.start()

        def remove() -> None:
            listener.stop()
            if listener in self._all:
                self._all.remove(listener)
                self._left_out += listener.left_out

        return remove

    @property
    def left_out(self) -> int:
        """Number of states that functions did not get since they were too slow."""
        return self._left_out + sum(one.left_out for one in list(self._all))

    def close(self) -> None:
        """Stop all calls, and wait up to five seconds for each that is running."""
        self._closed = True
        for listener in self._all:
            listener.stop()
        for listener in self._all:
            if listener.thread is not threading.current_thread():
                listener.thread.join(timeout=5)
        self._left_out = self.left_out
        self._all.clear()


class Listener:
    """Calls one function for each new state, or for the newest one whenever it is ready.

    Parameters
    ----------
    callback, market, settings, tell
        See `Listeners`.
    only_newest : bool
        Whether a function that is slower than states come gets the newest one, and those between
        are passed over.
    """

    called = "on_state"
    """What the user called, for what is told."""

    def __init__(
        self,
        callback: Callable[..., object],
        market: Followed,
        settings: Settings,
        tell: Callable[[str], object],
        *,
        only_newest: bool = False,
    ) -> None:
        self._only_newest = only_newest
        self._callback, self._market, self._settings = callback, market, settings
        self._tell = tell
        self._stopping = threading.Event()
        self._told = ""
        history = market.history()
        self._next = history.start + len(history)  # counted from the first state of the market
        self.left_out = 0
        self.thread = threading.Thread(target=self._run, name="obi-states", daemon=True)

    def stop(self) -> None:
        """Stop after the call that is running."""
        self._stopping.set()

    def _run(self) -> None:
        forget_parent()
        over = False
        while not (over or self._stopping.wait(LOOK_EVERY)):
            over = self._market.state == "closed"  # checked before the states: none comes later
            while not self._stopping.is_set() and self._follow():
                pass

    def _follow(self) -> bool:
        """Give the new states, at most `AT_ONCE`; return whether there were any."""
        history = self._market.history()
        first = self._next - history.start
        if self._only_newest and first < len(history):
            first = len(history) - 1
        elif first < 0:
            self.left_out -= first
            self._say(
                f"A function of {self.called} is too slow: {self.left_out:,} states were left out. "
                "Let it do less, or keep more of the past with history_seconds."
            )
            first = 0
        if first >= len(history):
            return False
        history = history[: first + AT_ONCE]
        values = self._signal(history, first)
        for row, value in zip(range(first, len(history)), values, strict=True):
            if self._stopping.is_set():
                return False
            self._next = history.start + row + 1
            self._give(history[row : row + 1], value)
        return True

    def _signal(self, history: History, first: int) -> list[float]:
        parameters = self._settings.parameters
        try:
            return self._values(history, first, parameters)
        except Exception as error:  # noqa: BLE001 logged there
            self._failed(f"The signal {parameters.signal.name} failed: {error}", error)
            return [np.nan] * (len(history) - first)

    def _values(self, history: History, first: int, parameters: Parameters) -> list[float]:
        """Return the value that is given with each state, from a row on: the signal."""
        values = parameters.signal.compute(history, dict(parameters.values), first)
        return [float(value) for value in values]

    def _give(self, state: History, signal: float) -> None:
        new = NewState(
            int(state.time[0]), int(state.received[0]), float(state.bid[0]), float(state.ask[0]),
            signal, state,
        )  # fmt: skip
        self._call(new)

    def _call(self, given: object) -> None:
        try:
            self._callback(given)
        except Exception as error:  # noqa: BLE001 logged there
            self._failed(f"A function of {self.called} failed: {error!r}.", error)

    def _failed(self, note: str, error: Exception) -> None:
        if note != self._told:  # once, not at each state
            log.error("%s", note, exc_info=error)
        self._say(note)

    def _say(self, note: str) -> None:
        if note != self._told:
            self._told = note
            self._tell(note)
