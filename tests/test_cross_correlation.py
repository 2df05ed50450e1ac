"""Correlations at many lags against NumPy and statsmodels, and leads that are known."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.stattools import ccf

from obi_widgets.calibration.statistics.cross_correlation import (
    chance_variance,
    cross_correlations,
    find_lead,
)


def pair(lead, length=3000, noise=1.0, seed=1):
    """Return a series, and one that repeats it ``lead`` steps later, with noise."""
    random = np.random.default_rng(seed)
    common = random.normal(size=length + abs(lead))
    first = common[abs(lead) :] if lead > 0 else common[:length]
    second = common[:length] if lead > 0 else common[abs(lead) :]
    return first, second + noise * random.normal(size=length)


def persistent(random, length, share=0.9):
    """Return an autoregressive series."""
    out = np.empty(length)
    out[0] = random.normal()
    for at in range(1, length):
        out[at] = share * out[at - 1] + random.normal()
    return out


def test_each_is_that_of_numpy_over_the_pairs_that_there_are():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 200))
    x[[3, 50]], y[[10, 50, 120]] = np.nan, np.nan
    found = cross_correlations(x, y, 5)
    a, b = x - np.nanmean(x), y - np.nanmean(y)
    for lag, value in zip(range(-5, 6), found, strict=True):
        here = [t for t in range(200) if 0 <= t + lag < 200]
        pairs = [(a[t], b[t + lag]) for t in here if not np.isnan(a[t] + b[t + lag])]
        u, v = np.array(pairs).T
        assert value == pytest.approx(np.sum(u * v) / np.sqrt(np.sum(u * u) * np.sum(v * v)))
    whole = cross_correlations(np.arange(9.0), np.arange(9.0) ** 2, 0)
    assert whole == pytest.approx(np.corrcoef(np.arange(9.0), np.arange(9.0) ** 2)[0, 1])


def test_it_is_that_of_statsmodels_on_long_series():
    x, y = pair(4)
    # statsmodels holds x at t + k against y at t, and divides by the whole length.
    theirs = ccf(y, x, adjusted=False)[:11]
    assert cross_correlations(x, y, 10)[10:] == pytest.approx(theirs, abs=0.005)


@pytest.mark.parametrize("lead", [-7, -1, 0, 3, 20])
def test_a_known_lead_is_found_within_its_bounds(lead):
    found = find_lead(*pair(lead), 25)
    assert found.lag == lead
    assert found.low <= lead <= found.high
    assert found.high - found.low <= 2
    assert abs(found.correlation) > found.chance
    assert found.correlation == pytest.approx(0.5**0.5, abs=0.05)


def test_a_mirrored_series_leads_as_well():
    x, y = pair(3)
    found = find_lead(x, -y, 10)
    assert (found.lag, found.correlation < 0) == (3, True)


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_unrelated_series_exceed_chance_as_seldom_as_said(share):
    """Persistent ones too, whose correlations are larger by chance."""
    random = np.random.default_rng(5)
    beyond = 0
    for _ in range(200):
        x, y = (persistent(random, 600, share) for _ in range(2))
        found = find_lead(x, y, 10)
        beyond += abs(found.correlation) > found.chance
    assert beyond <= 22  # of 10 expected at most, + 3.9 standard deviations


@pytest.mark.slow
def test_the_bounds_hold_a_lead_as_often_as_said():
    """With so much noise that the peak of the correlations wanders."""
    inside = 0
    for seed in range(100):
        found = find_lead(*pair(5, length=1200, noise=4.0, seed=seed), 12)
        inside += found.low <= 5 <= found.high
    assert inside >= 88


@pytest.mark.slow
def test_the_variance_of_chance_is_that_of_simulated_series():
    random = np.random.default_rng(2)
    found, expected = [], []
    for _ in range(300):
        x, y = (persistent(random, 500) for _ in range(2))
        found.append(cross_correlations(x, y, 0)[0])
        expected.append(chance_variance(x, y, 40))
    assert np.mean(expected) == pytest.approx(np.var(found), rel=0.3)


def test_where_nothing_is_known_nothing_is_said():
    nothing = np.full(100, np.nan)
    found = find_lead(nothing, np.arange(100.0), 5)
    assert np.isnan([found.correlation, found.low, found.chance]).all()
    assert (found.pairs, np.isnan(chance_variance(nothing, nothing, 3))) == (0, True)
    short = find_lead(np.random.default_rng(1).normal(size=60), np.arange(60.0) % 7, 5)
    assert np.isnan(short.low), "fewer than ten blocks"
    assert np.isfinite(short.correlation)
    assert np.isnan(find_lead(np.ones(500), np.arange(500.0), 5).correlation), "it does not vary"


def test_series_that_are_restless_at_the_same_times_are_no_relation():
    random = np.random.default_rng(5)
    beyond = 0
    for _ in range(60):
        size = np.exp(0.7 * persistent(random, 3000, 0.995) * (1 - 0.995**2) ** 0.5)
        x, y = size * random.standard_normal((2, 3000))
        found = find_lead(x, y, 10)
        beyond += abs(found.correlation) > found.chance
    assert beyond <= 9  # of 3 expected; without allowing for it, about 50
