"""Correlations at all shifts in time: by a plain loop, and by how often chance exceeds them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from obi_widgets.calibration.statistics.correlation import jackknifed, widened
from obi_widgets.calibration.statistics.time_shifts import SHIFTS, any_shift, chance


def left(values, design):
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def lasting(random, count, kept):
    """Return an autoregression that has no beginning."""
    out = random.standard_normal(count)
    for row in range(1, count):
        out[row] = kept * out[row - 1] + math.sqrt(1 - kept**2) * out[row]
    return out


@pytest.mark.parametrize("apart", [1, 6])
def test_the_correlations_at_all_shifts_by_a_plain_loop(apart):
    random, count = np.random.default_rng(1), 41
    other = np.cumsum(random.standard_normal(count))
    design = np.stack([np.ones(count), other], axis=1)
    x, y = (left(np.cumsum(random.standard_normal(count)), design) for _ in range(2))
    found = []
    for shift in range(apart, count - apart + 1):
        moved = left(np.concatenate([x[-shift:], x[:-shift]]), design)
        found.append(abs(math.atanh(np.corrcoef(moved, y)[0, 1])))
    expected = sorted(found)[math.ceil(0.95 * (len(found) - 1))]
    assert chance(x, y, design, apart) == pytest.approx(expected, rel=1e-9)
    # A column that does not vary, or is there twice, takes off nothing more.
    more = np.column_stack([design, np.zeros(count), other])
    assert chance(x, y, more, apart) == pytest.approx(expected, rel=1e-9)


def test_a_relation_that_is_there_is_not_taken_for_chance():
    random = np.random.default_rng(2)
    x = lasting(random, 80, 0.8)
    y = x + 0.5 * random.standard_normal(80)
    x, y, ones = x - x.mean(), y - y.mean(), np.ones((80, 1))
    z = math.atanh(np.corrcoef(x, y)[0, 1])
    assert chance(x, y, ones, 10) < 0.5 * z


@pytest.mark.parametrize("others", [0, 2])
def test_chance_exceeds_it_one_time_in_twenty_where_both_series_last(others):
    random, count, seeds = np.random.default_rng(3), 60, 300
    beyond = np.zeros(2, int)
    for _ in range(seeds):
        design = np.stack(
            [np.ones(count), *(lasting(random, count, 0.85) for _ in range(others))], axis=1
        )
        x, y = (left(lasting(random, count, 0.85), design) for _ in range(2))
        found = jackknifed(x, y)
        wider = widened(found, chance(x, y, design, 6))
        beyond += [not found.low <= 0 <= found.high, not wider.low <= 0 <= wider.high]
    assert beyond[0] > binom.ppf(0.999, seeds, 0.05)  # the interval alone is too narrow
    assert binom.ppf(0.005, seeds, 0.03) <= beyond[1] <= binom.ppf(0.995, seeds, 0.05)


def test_the_shifts_of_a_long_record_are_spread_over_it(monkeypatch):
    random, asked, roll = np.random.default_rng(4), [], np.roll
    x, y = random.standard_normal((2, 3000))
    ones = np.ones((3000, 1))

    def noted(values, shift):
        asked.append(shift)
        return roll(values, shift)

    monkeypatch.setattr(np, "roll", noted)
    assert chance(x - x.mean(), y - y.mean(), ones, 10) == pytest.approx(
        1.96 / math.sqrt(3000), rel=0.2
    )
    assert len(asked) == len(set(asked)) == SHIFTS
    assert (min(asked), max(asked)) == (10, 2990)


def test_all_shifts_by_a_plain_loop():
    x, y = np.cumsum(np.random.default_rng(2).standard_normal((2, 41)), axis=1)
    found = [abs(math.atanh(np.corrcoef(np.roll(x, shift), y)[0, 1])) for shift in range(1, 41)]
    expected = sorted(found)[math.ceil(0.95 * 39)]
    assert any_shift(x, y) == pytest.approx(expected, rel=1e-9)
    assert any_shift(1e200 * x, -1e-200 * y) == pytest.approx(expected, rel=1e-9)
    assert any_shift(x, np.ones(41)) == any_shift(x[:1], y[:1]) == math.inf
    turning = np.cos(np.arange(40) * math.pi)  # shifted by two it is the same
    assert any_shift(turning, turning) == math.inf


def test_without_two_values_chance_may_be_all():
    assert chance(np.zeros(1), np.zeros(1), np.ones((1, 1))) == math.inf
    assert chance(np.zeros(9), np.zeros(9), np.ones((9, 1))) == math.inf
