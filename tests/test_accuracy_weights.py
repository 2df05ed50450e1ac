"""Weights that follow accuracy: what they use, and when they win."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from test_confidence import HOUR, SECOND, START, lasting

from obi_widgets.calibration.accuracy_weights import accuracy_weights, against_equal, combined


def composite(seed, leads, rows=6000, steps=6):
    """Return time, parts that lead the moves by so much, and the moves."""
    random = np.random.default_rng(seed)
    parts = np.array([lasting(random, rows, 6) for _ in leads])
    returns = np.append(random.normal(size=rows) + leads @ parts, np.zeros(steps))
    move = np.convolve(returns, np.ones(steps))[steps - 1 : steps - 1 + rows]
    move[rows - steps :] = np.nan
    return START + np.arange(rows) * 10 * SECOND, parts, move


@pytest.mark.slow
def test_one_good_part_wins_over_equal_weights():
    won, weights = 0, []
    for seed in range(12):
        given = composite(seed, np.array([0.2, 0.0, 0.0]))
        found = accuracy_weights(*given, horizon=60)
        weights.append(found[:, -1])
        result = against_equal(*given, found, horizon=60)
        won += result.winner == "accuracy" and result.rank_low > 0
        assert result.winner != "equal"
    assert won >= 10
    assert np.mean(weights, axis=0)[0] > 0.65
    assert np.min(weights) > 0.02


def test_where_parts_are_equal_or_noise_equal_weights_seldom_lose_or_win():
    beyond, looks = 0, 0
    for lead in (0.07, 0.0):
        for seed in range(20):
            given = composite(seed, np.full(3, lead), 4000)
            found = accuracy_weights(*given, horizon=60)
            result = against_equal(*given, found, horizon=60)
            beyond += result.winner != "neither"
            looks += 1
            assert abs(result.difference) < 0.03
    assert beyond <= 0.15 * looks


def test_weights_add_up_begin_equal_and_never_fall_below_0():
    time, parts, move = composite(1, np.array([0.3, -0.3, 0.0]))
    found = accuracy_weights(time, parts, move, horizon=60)
    np.testing.assert_allclose(found.sum(axis=0), 1)
    assert (found > 0).all()
    assert (found[:, :180] == 1 / 3).all()
    assert found[0, -1] > found[2, -1] > 0.9 * found[1, -1]  # the wrong one is not turned round


def test_weights_use_nothing_that_was_not_known():
    time, parts, move = composite(2, np.array([0.1, 0.0]))
    fit = int(np.searchsorted(time, START + 8 * HOUR))
    changed = move.copy()
    changed[fit - 5 :] *= -1
    one, two = (accuracy_weights(time, parts, m, horizon=60) for m in (move, changed))
    np.testing.assert_array_equal(one[:, : fit + 360], two[:, : fit + 360])
    assert (one[:, fit + 360 :] != two[:, fit + 360 :]).any()
    cut = 3333
    part = accuracy_weights(time[:cut], parts[:, :cut], move[:cut], horizon=60)
    np.testing.assert_array_equal(part, one[:, :cut])


def test_a_part_without_a_value_is_left_out_of_the_composite():
    parts = np.array([[1.0, np.nan, np.nan], [-1.0, -1.0, np.nan]])
    found = combined(parts, np.array([[0.75], [0.25]]))
    np.testing.assert_array_equal(found, [0.5, -1.0, np.nan])


def test_a_part_that_has_no_past_yet_leaves_the_weights_equal():
    time, parts, move = composite(3, np.array([0.2, 0.0]), 2000)
    parts[1, :1500] = np.nan
    found = accuracy_weights(time, parts, move, horizon=60)
    filled = int(np.searchsorted(time, START + 5 * HOUR))
    assert (found[:, :filled] == 0.5).all()
    assert found[0, -1] > 0.5
    assert np.isfinite(found).all()


def test_figures_are_those_by_hand():
    time, parts, move = composite(4, np.array([0.2, 0.05]))
    parts[0, 10:20] = np.nan
    move[50:60] = 0.0
    weights = np.repeat([[0.9], [0.1]], len(time), axis=1)
    found = against_equal(time, parts, move, weights, horizon=60)
    known = ~np.isnan(parts[0]) & ~np.isnan(move) & (move != 0)
    one, other, y = 0.9 * parts[0] + 0.1 * parts[1], parts.sum(axis=0), move
    right = [np.mean(np.sign(s[known]) == np.sign(y[known])) for s in (one, other)]
    assert (found.accuracy, found.accuracy_equal) == pytest.approx(right)
    assert found.difference == pytest.approx(right[0] - right[1])
    coefficients = [spearmanr(s[known], y[known])[0] for s in (one, other)]
    assert found.rank_difference == pytest.approx(coefficients[0] - coefficients[1])
    assert found.n == known.sum()
    assert found.low < found.difference < found.high


def test_equal_weights_do_not_differ_from_themselves():
    given = composite(5, np.array([0.1, 0.1]), 1000)
    found = against_equal(*given, np.full((2, 1000), 0.5), horizon=60)
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert found.winner == "neither"


def test_without_a_case_no_figure_is_told():
    time, parts, _ = composite(6, np.array([0.2, 0.05]), 100)
    found = against_equal(time, parts, np.full(100, np.nan), np.full((2, 100), 0.5), horizon=60)
    assert repr(found) == (
        "Weights by accuracy against equal ones: neither won; no case whose outcome is known"
    )
