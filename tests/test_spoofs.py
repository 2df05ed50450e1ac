"""Spoofs: by hand, on simulated and real tapes with fake levels of which the truth is known."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from exchange_tools import captured
from spoof_tools import found, planted
from test_large_levels import SECOND, T0, Tape

import obi_widgets as obi
from obi_widgets.errors import HistoryError, SettingsError
from obi_widgets.trading.gates.spoofs import spoofs as gate
from obi_widgets.trading.spoofing import CHANCE, Flashes, counted, tail

RATES = (15, 60, 180)
"""Runs of eight fake levels an hour without one."""

QUICK = {"closed_for": 3, "window": 20, "life": 5, "repeats": 2, "within_bps": 20}


def told(*flashes, trades=(), seconds=40):
    """Return a history in which levels of 10 stand for some time; with trades.

    Each flash is (side, price, born, pulled), a trade (time, price, side).
    """
    tape = Tape(interval=0)
    tape.trade(0.1, 1000.1, 1.0, +1)
    events = [(float(second), None, None, None) for second in range(1, seconds)]
    for side, price, born, pulled in flashes:
        events += [(born, side, price, 10.0), (pulled, side, price, 1.0)]
    events += [(at, None, price, side) for at, price, side in trades]
    for at, side, price, what in sorted(events, key=lambda one: one[0]):
        if side is None and price is not None:
            tape.trade(at, price, 0.1, what)
        elif side is None:
            tape.change(at)
        else:
            tape.change(at, **{"bids" if side > 0 else "asks": [(price, what)]})
    return tape.writer.history()


THREE = [(+1, 999.0, 2.2, 4.5), (+1, 999.2, 6.2, 8.5), (+1, 999.1, 12.2, 14.5)]


def seconds_of(times):
    return [None if pd.isna(one) else (one.value - T0) / SECOND for one in times]


# -- by hand -----------------------------------------------------------------------------------


def test_the_third_of_one_side_tells_what_all_three_were():
    table = obi.spoofs(told(*THREE), within_bps=20, window=20)
    assert table["side"].tolist() == [1, 1, 1]
    assert table["price"].tolist() == [999.0, 999.2, 999.1]
    assert table["times_usual"].tolist() == [10.0] * 3
    assert seconds_of(table["pulled"]) == [4.5, 8.5, 14.5]
    assert seconds_of(table["told"]) == [5, 9, 15]
    assert table["same"].tolist() == [1, 2, 3]
    assert table["chance"].tolist() == [0.5, 0.25, 0.125]
    assert table["spoof"].all()
    assert seconds_of(table["known"]) == [15, 15, 15]


def test_what_is_too_far_back_is_not_counted():
    table = obi.spoofs(told(*THREE), within_bps=20, window=10)  # 5 is not within (5, 15]
    assert table["same"].tolist() == [1, 2, 2]
    assert not table["spoof"].any()
    assert seconds_of(table["known"]) == [None] * 3
    table = obi.spoofs(told(*THREE), within_bps=20, window=10.5)
    assert seconds_of(table["known"]) == [15] * 3


def test_those_of_the_other_side_count_against_it():
    other = (-1, 1001.0, 9.2, 11.5)
    table = obi.spoofs(told(*THREE, other), within_bps=20)
    assert table["other"].tolist() == [0, 0, 2, 1]
    assert table["chance"].tolist()[-1] == 5 / 16  # at least three of four
    assert not table["spoof"].any()
    assert table["side"].tolist() == [1, 1, -1, 1]


@pytest.mark.parametrize(
    ("what", "flash", "trades"),
    [
        ("too far", (+1, 997.5, 12.2, 14.5), ()),
        ("too long", (+1, 999.1, 12.2, 23.5), ()),
        ("a trade near", (+1, 999.1, 12.2, 14.5), [(13.8, 999.15, -1)]),
        ("a trade against it", (+1, 999.1, 12.2, 14.5), [(12.8, 999.1, -1)]),
        ("the best", (+1, 1000.05, 12.2, 14.5), ()),
    ],
)
def test_what_was_in_danger_or_meant_to_stay_is_none(what, flash, trades):
    table = obi.spoofs(told(*THREE[:2], flash, trades=trades), within_bps=20, window=30)
    assert len(table) == 2, what
    fine = obi.spoofs(told(*THREE, trades=[(12.0, 999.1, -1)]), within_bps=20, window=30)
    assert len(fine) == 3  # a trade long before


def test_the_chance_is_that_of_a_fair_coin():
    assert [tail(k, 3) for k in range(4)] == [1, 7 / 8, 4 / 8, 1 / 8]
    count = Fraction(sum(Fraction(1, 1) for bits in range(2**10) if bits.bit_count() >= 8))
    assert tail(8, 10) == count / 2**10
    assert tail(3, 3) < CHANCE < tail(4, 5)
    assert 0 < tail(700, 1200) < 1e-8
    for of_all in range(40):
        for count in range(of_all + 1):
            ways = sum(math.comb(of_all, k) for k in range(count, of_all + 1))
            assert tail(count, of_all) == ways / 2**of_all


def test_a_busy_day_and_windows_of_an_hour_are_counted_quickly():
    """One sum a flash would be some ten million binomial coefficients: half a minute."""
    rng, flashes = np.random.default_rng(0), 14_400
    rows = np.sort(rng.integers(0, 86_400, flashes))
    sides = rng.choice([-1, 1], flashes)
    found = Flashes(np.arange(flashes), sides, np.ones(flashes), rows)
    began = time.process_time()
    what = counted(np.arange(86_400) * SECOND, found, 3600.0, 3)
    assert time.process_time() - began < 5
    assert what.same.max() > 300


def test_without_trades_it_is_refused_and_the_gate_is_closed():
    silent = replace(told(*THREE), trades=obi.Trades.none())
    with pytest.raises(HistoryError, match="no stream of trades"):
        obi.spoofs(silent)
    assert np.isnan(gate(silent, **QUICK)).all()
    for wrong in ({"life": 0}, {"window": -1}, {"repeats": "x"}, {"within_bps": 0}):
        with pytest.raises(SettingsError):
            obi.spoofs(told(*THREE), **wrong)
    assert len(obi.spoofs(told(*THREE)[:0])) == 0


# -- the gate ----------------------------------------------------------------------------------


def test_the_gate_closes_the_side_that_they_leaned_to_from_when_it_is_known():
    history = told(*THREE, seconds=60)
    values = {"closed_for": 5, "window": 15, "life": 5, "within_bps": 20}
    longs, shorts = gate(history, **values)
    known = (history.time - history.time[0]) / SECOND >= 5 + 15 + 5 + 5 + 1  # of the look-back
    assert np.isnan(longs[~known]).all()
    assert (shorts[known] == 1).all()
    assert (longs[known] == 1).all()  # it had opened before
    late = told(*((side, price, a + 30, b + 30) for side, price, a, b in THREE), seconds=60)
    longs, shorts = gate(late, **values)
    closed = (late.time[longs == 0] - T0) / SECOND
    assert (closed.min(), closed.max()) == (45, 49)
    assert not (shorts == 0).any()
    down = told(*((-1, 2000.1 - p, a + 30, b + 30) for _, p, a, b in THREE), seconds=60)
    assert np.array_equal(gate(down, **values)[1] == 0, longs == 0)


@pytest.fixture(scope="module")
def misled():
    """An hour in which mid falls while bids are shown, and its fake levels."""
    return obi.simulate_spoofs(seconds=3600, seed=1, edge=0.5, levels=20, runs=60, against=0.5)


def test_appended_equals_whole_and_nothing_is_from_the_future():
    history, _ = obi.simulate_spoofs(seconds=240, seed=4, levels=20, runs=600)
    whole = gate(history, **QUICK)
    assert {0.0, 1.0} <= set(whole[~np.isnan(whole)].tolist())
    values = gate.check(QUICK)
    for cut in range(len(history) // 3, len(history), 151):
        np.testing.assert_array_equal(gate(history[:cut], **QUICK), whole[:, :cut])
        np.testing.assert_array_equal(gate.compute(history, values, cut), whole[:, cut:])
    table, known = obi.spoofs(history), 0
    for cut in (800, 1200, 1700):
        part = obi.spoofs(history[:cut])
        same = table[: len(part)].drop(columns=["spoof", "known"])
        pd.testing.assert_frame_equal(part.drop(columns=["spoof", "known"]), same)
        by_then = table["known"][: len(part)] <= part["told"].max()
        assert (part["spoof"] == by_then).all()
        known += by_then.sum()
    assert known > 10


SETTINGS = obi.Parameters(
    depth=20, decay=0.05, threshold=0.5, hold_seconds=5, price="mid", fee_bps=0,
    gates={"spoofs": {}},
)  # fmt: skip


@pytest.mark.slow
def test_what_the_gate_removes_are_the_losing_entries(misled):
    history, _ = misled
    row = obi.gate_report(history, SETTINGS).loc["all"]
    assert row["removed"] > 50
    assert row["removed_high"] < 0
    assert row["selects_low"] > 0
    assert row["low"] > 0


@pytest.mark.slow
def test_where_fakes_tell_nothing_and_where_there_are_none_it_changes_nothing():
    fakes, _ = obi.simulate_spoofs(seconds=3600, seed=2, edge=0.5, levels=20, runs=60)
    row = obi.gate_report(fakes, SETTINGS).loc["all"]
    assert row["removed"] > 50
    assert row["low"] <= 0 <= row["high"]
    assert row["selects_low"] <= 0 <= row["selects_high"]
    none = obi.simulate(seconds=1800, seed=3, edge=0.5, levels=20)
    row = obi.gate_report(none, SETTINGS).loc["all"]
    assert row["open"] + row["unknown"] > 0.97
    assert row["removed"] - row["unknown"] * row["entries_off"] < 0.05 * row["entries_off"]
    assert np.isnan(row["low"]) or row["low"] <= 0 <= row["high"]


# -- precision and recall ----------------------------------------------------------------------


def judged(history, truth):
    """Return precision, recall, and the share of runs of which one was found."""
    table = obi.spoofs(history)
    table = table[table["spoof"]]
    hit, right = found(table, truth)
    runs = pd.Series(hit).groupby(truth["run"].to_numpy()).any()
    return right.mean(), hit.mean(), runs.mean()


@pytest.mark.slow
@pytest.mark.parametrize("runs", RATES)
def test_fakes_of_a_simulated_market_are_found(runs, misled):
    if runs == 60:
        history, truth = misled
    else:
        history, truth = obi.simulate_spoofs(seconds=1800, seed=5, levels=50, runs=runs)
    truth = truth[truth["pulled"].notna()]
    assert len(truth) > 30
    precision, recall, of_runs = judged(history, truth)
    assert precision > 0.85
    assert recall > 0.7
    assert of_runs > 0.7


@pytest.mark.slow
def test_a_simulated_market_without_fakes_has_few_false_alarms():
    table = obi.spoofs(obi.simulate(seconds=3600, seed=6))
    assert len(table) > 10
    assert table["spoof"].sum() <= 6  # an hour


ALARMS = {"btc": (20, 19), "eth": (12, 8)}
"""What both captures have as they are, in eight minutes: walls only shown, taken for spoofs."""


@pytest.mark.slow
@pytest.mark.parametrize("symbol", ["btc", pytest.param("eth", marks=pytest.mark.slow)])
def test_what_a_real_tape_has_by_itself(symbol):
    table = obi.spoofs(obi.load(files(symbol), levels=5, interval=0))
    assert (len(table), table["spoof"].sum()) == ALARMS[symbol]


def files(symbol):
    return [captured(f"binance_usdm/{symbol}usdt_202407{day}.gz") for day in (18, 19)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("symbol", "every", "precision", "recall", "runs"),
    [
        ("btc", 240, 0.36, 0.90, 1.0), ("btc", 120, 0.52, 0.75, 0.75),
        ("btc", 45, 0.78, 0.85, 0.91),
        ("eth", 240, 0.38, 0.50, 0.5), ("eth", 120, 0.59, 0.65, 0.75),
        ("eth", 45, 0.81, 0.75, 0.73),
    ],
)  # fmt: skip
def test_fakes_that_were_planted_on_a_real_tape_are_found(
    symbol, every, precision, recall, runs, tmp_path
):
    """At 75, 150 and 400 an hour. What the tape has by itself counts as wrong."""
    decimals = {"btc": 1, "eth": 2}[symbol]
    paths, truth = planted(files(symbol), tmp_path, every=every, decimals=decimals, seed=1)
    history = obi.load(paths, levels=5, interval=0)
    assert history.gaps == 0
    assert len(history) == {"btc": 9018, "eth": 8925}[symbol]  # only sizes differ
    assert judged(history, truth) == pytest.approx((precision, recall, runs), abs=0.006)
