"""Bands and places among the own past, against plain sorting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from card_tools import bands as plain_bands
from history_tools import NAN
from kernel_tools import BOTH, use

from obi_widgets.trading.own_past import LEAST, bands, share_below


def values_of(seed, count=900):
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=count), 1)  # many are alike
    values[rng.random(count) < 0.1] = NAN
    return values


@pytest.mark.parametrize("most", [8640, 500])
def test_a_band_is_the_quantile_of_what_came_before(most):
    values = values_of(1)
    found = bands(values, len(values), most)
    np.testing.assert_array_equal(found, plain_bands(values, most))
    assert np.count_nonzero(~np.isnan(found)) > 300


@pytest.mark.parametrize("new", [1, 3, 4, 5, 60])
def test_a_few_are_found_as_many_are_whatever_comes_before(new):
    values = values_of(2)
    every = bands(values, len(values), 450)
    np.testing.assert_array_equal(bands(values[-(new + 450) :], new, 450), every[-new:])
    places = share_below(np.abs(values), len(values), 450)
    some = share_below(np.abs(values[-(new + 450) :]), new, 450)
    np.testing.assert_array_equal(some, places[-new:])


@BOTH
def test_a_place_is_the_share_of_smaller_values_before(monkeypatch, code):
    use(monkeypatch, code)
    values = values_of(3)
    expected = []
    for row, value in enumerate(values):
        past = [v for v in values[max(row - 450, 0) : row] if not math.isnan(v)]
        known = len(past) >= LEAST and not math.isnan(value)
        expected.append(sum(v < value for v in past) / len(past) if known else NAN)
    np.testing.assert_array_equal(share_below(values, len(values), 450), expected)


def test_of_what_never_changes_nothing_is_below_and_nothing_beyond():
    values = np.full(400, 0.2)
    assert share_below(values, 1).tolist() == [0]
    assert bands(values, 1).tolist() == [0.2]


def test_without_an_hour_of_values_nothing_is_said():
    values = np.arange(float(LEAST + 1))
    assert np.isnan(bands(values[:-1], 2)).all()
    assert bands(values, 2).tolist()[1:] == [math.floor(0.75 * (LEAST - 1))]
    assert np.isnan(bands(values[:-1], LEAST)).all()
    assert np.isnan(share_below(values, 2)[0])
    assert share_below(values, 2)[1] == 1
