"""Equity is the sum of the entries' gains: the same figures as the results and the table."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from history_tools import NAN, SECOND
from hypothesis import given, settings
from hypothesis import strategies as st
from test_frame import frame_of

import obi_widgets as obi
from obi_widgets.presentation.charts.equity import MANY, Curve, EquityMaker, Totals
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.presentation.charts.window import PIXELS, Window
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.trade_list import Held, Trades

RULES = [
    Parameters(),
    Parameters(threshold=0.1, hold_seconds=1.0),
    Parameters(threshold=0.9, hold_seconds=60.0),
    Parameters(threshold=0.2, hold_seconds=2.0, latency_ms=200.0, fee_bps=0.0),
]


def trades_of(gains, *, every=SECOND, fees=10.0, lost=(), is_open=False):
    """Return entries with these gains in bps, one after the other; without a result if ``lost``."""
    count = len(gains)
    entry = 1000 * SECOND + every * np.arange(count)
    left, price = entry + every // 2, 100.0 * (1 + np.array(gains, float) / 1e4)
    gone = np.isin(np.arange(count), lost)
    if is_open:
        gone[-1] = True
    left, price = np.where(gone, 0, left), np.where(gone, NAN, price)
    held = Held(1, int(entry[-1]), 100.0) if is_open else None
    return Trades(
        np.ones(count, np.int8), entry, np.full(count, 100.0), left, price,
        np.isin(np.arange(count), lost), np.zeros(count, bool), entry,
        np.full(count, fees), np.zeros(count, bool), np.zeros(count, np.int8),
        np.ones(count), held,
    )  # fmt: skip


def window_of(trades, seconds=3600.0):
    return Window.ending(int(trades.entry_time[-1]) + SECOND, seconds)


# -- the same figures everywhere ---------------------------------------------------------------


@pytest.mark.parametrize("parameters", RULES, ids=range(len(RULES)))
def test_the_sums_are_those_of_the_results_and_of_the_table(history, parameters):
    frame = frame_of(history, parameters, time_range=TimeRange(3600.0))
    whole, results = frame.equity.whole, frame.results
    assert whole.entries == results.entries > 0
    assert whole.gross / whole.entries == results.mean_gross_bps  # to the last bit
    assert whole.net / whole.entries == results.mean_net_bps
    assert whole.break_even == results.mean_gross_bps / 2
    table = obi.entries(history, parameters)
    done = table[table.ended == "held"]
    curve = frame.equity.curve
    np.testing.assert_array_equal(curve.time[1:-1], done.exit_time.astype(np.int64))
    np.testing.assert_array_equal(curve.gross[1:-1], np.cumsum(done.gross_bps))
    np.testing.assert_array_equal(curve.net[1:-1], np.cumsum(done.net_bps))
    assert curve.totals == whole
    assert curve.gross[-1] == pytest.approx(whole.gross, rel=1e-12, abs=1e-9)
    low, high = frame.equity.scale
    assert low <= min(0, curve.net.min()) <= max(0, curve.gross.max()) <= high


@pytest.mark.parametrize("seconds", [5.0, 60.0, 120.0])
def test_in_view_are_the_entries_whose_exit_is(history, seconds):
    end = int(history.time[3000])
    frame = frame_of(history, RULES[1], time_range=TimeRange(seconds, end))
    table = obi.entries(history, RULES[1])
    exits = table.exit_time.astype(np.int64).to_numpy()
    seen = (exits >= frame.window.start) & (exits < frame.window.end)
    assert 0 < seen.sum() < len(table)
    totals = frame.equity.curve.totals
    assert totals.entries == seen.sum()
    assert totals.net == table.net_bps[seen].to_numpy().sum()
    assert frame.equity.whole.entries == frame.results.entries
    assert frame.equity.curve.time[0] == frame.window.start
    assert frame.equity.curve.gross[0] == frame.equity.curve.net[0] == 0


def test_post_only_has_both_bounds(history):
    p = Parameters(execution="post_only", hold_seconds=3.0)
    frame = frame_of(history, p, time_range=TimeRange(3600.0))
    back, front = frame.equity.whole, frame.equity.whole_front
    assert frame.equity.front is not None
    assert front is not None
    for totals, results in ((back, frame.results), (front, frame.front)):
        assert totals.net / totals.entries == results.mean_net_bps
    assert frame.equity.curve.totals == back
    assert frame.equity.front.totals == front
    assert back != front
    taker = frame_of(history, Parameters()).equity
    assert taker.front is taker.whole_front is None


# -- what counts -------------------------------------------------------------------------------


def test_what_is_open_or_lost_is_left_out_and_told():
    trades = trades_of([5.0, 7.0, 3.0, 9.0], lost=[1], is_open=True)
    window = window_of(trades)
    equity = EquityMaker().make(trades, None, window, int(window.end) - 1)
    assert equity.whole.entries == 2
    assert equity.whole.gross == pytest.approx(8.0)
    assert equity.whole.net == pytest.approx(-12.0)
    assert (equity.lost, equity.is_open) == (1, True)


def test_without_entries_there_is_no_curve():
    none = trades_of([])
    equity = EquityMaker().make(none, None, Window.ending(2000 * SECOND, 60.0), 2000 * SECOND)
    assert len(equity.curve.time) == len(equity.curve.net) == 0
    assert equity.whole.entries == 0
    assert math.isnan(equity.whole.break_even)
    assert (equity.whole.drawdown, equity.whole.drawdown_now) == (0, 0)
    assert equity.scale[0] < 0 < equity.scale[1]


@pytest.mark.parametrize(
    ("gains", "largest", "now"),
    [
        ([1.0, 2.0, 3.0], 0.0, 0.0),
        ([-4.0, 1.0], 4.0, 3.0),  # below 0, where it began
        ([5.0, -3.0, -2.0, 4.0, 8.0], 5.0, 0.0),
        ([5.0, -1.0, 3.0, -6.0, 2.0], 6.0, 4.0),
    ],
)
def test_drawdown_is_the_fall_from_the_highest_so_far(gains, largest, now):
    totals = Totals.of(trades_of(gains, fees=0.0))
    assert totals.drawdown == pytest.approx(largest, abs=1e-9)
    assert totals.drawdown_now == pytest.approx(now, abs=1e-9)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=40))
def test_at_the_break_even_fee_nothing_is_left(gains):
    fee = Totals.of(trades_of(gains)).break_even
    assert Totals.of(trades_of(gains, fees=2 * fee)).net == pytest.approx(0, abs=1e-8)


def test_what_came_after_the_seal_is_apart():
    trades = trades_of([1.0, 2.0, 4.0, 8.0], fees=0.0)
    window, sealed_at = window_of(trades), int(trades.decision_time[1])
    maker = EquityMaker()
    equity = maker.make(trades, None, window, window.end - 1, sealed_at)
    assert equity.sealed_at == sealed_at
    assert equity.sealed is not None
    assert equity.sealed.entries == 2  # that of the sealing state was decided before
    assert equity.sealed.gross == pytest.approx(12.0)
    assert equity.whole.gross == pytest.approx(15.0)
    later = maker.make(trades, None, window, window.end - 1)
    assert later.sealed is later.sealed_at is None


def test_a_broken_test_is_not_apart(tmp_path):
    session = obi.Session("sim:BTC-PERP", seed=3, warmup=30.0)
    try:
        session.wait(100)
        assert session.sealing.sealed_at is None
        test = session.seal(tmp_path / "seal.json")
        assert session.sealing.sealed_at == test.seal.sealed_at > 0
        session.settings.threshold = 0.77
        assert session.sealing.sealed_at is None
    finally:
        session.close()


# -- drawing -----------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(MANY + 1, 6000), st.integers(0, 1000))
def test_of_thousands_the_extremes_and_the_ends_stay(count, seed):
    trades = trades_of(np.random.default_rng(seed).normal(0, 20, count), every=SECOND // 50)
    window = Window.ending(int(trades.exit_time[-1]), count / 50 * 1.1)
    curve = Curve.of(trades, window, window.end - 1)
    assert len(curve.time) <= 5 * PIXELS // 2 + 7
    assert (np.diff(curve.time) >= 0).all()
    places = trades.exit_time // (2 * window.column)
    for line, drawn in (
        (np.cumsum(trades.gross_bps), curve.gross),
        (np.cumsum(trades.net_bps), curve.net),
    ):
        assert (drawn.min(), drawn.max()) == (min(line.min(), 0), max(line.max(), 0))
        assert drawn[-1] == line[-1]
        at = curve.time[1:-1] // (2 * window.column)
        for place in np.unique(places)[::37]:
            here, there = line[places == place], drawn[1:-1][at == place]
            assert (here.min(), here.max(), here[-1]) == (there.min(), there.max(), there[-1])


def test_the_line_ends_at_the_newest_state_and_not_at_the_edge():
    trades = trades_of([1.0, 2.0])
    window = Window.ending(int(trades.exit_time[-1]) + 600 * SECOND, 1200.0)
    newest = int(trades.exit_time[-1]) + 3 * SECOND
    assert newest <= Curve.of(trades, window, newest).time[-1] <= newest + window.column
    assert Curve.of(trades, window, window.end + SECOND).time[-1] == window.end


def test_frame_after_frame_it_is_what_it_would_be_anew(history):
    analysis, maker = Analysis(RULES[1]), EquityMaker()
    for end in range(200, len(history), 173):
        parameters = RULES[end // 900 % 2]
        analysis.update(history[:end], parameters)
        newest = int(history.time[end - 1])
        window = Window.ending(newest, (60.0, 900.0)[end // 600 % 2])
        sealed_at = None if end < 1000 else int(history.time[900])
        given_ = (analysis.trades, analysis.front_trades, window, newest, sealed_at)
        one, other = maker.make(*given_), EquityMaker().make(*given_)
        for name in ("time", "gross", "net"):
            np.testing.assert_array_equal(getattr(one.curve, name), getattr(other.curve, name))
        # As texts: from Python 3.13 on, NaN in a dataclass differs from itself.
        rest = [str(replace(each, curve=None, scale=None)) for each in (one, other)]
        assert rest[0] == rest[1]
        assert one is maker.make(*given_), "nothing is added up again"
