"""Signals of trades and of how much happens: by hand, appended, without later data.

The tape has ten events; trade number n has the size n and the price 100 + n / 10.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_trades import SECOND, T0, tape, write

import obi_widgets as obi
from obi_widgets.calibration.lookahead import looks_ahead

NAN = np.nan
TAPE = "b1 s2 b3 a4 s5 a6 s8 s11 b12 s13"  # buys 1, 2 and 5, sales 3 and 4; mid is 100
NAMES = ("buy_sell_ratio", "vwap_deviation", "trade_frequency", "event_frequency")


def signal(name):
    return getattr(obi, name)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        # Windows of 6 s: (2, 8] has +2 −3 −4; (5, 11] has −4 alone; (7, 13] has −4 +5.
        ("buy_sell_ratio", [NAN, NAN, np.log(2 / 7), NAN, np.log(5 / 4)]),
        (
            "vwap_deviation",
            [
                NAN,
                NAN,
                1e4 * (100 - (v := (2 * 100.2 + 3 * 100.3 + 4 * 100.4) / 9)) / v,
                1e4 * (100 - 100.4) / 100.4,
                1e4 * (100 - (w := (4 * 100.4 + 5 * 100.5) / 9)) / w,
            ],
        ),
        ("trade_frequency", [NAN, NAN, 3 / 6, 1 / 6, 2 / 6]),
        # Each state is an event; the first is the snapshot: that of 2 is in no full window.
        ("event_frequency", [NAN, NAN, 2 / 6, 2 / 6, 3 / 6]),
    ],
)
def test_by_hand(name, wanted):
    history = write(tape(TAPE)).history()
    assert history.mid.tolist() == [100.0] * 5
    found = signal(name)(history, window=6.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-14, equal_nan=True)


def test_signs_and_directions():
    risen = write(tape("b1 b2 a3 s4 s10"))  # 3 bought, 3 sold
    assert obi.buy_sell_ratio(risen.history(), window=9.0)[-1:].tolist() != [0.0]
    even = write(tape("s0 b1 b2 a3 s4")).history()
    assert obi.buy_sell_ratio(even, window=4.0)[-1] == 0.0
    assert obi.vwap_deviation(even, window=4.0)[-1] < 0  # mid 100 is below what was paid
    assert obi.buy_sell_ratio.directional
    assert obi.vwap_deviation.directional
    assert not obi.trade_frequency.directional
    assert not obi.event_frequency.directional


@pytest.mark.parametrize("name", ["buy_sell_ratio", "vwap_deviation", "trade_frequency"])
def test_without_a_stream_of_trades_it_is_no_number(name):
    ones = np.ones(30)
    history = obi.History.from_arrays(T0 + SECOND * np.arange(30), ones, ones, 2 * ones, ones)
    assert np.isnan(signal(name)(history, window=5)).all()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_no_number_until_the_window_is_full_also_after_a_gap(name):
    first = obi.simulate(seconds=30, seed=2, levels=1)
    joined = obi.History.concat([first[:100], first[150:]])
    values = signal(name)(joined, window=3.0)
    full = joined.time - joined.run_began >= 3 * SECOND
    assert np.isnan(values[~full]).all()
    assert np.isfinite(values[full & ~joined.lost]).mean() > 0.8
    if name.endswith("frequency"):
        assert np.isfinite(values[full & ~joined.lost]).all()


@pytest.mark.parametrize("name", NAMES)
def test_appended_it_is_the_whole_and_no_later_data_are_used(name):
    history, one = obi.simulate(seconds=60, seed=3, levels=2), signal(name)
    whole = one(history, window=7.5)
    for count in (150, 333, 599):
        np.testing.assert_array_equal(one(history[:count], window=7.5), whole[:count])
    assert not looks_ahead(history, lambda part: one(part, window=7.5), whole)


def test_a_finer_grid_of_trades_changes_no_value():
    writer = write(tape(TAPE))
    before = obi.vwap_deviation(writer.history(), window=6.0)
    more = write([*tape(TAPE), ("b", 14), ("s", 15)]).history()
    finer = more.trades.finer(3, 5)
    assert finer.max() > more.trades.amounts.max()
    fine = replace(
        more, trades=replace(more.trades, amounts=finer, price_decimals=3, size_decimals=5)
    )
    np.testing.assert_array_equal(obi.vwap_deviation(fine, window=6.0)[:5], before)


def test_entries_refuse_a_gauge_and_transforms_of_one(monkeypatch):
    history = obi.simulate(seconds=20, seed=1, levels=2)
    smooth = obi.smooth(obi.trade_frequency, window=2)
    assert not smooth.directional
    assert not obi.weighted_sum([obi.trade_frequency, obi.queue_imbalance], [1, 1]).directional
    assert obi.zscore(obi.queue_imbalance).directional
    refused = "has no direction: a high value does not mean a rise"
    for gauge in (obi.trade_frequency, smooth):
        chosen = obi.Settings(signal=gauge, threshold=1)
        assert np.isfinite(obi.compute(history, chosen)).any()
        for judge in (obi.entries, obi.fills, obi.calibrate):
            with pytest.raises(obi.ObiError, match=refused):
                judge(history, chosen)
        with pytest.raises(obi.ObiError, match=refused):
            obi.sweep([history], settings=chosen, threshold=[1.0, 2.0])
    with pytest.raises(obi.ObiError, match="directional = 1"):
        obi.signal(directional=1)(lambda history: history.mid)
