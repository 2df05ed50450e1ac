"""What a page is sent of heatmap, trades, large levels and gaps; and choosing what is drawn."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from frame_decoder import FrameDecoder
from history_tools import SECOND, book, writer
from session_tools import wait_for
from shown_tools import shown, values_of

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.presentation.frames.frame_maker import FrameMaker
from obi_widgets.presentation.frames.frame_message import FrameEncoder
from obi_widgets.presentation.layers.chart_layers import Appearance
from obi_widgets.presentation.layers.heatmap_numpy import OCTAVE
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.widgets.assets import STATIC
from obi_widgets.widgets.charts import LAYERS

EDGE = 6_000
"""Bytes that heatmap, trades, large levels and gaps may take at the live edge."""

PICTURE = 150_000
"""Bytes of a whole picture."""

MINE = {
    "heat", "heat_codes", "heat_middle", "heat_fade", "bubbles", "bubbles_bps", "bubbles_kinds",
    "bubbles_largest", "walls", "legend", "appearance", "gaps", "depth", "depth_now", "depth_then",
}  # fmt: skip


@pytest.fixture(scope="module")
def simulated():
    return obi.simulate(seconds=400, seed=7)


@pytest.fixture
def lab():
    lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=30)
    lab.wait(50, timeout=60)
    lab.pause()
    yield lab
    lab.close()


class Frames:
    """Frames of a growing history, as values and as messages."""

    def __init__(self, lab, parameters=None, appearance=None):
        self.lab, self.appearance = lab, appearance
        self.parameters = parameters or obi.Settings().parameters
        self.analysis, self.maker = Analysis(self.parameters), FrameMaker()
        self.encoder, self.decoder = FrameEncoder(), FrameDecoder()

    def frame(self, history, seconds=300.0, end=None):
        self.analysis.update(history, self.parameters)
        return self.maker.make(
            self.analysis, instrument=history.instrument, state="live", has_book=True, detail="",
            advice="", note="", paused=False, age=0.1, rate=10.0,
            time_range=TimeRange(seconds, end), appearance=self.appearance,
        )  # fmt: skip

    def size(self, history, seconds=300.0, end=None):
        """Return the bytes of the layers' part of the message of a frame."""
        values = values_of(self.lab, self.frame(history, seconds, end))
        mine = {key: value for key, value in values.items() if key[1] in MINE}
        message = self.encoder.encode(mine)
        if message is None:
            return 0
        self.decoder.take(json.loads(json.dumps(message[0])), message[1])
        for key, value in mine.items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(self.decoder.frame[key], value)
        return len(json.dumps(message[0])) + sum(map(len, message[1]))


@pytest.mark.slow
def test_the_live_edge_takes_few_bytes(lab, simulated):
    frames = Frames(lab)
    assert frames.size(simulated[:-300]) < PICTURE
    sizes = [frames.size(simulated[:n]) for n in range(len(simulated) - 300, len(simulated))]
    assert np.median(sizes) < EDGE / 3
    assert np.quantile(sizes, 0.99) < EDGE


@pytest.mark.slow
def test_a_pan_and_a_zoom_take_a_picture_at_most(lab, simulated):
    frames = Frames(lab)
    end = int(simulated.time[-1])
    for seconds, back in ((300, 0), (60, 0), (60, 20), (30, 40), (300, 60)):
        until = end - back * 1_000_000_000 if back else None
        assert frames.size(simulated, float(seconds), until) < PICTURE


def overlay_values(part, frame):
    return {
        name: value
        for (widget, name), value in values_of(part, frame).items()
        if widget == part._overlay.model_id
    }


