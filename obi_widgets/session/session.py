"""A session: one source, its history, the current signal, and the frames that views show.

A session has two threads: one reads the source, in an event loop of its own; the other publishes
frames. Neither is the kernel's thread, so a long cell stops neither. A slider only assigns to
`Settings`; the publisher then recomputes with the newest values.

The threads hold no reference to the session. A session that is dropped without `close` is garbage
collected; its publisher, which checks for it ten times a second, then stops the feed.
"""

from __future__ import annotations

import weakref
from inspect import signature
from typing import TYPE_CHECKING, Any

from obi_widgets.checks import UNSET, Unset, flag, instance, text
from obi_widgets.checks import path as as_path
from obi_widgets.errors import SealError, SettingsError
from obi_widgets.feeds.options import Options
from obi_widgets.feeds.sources import open_feed
from obi_widgets.presentation.charts.time_range import whole, windows
from obi_widgets.session.actions import Actions
from obi_widgets.session.background_calibration import Calibrator
from obi_widgets.session.background_gates import GateReporter
from obi_widgets.session.comparing import Comparing
from obi_widgets.session.export import export, found_of
from obi_widgets.session.following import Following
from obi_widgets.session.lifecycle import Lifecycle, Membership, Workers
from obi_widgets.session.publisher import Publisher
from obi_widgets.session.sealing import Sealing
from obi_widgets.session.states import Listeners
from obi_widgets.session.trials import Tried
from obi_widgets.session.views import View
from obi_widgets.settings.files import TAKES
from obi_widgets.settings.settings import Settings

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    from obi_widgets.calibration.sealed import SealedTest
    from obi_widgets.feeds.base import Feed
    from obi_widgets.feeds.sources import Source
    from obi_widgets.history.provenance import Provenance
    from obi_widgets.settings.provenance import Findings
    from obi_widgets.signals.signal import Signal


