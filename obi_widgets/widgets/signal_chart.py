"""The signal against time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import bqplot
import numpy as np

from obi_widgets.presentation import formatting
from obi_widgets.presentation.downsampling import MEAN
from obi_widgets.presentation.ticks import nice_ticks
from obi_widgets.widgets.charts import ASK, BID, FAINT, INK, Chart, draw_line, overlay_state
from obi_widgets.widgets.panel import check_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.presentation.frame import Frame
    from obi_widgets.session.session import Session
    from obi_widgets.widgets.time_axis import TimeAxis

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class SignalWidget(Chart):
    """The signal against time: its range in each column of pixels, its mean, and the thresholds.

    Thresholds that are quantiles move with the data: bands and dotted lines follow them.

    Parameters
    ----------
    session : Session
        Session to show; it is started.
    time : TimeAxis, optional
        Time axis of another chart, to share it.
    height : int
        Height, pixels; 60 to 4,000.
    time_labels : bool
        Whether the time axis has labels.
    alone : bool
        False if another widget shows the frames.
    """

    css_class = "obi-part-signal"
    top = 24  # pixels above the plot, for the title

    def __init__(
        self,
        session: Session,
        *,
        time: TimeAxis | None = None,
        height: int = 186,
        time_labels: bool = True,
        alone: bool = True,
    ) -> None:
        self._spans: tuple[float, tuple[float, float]] | None = None  # threshold, and the scale
        super().__init__(session, time=time, height=height, time_labels=time_labels, alone=alone)
        self.axis.visible = False

    def _marks(self) -> list[bqplot.Mark]:
        # Marks that do not move with time have a horizontal scale of their own, edge to edge.
        across = {"x": bqplot.LinearScale(min=0, max=1, allow_padding=False), "y": self.scale}
        edge = np.array([0.0, 1.0])

        def zone(color: str) -> bqplot.Lines:
            return bqplot.Lines(
                x=edge, y=np.zeros((2, 2)), scales=across, colors=[color], opacities=[0.0, 0.0],
                fill="between", fill_colors=[color], fill_opacities=[0.1, 0.0],
            )  # fmt: skip

        def moving_zone(color: str) -> bqplot.Lines:
            return bqplot.Lines(
                x=np.zeros(1), y=np.zeros((2, 1)), scales=self._scales, colors=[FAINT, FAINT],
                opacities=[1.0, 0.0], stroke_width=1, line_style="dotted",
                fill="between", fill_colors=[color], fill_opacities=[0.1, 0.0],
            )  # fmt: skip

        self.above, self.below = zone(BID), zone(ASK)
        self.above_quantile, self.below_quantile = moving_zone(BID), moving_zone(ASK)
        self.levels = bqplot.Lines(
            x=edge, y=np.zeros((3, 2)), scales=across, colors=[FAINT], stroke_width=1,
            line_style="dotted",
        )  # fmt: skip
        self.range = bqplot.Lines(
            x=np.zeros(1), y=np.zeros((2, 1)), scales=self._scales, colors=[FAINT],
            opacities=[0.0, 0.0], fill="between", fill_colors=[FAINT], fill_opacities=[0.45, 0.0],
        )  # fmt: skip
        self.mean = self._line(INK, stroke_width=1.3)
        return [
            self.above, self.below, self.above_quantile, self.below_quantile,
            self.range, self.levels, self.mean,
        ]  # fmt: skip

    def update(self, frame: Frame) -> None:
        """Show a frame."""
        check_frame(frame)
        of, (low, high) = frame.parameters.signal, frame.signal_range
        fixed = frame.threshold if frame.parameters.threshold_is == "value" else math.inf
        if (fixed, frame.signal_range) != self._spans:
            self._scale_to(fixed, low, high)
        mean = max(frame.window.column, MEAN) / 1e9
        named = f"{of.title}, {of.unit}" if of.unit else of.title
        title = f"{named} · grey: range in each pixel, line: {round(mean, 1):g} s mean"
        state = overlay_state(title, formatting.no_signal(frame), frame) | {"length": ""}
        scaled = of.range is None
        state["ticks"] = _labels(frame.threshold, frame.signal_range, scaled=scaled)
        if frame.states:
            self.time.follow(frame)
            time, least, greatest = frame.extent
            draw_line(self.range, self.time.values(time), np.stack([least, greatest]))
            draw_line(self.mean, self.time.values(frame.mean[0]), frame.mean[1])
            self._draw_bounds(*frame.bounds, low, high)
        if low <= frame.signal <= high:
            state["at"] = round((high - frame.signal) / (high - low), 4)
            state["last"] = formatting.signal(frame.signal, frame.signal_range)
            state["side"] = formatting.side(frame.signal, frame.signal_range)
        self._overlay.state = state

    def _scale_to(self, threshold: float, low: float, high: float) -> None:
        """Set the scale, and the zones beyond fixed thresholds; no zone for an infinite one."""
        self._spans = threshold, (low, high)
        with self.scale.hold_sync():
            self.scale.min, self.scale.max = low, high
        above, zero, below = np.clip([threshold, 0.0, -threshold], low, high).tolist()
        self.above.y = np.array([[above] * 2, [high] * 2])
        self.below.y = np.array([[below] * 2, [low] * 2])
        self.levels.y = np.array([[value] * 2 for value in (below, zero, above)])

    def _draw_bounds(self, time: Ints, bounds: Floats, low: float, high: float) -> None:
        """Draw the zones beyond a quantile threshold, which moves; no zones if it is a value."""
        x = self.time.values(time)
        for mark, edge, end in (
            (self.above_quantile, bounds, high), (self.below_quantile, -bounds, low),
        ):  # fmt: skip
            draw_line(mark, x, np.stack([np.clip(edge, low, high), np.full(len(edge), end)]))


def _labels(
    threshold: float, span: tuple[float, float], *, scaled: bool
) -> list[tuple[float, str]]:
    """Return labels of the thresholds, and of 0 if its label does not overlap with theirs.

    If ``scaled``, also of round values that are far enough from these.
    """
    low, high = span
    values = [threshold, 0.0, -threshold]
    if threshold <= 0.1 * (high - low):
        values.remove(0.0)
    if scaled:
        if threshold <= 0.04 * (high - low):
            values = [0.0]  # the labels of the thresholds would overlap
        near = 0.12 * (high - low)
        ticks = nice_ticks(low, high, 5).tolist()
        values += [tick for tick in ticks if all(abs(tick - value) > near for value in values)]
    decimals = formatting.signal_decimals(span)
    return [
        (
            round((high - value) / (high - low), 4),
            formatting.number(value, decimals, sign=True) if value else "0",
        )
        for value in values
        if low <= value <= high
    ]
