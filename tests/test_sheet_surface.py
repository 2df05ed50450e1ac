"""What is shown of a surface: every figure is that of the entries, by part of the record."""

from __future__ import annotations

import json
import re

import known_market
import numpy as np
import pandas as pd
import pytest

import obi_widgets as obi
from obi_widgets.presentation.tear_sheet.tear_sheet_surface import of_proposal, of_surface
from obi_widgets.presentation.texts.formatting import NOTHING, won
from obi_widgets.session.background_calibration import axes

MINUS = "\N{MINUS SIGN}"
NAMES = ["all", "in sample", "held out"]


def swept(history, settings):
    thresholds, holds = axes(settings.parameters)
    return obi.sweep(history, settings=settings, threshold=thresholds, hold_seconds=holds)


def shown(history, settings, *, now=None):
    """Return a sheet of one setting's surface while the settings are others already."""
    report = obi.calibrate(history, now or settings)
    return of_surface(swept(history, settings), report, stale=now is not None)


@pytest.fixture(scope="module")
def history():
    return known_market.history(1800, edge=2.0, seed=4)


@pytest.fixture(scope="module")
def sheet(history):
    return shown(history, obi.Settings(threshold=0.37, hold_seconds=12))


def tip(trades):
    mean = f"{trades.gross_bps.mean():+.2f}".replace("-", MINUS)
    half = 1.96 * trades.gross_bps.std() / len(trades) ** 0.5
    won = f"{100 * (trades.gross_bps > 0).mean():.0f} % won"
    return f"{mean} ± {half:.2f} bps, {len(trades):,} trades, {won}"


def test_the_settings_own_cell_is_there_exactly(sheet):
    i, j = sheet["here"]
    assert sheet["x"] == ["0.1", "0.2", "0.3", "0.37", "0.5", "0.6", "0.7", "0.8", "0.9"]
    assert sheet["y"] == ["1 s", "2 s", "5 s", "12 s", "20 s", "30 s", "60 s"]
    assert (sheet["x"][i], sheet["y"][j]) == ("0.37", "12 s")
    assert (sheet["values"][0][i], sheet["values"][1][j]) == (0.37, 12.0)
    json.dumps(sheet, allow_nan=False)


def test_tips_are_of_the_trades_before_the_time_held_out_and_in_it(history, sheet):
    i, j = sheet["here"]
    trades = obi.entries(history, obi.Settings(threshold=0.37, hold_seconds=12))
    trades = trades[trades.ended == "held"]
    first, last = history.time[0], history.time[-1]
    cut = pd.Timestamp(int(first + 0.7 * (last - first)), tz="UTC")
    parts = [trades, trades[trades.exit_time < cut], trades[trades.entry_time >= cut]]
    assert [part["name"] for part in sheet["parts"]] == NAMES
    assert [part["tips"][i][j] for part in sheet["parts"]] == [tip(part) for part in parts]
    assert len({part["tips"][i][j] for part in sheet["parts"]}) == 3


def test_each_part_says_what_it_is_of(sheet):
    assert [part["about"] for part in sheet["parts"]] == [
        "All trades, also those that are open when the held-out time begins",
        "Trades that ended before the last 30 % of the time: use these to choose settings",
        "Trades made in the last 30 % of the time: "
        "use these to judge settings that were chosen before",
    ]


def test_colours_of_all_parts_are_on_one_scale(history, sheet):
    surface = swept(history, obi.Settings(threshold=0.37, hold_seconds=12))
    of_all = np.where(surface.entries >= 5, surface.mean_gross_bps, np.nan)[0, 0]
    most = np.nanmax(np.abs(of_all))
    assert sheet["legend"] == (
        f"{MINUS} loses, {MINUS}{most:.1f} or less",
        f"+ makes, +{most:.1f} or more",
    )
    for part, one in zip(
        sheet["parts"], (surface, surface.in_sample, surface.out_of_sample), strict=True
    ):
        wanted = np.clip(np.where(one.entries >= 5, one.mean_gross_bps, np.nan)[0, 0] / most, -1, 1)
        cells = np.array(part["cells"], dtype=float)
        assert np.allclose(cells, wanted, atol=6e-4, equal_nan=True)
        assert np.isnan(cells).any() == (one.entries < 5).any()
    assert np.nanmax(np.abs(np.array(sheet["parts"][0]["cells"], dtype=float))) == 1


