"""Distributions, corrections, coefficients and splits: against SciPy, statsmodels and by hand."""

import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from known_market import decaying
from known_market import history as known_history
from scipy import stats

import obi_widgets as obi
from obi_widgets.calibration import forward_returns, holdout, information_coefficient
from obi_widgets.calibration.statistics import bootstrap, fixed_b, multiple_testing, ranks
from obi_widgets.errors import SettingsError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from statsmodels.stats.multitest import multipletests

NAN = np.nan
SECOND = 1_000_000_000

# -- fixed-b -------------------------------------------------------------------------------

# Kiefer and Vogelsang (2005), Bartlett: quantiles of t as polynomials of b.
PUBLISHED = {
    0.90: (1.2816, 1.3040, 0.5135, -0.3386),
    0.95: (1.6449, 2.1859, 0.3142, -0.3427),
    0.975: (1.9600, 2.9694, 0.4160, -0.5324),
    0.99: (2.3263, 4.1618, 0.5368, -0.9060),
}
SHARES = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.5])


@pytest.mark.parametrize("quantile", PUBLISHED)
def test_critical_values_are_the_published_ones(quantile):
    published = sum(c * SHARES**power for power, c in enumerate(PUBLISHED[quantile]))
    np.testing.assert_allclose(fixed_b.critical(2 * quantile - 1, SHARES), published, rtol=0.04)
    near = SHARES <= 0.2
    np.testing.assert_allclose(
        fixed_b.critical(2 * quantile - 1, SHARES)[near], published[near], rtol=0.02
    )


def test_p_values_equal_the_simulated_functional():
    random = np.random.default_rng(5)
    walks, steps = 8000, 300
    moves = random.standard_normal((walks, steps))
    ends = moves.sum(axis=1, keepdims=True)
    bridges = np.cumsum(np.hstack([np.zeros((walks, 1)), moves - ends / steps]), axis=1)
    for share in (0.05, 0.1, 0.2, 0.5):
        lag = round(share * steps)
        padded = np.pad(bridges, ((0, 0), (lag, lag)))  # a bridge begins and ends at 0
        variance = ((padded[:, lag:] - padded[:, :-lag]) ** 2).sum(axis=1) / lag / steps
        assert variance.mean() == pytest.approx(float(fixed_b.bias(share)), rel=0.02)
        mean, spread = fixed_b.root_moments(share)
        assert np.sqrt(variance).mean() == pytest.approx(float(mean), rel=0.01)
        assert np.sqrt(variance).var() == pytest.approx(float(spread), rel=0.08)
        for t in (1.0, 2.0, 2.5, 3.5):
            # W(1) does not depend on the bridge, so that its tail need not be simulated.
            exact = float(np.mean(2 * stats.norm.sf(t * np.sqrt(variance))))
            assert float(fixed_b.p_value(t, share)) == pytest.approx(exact, rel=0.08)


def test_p_values_invert_critical_values_and_are_normal_for_a_vanishing_lag():
    for level in (0.5, 0.9, 0.95, 0.999):
        cut = fixed_b.critical(level, SHARES)
        np.testing.assert_allclose(fixed_b.p_value(-cut, SHARES), 1 - level, rtol=1e-9)
    t = np.array([-3.0, 0.0, 1.96, 5.0])
    np.testing.assert_allclose(fixed_b.p_value(t, 0.0), 2 * stats.norm.sf(np.abs(t)), rtol=1e-3)
    np.testing.assert_allclose(fixed_b.normal_score(t, 0.0), t, rtol=1e-4)
    assert np.isnan(fixed_b.p_value(NAN, 0.1))


# -- many settings -------------------------------------------------------------------------

P = [0.01, 0.04, 0.03, 0.5, NAN, 0.02]


