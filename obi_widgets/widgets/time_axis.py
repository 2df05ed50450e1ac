"""The time axis that charts share."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import bqplot
import numpy as np

from obi_widgets.presentation.charts.pixel_columns import KERNELS
from obi_widgets.presentation.charts.ticks import clock_step
from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.widgets.page import Together

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.widgets.page import Changes, Pair

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

DAY = 86_400 * 1_000_000_000
CLOCK = "%H:%M:%S"

TICK_STYLE = {"fill": "var(--obi-label)", "font-size": "11px"}


class TimeAxis:
    """The horizontal axis that charts share: its scale and its labels.

    Values are milliseconds since midnight UTC of the first day shown, as int32. So a message to the
    browser has half the bytes that it would have with float64.

    Attributes
    ----------
    scale : DateScale
        Its scale.
    axes : tuple of Axis
        An axis of each chart, which follows the frames.
    origin : int
        Midnight UTC from which times count, milliseconds.
    """

    def __init__(self) -> None:
        self.scale = bqplot.DateScale(allow_padding=False)
        self.axes: tuple[bqplot.Axis, ...] = ()
        self._day: int | None = None
        self.origin = 0
        self._shown: Kept[Together] = Kept()

    def axis(self, *, labels: bool) -> bqplot.Axis:
        """Return an axis that follows the frames."""
        axis = bqplot.Axis(
            scale=self.scale,
            tick_values=np.empty(0),
            tick_format=CLOCK if labels else " ",
            tick_style=TICK_STYLE,
            grid_color="var(--obi-grid)",
        )
        self.axes = (*self.axes, axis)
        return axis

    def forget(self, axis: bqplot.Axis) -> None:
        """Let an axis follow no longer: its chart is closed."""
        self.axes = tuple(one for one in self.axes if one is not axis)

    def values(self, time: Ints) -> NDArray[np.int32]:
        """Return times in this axis's unit: milliseconds since midnight of its first day."""
        return ((time - self._day_of(time)) // 1_000_000).astype(np.int32)

    def points(self, time: Ints, *lines: Floats, exact: bool = False) -> dict[str, Any]:
        """Return the points of lines; a single point out of sight if there is none to draw.

        A line must not end in NaN: bqplot would place its label there, and log an error.

        Parameters
        ----------
        time : ndarray of int64, shape (n,)
            Nanoseconds UTC.
        *lines : ndarray of float64, shape (n,)
            Values; several lines become a tuple of arrays. All end where the first does.
        exact : bool
            Whether values need more than the seven digits of a float32.
        """
        x = KERNELS.current().placed(time, lines[0], self._day_of(time))
        if not len(x):
            x, lines = np.zeros(1, np.int32), (np.zeros(1),) * len(lines)
        y = tuple([line[: len(x)].astype(float if exact else np.float32) for line in lines])
        return {"x": x, "y": y if len(y) > 1 else y[0]}

    def _day_of(self, time: Ints) -> int:
        """Return the midnight from which times count, nanoseconds; of these, if none was seen."""
        if self._day is None and len(time):
            self._begin(int(time[0]))
        return self._day or 0

    def _begin(self, time: int) -> None:
        """Count from the midnight before a time."""
        self._day = time // DAY * DAY
        self.origin = self._day // 1_000_000

    def value(self, time: int) -> int:
        """Return a single time in this axis's unit."""
        return (time - (self._day or 0)) // 1_000_000

    def milliseconds(self, times: Iterable[int]) -> list[float]:
        """Return single times in this axis's unit, with their fractions."""
        return [(time - (self._day or 0)) / 1e6 for time in times]

    def span(self, frame: Frame) -> tuple[int, int]:
        """Return the frame's window in this axis's unit; moves to another day if it must."""
        window = frame.window
        if self._day is None or not -20 * DAY < window.start - self._day < 13 * DAY:
            self._begin(window.start)  # int32 holds 24 days of milliseconds
        return self.value(window.start), self.value(window.end)

    def changes(self, frame: Frame) -> Changes:
        """Yield what a frame with states shows on the axis. Charts that share it yield the same."""
        low, high = self.span(frame)
        yield self._shown.of(
            frame.window, frame.window_seconds, self.origin, self.axes,
            make=lambda: Together(self._changes(low, high, frame.window_seconds)),
        )  # fmt: skip

    def _changes(self, low: int, high: int, seconds: float) -> Iterator[Pair]:
        # The page makes dates of numbers; a text without a zone would be of the page's own zone.
        yield self.scale, {"min": low, "max": high}
        labels = _labels(low, high, seconds, self.origin)
        for axis in self.axes:
            without = {"tick_values": labels["tick_values"]}
            yield axis, without if axis.tick_format == " " else labels


@lru_cache(16)
def _labels(low: int, high: int, seconds: float, origin: int) -> dict[str, Any]:
    """Return where labels stand, times of day, and the date where a day begins."""
    step = 1000 * clock_step(seconds)
    # Leave out a label that the left edge would cut off.
    edge = low + (high - low) // 22
    values = list(range(-(-edge // step) * step, high + 1, step))
    days = {str(at): _day_name(origin + at) for at in values if at % (DAY // 1_000_000) == 0}
    clock = CLOCK if step < 3_600_000 else "%H:%M"
    # Format and labels come first: bqplot draws the values later, with what it knew when they came.
    return {"tick_format": clock, "tick_labels": days, "tick_values": values}


def _day_name(milliseconds: int) -> str:
    day = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=milliseconds)
    return f"{day:%b} {day.day}"
