"""Means of observations that depend on each other, against formulas and a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from obi_widgets.calibration.statistics import fixed_b
from obi_widgets.calibration.statistics.block_means import block_mean, windows

SECOND = 1_000_000_000


def test_the_mean_is_weighted_and_leaves_out_what_is_missing():
    values = np.array([1.0, np.nan, 4.0, 100.0])
    found = block_mean(values, np.array([3.0, 1.0, 1.0, 0.0]), np.arange(4))
    assert found[:1] + found[3:] == (1.75, 2)
    assert np.isnan(found[1:3]).all()


def test_the_interval_is_that_of_a_regression_on_a_constant_with_bartletts_weights():
    import statsmodels.api as sm

    values = np.random.default_rng(3).normal(2, 1, 100)
    found = block_mean(values, np.ones(100), np.arange(100) * SECOND)
    lag = 13  # 1.3 · √100
    fit = sm.OLS(values, np.ones(100)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lag, "use_correction": False}
    )
    windowed = windows(np.full(100, 0.01), lag)
    margin = fixed_b.critical(0.95, windowed) * fit.bse[0]
    assert found == pytest.approx((fit.params[0], values.mean() - margin, found.high, 100))
    assert found.high - found.mean == pytest.approx(found.mean - found.low)


def test_the_variance_is_bartletts():
    values = np.random.default_rng(1).normal(size=40)
    for lag in (0, 1, 5, 60):
        slow = sum(
            max(1 - abs(i - j) / (lag + 1), 0) * values[i] * values[j]
            for i in range(40)
            for j in range(40)
        )
        assert windows(values, lag) == pytest.approx(slow)


@pytest.mark.parametrize(
    ("values", "at", "shortest"),
    [
        (np.arange(29.0), np.arange(29) * SECOND, 0),  # few
        (np.ones(50), np.arange(50) * SECOND, 0),  # all equal
        (np.arange(50.0), np.arange(50) * SECOND, 30 * SECOND),  # lasting half of the record
        (np.arange(50.0), np.zeros(50, np.int64), 0),  # at one time
        (np.arange(50.0), np.append(np.zeros(49, np.int64), SECOND), 0),  # nearly so
    ],
)
def test_there_is_no_interval_where_nothing_can_be_said(values, at, shortest):
    found = block_mean(values, np.ones(len(values)), at, shortest=shortest)
    assert found.mean == pytest.approx(values.mean())
    assert np.isnan([found.low, found.high]).all()


def test_without_observations_there_is_no_mean():
    found = block_mean(np.array([np.nan]), np.ones(1), np.zeros(1, np.int64))
    assert np.isnan(found[:3]).all()
    assert found.n == 0


def test_the_interval_holds_its_level_where_observations_persist():
    """A half-life of 10 in 3,000: as if independent, the interval would miss in three of four."""
    random, missed, naive = np.random.default_rng(0), 0, 0
    for _ in range(300):
        values = lfilter([1], [1, -(0.5**0.1)], random.normal(size=4000))[1000:]
        at = np.cumsum(random.integers(1, SECOND, len(values)))
        found = block_mean(values, random.exponential(size=len(values)), at)
        missed += not found.low <= 0 <= found.high
        naive += abs(values.mean()) > 1.96 * values.std() / np.sqrt(len(values))
    assert missed <= 0.09 * 300
    assert naive >= 0.6 * 300
