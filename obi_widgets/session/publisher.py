"""The publisher of a session: it makes the frames that views show."""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from obi_widgets.presentation.frames.frame_maker import FrameMaker
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.presentation.reading.comparison import Compared, Comparison
from obi_widgets.presentation.reading.signal_values import SignalValues
from obi_widgets.session.message_rate import Rate
from obi_widgets.session.publishing import Publishing
from obi_widgets.session.standing import Standing

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from obi_widgets.feeds.base import Feed, Followed
    from obi_widgets.feeds.health.health import Health
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.presentation.charts.time_range import TimeRange
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.presentation.layers.chart_layers import Appearance
    from obi_widgets.presentation.reading.cursor import Cursor, PointedEntry
    from obi_widgets.session.alerts import Bell
    from obi_widgets.session.sealing import Sealing
    from obi_widgets.session.trials import Tried
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.settings.settings import Settings

HEALTH_EVERY = 1.0
"""Seconds between two readings of the feed's health, while a view shows it."""


class Published(Protocol):
    """The attributes of a session that its publisher uses."""

    settings: Settings
    feed: Feed
    market: Followed
    sealing: Sealing
    tried: Tried
    time_range: TimeRange
    cursor: Cursor | None
    pointed: PointedEntry | None
    appearance: Appearance

    def health(self) -> Health:
        """Return the health of the feed now."""

    @property
    def paused(self) -> bool:
        """Whether the screen is frozen."""

    @property
    def selected(self) -> Span | None:
        """The part that calibration uses, nanoseconds UTC; None for all states."""

    @property
    def compared(self) -> Parameters | None:
        """Settings that the present ones are compared with; None for none."""

    @property
    def bell(self) -> Bell:
        """Alerts that are shown."""

    @property
    def stacked(self) -> tuple[Parameters, ...]:
        """The stacked signals, with their parameters and thresholds."""

    def shown(self) -> History:
        """Return the states that the screen shows."""


class Publisher(Publishing):
    """Makes frames of a session and shows them to views.

    Parameters
    ----------
    session : Session
        Session to show. Only a weak reference to it is kept.
    wake : Event
        Is set when something that a frame shows has changed.
    """

    def __init__(self, session: Published, wake: threading.Event) -> None:
        super().__init__(wake)
        self._of = weakref.ref(session)
        self._analysis = Analysis(session.settings.parameters)
        self._comparison: Comparison | None = None
        self._stacked: dict[Parameters, SignalValues] = {}
        self._maker = FrameMaker()
        self._rate = Rate()
        self.left_out = 0  # frames that pages did not get because they were behind
        self._behind_at = 0  # states when that was last counted
        self._health: tuple[float, Health] | None = None  # when it was made, and what

    @property
    def _session(self) -> Published:
        session = self._of()
        assert session is not None  # the caller refers to it
        return session

    def round(self) -> None:  # noqa: D102
        self._rate.follow(self._session.feed)
        if note := self._session.sealing.follow():
            self.tell(note)
        self._show_due()
        self._count_left_out()

    def _count_left_out(self) -> None:
        """Count a frame that pages did not get because they are behind."""
        unshown = [view for view in self.views if view not in self._shown]
        if behind := sum(getattr(view, "behind", False) for view in unshown):
            history = self._session.market.history()
            states = history.start + len(history)
            self.left_out += behind * (states != self._behind_at)
            self._behind_at = states

    def _due(self) -> tuple[object, Callable[[], Any]]:
        session, market = self._session, self._session.market
        history, parameters = session.shown(), session.settings.parameters
        key = (
            history.start + len(history),
            session.paused,
            market.state,
            market.detail,
            parameters,
            self._note,
            self._told,
            f"{self._rate.now:.0f}",
            session.time_range,
            session.cursor,
            session.pointed,
            session.appearance,
            session.selected,
            session.stacked,
            session.compared,
            (session.bell.on, session.bell.level, session.bell.count),
            self._asked,
            self._watch(),
        )

        def make() -> Frame:
            frame = self.frame(history, parameters)
            if frame.states:
                session.tried.add(parameters)
            return frame

        return key, make

    def _watch(self) -> Health | None:
        """Return the health if a view shows it, made again once a second; else None."""
        if not any(getattr(view, "shows_health", False) for view in self.views):
            self._health = None
        elif self._health is None or time.monotonic() - self._health[0] >= HEALTH_EVERY:
            self._health = time.monotonic(), self._session.health()
        return self._health[1] if self._health is not None else None

    def frame(self, history: History, parameters: Parameters) -> Frame:
        """Return the frame of a history. For the publisher's thread."""
        self._analysis.update(history, parameters)
        session = self._session
        stacked = self._stack(history, session.stacked)
        market, feed = session.market, session.feed
        standing, lag = Standing.of(feed, history), market.lag
        return self._maker.make(
            self._analysis,
            instrument=market.instrument,
            state=standing.state,
            has_book=standing.has_book,
            replay=feed.kind == "recording",
            detail=standing.detail,
            advice=standing.advice,
            note=self._note,
            told=self._told,
            paused=session.paused,
            age=standing.age,
            lag=lag.seconds,
            late=lag.absolute,
            rate=self._rate.now,
            time_range=session.time_range,
            cursor=session.cursor,
            pointed=session.pointed,
            appearance=session.appearance,
            selected=session.selected,
            sealed_at=session.sealing.sealed_at,
            stacked=stacked,
            other=self._compare(history, session.compared),
            watching=session.bell.on,
            watched=session.bell.level,
            alerts=session.bell.newest,
            alert_count=session.bell.count,
            health=self._health[1] if self._health is not None else None,
        )

    def _stack(self, history: History, wanted: tuple[Parameters, ...]) -> list[SignalValues]:
        """Return the values of the stacked signals."""
        self._stacked = {one: self._stacked.get(one) or SignalValues(one) for one in wanted}
        for parameters, values in self._stacked.items():
            values.update(history, parameters)
        return list(self._stacked.values())

    def _compare(self, history: History, other: Parameters | None) -> Compared | None:
        """Return the results of the settings that the present ones are compared with."""
        if other is None or not len(history):
            self._comparison = None
            return None
        tried = self._session.tried
        if self._comparison is None or self._comparison.parameters != other:
            self._comparison = Comparison(other)
            tried.add(other)
        return self._comparison.update(history, self._analysis, len(tried))
