"""Rows of a market: their figures are the lab's, and no crossing between two rows is missed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from history_tools import NAN, SECOND, early
from session_tools import View, following, wait_for

import obi_widgets as obi
from obi_widgets.presentation.watch import row_texts
from obi_widgets.presentation.watch.row import imbalance_of
from obi_widgets.presentation.watch.row_maker import RowMaker, Schedule
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.crossing import Crossing
from obi_widgets.trading.thresholds import compared

HISTORY = obi.simulate(seconds=240, seed=5)
SETTINGS = {
    "imbalance": Parameters(threshold=0.15),
    "few levels": Parameters(depth=3, decay=0.5, weighting="notional", threshold=0.2),
    "band": Parameters(depth=None, band_bps=1.0, threshold=0.2),
    "quantile": Parameters(threshold=0.8, threshold_is="quantile", quantile_window=60),
    "flow": Parameters("order_flow_imbalance", window=5, threshold=1.0),
    "transform": Parameters(obi.zscore(obi.queue_imbalance, window=20), threshold=1.5),
    "gauge": Parameters("realised_volatility", window=20, threshold=0.5),
}


def rows(history, parameters, every=10.0):
    maker, schedule, found = RowMaker(parameters), Schedule(every), []
    for end in schedule.ends(history):
        maker.follow(history[:end])
        found.append((end, maker.row(notes=schedule.notes)))
    return found


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


@pytest.mark.parametrize("parameters", SETTINGS.values(), ids=SETTINGS)
def test_each_row_is_what_the_public_functions_say_of_its_state(parameters):
    signal = obi.compute(HISTORY, obi.Settings(**parameters.as_dict()))
    places = compared(HISTORY, signal, parameters)
    words = list(obi.label(HISTORY, parameters).to_series())
    found = rows(HISTORY, parameters)
    assert len(found) == 24
    for end, row in found:
        at = end - 1
        assert row.time == HISTORY.time[at]
        assert same(row.signal, signal[at])
        assert row.spread == HISTORY.ask[at] - HISTORY.bid[at]
        assert row.mid == HISTORY.mid[at]
        word = words[at] if isinstance(words[at], str) else ""
        assert row.label == (word if parameters.signal.directional else "")
        assert row.beyond == (abs(places[at]) > parameters.threshold)
        mine = obi.imbalance(HISTORY[at:end], obi.Settings(**imbalance_of(parameters)))[0]
        assert row.imbalance == mine
        assert (row.bids - row.asks) / (row.bids + row.asks) == pytest.approx(mine, abs=1e-6)
    assert any(row.label for _, row in found) == parameters.signal.directional


def test_a_row_is_what_the_lab_shows_of_the_same_history():
    view = View()
    with following("sim:BTC-PERP", view, seed=4, warmup=30.0) as session:
        session.settings.threshold = 0.1
        frame = wait_for(lambda: next(
            (one for one in reversed(view.frames)
             if one.is_fresh and one.parameters.threshold == 0.1), None))  # fmt: skip
    maker = RowMaker(frame.parameters)
    maker.follow(frame.history)
    row = maker.row()
    assert (row.signal, row.spread, row.mid) == (frame.signal, frame.spread, frame.mid)
    ladder = frame.ladder
    weighted = np.nansum(ladder.size * ladder.weight, axis=1)
    assert (row.bids, row.asks) == pytest.approx(tuple(weighted), rel=1e-6)
    reading = session.read(row.time)
    assert (row.signal, row.threshold) == (reading.signal, reading.threshold)
    assert row.beyond == (reading.beyond > 0)


def test_label_and_alerts_follow_every_state_however_rows_come():
    parameters = SETTINGS["imbalance"]
    crossing = Crossing(parameters.threshold)
    expected = [
        (int(HISTORY.time[at]), side)
        for at, value in enumerate(obi.imbalance(HISTORY, obi.Settings()))
        if (side := crossing.follow(float(value)))
    ]
    assert len(expected) > 5
    for step in (1, 7, 500, len(HISTORY)):
        maker, alerts = RowMaker(parameters), []
        for end in [*range(step, len(HISTORY), step), len(HISTORY)]:
            alerts += maker.follow(HISTORY[:end])
        assert [(alert.time, alert.side) for alert in alerts] == expected
        assert maker.row() == rows_at_end(parameters)
        labels = obi.label(HISTORY, parameters)
        assert maker.shares == pytest.approx(labels.shares)
        assert maker.seconds == pytest.approx(labels.seconds)


def rows_at_end(parameters):
    maker = RowMaker(parameters)
    maker.follow(HISTORY)
    return maker.row()


def test_rows_are_the_same_however_the_history_grows():
    whole = list(Schedule(10.0).ends(HISTORY))
    growing = Schedule(10.0)
    piecewise = [end for upto in range(1, len(HISTORY) + 1) for end in growing.ends(HISTORY[:upto])]
    assert piecewise == whole


def test_a_gap_and_silence_are_said_and_have_no_numbers():
    second = np.arange(5) * SECOND
    bid = np.array([100.0, 100, NAN, 100, 100])
    time = np.append(second[:4], 60 * SECOND)
    columns = bid, np.full(5, 2.0), bid + 0.1, np.full(5, 1.0)
    history = early(time, *(one[:, None] for one in columns), tick_size=0.1)
    parameters = Parameters(depth=1, threshold=0.2)
    found = [row for _, row in rows(history, parameters, every=1.0)]
    assert [row.label for row in found[:4]] == ["BUYING", "BUYING", "", "BUYING"]
    assert found[2].notes == ("no book, or an empty side",)
    assert math.isnan(found[2].bids)
    assert math.isnan(found[2].spread_bps)
    assert found[4].notes == ("no new state since the row above",)


def test_why_there_is_no_signal_is_said():
    def notes(parameters, history=HISTORY[:50]):
        maker = RowMaker(parameters)
        maker.follow(history)
        return maker.row().notes

    assert notes(SETTINGS["imbalance"]) == ()
    assert notes(Parameters("order_flow_imbalance", window=100)) == (
        "no signal: it needs 100 s of data without a gap",
    )
    assert notes(SETTINGS["quantile"]) == ("no threshold yet: it needs 60 s of data without a gap",)
    shallow = obi.simulate(seconds=5, seed=1, levels=5)
    assert "reaches beyond the 5 levels kept" in notes(Parameters(depth=20), shallow)[0]


def test_a_line_has_its_columns_and_no_letter_beyond_ascii_but_the_sign():
    maker = RowMaker(SETTINGS["imbalance"])
    head = row_texts.line(row_texts.HEAD)
    seen = set()
    schedule = Schedule(1.0)
    for end in schedule.ends(HISTORY):
        maker.follow(HISTORY[:end])
        row = maker.row()
        text = row_texts.line(row_texts.cells(row, maker.parameters))
        assert text.replace("⚠", "").isascii()
        assert ("⚠" in text) == row.beyond
        assert text[head.index("label") :].startswith(row.label)
        assert float(text.split()[3]) == pytest.approx(row.imbalance, abs=5e-4)
        seen.add(row.label)
    assert seen == {"BUYING", "SELLING", "NEUTRAL"}


def test_objects_are_json_with_null_for_what_is_not_known():
    maker = RowMaker(Parameters("order_flow_imbalance", window=100, threshold=1.0))
    maker.follow(HISTORY[:50])
    found = json.loads(json.dumps(row_texts.row_object(maker.row()), allow_nan=False))
    assert found["signal"] is None
    assert found["label"] is None
    assert found["time_ns"] == HISTORY.time[49]
    assert np.datetime64(found["time"][:-1], "ns").astype(int) == HISTORY.time[49]
    alert = RowMaker(SETTINGS["imbalance"]).follow(HISTORY)[0]
    assert row_texts.alert_object(alert)["side"] in (-1, 1)
    text = row_texts.alert_text(alert, SETTINGS["imbalance"])
    assert f"⚠ imbalance went {'above 0.15' if alert.side > 0 else 'below -0.15'}: " in text
