"""The interval of a correlation: as SciPy and statsmodels have it, and how often it holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import pearsonr
from statsmodels.api import OLS

from obi_widgets.calibration.statistics import fixed_b
from obi_widgets.calibration.statistics.correlation import Correlation, correlation, jackknifed
from obi_widgets.calibration.statistics.correlation import widened as made_wider
from obi_widgets.calibration.statistics.time_shifts import any_shift


def test_it_is_the_jackknife_with_the_error_of_statsmodels():
    random = np.random.default_rng(0)
    x, y = random.standard_t(4, (2, 120))
    y += 0.8 * x
    found = jackknifed(x, y)
    r = np.corrcoef(x, y)[0, 1]
    assert found.value == pytest.approx(r)
    z = np.arctanh(r)
    without = [np.corrcoef(np.delete(x, t), np.delete(y, t))[0, 1] for t in range(120)]
    change = 119 * (z - np.arctanh(without))
    lags = int(np.ceil(1.3 * np.sqrt(120)))
    fit = OLS(change, np.ones(120)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False}
    )
    u, v = ((one - one.mean()) / one.std() for one in (x, y))
    moved = u * u + v * v - 2 * r * u * v
    windows = [moved[max(t - lags, 0) : t + 1].sum() for t in range(120 + lags)]
    b = np.square(windows).sum() / (lags + 1) / moved.sum() ** 2
    half = fixed_b.critical(0.95, b) * fit.bse[0]
    assert (found.low, found.high) == pytest.approx((np.tanh(z - half), np.tanh(z + half)))


@pytest.mark.parametrize("true", [0.0, 0.6, -0.95])
def test_of_normal_series_it_is_nearly_that_of_scipy(true):
    random = np.random.default_rng(1)
    x, e = random.normal(size=(2, 20_000))
    y = true * x + (1 - true**2) ** 0.5 * e
    found, theirs = correlation(x, y), pearsonr(x, y)
    assert found.value == pytest.approx(theirs.statistic)
    low, high = theirs.confidence_interval()
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)


def normal(random, length):
    return random.normal(size=(2, length))


def lasting(random, length):
    return lfilter([1], [1, -0.5], random.normal(size=(2, length)), axis=1)


def heavy(random, length):
    """Student's t: jumps of both at their own times."""
    return random.standard_t(3, (2, length))


def restless(random, length):
    """Both are restless at the same times, which last some 30 steps."""
    size = lfilter([1], [1, -0.97], random.normal(size=length) * (1 - 0.97**2) ** 0.5)
    return np.exp(0.7 * size) * random.normal(size=(2, length))


def bouncing(random, length):
    return np.diff(random.normal(size=(2, length + 1)), axis=1)


@pytest.mark.parametrize("true", [0.0, 0.9])
@pytest.mark.parametrize("kind", [normal, lasting, heavy, restless, bouncing])
def test_it_holds_as_often_as_said(kind, true):
    random = np.random.default_rng(7)
    inside = 0
    for _ in range(600):
        x, e = kind(random, 300)
        found = correlation(x, true * x + (1 - true**2) ** 0.5 * e)
        inside += found.low <= true <= found.high
    assert 0.93 - 0.02 <= inside / 600 <= 0.98 + 0.01  # the tolerance is two standard deviations


@pytest.mark.parametrize(("kept", "pairs", "alone"), [(0.9, 60, 0.86), (0.95, 300, 0.89)])
@pytest.mark.parametrize("true", [0.0, 0.6, 0.9])
def test_it_holds_where_both_series_last(kept, pairs, alone, true):
    random = np.random.default_rng(8)
    inside = np.zeros(2)
    for _ in range(500):
        noise = random.normal(size=(2, pairs + 200))
        x, e = lfilter([1], [1, -kept], noise, axis=1)[:, 200:]
        y = true * x + (1 - true**2) ** 0.5 * e
        inside += [
            found.low <= true <= found.high for found in (correlation(x, y), jackknifed(x, y))
        ]
    assert 0.93 - 0.02 <= inside[0] / 500 <= 0.99
    assert inside[1] / 500 < alone, "the jackknife alone: then shifts would not be needed"


