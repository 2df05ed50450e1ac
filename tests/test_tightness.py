"""The quoted spread, by hand and against pandas on the captures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from exchange_tools import captured
from history_tools import SECOND, START

import obi_widgets as obi
from obi_widgets.calibration.quality.time_weights import held, quantiles, share
from obi_widgets.errors import HistoryError, SettingsError

NAN = float("nan")


def tape(spreads, seconds, mid=100.0):
    """Return a history with these spreads; NaN is a book that was lost."""
    half = np.array(spreads)[:, None] / 2
    time = START + (np.array(seconds) * SECOND).astype(np.int64)
    size = np.ones_like(half)
    return obi.History.from_arrays(time, mid - half, size, mid + half, size, tick_size=0.01)


def test_values_by_hand():
    # 0.02 for 3 s, 0.04 for 1 s; the last state has no known end.
    table = obi.tightness(tape([0.02, 0.04, 0.1], [0, 3, 4]), quantiles=[0.5, 0.9])
    time, state = (table[table["weighted"] == one] for one in ("time", "state"))
    assert time["statistic"].tolist() == ["mean", "q0.5", "q0.9"]
    assert time["bps"].tolist() == pytest.approx([2.5, 2.0, 4.0])
    assert time["ticks"].tolist() == pytest.approx([2.5, 2.0, 4.0])
    assert state["bps"].tolist() == pytest.approx([16 / 3, 4.0, 10.0])
    assert time["n"].tolist() == [2] * 3
    assert state["n"].tolist() == [3] * 3
    assert table[["low", "high"]].isna().all(axis=None)  # fewer than 30 states


def test_a_gap_weighs_nothing():
    # 0.02 for 1 s until the book is lost for 98 s, then 0.04 for 1 s.
    history = tape([0.02, NAN, 0.04, 0.04], [0, 1, 99, 100])
    assert held(history).tolist() == [1, 0, 1, 0]
    assert obi.tightness(history).set_index("weighted")["bps"]["time"].iloc[0] == pytest.approx(3)


def test_nothing_is_said_of_nothing():
    for history in (tape([NAN], [0]), tape([0.02], [0])[:0]):
        table = obi.tightness(history)
        assert table["bps"].isna().all()
        assert (table["n"] == 0).all()


def test_quantiles_are_the_smallest_values_with_so_much_weight():
    values, weights = np.array([3.0, 1.0, np.inf, NAN]), np.array([1.0, 2.0, 1.0, 9.0])
    assert quantiles(values, weights, [0.5, 0.75]).tolist() == [1, 3]
    assert np.isnan(quantiles(values, weights, [0.76])).all()
    assert share(values > 2, weights) == pytest.approx(2 / 13)
    assert np.isnan(share(values > 2, weights * 0))


@pytest.mark.parametrize("symbol", ["btc", pytest.param("eth", marks=pytest.mark.slow)])
def test_pandas_reads_the_same_on_a_capture(symbol):
    names = [f"binance_usdm/{symbol}usdt_202407{day}.gz" for day in (18, 19)]
    history = obi.load([captured(name) for name in names], interval=0)
    table = obi.tightness(history).set_index(["weighted", "statistic"])
    frame = history.to_frame()
    seconds = frame.index.to_series().diff().shift(-1).dt.total_seconds().fillna(0)
    spread = frame["spread_bps"]
    mean = (spread * seconds).sum() / seconds.sum()
    assert table.loc[("time", "mean"), "bps"] == pytest.approx(mean)
    assert table.loc[("state", "mean"), "bps"] == pytest.approx(spread.mean())
    known = np.sort(spread.dropna().to_numpy())
    found = table.loc[("state", "q0.95"), "bps"]
    assert found == pytest.approx(np.quantile(known, 0.95, method="inverted_cdf"))
    low, high = table.loc[("time", "mean"), ["low", "high"]]
    assert low < mean < high


def test_wrong_arguments_are_refused():
    history = tape([0.02], [0])
    with pytest.raises(SettingsError, match=r"quantiles = 1\.5 is not possible"):
        obi.tightness(history, quantiles=[1.5])
    with pytest.raises(HistoryError):
        obi.tightness(pd.DataFrame())
