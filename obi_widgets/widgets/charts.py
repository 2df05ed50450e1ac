"""The base of charts against time, and the price chart."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import bqplot
import ipywidgets
import numpy as np
import traitlets

from obi_widgets.checks import flag, instance, integer
from obi_widgets.presentation.charts.ticks import nice_step, nice_ticks
from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.entry_marks import EntryMarks
from obi_widgets.widgets import chart_canvases
from obi_widgets.widgets.assets import asset
from obi_widgets.widgets.beside import beside
from obi_widgets.widgets.page import Together
from obi_widgets.widgets.panel import Part, StateWidget, checked_session
from obi_widgets.widgets.pointing import crosshair, entry_box, hear
from obi_widgets.widgets.time_axis import TimeAxis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.presentation.charts.window import Window
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.presentation.layers.chart_layers import Appearance
    from obi_widgets.session.session import Session
    from obi_widgets.trading.trade_list import Trades
    from obi_widgets.widgets.page import Changes

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Drawn = tuple[tuple[NDArray[Any], ...], str]

INK, BID, ASK, FAINT = "var(--obi-ink)", "var(--obi-bid)", "var(--obi-ask)", "var(--obi-faint)"


HEIGHTS = (60, 4000)
"""Lowest and greatest height of a chart, pixels."""


LAYERS = (
    "heatmap.js", "gaps.js", "walls.js", "depth_strip.js", "trades.js", "beside.js", "entries.js"
)  # fmt: skip
"""Scripts of the layers that a canvas of a chart draws, see ``static/canvas.js``, the lowest first.

