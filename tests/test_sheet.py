"""What calibration shows: every figure is the report's, every text is there."""

from __future__ import annotations

import dataclasses
import json

import known_market
import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.calibration.result import CalibrationResult
from obi_widgets.market_data.events import Instrument
from obi_widgets.presentation.tear_sheet.tear_sheet import (
    COLUMNS,
    WAITING,
    SheetMaker,
    needed,
    nothing,
    pending,
    rows,
    span,
    ticks,
    trust,
)
from obi_widgets.presentation.texts.formatting import signed
from obi_widgets.session.background_calibration import axes

BTC = Instrument("sim", "BTC-PERP", "Simulator", "USDT", 0.1)
MINUS = "\N{MINUS SIGN}"


def found(history, settings=None, *, tried=1, selected=None):
    settings = settings or obi.Settings()
    thresholds, holds = axes(settings.parameters)
    return CalibrationResult(
        obi.calibrate(history, settings, tried=tried),
        obi.sweep(history, settings=settings, threshold=thresholds, hold_seconds=holds),
        stale=False,
        selected=selected,
    )


@pytest.fixture(scope="module")
def answer():
    return found(known_market.history(1800, edge=2.0, seed=4), tried=12)


@pytest.fixture(scope="module")
def sheet(answer):
    return SheetMaker().make(answer, BTC)


def test_the_verdict_is_the_headline_with_a_sign_that_is_no_colour(sheet, answer):
    assert (sheet["word"], sheet["sign"], sheet["tone"]) == ("Not viable", "✕", "bad")
    assert sheet["reason"] == signed(answer.report.reason)
    assert sheet["span"] == "BTC-PERP · 22:13:20–22:43:19 UTC · 30 min"
    assert not sheet["selected"]


@pytest.mark.parametrize(
    ("settings", "word", "sign"),
    [
        (obi.Settings(price="mid", fee_bps=0), "Viable", "✓"),
        (obi.Settings(threshold=1.0), "Not enough data", "?"),
    ],
)
def test_each_verdict_has_its_sign(settings, word, sign):
    sheet = SheetMaker().make(found(known_market.history(1800, edge=2.0, seed=4), settings), BTC)
    assert (sheet["word"], sheet["sign"]) == (word, sign)
    json.dumps(sheet, allow_nan=False)


def test_the_table_says_what_the_report_says(sheet, answer):
    table = answer.report.table
    assert [name for name, _ in COLUMNS] == [
        "horizon", "n", "n eff.", "mean, bps", "95 %", "t", "t, naive", "rank IC",
        "hold-out", "p, corr.", "net, bps",
    ]  # fmt: skip
    for texts, (seconds, row) in zip(sheet["rows"], table.iterrows(), strict=True):
        half = (row.ci_high - row.ci_low) / 2
        traded = answer.report.as_traded.loc[seconds]
        p = "<0.001" if traded.p_adjusted < 0.001 else f"{traded.p_adjusted:.3f}"
        figures = [
            f"{seconds:g} s", f"{row.n:,.0f}", f"{row.n_eff:,.0f}", f"{row.mean_bps:+.2f}",
            f"± {half:.2f}", f"{row.t_hodrick:.1f}", f"{row.t_naive:.1f}",
            f"{row.rank_ic:+.2f}", f"{traded.out_of_sample_bps:+.2f}", p, f"{traded.net_bps:+.2f}",
        ]  # fmt: skip
        assert texts == [text.replace("-", MINUS) for text in figures]


def test_what_is_lost_by_the_hundred_takes_no_decimals():
    history = known_market.history(300, edge=2.0, seed=4)
    report = found(history, obi.Settings(fee_bps=80)).report
    assert rows(report)[0][-1].startswith(f"{MINUS}1")
    assert all("." not in texts[-1] for texts in rows(report))


def test_how_far_to_trust_it(answer):
    report = answer.report
    at = report.judgement.horizon
    there = f"{report.horizons[at]:g}\N{NO-BREAK SPACE}s"
    facts = {what: value for what, value, _ in trust(report)}
    assert facts["states"] == "18,000"
    assert facts["settings tried"] == "12"
    assert facts[f"independent at {there}, about"] == f"{report.means.n_eff[at, 0]:,.0f}"
    assert facts["episodes"] == f"{len(report.episodes):,}"
    assert facts["break-even, each side"] == f"{report.break_even_bps:.2f} bps"
    net = report.traded_out_of_sample.net_bps[at]
    assert facts["hold-out (last 30 %), net bps"].startswith(signed(f"{net:+.2f} ± "))
    assert all(tip for _, _, tip in trust(report))


def test_the_sheet_says_what_more_data_would_show():
    history = known_market.history(1800, edge=2.0, seed=4)
    sure = found(history, obi.Settings(price="mid", fee_bps=0)).report
    assert sure.verdict == "viable"
    assert needed(sure) == ("to confirm the edge", sure.seconds)
    costly = found(history).report
    which, seconds = needed(costly)
    assert which == "to detect an edge that pays"
    assert seconds == costly.seconds_needed(costly.cost_bps[costly.judgement.horizon])
    near = found(history, obi.Settings(price="mid", fee_bps=0.2)).report
    assert near.verdict == "not enough data"
    which, seconds = needed(near)
    assert which == "to confirm the edge"
    assert seconds == near.seconds_needed(near.weakest_bps(near.judgement.horizon))
    assert seconds > near.seconds
    facts = {what: value for what, value, _ in trust(near)}
    assert facts["data to confirm the edge"].endswith(" more")
    assert " longer would show it in four of five cases" in near.reason


