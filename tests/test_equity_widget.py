"""The chart of equity: lines, chips and sentences are those of the figures."""

from __future__ import annotations

import numpy as np
import pytest
from history_tools import make
from shown_tools import values_of
from test_equity import RULES, trades_of
from test_frame import BOOK, frame_of

import obi_widgets as obi
from obi_widgets.presentation.charts.equity import EquityMaker
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.presentation.charts.window import Window
from obi_widgets.presentation.texts import equity_text
from obi_widgets.settings.parameters import Parameters
from obi_widgets.widgets.charts import ASK, BID


@pytest.fixture
def chart():
    session = obi.Session("sim:BTC-PERP")
    chart = obi.EquityWidget(session, alone=False)
    yield chart
    chart.close()
    session.close()


def of(values, widget, name):
    return values[widget.model_id, name]


def equity_of(gains, **more):
    sealed_at = more.pop("sealed_at", None)
    trades = trades_of(gains, **more)
    window = Window.ending(int(trades.entry_time[-1]) + 1, 60.0)
    return EquityMaker().make(trades, None, window, window.end, sealed_at)


def test_the_lines_are_the_sums(chart, history):
    frame = frame_of(history, RULES[1], time_range=TimeRange(900.0))
    values, curve = values_of(chart, frame), frame.equity.curve
    x = chart.time.values(curve.time)
    for mark, line in ((chart.gross, curve.gross), (chart.net, curve.net)):
        np.testing.assert_array_equal(of(values, mark, "x"), x)
        np.testing.assert_array_equal(of(values, mark, "y"), line.astype(np.float32))
    for drawn, line in zip(of(values, chart.fees, "y"), (curve.gross, curve.net), strict=True):
        np.testing.assert_array_equal(drawn, line.astype(np.float32))
    for mark in (chart.front, chart.seal, chart.gross_before, chart.net_before):
        assert of(values, mark, "x").tolist() == [0]  # out of sight
    assert of(values, chart.net, "colors") == [BID if curve.net[-1] > 0 else ASK]
    state = of(values, chart._overlay, "state")
    low, high = frame.equity.scale
    assert (of(values, chart.scale, "min"), of(values, chart.scale, "max")) == (low, high)
    (gross_at, gross, _), (net_at, net, side) = state["chips"]
    assert gross == f"gross {equity_text.gain(curve.gross[-1])}"
    assert net == f"net {equity_text.gain(curve.net[-1])}"
    assert side == "ask"
    assert gross_at == pytest.approx((high - curve.gross[-1]) / (high - low), abs=1e-4)
    assert net_at == pytest.approx((high - curve.net[-1]) / (high - low), abs=1e-4)
    assert state["title"] == "Entries in view, summed, bps"
    fee = frame.results.mean_gross_bps / 2
    assert state["note"].startswith("Breaks even at ")
    assert float(state["note"].split()[3].replace("−", "-")) == pytest.approx(fee, abs=0.006)
    assert state["note"].endswith("bps a side, taker pays 5.00")
    assert f"{frame.results.entries:,} entries" in state["detail"]


def test_post_only_has_a_dotted_line_for_the_other_bound(chart, history):
    p = Parameters(execution="post_only", hold_seconds=3.0)
    frame = frame_of(history, p, time_range=TimeRange(300.0))
    values, front = values_of(chart, frame), frame.equity.front
    np.testing.assert_array_equal(of(values, chart.front, "y"), front.net.astype(np.float32))
    state = of(values, chart._overlay, "state")
    assert state["title"].endswith("dotted: net if first in the queue")
    assert " to " in state["note"]
    assert "If first in the queue: " in state["detail"]


def test_what_came_before_the_seal_is_pale_and_the_lines_meet_there(chart, history):
    sealed_at = int(history.time[3000])
    frame = frame_of(history, RULES[1], time_range=TimeRange(900.0), sealed_at=sealed_at)
    values = values_of(chart, frame)
    at = chart.time.values(np.array([sealed_at]))[0]
    for before, after in ((chart.gross_before, chart.gross), (chart.net_before, chart.net)):
        assert of(values, before, "x")[-1] == of(values, after, "x")[0] == at
        assert of(values, before, "y")[-1] == of(values, after, "y")[0]
        assert len(of(values, before, "x")) > 5 < len(of(values, after, "x"))
    assert of(values, chart.seal, "x").tolist() == [at, at]
    assert chart.net_before.opacities[0] < 1
    assert "Since the settings were sealed: " in of(values, chart._overlay, "state")["detail"]


def test_without_an_entry_it_says_why(chart, history):
    frame = frame_of(history, Parameters(threshold=1.0))
    state = of(values_of(chart, frame), chart._overlay, "state")
    assert state["nothing"] == "No entry has ended."
    assert state["chips"] == []
    assert state["note"] == ""
    untold = frame_of(make([BOOK] * 5), Parameters(threshold=0.0, execution="post_only"))
    said = of(values_of(chart, untold), chart._overlay, "state")["nothing"]
    assert said == untold.untold
    assert said.startswith("Post-only")


@pytest.mark.parametrize(
    ("value", "text"),
    [(8.14, "+8.1"), (-122.4, "−122"), (0.0, "0.0"), (-99.96, "−100"), (12_345.6, "+12,346"),
     (1_234_567.0, "+1.2M"), (0.012, "≈0"), (-1e-4, "≈0"), (-99.94, "−99.9")],
)  # fmt: skip
def test_sums_fit_a_chip(value, text):
    assert equity_text.gain(value) == text


def test_the_tooltip_tells_what_is_left_out(history):
    class Frame:
        equity = equity_of([5.0, 7.0, -20.0, 3.0, 9.0], lost=[1], is_open=True)
        seconds = 600.0

    assert equity_text.detail(Frame) == (
        "In view: 3 entries, gross −12.0, net −42.0 bps. "
        "Net, largest drawdown 42.00 bps, now 42.00 bps. "
        "Left out: 1 that is open and 1 in view whose book was lost. "
        "All 10 min that are kept: 3 entries, gross −12.0, net −42.0 bps."
    )
