"""The base of charts against time, and the price chart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import bqplot
import ipywidgets
import numpy as np
import traitlets

from obi_widgets.checks import flag, instance, integer
from obi_widgets.presentation import formatting
from obi_widgets.presentation.downsampling import spaced_marks
from obi_widgets.presentation.ticks import nice_step, nice_ticks
from obi_widgets.widgets.panel import Part, StateWidget, asset, check_frame, checked_session
from obi_widgets.widgets.time_axis import TimeAxis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.presentation.downsampling import Window
    from obi_widgets.presentation.frame import Frame
    from obi_widgets.session.session import Session
    from obi_widgets.trading.trade_list import Trades

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

INK, BID, ASK, FAINT = "var(--obi-ink)", "var(--obi-bid)", "var(--obi-ask)", "var(--obi-faint)"


HEIGHTS = (60, 4000)
"""Lowest and greatest height of a chart, pixels."""


class _Overlay(StateWidget):
    _esm = asset("overlay.js")
    margin = traitlets.Dict().tag(sync=True)


class Chart(Part):
    """A bqplot figure with a title, and its last value as a label on the axis.

    Parameters
    ----------
    session : Session
        Session whose frames it shows.
    time : TimeAxis, optional
        Time axis of another chart, to share it.
    height : int
        Height, pixels.
    time_labels : bool
        Whether the time axis has labels.
    """

    title = ""
    top = 8  # pixels above the plot

    def __init__(
        self,
        session: Session,
        *,
        time: TimeAxis | None,
        height: int,
        time_labels: bool,
        alone: bool,
    ) -> None:
        checked_session(session, type(self).__name__, alone=alone)
        height, time_labels = integer("height", height, *HEIGHTS), flag("time_labels", time_labels)
        instance("time", time, (TimeAxis, type(None)), "Give the time of another chart, or none.")
        self.time = time or TimeAxis()
        # Until there are data, marks stand at 0, out of sight.
        self.scale = bqplot.LinearScale(min=1.0, max=2.0, allow_padding=False)
        self._scales = {"x": self.time.scale, "y": self.scale}
        self.axis = bqplot.Axis(
            scale=self.scale,
            tick_values=np.empty(0),
            side="right",
            tick_style={"display": "none"},  # the overlay draws the labels, and hides some
            grid_color="var(--obi-grid)",
        )
        margin = {"top": self.top, "bottom": 26 if time_labels else 6, "left": 0, "right": 76}
        self.figure = bqplot.Figure(
            marks=self._marks(),
            axes=[self.time.axis(labels=time_labels), self.axis],
            fig_margin=margin,
            min_aspect_ratio=0.01,
            max_aspect_ratio=100.0,
            animation_duration=0,
            display_toolbar=False,  # the mouse never reaches it: the overlay lies above
            background_style={"fill": "none"},
            layout=ipywidgets.Layout(width="100%", height=f"{height}px"),
        )
        self._overlay = _Overlay(margin=margin, state=overlay_state(self.title))
        self._overlay.on_msg(self._move)
        room = ipywidgets.Box([self.figure, self._overlay])
        room.add_class("obi-chart")
        super().__init__(session, [room], alone=alone)
        if time_labels:
            self.add_class("obi-with-time")

    def _move(self, _: object, content: dict[str, Any], __: object) -> None:
        """Move the window of all charts of the session, as the mouse says."""
        if self.session is None:
            return
        match content.get("do"):
            case "pan":
                self.session.pan(float(content["share"]))
            case "zoom":
                self.session.zoom(float(content["factor"]), float(content["at"]))
            case "now":
                self.session.look_at(self.session.time_range.seconds)
            case "select":
                start, end = (round(1e6 * float(content[name])) for name in ("start", "end"))
                self.session.select(start, end)
            case "all":
                self.session.select()

    def _marks(self) -> list[bqplot.Mark]:
        raise NotImplementedError

    def _line(self, color: str, **style: Any) -> bqplot.Lines:  # noqa: ANN401
        style = {"stroke_width": 1.5, **style}
        return bqplot.Lines(x=[0.0], y=[0.0], scales=self._scales, colors=[color], **style)


def overlay_state(title: str, nothing: str = "", frame: Frame | None = None) -> dict[str, Any]:
    """Return the state of the overlay of a chart. Times are milliseconds UTC."""
    state: dict[str, Any] = {
        "title": title, "nothing": nothing, "back": False, "ticks": [],
        "at": None, "line": False, "last": "", "side": "", "old": False,
        "window": None, "selected": None, "length": "",
    }  # fmt: skip
    if frame is not None:
        state["back"] = frame.looking_back
        state["old"] = frame.old
        if frame.states:
            state["window"] = [frame.window.start / 1e6, frame.window.end / 1e6]
        if frame.selected is not None:
            start, end = frame.selected
            state["selected"] = [start / 1e6, end / 1e6]
            state["length"] = formatting.duration((end - start) / 1e9)
    return state


def draw_line(line: bqplot.Lines, x: NDArray[Any], y: Floats) -> None:
    """Set the points of a line; a single point out of sight if there is none to draw.

    A line must not end in NaN: bqplot would place its label there, and log an error.
    """
    drawn = np.flatnonzero(np.isfinite(y if y.ndim == 1 else y[0]))
    end = int(drawn[-1]) + 1 if len(drawn) else 0
    if end:
        x, y = x[:end], y[..., :end].astype(np.float32)
    else:
        x, y = np.zeros(1, np.int32), np.zeros((*y.shape[:-1], 1), np.float32)
    # bqplot compares arrays too, but for it NaN differs from NaN.
    changed = {
        name: values
        for name, values in (("x", x), ("y", y))
        if not np.array_equal(getattr(line, name), values, equal_nan=True)
    }
    if changed:
        with line.hold_sync():
            for name, values in changed.items():
                setattr(line, name, values)


class PriceWidget(Chart):
    """Mid against time, with the entries that the settings would have made.

    A triangle marks an entry (up: long, down: short), a ring its exit. The line between them is
    solid if the trade made money before fees, and dashed if it lost.

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

    css_class = "obi-part-price"
    title = "Price · mid"

    def __init__(
        self,
        session: Session,
        *,
        time: TimeAxis | None = None,
        height: int = 326,
        time_labels: bool = True,
        alone: bool = True,
    ) -> None:
        self._ticks_for = (math.nan, math.nan)
        self._ticks: list[tuple[float, str]] = []
        self._entries_of: tuple[Trades, Window] | None = None
        self._drawn = ""
        super().__init__(session, time=time, height=height, time_labels=time_labels, alone=alone)

    def _marks(self) -> list[bqplot.Mark]:
        self.line = self._line(INK, interpolation="step-after", stroke_width=1.2)
        self.won = self._line(BID)
        self.lost = self._line(ASK, line_style="dashed")
        self.longs = self._dots("triangle-up", BID, 55)
        self.shorts = self._dots("triangle-down", ASK, 55)
        self.exits = self._dots("circle", "var(--obi-ground)", 26, stroke=INK, stroke_width=1.4)
        return [self.line, self.won, self.lost, self.exits, self.longs, self.shorts]

    def _dots(self, marker: str, color: str, size: int, **style: Any) -> bqplot.Scatter:  # noqa: ANN401
        return bqplot.Scatter(
            x=np.zeros(1, np.int32), y=np.zeros(1), scales=self._scales, colors=[color],
            marker=marker, default_size=size, **style,
        )  # fmt: skip

    def update(self, frame: Frame) -> None:
        """Show a frame."""
        check_frame(frame)
        low, high = frame.price_range
        drawn = ""
        if frame.states and low < high:
            self.time.follow(frame)
            if (low, high) != self._ticks_for:
                self._scale_to(low, high)
            draw_line(self.line, self.time.values(frame.price[0]), frame.price[1])
            drawn = self._draw_entries(frame.trades, frame.window)
        quote = frame.instrument.quote
        state = overlay_state(
            f"{self.title}, {quote}{drawn}" if quote else self.title + drawn,
            formatting.nothing_yet(frame),
            frame,
        )
        if frame.states and low < high:
            state["ticks"] = self._ticks
        if math.isfinite(frame.mid) and low <= frame.mid <= high and low < high:
            state["at"] = round((high - frame.mid) / (high - low), 4)
            state["line"] = True
            state["last"] = formatting.mid(frame.mid, frame.tick_size)
        self._overlay.state = state

    def _scale_to(self, low: float, high: float) -> None:
        with self.scale.hold_sync():
            self.scale.min, self.scale.max = low, high
        self.axis.tick_values = ticks = nice_ticks(low, high)
        decimals = formatting.decimals_of(nice_step(low, high))
        self._ticks = [
            (round((high - tick) / (high - low), 4), formatting.number(tick, decimals))
            for tick in ticks.tolist()
        ]
        self._ticks_for = (low, high)

    def _draw_entries(self, trades: Trades, window: Window) -> str:
        """Draw entries that do not hide each other; return how many of them, if not all."""
        before = self._entries_of
        if before is not None and before[0] is trades and before[1] == window:
            return self._drawn  # entries change less often than states
        end = np.where(trades.exit_time > 0, trades.exit_time, trades.entry_time)
        seen = (end >= window.start) & (trades.entry_time <= window.end)
        seen &= np.isfinite(trades.entry_price)  # an order that was not filled has no price
        entries = np.count_nonzero(seen)
        seen[seen] = spaced_marks(trades.entry_time[seen], window)
        side = trades.side[seen]
        entered, entry = self.time.values(trades.entry_time[seen]), trades.entry_price[seen]
        left, exit_ = self.time.values(end[seen]), trades.exit_price[seen]
        done = np.isfinite(exit_)
        _place(self.longs, entered[side > 0], entry[side > 0])
        _place(self.shorts, entered[side < 0], entry[side < 0])
        _place(self.exits, left[done], exit_[done])
        won = trades.gross_bps[seen] > 0
        for line, which in ((self.won, done & won), (self.lost, done & ~won)):
            # NaN, entry, exit; NaN, entry, exit; …
            x = np.stack([entered[which], entered[which], left[which]], axis=1).ravel()
            gap = np.full(int(which.sum()), np.nan)
            y = np.stack([gap, entry[which], exit_[which]], axis=1).ravel()
            draw_line(line, x, y)
        drawn = len(side)
        self._entries_of = (trades, window)
        self._drawn = f" · {drawn:,} of {entries:,} entries drawn" if drawn < entries else ""
        return self._drawn


def _place(dots: bqplot.Scatter, x: NDArray[Any], y: Floats) -> None:
    with dots.hold_sync():
        dots.x, dots.y = x, y.astype(np.float32)
