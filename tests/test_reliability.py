"""Reliability of claims: the table by hand, and how often a verdict and an interval are right."""

from __future__ import annotations

import numpy as np
import pytest
from test_confidence import market

from obi_widgets.calibration.confidence import claims
from obi_widgets.calibration.reliability import reliability

SECOND = 1_000_000_000


def said_of(chance, count, seed=0, constant=0.5):
    """Return claims, a constant, and outcomes that have the chance, one a minute."""
    random = np.random.default_rng(seed)
    truth = np.broadcast_to(chance, count)
    right = (random.random(count) < truth) * 1.0
    return np.arange(count) * 60 * SECOND, truth.copy(), np.full(count, constant), right


def test_scores_and_steps_are_those_by_hand():
    time, said, constant, right = said_of(np.tile([0.5, 0.6, 0.7], 400), 1200)
    found = reliability(time, said, constant, right, horizon=60, steps=3)
    assert found.said == pytest.approx([0.5, 0.6, 0.7])
    assert found.right == pytest.approx(right.reshape(400, 3).mean(axis=0))
    assert found.n.tolist() == [400] * 3
    assert found.brier == pytest.approx(np.mean((said - right) ** 2))
    assert found.brier_constant == pytest.approx(0.25)
    assert found.gain == pytest.approx(0.25 - found.brier)
    assert ((found.low < found.right) & (found.right < found.high)).all()
    assert found.to_frame().shape == (3, 6)
    assert found.better
    assert "better than a constant; 1,200 cases" in repr(found)
    assert "no better" not in repr(found)


def test_a_table_says_what_it_leaves_out_and_what_it_cannot_tell():
    time, said, constant, right = said_of(0.5, 100)
    right[::2] = np.nan
    found = reliability(time, said, constant, right, horizon=60, unmoved=0.5)
    assert found.cases == 50
    assert found.verdict == "too few cases to tell"  # claims are the constant
    assert "Mid did not move in 50 % of rows" in repr(found)
    assert found._repr_html_().startswith("<pre>")
    none = reliability(time, said, constant, np.full(100, np.nan), horizon=60)
    assert none.verdict == "no claim whose outcome is known"
    assert "no claim" in repr(none)
    assert len(none.to_frame()) == 0
    assert not none.better


def test_claims_that_are_worse_than_the_constant_are_not_called_better():
    time, said, constant, right = said_of(np.tile([0.4, 0.6], 500), 1000)
    found = reliability(time, 1 - said, constant, right, horizon=60)
    assert found.gain_high < 0
    assert found.verdict == "no better than a constant"


def test_intervals_of_steps_hold_the_chance():
    held = cases = 0
    for seed in range(100):
        time, said, constant, right = said_of(np.tile([0.5, 0.55, 0.65], 200), 600, seed)
        found = reliability(time, said, constant, right, horizon=60, steps=3)
        held += int(((found.low <= found.said) & (found.said <= found.high)).sum())
        cases += 3
    assert 0.92 <= held / cases <= 0.995


def test_the_interval_of_the_gain_holds_the_truth_where_cases_overlap():
    """Claims of one half ± d by a coin have a gain of −d²."""
    missed, better, seeds, far = 0, 0, 300, 0.02
    for seed in range(seeds):
        time, _, right, _ = market(seed, 1500)
        random = np.random.default_rng([1, seed])
        known = ~np.isnan(right)
        said = 0.5 + far * np.repeat(random.choice([-1, 1], 500), 3)
        found = reliability(
            time, said, np.full(1500, 0.5), np.where(known, right, np.nan), horizon=60
        )
        missed += not found.gain_low <= -(far**2) <= found.gain_high
        better += found.better
    assert 0.02 <= missed / seeds <= 0.09
    assert better / seeds <= 0.03


def test_a_confidence_with_an_edge_is_better_and_one_without_is_not():
    time, score, right, side = market(3, 40_000, edge=0.15)
    for outcome, better in ((right, True), (np.random.default_rng(0).permutation(right), False)):
        found = claims(time, score, outcome, side, horizon=60, refit=4 * 3600)
        judged = reliability(time, found.said, found.constant, outcome, horizon=60)
        assert judged.better is better
