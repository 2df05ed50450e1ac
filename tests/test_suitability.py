"""What a symbol offers against what it costs: by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import obi_widgets as obi

SECOND = 1_000_000_000
START = 1_700_006_400 * SECOND


def book(mid, half=0.5):
    mid = np.asarray(mid, float)[:, None]
    sizes = np.full(mid.shape, 2.0)
    time = START + SECOND * np.arange(len(mid))
    return obi.History.from_arrays(time, mid - half, sizes, mid + half, sizes / 2, tick_size=0.5)


def test_figures_by_hand():
    history = book([100, 101] * 30)  # mid moves by one each second
    found = obi.suitability(history, obi.Settings(hold_seconds=1, fee_bps=5))
    assert found.spread_ticks == pytest.approx(2)
    assert found.spread_bps == pytest.approx(1e4 * (30 / 100 + 29 / 101) / 59)
    assert found.touch_value == pytest.approx((30 * 100.5 + 29 * 101.5) / 59)
    assert found.move_bps == pytest.approx(1e4 * (30 / 100 + 29 / 101) / 59)
    assert found.cost_bps == pytest.approx(10 + found.spread_bps)
    assert found.needed == pytest.approx(0.5 + found.cost_bps / (2 * found.move_bps))
    assert found.states_a_second == pytest.approx(60 / 59)
    assert np.isnan(found.trades_a_minute)
    assert "being right about the side cannot pay" in str(found)


def test_without_costs_half_is_enough():
    settings = obi.Settings(hold_seconds=1, fee_bps=0, price="mid")
    found = obi.suitability(book([100, 101] * 30), settings)
    assert found.needed == 0.5
    assert "right in 50.0 % of its entries" in found.sentence


def test_a_market_that_stands_still_says_so():
    found = obi.suitability(book([100] * 60), obi.Settings(hold_seconds=1))
    assert np.isnan(found.needed)
    assert "does not move" in found.sentence


def test_what_was_traded_is_by_time():
    history = obi.simulate(seconds=120, seed=1)
    found = obi.suitability(history, obi.Settings(hold_seconds=5))
    minutes = history.elapsed[-1] / 60e9
    assert found.trades_a_minute == pytest.approx(len(history.trades) / minutes)
    value = (history.trades.price * history.trades.size).sum()
    assert found.value_an_hour == pytest.approx(60 * value / minutes)
    assert found.market == "sim:BTC-PERP"


def test_what_was_traded_in_a_gap_counts_as_little_as_its_time():
    quotes = pd.DataFrame({"bid": 99.0, "ask": 100.0, "bid_size": 1.0, "ask_size": 1.0},
                          index=pd.to_datetime(START + SECOND * np.arange(121)))  # fmt: skip
    quotes.iloc[60:119] = np.nan  # the last minute is a gap, but for its last two seconds
    trades = pd.DataFrame({"price": 100.0, "size": 0.5, "side": 1},
                          index=quotes.index[:-1] + pd.Timedelta("0.5s"))  # fmt: skip
    history = obi.History.from_frame(quotes, trades=trades, tick_size=1.0)
    found = obi.suitability(history, obi.Settings(hold_seconds=1))
    assert found.hours == pytest.approx(61 / 3600)
    assert found.trades_a_minute == pytest.approx(60)
    assert found.value_an_hour == pytest.approx(3600 * 50)
    assert type(found.states_a_second) is float