A layer is drawn where a frame has the attributes of the overlay that it needs.
"""


class Overlay(StateWidget):
    """What lies on a chart: title, labels, the mouse, and two canvases, below and above the lines.

    Frames set ``place``, the window and the range of the chart, and what the layers need. Times are
    milliseconds since midnight UTC of a day, ``origin``.
    """

    _esm = asset(
        "theme.js", "place.js", "cursor.js", "canvas.js", *LAYERS, "room.js", "crosshair.js",
        "nodes.js", "mark_box.js", "head.js", "labels.js", "pointer.js", "chips.js", "overlay.js",
    )  # fmt: skip
    session = traitlets.Unicode().tag(sync=True)  # by which charts know what they share
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
    names_gaps = False  # one of the charts says how long a gap is

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
        time_axis = self.time.axis(labels=time_labels)
        margin = {"top": self.top, "bottom": 26 if time_labels else 6, "left": 0, "right": 76}
        self.figure = bqplot.Figure(
            marks=self._marks(),
            axes=[time_axis, self.axis],
            fig_margin=margin,
            min_aspect_ratio=0.01,
            max_aspect_ratio=100.0,
            animation_duration=0,
            display_toolbar=False,
            background_style={"fill": "none"},
            layout=ipywidgets.Layout(width="100%", height=f"{height}px"),
        )
        self._entries: Trades | None = None
        self._placed: Kept[Together] = Kept()
        self._overlay = Overlay(margin=margin, state=overlay_state(self.title), session=session.key)
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
            case "draw":
                changes = {str(name): value for name, value in content["what"].items()}
                self.session.appearance = self.session.appearance._replace(**changes)
            case _:
                hear(self.session, content, self._entries)

    def close(self) -> None:
        """Close the chart. Charts that share its time axis go on."""
        if self.comm is not None:
            self.time.forget(self.figure.axes[0])
        super().close()

    def _marks(self) -> list[bqplot.Mark]:
        raise NotImplementedError

    def _line(self, color: str, **style: Any) -> bqplot.Lines:  # noqa: ANN401
        style = {"stroke_width": 1.5, **style}
        return self._mark(bqplot.Lines, x=[0.0], y=[0.0], colors=[color], **style)

    def _mark(self, kind: type[bqplot.Mark], **style: Any) -> bqplot.Mark:  # noqa: ANN401
        """Return a mark whose data say nothing of the scales: frames set these."""
        return kind(**{"scales": self._scales, "preserve_domain": {"x": True, "y": True}, **style})

    def _place(self, frame: Frame, low: float, high: float) -> Together:
        """Return where the overlay places what it draws in a frame with states, and the gaps."""
        self._entries = frame.trades
        return self._placed.of(
            frame.window, low, high, self.time.origin, frame.layers.gaps,
            make=lambda: Together([(self._overlay, {
                "place": {
                    "window": [*self.time.span(frame)], "range": [low, high],
                    "origin": self.time.origin,
                },
                "gaps": chart_canvases.gaps(frame, self.time, named=self.names_gaps),
            })]),
        )  # fmt: skip


def overlay_state(title: str, nothing: str = "", frame: Frame | None = None) -> dict[str, Any]:
    """Return the state of the overlay of a chart. Times are milliseconds UTC."""
    state: dict[str, Any] = {
        "title": title, "nothing": nothing, "back": False, "ticks": [],
        "at": None, "line": False, "last": "", "side": "", "old": False,
        "selected": None, "length": "", "note": "", "detail": "", "chips": [],
    }  # fmt: skip
    if frame is not None:
        state["back"] = frame.looking_back
        state["old"] = frame.old
        if frame.selected is not None:
            start, end = frame.selected
            state["selected"] = [start / 1e6, end / 1e6]
            state["length"] = formatting.duration((end - start) / 1e9)
    return state


class PriceWidget(Chart):
    """Mid against time, with the entries that the settings would have made.

    A triangle marks an entry (up: long, down: short), a ring its exit. The line between them is
    solid if the trade made money before fees, and dashed if it lost.

    The mouse reads a moment: its prices, its signal and, in the ladder, its book. A click pins it,
    Escape lets go. An entry under the mouse says what it was, and why it was left.

    Behind it is the depth heatmap: what rested at each price, bluish for bids and brownish for
    asks. Trades are half discs, large levels are outlined, and gaps are hatched. Bars at the right
    edge show the book of now, or of the moment that is read. These are drawn for all charts of a
    session alike; they change no result.

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
    top = 30  # pixels above the plot, for the title, the legends and half a label of the axis
    names_gaps = True

    def __init__(
        self,
        session: Session,
        *,
        time: TimeAxis | None = None,
        height: int = 326,
        time_labels: bool = True,
        alone: bool = True,
    ) -> None:
        self._drawn: Kept[Drawn] = Kept()
        self._scaled: Kept[Together] = Kept()
        self._behind = chart_canvases.BehindPrice()
        super().__init__(session, time=time, height=height, time_labels=time_labels, alone=alone)

    @property
    def heatmap(self) -> bool:
        """Whether the depth heatmap is drawn behind the price."""
        return self._appearance.heatmap

    @heatmap.setter
    def heatmap(self, drawn: bool) -> None:
        self._draw(heatmap=drawn)

    @property
    def intensity(self) -> float:
        """How strong the heatmap's colours are: 1; 0.25 to 4."""
        return self._appearance.intensity

    @intensity.setter
    def intensity(self, intensity: float) -> None:
        self._draw(intensity=intensity)

    @property
    def weighted(self) -> bool:
        """Whether the heatmap shows sizes times the signal's weight at their distance from mid."""
        return self._appearance.weighted

    @weighted.setter
    def weighted(self, weighted: bool) -> None:
        self._draw(weighted=weighted)

    @property
    def bubbles(self) -> bool:
        """Whether trades are drawn, as half discs: bought above their price, sold below."""
        return self._appearance.bubbles

    @bubbles.setter
    def bubbles(self, drawn: bool) -> None:
        self._draw(bubbles=drawn)

    @property
    def walls(self) -> bool:
        """Whether large levels are outlined, with their age."""
        return self._appearance.walls

    @walls.setter
    def walls(self, drawn: bool) -> None:
        self._draw(walls=drawn)

    @property
    def depth(self) -> bool:
        """Whether what rests at each price now is drawn as bars at the right edge."""
        return self._appearance.depth

    @depth.setter
    def depth(self, drawn: bool) -> None:
        self._draw(depth=drawn)

    @property
    def outcomes(self) -> bool:
        """Whether trades and large levels are drawn by what became of them: solid or dashed."""
        return self._appearance.outcomes

    @outcomes.setter
    def outcomes(self, drawn: bool) -> None:
        self._draw(outcomes=drawn)

    @property
    def _appearance(self) -> Appearance:
        assert self.session is not None
        return self.session.appearance

    def _draw(self, **changes: Any) -> None:  # noqa: ANN401
        assert self.session is not None
        self.session.appearance = self.session.appearance._replace(**changes)

    def _marks(self) -> list[bqplot.Mark]:
        self.line = self._line(INK, interpolation="step-after", stroke_width=1.2)
        return [self.line]

    def _changes(self, frame: Frame) -> Changes:
        """Yield what a frame shows."""
        low, high = frame.price_range
        drawn, overlay = "", {}
        some = frame.states > 0 and low < high
        if some:
            yield from self.time.changes(frame)
            ticks, labels = _price_ticks(low, high)
            scale, axis = {"min": low, "max": high}, {"tick_values": ticks}
            yield self._scaled.of(
                low, high, make=lambda: Together([(self.scale, scale), (self.axis, axis)])
            )
            # A float32 of 9,876,544.25 is a whole number: the line would leave its entries.
            exact = float(np.spacing(np.float32(high))) > frame.tick_size / 8
            yield self.line, self.time.points(*frame.price, exact=exact)
            entries, drawn = self._drawn.of(
                frame.trades, frame.window, self.time.origin,
                make=lambda: self._draw_entries(frame.trades, frame.window),
            )  # fmt: skip
            mid = frame.reading.mid if frame.reading is not None else math.nan
            text = formatting.mid(mid, frame.tick_size) if math.isfinite(mid) else ""
            yield self._place(frame, low, high)
            yield self._behind.around(frame, self.time, self._overlay)
            overlay = {
                **chart_canvases.book(frame.layers),
                "entries": entries,
                "pointed": entry_box(frame, self.time),
                **beside(frame, self.time),
                "reading": crosshair(frame, self.time, [(mid, "", "")], text, words=True),
            }
        quote = frame.instrument.quote
        state = overlay_state(
            f"{self.title}, {quote}{drawn}" if quote else self.title + drawn,
            formatting.nothing_yet(frame),
            frame,
        )
        if some:
            state["ticks"] = labels
        if math.isfinite(frame.mid) and low <= frame.mid <= high and low < high:
            state["at"] = round((high - frame.mid) / (high - low), 4)
            state["line"] = True
            state["last"] = formatting.mid(frame.mid, frame.tick_size)
        yield self._overlay, {**overlay, "state": state}

    def _draw_entries(self, trades: Trades, window: Window) -> Drawn:
        """Return entries that do not hide each other, and how many of them, if not all."""
        marks = EntryMarks.of(trades, window)
        columns = (
            self.time.values(marks.entry_time), marks.entry_price,
            self.time.values(marks.exit_time), marks.exit_price, marks.kind,
        )  # fmt: skip
        drawn, left_out = len(marks.kind), marks.left_out
        text = f" · {drawn:,} of {drawn + left_out:,} entries drawn" if left_out else ""
        return columns, text


@lru_cache(16)
def _price_ticks(low: float, high: float) -> tuple[list[float], list[tuple[float, str]]]:
    """Return round prices, and their labels with their places: 0 is the top, 1 the bottom."""
    ticks: list[float] = nice_ticks(low, high).tolist()
    decimals = formatting.decimals_of(nice_step(low, high))
    return ticks, [
        (round((high - tick) / (high - low), 4), formatting.number(tick, decimals))
        for tick in ticks
    ]
