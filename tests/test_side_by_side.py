"""Signals side by side without a browser: what the sheet says, and what a notebook shows."""

from __future__ import annotations

import json

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.errors import ArgumentError
from obi_widgets.presentation.still.still import written
from obi_widgets.presentation.tear_sheet.side_by_side import sheet, still_of
from obi_widgets.widgets.reachability import registry
from obi_widgets.widgets.side_by_side import shown

HORIZONS = (1.0, 5.0, 60.0)


@pytest.fixture(scope="module")
def tape():
    return obi.simulate("sim:BTC-PERP", seconds=600, seed=3, edge=3)


@pytest.fixture(scope="module")
def found(tape):
    given = {
        "imbalance": "imbalance",
        "again": obi.Settings(decay=0.11),
        "noise": np.random.default_rng(1).normal(size=len(tape)),
        "one": np.ones(len(tape)),
    }
    return obi.compare(tape, given, horizons=HORIZONS)


def test_figures_are_those_of_the_comparison(found):
    made = sheet(found)
    assert [row["name"] for row in made["rows"]] == ["Imbalance", "Again", "Noise", "One"]
    for at, row in enumerate(made["rows"]):
        for index in range(3):
            for cells, value, p in (
                (row["ic"], found.rank_ic, found.p_adjusted),
                (row["adds"], found.adds, found.of_all(found.incremental_p_adjusted)),
            ):
                if np.isnan(value[at, index]):
                    assert cells[index]["text"] == "–"
                    assert cells[index]["at"] is None
                    continue
                said = float(cells[index]["text"].replace("−", "-"))
                assert said == pytest.approx(value[at, index], abs=0.0051)
                assert cells[index]["told"] == (p[at, index] < 0.05)
    assert made["looks"].startswith("12 coefficients are looked at")
    assert made["spans"] == ["599 spans", "119 spans", "9 spans"]
    assert [cell["pale"] for cell in made["rows"][0]["ic"]] == [False, False, True]


def test_places_are_in_the_order_of_the_figures(found):
    cells = [row["ic"][1] for row in sheet(found)["rows"][:3]]
    for one in cells:
        assert 0 <= one["low"] < one["at"] < one["high"] <= 1
    order = np.argsort(found.rank_ic[:3, 1])
    assert np.argsort([one["at"] for one in cells]).tolist() == order.tolist()
    curves = sheet(found)["curves"]
    assert curves["x"] == [0.0, pytest.approx(np.log(5) / np.log(60), abs=1e-4), 1.0]
    assert curves["few"] == 2
    assert curves["chosen"] == [0, 1]


def test_the_verdicts_say_what_was_found(found):
    made = sheet(found)
    says = [row["verdict"][0] for row in made["rows"]]
    assert says[0][:2] == ("✓", "adds")
    assert says[1][:2] == ("≈", "repeats 1")
    assert says[2][:2] == ("?", "not shown")
    assert says[3] == ("–", "left out", "it is always 1")
    said = made["verdicts"][0]
    assert said["word"] == "✓ 1 of 4 adds"
    assert "tells something of its own about the next 1 s: Imbalance." in said["text"]
    assert "obi.calibrate counts the costs" in said["text"]
    framed = [[cell["framed"] for cell in row] for row in made["matrix"]["cells"]]
    assert framed == [[], [True], [False, False]]


def test_where_nothing_is_told_it_is_said(tape):
    noise = np.random.default_rng(2).normal(size=(2, len(tape)))
    made = sheet(obi.compare(tape, {"a": noise[0], "b": noise[1]}, horizons=[5.0]))
    assert made["verdicts"][0]["word"] == "✕ None adds"
    assert "does not show that none does" in made["verdicts"][0]["text"]


def test_one_signal_is_not_held_against_others(tape):
    made = sheet(obi.compare(tape, ["imbalance"], horizons=HORIZONS))
    assert made["alone"]
    assert made["matrix"] is None
    assert made["rows"][0]["verdict"][1][1] == "significant"
    assert made["verdicts"][1]["word"] == "✓ 1 of 1 tells"


@pytest.mark.parametrize("states", [0, 1, 50])
def test_a_short_record_has_a_sheet_of_json(tape, states):
    made = sheet(obi.compare(tape[:states], ["imbalance", "queue_imbalance"], horizons=[1.0]))
    assert json.loads(json.dumps(made, allow_nan=False))["rows"][0]["number"] == "1"
    assert {one["word"] for one in made["verdicts"]} <= {"? Too short"}


@pytest.mark.parametrize("horizons", [(1.0,), (1, 2, 5, 10, 20, 30, 60)])
def test_the_table_has_the_judged_horizon_and_at_most_four(tape, horizons):
    made = sheet(obi.compare(tape, ["imbalance", "queue_imbalance"], horizons=horizons))
    assert json.dumps(made, allow_nan=False)
    for judged, columns in enumerate(made["columns"]):
        assert judged in columns
        assert columns == sorted(set(columns))
        assert len(columns) == min(len(horizons), 4)


def test_the_still_picture_has_every_figure(found):
    text = written(still_of(found))
    for row in sheet(found)["rows"]:
        assert row["name"] in text["text/html"]
    assert "repeats 1" in text["text/plain"]
    made = sheet(found)
    assert made["verdicts"][made["judged"]]["word"] in text["text/plain"]


def test_a_notebook_shows_the_widget_and_the_text():
    history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    comparison = obi.compare(history, ["imbalance", "queue_imbalance"], horizons=[1])
    bundle = shown(comparison)
    view = bundle["application/vnd.jupyter.widget-view+json"]
    registry()[view["model_id"]].close()
    assert bundle["text/plain"] == repr(comparison)


def test_what_is_no_comparison_is_refused():
    with pytest.raises(ArgumentError, match=r"obi\.compare"):
        obi.ComparisonWidget("imbalance")
