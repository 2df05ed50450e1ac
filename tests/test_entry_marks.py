"""Entries that a chart draws and a list names are those of the trades in the window."""

from __future__ import annotations

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.presentation.charts.window import Window
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.presentation.texts.entry_marks import (
    MOST_LISTED,
    ORDERS,
    EntryMarks,
    in_view,
    list_rows,
    listed,
    nearest,
)
from obi_widgets.trading.exits import WORDS


@pytest.fixture(scope="module")
def market():
    return obi.simulate(seconds=600, seed=4)


def trades_of(history, **values):
    parameters = obi.Parameters(**{"threshold": 0.3, "hold_seconds": 4.0, **values})
    analysis = Analysis(parameters)
    analysis.update(history, parameters)
    return analysis.trades


def test_marks_are_the_entries_of_the_window(market):
    trades = trades_of(market)
    window = Window.ending(int(market.time[-1]), 120.0)
    marks = EntryMarks.of(trades, window)
    assert 5 < len(marks.kind) < len(trades.side)
    assert len(marks.kind) + marks.left_out == len(in_view(trades, window))
    for time, price, left, exit_price, kind in zip(*marks[:5], strict=True):
        row = int(np.searchsorted(trades.entry_time, time))
        assert (price, trades.side[row]) == (trades.entry_price[row], np.sign(kind))
        assert max(time, left) >= window.start
        np.testing.assert_equal(exit_price, trades.exit_price[row])
        how = abs(int(kind)) - 1
        if np.isnan(exit_price):
            assert (how, left) == (2, time)
        else:
            assert how == (trades.gross_bps[row] > 0)
            assert left == trades.exit_time[row]


def test_an_order_that_was_not_filled_is_neither_drawn_nor_listed(market):
    trades = trades_of(market, latency_ms=300.0, slippage_bps=0.0)
    assert trades.missed.any()
    assert not trades.missed[in_view(trades, Window.ending(int(market.time[-1]), 3600.0))].any()


@pytest.mark.parametrize("order", ORDERS)
def test_a_list_is_in_its_order_and_begins_with_what_is_asked_for(market, order):
    trades = trades_of(market, hold_seconds=0.5)
    window = Window.ending(int(market.time[-1]), 600.0)
    rows, many = listed(trades, window, order)
    assert many == len(in_view(trades, window)) > MOST_LISTED == len(rows)
    seen = in_view(trades, window)
    net = trades.net_bps
    first = {
        "newest": seen[-1],
        "oldest": seen[0],
        "worst": seen[np.nanargmin(net[seen])],
        "best": seen[np.nanargmax(net[seen])],
    }[order]
    assert rows[0] == first
    key = net[rows] if order in ("worst", "best") else trades.entry_time[rows]
    step = np.diff(key)
    assert (step >= 0).all() if order in ("oldest", "worst") else (step <= 0).all()


def test_entries_without_a_result_come_last_by_result(market):
    history = market[: int(np.flatnonzero(market.time < market.time[0] + 100 * 10**9)[-1])]
    trades = trades_of(history, hold_seconds=30.0)
    assert trades.is_open
    rows, _ = listed(trades, Window.ending(int(history.time[-1]), 600.0), "worst")
    assert rows[-1] == len(trades.side) - 1
    text = list_rows(trades, rows, 0.1)[-1]
    assert text[3:] == ["open", "–", "–", "–", "–", ""]


def test_the_texts_of_a_row(market):
    trades = trades_of(market)
    row = 3
    (text,) = list_rows(trades, np.array([row]), 0.1)
    assert text[0] == ("bid" if trades.side[row] > 0 else "ask")
    assert text[2] == f"{trades.entry_price[row]:,.1f}"
    assert text[5] == "held"
    assert text[7].replace("−", "-") == f"{trades.net_bps[row]:+.2f}"
    assert text[8] == ("good" if trades.net_bps[row] > 0 else "bad")


def test_a_row_says_why_the_entry_was_left(market):
    trades = trades_of(market, hold_seconds=30.0, stop_bps=1.0, exit_flip="on")
    rows = np.arange(len(trades.side))
    said = [text[5] for text in list_rows(trades, rows, 0.1)]
    assert said == [
        WORDS[reason] if time else "–"
        for reason, time in zip(trades.reason, trades.exit_time, strict=True)
    ]
    assert {"stop", "flip"} <= set(said)


def test_the_nearest_entry_is_found_by_its_time_in_milliseconds(market):
    trades = trades_of(market)
    for row in range(len(trades.side)):
        rounded = int(trades.entry_time[row]) // 1_000_000 * 1_000_000
        assert nearest(trades, rounded) == row
    assert nearest(trades.since(len(trades.side)), 5) is None
