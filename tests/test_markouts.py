"""Markouts, effective and realised spread and impact, by hand and against pandas on captures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from exchange_tools import captured
from history_tools import SECOND, START

import obi_widgets as obi
from obi_widgets.calibration.statistics.block_means import block_mean
from obi_widgets.errors import HistoryError, SettingsError

NAN = float("nan")


def tape(mids, trades, *, seconds=None, interval=None):
    """Return states a second apart, 2 wide, and trades of (seconds, side, price, size)."""
    mids = np.array(mids, float)
    seconds = np.arange(len(mids)) if seconds is None else np.array(seconds)
    frame = pd.DataFrame(
        {"bid": mids - 1, "bid_size": 1.0, "ask": mids + 1, "ask_size": 1.0},
        index=pd.to_datetime(START + (seconds * SECOND).astype(np.int64), utc=True),
    )
    made = pd.DataFrame(trades, columns=["at", "side", "price", "size"])
    made.index = pd.to_datetime(START + (made.pop("at") * SECOND).astype(np.int64), utc=True)
    return obi.History.from_frame(frame, trades=made, tick_size=0.5, interval=interval)


RISING = [100.0, 101.0, 103.0, 103.0]


def test_values_by_hand():
    history = tape(RISING, [(0.5, +1, 101.0, 2.0), (1.5, -1, 100.0, 1.0)])
    table = obi.markouts(history, [1, 2])
    assert table["mid"].tolist() == [100, 101]
    assert table["effective_bps"].tolist() == pytest.approx([2e4 / 101, 2e4 / 100])
    # The buyer at 101 sees mid 101 a second later, 103 after two; the seller at 100 sees 103.
    assert table["markout_1s"].tolist() == pytest.approx([0.0, -3e4 / 100])
    assert table["markout_2s"].iloc[0] == pytest.approx(2e4 / 101)
    assert np.isnan(table["markout_2s"].iloc[1])  # the record ends at 3 s
    assert str(table.index.tz) == "UTC"


def test_a_state_at_the_time_of_a_trade_is_not_before_it():
    table = obi.markouts(tape(RISING, [(1, +1, 101.0, 1.0)]), [1])
    assert table["mid"].tolist() == [100]
    assert table["markout_1s"].tolist() == pytest.approx([2e4 / 101])  # mid at 2 s is known at 2 s


def test_mid_before_is_known_for_the_first_order_since_a_state_only():
    trades = [
        (0.5, +1, 101.0, 1.0), (0.5, +1, 102.0, 1.0),  # one order, two makers
        (0.5, -1, 99.0, 1.0), (0.6, +1, 102.0, 1.0),  # others
        (1.5, -1, 100.0, 1.0),
    ]  # fmt: skip
    table = obi.markouts(tape(RISING, trades), [1])
    assert table["mid"].fillna(0).tolist() == [100, 100, 0, 0, 101]
    assert table["effective_bps"].isna().tolist() == [False, False, True, True, False]
    assert table["markout_1s"].notna().all()


def test_a_trade_at_the_time_of_the_state_before_is_part_of_it():
    table = obi.markouts(tape(RISING, [(1, +1, 101.0, 1.0), (1.5, +1, 102.0, 1.0)]), [1])
    assert table["mid"].tolist() == [100, 101]


def test_nothing_spans_a_gap_and_nothing_is_known_in_one():
    trades = [(0.5, 1, 101.0, 1.0), (1.5, 1, 101.0, 1.0), (2.5, 1, 103.0, 1.0)]
    table = obi.markouts(tape([100.0, 100.0, NAN, 103.0, 104.0, 104.0], trades), [1, 2])
    assert table["markout_1s"].isna().tolist() == [False, True, True]
    assert table["markout_2s"].isna().tolist() == [True, True, True]
    assert table["mid"].isna().tolist() == [False, False, True]


def test_a_trade_before_all_states_has_no_value():
    assert obi.markouts(tape(RISING, [(-0.5, 1, 101.0, 1.0)]), [1]).iloc[0, 3:].isna().all()


def test_times_below_ten_intervals_have_no_markout():
    history = tape(RISING, [(0.5, +1, 101.0, 1.0)], interval=0.2)
    table = obi.markouts(history, [1, 2])
    assert np.isnan(table["markout_1s"]).all()
    assert table["markout_2s"].notna().all()


def test_without_trades_or_states_there_are_no_rows():
    history = tape(RISING, [(0.5, +1, 101.0, 1.0)])
    for none in (replace(history, trades=obi.Trades.none()), history[:0]):
        assert len(obi.markouts(none, [1])) == 0
        assert (obi.trade_costs(none, [1])["n"] == 0).all()


def test_costs_by_hand_add_up_trade_by_trade():
    history = tape(RISING, [(0.5, +1, 101.0, 2.0), (1.5, -1, 100.0, 1.0)])
    table = obi.trade_costs(history, [1]).set_index(["measure", "side", "weighted"])["bps"]
    assert table["effective", "buy", "trade"] == pytest.approx(2e4 / 101)
    assert table["realised", "buy", "trade"] == pytest.approx(0)
    assert table["impact", "buy", "trade"] == pytest.approx(2e4 / 101)
    assert table["realised", "sell", "trade"] == pytest.approx(600)
    assert table["impact", "sell", "trade"] == pytest.approx(-400)
    assert table["effective", "both", "trade"] == pytest.approx(1e4 / 101 + 100)
    assert table["effective", "both", "value"] == pytest.approx((2 * 2e4 + 2e4) / 302)
    assert table["effective"].to_numpy() == pytest.approx(
        table["realised"].to_numpy() + table["impact"].to_numpy()
    )


@pytest.mark.parametrize("symbol", ["btc", pytest.param("eth", marks=pytest.mark.slow)])
def test_pandas_reads_the_same_on_a_capture(symbol):
    names = [f"binance_usdm/{symbol}usdt_202407{day}.gz" for day in (18, 19)]
    history = obi.load([captured(name) for name in names], interval=0)
    table = obi.markouts(history, [1, 5])
    states = history.to_frame()[["mid"]].reset_index()
    trades = (
        history.trades.to_frame()[["side", "price"]]
        .reset_index()
        .sort_values("time", kind="stable")
    )
    before = pd.merge_asof(trades, states, on="time", allow_exact_matches=False)["mid"]
    for seconds in (1, 5):
        at = trades.assign(time=trades["time"] + pd.Timedelta(seconds=seconds))
        later = pd.merge_asof(at, states, on="time")["mid"].to_numpy()
        side, price = trades["side"].to_numpy(), trades["price"].to_numpy()
        found = table[f"markout_{seconds}s"].to_numpy()[trades.index]
        there = ~np.isnan(found)
        assert there.mean() > 0.9
        np.testing.assert_allclose(
            found[there], (1e4 * side * (later / price - 1))[there], atol=1e-8
        )
    mids = table["mid"].to_numpy()[trades.index]
    known = ~np.isnan(mids)
    np.testing.assert_array_equal(mids[known], before.to_numpy()[known])
    # Of each state's first trade, mid before is known.
    row = np.searchsorted(history.time, trades["time"].astype("int64"), "left")
    first = np.append(True, np.diff(row) > 0) & (row > 0)
    assert known[first].all()
    assert 0.3 < known.mean() < 0.8
    costs = obi.trade_costs(history, [5]).query("side == 'both' and weighted == 'trade'")
    effective, realised, impact = costs["bps"]
    assert realised + impact == pytest.approx(effective, abs=0.02)  # the last 5 s have no τ
    low, high = costs["low"].to_numpy(), costs["high"].to_numpy()
    assert (low < costs["bps"]).all()
    assert (costs["bps"] < high).all()


def test_the_interval_is_wider_than_that_of_independent_trades():
    random = np.random.default_rng(1)
    mids = 100 + np.cumsum(random.choice([-0.5, 0, 0.5], 600))
    trades = [(at + 0.5, +1, mids[at] + 1, 1.0) for at in range(580)]
    table = obi.trade_costs(tape(mids, trades), [10]).query(
        "measure == 'realised' and side == 'buy' and weighted == 'trade'"
    )
    bps = -2 * obi.markouts(tape(mids, trades), [10])["markout_10s"].to_numpy()
    found = table.iloc[0]
    assert found["bps"] == pytest.approx(np.nanmean(bps))
    assert found["high"] - found["low"] > 2 * 3.92 * np.nanstd(bps) / np.sqrt(found["n"])
    at = ((np.arange(580) + 0.5) * SECOND).astype(np.int64)
    own = block_mean(bps, np.ones(580), at, shortest=10 * SECOND)
    assert (found["low"], found["high"]) == pytest.approx((own.low, own.high))


def test_wrong_arguments_are_refused():
    history = tape(RISING, [(0.5, +1, 101.0, 2.0)])
    for call in (obi.markouts, obi.trade_costs):
        with pytest.raises(SettingsError, match=r"^seconds = .*Horizons are seconds"):
            call(history, [0])
        with pytest.raises(HistoryError):
            call(history.to_frame())
