"""Pool-adjacent-violators, against SciPy's."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from obi_widgets.calibration.statistics.isotonic import isotonic


@pytest.mark.parametrize("seed", range(20))
def test_it_is_scipys(seed):
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 60))
    values = np.round(random.normal(size=size) + 0.02 * np.arange(size), int(random.integers(0, 3)))
    weights = random.uniform(0.1, 5, size)
    fitted, first = isotonic(values, weights)
    expected = isotonic_regression(values, weights=weights)
    np.testing.assert_allclose(fitted, expected.x, rtol=1e-12, atol=1e-12)
    pools = np.append(first, size)
    assert [len(set(fitted[a:b])) for a, b in pairwise(pools)] == [1] * len(first)
    assert (np.diff(fitted[first]) > 0).all()


def test_equal_values_are_one_pool_and_nothing_has_none():
    fitted, first = isotonic(np.array([1.0, 2.0, 2.0, 3.0]), np.ones(4))
    assert fitted.tolist() == [1, 2, 2, 3]
    assert first.tolist() == [0, 1, 3]
    fitted, first = isotonic(np.empty(0), np.empty(0))
    assert len(fitted) == len(first) == 0
