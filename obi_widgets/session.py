"""One source, followed: its feed, its history, the newest signal, and frames for whoever looks.

Two threads: one reads, with an event loop of its own; one publishes. Neither is the kernel's, so
that a cell that runs for long stops neither. A slider assigns to `Settings` and returns; the
publisher sees the newest values and recomputes.

What runs does not hold the session. One that is dropped without `close` is collected, and its
publisher, which looks for it ten times a second, then ends the feed.
"""

from __future__ import annotations

import dataclasses
import inspect
import logging
import threading
import time
import weakref
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from obi_widgets.analysis import Analysis
from obi_widgets.calibrator import Calibrator, part
from obi_widgets.errors import SettingsError, VenueError, suggest
from obi_widgets.feeds import open_feed
from obi_widgets.feeds.thread import CLOSED, FeedThread
from obi_widgets.frame import Frame, FrameMaker
from obi_widgets.looking import Looking
from obi_widgets.memory import give_back
from obi_widgets.provenance import Findings, Provenance, utc
from obi_widgets.settings import Settings
from obi_widgets.time_range import windows
from obi_widgets.tried import Tried

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.feeds import Source
    from obi_widgets.history import History
    from obi_widgets.settings import Parameters

log = logging.getLogger(__name__)

FRAME_EVERY = 0.1
"""Seconds between frames while data come."""

SOONEST = 0.03
"""Seconds between frames when settings change."""

UNSEEN = 600.0
"""Seconds that nobody looks until a session ends that nothing holds but the platform."""

ASK_AGAIN = 60.0
"""Seconds between looks at whether something holds it: each takes a good part of a second."""

FORGOTTEN = (
    f"Nobody looked for {UNSEEN / 60:.0f} minutes and no variable held it: the feed was ended.",
    "Run the cell again to start anew.",
)

OPTIONS = dict(inspect.signature(open_feed).parameters)
del OPTIONS["source"]
"""What a session takes beside its source and its settings."""


class View(Protocol):
    """What shows frames. Called by the publisher's thread only."""

    @property
    def looked_at(self) -> bool:
        """Whether anybody would see a frame."""

    def show(self, frame: Frame) -> None:
        """Show it."""


@runtime_checkable
class Forgettable(View, Protocol):
    """A view that the platform holds, even when the user has nothing left of it."""

    def held(self) -> bool:
        """Whether anything but the platform may hold it or its session. It may take a while."""


