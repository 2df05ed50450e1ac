"""What a chart draws of one signal: its line, its range, its threshold and its scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.presentation.charts.axis_range import Axis
from obi_widgets.presentation.charts.downsampling import MEAN, extent, is_raw, lowest, means, steps
from obi_widgets.presentation.charts.pixel_columns import Columns
from obi_widgets.trading.quantile_bounds import quantile_bounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.presentation.charts.window import Window
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.signals.signal import Signal

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FAR = 3.0
"""A threshold more than so many times the largest value shown is left out of the chart."""


@dataclass(frozen=True)
class SignalLine:
    """One signal in the window of a chart. Times are nanoseconds UTC, values in its unit.

    Where a value of a state exceeds the threshold, so does what is drawn there: the step line if
    ``raw``, else the range of its column.

    Attributes
    ----------
    parameters : Parameters
        Signal, the values of its parameters, and threshold.
    value : float
        Newest value; NaN without one.
    scale : tuple of float
        Range of the chart.
    raw : bool
        Whether the line shows the states as they are.
    line : tuple of ndarray
        Times, values. If ``raw``, the corners of a step line (of a column with more than two
        states, the extremes); else means over one second, or a column where that is longer.
    extent : tuple of ndarray
        Times, smallest and largest value of each column; empty if ``raw``.
    bounds : tuple of ndarray
        A quantile threshold: corners of a step line, times and values; of a column with more than
        two states, the smallest. Empty where the threshold is a value.
    trouble : str
        What is wrong with the signal function; empty if nothing is.
    """

    parameters: Parameters
    value: float
    scale: tuple[float, float]
    raw: bool
    line: tuple[Ints, Floats]
    extent: tuple[Ints, Floats, Floats]
    bounds: tuple[Ints, Floats]
    trouble: str = ""

    @property
    def signal(self) -> Signal:
        """The signal."""
        return self.parameters.signal

    @property
    def threshold(self) -> float:
        """The threshold in the signal's unit; for a quantile the newest one, NaN if unknown."""
        if self.parameters.threshold_is == "value":
            return self.parameters.threshold
        _, values = self.bounds
        return float(values[-1]) if len(values) else np.nan


class QuantileBounds(NamedTuple):
    """The value of a quantile threshold by row, computed only for the rows that are asked for."""

    history: History
    signal: Floats
    parameters: Parameters

    def __getitem__(self, rows: slice) -> Floats:  # type: ignore[override]
        """Return the bounds of consecutive rows, in the signal's unit."""
        first, end, _ = rows.indices(len(self.history))
        return quantile_bounds(self.history, self.signal, self.parameters, first, end)


class SignalLines:
    """Makes the line of one signal, frame after frame, with the columns that are kept between."""

    def __init__(self) -> None:
        self._extent, self._mean, self._bounds = Columns(), Columns(), Columns()
        self._columns_for: tuple[object, ...] = ()
        self._bounds_for: tuple[object, ...] = ()
        self._axis: Axis | None = None
        self._axis_for: object = None

    def make(
        self,
        owner: object,
        history: History,
        values: Floats,
        parameters: Parameters,
        window: Window,
        trouble: str = "",
        *,
        shown: bool = True,
    ) -> SignalLine:
        """Return the line of a window.

        Parameters
        ----------
        owner : object
            What computes the values. Another owner, other settings: nothing is kept.
        history : History
            T states.
        values : ndarray of float64, shape (T,)
            Signal of each state. The value of a state may not change.
        parameters : Parameters
            Signal, its values, and threshold.
        window : Window
            Part of time that is shown.
        trouble : str
            What is wrong with the signal function.
        shown : bool
            Whether the newest value is shown: not of a book that is out of date.
        """
        what = (owner, parameters.of_signal, trouble)  # of a function that failed all are NaN
        if self._columns_for != what:
            self._extent.forget()
            self._mean.forget()
            self._columns_for = what
        time, start = history.time, history.start
        bounds = self._bounds_of(what, history, values, parameters, window)
        raw = is_raw(time, window)
        ranges = extent(time, values, window, self._extent, start)
        if raw:
            line = steps(time, values, window, self._extent, start)
        else:  # if a column lasts a second or longer, its mean and its range are of the same rows
            columns = self._extent if window.column >= MEAN else self._mean
            line = means(time, values, window, columns, start)
        return SignalLine(
            parameters,
            float(values[-1]) if shown and len(values) else np.nan,
            self._scale(ranges, bounds[1], parameters, window),
            raw,
            line,
            (time[:0], values[:0], values[:0]) if raw else ranges,
            bounds,
            trouble,
        )

    def _bounds_of(
        self,
        of: tuple[object, ...],
        history: History,
        values: Floats,
        parameters: Parameters,
        window: Window,
    ) -> tuple[Ints, Floats]:
        """Return a quantile threshold by time; empty arrays if the threshold is a value."""
        if parameters.threshold_is == "value":
            return history.time[:0], np.empty(0)
        what = (*of, parameters)
        if self._bounds_for != what:
            self._bounds.forget()
            self._bounds_for = what
        found = QuantileBounds(history, values, parameters)
        return lowest(history.time, found, window, self._bounds, history.start)

    def _scale(
        self,
        ranges: tuple[Ints, Floats, Floats],
        bounds: Floats,
        parameters: Parameters,
        window: Window,
    ) -> tuple[float, float]:
        """Return the scale of the chart: the signal's range, or one symmetric about 0.

        That of a gauge begins at 0, unless it falls below.
        """
        if parameters.signal.range is not None:
            return parameters.signal.range
        what = (parameters.of_signal, window.column)
        if self._axis is None or self._axis_for != what:
            self._axis, self._axis_for = Axis(least=0.0), what
        shown = np.abs(np.concatenate(ranges[1:]))
        largest = float(shown[np.isfinite(shown)].max(initial=0.0))
        if parameters.threshold_is == "value":
            threshold = parameters.threshold
        else:
            threshold = float(bounds[np.isfinite(bounds)].max(initial=0.0))
        if threshold <= FAR * largest or not largest:
            largest = max(largest, threshold) or 1.0
        low, high = self._axis.follow(np.array([-largest, largest]))
        falls = parameters.signal.directional or np.nanmin(ranges[1], initial=0.0) < 0
        return (low if falls else 0.0), high