def test_lines_stand_where_their_values_are(sheet, answer):
    report, chart = answer.report, sheet["returns"]
    zero = next(place for place, text in chart["ticks"] if text == "0")
    mean = report.means.mean_bps[:, 0]
    for place, value in zip(chart["mean"], mean, strict=True):
        assert (place < zero) == (value > 0), "up is +"
    assert chart["x"] == sorted(chart["x"])
    assert (chart["x"][0], chart["x"][-1]) == (0, 1)
    assert chart["labels"] == ["1", "2", "5", "10", "20", "30", "60"]
    low, high = chart["band"]
    inner, outer = chart["naive"]
    assert all(a >= b for a, b in zip(low, high, strict=True))
    assert all(a >= b for a, b in zip(inner, outer, strict=True))
    assert "Trading costs" in chart["note"]
    assert "Dotted" in chart["note"]


def test_the_cost_is_drawn_where_it_is_in_sight():
    history = known_market.history(1800, edge=2.0, seed=4)
    inside = SheetMaker().make(found(history, obi.Settings(price="mid", fee_bps=0.1)), BTC)
    assert 0 < inside["returns"]["cost"] < 1
    assert inside["returns"]["note"].endswith("Trading costs 0.2 bps.")
    outside = SheetMaker().make(found(history, obi.Settings(fee_bps=50)), BTC)
    assert outside["returns"]["cost"] is None
    assert outside["returns"]["note"].endswith("outside this chart.")


def test_the_name_of_the_cost_stands_where_the_line_is_farther_away():
    history = known_market.history(1800, edge=2.0, seed=4)
    sheet = SheetMaker().make(found(history, obi.Settings(price="mid", fee_bps=0.1)), BTC)
    returns = sheet["returns"]
    places = [place for place in returns["mean"] if place is not None]
    first, last = (abs(places[end] - returns["cost"]) for end in (0, -1))
    assert returns["cost_last"] == (first < last)


def test_where_there_is_no_interval_none_is_shown():
    history = known_market.history(45, seed=2)
    found_rows = rows(found(history, obi.Settings(threshold=0.4)).report)
    assert any(row[4].startswith("± ") for row in found_rows)
    assert any(row[4] == "\N{EN DASH}" for row in found_rows)
    assert not any("± \N{EN DASH}" in text for row in found_rows for text in row)


def test_deciles_rise_with_the_imbalance_where_there_is_an_edge(sheet, answer):
    chart = sheet["deciles"]
    assert chart["title"].endswith(" s return by decile of imbalance, bps")
    assert chart["texts"][0].startswith(MINUS)
    assert chart["texts"][-1].startswith("+")
    assert chart["at"][0] > chart["zero"] > chart["at"][-1]
    assert len(chart["tips"]) == 10


def test_what_is_waited_for_is_said_as_it_is(answer):
    assert pending(0, compiling="Compiling.") == WAITING
    assert pending(3, compiling="Compiling book.") == "Compiling book."
    assert pending(3, compiling="") == "Calculating."
    assert SheetMaker().make(None, BTC, pending(3, compiling="")) == nothing("Calculating.")
    assert SheetMaker().make(answer, BTC, "Calculating.")["pending"] == ""
    without = dataclasses.replace(answer, surface=None)
    assert SheetMaker().make(without, BTC, "Calculating.")["pending"] == "Calculating."


def test_without_data_it_says_what_it_waits_for_and_of_trouble_what_to_do():
    assert SheetMaker().make(None, BTC) == nothing(WAITING)
    assert WAITING == "Waiting for data. A verdict needs a few minutes of book states."
    error = CalibrationResult(None, None, stale=True, selected=None, error="It broke. Mend it.")
    assert SheetMaker().make(error, BTC) == nothing("It broke. Mend it.", bad=True)


@pytest.mark.parametrize("states", [1, 2, 10, 50])
def test_a_record_that_is_too_short_is_no_error(states):
    sheet = SheetMaker().make(found(known_market.history(10, seed=2)[:states]), BTC)
    assert sheet["word"] == "Not enough data"
    json.dumps(sheet, allow_nan=False)


def test_the_axes_stay_while_they_fit():
    maker = SheetMaker()
    history = known_market.history(1800, edge=2.0, seed=4)
    whole = maker.make(found(history), BTC)
    later = maker.make(found(history[:17_900]), BTC)
    for chart in ("returns", "ic"):
        assert whole[chart]["ticks"] == later[chart]["ticks"]


def test_a_span_of_several_days_has_dates():
    history = known_market.history(1800, edge=2.0, seed=4)
    time = history.time.copy()
    time[9000:] += 5 * 3600 * 10**9
    sides = [history.prices(+1), history.sizes(+1), history.prices(-1), history.sizes(-1)]
    night = obi.History.from_arrays(time, *sides, tick_size=0.1)
    text = span(obi.calibrate(night, obi.Settings()), BTC)
    assert text == "BTC-PERP · Nov 14 22:13:20–Nov 15 03:43:19 UTC · 5.5 h"


def test_numbers_have_true_minus_signs_and_hyphens_stay():
    assert (
        signed("At -0.31 bps, hold-out -2: x-3.") == f"At {MINUS}0.31 bps, hold-out {MINUS}2: x-3."
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-2.0, 2.5, [-2, -1, 0, 1, 2]), (0.0, 0.1, [0, 0.02, 0.04, 0.06, 0.08, 0.1]), (1.0, 1.0, [])],
)
def test_ticks_are_round(low, high, expected):
    values, decimals = ticks(low, high)
    assert np.allclose(values, expected)
    assert all(float(f"{one:.{decimals}f}") == pytest.approx(one) for one in values)