def test_corrections_by_hand():
    # Sorted: .01 .02 .03 .04 .5, of 5. BH: ·5/1 ·5/2 ·5/3 ·5/4 ·5/5. Holm: ·5 ·4 ·3 ·2 ·1.
    np.testing.assert_allclose(
        multiple_testing.benjamini_hochberg(P), [0.05, 0.05, 0.05, 0.5, NAN, 0.05]
    )
    np.testing.assert_allclose(multiple_testing.holm(P), [0.05, 0.09, 0.09, 0.5, NAN, 0.08])
    # Ten were tried, and five are not told.
    np.testing.assert_allclose(
        multiple_testing.benjamini_hochberg(P, tried=10), [0.1, 0.1, 0.1, 1.0, NAN, 0.1]
    )
    np.testing.assert_allclose(
        multiple_testing.holm(P, tried=10), [0.1, 0.28, 0.24, 1.0, NAN, 0.18]
    )


@pytest.mark.slow
@settings(max_examples=40)  # statsmodels takes 50 ms for each
@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=60))
def test_corrections_equal_scipy_and_statsmodels(p):
    ours = multiple_testing.benjamini_hochberg(p)
    np.testing.assert_allclose(ours, stats.false_discovery_control(p), rtol=1e-12)
    np.testing.assert_allclose(ours, multipletests(p, method="fdr_bh")[1], rtol=1e-12)
    np.testing.assert_allclose(
        multiple_testing.holm(p), multipletests(p, method="holm")[1], rtol=1e-12
    )


def test_corrections_keep_the_shape_and_take_empty_arrays():
    p = np.random.default_rng(0).random((4, 5))
    np.testing.assert_array_equal(
        multiple_testing.holm(p).ravel(), multiple_testing.holm(p.ravel())
    )
    assert multiple_testing.benjamini_hochberg(np.empty((0, 3))).shape == (0, 3)
    assert np.isnan(multiple_testing.holm([NAN])).all()


def test_step_down_by_hand():
    again = np.array([[1.0, 3.0, 0.5], [2.0, 1.0, 1.0], [0.0, 0.5, -4.0], [0.5, 0.2, 0.1]])
    #  2.5: max of all three ≥ 2.5 in rows 0 and 2. 1.5 (the third): of the first and third in 1, 2.
    #  0.9 (the first): of itself in 0 and 1; and no less than what came before.
    adjusted = bootstrap.familywise(np.array([0.9, -2.5, 1.5]), again)
    np.testing.assert_allclose(adjusted, [0.6, 0.6, 0.6])
    np.testing.assert_allclose(
        bootstrap.familywise(np.array([NAN, 5.0, 3.9]), again), [NAN, 0.2, 0.4]
    )


def test_equal_cells_cost_nothing_and_independent_ones_as_much_as_holm():
    random = np.random.default_rng(1)
    one = random.standard_normal((2000, 1))
    same = bootstrap.familywise(np.full(50, 2.2), np.tile(one, 50))
    np.testing.assert_allclose(same, (1 + np.sum(np.abs(one) >= 2.2)) / 2001)
    apart = bootstrap.familywise(np.append(3.3, np.zeros(49)), random.standard_normal((20_000, 50)))
    assert apart[0] == pytest.approx(50 * 2 * stats.norm.sf(3.3), rel=0.15)


class Path:
    """The part of a history that coefficients need: one state per second, and its returns, bps."""

    def __init__(self, moves):
        states = len(moves) + 1
        self.mid = 100 * np.cumprod(np.append(1.0, 1 + np.asarray(moves) / 1e4))
        self.elapsed = np.arange(states) * SECOND
        end = np.append(np.arange(1, states), -1).astype(np.int32)
        self.returns = forward_returns.ForwardReturns(
            np.array([1.0]), end[None], np.append(moves, NAN)[None]
        )

    def __len__(self):
        return len(self.mid)


# -- coefficients --------------------------------------------------------------------------


@given(st.lists(st.integers(-3, 3), max_size=40))
def test_ranks_equal_scipy(values):
    np.testing.assert_array_equal(ranks.ranks(np.array(values, float)), stats.rankdata(values))