class Session(Actions, Comparing, Following):
    """One source and what is computed from it. Several widgets can share one session.

    Nothing runs before `start`, `wait`, `on_state`, `seal`, or the first widget.

    Parameters
    ----------
    source : str, Path or iterable of paths; or History, DataFrame, Feed or iterator
        ``"sim:BTC-PERP"`` for the simulated exchange, ``"venue:SYMBOL"`` for a live market, the
        path of a recording, or the paths of its parts. A history, or a DataFrame as
        `History.from_frame` takes it, is shown as a finished recording. A `Feed`, an iterator or
        an async iterator of tuples ``(time, bids, asks)``, as `Feed.book` takes them, is followed
        as books come; it runs outside the notebook's event loop.
    settings : Settings, optional
        Settings to start with; defaults if left out. They are used, not copied.
    signal : Signal or str, optional
        Signal to start with, if no settings are given: ``obi.imbalance``, your own, or a name.
    speed : float or None
        Recordings only: playback speed, 1 is the original speed; None loads all at once. A
        saved history (Parquet) is played if a speed is given, and else there at once.
    levels : int
        Levels to keep on each side; 1 to 1,000.
    history_seconds : float
        Length of the past to keep, seconds. The charts also offer windows of 6 hours, a day and a
        week, if so much is kept. An hour of ten states a second takes 28 MB with 50 levels, and
        14 MB with 20. Then memory stays the same: states are dropped, 4,096 at a time.
    interval : float
        Seconds between two book states that are kept; 0 keeps every state.
    strict : bool
        If True, the signal is NaN where it would use levels that the last snapshot did not cover.
    refresh_at : float
        Request a new snapshot when less than this fraction, 0 to 1, of the prices that the last
        snapshot covered is left on one side.
    market : str, optional
        ``venue:SYMBOL``, for a source that does not name its market.
    edge : float, optional
        Simulated exchange only: bps by which its hidden order flow moves mid. 1 if left out; 0
        for no edge.
    seed : int, optional
        Simulated exchange only: the same seed gives the same market. Random if left out.
    warmup : float, optional
        Simulated exchange only: seconds of past data to start with, 300 if left out.
    proxy : str, optional
        Live markets only: URL of a proxy for websockets and HTTP, such as
        ``"http://host:3128"`` or ``"socks5h://host:1080"``; ``""`` for none. If left out, those
        that the environment names (``HTTPS_PROXY``).
    urls : dict of str to str, optional
        Live markets only: addresses that replace the venue's own, by name: ``"rest"`` and those of
        its websockets, mostly ``"book"``. ``docs/venues.md`` has all names.
    testnet : bool
        Live markets only: whether to read the venue's test network.
    origin : str, optional
        Live markets only: the header ``Origin`` of websockets, such as ``"https://lmex.io"``, for
        a venue that refuses those without.

    Attributes
    ----------
    settings : Settings
        Current settings; assign to its attributes to change them.
    feed, market : Feed and Market
        Reader of the source; its book, state and history.
    windows : tuple of float
        Lengths of the windows that the charts offer, seconds.
    tried : Tried
        Settings whose results this session has shown or exported. Add settings that you evaluated
        elsewhere on the same data: ``session.tried.add(parameters)``.
    calibrator, publisher, sealing : Calibrator, Publisher and Sealing
        Background calibration, frames for views, and sealed tests.
    gate_reporter : GateReporter
        Computes in the background what the gates of the settings remove.
    bell : Bell
        Alerts that the screen shows, see `alert`.

    Raises
    ------
    ArgumentError, SourceError
        If the source can be none, or is neither a known venue nor a file.
    RecordingError, HistoryError
        If a recording cannot be read, or a DataFrame is not one of books.
    SettingsError
        If the signal is unknown, if both settings and a signal are given, or if a number is out of
        its range.
    """

    def __init__(
        self,
        source: Source,
        *,
        settings: Settings | None = None,
        signal: Signal | str | None = None,
        speed: float | Unset | None = UNSET,
        levels: int = 50,
        history_seconds: float = 3600.0,
        interval: float = 0.1,
        strict: bool = False,
        refresh_at: float = 0.5,
        market: str | None = None,
        edge: float | None = None,
        seed: int | None = None,
        warmup: float | None = None,
        proxy: str | None = None,
        urls: Mapping[str, str] | None = None,
        testnet: bool = False,
        origin: str | None = None,
    ) -> None:
        settings = chosen(settings, signal)
        options: dict[str, Any] = {
            "speed": speed, "levels": levels, "history_seconds": history_seconds,
            "interval": interval, "strict": strict, "refresh_at": refresh_at, "market": market,
            "edge": edge, "seed": seed, "warmup": warmup, "proxy": proxy, "urls": urls,
            "testnet": testnet, "origin": origin,
        }  # fmt: skip
        feed = open_feed(source, **options)
        usual = signature(open_feed).parameters
        given = {name: one for name, one in options.items() if one != usual[name].default}
        self._follow(feed, settings, given)

    def _follow(
        self,
        feed: Feed,
        settings: Settings,
        given: dict[str, Any],
        wake: threading.Event | None = None,
    ) -> None:
        """Set everything up for a feed that does not run yet.

        Parameters
        ----------
        feed : Feed
            The source.
        settings : Settings
            They are used, not copied.
        given : dict of str to object
            Options of the source that are not the default.
        wake : threading.Event, optional
            Wakes the publisher; one of its own if left out.
        """
        self.feed, self.settings, self.market = feed, settings, feed.market
        span, seconds = feed.span, given.get("history_seconds", Options().history_seconds)
        self.windows = windows(seconds if span is None else span)
        super().__init__(self.windows[1] if span is None else whole(span), given, wake)
        self.tried = Tried()
        reference = weakref.ref(self)

        def found() -> None:
            if (session := reference()) is not None:
                session.refresh()

        self.calibrator = Calibrator(self.tried, found)
        self.gate_reporter = GateReporter(self.tried, found)
        self.publisher = Publisher(self, self._wake)
        self.sealing = Sealing(self.market, feed.kind, settings)

        def tell(note: str) -> None:
            if (session := reference()) is not None:
                session.tell(note)

        self._listeners = Listeners(self.market, settings, tell)
        self._life = self._begin(
            Workers(self._listeners, self.calibrator, self.gate_reporter, self.sealing)
        )

    def _begin(self, workers: Workers) -> Lifecycle | Membership:
        """Return what starts and stops it."""
        return Lifecycle([self.feed], self.settings, self.publisher, [workers], self._wake)

    # -- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start reading and publishing; has no effect if already started or closed."""
        self._life.start(weakref.ref(self))

    def close(self) -> None:
        """Stop both threads, and all sockets and tasks. The history stays readable."""
        self._life.close()

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._life.closed

    def end_if_forgotten(self) -> None:
        """Close the session if nobody has looked for ten minutes and no variable refers to it.

        The publisher's thread calls this.
        """
        self._life.end_if_forgotten()

    # -- results ---------------------------------------------------------------------------

    def provenance(self) -> Provenance | None:
        """Return market, time span and hash of the data so far; None before the first state."""
        return self.shown().provenance

    def findings(self) -> Findings | None:
        """Calibrate the current settings, and return the figures; None before the first state.

        All states are used, or the part chosen with `select`.
        """
        return found_of(self, self.shown(), self.settings.parameters)

    def export(self, path: str | Path, *, replace: bool = True) -> Path:
        """Save the settings, the data they were tuned on, and the calibration's figures.

        Parameters
        ----------
        path : str or Path
            Ends in ``.toml`` or ``.json``; or in ``.py`` for a strategy file, see
            `obi_widgets.export_strategy`.
        replace : bool
            Whether to replace an existing file. If False, a number is added to the name.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            If the name has another ending, or the file cannot be written.
        HistoryError
            If a strategy file is asked for before the first state.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3)
        >>> session.wait(1000)
        >>> session.export("btc.toml").name
        'btc.toml'
        >>> session.close()
        """
        path, replace = as_path(path, TAKES), flag("replace", replace)
        return export(self, path, replace=replace)

    # -- the sealed test -------------------------------------------------------------------

    def seal(self, path: str | Path | None = None, *, clip_bps: float | None = None) -> SealedTest:
        """Start a sealed test: judge the current settings only by data that arrive from now on.

        Each later entry is judged when it ends. The bounds of its mean return hold however often
        you look. Changing a setting ends the test; its result so far is kept and marked as broken.
        Windows and selections can be changed freely. Every export includes the test's result.

        Parameters
        ----------
        path : str or Path, optional
            File of the test, ``.json``; it is written within a second of each trade. If left out,
            a file in the folder ``seals``. If the file has a test of the same settings and market,
            that test is continued; data between the two sessions are not judged.
        clip_bps : float, optional
            Largest gain or loss that counts in the exact bound, bps; 0.1 to 10,000. If left out,
            the largest of the entries so far, rounded up; 100 if there are fewer than 30 entries.

        Returns
        -------
        SealedTest

        Raises
        ------
        SealError
            If the session was closed, or shows a finished recording; if the file is damaged,
            cannot be written, or has a broken test, other settings or another market; or if
            ``clip_bps`` is out of range.

        Examples
        --------
        >>> session = obi.Session("sim:BTC-PERP", seed=3)
        >>> session.wait(1000)
        >>> test = session.seal("seal.json")
        >>> test.verdict
        'not yet decided'
        >>> session.close()
        """
        if self.closed:
            raise SealError("The session was closed.", "Make a new one, and seal there.")
        test = self.sealing.open(path, clip_bps)
        self.start()  # after sealing, so that a recording without pace has no unjudged states
        self.refresh()
        return test

    @property
    def sealed(self) -> SealedTest | None:
        """The newest sealed test, even if broken; None if there was none."""
        return self.sealing.test

    # -- frames ----------------------------------------------------------------------------

    def attach(self, view: View) -> None:
        """Show frames in a view from now on. Starts the session.

        A session that was closed shows its last frame.
        """
        instance("view", view, View, "Give a widget, or what shows frames as obi.Lab does.")
        self.publisher.attach(view)
        if self.closed:  # a view that closes it while it starts gets its last frame by that
            self.publisher.end(show=True)
        else:
            self.start()

    def detach(self, view: View) -> None:
        """Stop showing frames in a view."""
        instance("view", view, View, "Give what was attached.")
        self.publisher.detach(view)

    def refresh(self) -> None:
        """Show a new frame, even if nothing in it has changed."""
        self.publisher.refresh()

    def tell(self, note: str) -> None:
        """Show a sentence on the screen for ten seconds, or until the next one; "" removes it."""
        self.publisher.tell(text("note", note, "Give a sentence."))


def chosen(settings: Settings | None, signal: Signal | str | None) -> Settings:
    """Return the settings that a session starts with.

    Raises
    ------
    ArgumentError, SettingsError
        If they are none, if both are given, or if the signal is unknown.
    """
    instance("settings", settings, (Settings, type(None)), "Give obi.Settings(...).")
    if settings is not None and signal is not None:
        raise SettingsError(
            "Settings and a signal were given.",
            "Give one of them: settings already have a signal.",
        )
    if settings is None:
        settings = Settings() if signal is None else Settings(signal)
    return settings
