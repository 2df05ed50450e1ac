"""Strategy files with signals of trades: given the trades, they decide as the settings do."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from test_strategy_executed import books, strategy_of

import obi_widgets as obi
from obi_widgets.signals import registry
from obi_widgets.strategy import plain_trades
from obi_widgets.strategy.plain import OF_TRADES
from obi_widgets.strategy.plain_trades import BuySellRatio, TradeImbalance, VwapDeviation
from obi_widgets.trading.post_only import QUEUES

SECOND = 10**9
START = 1_700_000_000 * SECOND
BIDS, ASKS = [(100.0, 1.0)], [(101.0, 1.0)]

SUM = obi.weighted_sum([obi.trade_imbalance, obi.imbalance, obi.vwap_deviation], [1.0, 0.5, 0.1])
CASES = [
    {"signal": "trade_imbalance", "window": 3.0, "threshold": 0.6},
    {"signal": "vwap_deviation", "window": 8.0, "threshold": 0.05},
    {"signal": "buy_sell_ratio", "window": 5.0, "threshold": 0.7},
    {"signal": SUM, "window": 3.0, "threshold": 0.5, "gates": {"spread": {"window": 10}}},
    {"signal": "smooth(trade_imbalance)", "window": 2.0, "smooth_window": 4.0, "threshold": 0.3,
     "exit_flip": "on"},
    {"signal": "trade_imbalance", "window": 3.0, "threshold_is": "quantile", "threshold": 0.7,
     "quantile_window": 10, "execution": "post_only"},
]  # fmt: skip


@pytest.fixture(scope="module")
def tape(loaded):
    """Three minutes and more of a capture, with its trades."""
    return loaded("ethusdt")[:3_500]


def run(strategy, history):
    """Return the signal of each state, and the entries."""
    table, begin = history.trades, 0
    columns = (table.time, table.price, table.size, table.side)
    prints = list(zip(*(column.tolist() for column in columns), strict=True))
    values, made = [], []
    ends = (history.trade_ends - table.start).tolist()
    for (time, bids, asks), end in zip(books(history), ends, strict=True):
        for trade in prints[begin:end]:
            strategy.on_trade(*trade)
        begin = end
        decision = strategy.decide(time, bids, asks)
        values.append(decision[2])
        if decision.enter:
            made.append((time, decision.enter))
    return np.array(values), made


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one['signal']} {len(one)}"[:40])
def test_it_says_and_enters_as_the_settings_do(tape, case, tmp_path):
    settings = obi.Settings(hold_seconds=2, **case)
    path = obi.export_strategy(tmp_path / "s.py", settings, tape)
    wanted = obi.compute(tape, settings)
    for queue in QUEUES if case.get("execution") else QUEUES[:1]:
        strategy = strategy_of(path)
        strategy.queue = queue
        values, made = run(strategy, tape)
        if settings.signal.name in ("trade_imbalance", "vwap_deviation"):
            np.testing.assert_array_equal(values, wanted)  # to the bit
        else:
            np.testing.assert_allclose(values, wanted, rtol=1e-9, atol=1e-9)
        trades = obi.entries(tape, settings, queue=queue)
        left = trades[trades["ended"] != "unfilled"]
        assert len(made) >= len(left) > 3
        if not case.get("execution"):
            times = trades["entry_time"].astype("int64").tolist()
            assert made == list(zip(times, trades["side"].tolist(), strict=True))
    text = path.read_text()
    assert "import numpy" not in text
    assert "import obi_widgets" not in text
    for name, its in OF_TRADES.items():
        assert (f"class {its}" in text) == (name in settings.signal.name)


def test_gaps_and_empty_sides(tmp_path):
    """The trades of a simulated market, and a book that is lost now and then."""
    history = obi.simulate(seconds=120, seed=4, levels=5)
    bid, ask = history.bid.copy(), history.ask.copy()
    for at in (200, 500, 501, 900):
        bid[at] = ask[at] = np.nan
    bid[300::50], ask[320::50] = np.nan, np.nan
    for name, window in (("trade_imbalance", 5), ("vwap_deviation", 3)):
        settings = obi.Settings(name, window=window, threshold=0.1, hold_seconds=2)
        strategy = strategy_of(obi.export_strategy(tmp_path / "s.py", settings, history))
        table, begin, began = history.trades, 0, history.time[0]
        for row, end in enumerate((history.trade_ends - table.start).tolist()):
            for one in range(begin, end):
                strategy.on_trade(
                    int(table.time[one]), table.price[one], table.size[one], int(table.side[one])
                )
            begin = end
            both = np.isnan([bid[row], ask[row]])
            sides = [
                [] if no else [(x, 1.0)] for no, x in zip(both, (bid[row], ask[row]), strict=True)
            ]
            value = strategy.decide(int(history.time[row]), *sides)[2]
            if both.all():
                began = history.time[row + 1]
                assert math.isnan(value)
                continue
            # By hand, of the trades of the states of the window.
            now = history.time[row]
            first = np.searchsorted(history.time, now - window * SECOND, "right")
            rows = slice(history.trade_ends[first - 1] if first else 0, end)
            size, side, price = table.size[rows], table.side[rows], table.price[rows]
            if now - began < window * SECOND or not len(size) or (both.any() and name[0] == "v"):
                assert math.isnan(value)
            elif name == "trade_imbalance":
                assert value == pytest.approx((size * side).sum() / size.sum(), abs=1e-12)
            else:
                vwap = (price * size).sum() / size.sum()
                mid = (bid[row] + ask[row]) / 2
                assert value == pytest.approx(1e4 * (mid - vwap) / vwap, abs=1e-7)


def values_of(kind, trades, window=10 * SECOND):
    """Return the value after each trade of (second, price, size, side)."""
    tape, out = [], []
    signal = kind(tape, window)
    signal(START - window, BIDS, ASKS)
    for second, *trade in trades:
        tape.append(tuple(trade))
        out.append(signal(START + second * SECOND, BIDS, ASKS))
        tape.clear()
    return out


def test_sums_are_exact_for_trades_finer_than_those_it_was_tuned_on():
    rng = np.random.default_rng(1)
    trades = [
        (row, round(float(rng.uniform(99, 102)), 5), round(float(rng.lognormal(0, 9)), 9), side)
        for row, side in enumerate(rng.choice([1, -1], 300).tolist())
    ]
    found = values_of(VwapDeviation, trades), values_of(TradeImbalance, trades)
    for row in range(300):
        some = [
            (Fraction(str(p)), Fraction(str(q)), s)
            for _, p, q, s in trades[max(row - 9, 0) : row + 1]
        ]
        vwap = sum(p * q for p, q, _ in some) / sum(q for _, q, _ in some)
        share = sum(q * s for _, q, s in some) / sum(q for _, q, _ in some)
        assert found[0][row] == pytest.approx(
            float(10_000 * (Fraction("100.5") / vwap - 1)), abs=1e-9
        )
        assert found[1][row] == pytest.approx(float(share), rel=1e-14)


def test_by_hand():
    trades = [(0, 100.0, 0.3, 1), (1, 101.0, 0.1, -1), (20, 100.5, 7.0, -1)]
    assert values_of(TradeImbalance, trades) == [1.0, 0.5, -1.0]
    ratios = values_of(BuySellRatio, trades)
    assert math.isnan(ratios[0])
    assert ratios[1] == pytest.approx(math.log(3))
    assert math.isnan(ratios[2])
    assert values_of(VwapDeviation, trades) == pytest.approx(
        [50.0, 1e4 * (100.5 / 100.25 - 1), 0.0]
    )
    # What has left the window leaves nothing behind.
    tape = [(100.0, 0.1, 1), (100.0, 0.2, 1), (100.0, 1e-9, -1)]
    signal = TradeImbalance(tape, SECOND)
    signal(START, BIDS, ASKS)
    tape.clear()
    assert math.isnan(signal(START + SECOND, BIDS, ASKS))
    assert (signal.bought, signal.sold, signal.value) == (0, 0, 0)


@pytest.mark.parametrize(
    "trade",
    [(1.5, 100.0, 1.0, 1), (START, math.nan, 1.0, 1), (START, 100.0, 0.0, 1),
     (START, 100.0, math.inf, -1), (START, 100.0, 1.0, 0), (START, "100", 1.0, 1)],
    ids=str,
)  # fmt: skip
def test_an_invalid_trade_is_refused_and_changes_nothing(trade, tape, tmp_path):
    settings = obi.Settings("trade_imbalance", window=1, threshold=0.3)
    path = obi.export_strategy(tmp_path / "s.py", settings, tape[:200])
    strategy = strategy_of(path)
    with pytest.raises(ValueError, match="A trade has a time in nanoseconds, a price and a size"):
        strategy.on_trade(*trade)
    assert strategy._tape == []


def test_lost_books_make_the_window_begin_anew(tape, tmp_path):
    settings = obi.Settings("trade_imbalance", window=10, threshold=0.3)
    strategy = strategy_of(obi.export_strategy(tmp_path / "s.py", settings, tape[:300]))

    def at(second):
        strategy.on_trade(START + second * SECOND, 100.0, 1.0, 1)
        return strategy.decide(START + second * SECOND, BIDS, ASKS)[2]

    assert math.isnan(at(0))
    assert at(10) == 1.0
    strategy.on_trade(START + 11 * SECOND, 100.0, 99.0, -1)
    strategy.lost()
    assert math.isnan(at(12))
    assert math.isnan(at(21))
    assert at(22) == 1.0


def test_a_history_without_trades_is_refused(tape, tmp_path):
    history = obi.History.from_arrays(
        tape.time[:300], tape.prices(1)[:300], tape.sizes(1)[:300], tape.prices(-1)[:300],
        tape.sizes(-1)[:300],
    )  # fmt: skip
    with pytest.raises(obi.ObiError, match="The signal trade_imbalance has no value in this hist"):
        obi.export_strategy(tmp_path / "s.py", obi.Settings("trade_imbalance"), history)
    assert not list(tmp_path.iterdir())


def test_what_follows_every_change_of_the_book_is_refused_with_the_reason(tape, tmp_path):
    walls = "follows large levels through every change of the whole book"
    refused = 0
    for name in sorted(registry.BUILT_IN):
        one = registry.find(name)
        if not name.startswith("wall_"):
            continue
        for chosen in (one, obi.smooth(one, 5)):
            with pytest.raises(obi.ObiError) as error:
                obi.export_strategy(tmp_path / "s.py", obi.Settings(chosen), tape[:100])
            said = f"The signal {chosen.name} cannot be exported: {name} {walls}, and a strategy"
            assert str(error.value).startswith(said)
        refused += 1
    assert refused == 2
    with pytest.raises(obi.ObiError) as error:
        obi.export_strategy(tmp_path / "s.py", obi.Settings(gates=["spoofs"]), tape[:100])
    assert "it follows large levels through every change of the whole book" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_file_whose_trades_are_counted_otherwise_is_not_written(tape, tmp_path, monkeypatch):
    other = tmp_path / "trades.py"
    text = Path(plain_trades.__file__).read_text(encoding="utf-8")
    other.write_text(text.replace("<= time_ns - self._window", "< time_ns - 2 * self._window"))
    monkeypatch.setattr("obi_widgets.strategy.variants.TRADES", other)
    with pytest.raises(
        obi.ObiError, match="The signal trade_imbalance cannot be exported: in state"
    ):
        obi.export_strategy(tmp_path / "s.py", obi.Settings(**CASES[0]), tape[:1000])
    assert not (tmp_path / "s.py").exists()
