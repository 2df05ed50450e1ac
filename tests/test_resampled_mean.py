"""Means with a block-bootstrap interval: when there is one, and how often it holds the truth."""

from __future__ import annotations

import numpy as np
import pytest

from obi_widgets.calibration.statistics.block_means import block_mean
from obi_widgets.calibration.statistics.resampled_mean import resampled_mean

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("values", "horizon"),
    [(np.arange(29.0), 1), (np.ones(50), 1), (np.zeros(50), 1), (np.arange(50.0), 30)],
    ids=["few", "equal", "zero", "half of the record"],
)
def test_there_is_no_interval_where_nothing_can_be_said(values, horizon):
    at = np.arange(len(values)) * SECOND
    found = resampled_mean(values, at, horizon=horizon * SECOND)
    assert found.mean == pytest.approx(values.mean())
    assert found.n == len(values)
    assert np.isnan([found.low, found.high]).all()


def test_there_is_no_interval_where_all_that_varies_is_in_few_blocks():
    values, at = np.zeros(5_000), np.arange(5_000) * SECOND
    values[1_000:1_040] = np.random.default_rng(0).normal(size=40)
    assert np.isnan(resampled_mean(values, at, horizon=SECOND).low)
    values[1_000:2_000] = np.random.default_rng(0).normal(size=1_000)
    found = resampled_mean(values, at, horizon=SECOND)
    assert 0 < found.high - found.low < 0.1


def test_what_is_missing_is_left_out_and_a_seed_repeats():
    values, at = np.random.default_rng(1).normal(3, 1, 500), np.arange(500) * SECOND
    some = values.copy()
    some[::7] = np.nan
    found = resampled_mean(some, at, horizon=SECOND)
    known = ~np.isnan(some)
    assert found == resampled_mean(values[known], at[known], horizon=SECOND)
    assert found.low < 3 < found.high
    other = resampled_mean(some, at, horizon=SECOND, seed=1)
    assert other.low != found.low
    assert np.isnan(resampled_mean(np.full(3, np.nan), at[:3], horizon=SECOND)[:3]).all()


def test_the_interval_holds_the_truth_where_observations_overlap_and_are_skewed():
    random, missed, width, plain = np.random.default_rng(0), 0, [], []
    at = np.arange(2000) * 10 * SECOND
    for _ in range(300):
        steps = np.where(random.random(2005) < 0.1, 9.0, -1.0)
        values = np.convolve(steps, np.ones(6), "valid")
        found = resampled_mean(values, at, horizon=60 * SECOND)
        missed += not found.low <= 0 <= found.high
        width.append(found.high - found.low)
        by_blocks = block_mean(values, np.ones(2000), at, shortest=60 * SECOND)
        plain.append(by_blocks.high - by_blocks.low)
    assert 0.03 * 300 <= missed <= 0.09 * 300
    assert np.mean(width) == pytest.approx(np.mean(plain), rel=0.1)
