"""Texts of what the entries came to, of one and of two settings."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace
from session_tools import View, following, wait_for

import obi_widgets as obi
from obi_widgets.calibration.difference import Difference
from obi_widgets.presentation.texts.outcome import name_of, outcome
from obi_widgets.trading.trade_list import Results

NAN = float("nan")
TRIED = " 95 % interval, allowing for 7 settings tried."
TOO_FEW = "Too few entries to tell A from B, or either from chance."
A_MORE = "A earns 11.00 more an entry than B: A − B is"
B_MORE = "B earns 4.00 more an entry than A: A − B is"
APART = "A and B cannot be told apart:"


@pytest.fixture(scope="module")
def frame():
    """A frame with B; the tests set the figures that they are about."""
    view = View()
    with following("sim:BTC-PERP", view, seed=3, warmup=30) as session:
        session.compare_with(obi.Settings(hold_seconds=30))
        wait_for(lambda: view.frames and view.frames[-1].other and view.frames[-1].states > 200)
        return view.frames[-1]


def results(entries, net=-8.0):
    return Results(entries, 0.75, 1.57, net, 2.0)


def compared(frame, difference, entries=(40, 50), **changes):
    other = dataclasses.replace(
        frame.other, difference=difference, results=results(entries[1]), tried=7
    )
    return outcome(replace(frame, results=results(entries[0], 3.0), other=other, **changes))


def test_alone_it_is_what_it_was(frame):
    alone = outcome(replace(frame, other=None))
    assert alone["other"] == ""
    assert [row[0] for row in alone["rows"]] == [
        "entries", "won, before costs", "mean, before fees", "mean, after 2 × 5 bps"
    ]  # fmt: skip
    assert all(len(row) == 3 for row in alone["rows"])


def test_no_entry_with_a_gate_on_says_what_may_be_the_reason(frame):
    """A gate that looks back over hours is closed for hours, and the figures are dashes."""
    none = Results(0, NAN, NAN, NAN, NAN)
    alone = replace(frame, other=None, results=none)
    assert outcome(alone)["note"] == ""
    gated = replace(alone, parameters=frame.parameters.replace(gates=["conflict"]))
    assert "closed also while too little is known" in outcome(gated)["note"]


def test_both_stand_side_by_side(frame):
    found = compared(frame, Difference(11.0, 2.0, 20.0, 0.95))
    assert found["other"] == "hold 30 s"
    assert found["rows"] == [
        ["entries", "40", "", "50"],
        ["won, before fees", "75 %", "", "75 %"],
        ["mean, before fees", "+1.57", "", "+1.57"],
        ["95 % interval", "± 3.92", "", "± 3.92"],
        ["mean, after fees", "+3.00", "good", "−8.00"],
        ["break-even, a side", "+0.79", "", "+0.79"],
    ]


@pytest.mark.parametrize(
    ("difference", "entries", "said"),
    [
        (Difference(11, 2, 20, 0.99), (40, 50), f"{A_MORE} +2.00 to +20.00,{TRIED}"),
        (Difference(-4, -6, -2, 0.99), (40, 50), f"{B_MORE} −6.00 to −2.00,{TRIED}"),
        (Difference(1, -2, 4, 0.99), (40, 50), f"{APART} A − B is −2.00 to +4.00,{TRIED}"),
        (Difference(1, NAN, NAN, 0.99), (14, 9), TOO_FEW),
        (Difference(1, NAN, NAN, 0.99), (40, 50), "The record is too short to tell A from B."),
        (Difference(NAN, NAN, NAN, 0.99), (0, 0), TOO_FEW),
    ],
)  # fmt: skip
def test_the_difference_is_put_in_words(frame, difference, entries, said):
    assert compared(frame, difference, entries)["note"] == f"In bps. {said}"


def test_few_entries_have_no_interval_and_a_count_of_those_won(frame):
    rows = compared(frame, Difference(1, NAN, NAN, 0.95), (8, 50))["rows"]
    assert rows[1][1:] == ["6 of 8", "", "75 %"]
    assert rows[3][1:] == ["–", "", "± 3.92"]


def test_the_same_settings_are_said_to_be_the_same(frame):
    other = dataclasses.replace(frame.other, parameters=frame.parameters)
    found = outcome(replace(frame, other=other))
    assert found["other"] == "the same"
    assert found["note"] == "B has these settings. Change one, and compare."


def test_trouble_of_b_is_told(frame):
    found = outcome(replace(frame, other=dataclasses.replace(frame.other, trouble="It failed.")))
    assert found["note"] == "B: It failed."


def test_a_hold_that_is_too_short_for_the_history_has_no_figures(frame):
    parameters = frame.parameters.replace(hold_seconds=0.1)
    rows = compared(frame, Difference(1, 0, 2, 0.95), parameters=parameters)["rows"]
    assert {row[1] for row in rows} == {"–"}
    assert rows[0][3] == "50"


A = obi.Parameters()


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (A, "the same"),
        (A.replace(hold_seconds=30), "hold 30 s"),
        (A.replace(depth=None), "depth all levels"),
        (A.replace(weighting="notional"), "weighting notional"),
        (A.replace(decay=0.2, threshold=0.5, hold_seconds=5), "decay 0.20 /bp, threshold 0.50 +1"),
        (A.replace(threshold_is="quantile", threshold=0.4), "quantile"),
        (obi.Parameters("order_flow_imbalance"), "Order flow imbalance"),
    ],
)
def test_b_is_named_by_what_differs(other, name):
    assert name_of(other, A) == name
