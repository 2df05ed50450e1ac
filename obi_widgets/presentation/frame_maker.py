"""Making frames, with the axes and pixel columns that are kept between two frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.presentation.downsampling import (
    MEAN,
    Axis,
    Columns,
    Mid,
    QuantileBounds,
    Window,
    extent,
    means,
    steps,
)
from obi_widgets.presentation.frame import Frame, Ladder, Reach

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.market_data.events import Instrument, State
    from obi_widgets.presentation.analysis import Analysis
    from obi_widgets.presentation.time_range import TimeRange
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FAR = 3.0
"""A threshold more than so many times the largest value shown is left out of the signal's chart."""

MAX_CHECKED = 36_000
"""Newest states of the window, at most, that are checked for levels that are not known."""


class FrameMaker:
    """Makes frames of an analysis, and keeps axes and notes steady between frames."""

    def __init__(self) -> None:
        self._axis: Axis | None = None
        self._axis_for: tuple[float, float] = (0.0, 0.0)
        self._reach: Reach | None = None
        self._reach_for: object = None
        self._reach_of: Parameters | None = None
        self._signal_axis: Axis | None = None
        self._signal_axis_for: object = None
        self._price, self._extent, self._mean = Columns(), Columns(), Columns()
        self._columns_for: tuple[object, ...] = ()
        self._bounds, self._bounds_for = Columns(), (object(), object())

    def make(
        self,
        analysis: Analysis,
        *,
        instrument: Instrument,
        state: State,
        has_book: bool,
        detail: str,
        advice: str,
        note: str,
        paused: bool,
        age: float,
        rate: float,
        time_range: TimeRange,
        selected: Span | None = None,
        told: int = 0,
        lag: float = np.nan,
        late: float = np.nan,
        replay: bool = False,
    ) -> Frame:
        """Return the frame of this moment; ``has_book`` is that of `Market`."""
        history, signal = analysis.history, analysis.signal
        oldest, newest = history.time[[0, -1]].tolist() if len(history) else (0, 0)
        window_seconds = time_range.seconds
        window = Window.ending(time_range.right_edge(oldest, newest), window_seconds)
        self._follow(analysis)
        time, start = history.time, history.start
        price = steps(time, Mid(history), window, self._price, start)
        # If a column lasts a second or longer, its mean and its range are of the same rows.
        mean = self._extent if window.column >= MEAN else self._mean
        signal_extent = extent(time, signal, window, self._extent, start)
        bounds = self._bounds_of(analysis, window)
        shown = has_book or state == "closed" or paused
        has_numbers = len(history) > 0 and shown
        return Frame(
            instrument=instrument,
            state=state,
            replay=replay,
            detail=detail,
            advice=advice,
            paused=paused,
            note=note,
            told=told,
            parameters=analysis.parameters,
            tick_size=history.tick_size,
            mid=float(history.bid[-1] + history.ask[-1]) / 2 if has_numbers else np.nan,
            spread=float(history.ask[-1] - history.bid[-1]) if has_numbers else np.nan,
            signal=float(signal[-1]) if has_numbers else np.nan,
            signal_range=self._signal_range(
                signal_extent, bounds[1], analysis.parameters, window_seconds
            ),
            age=age,
            lag=lag,
            late=late,
            rate=rate,
            states=len(history),
            seconds=(newest - oldest) / 1e9,
            window=window,
            window_seconds=window_seconds,
            price=price,
            price_range=self._range(price[1], history, window_seconds),
            looking_back=time_range.end is not None,
            extent=signal_extent,
            bounds=bounds,
            mean=means(time, signal, window, mean, start),
            trades=analysis.trades,
            results=analysis.results,
            beyond=analysis.beyond,
            ladder=Ladder.of(history if has_numbers else history[:0], analysis.parameters),
            reach=self._judge(history if has_numbers else history[:0], analysis.parameters, window),
            history=history,
            selected=selected,
            trouble=analysis.trouble,
        )

    def _follow(self, analysis: Analysis) -> None:
        """Forget the columns of another history, or of another signal."""
        what = (analysis, analysis.parameters.of_signal)
        if self._columns_for != what:
            if self._columns_for[:1] != what[:1]:
                self._price.forget()
            self._extent.forget()
            self._mean.forget()
            self._columns_for = what

    def _bounds_of(self, analysis: Analysis, window: Window) -> tuple[Ints, Floats]:
        """Return a quantile threshold by time; empty arrays if the threshold is a value."""
        history, parameters = analysis.history, analysis.parameters
        if parameters.threshold_is == "value":
            return history.time[:0], np.empty(0)
        what = (analysis, parameters)
        if self._bounds_for != what:
            self._bounds.forget()
            self._bounds_for = what
        values = QuantileBounds(history, analysis.signal, parameters)
        return means(history.time, values, window, self._bounds, history.start)

    def _judge(self, history: History, parameters: Parameters, window: Window) -> Reach:
        """Return the effects of parameters, at most once a second: figures must not flicker."""
        second = int(history.time[-1]) // 1_000_000_000 if len(history) else 0
        what = (parameters, second, window.end - window.start, history.strict)
        if self._reach is None or self._reach_for != what:
            notes = self._reach.notes if self._reach and self._reach_of == parameters else {}
            warned = [name for name, note in notes.items() if note.warning]
            first, last = np.searchsorted(history.time, window[:2]).tolist()
            shown = slice(max(first, last - MAX_CHECKED), last)
            self._reach = Reach.of(history, parameters, shown, warned)
            self._reach_for, self._reach_of = what, parameters
        return self._reach

    def _range(
        self, values: Floats, history: History, window_seconds: float
    ) -> tuple[float, float]:
        what = (history.tick_size, window_seconds)
        if self._axis is None or self._axis_for != what:
            self._axis = Axis(least=12 * history.tick_size)
            self._axis_for = what
        return self._axis.follow(values)

    def _signal_range(
        self,
        extent: tuple[Ints, Floats, Floats],
        bounds: Floats,
        parameters: Parameters,
        window_seconds: float,
    ) -> tuple[float, float]:
        """Return the scale of the signal's chart: its range, or one symmetric about 0."""
        if parameters.signal.range is not None:
            return parameters.signal.range
        what = (parameters.of_signal, window_seconds)
        if self._signal_axis is None or self._signal_axis_for != what:
            self._signal_axis, self._signal_axis_for = Axis(least=0.0), what
        shown = np.abs(np.concatenate(extent[1:]))
        largest = float(shown[np.isfinite(shown)].max(initial=0.0))
        if parameters.threshold_is == "value":
            threshold = parameters.threshold
        else:
            threshold = float(bounds[np.isfinite(bounds)].max(initial=0.0))
        if threshold <= FAR * largest or not largest:
            largest = max(largest, threshold) or 1.0
        return self._signal_axis.follow(np.array([-largest, largest]))
