"""How many independent cases overlapping ones are worth: by hand, and by the variance of means."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from obi_widgets.calibration.statistics.effective_number import apart, dependence, rotated, wilson

SECOND = 1_000_000_000


def test_the_number_is_that_of_all_pairs():
    random = np.random.default_rng(0)
    for _ in range(20):
        at = np.sort(random.integers(0, 100 * SECOND, 50))
        horizon = int(random.integers(1, 60)) * SECOND
        shared = np.maximum(0, 1 - np.abs(at[:, None] - at) / horizon)
        assert apart(at, horizon) == pytest.approx(50**2 / shared.sum())


def test_cases_that_do_not_overlap_count_whole_and_equal_times_once():
    at = np.arange(10) * 60 * SECOND
    assert apart(at, 60 * SECOND) == 10
    assert apart(np.zeros(7, np.int64), SECOND) == 1
    assert apart(np.empty(0, np.int64), SECOND) == 0
    assert apart(np.arange(6000) * 10 * SECOND, 60 * SECOND) == pytest.approx(1000, rel=0.01)


def test_a_mean_of_overlapping_outcomes_varies_as_that_of_so_many_independent_ones():
    """Signs of a random walk vary a little less: their correlation is below the shared part."""
    random, count, horizon = np.random.default_rng(1), 600, 6
    moves = np.cumsum(random.normal(size=(2000, count + horizon)), axis=1)
    right = moves[:, horizon:] > moves[:, :-horizon]
    worth = 0.25 / right.mean(axis=1).var()
    told = apart(np.arange(count) * 10 * SECOND, 60 * SECOND)
    assert told < worth < 1.5 * told


def test_what_depends_for_longer_than_a_horizon_is_worth_less():
    at = np.arange(5000) * 10 * SECOND
    random = np.random.default_rng(2)
    alone = [dependence(random.integers(0, 2, 5000) * 1.0, at, 10 * SECOND) for _ in range(50)]
    assert np.median(alone) < 1.3
    assert min(alone) == 1
    runs = [
        dependence(np.repeat(random.integers(0, 2, 500) * 1.0, 10), at, 10 * SECOND)
        for _ in range(50)
    ]
    assert 7 < np.median(runs) < 13
    assert dependence(np.ones(100), at[:100], SECOND) == 1
    assert dependence(np.ones(1), at[:1], SECOND) == 1


def test_the_number_by_rotation_is_that_of_all_rotations():
    random = np.random.default_rng(3)
    for count in (3, 4, 7, 50, 51):
        side, moved = random.choice([-1.0, 1.0], (2, count))
        side[: count // 3] = 0
        shares = [(side * np.roll(moved, -k)).sum() / np.abs(side).sum() for k in range(count)]
        assert 1 / rotated(side, moved) == pytest.approx(np.mean(np.square(shares)), abs=1e-12)
    assert rotated(np.zeros(5), np.ones(5)) == 0
    assert rotated(np.ones(9), np.ones(9)) == pytest.approx(1)  # a buyer in a rise: one case
    assert rotated(np.array([1.0, -1.0]), np.array([1.0, 1.0])) == np.inf


def test_what_lasts_on_both_sides_is_worth_as_little_as_its_mean_says():
    """Runs of 60 on both sides, begun anywhere: 20 runs in 1,200 cases."""
    random = np.random.default_rng(4)

    def runs(last):
        count = 1200 // last + 1
        both = random.choice([-1.0, 1.0], (2, count)).repeat(last, axis=1)
        begin = random.integers(0, last)
        return both[0, :1200], both[1, begin : begin + 1200]

    for last in (1, 60):
        found, means = [], []
        for _ in range(300):
            side, moved = runs(last) if last > 1 else random.choice([-1.0, 1.0], (2, 1200))
            found.append(1 / rotated(side, moved))
            means.append(np.mean(side * moved))
        assert np.mean(found) == pytest.approx(np.var(means), rel=0.25)


def test_a_real_relation_is_taken_for_many_cases():
    random = np.random.default_rng(5)
    side = random.choice([-1.0, 1.0], 1000)
    moved = np.where(random.random(1000) < 0.6, side, -side)
    assert 800 < rotated(side, moved) < 1200


def test_the_interval_of_a_rate_is_wilsons():
    for right, count in ((0, 5), (3, 10), (57, 100), (10, 10)):
        low, high = wilson(np.array([right / count]), np.array([float(count)]), 0.95)
        expected = binomtest(right, count).proportion_ci(method="wilson")
        assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))
    assert np.isnan(wilson(np.array([np.nan]), np.array([0.0]), 0.95)).all()


def test_a_week_of_long_horizons_is_counted_without_overflow():
    """With steps of 10 s, the sums over all pairs are far beyond an int64."""
    at = np.int64(1_764_000_000) * SECOND + np.arange(7 * 8640) * 10 * SECOND
    for steps in (360, 8640):
        back = np.arange(1, steps)
        pairs = ((len(at) - back) * (1 - back / steps)).sum()
        expected = len(at) ** 2 / (len(at) + 2 * pairs)
        assert apart(at, steps * 10 * SECOND) == pytest.approx(expected)
