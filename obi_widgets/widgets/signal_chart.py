"""The signal against time."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import bqplot
import numpy as np

from obi_widgets.checks import instance
from obi_widgets.presentation.charts.downsampling import MEAN
from obi_widgets.presentation.charts.ticks import nice_ticks
from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.instrument_units import unit_of
from obi_widgets.settings.parameters import Parameters
from obi_widgets.widgets.charts import ASK, BID, FAINT, INK, Chart, overlay_state
from obi_widgets.widgets.page import Together
from obi_widgets.widgets.pointing import crosshair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from obi_widgets.presentation.charts.signal_line import SignalLine
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.session.session import Session
    from obi_widgets.widgets.page import Changes, Pair
    from obi_widgets.widgets.time_axis import TimeAxis

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class SignalWidget(Chart):
    """The signal against time, with its thresholds.

    States are drawn as they are where columns of pixels hold few of them; else the range of each
    column, and a mean.
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
    stacked : Parameters, optional
        A stacked signal of the session, see `Session.add_signal`; the settings' signal if left out.
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
        stacked: Parameters | None = None,
    ) -> None:
        instance("stacked", stacked, (Parameters, type(None)), "Give what add_signal returns.")
        self.stacked = stacked
        self._zoned: Kept[Together] = Kept()
        super().__init__(session, time=time, height=height, time_labels=time_labels, alone=alone)
        self.axis.visible = False

    def _marks(self) -> list[bqplot.Mark]:
        # Marks that do not move with time have a horizontal scale of their own, edge to edge.
        across = {"x": bqplot.LinearScale(min=0, max=1, allow_padding=False), "y": self.scale}
        edge = np.array([0.0, 1.0])

        def zone(color: str) -> bqplot.Mark:
            return self._mark(
                bqplot.Lines, x=edge, y=np.zeros((2, 2)), scales=across, colors=[color],
                opacities=[0.0, 0.0],
                fill="between", fill_colors=[color], fill_opacities=[0.1, 0.0],
            )  # fmt: skip

        def moving_zone(color: str) -> bqplot.Mark:
            return self._mark(
                bqplot.Lines, x=np.zeros(1), y=np.zeros((2, 1)), colors=[FAINT, FAINT],
                opacities=[1.0, 0.0], stroke_width=1, line_style="dotted",
                interpolation="step-after",
                fill="between", fill_colors=[color], fill_opacities=[0.1, 0.0],
            )  # fmt: skip

        self.above, self.below = zone(BID), zone(ASK)
        self.above_quantile, self.below_quantile = moving_zone(BID), moving_zone(ASK)
        self.levels = self._mark(
            bqplot.Lines, x=edge, y=np.zeros((3, 2)), scales=across, colors=[FAINT],
            stroke_width=1, line_style="dotted",
        )  # fmt: skip
        self.range = self._mark(
            bqplot.Lines, x=np.zeros(1), y=np.zeros((2, 1)), colors=[FAINT],
            opacities=[0.45, 0.45], stroke_width=1,  # a range of one state is a point of the line
            fill="between", fill_colors=[FAINT], fill_opacities=[0.45, 0.0],
        )  # fmt: skip
        self.line = self._line(INK, stroke_width=1.3)
        return [
            self.above, self.below, self.above_quantile, self.below_quantile,
            self.range, self.levels, self.line,
        ]  # fmt: skip

    def _changes(self, frame: Frame) -> Changes:
        """Yield what a frame shows."""
        shown = self._shown(frame)
        if shown is None:
            return  # a frame from before the signal was added
        of, (low, high) = shown.signal, shown.scale
        mean = max(frame.window.column, MEAN) / 1e9
        unit = unit_of(of, frame.instrument)
        named = f"{of.title}, {unit}" if unit else of.title
        how = f"grey: range in each pixel, line: {round(mean, 1):g} s mean"
        title = f"{named} · {'every state' if shown.raw else how}"
        nothing = formatting.no_signal(frame)
        if self.stacked is not None:
            title = f"{named} · decides no entries"
            nothing = formatting.nothing_yet(frame) or shown.trouble
        state = overlay_state(title, nothing, frame) | {"length": ""}
        scaled = of.range is None
        # A gauge makes no entries, so it is beyond nothing.
        threshold = shown.threshold if of.directional else math.inf
        state["ticks"] = _labels(threshold, shown.scale, scaled=scaled, directional=of.directional)
        moves = of.directional and shown.parameters.threshold_is != "value"
        if moves:
            threshold = math.inf
        yield self._zoned.of(
            threshold, low, high, moves,
            make=lambda: Together(self._zones(threshold, low, high, moves=moves)),
        )  # fmt: skip
        overlay = {}
        if frame.states:
            yield from self.time.changes(frame)
            yield self.range, self.time.points(*shown.extent)
            line = self.time.points(*shown.line)
            yield self.line, {"interpolation": "step-after" if shown.raw else "linear", **line}
            if moves:
                yield from self._moving_zones(*shown.bounds, low, high)
            yield self._place(frame, low, high)
            overlay = {"reading": self._reading(frame, shown)}
        if low <= shown.value <= high:
            state["at"] = round((high - shown.value) / (high - low), 4)
            state["last"] = formatting.signal(shown.value, shown.scale, directional=of.directional)
            state["side"] = formatting.side(shown.value, shown.scale, directional=of.directional)
        yield self._overlay, {**overlay, "state": state}

    def _shown(self, frame: Frame) -> SignalLine | None:
        """Return the line of this chart's signal; None if the frame does not have it."""
        if self.stacked is None:
            return frame.signals[0]
        found = (one for one in frame.signals[1:] if one.parameters == self.stacked)
        return next(found, None)

    def _reading(self, frame: Frame, shown: SignalLine) -> dict[str, Any] | None:
        """Return what the crosshair shows: the signal of that moment; None without a reading."""
        if frame.reading is None:
            return None
        if self.stacked is None:
            value = frame.reading.signal
        else:
            # Before the first state there is no reading of any.
            found = (one.value for one in frame.reading.stacked if one.parameters == self.stacked)
            value = next(found, math.nan)
        directional = shown.signal.directional
        text = formatting.signal_number(value, shown.scale, directional=directional)
        side = formatting.side(value, shown.scale, directional=directional)
        return crosshair(frame, self.time, [(value, text, side)])

    def _zones(self, threshold: float, low: float, high: float, *, moves: bool) -> Iterator[Pair]:
        """Yield the scale and the zones beyond a fixed threshold; no zones if it is infinite."""
        yield self.scale, {"min": low, "max": high}
        if not moves:
            for moving in (self.above_quantile, self.below_quantile):
                yield moving, NO_ZONE
        marks = (self.above, self.below, self.levels)
        above, zero, below = np.clip([threshold, 0.0, -threshold], low, high).tolist()
        for mark, ends in zip(
            marks, ((above, high), (below, low), (below, zero, above)), strict=True
        ):
            yield mark, {"y": tuple(np.full(2, value, np.float32) for value in ends)}

    def _moving_zones(self, time: Ints, bounds: Floats, low: float, high: float) -> Changes:
        """Yield the zones beyond a quantile threshold, which moves."""
        for mark, edge, end in (
            (self.above_quantile, bounds, high), (self.below_quantile, -bounds, low),
        ):  # fmt: skip
            lines = np.clip(edge, low, high), np.full(len(edge), end)
            yield mark, self.time.points(time, *lines)


NO_ZONE = {"x": np.zeros(1, np.int32), "y": (np.zeros(1, np.float32),) * 2}
"""A zone out of sight."""


@lru_cache(16)
def _labels(
    threshold: float, span: tuple[float, float], *, scaled: bool, directional: bool = True
) -> list[tuple[float, str]]:
    """Return labels of the thresholds, and of 0 if its label does not overlap with theirs.

    If ``scaled``, also of round values that are far enough from these.
    """
    low, high = span
    values = [threshold, 0.0, -threshold]
    if threshold <= 0.1 * (high - low):
        values.remove(0.0)
    if scaled:
        if threshold <= 0.08 * (high - low):
            values = [0.0]  # the labels of the thresholds would overlap
        near = 0.12 * (high - low)
        ticks = nice_ticks(low, high, 5).tolist()
        values += [tick for tick in ticks if all(abs(tick - value) > near for value in values)]
    return [
        (
            round((high - value) / (high - low), 4),
            formatting.signal_number(value, span, directional=directional) if value else "0",
        )
        for value in values
        if low <= value <= high
    ]
