"""The states of a session as they come: waiting for them, each one given to a function, health."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from obi_widgets.checks import flag
from obi_widgets.session.health import health_of_session
from obi_widgets.session.states import Listener, Listeners
from obi_widgets.session.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from obi_widgets.feeds.base import Feed, Followed
    from obi_widgets.feeds.health.health import Health
    from obi_widgets.history.columns import History
    from obi_widgets.session.publisher import Publisher
    from obi_widgets.session.states import NewState
    from obi_widgets.settings.settings import Settings


class Following:
    """The part of a session that gives its states, and says how its source is."""

    feed: Feed
    market: Followed
    settings: Settings
    publisher: Publisher
    _listeners: Listeners

    def start(self) -> None:
        """Start reading and publishing."""
        raise NotImplementedError

    @property
    def has_data(self) -> bool:
        """Whether there is a book state."""
        return len(self.market.history()) > 0

    @property
    def history(self) -> History:
        """The book states so far: a `History` that later states do not change."""
        history = self.market.history()
        len(history)  # fill it: an unfilled history keeps the writer of a dropped session alive
        return history

    def to_frame(self, *, levels: int = 1) -> pd.DataFrame:
        """Return a DataFrame of the book states so far, with the current signal.

        Parameters
        ----------
        levels : int
            Levels of each side to include, see `History.to_frame`.

        Returns
        -------
        DataFrame
            One row a state, with a UTC DatetimeIndex of event time. Columns of `History.to_frame`,
            and one named like the signal: float64, in the signal's unit, NaN without a value.
        """
        history, p = self.history, self.settings.parameters
        return history.to_frame({p.signal.name: p.signal(history, p)}, levels=levels)

    def wait(self, states: int = 1, *, timeout: float | None = None) -> None:
        """Wait until the history has a number of states. Starts the session.

        A wait of more than two seconds shows a progress bar, with the rate and the remaining time.

        Parameters
        ----------
        states : int
            Number of states, at most as many as are kept (``history_seconds``). A live market
            gives one state each ``interval``: ten a second by default.
        timeout : float, optional
            Longest wait, seconds. If left out, the wait ends when no new state has arrived for
            30 s.

        Raises
        ------
        VenueError
            If the wait ends with fewer states. It says why, or how long the rest would take.
        SettingsError
            If more states are asked for than are kept, or the timeout is out of range.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3)
        >>> session.wait(1000)
        >>> len(session.history) >= 1000
        True
        >>> session.close()
        """
        self.start()
        wait_for(self.market, states, timeout)

    def on_state(
        self, callback: Callable[[NewState], object], *, only_newest: bool = False
    ) -> Callable[[], None]:
        """Call a function for each new book state. Starts the session.

        The function runs in a thread of its own, one state after the other, in order. It never
        delays the feed. A function that is slower than states come falls behind, and in the end
        misses states that the history has dropped; the screen says how many. With ``only_newest``
        it never falls behind, but gets the newest state whenever it has returned. An exception is
        logged and shown on the screen, and the function is called again for the next state.

        Parameters
        ----------
        callback : callable
            Takes one state with the attributes ``time`` and ``received`` (int, nanoseconds UTC),
            ``bid``, ``ask`` and ``mid`` (quote currency), ``signal`` (float, with the settings at
            that moment), and ``history`` (this state alone, with its levels).
        only_newest : bool
            Whether states that came while the function ran are passed over, but for the newest.

        Returns
        -------
        callable
            Call it without arguments to stop. Closing the session also stops it.

        Raises
        ------
        ArgumentError
            If the callback cannot be called.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3, warmup=10)
        >>> signals = []
        >>> stop = session.on_state(lambda state: signals.append(state.signal))
        >>> session.wait(110)
        >>> stop()
        >>> session.close()
        >>> max(map(abs, signals)) <= 1
        True
        """
        newest = flag("only_newest", only_newest)
        stop = self._listeners.add(callback, partial(Listener, only_newest=newest))
        self.start()
        return stop

    def health(self) -> Health:
        """Return the health of the feed now: its state, gaps, lag, refused frames and more.

        Returns
        -------
        Health
            Plain values that do not change later: times as int nanoseconds UTC, lengths as float
            seconds, distances in bps. What the source cannot know is NaN, and ``unknown`` says why.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3, warmup=20)
        >>> session.wait(100)
        >>> session.health().gaps.count
        0
        >>> session.close()
        """
        return health_of_session(self)

    @property
    def left_out(self) -> tuple[int, int]:
        """States and frames that consumers did not get because they were too slow."""
        return self._listeners.left_out, self.publisher.left_out
