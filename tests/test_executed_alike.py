"""Latency, slippage limit, size and fees of the settings: every part of the product uses them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import obi_widgets as obi
from obi_widgets.calibration.executed_returns import how_filled
from obi_widgets.calibration.track_record import worst
from obi_widgets.errors import SettingsError
from obi_widgets.session.trials import Tried
from obi_widgets.settings.parameters import Parameters

Z = {"signal": "zscore(imbalance)", "window": 20.0, "threshold": 1.5}
EXECUTIONS = (
    {"latency_ms": 250}, {"size": 2.0}, {"latency_ms": 120, "slippage_bps": 0.5, "size": 1.0}
)  # fmt: skip


# -- fills -------------------------------------------------------------------------------------


@pytest.mark.parametrize("execution", EXECUTIONS, ids=str)
@pytest.mark.parametrize("signal", [{}, Z], ids=["imbalance", "zscore"])
def test_fills_are_the_entries(history, signal, execution):
    """Of any signal, and by a taker that is given as well as by the settings."""
    settings = obi.Settings(**signal, **execution, hold_seconds=5, fee_bps=3)
    entries = obi.entries(history, settings)
    frame = obi.fills(history, settings)
    taker = obi.Taker(
        execution.get("latency_ms", 0) / 1e3, execution.get("slippage_bps"), 3,
        execution.get("size"),
    )  # fmt: skip
    plain = obi.Settings(**signal, hold_seconds=5)
    pd.testing.assert_frame_equal(frame, obi.fills(history, plain, taker))
    frame = frame.iloc[: len(entries)]  # without an order that is still on its way
    for name in ("side", "entry_price", "exit_time", "exit_price", "net_bps", "ended"):
        pd.testing.assert_series_equal(frame[name], entries[name])
    waited = (entries["entry_time"] - frame["decision_time"]).dt.total_seconds()
    assert (waited >= execution.get("latency_ms", 0) / 1e3).all()
    cancelled = frame["status"] == "cancelled"
    assert (cancelled == (entries["ended"] == "unfilled")).all()
    assert frame["entry_time"].isna()[cancelled].all()
    assert len(entries) > 5


def test_an_order_on_its_way_at_the_end_is_a_row_of_fills_alone(history):
    settings = obi.Settings(latency_ms=5_000)
    first = obi.fills(history, settings)["decision_time"].iloc[0]
    some = history[: int(np.searchsorted(history.time, first.value)) + 2]
    frame = obi.fills(some, settings)
    assert frame[["ended", "status"]].to_numpy().tolist() == [["open", "open"]]
    assert frame["decision_time"].tolist() == [first]
    assert frame[["entry_time", "entry_price", "filled", "exit_time"]].isna().all(axis=None)
    assert obi.entries(some, settings).empty


# -- fees --------------------------------------------------------------------------------------


def test_fees_of_a_venue_are_its_own():
    settings = obi.Settings(fees="bybit")
    assert settings.fee_bps == obi.fees("bybit").taker_bps == 5.5
    settings.fees = "okx"
    assert settings.fee_bps == 5.0
    settings.fee_bps = 4.0  # a number takes the place of the venue's
    assert (settings.fees, settings.parameters.fee_bps) == ("okx", 4.0)
    settings.fees = "own"
    assert settings.fee_bps == 4.0
    assert obi.Settings(fees="bybit", fee_bps=1).fee_bps == 1
    assert obi.Settings().fee_bps == 5.0
    assert Parameters(fees="bybit", hold_seconds=3).replace(fees="hyperliquid").fee_bps == 4.5
    assert Parameters(fees="bybit").replace(fees="hyperliquid", fee_bps=2).fee_bps == 2


def test_fees_of_no_venue_are_refused():
    with pytest.raises(SettingsError) as error:
        obi.Settings(fees="nowhere")
    assert "fees = 'nowhere' is not possible. Give 'own' or 'binance'" in str(error.value)


@pytest.mark.parametrize("ending", [".toml", ".json"])
def test_a_file_keeps_fees(tmp_path, ending):
    for given in (obi.Settings(fees="bybit"), obi.Settings(fees="bybit", fee_bps=1.5)):
        kept = obi.Settings.load(given.save(tmp_path / f"settings{ending}"))
        assert kept == given
        assert (kept.fees, kept.fee_bps) == (given.fees, given.fee_bps)
        other = obi.Settings()
        other.update(given)
        assert other == given


def test_fees_are_no_axis(history):
    with pytest.raises(SettingsError) as error:
        obi.sweep(history, fees=["own"])
    assert "A fee moves all means alike: give it in settings." in str(error.value)


def test_entries_sweep_and_verdict_pay_them(history):
    settings = obi.Settings(fees="hyperliquid", threshold=0.3, hold_seconds=5)
    entries = obi.entries(history, settings)
    np.testing.assert_allclose((entries["gross_bps"] - entries["net_bps"]).dropna(), 9.0)
    surface = obi.sweep(history, settings=settings)
    np.testing.assert_allclose(surface.mean_gross_bps - surface.mean_net_bps, 9.0)
    table = obi.calibrate(history, settings).as_traded
    np.testing.assert_allclose((table["gross_bps"] - table["net_bps"]).dropna(), 9.0)


# -- orders that are not filled ------------------------------------------------------------------

MISSES = obi.Settings(
    threshold=0.3, hold_seconds=2, latency_ms=150, slippage_bps=0.1, size=2, fee_bps=1
)
AT_ONCE = MISSES.parameters.replace(latency_ms=0, slippage_bps=None, size=None)


def test_each_cell_of_a_surface_has_its_misses_in_the_part_where_they_were(history):
    surface = obi.sweep(history, settings=MISSES, threshold=[0.2, 0.6], hold_seconds=[1, 4])
    cut = history.time[0] + int(0.7 * (history.time[-1] - history.time[0]))
    for at in np.ndindex(surface.missed.shape):
        frame = obi.entries(history, surface.settings(at))
        times = frame.loc[frame["ended"] == "unfilled", "entry_time"].astype("int64")
        assert surface.missed[at] == len(times) > 0
        assert surface.in_sample.missed[at] + surface.out_of_sample.missed[at] == len(times)
        assert 0 < abs(surface.out_of_sample.missed[at] - (times >= cut).sum()) + 1 < 4
    assert surface.to_frame()["missed"].tolist() == surface.missed.ravel().tolist()
    assert not obi.sweep(history).missed.any()  # filled at once


def test_a_report_tells_of_misses(history):
    report = obi.calibrate(history, MISSES)
    table = report.as_traded
    assert (table["missed"] > 0).all()
    found, plain = table["n"] + table["missed"], obi.calibrate(history, AT_ONCE).as_traded
    assert (found <= plain["n"]).all()  # of some the exit is not known, as it comes later
    assert (found >= plain["n"] - 30).all()
    assert not plain["missed"].any()
    assert any("were not filled. They are not counted as trades." in note for note in report.notes)
    assert "not filled" in report._repr_html_()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "at once at the touch, without latency"),
        ({"price": "mid"}, "at once at mid, where no order is sure to be filled, without latency"),
        ({"latency_ms": 20, "size": 2, "slippage_bps": 1}, "through the levels, 2 base units an "
         "order, up to 1 bps beyond the touch at decision, after a latency of 20 ms"),
    ],
)  # fmt: skip
def test_a_verdict_says_how_orders_are_filled(changes, says):
    assert how_filled(Parameters(**changes)) == says


# -- choosing, and judging once more -------------------------------------------------------------


def test_a_sealed_test_judges_the_entries_and_counts_misses(history, tmp_path):
    since = pd.Timestamp(int(history.time[499]), tz="UTC")
    test = obi.sealed_test(history, MISSES, after=since)
    frame = obi.entries(history[500:], MISSES)
    held = frame[frame["ended"] == "held"]
    assert [one.net_bps for one in test.trades] == held["net_bps"].tolist() != []
    assert test.missed == (frame["ended"] == "unfilled").sum() > 0
    assert f"{test.missed:,} orders were not filled" in test.summary().reason
    again = type(test).load(test.save(tmp_path / "seal.json"))
    assert (again.missed, worst(again.records).held) == (test.missed, worst(test.records).held)
    assert again.trades == test.trades
    assert again.seal.settings == MISSES.parameters
    again.follow_settings(MISSES.parameters.replace(latency_ms=151))
    assert "latency_ms changed from 150.0 to 151.0" in again.broken


def test_a_walk_forward_judges_by_the_execution(history):
    axes = {"threshold": [0.2, 0.4], "hold_seconds": [1.0, 2.0]}
    table = obi.walk_forward(history, settings=MISSES, folds=3, **axes)
    judged = table[table["entries"] > 0]
    assert len(judged)
    for _, row in judged.iterrows():
        rows = np.searchsorted(history.time, [row["start"].value, row["end"].value])
        chosen = {name: row[name] for name in axes}
        frame = obi.entries(history[rows[0] : rows[1] + 1], MISSES.parameters.replace(**chosen))
        held = frame[frame["ended"] == "held"]
        assert row["entries"] == len(held)
        assert row["net_bps"] == pytest.approx(held["net_bps"].mean())


def test_a_proposal_is_of_the_execution(history):
    axes = {"threshold": [0.2, 0.4], "hold_seconds": [1.0, 2.0]}
    paid = MISSES.parameters.replace(fee_bps=-20)  # so that something is proposed
    found = obi.propose(history, settings=paid, **axes)
    best = found.candidate
    assert (best.latency_ms, best.slippage_bps, best.size) == (150, 0.1, 2)
    cell = obi.sweep(
        history, settings=best, threshold=[best.threshold], hold_seconds=[best.hold_seconds]
    )
    assert found.in_sample.net_bps == pytest.approx(cell.in_sample.mean_net_bps.item())
    assert found.in_sample.entries == cell.in_sample.entries.item()


def test_another_execution_is_another_trial_and_other_fees_are_not():
    tried, now = Tried(), Parameters()
    changes = ({}, {"latency_ms": 50}, {"latency_ms": 50, "size": 1}, {}, {"fees": "okx"})
    assert [tried.add(now.replace(**one)) for one in changes] == [1, 2, 3, 3, 3]
