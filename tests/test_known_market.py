"""The fast market of the tests has the law of the simulated exchange's."""

from functools import cache

import known_market
import numpy as np
import pytest
from known_market import STATES

import obi_widgets as obi
from obi_widgets.feeds.simulation.simulator import STEP, SimulatedMarket

EDGE, SECONDS = 4.0, 3000.0


@cache
def simulated():
    """Return mid (ticks), pressure and imbalance of the exchange's market at the same states."""
    market, rows = SimulatedMarket(edge=EDGE, seed=11), []
    for step in range(round(SECONDS / STEP)):
        market.step()
        if step % round(1 / STATES / STEP):
            bids, asks = (sum(market.top(side, 10).values()) for side in (+1, -1))
            mid = market.mid / known_market.LISTING.tick_size
            rows.append((mid, market.pressure, (bids - asks) / (bids + asks)))
    return np.array(rows).T


@cache
def fast():
    return known_market.path(SECONDS, EDGE, seed=11)


def autocorrelation(series, lag):
    series = series - series.mean()
    return np.mean(series[lag:] * series[:-lag]) / np.mean(series**2)


@pytest.mark.slow
@pytest.mark.parametrize("make", [simulated, fast])
def test_both_have_the_pressure_the_jumps_and_the_edge_that_are_said(make):
    mid, z, imbalance = make()
    assert len(mid) == SECONDS * STATES
    assert np.std(z) == pytest.approx(1 / 3, rel=0.1)  # of the mean of three uniforms
    assert autocorrelation(z, 8 * STATES) == pytest.approx(np.exp(-1), abs=0.15)
    moves = np.diff(mid)
    # Four jumps a second, at most one in 50 ms, of geometric ticks: E[J²] = 15.
    assert np.mean(moves**2) * STATES == pytest.approx(60, rel=0.1)
    assert np.mean(moves == 0) == pytest.approx(0.8**2, abs=0.03)
    bps = 1e4 * np.diff(np.log(mid[:: 8 * STATES]))
    at = z[:: 8 * STATES][: len(bps)]
    # The move in 8 s is worth edge · z · (1 − 1/e).
    left = bps - EDGE * at * (1 - np.exp(-1))
    assert abs(np.sum(left * at)) < 3 * np.sqrt(np.sum((left * at) ** 2))
    assert np.sum(bps * at) > 5 * np.sqrt(np.sum((left * at) ** 2))
    assert 0.5 < np.corrcoef(z, imbalance)[0, 1] < 0.95


@pytest.mark.slow
def test_both_imbalances_last_about_as_long():
    for lag in (STATES, 4 * STATES, 12 * STATES):
        theirs, ours = (autocorrelation(make()[2], lag) for make in (simulated, fast))
        assert ours == pytest.approx(theirs, abs=0.15)


def test_the_history_has_the_mid_and_the_imbalance_at_any_setting():
    mid, _, imbalance = known_market.path(60.0, 1.0, seed=3)
    history = known_market.history(60.0, 1.0, seed=3)
    np.testing.assert_allclose(history.mid, mid * known_market.LISTING.tick_size)
    assert np.all(np.diff(history.time) == known_market.SECOND // STATES)
    for settings in (obi.Settings(), obi.Settings(decay=1.0, depth=1)):
        np.testing.assert_allclose(obi.imbalance(history, settings), imbalance, atol=1e-6)


def test_the_same_seed_is_the_same_history():
    first, second, other = (known_market.history(30.0, seed=seed).sha256() for seed in (1, 1, 2))
    assert first == second != other


def test_an_autoregression_is_what_a_loop_gives():
    noise = np.random.default_rng(0).standard_normal(1000)
    expected, last = [], 0.0
    for new in noise:
        last = 0.9 * last + new
        expected.append(last)
    np.testing.assert_allclose(known_market.decaying(noise, 0.9), expected, atol=1e-9)