def test_the_picture_spans_the_chart_in_the_units_of_its_place(lab, simulated):
    frame = Frames(lab).frame(simulated)
    values = overlay_values(lab.price, frame)
    heat, place = values["heat"], values["place"]
    columns, rows = values["heat_codes"].shape
    start = (frame.layers.heat.start // 1_000_000) - place["origin"]
    assert [start, start + columns * frame.window.column // 1_000_000] == place["window"]
    assert heat["low"] <= place["range"][0]
    assert heat["low"] + rows * heat["step"] >= place["range"][1]
    assert heat["octave"] == OCTAVE
    assert 0 < heat["lower"] < heat["upper"]
    bubbles = values["bubbles"]
    assert len(bubbles)
    assert np.all((bubbles[:, 0] >= start) & (bubbles[:, 0] <= place["window"][1]))
    low, high = np.nanmin(simulated.bid), np.nanmax(simulated.ask)
    assert np.all((bubbles[:, 1] >= low) & (bubbles[:, 1] <= high))


@pytest.mark.slow
def test_gaps_are_told_to_every_chart_and_named_on_one(lab, simulated):
    bid, ask = simulated.bid.copy(), simulated.ask.copy()
    row = len(bid) - 600
    lost = slice(row, row + 42)
    bid[lost] = ask[lost] = np.nan
    history = replace(simulated, bid=bid, ask=ask)
    frame = Frames(lab).frame(history)
    price, signal = (overlay_values(part, frame)["gaps"] for part in (lab.price, lab.signal_chart))
    origin = overlay_values(lab.price, frame)["place"]["origin"]
    begin, end = (int(history.time[at]) // 1_000_000 - origin for at in (row, row + 42))
    assert price == [[begin, end, f"gap, {(end - begin) / 1000:.1f} s"]]
    assert signal == [[begin, end, ""]]


def test_intensity_moves_the_upper_limit_alone(lab, simulated):
    plain = overlay_values(lab.price, Frames(lab).frame(simulated))
    strong = Frames(lab, appearance=Appearance(intensity=2.0)).frame(simulated)
    strong = overlay_values(lab.price, strong)
    assert strong["heat"]["lower"] == plain["heat"]["lower"]
    assert strong["heat"]["upper"] == plain["heat"]["upper"] / 2
    np.testing.assert_array_equal(strong["heat_codes"], plain["heat_codes"])


def test_what_is_off_leaves_the_page_nothing_to_draw(lab, simulated):
    off = Appearance(heatmap=False, bubbles=False, walls=False, depth=False)
    values = overlay_values(lab.price, Frames(lab, appearance=off).frame(simulated))
    assert values["heat"] is None
    assert not values["heat_codes"].size
    assert not len(values["bubbles"])
    assert values["walls"] == []
    assert values["depth"] is None
    assert not values["depth_now"].size
    legend = values["legend"]
    assert (legend["bubbles"], legend["least"], legend["heat"]) == (False, "", None)
    assert values["appearance"] == off._asdict()


def test_outcomes_are_told_of_each_trade_and_large_level(lab):
    history, _ = obi.simulate_spoofs(seconds=90, seed=3, runs=240)
    plain = overlay_values(lab.price, Frames(lab).frame(history, 20.0))
    assert not len(plain["bubbles_kinds"])
    assert all(wall["rows"] == [] and wall["kinds"] is None for wall in plain["walls"])
    asked = Frames(lab, appearance=Appearance(outcomes=True)).frame(history, 20.0)
    values = overlay_values(lab.price, asked)
    assert (
        values["bubbles_kinds"].shape == values["bubbles_bps"].shape == (len(values["bubbles"]), 2)
    )
    assert values["bubbles_kinds"].dtype == np.int8
    np.testing.assert_array_equal(values["bubbles"], plain["bubbles"])
    assert len(values["walls"]) == len(plain["walls"]) > 0
    for wall, outcome in zip(values["walls"], asked.layers.outcomes.walls, strict=True):
        ended = None if outcome.ended is None else outcome.ended.kind
        assert wall["kinds"] == [outcome.known.kind, ended]
        assert wall["text"].startswith(wall["head"])
        assert dict(wall["rows"])["refills"] == str(outcome.refills)


def test_outcomes_of_the_live_edge_take_few_bytes(lab, simulated):
    frames = Frames(lab, appearance=Appearance(outcomes=True))
    frames.size(simulated[:-300])
    sizes = [frames.size(simulated[:n]) for n in range(len(simulated) - 300, len(simulated))]
    assert np.median(sizes) < EDGE / 3
    assert np.quantile(sizes, 0.99) < EDGE


@pytest.mark.parametrize(
    ("price", "tick", "kind"),
    [(9_876_543.21, 0.01, np.float64), (63_867.4, 0.1, np.float32), (1.2e-8, 1e-12, np.float32)],
)
def test_the_line_of_mid_is_true_to_an_eighth_of_a_tick(lab, price, tick, kind):
    made, start = writer(tick_size=tick), 1_700_000_000 * SECOND
    mids = [price + n * tick for n in (0, 1, 3, 2, 7)]
    for n, mid in enumerate(mids):
        sides = [(mid - tick, 1.0)], [(mid + tick, 1.0)]
        made.append(start + n * SECOND, start + n * SECOND, book(*sides))
    values = values_of(lab.price, Frames(lab).frame(made.history()))
    line = values[lab.price.line.model_id, "y"]
    assert line.dtype == kind, "no more bytes than it needs"
    drawn = line[np.append(True, np.diff(line) != 0)].astype(float)
    np.testing.assert_allclose(drawn, mids, rtol=0, atol=tick / 8)


# -- choosing ----------------------------------------------------------------------------------


def test_each_name_of_the_chart_chooses_and_tells(lab):
    price = lab.price
    assert price.heatmap
    assert price.bubbles
    assert price.walls
    assert not price.weighted
    assert price.intensity == 1.0
    price.heatmap, price.bubbles, price.walls, price.weighted = False, False, False, True
    price.intensity = 2
    assert lab.session.appearance == Appearance(False, 2.0, True, False, False)
    assert price.depth
    price.depth = False
    assert not lab.session.appearance.depth
    assert not price.outcomes
    price.outcomes = True
    assert lab.session.appearance.outcomes
    with pytest.raises(SettingsError):
        price.intensity = 9
    with pytest.raises(SettingsError):
        price.heatmap = "yes"
    assert lab.session.appearance.intensity == 2.0


def test_the_menu_of_the_page_chooses(lab):
    lab.price._overlay._handle_custom_msg({"do": "draw", "what": {"heatmap": False}}, [])
    assert not lab.price.heatmap
    lab.price._overlay._handle_custom_msg({"do": "draw", "what": {"intensity": 2.0}}, [])
    assert lab.price.intensity == 2.0


def test_a_choice_is_shown_also_while_paused(lab):
    lab._page._hear(None, {"view": "one", "seen": True, "frame": 0, "lacks": True}, None)
    wait_for(lambda: (shown(lab.price._overlay, "appearance") or {}).get("heatmap"))
    lab.price.heatmap = False
    wait_for(lambda: not shown(lab.price._overlay, "appearance")["heatmap"])


def test_every_layer_file_is_there_and_adds_a_layer():
    for name in LAYERS:
        assert "layer(" in (STATIC / name).read_text(encoding="utf-8")
