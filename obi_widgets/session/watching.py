"""A source followed without a screen: the steps of its start, then rows and alerts.

A feed runs in a thread of its own; whoever iterates over a `Watching` gets what there is to tell,
in order, and waits meanwhile in its own thread. It needs no widget and no publisher.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from msgspec import Struct

from obi_widgets.checks import number
from obi_widgets.errors import VenueError
from obi_widgets.feeds.given.feed import name_of
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.thread import FeedThread
from obi_widgets.market_data.events import CURRENT
from obi_widgets.presentation.watch.row import Row
from obi_widgets.presentation.watch.row_maker import RowMaker, Schedule
from obi_widgets.session.standing import Standing
from obi_widgets.signals.crossing import MARGIN, Alert

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from obi_widgets.feeds.base import Feed
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

LOOK_EVERY = 0.05
"""Seconds between two looks at the feed."""

SETTLES = 1.0
"""Seconds that a row waits for the first state after a gap."""

LONGEST = 86_400.0
"""Longest time between two rows, seconds."""

ENDED = ("It was ended from outside.", "Start the command again.")

FINISHED = frozenset({"recording", "history"})
"""Kinds of feeds whose end is no failure."""


class Step(Struct, frozen=True, kw_only=True):
    """A step of the start, or a change of the connection after it.

    Attributes
    ----------
    number : int
        Counted from 1; 0 after the start.
    text : str
        What has happened.
    connections : mapping of str to str
        Ids of the open websockets by name, if it is about them.
    snapshot : int or None
        The venue's number of the snapshot, if it is about one; 0 if the venue gives none.
    """

    number: int
    text: str
    connections: Mapping[str, str] = {}
    snapshot: int | None = None

    def as_object(self) -> dict[str, Any]:
        """Return it as an object of JSON."""
        found: dict[str, Any] = {"type": "step", "number": self.number, "text": self.text}
        if self.connections:
            found["connections"] = dict(self.connections)
        if self.snapshot is not None:
            found["snapshot"] = self.snapshot
        return found


class Watching:
    """Follows a feed while its context is entered.

    Parameters
    ----------
    feed : Feed
        The source. It does not run yet.
    parameters : Parameters
        Settings of the signal and of the threshold.
    every : float
        Seconds between two rows, 0.1 to a day: by this computer's clock if the data are live, by
        the time of receipt if they are replayed.

    Raises
    ------
    SettingsError
        If ``every`` is out of its range.
    """

    def __init__(self, feed: Feed, parameters: Parameters, every: float = 10.0) -> None:
        self.feed, self.parameters = feed, parameters
        self.every = number("every", every, 0.1, LONGEST, "seconds")
        self.maker = RowMaker(parameters)
        self._reader = FeedThread([feed], lambda: None)
        self._schedule = Schedule(self.every)
        self._due = -np.inf  # when the next row is, by the monotonic clock
        self._steps = 0  # steps of the start so far
        self._connections: Mapping[str, str] = {}
        self._snapshot: int | None = None
        self._said = ""  # the newest reason for another state than live
        self._began = False  # whether there was a row

    def __enter__(self) -> Self:
        self._reader.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.stop(*ENDED)
        self._reader.thread.join(timeout=10)

    def __iter__(self) -> Iterator[Step | Row | Alert]:
        """Yield what there is to tell, until the feed has ended.

        Raises
        ------
        VenueError
            If the feed of a live market has ended; the message has the reason.
        """
        yield self._step(f"Source: {self._source}")
        yield self._step(f"Settings: {settings_line(self.parameters)}")
        over = False
        while not over:
            standing = Standing.of(self.feed, self.feed.market.history())
            over = standing.state == "closed"  # looked at before the rest: nothing comes later
            yield from self._tell_connections()
            yield from self._tell_state(standing)
            yield from self._look(self.feed.market.history(), standing)
            if not over:
                time.sleep(LOOK_EVERY)
        self._refuse_end(standing)

    # -- the start -------------------------------------------------------------------------

    @property
    def _source(self) -> str:
        instrument = self.feed.market.instrument
        name = name_of(instrument) or "books"
        label = f", {instrument.label}" if instrument.label else ""
        return f"{name}{label}, {self.feed.kind}."

    def _step(
        self,
        text: str,
        connections: Mapping[str, str] | None = None,
        snapshot: int | None = None,
    ) -> Step:
        if not self._began:
            self._steps += 1
        return Step(
            number=0 if self._began else self._steps,
            text=text, connections=connections or {}, snapshot=snapshot,
        )  # fmt: skip

    def _tell_connections(self) -> Iterator[Step]:
        """Tell connections and snapshots with another id than before."""
        if isinstance(self.feed, LiveFeed):
            now = self.feed.connection_ids
            new = {name: one for name, one in now.items() if self._connections.get(name) != one}
            self._connections = now
            for name, one in new.items():
                yield self._step(f"Connected: websocket {name}, id {one}.", {name: one})
        market = self.feed.market
        if not isinstance(market, Market) or market.snapshot_id in (None, self._snapshot):
            return
        if market.venue.whole_books and self._snapshot is not None:
            return  # each book is a snapshot
        self._snapshot = market.snapshot_id
        number = f"id {self._snapshot}" if self._snapshot else "the venue gives it no id"
        yield self._step(f"Snapshot of the book: {number}.", snapshot=self._snapshot)

    def _tell_state(self, standing: Standing) -> Iterator[Step]:
        """Tell why the book is not current, once for each reason."""
        why = ""
        if standing.state not in CURRENT and not self.feed.market.warming:
            why = f"{standing.state}: {standing.detail} {standing.advice}".strip()
        if why != self._said and standing.detail:
            self._said = why
            if why and standing.state != "closed":
                yield self._step(f"{why[0].upper()}{why[1:]}")

    def _refuse_end(self, standing: Standing) -> None:
        """Raise an error if the feed should not have ended."""
        if self.feed.kind not in FINISHED or not self._began:
            source = name_of(self.feed.market.instrument)
            raise VenueError(standing.detail, standing.advice, source=source)

    # -- rows ------------------------------------------------------------------------------

    def _look(self, history: History, standing: Standing) -> Iterator[Step | Row | Alert]:
        if self.feed.kind in FINISHED:
            yield from self._replayed(history, standing)
        elif self._began or (standing.has_book and standing.state in CURRENT and len(history)):
            yield from self._live(history, standing)

    def _live(self, history: History, standing: Standing) -> Iterator[Step | Row | Alert]:
        alerts = self.maker.follow(history)
        if self._began:  # what was crossed before is no news
            yield from alerts
        now = time.monotonic()
        if now < self._due:
            return
        # After a gap the book is there before its first state is kept.
        gap = standing.has_book and np.isnan(history.bid[-1]) and np.isnan(history.ask[-1])
        if gap and (not self._began or now < self._due + SETTLES):
            return
        yield from self._begin()
        # After a sleep of the computer there is one row, and not many at once.
        self._due = now + self.every if self._due + self.every < now else self._due + self.every
        yield self.maker.row(standing.state, self._notes(standing))

    def _replayed(self, history: History, standing: Standing) -> Iterator[Step | Row | Alert]:
        if not len(history):
            return
        for end in self._schedule.ends(history):
            alerts = self.maker.follow(history[:end])
            if self._began:
                yield from alerts
            yield from self._begin()
            state = "live" if standing.state == "closed" else standing.state
            yield self.maker.row(state, self._schedule.notes)
        if self._began:
            yield from self.maker.follow(history)

    def _begin(self) -> Iterator[Step]:
        if not self._began:
            yield self._step(f"A row every {self.every:g} s.")
            self._began = True

    def _notes(self, standing: Standing) -> tuple[str, ...]:
        if standing.state in CURRENT:
            return ()
        return (f"{standing.state}: {standing.detail}".rstrip(": "),)


def settings_line(parameters: Parameters) -> str:
    """Return the settings of the signal and the threshold as one line."""
    p = parameters
    values = ", ".join(
        f"{name} {'off' if value is None else f'{value:g}' if isinstance(value, float) else value}"
        for name, value in p.values
    )
    level = f"{p.threshold:g}" + (" of its quantiles" if p.threshold_is == "quantile" else "")
    back = p.threshold - p.threshold * MARGIN
    name = f"{p.signal.name} ({values})" if values else p.signal.name
    return f"{name}, threshold {level}, back at {back:g}."
