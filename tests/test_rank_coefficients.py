"""The error of a rank correlation: against plain Python, and against its true variation."""

from collections import defaultdict

import numpy as np
import pytest
from history_tools import early
from scipy import stats

import obi_widgets as obi
from benchmarks.verdicts import markets
from obi_widgets.calibration import forward_returns
from obi_widgets.calibration.information_coefficient import information_coefficients
from obi_widgets.calibration.statistics import ranks

NAN = np.nan


def plain_error(signal, y, end, mid):
    """Return the standard error of the rank correlation, computed return by return."""
    rows = [t for t in range(len(y)) if not np.isnan(signal[t] + y[t])]
    # The states at whose moves each return accrues; its end if there is no state in between.
    accrues = {t: range(t + 1, end[t] + 1) or [end[t]] for t in rows}
    width = -(-len(y) // 2048)
    active = len({state for states in accrues.values() for state in states})
    overlap = max(end[t] - t for t in rows)
    block = (int(np.ceil(max(overlap, 1.3 * active**0.5) / width)) + 1) * width
    values = np.array([y[t] for t in rows])
    u = dict(zip(rows, stats.zscore(stats.rankdata([signal[t] for t in rows])), strict=True))
    own = dict(zip(rows, stats.rankdata(values), strict=True))
    centre, size = np.mean(list(own.values())), np.std(list(own.values()))
    v = {t: (rank - centre) / size for t, rank in own.items()}
    r = sum(u[t] * (own[t] - centre) / size for t in rows) / len(rows)
    squares = []
    for shift in (0, block // 4, block // 2, 3 * block // 4):
        a, b = defaultdict(float), defaultdict(float)
        for t, states in accrues.items():
            within = [(state + shift) // block for state in states]
            before = within.count(within[0])
            moves = np.diff([mid[t], *(mid[state] for state in states)]) - (
                np.median(values) * mid[t] / 1e4 / len(states)  # less the drift
            )
            reversed_ = 1e4 * (sum(moves[:before]) - sum(moves[before:])) / mid[t] + np.median(
                values
            )
            below, not_above = np.sum(values < reversed_ - 1e-9), np.sum(values <= reversed_ + 1e-9)
            later = (own[t] - (below + not_above + 1) / 2) / 2 if before < len(states) else 0.0
            for number, part in ((within[0], own[t] - centre - later), (within[-1], later)):
                a[number] += u[t] * part / size
            for number in within:
                b[number] += (u[t] ** 2 + v[t] ** 2) / 2 / len(states)
        squares.append(sum((a[number] - r * b[number]) ** 2 for number in a))
    return np.mean(squares) ** 0.5 / len(rows)


@pytest.mark.slow
@pytest.mark.parametrize("drift", [0.0, 0.02])
def test_the_error_equals_the_formula_in_plain_python(drift):
    random = np.random.default_rng(4)
    states = 2300
    # Many returns are 0, and many signals equal.
    mid = np.cumsum(random.choice([-2, 0, 0, 0, 2], states) + drift * (random.random(states) < 0.5))
    mid[700] = NAN  # the book was lost
    values = np.round(markets.signal(random, states), 1)
    kept = np.r_[:1000, 1015:states]  # for 7.5 s nothing changed
    history = markets.book(markets.times(states)[kept], mid[kept], values[kept])
    signal = obi.imbalance(history, markets.MID)
    found = forward_returns.forward_returns(history, [5.0, 40.0])
    told = information_coefficients(history, signal, found)
    prevailing = np.where(np.isnan(history.mid), np.roll(history.mid, 1), history.mid)
    for row in range(2):
        y, end = found.bps[row], found.end[row].tolist()
        known = ~np.isnan(signal) & ~np.isnan(y)
        spearman = stats.spearmanr(signal[known], y[known])[0]
        assert told.rank_ic[row] == pytest.approx(spearman, rel=1e-12)
        expected = plain_error(signal, y, end, prevailing)
        assert told.rank_ic_se[row] == pytest.approx(expected, rel=1e-9)


def test_a_rank_over_two_blocks_is_divided_by_reversing_the_second_block():
    # The returns −2, −1, 0, 1, 3 have ranks 1 to 5. The last one is 2 in the first block and 1 in
    # the second. With the second reversed it is 2 − 1 = 1, which has rank 4. So its rank divides
    # into (5 + 4) / 2 and (5 − 4) / 2, less the mean rank of 3 in the first.
    y = np.array([-2.0, -1.0, 0.0, 1.0, 3.0])
    rows = np.array([0, 1, 2, 3, 8])
    end = np.array([1, 2, 3, 4, 10], np.int32)
    mid = np.full(12, 1e4)
    mid[9:] += [2.0, 3.0, 3.0]
    u = np.array([0.0, 0.0, 0.0, 0.0, 2.0])
    parts = ranks.by_block(u, y, rows, end, mid, 10).a[0]
    assert parts * np.std(np.arange(5)) == pytest.approx([2 * (4.5 - 3), 2 * 0.5])


def spread_in_errors(make, horizons, seeds):
    """Return the standard deviation of rank correlations without an edge, in their errors."""
    found = []
    for seed in range(seeds):
        history = make(np.random.default_rng([10, seed]))[:3600]
        moves = forward_returns.forward_returns(history, horizons)
        found.append(information_coefficients(history, obi.imbalance(history, markets.MID), moves))
    errors = np.sqrt(np.mean([one.rank_ic_se**2 for one in found], axis=0))
    return np.std([one.rank_ic for one in found], axis=0) / errors


@pytest.mark.slow
def test_changing_volatility_does_not_make_the_error_too_large():
    # It was 0.85 when a rank was divided in proportion to the moves.
    assert spread_in_errors(markets.stochastic_volatility, [30.0, 60.0], 300) == pytest.approx(
        1, abs=0.1
    )


def test_spearman_finds_a_relation_that_a_few_large_returns_hide_from_pearson():
    random = np.random.default_rng(0)
    imbalance = markets.signal(random)
    moves = random.standard_normal(markets.STATES) + 0.5 * np.append(0.0, imbalance[:-1])
    moves[::1000] += random.choice([-500.0, 500.0], len(moves[::1000]))
    history = markets.book(markets.times(), np.cumsum(moves), imbalance)
    found = forward_returns.forward_returns(history, [5.0])
    told = information_coefficients(history, obi.imbalance(history, markets.MID), found)
    assert told.rank_ic[0] > 0.1
    assert told.rank_ic_p[0] <= 0.001
    assert told.ic_p[0] > 0.05


def test_the_error_is_not_too_small_where_the_signal_tells_much():
    """It was 1.5 and 1.2 when a block's sums had u² alone."""
    found = []
    for seed in range(100):
        random = np.random.default_rng([78, seed])
        values = markets.autoregression(random, 2400, 5.0)
        moves = random.standard_normal(2400)
        moves[1:] += 0.5 * values[:-1]
        history = markets.book(markets.times(2400), 3 * np.cumsum(moves), np.zeros(2400))
        returns = forward_returns.forward_returns(history, [1.0, 5.0])
        found.append(information_coefficients(history, values, returns))
    errors = np.sqrt(np.mean([one.rank_ic_se**2 for one in found], axis=0))
    assert np.mean([one.rank_ic for one in found], axis=0) == pytest.approx([0.53, 0.6], abs=0.03)
    assert (np.std([one.rank_ic for one in found], axis=0) / errors < [1.25, 1.15]).all()


@pytest.mark.parametrize("count", [3, 7, 11])
def test_returns_that_are_all_one_jump_have_no_coefficient(count):
    """Their spread is what rounding leaves, and a coefficient would be made of that."""
    time = np.arange(2 * count) * 10**9
    bid = np.where(np.arange(2 * count) < count, 100.0, 100.7)
    ones = np.ones((2 * count, 1))
    history = early(time, bid[:, None], ones, bid[:, None] + 0.1, ones, tick_size=0.1)
    returns = forward_returns.forward_returns(history, [count])
    assert np.count_nonzero(~np.isnan(returns.bps)) == count
    with np.errstate(all="raise"):
        found = information_coefficients(history, np.sin(np.arange(2 * count)), returns)
    assert found.n.tolist() == [count]
    assert np.isnan([*found.ic, *found.ic_p, *found.rank_ic, *found.rank_ic_p]).all()
