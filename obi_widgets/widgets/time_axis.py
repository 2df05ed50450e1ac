"""The time axis that charts share."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

import bqplot
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.presentation.downsampling import Window
    from obi_widgets.presentation.frame import Frame

    Ints = NDArray[np.int64]

DAY = 86_400 * 1_000_000_000
CLOCK = "%H:%M:%S"

TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200)
"""Possible distances of the labels of the time axis, seconds; beyond these, whole days."""

TICK_STYLE = {"fill": "var(--obi-label)", "font-size": "11px"}


class TimeAxis:
    """The horizontal axis that charts share: its scale and its labels.

    Values are milliseconds since midnight UTC of the first day shown, as int32. So a message to the
    browser has half the bytes that it would have with float64.
    """

    def __init__(self) -> None:
        self.scale = bqplot.DateScale(allow_padding=False)
        self._day: int | None = None
        self._shown: tuple[Window, float] | None = None
        self._labelled: tuple[int | None, list[int]] = (None, [])
        self.axes: list[bqplot.Axis] = []

    def axis(self, *, labels: bool) -> bqplot.Axis:
        """Return an axis that `follow` keeps up to date."""
        axis = bqplot.Axis(
            scale=self.scale,
            tick_values=np.empty(0),
            tick_format=CLOCK if labels else " ",
            tick_style=TICK_STYLE,
            grid_color="var(--obi-grid)",
        )
        self.axes.append(axis)
        return axis

    def values(self, time: Ints) -> NDArray[np.int32]:
        """Return times in this axis's unit: milliseconds since midnight of its first day."""
        if self._day is None:
            self._day = int(time[0]) // DAY * DAY if len(time) else None
        return ((time - (self._day or 0)) // 1_000_000).astype(np.int32)

    def follow(self, frame: Frame) -> None:
        """Show the frame's window."""
        window = frame.window
        if not frame.states or self._shown == (window, frame.window_seconds):
            return  # charts that share the axis all call
        if self._day is not None and not -20 * DAY < window.start - self._day < 13 * DAY:
            self._day = None  # int32 holds 24 days of milliseconds
            self.values(np.array([window.start]))
        low, high = self.values(np.array([window.start, window.end])).tolist()
        with self.scale.hold_sync():
            self.scale.min, self.scale.max = _moment(low), _moment(high)
        least = frame.window_seconds / 7
        step = 1000 * next((s for s in TICKS if s >= least), 86_400 * math.ceil(least / 86_400))
        # Leave out a label that the left edge would cut off.
        edge = low + (high - low) // 22
        labels = list(range(-(-edge // step) * step, high + 1, step))
        if (self._day, labels) != self._labelled:
            self._labelled = (self._day, labels)
            self._label(labels, seconds=step < 3_600_000)
        self._shown = (window, frame.window_seconds)

    def _label(self, labels: list[int], *, seconds: bool) -> None:
        """Set labels: times of day, and the date where a day begins."""
        first = (self._day or 0) // 1_000_000
        days = {
            str(at): f"{_moment(first + at):%b} {_moment(first + at).day}"
            for at in labels
            if at % (DAY // 1_000_000) == 0
        }
        for axis in self.axes:
            if axis.tick_format != " ":
                # Set these before the values: bqplot draws the values later, with these labels.
                axis.tick_format = CLOCK if seconds else "%H:%M"
                axis.tick_labels = days
            axis.tick_values = np.array(labels, "datetime64[ms]")


def _moment(milliseconds: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=milliseconds)
