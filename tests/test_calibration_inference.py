"""Means and their errors: against statsmodels, against plain sums, and with too few data."""

import warnings

import numpy as np
import pytest
from history_tools import early
from known_market import history as known_history

import obi_widgets as obi
from obi_widgets.calibration import episodes, forward_returns, information_coefficient
from obi_widgets.calibration.statistics import inference
from obi_widgets.calibration.statistics.bootstrap import bootstrap, stationary_index
from obi_widgets.calibration.statistics.influence import Influence, influence

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import statsmodels.api as sm

HORIZONS = (1.0, 5.0, 10.0, 30.0, 60.0)
THRESHOLDS = (0.2, 0.4, 0.6)


def gappy(history, every=397):
    """Return a history with gaps and uneven times."""
    random = np.random.default_rng(3)
    keep = np.sort(random.choice(len(history), len(history) // 2, replace=False))
    columns = [history.prices(+1), history.sizes(+1), history.prices(-1), history.sizes(-1)]
    columns = [column[keep].astype(float) for column in columns]
    columns[0][::every] = columns[2][::every] = np.nan
    return obi.History.from_arrays(history.time[keep], *columns, tick_size=history.tick_size)


def judged(history, horizons=HORIZONS, thresholds=THRESHOLDS, kind="beyond", **options):
    signal = obi.imbalance(history, obi.Settings())
    found = forward_returns.forward_returns(history, horizons)
    x = episodes.entry_columns(history, signal, thresholds, kind=kind)
    return found, x, inference.conditional_mean(history.mid, found, x, **options)


def agrees_with_statsmodels(history, kind="beyond"):
    found, x, means = judged(history, kind=kind)
    for row, lag in enumerate(means.lag.tolist()):
        y = np.nan_to_num(found.bps[row])
        for cell in range(len(THRESHOLDS)):
            events_ = np.where(found.end[row] >= 0, x[:, cell], 0).astype(float)
            options = {"maxlags": lag, "use_correction": False}
            fit = sm.OLS(y, events_).fit(cov_type="HAC", cov_kwds=options)
            assert means.mean_bps[row, cell] == pytest.approx(fit.params[0], rel=1e-9)
            assert means.se_bps[row, cell] == pytest.approx(fit.bse[0], rel=1e-9)
            assert means.t[row, cell] == pytest.approx(fit.tvalues[0], rel=1e-9)


def test_newey_west_equals_statsmodels_on_captures(history):
    agrees_with_statsmodels(history)


def test_on_a_capture_only_the_naive_error_finds_an_effect(captures):
    # Best sizes of ETHUSDT, 30 s after: eight minutes are sixteen such horizons.
    history = obi.load(captures["ethusdt"])
    signal = obi.imbalance(history, obi.Settings(depth=1))
    found = forward_returns.forward_returns(history, [30.0])
    means = inference.conditional_mean(
        history.mid, found, episodes.entry_columns(history, signal, 0.4)
    )
    again = bootstrap(means)
    assert means.t_naive[0, 0] == pytest.approx(8.6, abs=0.1)
    assert means.t[0, 0] == pytest.approx(1.24, abs=0.02)
    assert means.t_hodrick[0, 0] == pytest.approx(1.30, abs=0.02)
    assert again.t[0, 0] == pytest.approx(1.35, abs=0.1)
    assert min(means.p[0, 0], again.p[0, 0]) > 0.15
    assert means.n_eff[0, 0] < means.n[0, 0] / 20


@pytest.mark.parametrize("kind", ["beyond", "crossing", "episode"])
@pytest.mark.parametrize("edge", [0.0, 3.0])
def test_newey_west_equals_statsmodels_on_simulated_series(edge, kind):
    agrees_with_statsmodels(known_history(600.0, edge, seed=4), kind)


def test_newey_west_equals_statsmodels_with_gaps_and_uneven_times():
    history = gappy(known_history(600.0, 1.0, seed=5))
    assert history.gaps > 5
    found, _, means = judged(history)
    assert np.mean(np.isnan(found.bps[1])) > 0.05
    assert len(set(means.lag)) == len(HORIZONS)
    agrees_with_statsmodels(history)


def test_without_a_lag_newey_west_equals_white():
    scores = np.random.default_rng(0).normal(size=(50, 1))
    sums = np.zeros((6, 1))
    from obi_widgets.calibration.statistics import sums_numba

    x = np.ones((50, 1), np.int8)
    sums_numba.starts(x, scores[:, 0], np.ones(50, np.int32), 0, sums)
    mean, error = inference.quotient(sums, np.array([0]))
    assert mean[0] == pytest.approx(scores.mean())
    assert error[0] == pytest.approx(scores.std() / np.sqrt(50))


# -- in the order of returns ---------------------------------------------------------------


def arrival_scores(history, found, x, row):
    """Return a and b of every state, with each entry spread over its horizon, in a plain loop."""
    states = len(history)
    a, b, held, mid = np.zeros(states), np.zeros(states), np.zeros(states), history.mid
    for t in np.flatnonzero((x != 0) & (found.end[row] >= 0)):
        end = int(found.end[row, t])
        if end == t:
            b[t] += 1
        for u in range(t + 1, end + 1):
            last = u - 1
            while np.isnan(mid[last]):
                last -= 1
            if not np.isnan(mid[u]):
                a[u] += x[t] * 1e4 * (mid[u] - mid[last]) / mid[t]
            b[u] += 1 / (end - t)
            held[u] += x[t] * 1e4 / mid[t]
    return a, b, held**2


def bartlett(scores, lag):
    """Return the Newey–West variance of a sum, from its autocovariances."""
    total = float(scores @ scores)
    for k in range(1, min(lag, len(scores) - 1) + 1):
        total += 2 * (1 - k / (lag + 1)) * float(scores[k:] @ scores[:-k])
    return total


@pytest.mark.parametrize("row", range(3))
def test_hodricks_error_equals_scores_summed_one_by_one(row):
    history = gappy(known_history(240.0, 1.0, seed=6))
    found, x, means = judged(history, (1.0, 5.0, 20.0), (0.4,))
    a, b, m = arrival_scores(history, found, x[:, 0], row)
    scores = means.scores[row]
    assert scores.width == 1
    np.testing.assert_allclose(scores.a[:, 0], a, atol=1e-9)
    np.testing.assert_allclose(scores.b[:, 0], b, atol=1e-9)
    np.testing.assert_allclose(scores.m[:, 0], m, atol=1e-9)
    assert scores.active[0] == np.count_nonzero(b)
    assert a.sum() / b.sum() == pytest.approx(means.mean_bps[row, 0], rel=1e-9)
    lag = int(np.ceil(max(means.lag[row], 1.3 * np.sqrt(np.count_nonzero(b)))))
    assert scores.lag[0] == lag
    error = np.sqrt(bartlett(a - means.mean_bps[row, 0] * b, lag)) / b.sum()
    assert means.se_hodrick[row, 0] == pytest.approx(error, rel=1e-9)
    assert means.b[row, 0] == pytest.approx(bartlett(m, lag) / m.sum() ** 2)


def test_summing_states_in_bins_changes_the_error_little(monkeypatch):
    history = known_history(600.0, 1.0, seed=7)
    _, _, coarse = judged(history)
    monkeypatch.setattr(inference, "BINS", 10**6)
    _, _, fine = judged(history)
    assert (coarse.scores[0].width, fine.scores[0].width) == (3, 1)
    np.testing.assert_allclose(
        coarse.scores[2].a[:-1, 0], fine.scores[2].a[:-3, 0].reshape(-1, 3).sum(1), atol=1e-9
    )
    np.testing.assert_allclose(coarse.se_hodrick, fine.se_hodrick, rtol=0.05)
    again = fine.scores[2].coarsened(2000)
    np.testing.assert_allclose(again.a, coarse.scores[2].a, atol=1e-9)
    assert again.lag.tolist() == coarse.scores[2].lag.tolist()
    assert fine.scores[2].coarsened(6000) is fine.scores[2]


def test_newey_west_is_optional():
    history = known_history(300.0, 1.0, seed=8)
    _, _, whole = judged(history)
    _, _, light = judged(history, newey_west=False)
    np.testing.assert_allclose(light.mean_bps, whole.mean_bps, rtol=1e-9)
    np.testing.assert_array_equal(light.n, whole.n)
    np.testing.assert_allclose(light.p, whole.p, rtol=1e-9)
    assert np.isnan(light.se_bps).all()
    assert np.isnan(light.t_naive).all()


def test_the_lag_fraction_is_that_of_evenly_spread_variance():
    m = np.ones((1000, 2))
    m[50:, 1] = 0  # a twentieth holds it all
    scores = inference.Scores(m, m, m, 1, np.array([9, 9]), np.array([1000.0, 50.0]))
    np.testing.assert_allclose(scores.lag_fraction, [0.01, 0.2], rtol=0.1)


# -- too little ----------------------------------------------------------------------------


def walk(states, seed=0):
    mid = 10_000 + np.round(np.cumsum(np.random.default_rng(seed).normal(size=states)), 1)
    price = mid[:, None]
    one = np.ones_like(price)
    return early(np.arange(states) * 10**8, price - 0.1, one, price + 0.1, one, tick_size=0.1)


def told(history, x, horizon=1.0):
    found = forward_returns.forward_returns(history, [horizon])
    return inference.conditional_mean(history.mid, found, x.astype(np.int8))


def at(states, *rows):
    x = np.zeros(states)
    x[list(rows)] = 1
    return x


@pytest.mark.parametrize(
    ("x", "n", "shortage"),
    [
        (at(400), 0, "fewer than two entries"),
        (at(400, 5), 1, "fewer than two entries"),
        (at(400, 399), 0, "fewer than two entries"),  # the record ends before its horizon
        (at(400, 5, 6), 2, "the record spans fewer than two horizons"),
        (at(400, *range(0, 400, 3)), 130, ""),
        (np.ones(400), 390, ""),  # everything in one episode
    ],
)
def test_with_too_few_data_there_is_no_result_and_a_reason(x, n, shortage):
    means = told(walk(400), x)
    assert means.n[0, 0] == n
    assert means.shortage(0) == shortage
    known = not shortage
    for name in ("n_eff", "t_hodrick", "p", "ci_low", "ci_high"):
        assert np.isfinite(getattr(means, name)[0, 0]) == known
    assert np.isfinite(means.mean_bps[0, 0]) == (n > 0)
    assert np.isfinite(means.t_naive[0, 0]) == np.isfinite(means.t[0, 0]) == (n > 1)
    again = bootstrap(means, replications=99)
    for name in ("t", "p", "ci_low", "ci_high", "p_familywise"):
        assert np.isfinite(getattr(again, name)[0, 0]) == known


def test_a_price_that_never_moves_has_no_result():
    price = np.full((400, 1), 100.0)
    history = early(
        np.arange(400) * 10**8, price, price / 100, price + 1, price / 100, tick_size=1.0
    )
    means = told(history, np.ones(400))
    assert (means.mean_bps[0, 0], means.shortage(0)) == (0.0, "the price never moved")
    assert np.isnan([means.t[0, 0], means.p[0, 0], means.t_naive[0, 0], means.n_eff[0, 0]]).all()


def test_an_empty_history_has_no_result():
    history = walk(10)[:0]
    means = told(history, np.empty(0))
    assert means.shortage(0) == "fewer than two entries"
    assert np.isnan(bootstrap(means, replications=9).p[0, 0])
    found = forward_returns.forward_returns(history, [1.0])
    assert np.isnan(
        information_coefficient.information_coefficients(history, np.empty(0), found).ic[0]
    )
    assert information_coefficient.deciles(history.mid, np.empty(0), found).means.n.tolist() == [
        [0] * 10
    ]


def test_n_eff_independent_returns_have_the_same_error():
    # Returns of one state do not overlap; those of ten, ten times.
    history = walk(20_000, seed=2)
    x = np.ones(20_000)
    assert told(history, x, 0.1).n_eff[0, 0] > 0.7 * 20_000
    assert told(history, x, 1.0).n_eff[0, 0] == pytest.approx(2_000, rel=0.25)


# -- one episode ---------------------------------------------------------------------------


def test_the_influence_of_one_episode_by_hand():
    x = np.array([1, 1, 0, -1, 0, 1, 1, 1], np.int8)
    y = np.array([1.0, 2.0, 9.0, -3.0, 9.0, 4.0, np.nan, 2.0])
    found = influence(x, y, np.array([0, 3, 5]))
    assert found == Influence(0.5, 2.0, 2)  # (4 + 2) of 12; and (1 + 2 + 3) / 3


def test_an_effect_made_by_one_episode_is_found():
    x = np.ones(4, np.int8)
    found = influence(x, np.array([-1.0, 0.5, 9.0, -1.0]), np.arange(4))
    assert found.episode == 2
    assert found.fraction > 1
    assert found.mean_without == pytest.approx(-0.5)


def test_without_an_effect_no_episode_has_influence():
    nothing = influence(np.zeros(3, np.int8), np.ones(3), np.array([0]))
    assert nothing.episode == -1
    assert np.isnan(nothing.fraction)
    alone = influence(np.ones(3, np.int8), np.ones(3), np.array([0]))
    assert alone.fraction == 1.0
    assert np.isnan(alone.mean_without)


# -- resampling ----------------------------------------------------------------------------


def test_bootstrap_blocks_have_geometric_lengths_and_uniform_starts():
    index = stationary_index(500, 200, 10.0, seed=1)
    assert index.shape == (200, 500)
    assert (index.min(), index.max()) == (0, 499)
    follows = (np.diff(index, axis=1) % 500) == 1
    assert np.mean(follows) == pytest.approx(0.9 + 0.1 / 500, abs=0.005)
    assert np.bincount(index.ravel(), minlength=500).std() / 200 < 0.5
    np.testing.assert_array_equal(index, stationary_index(500, 200, 10.0, seed=1))
    assert not np.array_equal(index, stationary_index(500, 200, 10.0, seed=2))


def test_the_bootstrap_repeats_with_its_seed_and_agrees_with_hodrick():
    _, _, means = judged(known_history(1200.0, 2.0, seed=9))
    one, same, other = (bootstrap(means, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.p, same.p)
    assert not np.array_equal(one.p, other.p)
    np.testing.assert_allclose(one.se, means.se_hodrick, rtol=0.2)
    np.testing.assert_allclose(one.p, means.p, atol=0.06)
    assert np.all(one.p_familywise >= one.p)
    assert np.all(one.ci_low < means.mean_bps)
