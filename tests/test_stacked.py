"""Signals stacked below the settings' signal: values of their own, and no say in entries."""

from __future__ import annotations

import numpy as np
import pytest
from shown_tools import values_of

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.presentation.reading.signal_values import SignalValues
from obi_widgets.session.stacked import MOST
from obi_widgets.trading.entries import Scanner
from obi_widgets.widgets.panel import tree


@pytest.fixture
def lab():
    made = obi.Lab("sim:BTC-PERP", seed=3, warmup=60.0)
    made.wait(300)
    yield made
    made.close()


def frame_of(lab):
    session = lab.session
    return session.publisher.frame(session.shown(), session.settings.parameters)


def test_each_has_its_values_its_scale_and_its_zones(lab):
    lab.pause()
    before = frame_of(lab)
    lab.add_signal("queue_imbalance", threshold=0.7)
    lab.add_signal(obi.zscore(obi.imbalance, window=10), threshold=1.5, depth=5)
    frame = frame_of(lab)
    history = frame.history
    wanted = [
        obi.queue_imbalance(history),
        obi.compute(history, obi.Settings(obi.zscore(obi.imbalance, window=10), depth=5)),
    ]
    for line, values in zip(frame.signals[1:], wanted, strict=True):
        assert line.value == values[-1]
        shown = line.line[1][np.isfinite(line.line[1])]
        assert np.nanmin(values) <= shown.min() <= shown.max() <= np.nanmax(values)
    assert frame.signals[1].scale == (-1, 1)
    assert [line.threshold for line in frame.signals[1:]] == [0.7, 1.5]
    values = values_of(lab, frame)
    charts = [chart for chart in lab._parts if getattr(chart, "stacked", None)]
    for chart, line in zip(charts, frame.signals[1:], strict=True):
        drawn = values[chart.line.model_id, "y"]
        finite = line.line[1][: len(drawn)]
        np.testing.assert_array_equal(drawn, finite.astype(np.float32))
        state = values[chart._overlay.model_id, "state"]
        assert state["title"].endswith("decides no entries")
        assert values[chart.scale.model_id, "max"] == line.scale[1]
        assert values[chart.above.model_id, "y"][0][0] == np.float32(line.threshold)
    # Entries, the first signal and its chart are what they were.
    assert frame.results == before.results
    assert frame.signals[0].value == before.signals[0].value
    np.testing.assert_array_equal(frame.trades.entry_time, before.trades.entry_time)


def test_new_states_are_appended_and_nothing_is_computed_again(lab, monkeypatch):
    lab.add_signal("order_flow_imbalance", window=5.0)
    session, history = lab.session, lab.history
    parameters = session.settings.parameters
    lab.pause()
    session.publisher.frame(history[:200], parameters)
    (analysis,) = session.publisher._stacked.values()
    first = []
    compute = type(analysis.parameters.signal).compute
    monkeypatch.setattr(
        type(analysis.parameters.signal), "compute",
        lambda self, history, values, start=0: (
            first.append(start) if self.name == "order_flow_imbalance" else None,
            compute(self, history, values, start),
        )[1],
    )  # fmt: skip
    for end in (201, 230, 300):
        frame = session.publisher.frame(history[:end], parameters)
        fresh = SignalValues(analysis.parameters)
        fresh.update(history[:end], analysis.parameters)
        np.testing.assert_array_equal(analysis.signal, fresh.signal)
        assert frame.signals[1].value == pytest.approx(fresh.signal[-1], nan_ok=True)
    assert [start for start in first if start] == [200, 201, 230]


def test_entries_of_a_stacked_signal_are_not_computed(lab, monkeypatch):
    lab.pause()
    frame_of(lab)
    of = []
    extend = Scanner.extend
    monkeypatch.setattr(
        Scanner, "extend", lambda self, *args: (of.append(self), extend(self, *args))[1]
    )
    lab.add_signal("queue_imbalance", threshold=0.1)
    frame_of(lab)
    assert {id(one) for one in of} <= {id(one) for one in lab.session.publisher._analysis._scanners}


def test_what_is_removed_is_gone_from_the_session_and_the_lab(lab):
    for window in (5.0, 10.0):
        lab.add_signal("order_flow_imbalance", window=window)
    lab.add_signal("queue_imbalance")
    assert [p.signal.name for p in lab.session.signals] == [
        "imbalance", "order_flow_imbalance", "order_flow_imbalance", "queue_imbalance"
    ]  # fmt: skip
    gone = [chart for chart in lab._parts if getattr(chart, "stacked", None)][:2]
    lab.remove_signal("order_flow_imbalance")
    assert [p.signal.name for p in lab.session.stacked] == ["queue_imbalance"]
    assert not [chart for chart in gone if chart in lab._parts or chart.comm is not None]
    lab.remove_signal(obi.queue_imbalance)
    assert lab._charts.children == (lab.price, lab.signal_chart, lab.equity)
    assert len(frame_of(lab).signals) == 1


def test_what_other_charts_share_stays_open(lab):
    lab.add_signal("queue_imbalance")
    (chart,) = [one for one in lab._parts if getattr(one, "stacked", None) is not None]
    scale, line = lab.price.time.scale, chart.line
    lab.remove_signal("queue_imbalance")
    assert line.comm is None
    assert scale.comm is not None, "or all charts would stand still"
    lab.equity.close()
    assert scale.comm is not None
    lab.close()
    assert scale.comm is None


def test_a_frame_from_before_shows_nothing_of_it(lab):
    frame = frame_of(lab)
    lab.add_signal("queue_imbalance")
    (chart,) = [chart for chart in lab._parts if getattr(chart, "stacked", None)]
    assert values_of(chart, frame) == {}


def test_before_the_first_state_there_is_no_value_to_read(lab):
    lab.pause()
    lab.add_signal("queue_imbalance")
    lab.session.pin(int(lab.history.time[0]) - 1)
    values = values_of(lab, frame_of(lab))
    (chart,) = (chart for chart in lab._parts if getattr(chart, "stacked", None))
    assert values[chart._overlay.model_id, "reading"]["dots"] == []


def test_what_is_removed_has_its_axis_forgotten(lab):
    lab.add_signal("queue_imbalance")
    before = len(lab._time.axes)
    lab.remove_signal("queue_imbalance")
    assert len(lab._time.axes) == before - 1
    open_ids = {one.model_id for one in tree(lab, set())}
    lab.pause()
    assert {model for model, _ in values_of(lab, frame_of(lab))} <= open_ids


def test_what_is_not_possible_is_said():
    session = obi.Session("sim:BTC-PERP")
    try:
        session.add_signal("queue_imbalance")
        with pytest.raises(SettingsError, match="queue_imbalance is shown already"):
            session.add_signal(obi.queue_imbalance)
        with pytest.raises(SettingsError, match="'imbalanc'"):
            session.add_signal("imbalanc")
        with pytest.raises(SettingsError, match="window"):
            session.add_signal("order_flow_imbalance", window=-1)
        with pytest.raises(SettingsError, match=r"is not a stacked signal.*queue_imbalance"):
            session.remove_signal("imbalance")
        for threshold in np.linspace(0.1, 0.4, MOST - 1):
            session.add_signal("imbalance", threshold=float(threshold))
        with pytest.raises(SettingsError, match="3 signals are stacked already"):
            session.add_signal("order_flow_imbalance")
        assert len(session.stacked) == MOST
    finally:
        session.close()
