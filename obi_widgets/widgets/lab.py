"""The lab: all widgets in one dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from obi_widgets.checks import UNSET, Unset, flag
from obi_widgets.session.session import Session
from obi_widgets.widgets.book import BookWidget
from obi_widgets.widgets.calibration import CalibrationWidget
from obi_widgets.widgets.charts import PriceWidget
from obi_widgets.widgets.panel import Part, check_frame
from obi_widgets.widgets.reachability import forget_outputs
from obi_widgets.widgets.settings import SettingsWidget
from obi_widgets.widgets.signal_chart import SignalWidget
from obi_widgets.widgets.status import StatusWidget
from obi_widgets.widgets.time_axis import TimeAxis

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from obi_widgets.calibration.report import Report
    from obi_widgets.feeds import Source
    from obi_widgets.history.columns import History
    from obi_widgets.presentation.frame import Frame
    from obi_widgets.settings.settings import Settings
    from obi_widgets.signals.signal import Signal


class Lab(Part):
    """A dashboard: status, order book, price with entries, signal, settings, and calibration.

    Make it the last line of a cell to show it. Running the cell again closes the old lab and makes
    a new one. A lab runs until it is closed. It also stops, and says so, if nobody has looked at it
    for ten minutes and no variable refers to it, to its session or to one of its widgets.

    Parameters
    ----------
    source : str, Path or iterable of paths
        ``"sim:BTC-PERP"`` for the simulated exchange, ``"venue:SYMBOL"`` for a live market, the
        path of a recording, or the paths of its parts.
    settings : Settings, optional
        Settings to start with; defaults if left out. They are used, not copied.
    signal : Signal or str, optional
        Signal to start with, if no settings are given: ``obi.imbalance``, your own, or a name.
    speed : float or None
        Recordings only: playback speed, 1 is the original speed; None loads all at once.
    levels : int
        Levels to keep on each side; 1 to 1,000.
    history_seconds : float
        Length of the past to keep, seconds. The charts also offer windows of 6 hours, a day and a
        week, if so much is kept.
    interval : float
        Seconds between two book states that are kept; 0 keeps every state.
    strict : bool
        If True, the signal is NaN where it would use levels that the last snapshot did not cover.
    refresh_at : float
        Request a new snapshot when less than this fraction, 0 to 1, of the prices that the last
        snapshot covered is left on one side.
    market : str, optional
        ``venue:SYMBOL``, for a recording that does not name its market.
    edge : float, optional
        Simulated exchange only: bps by which its hidden order flow moves mid. 1 if left out; 0
        for no edge.
    seed : int, optional
        Simulated exchange only: the same seed gives the same market. Random if left out.
    warmup : float, optional
        Simulated exchange only: seconds of past data to start with, 300 if left out.

    Raises
    ------
    SourceError
        If the source is neither a known venue nor a file.
    RecordingError
        If a recording cannot be read.
    SettingsError
        If the signal is unknown, if both settings and a signal are given, or if a number is out of
        its range.

    Attributes
    ----------
    session : Session
        Source, history and threads of the lab; other widgets can share it.
    status, book, price, signal_chart, controls, calibration
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
        source: Source = "sim:BTC-PERP",
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
    ) -> None:
        session = Session(
            source, settings=settings, signal=signal, speed=speed, levels=levels,
            history_seconds=history_seconds, interval=interval, strict=strict,
            refresh_at=refresh_at, market=market, edge=edge, seed=seed, warmup=warmup,
        )  # fmt: skip
        time = TimeAxis()
        self.status = StatusWidget(session, alone=False)
        self.book = BookWidget(session, levels=14, alone=False)
        self.price = PriceWidget(session, time=time, time_labels=False, alone=False)
        self.signal_chart = SignalWidget(session, time=time, alone=False)
        self.controls = SettingsWidget(session=session, alone=False)
        self._parts = (self.status, self.book, self.price, self.signal_chart, self.controls)
        charts = ipywidgets.VBox([self.price, self.signal_chart])
        charts.add_class("obi-charts")
        room = ipywidgets.Box([self.status, self.book, charts, self.controls])
        room.add_class("obi-room")
        self.calibration = CalibrationWidget(session, alone=False)
        self._opener = ipywidgets.Button(
            tooltip="Does the signal earn more than it costs to trade?"
        )
        self._opener.add_class("obi-unfold")
        self._opener.on_click(self._turn)
        below = ipywidgets.VBox([self._opener, self.calibration])
        below.add_class("obi-calibrate")
        self._unfold(unfolded=False)
        super().__init__(session, [room, below])

    def update(self, frame: Frame) -> None:
        """Show a frame."""
        check_frame(frame)
        for part in self._parts:
            part.update(frame)
        if self._calibrating:
            self.calibration.update(frame)

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
    def report(self) -> Report | None:
        """The newest calibration report; None before the calibration was opened."""
        return self.calibration.report

    @property
    def settings(self) -> Settings:
        """Current settings. Assigning to an attribute moves its slider."""
        return self._session.settings

    @settings.setter
    def settings(self, values: Settings) -> None:
        self._session.settings.update(values)

    @property
    def history(self) -> History:
        """The book states so far: a `History` that later states do not change."""
        return self._session.history

    def to_frame(self, *, levels: int = 1) -> pd.DataFrame:
        """Return a DataFrame of the book states and the signal, see `Session.to_frame`."""
        return self._session.to_frame(levels=levels)

    @property
    def _session(self) -> Session:
        assert self.session is not None
        return self.session

    def wait(self, states: int = 1, *, timeout: float | None = None) -> None:
        """Wait until the history has a number of states, see `Session.wait`."""
        self._session.wait(states, timeout=timeout)

    def pause(self) -> None:
        """Freeze the screen. New data are still kept."""
        self._session.pause()

    def resume(self) -> None:
        """Show the newest data again, after `pause`."""
        self._session.resume()

    def export(self, path: str | Path) -> Path:
        """Save the settings, the data they were tuned on, and the calibration's figures.

        Parameters
        ----------
        path : str or Path
            Ends in ``.toml`` or ``.json``; or in ``.py`` for a strategy file, see
            `obi_widgets.export_strategy`. An existing file is replaced.

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
        """
        return self._session.export(path)

    def close(self) -> None:
        """Stop the feed, its threads and sockets, and close all widgets of the lab.

        The history stays readable through a variable of the lab. It is removed from IPython's
        ``Out``, so that the memory is freed if no variable refers to the lab.
        """
        if self.session is not None and self.comm is not None:
            self.session.detach(self)
            self.session.close()
            self.controls.close()  # it observes the settings, which may outlive the lab
            forget_outputs([self.session])
        super().close()
