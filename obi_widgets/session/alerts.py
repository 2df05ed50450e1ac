"""Alerts of a session: a function is called when the signal crosses a level."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from obi_widgets.session.states import Listener
from obi_widgets.signals.crossing import Alert, Crossing
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.feeds.base import Followed
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings

MOST = 200
"""Alerts that are kept for the chart."""


class Watcher(Listener):
    """Follows the states of a market, and calls a function for each crossing.

    Parameters
    ----------
    callback : callable
        Takes an `Alert`.
    market, settings, tell
        As those of `Listener`.
    level : float, optional
        The level; the settings' threshold if left out.
    margin : float, optional
        See `Crossing`.
    """

    called = "on_alert"

    def __init__(
        self,
        callback: Callable[[Alert], object],
        market: Followed,
        settings: Settings,
        tell: Callable[[str], object],
        *,
        level: float | None = None,
        margin: float | None = None,
    ) -> None:
        super().__init__(callback, market, settings, tell)
        self._level, self._margin = level, margin
        Crossing(0.0 if level is None else level, margin)  # checks both
        self._crossing = Crossing(0.0)
        self._for: object = None

    def _values(self, history: History, first: int, parameters: Parameters) -> list[float]:
        """Return what is compared with the level, from a row on.

        A level that was given is in the signal's unit. A threshold may be a quantile: then it is
        the signal's place among recent values.
        """
        p = parameters
        level = p.threshold if self._level is None else self._level
        what = (p.of_signal, level, p.threshold_is, p.quantile_window)
        if what != self._for:  # a level that moves past the signal is no crossing
            self._for, self._crossing = what, Crossing(level, self._margin)
        if self._level is not None or p.threshold_is == "value":
            return super()._values(history, first, p)
        start = p.first_needed(history, first)
        signal = p.signal.compute(history, dict(p.values), start)
        places = compared(history[start:], signal, p, first - start)
        return [float(place) for place in places[first - start :]]

    def _give(self, state: History, value: float) -> None:
        side = self._crossing.follow(value)
        if side:
            mid = float(state.bid[0] + state.ask[0]) / 2
            self._call(Alert(int(state.time[0]), side, value, self._crossing.level, mid))


class Bell:
    """The alerts that a screen shows: whether it rings, at which level, and the newest ones.

    Attributes
    ----------
    level : float or None
        The level; None for the settings' threshold.
    count : int
        Number of alerts so far.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._stop: Callable[[], None] | None = None
        self._newest: deque[Alert] = deque(maxlen=MOST)
        self.level: float | None = None
        self.count = 0

    @property
    def on(self) -> bool:
        """Whether crossings are watched for."""
        return self._stop is not None

    @property
    def newest(self) -> tuple[Alert, ...]:
        """The newest alerts, at most 200, the newest last."""
        return tuple(self._newest)

    def ring(self, alert: Alert) -> None:
        """Keep an alert, and let the screen show it."""
        self._newest.append(alert)
        self.count += 1
        self._wake()

    def turn(self, stop: Callable[[], None] | None, level: float | None = None) -> None:
        """Keep what stops the watching, None when it is off; stop what was watched before."""
        before, self._stop, self.level = self._stop, stop, level
        if before is not None:
            before()
        self._wake()