def test_a_relation_that_is_there_is_told_where_both_last():
    random = np.random.default_rng(9)
    x, e = lfilter([1], [1, -0.9], random.normal(size=(2, 1200)), axis=1)[:, 200:]
    assert correlation(x, 0.6 * x + 0.8 * e).low > 0.3


def test_the_largest_of_both_errors_counts():
    random = np.random.default_rng(10)
    for x, y in (lasting(random, 80), restless(random, 80)):
        found, alone, shifted = correlation(x, y), jackknifed(x, y), any_shift(x, y)
        assert found == made_wider(alone, shifted)
        assert found.low <= alone.low
        assert found.low <= np.tanh(np.arctanh(found.value) - shifted) + 1e-12


def test_an_interval_is_only_made_wider():
    found = Correlation(0.5, 0.4, 0.58, 100)
    assert made_wider(found, 0.01) == found
    wide, z = made_wider(found, 1.0), np.arctanh(0.5)
    assert wide == pytest.approx((0.5, np.tanh(z - 1), np.tanh(z + 1), 100))
    assert made_wider(found, np.inf)[1:3] == (-1, 1)
    for other in (Correlation(1.0, 0.99, 1.0, 9), Correlation(np.nan, np.nan, np.nan, 9)):
        assert made_wider(other, 1.0) is other


def test_of_related_series_it_is_no_wider_than_needed():
    """The variance of unrelated series, stretched by what moves them alike, was 1.9 times that."""
    random = np.random.default_rng(3)
    found = []
    for _ in range(400):
        x, e = random.normal(size=(2, 500))
        found.append(correlation(x, 0.9 * x + 0.19**0.5 * e)[:3])
    z, low, high = np.arctanh(found).T
    assert np.mean(high - low) == pytest.approx(2 * 1.96 * z.std(), rel=0.12)


def test_pairs_that_lack_one_are_left_out():
    random = np.random.default_rng(4)
    x, y = random.normal(size=(2, 400))
    x[[3, 4, 200]], y[[4, 390]] = np.nan, np.inf
    known = np.isfinite(x + y)
    found, dense = correlation(x, y), correlation(x[known], y[known])
    assert found.pairs == dense.pairs == 396
    assert found.value == pytest.approx(np.corrcoef(x[known], y[known])[0, 1])
    assert (found.low, found.high) == pytest.approx((dense.low, dense.high), abs=0.01)


def test_unit_and_level_do_not_matter_and_a_mirrored_series_has_the_mirrored_interval():
    random = np.random.default_rng(5)
    x, y = random.normal(size=(2, 200))
    found, scaled = correlation(x, y), correlation(1e-9 * x, 3 - 1e6 * y)
    assert (scaled.value, scaled.low, scaled.high) == pytest.approx(
        (-found.value, -found.high, -found.low), rel=1e-9
    )


def test_extremes():
    x = np.random.default_rng(6).normal(size=100)
    for sign in (1, -1):
        assert correlation(x, sign * x)[:3] == pytest.approx((sign, sign, sign), abs=1e-9)
    nothing = np.full(100, np.nan)
    for still in (np.full(100, 0.1), nothing):
        found = correlation(x, still)
        assert np.isnan(found[:3]).all()
        assert found.pairs == np.isfinite(still).sum()
    once = np.zeros(100)
    once[40] = 1.0
    found = correlation(once, once + 0.01 * x)
    assert found.value > 0.9
    assert (found.low, found.high) == (-1, 1), "all of it is one move"
    assert np.isnan(correlation(x[:1], x[:1])[:3]).all()
    assert correlation(x[:2], x[2:4])[1:3] == (-1, 1)
