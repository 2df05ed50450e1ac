"""The lab: all widgets in one dashboard."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

import ipywidgets

from obi_widgets.checks import UNSET, Unset, flag
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.session.link import Link
from obi_widgets.session.session import Session
from obi_widgets.settings.settings import Settings
from obi_widgets.widgets.book import BookWidget
from obi_widgets.widgets.calibration import CalibrationWidget
from obi_widgets.widgets.charts import PriceWidget
from obi_widgets.widgets.entry_list import EntriesWidget
from obi_widgets.widgets.equity import EquityWidget
from obi_widgets.widgets.health import HealthWidget
from obi_widgets.widgets.panel import Part
from obi_widgets.widgets.reachability import forget_outputs
from obi_widgets.widgets.session_calls import SessionCalls
from obi_widgets.widgets.settings import SettingsWidget
from obi_widgets.widgets.signal_chart import SignalWidget
from obi_widgets.widgets.status import StatusWidget
from obi_widgets.widgets.time_axis import TimeAxis

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from obi_widgets.calibration.report import Report
    from obi_widgets.feeds.sources import Source
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.signals.signal import Signal
    from obi_widgets.widgets.page import Changes


LADDER = 17
"""Levels a side of the lab's ladder: it ends where the charts do."""


class Lab(Part, SessionCalls):
    """A dashboard: status, order book, price with entries, signal, settings, and calibration.

    Make it the last line of a cell to show it. Running the cell again closes the old lab and makes
    a new one. A lab runs until it is closed. It also stops, and says so, if nobody has looked at it
    for ten minutes and no variable refers to it, to its session or to one of its widgets.

    Parameters
    ----------
    source : str, Path or iterable of paths; or History, DataFrame, Feed, iterator or Session
        ``"sim:BTC-PERP"`` for the simulated exchange, ``"venue:SYMBOL"`` for a live market, the
        path of a recording, or the paths of its parts. A history, or a DataFrame as
        `History.from_frame` takes it, is shown as a finished recording. A `Feed`, an iterator or
        an async iterator of tuples ``(time, bids, asks)``, as `Feed.book` takes them, is followed
        as books come; it runs outside the notebook's event loop. A `Session` is shown as it is: it
        goes on when the lab is closed, and no other option fits.
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

    Raises
    ------
    ArgumentError, SourceError
        If the source can be none, or is neither a known venue nor a file.
    RecordingError, HistoryError
        If a recording cannot be read, or a DataFrame is not one of books.
    SettingsError
        If the signal is unknown, if both settings and a signal are given, if an option is given
        beside a session, or if a number is out of its range.

    Attributes
    ----------
    session : Session
        Source, history and threads of the lab; other widgets can share it.
    status, book, price, signal_chart, equity, controls, entries, calibration, health_panel
        Widgets of the lab.

    Examples
    --------
    >>> lab = obi.Lab("sim:BTC-PERP", seed=3)
    >>> lab.settings.decay = 0.2
    >>> lab.wait(1000)
    >>> "imbalance" in lab.to_frame()
    True
    >>> lab.close()
    """

    css_class = "obi-lab"

    def __init__(
        self,
        source: Source | Session = "sim:BTC-PERP",
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
        options: dict[str, Any] = {
            "settings": settings, "signal": signal, "speed": speed, "levels": levels,
            "history_seconds": history_seconds, "interval": interval, "strict": strict,
            "refresh_at": refresh_at, "market": market, "edge": edge, "seed": seed,
            "warmup": warmup, "proxy": proxy, "urls": urls, "testnet": testnet, "origin": origin,
        }  # fmt: skip
        self._own = not isinstance(source, Session)
        session = _given(source, options) if isinstance(source, Session) else Session(
            source, **options
        )  # fmt: skip
        time = TimeAxis()
        self.status = StatusWidget(session, alone=False)
        self.book = BookWidget(session, levels=LADDER, alone=False)
        self.price = PriceWidget(session, time=time, time_labels=False, alone=False)
        self.signal_chart = SignalWidget(
            session, time=time, height=166, time_labels=False, alone=False
        )
        self.equity = EquityWidget(session, time=time, alone=False)
        self.controls = SettingsWidget(session=session, alone=False)
        self._parts: tuple[Part, ...] = (
            self.status, self.book, self.price, self.signal_chart, self.equity, self.controls
        )  # fmt: skip
        self._time, self._charts = (
            time,
            ipywidgets.VBox([self.price, self.signal_chart, self.equity]),
        )
        self._charts.add_class("obi-charts")
        room = ipywidgets.Box([self.status, self.book, self._charts, self.controls])
        room.add_class("obi-room")
        self.calibration = CalibrationWidget(session, alone=False)
        self._opener = ipywidgets.Button(
            tooltip="Does the signal earn more than it costs to trade?"
        )
        self._opener.add_class("obi-unfold")
        self._opener.on_click(self._turn)
        below = ipywidgets.VBox([self._opener, self.calibration])
        below.add_class("obi-calibrate")
        self.entries = EntriesWidget(session, alone=False)
        self._lister = ipywidgets.Button(tooltip="The entries in view, by time or by result")
        self._lister.add_class("obi-unfold")
        self._lister.on_click(self._list)
        listing = ipywidgets.VBox([self._lister, self.entries])
        listing.add_class("obi-listing")
        self.health_panel = HealthWidget(session, alone=False)
        self._watcher = ipywidgets.Button(
            tooltip="Gaps, lag, refused frames: can the feed be trusted?"
        )
        self._watcher.add_class("obi-unfold")
        self._watcher.on_click(self._watch)
        watching = ipywidgets.VBox([self._watcher, self.health_panel])
        watching.add_class("obi-watching")
        self._unfold(unfolded=False)
        self._show_list(shown=False)
        self._show_health(shown=False)
        super().__init__(session, [room, listing, below, watching])

    def _changes(self, frame: Frame) -> Changes:
        """Yield what a frame shows in all parts."""
        for part in self._parts:
            yield from part._changes(frame)
        if self._listing:
            yield from self.entries._changes(frame)
        if self._calibrating:
            yield from self.calibration._changes(frame)
        if self.health_panel.unfolded:
            yield from self.health_panel._changes(frame)

    @property
    def shows_health(self) -> bool:
        """Whether the fold with the health of the feed is open; it is read only then."""
        return self.health_panel.unfolded

    def add_signal(
        self, signal: Signal | str, *, threshold: float | None = None, **parameters: object
    ) -> None:
        """Show another signal below the settings' signal, see `Session.add_signal`.

        Examples
        --------
        >>> lab = obi.Lab("sim:BTC-PERP", seed=3)
        >>> lab.add_signal("order_flow_imbalance", window=10)
        >>> lab.remove_signal("order_flow_imbalance")
        >>> lab.close()
        """
        added = self._session.add_signal(signal, threshold=threshold, **parameters)
        chart = SignalWidget(
            self._session, time=self._time, height=120, time_labels=False, alone=False,
            stacked=added,
        )  # fmt: skip
        *above, equity = self._charts.children
        self._charts.children = (*above, chart, equity)
        self._parts = (*self._parts, chart)

    def remove_signal(self, signal: Signal | str) -> None:
        """Show a stacked signal no longer, see `Session.remove_signal`."""
        self._session.remove_signal(signal)
        gone = [
            chart
            for chart in self._charts.children
            if isinstance(chart, SignalWidget)
            and chart.stacked is not None
            and chart.stacked not in self._session.stacked
        ]
        self._parts = tuple(part for part in self._parts if part not in gone)
        self._charts.children = tuple(one for one in self._charts.children if one not in gone)
        for chart in gone:
            chart.close()

    @property
    def calibrating(self) -> bool:
        """Whether the calibration below the charts is open; it is computed only then."""
        return self._calibrating

    @calibrating.setter
    def calibrating(self, unfolded: bool) -> None:
        self._unfold(unfolded=flag("calibrating", unfolded))
        if unfolded:
            self._session.refresh()
        else:
            self._session.calibrator.forget()

    def _unfold(self, *, unfolded: bool) -> None:
        self._calibrating = unfolded
        self.calibration.layout.display = None if unfolded else "none"
        self._opener.description = f"{'▾' if unfolded else '▸'} Calibrate"

    def _turn(self, _: object = None) -> None:
        self.calibrating = not self._calibrating

    @property
    def listing(self) -> bool:
        """Whether the list of entries below the charts is open."""
        return self._listing

    @listing.setter
    def listing(self, shown: bool) -> None:
        self._show_list(shown=flag("listing", shown))
        self._session.refresh()

    def _show_list(self, *, shown: bool) -> None:
        self._listing = shown
        self.entries.layout.display = None if shown else "none"
        self._lister.description = f"{'▾' if shown else '▸'} Entries"

    def _list(self, _: object = None) -> None:
        self.listing = not self._listing

    @property
    def watching(self) -> bool:
        """Whether the health of the feed below the charts is open; it is read only then."""
        return self.health_panel.unfolded

    @watching.setter
    def watching(self, shown: bool) -> None:
        self._show_health(shown=flag("watching", shown))
        self._session.refresh()

    def _show_health(self, *, shown: bool) -> None:
        self.health_panel.unfolded = shown
        self.health_panel.layout.display = None if shown else "none"
        self._watcher.description = f"{'▾' if shown else '▸'} Health"

    def _watch(self, _: object = None) -> None:
        self.watching = not self.watching

    @property
    def report(self) -> Report | None:
        """The newest calibration report; None before the calibration was opened."""
        return self.calibration.report

    @property
    def _session(self) -> Session:
        assert self.session is not None
        return self.session

    def wait(self, states: int = 1, *, timeout: float | None = None) -> None:
        """Wait until the history has a number of states, see `Session.wait`."""
        self._session.wait(states, timeout=timeout)
        if self._still is not None:
            self._still.renew()

    @classmethod
    def from_link(cls, link: str, *, source: str | Path | None = None) -> Lab:
        """Open a lab from the text of `link`, see `Session.link`.

        Parameters
        ----------
        link : str
            The text, from ``obi:`` to its end.
        source : str or Path, optional
            Where the recording is, if it is not at the path in the link. It has to be the same.

        Returns
        -------
        Lab

        Raises
        ------
        SettingsError
            If the text is no link, or has an unknown setting or a value that is not possible, or
            a signal that is not defined here.
        SourceError
            If the recording is not there, or is another one.

        Examples
        --------
        >>> lab = obi.Lab("sim:BTC-PERP", seed=3, settings=obi.Settings(decay=0.2))
        >>> again = obi.Lab.from_link(lab.link())
        >>> again.settings == lab.settings
        True
        >>> lab.close(); again.close()
        """
        found = Link.read(link)
        settings = Settings(**found.settings.as_dict())
        lab = cls(found.source(source), settings=settings, **found.options)
        found.apply(lab._session)
        for one in found.stacked:
            lab.add_signal(**one.as_dict())
        return lab

    def close(self) -> None:
        """Stop the feed, its threads and sockets, and close all widgets of the lab.

        A session that was given goes on. The history stays readable through a variable of the lab.
        It is removed from IPython's ``Out``, so that the memory is freed if no variable refers to
        the lab.
        """
        if self.session is not None and self.comm is not None:
            self.session.detach(self)
            self.controls.close()  # it observes the settings, which may outlive the lab
            if self._own:
                self.session.close()
                forget_outputs([self.session])
        super().close()


def _given(session: Session, options: dict[str, Any]) -> Session:
    """Return a session that was given; options belong to its own source."""
    usual = signature(Lab).parameters
    for name, value in options.items():
        if value is not usual[name].default:
            raise SettingsError(
                f"{name} = {quoted(value)} does not fit a session.",
                "Leave it out: the session has its own.",
            )
    return session
