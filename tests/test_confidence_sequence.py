"""Bounds that hold at every moment: against other computations of them, and by their rates."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import lambertw
from scipy.stats import binom

from benchmarks.verdicts import sealed as markets
from obi_widgets.calibration import confidence_sequence
from obi_widgets.calibration.confidence_sequence import (
    BURN_IN,
    MEANS,
    AsymptoticSequence,
    ClippedSequence,
    tuning,
)

WAVE = 0.3 + 2 * np.sin(np.arange(1.0, 1001) ** 2)
"""Numbers that anybody can make again."""


def fed(sequence, values):
    for value in values:
        sequence.add(float(value))
    return sequence


def test_the_examples_run():
    assert doctest.testmod(confidence_sequence).failed == 0


@pytest.mark.parametrize("error", [0.01, 0.05, 0.2])
def test_tuning_is_the_closed_form_and_the_least_margin(error):
    closed = -lambertw(-(error**2) / math.e, -1).real - 1
    assert tuning(500, error) * 500 == pytest.approx(closed, rel=1e-12)
    margins = []
    for factor in (0.8, 1.0, 1.25):
        sequence = fed(AsymptoticSequence(error), WAVE[:500])
        sequence._two_sided *= factor
        margins.append(sequence.interval[1] - sequence.interval[0])
    assert margins[1] == min(margins)


@pytest.mark.parametrize("n", [BURN_IN, 500, 1000])
def test_the_asymptotic_bounds_are_those_of_the_paper(n):
    values, rho2 = WAVE[:n], tuning(500, 0.05)
    mean, deviation = values.mean(), values.std(ddof=1)
    margin = deviation * math.sqrt(
        2 * (n * rho2 + 1) / (n**2 * rho2) * math.log(math.sqrt(n * rho2 + 1) / 0.05)
    )
    sequence = fed(AsymptoticSequence(), values)
    assert sequence.mean == pytest.approx(mean, rel=1e-13)
    assert sequence.interval == pytest.approx((mean - margin, mean + margin), rel=1e-12)
    # One-sided: a mixture over gains alone has the capital 20 at the bound, or little more.
    bound, scale = (mean - sequence.low) / deviation * n, math.sqrt(tuning(500, 0.1))

    def capital(bet):
        weight = 2 * math.exp(-((bet / scale) ** 2) / 2) / (scale * math.sqrt(2 * math.pi))
        return weight * math.exp(bet * bound - bet * bet * n / 2)

    total = quad(capital, 0, bound / n + 12 / math.sqrt(n), epsabs=1e-12)[0]
    assert 20 <= total <= 21.5
    assert sequence.high - mean == pytest.approx(mean - sequence.low, rel=1e-12)


VILLE = {
    100: (-0.14079002419460862, 0.8041474820634146, -0.30299999999999994, 0.42900000000000005),
    500: (0.10246555299420454, 0.48912683702025694, -0.08999999999999986, 0.31199999999999983),
    1000: (0.15705215191287786, 0.43186798439694324, -0.03299999999999992, 0.2789999999999999),
}
"""What ville 0.1.0 says of the wave: ``AsymptoticCS(alpha=0.05, t_opt=500, min_samples=100)``, and
``BettingCS(bounds=(-1.5, 1.5), alpha=0.1, c=0.75, grid=1001, intersect=False)``."""


@pytest.mark.parametrize("n", VILLE)
def test_ville_says_the_same(n):
    low, high, clipped_low, clipped_high = VILLE[n]
    # It finds the tuning by search, to fewer digits.
    assert fed(AsymptoticSequence(), WAVE[:n]).interval == pytest.approx((low, high), abs=1e-6)
    clipped = fed(ClippedSequence(1.5), WAVE[:n])
    assert (clipped.low, clipped.high) == pytest.approx((clipped_low, clipped_high), abs=1e-12)


def test_nothing_is_said_in_the_burn_in():
    sequence = fed(AsymptoticSequence(), WAVE[: BURN_IN - 1])
    assert np.isnan([*sequence.interval, sequence.low, sequence.high]).all()
    sequence.add(1.0)
    assert np.isfinite([*sequence.interval, sequence.low, sequence.high]).all()
    assert sequence.interval[0] < sequence.low < sequence.mean < sequence.high


def test_the_clipped_bound_is_what_somebody_wins_who_bets_against_each_mean():
    """One candidate at a time, in plain numbers."""
    clip, error, values = 1.5, 0.05, WAVE[:300].tolist()
    beaten = []
    candidates = MEANS[[0, 200, *range(400, 600, 10), 900]]
    for m in candidates.tolist():
        capital, seen, squares = 1.0, [], 0.25
        for i, value in enumerate(values, 1):
            z = (min(max(value, -clip), clip) + clip) / (2 * clip)
            bet = math.sqrt(2 * math.log(1 / error) / (squares / i * i * math.log(1 + i)))
            capital *= 1 + min(bet, 0.75 / m if m else math.inf) * (z - m)
            seen.append(z)
            squares += (z - (0.5 + sum(seen)) / (i + 1)) ** 2
        if capital >= 1 / error:
            beaten.append((2 * m - 1) * clip)
    sequence = fed(ClippedSequence(clip, error), values)
    nearest = (2 * candidates - 1) * clip
    assert 3 < len(beaten) < len(candidates)
    assert max(beaten) == nearest[nearest <= sequence.low].max()


def test_gains_and_losses_are_mirrored_and_cut():
    up, down = fed(ClippedSequence(1.5), WAVE), fed(ClippedSequence(1.5), -WAVE)
    assert (up.low, up.high) == pytest.approx((-down.high, -down.low), abs=1e-12)
    assert up.mean == pytest.approx(np.clip(WAVE, -1.5, 1.5).mean(), rel=1e-12)
    assert up.n_clipped == np.count_nonzero(np.abs(WAVE) > 1.5) > 0
    assert -1.5 <= up.low < up.mean < up.high <= 1.5
    wild = fed(ClippedSequence(1.5), np.where(np.abs(WAVE) > 1.5, 1e12 * WAVE, WAVE))
    assert (wild.low, wild.high) == (up.low, up.high)
    assert (ClippedSequence(2.0).low, ClippedSequence(2.0).high) == (-2.0, 2.0)


def test_losses_that_have_not_come_yet_fool_the_one_and_not_the_other():
    """99 of 100 trades make 1, and the other loses 99: the mean is 0."""
    nothing_lost = [1.0] * 150
    assert fed(AsymptoticSequence(), nothing_lost).low == 1.0
    assert fed(ClippedSequence(99.0), nothing_lost).low < 0
    assert fed(ClippedSequence(2.0), nothing_lost).low > 0, "it is of losses of 2 at the most"


@pytest.mark.parametrize("market", markets.NULL, ids=lambda one: one[1].__name__)
def test_looked_at_after_every_trade_it_is_seldom_wrong(market, monkeypatch):
    """5,000 trades each; of the first seeds the sealed test itself is looked at as well."""
    monkeypatch.setattr(markets, "NULL", (market,))
    monkeypatch.setattr(markets, "BEYOND", ())
    (found,) = markets.false_alarms(range(200))
    wrong = found["above zero"] + found["below zero"]
    assert wrong <= binom.ppf(0.99, 200, 0.05)


def test_an_edge_of_twice_its_cost_takes_little_longer_than_a_fixed_length(monkeypatch):
    monkeypatch.setattr(markets, "EDGES", (0.2,))
    normal, heavy = markets.times_to_detect(range(60))
    assert normal["found"] == 60
    assert normal["median, 80 %"][0] < 2 * normal["a fixed length that finds 80 %"]
    assert heavy["found"] > 50
    assert heavy["median, 80 %"][0] < 2 * heavy["a fixed length that finds 80 %"]
