"""Mean gains by the hour of the day: by hand."""

from __future__ import annotations

import numpy as np
import pytest
from test_gate_report import SECOND, SETTINGS, START, market

import obi_widgets as obi


def test_each_hour_has_the_entries_that_were_decided_in_it():
    history = market(3, planted=False)  # midnight to two o'clock
    trades = obi.entries(history, SETTINGS)
    table = obi.edge_by_hour(history, SETTINGS)
    assert table.index.tolist() == [0, 1]
    for hour, row in table.iterrows():
        mine = trades[trades["entry_time"].dt.hour == hour]
        assert row["entries"] == len(mine)
        assert row["net_bps"] == pytest.approx(mine["net_bps"].mean())
        assert row["low"] < row["net_bps"] < row["high"]
        assert row["days"] == 1
    assert table["entries"].sum() == len(trades)


def test_the_same_hour_of_two_days_is_one_row():
    mid = np.full((100, 1), 100.0)
    time = START + SECOND * np.r_[np.arange(50), 86_400 + np.arange(50)]
    history = obi.History.from_arrays(
        time, mid - 0.1, 3 * np.ones((100, 1)), mid + 0.1, np.ones((100, 1)), tick_size=0.1
    )
    table = obi.edge_by_hour(history, SETTINGS)
    assert table.index.tolist() == [0]
    assert table["days"].tolist() == [2]


def test_without_entries_there_is_no_row():
    table = obi.edge_by_hour(market(3, planted=False), SETTINGS.replace(threshold=1))
    assert len(table) == 0
    assert "net_bps" in table
