"""Strategy files with latency, limit and size: they trade as overlay, sweep and verdict."""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.calibration.executed_returns import executed_returns
from obi_widgets.errors import SettingsError
from obi_widgets.strategy import export

Z = {"signal": "zscore(imbalance)", "window": 10.0, "threshold": 1.5}
QUANTILE = {"threshold_is": "quantile", "threshold": 0.8, "quantile_window": 10}
EXECUTIONS = (
    {}, {"latency_ms": 250}, {"size": 2.0}, {"price": "mid", "latency_ms": 100},
    {"latency_ms": 120, "slippage_bps": 0.1, "size": 3.0},
    {**Z, "latency_ms": 120, "slippage_bps": 0.2, "size": 1.0},
    {**QUANTILE, "latency_ms": 200, "slippage_bps": 0.0},
)  # fmt: skip


def strategy_of(path):
    spec = importlib.util.spec_from_file_location("an_executed_strategy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Strategy()


def books(history):
    sides = []
    for side in (+1, -1):
        prices, sizes = history.prices(side), history.sizes(side)
        counts = np.count_nonzero(~np.isnan(prices), axis=1)
        rows = zip(prices.tolist(), sizes.tolist(), counts, strict=True)
        sides.append([list(zip(p[:n], q[:n], strict=True)) for p, q, n in rows])
    return zip(history.time.tolist(), *sides, strict=True)


def traded_by(strategy, history):
    """Rows of side, entry time and price, exit time and price, and how it ended."""
    made = []
    for time, bids, asks in books(history):
        decision = strategy.decide(time, bids, asks)
        assert bool(decision.enter) + decision.exit == len(decision.orders)
        for what, side, price in decision.fills:
            if what == "left":
                made[-1][3:] = [time, price, "held"]
            elif what == "entered":
                made.append([side, time, price, 0, math.nan, "open"])
            else:
                made.append([side, time, math.nan, 0, math.nan, "unfilled"])
    return made


@pytest.mark.parametrize(
    ("symbol", "execution"),
    [
        *(("btcusdt", execution) for execution in EXECUTIONS),
        *(pytest.param("ethusdt", one, marks=pytest.mark.slow) for one in EXECUTIONS[-2:]),
    ],
    ids=str,
)
def test_it_trades_as_overlay_sweep_and_verdict(symbol, loaded, tmp_path, execution):
    history = loaded(symbol)
    settings = obi.Settings(**{"threshold": 0.4, **execution}, hold_seconds=2, fee_bps=1)
    path = obi.export_strategy(tmp_path / "strategy.py", settings, history)
    made = traded_by(strategy_of(path), history)
    frame = obi.entries(history, settings)  # the overlay's
    left = frame["exit_time"].astype("int64").where(frame["exit_time"].notna(), 0)
    times = frame["entry_time"].astype("int64")
    columns = frame["side"], times, frame["entry_price"], left, frame["exit_price"], frame["ended"]
    assert len(made) == len(frame) > 10
    for got, *wanted in zip(made, *columns, strict=True):
        assert (got[0], got[1], got[3], got[5]) == (wanted[0], wanted[1], wanted[3], wanted[5])
        np.testing.assert_allclose([got[2], got[4]], [wanted[2], wanted[4]], rtol=1e-13)
    gains = [s * (out / at - 1) * 1e4 - 2 for s, _, at, _, out, end in made if end == "held"]
    cell = obi.sweep(history, settings=settings)
    assert cell.entries.item() == len(gains)
    assert cell.missed.item() == sum(one[5] == "unfilled" for one in made)
    assert cell.mean_net_bps.item() == pytest.approx(np.mean(gains))
    # Of the verdict, the trade of each state that decided one.
    each = executed_returns(history, settings.parameters, [2.0])
    decided = obi.fills(history, settings)["decision_time"].astype("int64").to_numpy()
    rows = np.searchsorted(history.time, decided[: len(made)])
    compared = 0
    for row, (side, _, at, out_time, out, _) in zip(rows, made, strict=True):
        if out_time and history.time[row] not in (history.time[row - 1], history.time[row + 1]):
            gain = (each.long_bps if side > 0 else each.short_bps)[0, row]
            assert gain == pytest.approx(side * (out / at - 1) * 1e4, abs=1e-9)
            compared += 1
    assert compared > len(gains) / 2


START = 1_700_000_000_000_000_000
MS = 1_000_000


@pytest.fixture
def strategy(history, tmp_path):
    settings = obi.Settings(
        depth=1, decay=0, threshold=0.5, hold_seconds=1, latency_ms=100, slippage_bps=99.0, size=3
    )
    path = tmp_path / "strategy.py"
    obi.export_strategy(path, settings, history)
    # Worked by hand on whole prices.
    text = path.read_text().replace(f"TICK_SIZE = {history.tick_size!r}", "TICK_SIZE = 1.0")
    path.write_text(text)
    return strategy_of(path)


def test_orders_and_fills_by_hand(strategy):
    bids = [(100.0, 9.0), (99.0, 9.0)]
    first = strategy.decide(START, bids, [(101.0, 1.0), (102.0, 4.0)])
    # 101 × 1.0099 = 101.9999: on the grid, up to 101.
    assert (first.enter, first.exit, first.fills) == (1, False, ())
    assert first.orders == ((1, "fill_or_kill", 101.0, 3.0),)
    # On its way it decides nothing. At 100 ms three are not had at 101: missed, decided again.
    assert strategy.decide(START + 50 * MS, bids, [(101.0, 1.0), (102.0, 4.0)])[3:] == ((), ())
    again = strategy.decide(START + 100 * MS, bids, [(101.0, 1.0), (102.0, 4.0)])
    assert again.fills[0][:2] == ("missed", 1)
    assert math.isnan(again.fills[0].price)
    assert again.enter == 1
    # Now there are three at 101, one of them at 100.
    filled = strategy.decide(START + 230 * MS, bids[1:], [(100.0, 1.0), (101.0, 2.0)])
    assert filled.fills == (("entered", 1, pytest.approx((100 + 2 * 101) / 3)),)
    assert strategy.position == 1
    # Due a second later, and out 100 ms after that, through the levels.
    due = strategy.decide(START + 1_240 * MS, [(100.0, 1.0), (98.0, 1.0)], [(101.0, 9.0)])
    assert (due.exit, due.orders, due.fills) == (True, ((-1, "market", None, 3.0),), ())
    left = strategy.decide(START + 1_340 * MS, [(100.0, 1.0), (98.0, 1.0)], [(101.0, 1.0)])
    assert left.fills == (("left", 1, pytest.approx((100 + 2 * 98) / 3)),)
    assert strategy.position == 0


def test_lost_books_leave_no_order(strategy):
    strategy.decide(START, [(100.0, 9.0)], [(101.0, 1.0)])
    strategy.decide(START + 20 * MS, [], [])
    after = strategy.decide(START + 200 * MS, [(100.0, 1.0)], [(101.0, 1.0)])
    assert after[3:] == ((), ())


def test_a_file_that_would_fill_otherwise_is_not_written(history, tmp_path, monkeypatch):
    template = export.TEMPLATE.read_text().replace("now + HOLD_NS", "now + HOLD_NS + 10**9")
    other = tmp_path / "template.py"
    other.write_text(template)
    monkeypatch.setattr(export, "TEMPLATE", other)
    path = tmp_path / "strategy.py"
    with pytest.raises(SettingsError, match=r"its file (enters|fills) otherwise at \d+ ns"):
        obi.export_strategy(path, obi.Settings(latency_ms=50, hold_seconds=1), history)
    assert not path.exists()


EXITS = {"exit_fade": 0.5, "exit_flip": "on", "stop_bps": 2.0, "target_bps": 3.0}
CLEAN = (
    EXITS, {**Z, **EXITS, "entry_rule": "crossing", "latency_ms": 100},
    {**EXITS, **QUANTILE, "execution": "post_only", "gates": {"spread": {"window": 10}}},
    {"exit_deceleration": 0.5, "execution": "post_only", "size_by": "strength", "gates": ["hours"]},
    {"signal": "trade_imbalance", "window": 5, "execution": "post_only"},
    {"signal": obi.weighted_sum([obi.vwap_deviation, obi.imbalance], [1, 1]), "window": 5, **EXITS},
    {"signal": "card_direction", "short": 10, "middle": 10, "long": 20, **EXITS},
    {"signal": "order_flow_imbalance", "window": 5, "gates": {"spread": {"window": 10}}},
    {"signal": "multi_level_order_flow_imbalance", "window": 5, "execution": "post_only"},
    {"signal": obi.weighted_sum([obi.order_flow_imbalance, obi.smooth(
        obi.weighted_sum([obi.trade_imbalance, obi.multi_level_order_flow_imbalance], [1, 1])
    )], [1, 1]), "window": 5, **EXITS},
)  # fmt: skip


def test_files_with_exits_are_clean(tmp_path):
    """By the default rules of ruff, and as this package is written."""
    history = obi.simulate(seconds=60, seed=2, levels=10)
    for number, case in enumerate(CLEAN):
        path = tmp_path / f"strategy_{number}.py"
        obi.export_strategy(path, obi.Settings(**{"threshold": 0.3} | case), history)
    config = str(Path(__file__).parents[1] / "pyproject.toml")
    for what in (
        ["check", "--isolated"], ["check", "--config", config],
        ["format", "--check", "--config", config],
    ):  # fmt: skip
        command = [sys.executable, "-m", "ruff", *what, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
