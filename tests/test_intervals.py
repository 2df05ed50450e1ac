"""Kyle's lambda and Amihud's illiquidity: by hand, against SciPy and plain loops, and appended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from history_tools import SECOND, early
from scipy import stats

import obi_widgets as obi
from obi_widgets.calibration.lookahead import looks_ahead
from obi_widgets.history.trades import Trades

NAN = np.nan
NET = np.array([2, -1, 3, -2, 1, -3, 2, -2, 1, -1])


def market(moves, sizes, price=1000):
    """Return a state a second from 0 s on; the trade of each comes with it, and mid moves by it.

    Trades have a price of 100.0 and sizes of whole base units; 0 is none.
    """
    mid = 100.0 + np.append(0, np.cumsum(moves))
    made = early(SECOND * np.arange(len(mid)), mid - 1, np.ones(len(mid)), mid + 1,
                 np.ones(len(mid)), tick_size=0.5)  # fmt: skip
    sizes = np.append(0, sizes).astype(np.int64)
    there = sizes != 0
    amounts = np.stack([np.full(there.sum(), price), sizes[there]])
    trades = Trades(np.zeros((3, there.sum()), np.int64), amounts, price_decimals=1)
    return replace(made, trades=trades, trade_ends=np.cumsum(there).astype(np.int64))


def test_lambda_by_hand():
    # Mid moves by half of what takers buy more than they sell, in each of ten seconds.
    history = market([*NET / 2, 0.5], [*NET, 7])
    assert history.time[0] == 0
    slope = obi.kyle_lambda(history, window=10, step=1)
    error = obi.kyle_lambda(history, window=10, step=1, shows="standard error")
    # The window of 10 s has to be full before the newest interval, of 1 s, has ended.
    assert np.isnan(slope[:11]).all()
    assert slope[11] == pytest.approx(0.5, rel=1e-12)
    assert error[11] == pytest.approx(0, abs=1e-9)
    assert not obi.kyle_lambda.directional


def test_a_price_that_falls_while_takers_buy_has_a_lambda_below_0():
    slope = obi.kyle_lambda(market([*-NET / 2, 0.5], [*NET, 7]), window=10, step=1)
    assert slope[11] == pytest.approx(-0.5, rel=1e-12)


def test_amihud_by_hand():
    moves, sizes = np.array([1, -1] * 5 + [0]), np.array([1, -2, 3, 0, 1, 1, -1, 2, -2, 4, 9])
    found = obi.amihud(market(moves, sizes), window=10, step=1)
    before = np.array([100, 101] * 5)
    ratios = [
        1e4 / mid / (100 * abs(size) / 1e6)
        for mid, size in zip(before, sizes[:10], strict=True) if size
    ]  # fmt: skip
    assert len(ratios) == 9
    assert np.isnan(found[:11]).all()
    assert found[11] == pytest.approx(np.mean(ratios), rel=1e-12)
    assert not obi.amihud.directional


def cells(history, row, window, step):
    """Return mid before and after each interval of a state's window, its net volume and value."""
    length = round(step * SECOND)
    newest = (history.time[row] - 1) // length * length
    taken, found = history.taken, []
    for end in newest - length * np.arange(int(window / step)):
        first, last = np.searchsorted(history.time, [end - length, end], "right")
        rows = slice(first, last)
        net = taken.bought[rows].sum() - taken.sold[rows].sum()
        value = taken.bought_value[rows].sum() + taken.sold_value[rows].sum()
        found.append((history.mid[first - 1], history.mid[last - 1], net, value))
    return np.array(found).T


def test_they_are_what_others_compute_from_the_intervals(history):
    given = {"window": 60.0, "step": 2.0}
    slope, illiquid = obi.kyle_lambda(history, **given), obi.amihud(history, **given)
    error = obi.kyle_lambda(history, **given, shows="standard error")
    full = history.time - history.time[0] >= 62 * SECOND
    for values in (slope, error, illiquid):
        np.testing.assert_array_equal(np.isnan(values), ~full)
    for row in np.flatnonzero(full)[:: full.sum() // 6]:
        before, after, net, value = cells(history, row, **given)
        fitted = stats.linregress(net, after - before)
        assert slope[row] == pytest.approx(fitted.slope, rel=1e-7)
        assert error[row] == pytest.approx(fitted.stderr, rel=1e-7)
        ratio = 1e4 * abs(after / before - 1)[value > 0] / (value[value > 0] / 1e6)
        assert illiquid[row] == pytest.approx(ratio.mean(), rel=1e-9)


@pytest.mark.parametrize("signal", [obi.kyle_lambda, obi.amihud], ids=lambda one: one.name)
def test_appended_it_is_the_whole_and_no_later_data_are_used(history, signal):
    given = {"window": 30.0, "step": 1.0}
    values = signal(history, **given)
    for count in (1, 700, 4097, len(history) - 3):
        np.testing.assert_array_equal(signal(history[:count], **given), values[:count])
    assert not looks_ahead(history, lambda part: signal(part, **given), values)


@pytest.mark.parametrize("signal", [obi.kyle_lambda, obi.amihud], ids=lambda one: one.name)
def test_of_states_of_one_time_the_first_knows_nothing_of_the_second(signal):
    history = market([*NET / 2, 0.5, 0.5], [*NET, 7, 8])
    time = history.time.copy()
    time[-1] = time[-2]  # at a border of intervals
    history = replace(history, time=time)
    values = signal(history, window=10, step=1)
    np.testing.assert_array_equal(signal(history[:-1], window=10, step=1), values[:-1])


@pytest.mark.parametrize("signal", [obi.kyle_lambda, obi.amihud], ids=lambda one: one.name)
def test_after_a_gap_with_one_side_and_without_trades(signal):
    first = obi.simulate(seconds=60, seed=2, levels=1)
    joined = obi.History.concat([first[:250], first[300:]])
    values = signal(joined, window=10, step=1)
    full = joined.time - joined.run_began >= 11 * SECOND
    np.testing.assert_array_equal(np.isnan(values), ~full | joined.lost)
    bid = first.bid.copy()
    bid[100] = NAN  # without a mid: its interval is left out
    ones = np.ones(len(first))
    states = obi.History.from_arrays(first.time, first.bid, ones, first.ask, ones)
    assert np.isnan(signal(states, window=10, step=1)).all()
    one_side = obi.History.from_arrays(first.time, bid, ones, first.ask, ones)
    some = replace(one_side, trades=first.trades, trade_ends=first.trade_ends)
    assert np.isfinite(signal(some, window=10, step=1)[300:]).all()


@pytest.mark.parametrize("signal", [obi.kyle_lambda, obi.amihud], ids=lambda one: one.name)
def test_a_window_of_few_intervals_is_refused(signal):
    refused = "A window of 60 s holds 6 intervals of 10 s, and 10 are needed.*Give window=100"
    with pytest.raises(obi.ObiError, match=refused):
        signal(obi.simulate(seconds=5), window=60)


def test_a_finer_grid_of_trades_changes_no_value():
    history = obi.simulate(seconds=60, seed=4, levels=1)
    trades = history.trades
    fine = replace(
        trades, amounts=trades.finer(trades.price_decimals + 1, trades.size_decimals + 1),
        price_decimals=trades.price_decimals + 1, size_decimals=trades.size_decimals + 1,
    )  # fmt: skip
    other = replace(history, trades=fine)
    for signal in (obi.kyle_lambda, obi.amihud):
        found = signal(other, window=20, step=1)
        np.testing.assert_array_equal(found, signal(history, window=20, step=1))
