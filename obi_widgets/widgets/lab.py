"""The room that the parts share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from obi_widgets.checks import UNSET, Unset, flag
from obi_widgets.session.session import Session
from obi_widgets.widgets.book import BookWidget
from obi_widgets.widgets.calibration import CalibrationWidget
from obi_widgets.widgets.charts import PriceWidget, SignalWidget
from obi_widgets.widgets.holding import forget_outputs
from obi_widgets.widgets.panel import Part, framed
from obi_widgets.widgets.settings import SettingsWidget
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
    """The dashboard: status, ladder, price with entries, signal, sliders; calibration below.

    As a cell's last line it is shown. Running the cell again replaces it, and ends what it had
    open. When nobody has looked for ten minutes, and no variable holds it, a part of it or its
    session, it ends its feed and says so; one that a variable holds goes on until it is closed.

    Parameters
    ----------
    source : str, Path or iterable of paths
        ``sim:BTC-PERP`` for the simulated exchange, ``venue:SYMBOL`` for a live market, or the
        path of a recording.
    settings : Settings, optional
        The defaults when left out.
    signal : Signal or str, optional
        Which signal to begin with, where no settings are given: ``obi.imbalance`` or one of your
        own, or its name.
    speed : float or None
        Of a recording: how many times as fast as it was, 1 when left out; None for at once.
    levels : int
        Levels a side to keep.
    history_seconds : float
        How much of the past to keep at least, seconds. Where six hours, a day or a week are kept,
        charts offer to show them.
    interval : float
        Seconds between the states that are kept; 0 keeps every one.
    strict : bool
        Whether there is no signal where it would rest on levels beyond what a snapshot covered.
    refresh_at : float
        The share of the prices that a snapshot covered, 0 to 1: with less than that left on a
        side, a new snapshot is asked for.
    market : str, optional
        ``venue:SYMBOL`` of a recording that does not say what it is.
    edge : float, optional
        Of the simulated exchange: bps that its hidden pressure moves mid by, 1 when left out; 0
        for none.
    seed : int, optional
        Of the simulated exchange: the same seed gives the same market; a new one each time when
        left out.
    warmup : float, optional
        Of the simulated exchange: seconds of the past to begin with, 300 when left out.

    Raises
    ------
    SourceError
        A source that is neither a known venue nor a file.
    RecordingError
        A recording that cannot be read.
    SettingsError
        A signal that is not known or stands beside settings, or a number that is out of its range.

    Examples
    --------
    >>> lab = Lab("sim:BTC-PERP")  # doctest: +SKIP
    >>> lab.settings.decay = 0.2  # doctest: +SKIP
    >>> lab.to_frame()  # doctest: +SKIP
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
        self._opener = ipywidgets.Button(tooltip="Judge the signal: is it worth its costs?")
        self._opener.add_class("obi-unfold")
        self._opener.on_click(self._turn)
        below = ipywidgets.VBox([self._opener, self.calibration])
        below.add_class("obi-calibrate")
        self._unfold(unfolded=False)
        super().__init__(session, [room, below])

    def update(self, frame: Frame) -> None:
        """Show a frame."""
        framed(frame)
        for part in self._parts:
            part.update(frame)
        if self._calibrating:
            self.calibration.update(frame)

    @property
    def calibrating(self) -> bool:
        """Whether the calibration under the charts is unfolded; nothing is computed otherwise."""
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
        """What calibration came to last; None before it was unfolded for the first time."""
        return self.calibration.report

    @property
    def settings(self) -> Settings:
        """What the sliders show; assigning to its attributes moves them."""
        return self._session.settings

    @settings.setter
    def settings(self, values: Settings) -> None:
        self._session.settings.update(values)

    @property
    def history(self) -> History:
        """The book states so far."""
        return self._session.history

    def to_frame(self, *, levels: int = 1) -> pd.DataFrame:
        """Return a DataFrame of the states so far, with the signal; see `Session.to_frame`."""
        return self._session.to_frame(levels=levels)

    @property
    def _session(self) -> Session:
        assert self.session is not None
        return self.session

    def wait(self, states: int = 1, *, timeout: float | None = None) -> None:
        """Return when the history has so many states; see `Session.wait`."""
        self._session.wait(states, timeout=timeout)

    def pause(self) -> None:
        """Let the screen stand still; the history goes on."""
        self._session.pause()

    def resume(self) -> None:
        """Let the screen go on with the newest."""
        self._session.resume()

    def export(self, path: str | Path) -> Path:
        """Save the settings: ``.toml``, ``.json``, or ``.py``.

        With them stands what they were tuned on (market, time, hash), and what calibration says
        of them. ``.py`` is a strategy file; see `obi_widgets.export_strategy`.
        """
        return self._session.export(path)

    def close(self) -> None:
        """End the feed, its threads and sockets, and every widget.

        The history stays readable for whoever holds the lab in a variable. IPython's ``Out``
        forgets it, so that the memory is freed otherwise.
        """
        if self.session is not None and self.comm is not None:
            self.session.detach(self)
            self.session.close()
            self.controls.close()  # it also follows the settings, which may live on
            forget_outputs([self.session])
        super().close()