def test_coefficients_equal_scipy_with_ties():
    history = known_history(300.0, 2.0, seed=1)
    signal = np.round(obi.imbalance(history, obi.Settings()), 1)
    signal[::50] = NAN
    found = forward_returns.forward_returns(history, [1.0, 10.0])
    told = information_coefficient.information_coefficients(history, signal, found)
    for row in range(2):
        known = ~np.isnan(signal) & ~np.isnan(found.bps[row])
        pair = signal[known], found.bps[row, known]
        assert told.n[row] == known.sum()
        assert told.ic[row] == pytest.approx(stats.pearsonr(*pair)[0], rel=1e-12)
        assert told.rank_ic[row] == pytest.approx(stats.spearmanr(*pair)[0], rel=1e-12)


def test_the_error_of_independent_pairs_equals_the_textbook():
    random = np.random.default_rng(3)
    n = 20_000
    signal, noise = random.standard_normal((2, n))
    path = Path(signal + 2 * noise)
    told = information_coefficient.information_coefficients(
        path, np.append(signal, NAN), path.returns
    )
    assert told.ic_se[0] == pytest.approx((1 - told.ic[0] ** 2) / n**0.5, rel=0.15)
    assert told.ic_p[0] < 1e-12


def test_a_signal_that_never_changes_has_no_coefficient():
    history = known_history(60.0)
    found = forward_returns.forward_returns(history, [1.0])
    told = information_coefficient.information_coefficients(history, np.ones(len(history)), found)
    assert np.isnan([told.ic[0], told.ic_se[0], told.rank_ic[0], told.rank_ic_p[0]]).all()


def test_persistence_is_the_time_in_which_the_autocorrelation_falls_to_1_over_e():
    random = np.random.default_rng(7)
    path = Path(random.normal(size=20_000))
    assert information_coefficient.persistence(path.elapsed, random.normal(size=len(path))) == 1.0
    kept = np.exp(-1 / 60)
    lasting = decaying(random.normal(size=len(path)), kept)
    assert information_coefficient.persistence(path.elapsed, lasting) == pytest.approx(60, rel=0.2)
    assert np.isnan(information_coefficient.persistence(path.elapsed, np.ones(len(path))))


def test_a_record_below_thirty_persistence_times_has_no_p_value_and_says_why():
    random = np.random.default_rng(7)
    path = Path(random.normal(size=1200))
    lasting = decaying(random.normal(size=len(path)), np.exp(-1 / 100))
    told = information_coefficient.information_coefficients(path, lasting, path.returns)
    assert np.isnan([told.ic_p[0], told.rank_ic_p[0]]).all()
    assert not np.isnan([told.ic[0], told.ic_se[0], told.rank_ic[0]]).any()
    persists = told.persistence
    assert told.shortage == (
        f"the signal persists for {persists:.3g} s, and the record is {1200 / persists:.0f} times "
        "as long: a p value needs 30 times"
    )
    quick = information_coefficient.information_coefficients(
        path, random.normal(size=1201), path.returns
    )
    assert quick.shortage == ""
    assert not np.isnan([quick.ic_p[0], quick.rank_ic_p[0]]).any()


def test_a_correlation_made_by_one_jump_is_not_significant():
    random = np.random.default_rng(1)
    moves = 0.01 * random.normal(size=3000)
    moves[1500] = 500.0
    path, signal = Path(moves), random.normal(size=3001)
    signal[1500] = 4.0
    told = information_coefficient.information_coefficients(path, signal, path.returns)
    assert told.ic[0] > 0.05, "t is above 3 as if all were independent"
    assert told.ic_p[0] > 0.2


def test_half_lives_by_hand():
    horizons = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    assert information_coefficient.half_life(
        horizons, np.array([0.1, 0.2, 0.15, 0.1, 0.0])
    ) == pytest.approx(8)
    between = information_coefficient.half_life(horizons, -np.array([0.1, 0.2, 0.15, NAN, 0.05]))
    assert between == pytest.approx(4 * 4**0.5)  # half way from .15 to .05, on the logarithm
    assert np.isnan(
        information_coefficient.half_life(horizons, np.array([0.1, 0.2, 0.3, 0.3, 0.2]))
    )
    assert np.isnan(information_coefficient.half_life(horizons, np.full(5, NAN)))


