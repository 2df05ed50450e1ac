"""What frames tell the overlays of charts to draw on their canvases, see ``static/canvas.js``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.presentation.layers.heatmap_numpy import OCTAVE
from obi_widgets.presentation.texts import formatting, layer_texts
from obi_widgets.presentation.texts.instrument_units import base_of
from obi_widgets.widgets.page import Together

if TYPE_CHECKING:
    import ipywidgets

    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.presentation.layers.chart_layers import ChartLayers
    from obi_widgets.presentation.layers.heatmap import Heat
    from obi_widgets.widgets.time_axis import TimeAxis

NO_CODES, NO_MIDDLE = np.zeros((0, 1), np.uint8), np.zeros(0, np.float32)
NO_MARKS = np.zeros((0, 3))
NO_BPS, NO_KINDS = np.zeros((0, 2), np.float32), np.zeros((0, 2), np.int8)
NO_GAPS: list[list[Any]] = []
NO_BARS = np.zeros(0, np.int8)

UNKNOWN = "deeper than the book is known"


def gaps(frame: Frame, time: TimeAxis, *, named: bool) -> list[list[Any]]:
    """Return the gaps of a frame with states: begin, end and text of each."""
    if not frame.layers.gaps:
        return NO_GAPS
    spans = np.array(frame.layers.gaps, np.int64).reshape(-1, 2)
    texts = [layer_texts.gap(span) if named else "" for span in frame.layers.gaps]
    times = time.values(spans).tolist()
    return [[*span, text] for span, text in zip(times, texts, strict=True)]


class BehindPrice:
    """Tells the price chart's overlay of trades and large levels, and of the legends."""

    def __init__(self) -> None:
        self._kept: Kept[Together] = Kept()

    def around(self, frame: Frame, time: TimeAxis, overlay: ipywidgets.Widget) -> Together:
        """Return what a frame with states shows beside picture and book, see `book`."""
        layers, heat = frame.layers, frame.layers.heat
        newest = int(frame.history.time[-1]) // layer_texts.SECOND
        scale = None if heat is None else (heat.low, heat.step, heat.smallest, heat.limits)
        return self._kept.of(
            layers.appearance, layers.bubbles, layers.walls, layers.outcomes, layers.fade, scale,
            newest,
            frame.instrument, frame.tick_size, frame.window.end, time.origin,
            make=lambda: Together([(overlay, _around(frame, time))]),
        )  # fmt: skip


def book(layers: ChartLayers) -> dict[str, Any]:
    """Return what changes with each state: the picture of the heatmap, and the bars of the book."""
    heat, some = layers.heat, layers.depth or layers.depth_then
    codes, middle = (NO_CODES, NO_MIDDLE) if heat is None else (heat.codes, heat.middle)
    return {
        "depth": None if some is None else {"low": some.low, "step": some.step},
        "depth_now": NO_BARS if layers.depth is None else layers.depth.bars,
        "depth_then": NO_BARS if layers.depth_then is None else layers.depth_then.bars,
        "heat_codes": codes,
        "heat_middle": middle,
    }


def _around(frame: Frame, time: TimeAxis) -> dict[str, Any]:
    """Return all but the picture of the heatmap."""
    layers, instrument = frame.layers, frame.instrument
    heat, bubbles, appearance = layers.heat, layers.bubbles, layers.appearance
    outcomes = layers.outcomes
    newest = int(frame.history.time[-1]) // layer_texts.SECOND * layer_texts.SECOND
    marks = NO_MARKS
    if bubbles is not None:
        marks = bubbles.marks.copy()
        marks[:, 0] -= time.origin
    legend = {
        "bubbles": bubbles is not None and len(marks) > 0, "least": "", "heat": None,
        "base": base_of(instrument),
        "decimals": formatting.decimals_of(frame.tick_size),
    }  # fmt: skip
    if bubbles is not None:
        legend["least"] = layer_texts.least(bubbles, instrument)
    if heat is not None and heat.limits[1]:
        low, high = heat.limits[0], heat.limits[1] / appearance.intensity
        legend["heat"] = [
            layer_texts.resting(heat, instrument, weighted=appearance.weighted),
            layer_texts.amount(low),
            layer_texts.amount(high),
        ]  # fmt: skip
    return {
        "heat": _meaning(heat, appearance.intensity),
        "heat_fade": layers.fade,
        "bubbles": marks,
        "bubbles_largest": 0.0 if bubbles is None else bubbles.largest,
        "bubbles_bps": NO_BPS if outcomes is None else outcomes.bps,
        "bubbles_kinds": NO_KINDS if outcomes is None else outcomes.kinds,
        "walls": [
            {
                "price": one.price, "side": one.side, "open": not one.ended,
                "start": time.value(one.born), "end": time.value(one.ended or frame.window.end),
                "text": layer_texts.wall(one, newest, instrument, frame.tick_size),
                **_became(frame, number, newest),
            }
            for number, one in enumerate(layers.walls)
        ],
        "legend": legend,
        "appearance": appearance._asdict(),
    }  # fmt: skip


def _became(frame: Frame, number: int, newest: int) -> dict[str, Any]:
    """Return what became of a large level: rows of a box, and kinds of its markouts."""
    if frame.layers.outcomes is None:
        return {"rows": [], "kinds": None}
    wall, outcome = frame.layers.walls[number], frame.layers.outcomes.walls[number]
    return {
        "head": layer_texts.wall_name(wall, frame.tick_size),
        "rows": layer_texts.wall_rows(wall, outcome, newest, frame.instrument),
        "kinds": [outcome.known.kind, None if outcome.ended is None else outcome.ended.kind],
    }


def _meaning(heat: Heat | None, intensity: float) -> dict[str, Any] | None:
    """Return what the codes of a picture mean."""
    if heat is None:
        return None
    return {
        "low": heat.low, "step": heat.step, "smallest": heat.smallest, "octave": OCTAVE,
        "lower": heat.limits[0], "upper": heat.limits[1] / intensity, "unknown": UNKNOWN,
    }  # fmt: skip
