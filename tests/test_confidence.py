"""Confidence: when it is learned, from what, and that it claims nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from obi_widgets.calibration.confidence import FEWEST, LEAST, PRIOR, claims, curve, outcomes
from obi_widgets.calibration.refits import Refits

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
START = 20_000 * 24 * HOUR


def lasting(random, rows, steps):
    """Return noise whose autocorrelation falls to 1/e in so many steps, with variance 1."""
    kept = np.exp(-1 / steps)
    return np.sqrt(1 - kept**2) * lfilter([1], [1, -kept], random.normal(size=rows + 2000))[2000:]


def market(seed, rows=3000, steps=6, edge=0.0, kind="walk"):
    """Return time, score, outcome, side: a direction that lasts, moves over overlapping horizons.

    Moves lean to the direction by ``edge``, and the score is its size, if there is one.
    """
    random = np.random.default_rng(seed)
    direction = lasting(random, rows, random.choice([1, 6, 60, 360]) if not edge else 6)
    returns = random.normal(size=rows + steps)
    if kind == "volatile":
        returns *= np.exp(lasting(random, rows + steps, 200))
    elif kind == "autoregressive":
        returns = lfilter([1], [1, -0.3], returns)
    elif kind == "hours":
        returns += 0.3 * lasting(random, rows + steps, 360)
        direction = lasting(random, rows, 360)
    returns[:rows] += edge * direction
    move = np.convolve(returns, np.ones(steps))[steps - 1 : steps - 1 + rows]
    move[rows - steps :] = np.nan  # not known yet
    score = np.abs(direction) if edge else random.beta(5, 2, rows) * lasting(random, rows, 10) ** 2
    time = START + np.arange(rows) * 10 * SECOND
    return time, score, outcomes(direction, move), np.sign(direction)


def test_an_outcome_has_the_sign_of_the_move_and_none_where_one_says_nothing():
    direction = np.array([0.3, -0.3, 0.3, -0.3, 0.0, 0.3, np.nan, 0.3])
    move = np.array([1.0, -2.0, -1.0, 2.0, 1.0, 0.0, 1.0, np.nan])
    np.testing.assert_array_equal(outcomes(direction, move), [1, 1, 0, 0, *[np.nan] * 4])


def test_fits_are_at_fixed_times_and_use_what_was_known():
    time = START + np.array([5, 15, 65, 119, 120, 121, 400]) * SECOND
    fits = Refits.of(time, horizon=30, window=90, refit=60)
    assert ((fits.at - START) // SECOND).tolist() == [0, 60, 120, 360]
    rows = [list(range(*one)) for one in zip(fits.first, fits.last, strict=True)]
    # At 60: before 30. At 120: from 30 to 90. At 360: from 270 to 330.
    assert rows == [[], [0, 1], [2], []]
    assert [list(range(*one)) for one in zip(fits.begin, fits.end, strict=True)] == [
        [0, 1], [2, 3], [4, 5], [6]
    ]  # fmt: skip
    assert not len(Refits.of(time[:0], horizon=30, window=90, refit=60).at)


def test_a_case_counts_when_its_horizon_has_ended_and_not_before():
    time = START + np.array([30, 31]) * SECOND
    at = Refits.of(np.append(time, START + 60 * SECOND), horizon=30, window=90, refit=60)
    assert at.last.tolist() == [0, 1]  # at 60, that of 30 is known just now


def test_without_an_edge_nothing_above_55_percent_is_claimed():
    """Whatever lasts: the direction, volatility, or moves. The slow test has more markets."""
    for seed in range(12):
        kind = ("walk", "volatile", "autoregressive", "hours")[seed % 4]
        assert np.nanmax(claims(*market(seed, kind=kind), horizon=60).said) < 0.55


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "kind"),
    [(3, "walk"), (6, "volatile"), (30, "autoregressive"), (3, "hours"), (6, "hours")],
)
def test_of_many_markets_without_an_edge_none_claims_55_percent(steps, kind):
    largest, better = [], 0
    for seed in range(120):
        found = claims(*market(seed, 6000, steps, kind=kind), horizon=10.0 * steps, refit=7200)
        largest.append(np.nanmax(found.said))
        better += bool(found.better[-1])
    assert max(largest) <= 0.55
    assert np.median(largest) < 0.52
    assert better <= 0.05 * 120


def test_an_edge_is_found_and_said_as_it_is():
    time, score, right, side = market(3, 60_000, edge=0.15)
    found = claims(time, score, right, side, horizon=60, refit=6 * 3600)
    late = np.flatnonzero(~np.isnan(right) & (time > time[0] + 48 * HOUR))
    assert found.better[-1]
    strong = late[found.said[late] > np.quantile(found.said[late], 0.8)]
    assert found.said[strong].mean() > 0.6
    assert found.said[strong].mean() == pytest.approx(right[strong].mean(), abs=0.03)
    assert found.constant[-1] == pytest.approx(np.nanmean(right), abs=0.02)
    assert ((found.low <= found.right) & (found.right <= found.high))[late].all()
    np.testing.assert_array_equal(found.shown[late], found.said[late])


def test_nothing_later_changes_what_was_said_and_appended_equals_whole():
    time, score, right, side = market(4, 4000, edge=0.1)
    whole = claims(time, score, right, side, horizon=60, refit=1800, window=6 * 3600)
    cut = 2777
    known = np.where(np.arange(cut) >= cut - 6, np.nan, right[:cut])  # what is not known by then
    part = claims(
        time[:cut], score[:cut], known, side[:cut], horizon=60, refit=1800, window=6 * 3600
    )
    for one, other in zip(part, whole, strict=True):
        np.testing.assert_array_equal(one, other[:cut])
    again = claims(time, score, right, side, horizon=60, refit=1800, window=6 * 3600, before=part)
    for one, other in zip(again, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_outcome_is_not_used_before_its_horizon_has_ended():
    time, score, right, side = market(5, 4000, edge=0.1)
    fit = int(np.searchsorted(time, START + 8 * HOUR))
    other = right.copy()
    other[fit - 5 :] = 1 - other[fit - 5 :]  # the five before it end later
    one, two = (claims(time, score, r, side, horizon=60) for r in (right, other))
    begin = fit + 360
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a[:begin], b[:begin])
    assert (one.constant[begin:] != two.constant[begin:]).all()


def test_what_has_no_score_or_no_past_says_nothing():
    time, score, right, side = market(6, 1500)
    score[700:800] = np.nan
    found = claims(time, score, right, side, horizon=60)
    assert np.isnan(found.said[:180]).all()  # fewer than thirty minutes
    assert np.isnan(found.said[700:800]).all()
    assert not np.isnan(found.said[1000:]).any()
    assert not found.n[:180].any()
    assert curve(time[:150], score[:150], right[:150], side[:150], 60 * SECOND) is None
    none = claims(time[:0], score[:0], right[:0], side[:0], horizon=60)
    assert all(len(column) == 0 for column in none)


def test_a_curve_rises_in_steps_that_are_worth_enough_and_lie_near_the_constant():
    time, score, right, side = market(7, 20_000, edge=0.1)
    known = ~np.isnan(right)
    found = curve(time[known], score[known], right[known], side[known], 60 * SECOND)
    assert 2 <= len(found.said) <= 10
    assert (np.diff(found.said) > 0).all()
    assert (np.diff(found.begins) > 0).all()
    assert (found.n_eff >= LEAST).all()
    assert found.n.sum() == known.sum()
    for begin, end, rate in zip(
        found.begins, np.append(found.begins[1:], np.inf), found.right, strict=True
    ):
        inside = known & (score >= begin) & (score < end)
        assert right[inside].mean() == pytest.approx(rate)
    assert (np.abs(found.said - found.constant) <= np.abs(found.right - found.constant)).all()


def test_a_constant_is_the_rate_with_fair_cases_added():
    at = START + np.arange(1000) * 60 * SECOND
    right = (np.random.default_rng(0).random(1000) < 0.57) * 1.0
    side = np.random.default_rng(1).choice([-1.0, 1.0], 1000)
    found = curve(at, np.ones(1000), right, side, 60 * SECOND)
    worth = float(found.n_eff[0])
    assert FEWEST < worth <= 1000
    assert found.said.tolist() == [found.constant]
    assert found.constant == pytest.approx((right.mean() * worth + PRIOR / 2) / (worth + PRIOR))
