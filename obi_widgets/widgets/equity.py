"""Equity: the gains of the entries that the settings would have made, against time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bqplot
import numpy as np

from obi_widgets.presentation.charts.equity import gained_by
from obi_widgets.presentation.charts.ticks import nice_ticks
from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.presentation.texts import equity_text, formatting
from obi_widgets.widgets.charts import ASK, BID, FAINT, INK, Chart, overlay_state
from obi_widgets.widgets.page import Together
from obi_widgets.widgets.pointing import crosshair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from obi_widgets.presentation.charts.equity import Curve
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.session.session import Session
    from obi_widgets.widgets.page import Changes, Pair
    from obi_widgets.widgets.time_axis import TimeAxis

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PALE = 0.4
"""Opacity of the lines before the settings were sealed."""


class EquityWidget(Chart):
    """The summed gains of the entries that ended in view, before and after fees, in bps.

    The area between both lines is fees. The fee of a side at which nothing would be left stands
    above them. Entries that are open, or whose book was lost, are left out. Of post-only orders,
    the lines are of the last in the queue; a dotted line is the net gain of the first. While the
    settings are sealed, what came before is pale.

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

    Examples
    --------
    >>> session = obi.Session("sim:BTC-PERP", seed=3)
    >>> chart = obi.EquityWidget(session)
    >>> chart.close()
    >>> session.close()
    """

    css_class = "obi-part-equity"
    title = equity_text.TITLE
    top = 24  # pixels above the plot, for the title

    def __init__(
        self,
        session: Session,
        *,
        time: TimeAxis | None = None,
        height: int = 140,
        time_labels: bool = True,
        alone: bool = True,
    ) -> None:
        self._drawn: Kept[Together] = Kept()
        self._said: Kept[dict[str, Any]] = Kept()
        super().__init__(session, time=time, height=height, time_labels=time_labels, alone=alone)

    def _marks(self) -> list[bqplot.Mark]:
        steps = {"interpolation": "step-after", "stroke_width": 1.5}
        across = {"x": bqplot.LinearScale(min=0, max=1, allow_padding=False), "y": self.scale}
        self.zero = self._mark(
            bqplot.Lines, x=np.array([0.0, 1.0]), y=np.zeros(2), scales=across, colors=[FAINT],
            stroke_width=1,
        )  # fmt: skip
        self.fees = self._mark(
            bqplot.Lines, x=np.zeros(1), y=np.zeros((2, 1)), colors=[ASK], opacities=[0.0, 0.0],
            interpolation="step-after", fill="between", fill_colors=[ASK],
            fill_opacities=[0.1, 0.0],
        )  # fmt: skip
        self.front = self._line(ASK, line_style="dotted", **steps)
        self.gross, self.gross_before = self._line(INK, **steps), self._line(INK, **steps)
        self.net, self.net_before = self._line(ASK, **steps), self._line(ASK, **steps)
        self.gross_before.opacities = self.net_before.opacities = [PALE]
        self.seal = self._line(INK, line_style="dotted", stroke_width=1)
        return [
            self.fees, self.zero, self.seal, self.front, self.gross_before, self.net_before,
            self.gross, self.net,
        ]  # fmt: skip

    def _changes(self, frame: Frame) -> Changes:
        """Yield what a frame shows."""
        equity = frame.equity
        state = overlay_state(equity_text.title(equity), equity_text.nothing(frame), frame)
        overlay = {}
        if frame.states:
            yield from self.time.changes(frame)
            # The marks and their texts stay until an entry ends or the window moves.
            yield self._drawn.of(
                equity, frame.window, self.time.origin, make=lambda: Together(self._curves(frame))
            )
            yield self._place(frame, *equity.scale)
            overlay = {"reading": self._reading(frame)}
            kept = formatting.duration(frame.seconds)
            state |= self._said.of(equity, frame.parameters, kept, make=lambda: self._texts(frame))
        yield self._overlay, {**overlay, "state": state | {"length": ""}}

    def _curves(self, frame: Frame) -> Iterator[Pair]:
        """Yield the scale, and the lines of the entries that ended in view."""
        equity, curve = frame.equity, frame.equity.curve
        low, high = equity.scale
        yield self.scale, {"min": low, "max": high}
        yield self.axis, {"tick_values": nice_ticks(*equity.scale, 3).tolist()}
        yield from self._lines(curve, equity.sealed_at)
        front = equity.front
        x, y = (curve.time[:0], curve.net[:0]) if front is None else (front.time, front.net)
        yield self.front, self.time.points(x, y)
        yield from self._seal(frame, equity.sealed_at)

    def _texts(self, frame: Frame) -> dict[str, Any]:
        """Return what is written on the chart."""
        equity, curve, (low, high) = frame.equity, frame.equity.curve, frame.equity.scale
        said: dict[str, Any] = {
            "note": equity_text.head(equity, frame.parameters),
            "detail": equity_text.detail(frame),
        }
        if not len(curve.time):
            return said
        gross, net = float(curve.gross[-1]), float(curve.net[-1])
        said["chips"] = [
            (self._at(value, low, high), f"{name} {equity_text.gain(value)}", side)
            for name, value, side in (("gross", gross, ""), ("net", net, _side(net)))
        ]
        said["ticks"] = [
            (self._at(tick, low, high), formatting.compact(tick, sign=True))
            for tick in nice_ticks(low, high, 3).tolist()
        ]
        return said

    def _reading(self, frame: Frame) -> dict[str, Any] | None:
        """Return what the crosshair shows: what the entries that had ended by then gained."""
        if frame.reading is None or not len(frame.equity.curve.time):
            return crosshair(frame, self.time, [])
        gross, net = gained_by(frame.trades, frame.window, frame.reading.asked)
        dots = [(gross, equity_text.gain(gross), ""), (net, equity_text.gain(net), _side(net))]
        return crosshair(frame, self.time, dots)

    def _lines(self, curve: Curve, sealed_at: int | None) -> Iterator[Pair]:
        """Yield both lines and the area between; what came before the seal is pale."""
        time, color = curve.time, BID if len(curve.net) and curve.net[-1] > 0 else ASK
        both = self.time.points(time, curve.gross, curve.net)
        yield self.fees, {**both, "colors": [color], "fill_colors": [color]}
        for line, before, y, shade in (
            (self.gross, self.gross_before, curve.gross, INK),
            (self.net, self.net_before, curve.net, color),
        ):
            earlier, later = _split(time, y, sealed_at)
            for mark, (at, values) in ((before, earlier), (line, later)):
                yield mark, {**self.time.points(at, values), "colors": [shade]}

    def _seal(self, frame: Frame, sealed_at: int | None) -> Iterator[Pair]:
        """Yield a line where the settings were sealed, if that is in view."""
        window, (low, high) = frame.window, frame.equity.scale
        seen = sealed_at is not None and window.start <= sealed_at < window.end
        at = np.array([sealed_at, sealed_at] if seen else [], np.int64)
        yield self.seal, self.time.points(at, np.array([low, high] if seen else []))

    @staticmethod
    def _at(value: float, low: float, high: float) -> float:
        return round((high - value) / (high - low), 4)


def _split(
    time: Ints, values: Floats, at: int | None
) -> tuple[tuple[Ints, Floats], tuple[Ints, Floats]]:
    """Return a step line before a time, and from it on; without a time, all is after it."""
    if at is None or not len(time) or at <= time[0]:
        return (time[:0], values[:0]), (time, values)
    row = int(np.searchsorted(time, at, "right"))
    if row == len(time):
        return (time, values), (time[:0], values[:0])
    edge, stood = np.array([at]), values[row - 1 : row]
    return (
        (np.append(time[:row], edge), np.append(values[:row], stood)),
        (np.append(edge, time[row:]), np.append(stood, values[row:])),
    )


def _side(value: float) -> str:
    return "bid" if value > 0 else "ask"
