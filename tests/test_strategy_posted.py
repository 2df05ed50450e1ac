"""Strategy files that post orders: they trade as overlay and sweep, by both bounds of the queue."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_strategy_executed import books, strategy_of

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.trading.post_only import QUEUES

SLOW_EXECUTIONS = (
    {"latency_ms": 120.0}, {"size": 1.0, "wait_seconds": 20.0}, {"wait_seconds": 1.0},
    {"signal": "zscore(imbalance)", "window": 10.0, "threshold": 1.5, "latency_ms": 50.0},
    {"threshold_is": "quantile", "threshold": 0.8, "quantile_window": 10, "price": "mid"},
)  # fmt: skip
EXECUTIONS = (
    ("btcusdt", {}),
    *(pytest.param("btcusdt", each, marks=pytest.mark.slow) for each in SLOW_EXECUTIONS),
    pytest.param("ethusdt", {}, marks=pytest.mark.slow),
)


def traded_by(strategy, history):
    """Rows of side, entry time and price, exit time and price, and how it ended."""
    table, made, begin = history.trades, [], 0
    columns = (table.time, table.price, table.size, table.side)
    prints = list(zip(*(column.tolist() for column in columns), strict=True))
    ends = (history.trade_ends - table.start).tolist()
    for (time, bids, asks), end in zip(books(history), ends, strict=True):
        for trade in prints[begin:end]:
            strategy.on_trade(*trade)
        begin = end
        for what, side, price in strategy.decide(time, bids, asks).fills:
            if what == "left":
                made[-1][3:] = [time, price, "held"]
            elif what == "entered":
                made.append([side, time, price, 0, math.nan, "open"])
            else:
                made.append([side, time, math.nan, 0, math.nan, "unfilled"])
    return made


@pytest.mark.parametrize(("symbol", "execution"), EXECUTIONS, ids=str)
def test_it_trades_as_overlay_and_sweep(symbol, loaded, tmp_path, execution):
    history = loaded(symbol)
    chosen = obi.Settings(**{"execution": "post_only", "hold_seconds": 3.0} | execution)
    path = obi.export_strategy(tmp_path / "posted.py", chosen, history)
    for queue in QUEUES:
        strategy = strategy_of(path)
        strategy.queue = queue
        frame = obi.entries(history, chosen, queue=queue)
        left = np.where(frame["exit_time"].isna(), 0, frame["exit_time"].to_numpy(np.int64))
        wanted = zip(
            frame["side"], frame["entry_time"].to_numpy(np.int64), frame["entry_price"], left,
            frame["exit_price"], frame["ended"], strict=True,
        )  # fmt: skip
        made = traded_by(strategy, history)
        assert len(made) == len(frame)
        for got, one in zip(made, wanted, strict=True):
            *exact, price, ended = got
            assert (*exact[:2], exact[3], ended) == (*one[:2], one[3], one[5])
            # What a taker's size pays on average may differ in its last bit.
            np.testing.assert_allclose([exact[2], price], [one[2], one[4]], rtol=1e-12)
        held = [one for one in made if one[-1] == "held"]
        surface = obi.sweep(history, settings=chosen, queue=queue)
        assert surface.entries.item() == len(held) > 0


@pytest.mark.slow
def test_it_tells_what_to_send(history, tmp_path):
    chosen = obi.Settings(execution="post_only", hold_seconds=3.0, wait_seconds=2.5, size=0.5)
    path = obi.export_strategy(tmp_path / "posted.py", chosen, history)
    assert "WAIT_NS = 2_500_000_000\n" in path.read_text(encoding="utf-8")
    strategy, sent = strategy_of(path), []
    for time, bids, asks in books(history):
        for order in strategy.decide(time, bids, asks).orders:
            touch = bids[0][0] if order.side > 0 else asks[0][0]
            assert order.limit == (touch if order.kind == "post_only" else None)
            assert order.size == 0.5
            sent.append(order.kind)
    assert set(sent) == {"post_only", "market"}


def test_without_trades_there_is_none(history, tmp_path):
    tape = obi.History.from_arrays(
        history.time[:500], history.prices(1)[:500], history.sizes(1)[:500],
        history.prices(-1)[:500], history.sizes(-1)[:500],
    )  # fmt: skip
    with pytest.raises(SettingsError, match="the source has none"):
        obi.export_strategy(tmp_path / "a.py", obi.Settings(execution="post_only"), tape)
    assert not list(tmp_path.iterdir())