def test_deciles_are_means_of_their_states():
    history = known_history(600.0, 3.0, seed=2)
    signal = obi.imbalance(history, obi.Settings())
    found = forward_returns.forward_returns(history, [5.0])
    told = information_coefficient.deciles(history.mid, signal, found)
    assert told.edges.shape == (11,)
    known = ~np.isnan(found.bps[0])
    parts = np.clip(np.searchsorted(told.edges, signal, side="right") - 1, 0, 9)
    for part in range(10):
        rows = known & (parts == part)
        assert told.means.n[0, part] == rows.sum()
        assert told.means.mean_bps[0, part] == pytest.approx(found.bps[0, rows].mean())
    assert told.means.mean_bps[0, 9] > 0 > told.means.mean_bps[0, 0]
    assert np.all(told.means.se_hodrick > 0)


def test_hits_are_counted_among_entries_after_which_mid_moved():
    x = np.array([1, -1, 1, -1, 0, 1], np.int8)
    y = np.array([2.0, 1.0, 0.0, -1.0, 5.0, NAN])
    assert information_coefficient.hit_rate(x, y) == 2 / 3
    assert np.isnan(information_coefficient.hit_rate(x, np.zeros(6)))


# -- cuts in time --------------------------------------------------------------------------

TIME = np.arange(101) * SECOND


def test_the_hold_out_is_the_last_part_with_a_purge_before_and_an_embargo_after():
    split = holdout.holdout(TIME, purge=10.0, embargo=5.0)
    assert split == holdout.Split(slice(0, 60), slice(75, 101))
    # The last return within ends before the first state that is not in either part.
    assert TIME[split.in_sample.stop - 1] + 10 * SECOND < 70 * SECOND
    assert holdout.holdout(TIME, share=0.5) == (slice(0, 50), slice(50, 101))


def test_folds_are_judged_on_later_data():
    bounds = holdout.walk_forward_bounds(int(TIME[-1]), folds=4, purge=2.0, embargo=1.0)
    folds = [one.split(TIME) for one in bounds]
    assert [fold.in_sample.stop for fold in folds] == [18, 38, 58, 78]
    assert [(f.out_of_sample.start, f.out_of_sample.stop) for f in folds] == [
        (21, 40), (41, 60), (61, 80), (81, 101)
    ]  # fmt: skip


def test_splits_of_short_records_are_empty_and_never_overlap():
    for cut in (holdout.holdout(TIME[:0]), holdout.holdout(TIME, purge=500, embargo=500)):
        assert len(TIME[cut.in_sample]) == len(TIME[cut.out_of_sample]) == 0
    one = holdout.holdout(TIME[:1])
    assert len(TIME[:1][one.in_sample]) + len(TIME[:1][one.out_of_sample]) <= 1


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, NAN])
def test_an_impossible_share_is_refused(share):
    with pytest.raises(SettingsError) as caught:
        holdout.holdout(TIME, share=share)
    assert str(caught.value) == f"share = {share!r} is not possible. Give a number between 0 and 1."


def test_other_impossible_splits_are_refused():
    with pytest.raises(SettingsError, match=r"^folds = 0 is not possible\. Give 1 to 1,000"):
        holdout.walk_forward_bounds(100, folds=0)
    with pytest.raises(SettingsError, match=r"^purge = -1\.0 is not possible\. Give 0 to"):
        holdout.holdout(TIME, purge=-1.0)


def test_a_signal_that_is_rarely_known_makes_the_lag_a_larger_fraction():
    random = np.random.default_rng(0)
    n = 4_000
    path = Path(random.normal(size=n - 1))
    steady, rare = random.choice([-1.0, 1.0], (2, n))
    rare[400:] *= 0.01
    even, uneven = (
        information_coefficient.information_coefficients(path, one, path.returns).b[0]
        for one in (steady, rare)
    )
    assert even == pytest.approx(84 / n, rel=0.1)  # 1.3·√4,000 states and one
    assert uneven == pytest.approx(10 * even, rel=0.2)