class Session(Looking):
    """Follows one source.

    Parameters
    ----------
    source : str, Path or iterable of paths
        See `obi_widgets.feeds.open_feed`.
    settings : Settings, optional
        The defaults when left out.
    **options
        The other parameters of `obi_widgets.feeds.open_feed`.

    Attributes
    ----------
    windows : tuple of float
        Seconds of the windows that one chooses from.
    tried : Tried
        The settings whose results have been looked at.
    calibrator : Calibrator
        Calibrates for who shows it.
    """

    def __init__(
        self,
        source: Source,
        *,
        settings: Settings | None = None,
        **options: Any,  # noqa: ANN401 open_feed says what they are
    ) -> None:
        self.settings = settings if settings is not None else Settings()
        for name in options:
            if name not in OPTIONS:
                raise SettingsError(f"There is no option {name!r}.", suggest(name, OPTIONS))
        self.feed = open_feed(source, **options)
        kept = options.get("history_seconds", OPTIONS["history_seconds"].default)
        self.windows = windows(kept)
        self.market = self.feed.market
        super().__init__(self.windows[1])
        self.tried = Tried()
        session = weakref.ref(self)

        def found() -> None:
            if (there := session()) is not None:
                there.refresh()

        self.calibrator = Calibrator(self.tried, found)
        self._note = ""
        self._failure = ""  # the note, while it tells of a frame that could not be shown
        self._views: list[View] = []
        self._analysis = Analysis(self.settings.parameters)
        self._maker = FrameMaker()
        self._heard: deque[tuple[float, int]] = deque()
        self._shown: object = None
        self._asked = 0  # times that a frame was asked for, though nothing that it shows changed
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._reader = FeedThread(self.feed, self._wake.set)
        self._looked = 0.0  # when somebody last did, by the monotonic clock
        self._ask_at = 0.0  # when to ask next whether anything holds it

    # -- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start both threads, unless they have been."""
        if self._threads or self.closed:
            return
        self._looked = time.monotonic()
        wake, settings, reader, calibrator = (
            self._wake, self.settings, self._reader, self.calibrator,
        )  # fmt: skip

        # Neither of these may hold the session.
        def woken(_: object) -> None:
            wake.set()

        def let_go() -> None:
            settings.unobserve(woken)
            calibrator.close(wait=False)
            reader.stop(*CLOSED)
            give_back()

        settings.observe(woken)
        publishing = (weakref.ref(self), wake, self._closing, let_go)
        publisher = threading.Thread(target=_publish, args=publishing, name="obi-publisher")
        publisher.daemon = True
        self._threads = [reader.thread, publisher]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End both threads, and with them every socket and task. What was kept stays readable."""
        self._end(*CLOSED, show=threading.current_thread() not in self._threads)

    def _end(self, detail: str, advice: str, *, show: bool) -> None:
        if self._closing.is_set():
            return
        self._closing.set()
        self._wake.set()
        self.calibrator.close()
        self._reader.stop(detail, advice)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=10)
        if not self._threads:
            self.market.end(detail, advice)
        if show:
            self._show_safely()
        self._views.clear()

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._closing.is_set()

    def _end_if_forgotten(self) -> None:
        """End when nobody has looked for long, and only the platform holds what shows it."""
        now = time.monotonic()
        if now < max(self._looked + UNSEEN, self._ask_at):
            return
        self._ask_at = now + ASK_AGAIN
        try:
            for view in self._views:  # in plain sight: see `holding.held`
                if not isinstance(view, Forgettable) or view.held():
                    return
        except Exception:
            log.exception("Who holds a view could not be told.")
            return
        if self._views:
            self._end(*FORGOTTEN, show=True)

    # -- what is known ---------------------------------------------------------------------

    @property
    def history(self) -> History:
        """The book states so far; `to_frame` uses this session's settings."""
        return dataclasses.replace(self.market.history(), parameters=self.settings.parameters)

    def wait(self, states: int = 1, *, timeout: float = 30.0) -> None:
        """Return when the history has so many states.

        Raises
        ------
        VenueError
            When it does not come to that in time: with the reason that is known.
        """
        self.start()
        until = time.monotonic() + timeout
        while len(self.market.history()) < states:
            if time.monotonic() > until or self.market.state == "closed":
                seen = f"{len(self.market.history()):,} of {states:,} states came"
                raise VenueError(f"{seen}. {self.market.detail}".strip(), self.market.advice)
            time.sleep(0.02)

    def tell(self, note: str) -> None:
        """Show a sentence to whoever looks, until the next one; empty for none."""
        self._note = note
        self._wake.set()

    def provenance(self) -> Provenance | None:
        """Return what the settings have been tuned on so far; None before the first state."""
        return self._told_of(self._looked_at())

    def _told_of(self, history: History) -> Provenance | None:
        from obi_widgets import __version__

        if not len(history):
            return None
        start, end = utc(history.time[[0, -1]])
        return Provenance(
            venue=self.market.instrument.venue,
            symbol=self.market.instrument.symbol,
            start=start,
            end=end,
            states=len(history),
            levels=history.levels,
            interval=self.market.interval,
            sha256=history.sha256(),
            package=f"obi-widgets {__version__}",
        )

    def findings(self) -> Findings | None:
        """Return what calibration says of the settings so far; None before the first state.

        It is of all states, or of the part that is selected.
        """
        return self._found_of(self._looked_at(), self.settings.parameters)

    def _found_of(self, history: History, parameters: Parameters) -> Findings | None:
        from obi_widgets.calibration.report import calibrate

        selected = self._selected
        rows = part(history, selected)
        if not len(rows):
            return None
        tried = self.tried.add(parameters, selected)
        return calibrate(rows, parameters, tried=tried).findings

    def export(self, path: str | Path, *, replace: bool = True) -> Path:
        """Save the settings with what they were tuned on, and what calibration says of them.

        Parameters
        ----------
        path : str or Path
            ``.toml`` or ``.json``; ``.py`` for a strategy file, see `obi_widgets.export_strategy`.
        replace : bool
            Whether an existing file is replaced; otherwise a number is put behind its name.

        Returns
        -------
        Path
            Where they are.

        Raises
        ------
        SettingsError
            A name that ends otherwise, or a place that cannot be written to.
        HistoryError
            A strategy file before the first state.
        """
        path = Path(path)
        number = 2
        while not replace and path.exists():
            path = path.with_stem(f"{Path(path).stem.removesuffix(f'-{number - 1}')}-{number}")
            number += 1
        # Data stream and sliders move meanwhile: all that is told is of this moment.
        history, parameters = self._looked_at(), self.settings.parameters
        told, found = self._told_of(history), self._found_of(history, parameters)
        if path.suffix == ".py":
            from obi_widgets.calibration.strategy import export_strategy

            return export_strategy(path, parameters, history, provenance=told, findings=found)
        settings = Settings(**dataclasses.asdict(parameters)) if told else self.settings
        return settings.save(path, provenance=told, findings=found)

    # -- frames ----------------------------------------------------------------------------

    def attach(self, view: View) -> None:
        """Show frames there, from now on; start if that has not been done."""
        self._views.append(view)
        self.start()
        self._wake.set()

    def detach(self, view: View) -> None:
        """Show no more frames there."""
        if view in self._views:
            self._views.remove(view)

    def refresh(self) -> None:
        """Show a frame also where nothing of it has changed: there is more to show with it."""
        self._asked += 1
        self._wake.set()

    def _show_safely(self) -> None:
        """Show a frame; a thread has nobody to raise to, so what goes wrong is logged and shown."""
        try:
            self._show()
        except Exception as error:
            note = _failed(error)
            if note != self._failure:  # once, not ten times a second
                log.exception("A frame could not be shown.")
            self._note = self._failure = note
        else:
            if self._failure and self._note == self._failure:
                self._note = self._failure = ""

    def _show(self) -> None:
        last = self._closing.is_set()  # a view that is hidden now may be seen again
        looking = [view for view in self._views if last or view.looked_at]
        if not looking:
            self._shown = None
            return
        self._looked = time.monotonic()
        now, history, parameters, rate = self._now()
        key = (now, *looking)
        if key == self._shown:
            return
        frame = self.frame(history, parameters, rate)
        self._shown = key
        if frame.states:
            self.tried.add(parameters)
        for view in looking:  # one that fails does not keep the others from theirs
            try:
                view.show(frame)
            except Exception as error:
                note = _failed(error)
                if note != self._note:  # once, not ten times a second
                    log.exception("A frame could not be shown.")
                self._note = note

    def _now(self) -> tuple[object, History, Parameters, float]:
        """Return what a frame depends on, and a key that changes when any of it does."""
        history = self._looked_at()
        parameters = self.settings.parameters
        rate = self._rate()
        market = self.market
        key = (
            history.start + len(history),
            self.paused,
            market.state,
            market.detail,
            parameters,
            self._note,
            round(rate),
            self.time_range,
            self._selected,
            self._asked,
        )
        return key, history, parameters, rate

    def frame(self, history: History, parameters: Parameters, rate: float = 0.0) -> Frame:
        """Return what is to be seen of a history. For the publisher's thread."""
        self._analysis.update(history, parameters)
        market = self.market
        fresh = market.changed_at and market.state != "closed"
        return self._maker.make(
            self._analysis,
            instrument=market.instrument,
            state=market.state,
            detail=market.detail,
            advice=market.advice,
            note=self._note,
            paused=self.paused,
            age=(self.feed.now() - market.changed_at) / 1e9 if fresh else np.nan,
            rate=rate,
            time_range=self.time_range,
            selected=self._selected,
        )

    def _rate(self) -> float:
        """Return messages a second over the last two."""
        now = time.monotonic()
        self._heard.append((now, self.feed.messages))
        while len(self._heard) > 2 and now - self._heard[1][0] >= 2:
            self._heard.popleft()
        (then, before), (_, after) = self._heard[0], self._heard[-1]
        return (after - before) / (now - then) if now > then else 0.0


def _publish(
    session: weakref.ref[Session],
    wake: threading.Event,
    closing: threading.Event,
    let_go: Callable[[], None],
) -> None:
    """Show frames until a session is closed, or collected: between frames it is not held."""
    last = time.monotonic()
    try:
        while not closing.is_set():
            due = last + FRAME_EVERY
            if wake.wait(max(due - time.monotonic(), 0.0)):
                closing.wait(max(last + SOONEST - time.monotonic(), 0.0))
                wake.clear()
                due = time.monotonic()
            last = max(due, time.monotonic() - FRAME_EVERY)  # what is late is not made up for
            there = session()
            if there is None or closing.is_set():
                break
            there._show_safely()
            there._end_if_forgotten()
            del there
    finally:
        let_go()


def _failed(error: Exception) -> str:
    return f"A frame could not be shown: {error!r}. Please report this."
