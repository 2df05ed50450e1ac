"""A paper run of a live source: it follows the feed, decides, and writes the log; no order is sent.

The feed runs in a thread of its own. Whoever calls `PaperTrading.run` looks at its states, decides
on each of them once, and writes what there is to say.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from obi_widgets.errors import ObiError, SettingsError, VenueError
from obi_widgets.feeds.given.feed import name_of
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.recording import Recorder
from obi_widgets.feeds.thread import FeedThread
from obi_widgets.history.provenance import utc
from obi_widgets.paper.log import LogWriter
from obi_widgets.paper.run import PaperRun, begin_of
from obi_widgets.presentation.reading.signal_values import SignalValues
from obi_widgets.trading.declared import refuse_gauge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from obi_widgets.feeds.base import Feed
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

    Line = dict[str, Any]

LOOK_EVERY = 0.05
"""Seconds between two looks at the feed."""

FIRST_BOOK = 30.0
"""Longest time until the first state, seconds."""

ENDED = ("The paper run has ended.", "")


class PaperTrading:
    """Runs settings on a live source on paper.

    Parameters
    ----------
    feed : Feed
        The source. It does not run yet.
    parameters : Parameters
        The settings.
    path : str or Path
        The log to write. It must not exist.
    record : str or Path, optional
        A recording of the raw frames to write beside it.
    config : mapping, optional
        What the log says of the file of the settings.

    Attributes
    ----------
    decisions : PaperRun
        What was decided.

    Raises
    ------
    RecordingError
        If a file exists, or cannot be written.
    SettingsError
        If the source is not live, or the signal has no direction.
    """

    def __init__(
        self,
        feed: Feed,
        parameters: Parameters,
        path: str | Path,
        *,
        record: str | Path | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(feed, LiveFeed):
            raise SettingsError(
                f"A paper run needs a live source, and this is a {feed.kind}.",
                "Give venue:SYMBOL. For a recording, use obi.entries.",
            )
        refuse_gauge(parameters.signal)
        self.feed, self.parameters = feed, parameters
        self.decisions = PaperRun(parameters)
        self._config = dict(config or {})
        self._values = SignalValues(parameters)
        self._reader = FeedThread([feed], lambda: None)
        self._said: tuple[str, str, dict[str, str]] | None = None
        self._began = False
        self._trouble = ""
        self._dropped = 0  # number of the first state that no look has seen
        self._log = LogWriter(path)
        venue = feed.market.venue
        try:
            if record is not None:
                feed.recorder = Recorder(record, venue.name, venue.symbol)
        except Exception:
            self._log.close()
            raise

    def run(
        self, seconds: float | None = None, told: Callable[[Line], object] = lambda _: None
    ) -> None:
        """Follow the source until it ends, it is interrupted, or the time is over.

        Parameters
        ----------
        seconds : float, optional
            How long, from the first state on.
        told : callable
            Called with each line of the log that is no second.

        Raises
        ------
        VenueError
            If no book comes within 30 s, or the feed has ended by itself.
        RecordingError
            If the log or the recording cannot be written.
        """
        self._reader.thread.start()
        why = "it was ended from outside"
        try:
            why = self._follow(seconds, told)
        except ObiError as error:
            why = str(error)
            raise
        finally:
            self._reader.stop(*ENDED)
            self._reader.thread.join(timeout=10)
            self._close(why, told)

    def _close(self, why: str, told: Callable[[Line], object]) -> None:
        """Write the end of the log, also if what is decided last cannot be told any more."""
        try:
            try:
                self._look(told)  # the end keeps the state whose interval was not over
            finally:
                self._end(why, told)
        finally:
            self._log.close()
            if self.feed.recorder is not None:
                self.feed.recorder.close()

    def _follow(self, seconds: float | None, told: Callable[[Line], object]) -> str:
        """Follow the source; return why it has ended."""
        until, counting = time.monotonic() + FIRST_BOOK, False
        while True:
            market = self.feed.market
            closed, detail = market.state == "closed", market.detail  # before the look
            self._look(told)
            self._refuse_lost_recording()
            now = time.monotonic()
            if self._began and not counting:
                until, counting = float("inf") if seconds is None else now + seconds, True
            if closed or now >= until:
                if self._began and not closed:
                    return "its time is over"
                source = name_of(market.instrument)
                said = detail or f"{market.venue.label} gave no book within {FIRST_BOOK:g} s."
                raise VenueError(said, market.advice, source=source)
            time.sleep(LOOK_EVERY)

    def _refuse_lost_recording(self) -> None:
        recorder = self.feed.recorder
        if recorder is not None and recorder.error is not None:
            raise recorder.error

    def _look(self, told: Callable[[Line], object]) -> None:
        """Decide on the states that came since the last look, and write what there is to say."""
        history = self.feed.market.history()
        if not len(history):
            return
        lines = list[dict[str, Any]]()
        if not self._began:
            lines.append(self._begin(history))
        lines += self._connection()
        if history.start > self._dropped and self._began:
            raise SettingsError(
                "States were dropped before they were decided on: the computer is too busy.",
                "Give an interval of more seconds.",
            )
        self._began, self._dropped = True, history.start + len(history)
        self._values.update(history, self.parameters)
        if self._values.trouble != self._trouble:
            self._trouble = self._values.trouble
            lines.append({"type": "trouble", "time": _now(), "text": self._trouble})
        lines += self.decisions.extend(history, self._values.signal)
        self._write(lines, told)

    def _begin(self, history: History) -> Line:
        feed, recorder = self.feed, self.feed.recorder
        self._said = self._standing()
        return begin_of(
            history, self.parameters, config=self._config, kind=feed.kind,
            connections=dict(feed.connection_ids), snapshot=feed.market.snapshot_id,
            recording=None if recorder is None else recorder.path.name, began=_now(),
        )  # fmt: skip

    def _standing(self) -> tuple[str, str, dict[str, str]]:
        market = self.feed.market
        return market.state, market.detail, dict(self.feed.connection_ids)

    def _connection(self) -> Iterable[Line]:
        """Say a change of the connection or of its state."""
        now = self._standing()
        if now == self._said:
            return []
        self._said = now
        state, detail, ids = now
        one = {"type": "connection", "time": _now(), "state": state, "detail": detail}
        return [{**one, "connections": ids}]

    def _end(self, why: str, told: Callable[[Line], object]) -> None:
        history = self.feed.market.history()
        if not self._began:
            return
        run = self.decisions
        last = {
            "type": "end", "time": _now(), "why": why, "entries": run.entries,
            "declined": run.declined, "states": history.start + len(history),
            "last_state": utc([history.time[-1]])[0],
        }  # fmt: skip
        self._write([*run.end(), last], told)

    def _write(self, lines: list[Line], told: Callable[[Line], object]) -> None:
        if not lines:
            return
        self._log.write(lines)
        for line in lines:
            if line["type"] != "second":
                told(line)


def _now() -> str:
    return utc([time.time_ns()])[0]