def test_a_cell_of_a_handful_of_trades_is_empty_and_says_so():
    history = known_market.history(60, seed=2)
    everything, _, held_out = shown(history, obi.Settings(threshold=0.985))["parts"]
    assert everything["cells"][8][6] is None
    assert everything["cells"][0][0] is not None
    assert everything["tips"][8][6] == "no trade"
    pairs = [
        (cell, tip)
        for cells, tips in zip(held_out["cells"], held_out["tips"], strict=True)
        for cell, tip in zip(cells, tips, strict=True)
    ]
    few = [cell for cell, tip in pairs if re.search(r" bps, (1 trade|[2-4] trades), ", tip)]
    assert few
    assert set(few) == {None}
    assert all(cell is not None for cell, tip in pairs if re.search(r" \d\d trades, ", tip))
    assert any(re.match(r"\S+ bps, 1 trade, ", tip) for _, tip in pairs), "one has no interval"
    assert not any("± –" in tip for _, tip in pairs)


def test_without_any_trade_there_is_no_scale():
    sheet = shown(known_market.history(10, seed=2)[:2], obi.Settings())
    assert sheet["legend"] == (f"{MINUS} loses", "+ makes")
    assert {cell for part in sheet["parts"] for column in part["cells"] for cell in column} == {
        None
    }


@pytest.mark.parametrize(
    ("now", "here"),
    [
        (obi.Settings(threshold=0.7, hold_seconds=5), (6, 2)),
        (obi.Settings(threshold=0.45), (3, 4)),
        (obi.Settings(threshold=0.7, hold_seconds=3), (3, 4)),
    ],
    ids=["a cell of it", "none of its thresholds", "none of its holds"],
)
def test_settings_that_have_a_cell_in_the_surface_before_are_shown_there(history, now, here):
    sheet = shown(history, obi.Settings(), now=now)
    assert sheet["stale"]
    assert sheet["here"] == here


@pytest.mark.parametrize(
    ("share", "count", "text"),
    [(np.nan, 0, NOTHING), (1.0, 1, "1 of 1"), (2 / 7, 7, "2 of 7"), (0.5, 30, "50 %")],
)
def test_of_few_trades_there_is_no_percentage(share, count, text):
    assert won(share, count) == text


def test_what_is_proposed_is_said_and_can_be_taken_unless_it_is_there(history):
    free = obi.Settings(price="mid", fee_bps=0)
    proposal = obi.propose(history, settings=free)
    p = proposal.settings
    shown = of_proposal(proposal, obi.calibrate(history, free))
    assert shown["take"] == [p.threshold, p.hold_seconds]
    assert shown["sentence"] == proposal.sentence.replace(" -", f" {MINUS}")
    assert of_proposal(proposal, obi.calibrate(history, p))["take"] is None
    none = obi.propose(history)
    assert of_proposal(none, obi.calibrate(history, free)) == {
        "sentence": none.sentence, "take": None,
    }  # fmt: skip
    assert of_proposal(None, obi.calibrate(history, free)) == {"sentence": "", "take": None}
    json.dumps(shown, allow_nan=False)


@pytest.mark.parametrize(
    ("chosen", "across", "columns"),
    [
        ({}, "threshold", ["0.2", "0.4"]),
        ({"signal": "zscore(imbalance)", "window": 5}, "threshold in sd", ["0.2", "0.4"]),
        (
            {"threshold_is": "quantile", "quantile_window": 10},
            "threshold, a quantile of the signal",
            ["0.2", "0.4"],
        ),
    ],
)
def test_a_surface_of_any_signal_says_what_lies_across(history, chosen, across, columns):
    settings = obi.Settings(**chosen, threshold=0.4, hold_seconds=5)
    surface = obi.sweep(history, settings=settings, threshold=[0.2, 0.4], hold_seconds=[1, 5])
    report = obi.calibrate(history, settings, horizons=[1, 5])
    sheet = of_surface(surface, report, stale=False)
    assert (
        sheet["about"] == f"Mean return per trade before fees, by {across} (across) and hold (up)"
    )
    assert (sheet["x"], sheet["here"]) == (columns, (1, 1))
    entries = surface.entries.reshape(2, 2)
    assert entries.min() > 5
    for column, row in ((0, 0), (1, 1)):
        assert f"{entries[column, row]:,} trades" in sheet["parts"][0]["tips"][column][row]
