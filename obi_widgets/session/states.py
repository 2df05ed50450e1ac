"""Each new state, given to a user's code on a thread of ours.

The history is the queue: a listener reads what came since it last looked. So nothing that a
callback does keeps the feed waiting, and what a slow callback may fall behind by is what the
history keeps.
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

    from obi_widgets.feeds.market import Market
    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings

    Callback = Callable[["NewState"], object]

log = logging.getLogger(__name__)

LOOK_EVERY = 0.02
"""Seconds between looks at whether a state came."""

AT_ONCE = 1000
"""States whose signal is computed in one go: the settings may change meanwhile."""


@dataclass(frozen=True)
class NewState:
    """A state that was kept, and its signal.

    Attributes
    ----------
    time, received : int
        Of the exchange, and when it came: nanoseconds UTC.
    bid, ask : float
        Best prices, quote currency; NaN where the book was not in sync, or a side is empty.
    signal : float
        Of the settings as they stood when it was computed; NaN without a value.
    history : History
        The state alone, with its levels.
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
    """The callbacks of a session, each called on a thread of its own.

    It does not hold the session. It ends with `close`.

    Parameters
    ----------
    market : Market
        Whose states.
    settings : Settings
        Whose signal.
    tell : callable
        Shows a sentence.
    """

    def __init__(self, market: Market, settings: Settings, tell: Callable[[str], object]) -> None:
        self._market, self._settings, self._tell = market, settings, tell
        self._all: list[Listener] = []
        self._closed = False

    def add(self, callback: Callback) -> Callable[[], None]:
        """Call a function for each state from now on; return what ends that."""
        if not callable(callback):
            raise ArgumentError(
                f"A {type(callback).__name__} cannot be called.", "Give a function of a state."
            )
        listener = Listener(callback, self._market, self._settings, self._tell)
        if self._closed:
            return listener.stop
        self._all.append(listener)
        listener.thread.start()

        def remove() -> None:
            listener.stop()
            if listener in self._all:
                self._all.remove(listener)

        return remove

    def close(self) -> None:
        """Call no function any more, and wait for those that run, for some seconds."""
        self._closed = True
        for listener in self._all:
            listener.stop()
        for listener in self._all:
            if listener.thread is not threading.current_thread():
                listener.thread.join(timeout=5)
        self._all.clear()


class Listener:
    """Calls a function for each state that comes."""

    def __init__(
        self,
        callback: Callback,
        market: Market,
        settings: Settings,
        tell: Callable[[str], object],
    ) -> None:
        self._callback, self._market, self._settings = callback, market, settings
        self._tell = tell
        self._stopping = threading.Event()
        self._told = ""
        history = market.history()
        self._next = history.start + len(history)  # counted from the first state ever
        self.left_out = 0
        self.thread = threading.Thread(target=self._run, name="obi-states", daemon=True)

    def stop(self) -> None:
        """Let it end, after the state that it is at."""
        self._stopping.set()

    def _run(self) -> None:
        forget_parent()
        over = False
        while not (over or self._stopping.wait(LOOK_EVERY)):
            over = self._market.state == "closed"  # asked first: nothing comes after it
            while not self._stopping.is_set() and self._follow():
                pass

    def _follow(self) -> bool:
        """Give what came since, as much as is computed in one go; return whether it was any."""
        history = self._market.history()
        first = self._next - history.start
        if first < 0:
            self.left_out -= first
            self._say(
                f"A function of on_state is too slow: {self.left_out:,} states were left out. "
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
            values = parameters.signal.compute(history, dict(parameters.values), first)
        except Exception as error:  # noqa: BLE001 logged there
            self._failed(f"The signal {parameters.signal.name} failed: {error}", error)
            return [np.nan] * (len(history) - first)
        return [float(value) for value in values]

    def _give(self, state: History, signal: float) -> None:
        one = NewState(
            int(state.time[0]), int(state.received[0]), float(state.bid[0]), float(state.ask[0]),
            signal, state,
        )  # fmt: skip
        try:
            self._callback(one)
        except Exception as error:  # noqa: BLE001 logged there
            self._failed(f"A function of on_state failed: {error!r}.", error)

    def _failed(self, note: str, error: Exception) -> None:
        if note != self._told:  # once, not at each state
            log.error("%s", note, exc_info=error)
        self._say(note)

    def _say(self, note: str) -> None:
        if note != self._told:
            self._told = note
            self._tell(note)
