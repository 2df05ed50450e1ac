"""What a size costs, by hand and against NumPy on the captures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exchange_tools import captured
from history_tools import SECOND, START

import obi_widgets as obi
from obi_widgets.errors import SettingsError

NAN = float("nan")


def tape(bid_sizes, ask_sizes, seconds=None):
    """Return states with these sizes at 99, 98, 97 and at 101, 102, 103; NaN is no level."""
    bids, asks = np.array(bid_sizes, float), np.array(ask_sizes, float)
    bid_prices = np.where(np.isnan(bids), NAN, [99.0, 98.0, 97.0])
    ask_prices = np.where(np.isnan(asks), NAN, [101.0, 102.0, 103.0])
    time = START + SECOND * np.array(range(len(bids)) if seconds is None else seconds)
    return obi.History.from_arrays(time, bid_prices, bids, ask_prices, asks, tick_size=1.0)


def test_values_by_hand():
    history = tape([[1, 2, 3]], [[2, 1, 1]])
    assert obi.walk_book(history, 1)[["buy_bps", "sell_bps"]].to_numpy().tolist() == [[100, 100]]
    buy, sell = obi.walk_book(history, 4)[["buy_bps", "sell_bps"]].iloc[0]
    assert buy == pytest.approx(1e2 * ((2 * 101 + 102 + 103) / 4 - 100))
    assert sell == pytest.approx(1e2 * (100 - (99 + 2 * 98 + 97) / 4))


def test_where_the_book_ends_there_is_no_price():
    table = obi.walk_book(tape([[1, 2, 3]] * 2, [[2, 1, 1]] * 2), 4.5)
    assert table["buy_ends"].tolist() == [True, True]
    assert table["sell_ends"].tolist() == [False, False]
    assert table["buy_bps"].isna().all()
    assert table["sell_bps"].notna().all()


def test_a_size_that_single_precision_cannot_hold_is_had_whole():
    table = obi.walk_book(tape([[0.7, NAN, NAN]], [[0.1, 0.6, NAN]]), 0.7)
    assert not table["sell_ends"].any()
    assert not table["buy_ends"].any()
    assert table["sell_bps"].tolist() == pytest.approx([100])


def test_depth_halved_is_the_same_book_with_half_of_each_size():
    whole, half = tape([[1, 2, 3]], [[2, 1, 1]]), tape([[0.5, 1, 1.5]], [[1, 0.5, 0.5]])
    for size in (0.4, 1.0, 1.7, 2.0, 2.2):
        one, other = obi.walk_book(whole, size, depth=0.5), obi.walk_book(half, size)
        np.testing.assert_allclose(one.to_numpy(float), other.to_numpy(float))


def test_gaps_and_one_sided_states_have_no_cost_and_no_end():
    nothing = [NAN] * 3
    table = obi.walk_book(tape([nothing, [1, 1, 1]], [nothing, nothing]), 1)
    assert table[["buy_bps", "sell_bps"]].isna().all(axis=None)
    assert not table[["buy_ends", "sell_ends"]].any(axis=None)


def test_levels_beyond_the_known_range_are_told_and_left_out_of_a_strict_history():
    history = tape([[1, 2, 3]], [[2, 1, 1]])
    known = replace(history, reach=np.array([[150], [350]], np.float32))  # bids, asks
    table = obi.walk_book(known, 2.5)
    assert table[["buy_inferred", "sell_inferred"]].to_numpy().tolist() == [[False, True]]
    assert table["sell_bps"].notna().all()
    strict = obi.walk_book(replace(known, strict=True), 2.5)
    assert strict[["buy_bps", "sell_bps"]].isna().to_numpy().tolist() == [[False, True]]


def test_the_cost_of_liquidity_by_hand():
    # Asks: for 3 s the first holds the size, for 1 s the second is needed; of the last no end is
    # known. Bids hold it always.
    history = tape([[9, 9, 9]] * 3, [[2, 1, 1], [1, 2, 1], [1, 1, 1]], [0, 3, 4])
    table = obi.liquidity_cost(history, [2], quantile=0.8).set_index("side")
    buy, sell = table.loc["buy"], table.loc["sell"]
    assert buy["mean_bps"] == pytest.approx((3 * 100 + 150) / 4)
    assert buy["half_spread_bps"] == 100
    assert buy["impact_bps"] == pytest.approx(12.5)
    assert buy[["median_bps", "lvar_bps"]].tolist() == pytest.approx([100, 150])
    assert buy[["lvar_half_spread_bps", "lvar_impact_bps"]].tolist() == pytest.approx([100, 50])
    assert sell[["mean_bps", "impact_bps", "lvar_bps"]].tolist() == [100, 0, 100]
    assert (table["n"] == 2).all()
    assert table["says"].tolist() == ["", ""]


def test_a_quantile_that_falls_where_the_book_ends_is_unknown():
    history = tape([[9, 9, 9]] * 3, [[4, 1, 1], [1, 1, 1], [1, 1, 1]], [0, 3, 4])
    buy = obi.liquidity_cost(history, [4], quantile=0.8).iloc[0]
    assert buy["ends"] == 0.25
    assert buy["says"] == "the book ends here 25 % of the time"
    assert buy["median_bps"] == 100
    assert buy[["mean_bps", "half_spread_bps", "impact_bps"]].isna().all()  # a quarter is left out
    assert np.isnan(buy["lvar_bps"])
    lower = obi.liquidity_cost(history, [4], quantile=0.7).iloc[0]
    assert lower["lvar_bps"] == 100
    nothing = obi.liquidity_cost(history, [100]).iloc[0]
    assert nothing["says"] == "the book ends here"
    assert nothing[["mean_bps", "median_bps", "lvar_bps"]].isna().all()
    assert nothing["n"] == 0


@pytest.mark.parametrize("symbol", ["btc", pytest.param("eth", marks=pytest.mark.slow)])
def test_numpy_reads_the_same_on_a_capture(symbol):
    names = [f"binance_usdm/{symbol}usdt_202407{day}.gz" for day in (18, 19)]
    history = obi.load([captured(name) for name in names], interval=0.1)
    size = {"btc": 3.0, "eth": 40.0}[symbol]
    table = obi.walk_book(history, size, depth=0.5)
    prices, sizes = history.prices(-1), history.sizes(-1).astype(float) / 2
    own = []
    for price, there, mid in zip(prices, sizes, history.mid, strict=True):
        left, paid = size, 0.0
        for one, amount in zip(price, there, strict=True):
            took = min(left, amount) if amount > 0 else 0.0
            left, paid = left - took, paid + (took * one if took else 0.0)
        own.append(1e4 * (paid / size / mid - 1) if left < 1e-6 else NAN)
    np.testing.assert_allclose(table["buy_bps"], own, atol=1e-3)
    time = np.append(np.diff(history.time), 0)
    cost = obi.liquidity_cost(history, [size], depth=0.5, quantile=0.9).iloc[0]
    ended = np.isnan(own)
    assert cost["ends"] == pytest.approx(np.average(ended, weights=time))
    if cost["ends"] > 0.01:
        assert np.isnan(cost["mean_bps"])
    else:
        mean = np.average(np.array(own)[~ended], weights=time[~ended])
        assert cost["mean_bps"] == pytest.approx(mean, abs=1e-3)
        assert cost["low"] < cost["mean_bps"] < cost["high"]
    below = np.average(table["buy_bps"] < cost["lvar_bps"] - 1e-9, weights=time)
    assert below < 0.9 <= np.average(table["buy_bps"] <= cost["lvar_bps"] + 1e-9, weights=time)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda history: obi.walk_book(history, 0), "size = 0 is not possible"),
        (lambda history: obi.walk_book(history, 1, depth=0), "depth = 0 is not possible"),
        (lambda history: obi.liquidity_cost(history, [-1]), "sizes = -1 is not possible"),
        (lambda history: obi.liquidity_cost(history, 1), "sizes = 1 is not a list"),
        (lambda history: obi.liquidity_cost(history, [1], quantile=1), "quantile = 1 is not"),
    ],
)
def test_wrong_arguments_are_refused(call, what):
    with pytest.raises(SettingsError, match=what):
        call(tape([[1, 1, 1]], [[1, 1, 1]]))
