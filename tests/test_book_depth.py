"""Depth by levels and by distance, by hand and against NumPy on the captures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exchange_tools import captured
from history_tools import SECOND, START

import obi_widgets as obi
from obi_widgets.errors import SettingsError

NAN = float("nan")


def tape(ask_sizes, seconds=None):
    """Return states with bids of a unit each at 99, 98, 97, and these asks at 101, 102, 103."""
    asks = np.array(ask_sizes, float)
    rows = len(asks)
    prices = np.where(np.isnan(asks), NAN, [101.0, 102.0, 103.0])
    bids = np.where(np.isnan(asks).all(axis=1)[:, None], NAN, [[99.0, 98.0, 97.0]] * rows)
    time = START + SECOND * np.array(range(rows) if seconds is None else seconds)
    return obi.History.from_arrays(time, bids, bids * 0 + 1, prices, asks, tick_size=1.0)


def table_of(history, **options):
    return obi.book_depth(history, **options).set_index(["within", "side"])


def test_values_by_hand():
    # The first state lasts 3 s, the second 1 s, and of the third no end is known.
    history = tape([[1, 2, 4], [3, 2, 1], [9, 9, 9]], [0, 3, 4])
    table = table_of(history, levels=[1, 2], bps=[100, 200])
    assert table["base"].tolist() == pytest.approx([1, 1.5, 2, 3.5, 1, 1.5, 2, 3.5])
    assert table.loc[("2 levels", "ask"), "quote"] == pytest.approx(
        (3 * (101 + 2 * 102) + 3 * 101 + 2 * 102) / 4
    )
    assert table.loc[("200 bps", "bid"), "quote"] == 99 + 98  # one at the very distance counts
    assert table.loc[("2 levels", "ask"), ["base_q5", "base_q50"]].tolist() == [3, 3]
    assert (table["n"] == 2).all()
    assert (table[["unknown", "inferred"]] == 0).all(axis=None)
    assert table[["base_low", "quote_high"]].isna().all(axis=None)  # two states


def test_where_the_kept_levels_end_depth_is_not_known():
    table = table_of(tape([[1, 2, 4], [1, 2, 4]]), levels=[3, 4], bps=[250, 401])
    assert table.loc["3 levels", "base"].tolist() == [3, 7]
    assert table.loc["250 bps", "base"].tolist() == [2, 3]
    for range_ in ("4 levels", "401 bps"):
        assert table.loc[range_, "base"].isna().all()
        assert table.loc[range_, "unknown"].tolist() == [1, 1]
        assert table.loc[range_, "n"].tolist() == [0, 0]


def test_a_side_with_fewer_levels_than_are_kept_is_complete():
    table = table_of(tape([[1, NAN, NAN], [1, NAN, NAN]]), levels=[3], bps=[290])
    assert table["base"].tolist() == [3, 1, 2, 1]


def test_gaps_and_one_sided_states_are_left_out():
    history = tape([[1, 1, 1], [NAN] * 3, [5, 5, 5], [1, 1, 1]], [0, 1, 99, 100])
    table = table_of(history, levels=[1], bps=[])
    assert table["base"].tolist() == [1, 3]
    assert table["n"].tolist() == [2, 2]


def test_levels_beyond_the_known_range_are_told_and_left_out_of_a_strict_history():
    history = tape([[1, 2, 4]] * 2)
    known = replace(history, reach=np.full((2, 2), 150, np.float32))
    table = table_of(known, levels=[1, 2], bps=[])
    assert table["inferred"].tolist() == [0, 0, 1, 1]
    assert table["base"].tolist() == [1, 1, 2, 3]
    strict = table_of(replace(known, strict=True), levels=[1, 2], bps=[])
    assert strict["base"].dropna().tolist() == [1, 1]
    assert strict["unknown"].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("symbol", ["btc", pytest.param("eth", marks=pytest.mark.slow)])
def test_numpy_reads_the_same_on_a_capture(symbol):
    names = [f"binance_usdm/{symbol}usdt_202407{day}.gz" for day in (18, 19)]
    history = obi.load([captured(name) for name in names], interval=0.1)
    table = table_of(history, levels=[5], bps=[1.0 if symbol == "eth" else 0.3])
    time = np.append(np.diff(history.time), 0)
    for side, name in ((+1, "bid"), (-1, "ask")):
        prices, sizes = history.prices(side), np.nan_to_num(history.sizes(side).astype(float))
        five = (prices * sizes)[:, :5].sum(axis=1)
        assert table.loc[("5 levels", name), "quote"] == pytest.approx(
            np.average(five, weights=time)
        )
        away = 1e4 * abs(prices / history.mid[:, None] - 1)
        band = float(table.index[2][0].split()[0])
        within = (sizes * (away <= band + 1e-9)).sum(axis=1)
        found = table.loc[(f"{band:g} bps", name)]
        assert found["unknown"] == 0
        assert found["base"] == pytest.approx(np.average(within, weights=time))
        assert found["base_low"] < found["base"] < found["base_high"]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"levels": [0]}, "levels = 0 is not possible"),
        ({"bps": [-1]}, "bps = -1 is not possible"),
        ({"levels": [], "bps": []}, "levels has no values"),
        ({"levels": 5}, "levels = 5 is not a list"),
        ({"level": 2}, "level = 2 is not possible"),
    ],
)
def test_wrong_arguments_are_refused(options, what):
    with pytest.raises(SettingsError, match=what):
        obi.book_depth(tape([[1, 1, 1]]), **options)
