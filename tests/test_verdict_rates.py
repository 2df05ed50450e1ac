"""Markets that try to fool the verdict, with few seeds; `python -m benchmarks.verdicts` has more.

Seeds are fixed, so that the counts never change.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

import obi_widgets as obi
from benchmarks.verdicts import chosen, markets
from benchmarks.verdicts.markets import Market
from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS, forward_returns
from obi_widgets.calibration.information_coefficient import information_coefficients
from obi_widgets.calibration.statistics.power import rule_rate, rule_seconds
from obi_widgets.signals.registry import BUILT_IN, find

SEEDS = 12


@pytest.mark.parametrize("market", markets.NULL, ids=lambda market: market.name)
def test_a_market_without_an_edge_is_not_viable(market):
    found = [market.judge(market.make(market.random(seed))).verdict for seed in range(SEEDS)]
    assert found.count("viable") <= binom.ppf(0.995, SEEDS, market.most / market.seeds)


@pytest.mark.parametrize("market", markets.PARTLY, ids=lambda market: market.name)
def test_an_edge_that_ends_is_not_viable(market):
    found = [market.judge(market.make(market.random(seed))).verdict for seed in range(SEEDS)]
    assert found.count("viable") <= binom.ppf(0.995, SEEDS, market.most / market.seeds)


def test_spread_and_fees_reduce_the_net_gain_and_not_its_error():
    """The same market at mid, at the touch, and with fees."""
    history = markets.edge(1.0)(np.random.default_rng(0))
    mid, touch = (obi.calibrate(history, one).traded for one in (markets.MID, markets.TOUCH))
    paid = obi.Settings(depth=1, decay=0, threshold=0.4, fee_bps=0.3)
    fees = obi.calibrate(history, paid).traded
    spread = 1e4 * np.mean(history.spread / history.mid)
    np.testing.assert_allclose(touch.net_bps, mid.net_bps - spread, rtol=1e-3)
    np.testing.assert_allclose(fees.net_bps, touch.net_bps - 0.6, rtol=1e-9)
    np.testing.assert_allclose(fees.se_bps, mid.se_bps, rtol=1e-3)
    np.testing.assert_allclose(fees.excess_bps, mid.excess_bps, rtol=1e-9)


def test_the_excess_gain_is_the_mean_less_that_of_random_times():
    random = np.random.default_rng(3)
    history = markets.drift_one_sided(random)
    traded = obi.calibrate(history, markets.MID, horizons=[5.0]).traded
    moves = forward_returns(history, [5.0], after=True).bps[0]
    assert traded.longs[0] == 1
    assert traded.excess_bps[0] == pytest.approx(traded.net_bps[0] - np.nanmean(moves))
    history = markets.drift_balanced(random)
    traded = obi.calibrate(history, markets.MID, horizons=[5.0]).traded
    moves = forward_returns(history, [5.0], after=True).bps[0]
    passive = (2 * traded.longs[0] - 1) * np.nanmean(moves)
    assert traded.excess_bps[0] == pytest.approx(traded.net_bps[0] - passive)


def test_an_edge_is_found_at_the_rate_that_power_predicts():
    size, seeds, at = markets.EDGES[1], 40, 0
    truth = markets.true_move(size, DEFAULT_HORIZONS[at], markets.MID.threshold)
    viable, promised = 0, []
    for seed in range(seeds):
        history = markets.edge(size)(np.random.default_rng(100_000 * 23 + seed))
        report = obi.calibrate(history, markets.MID)
        viable += report.verdict == "viable"
        se, b = report.traded.se_bps[at], report.traded.b[at]
        promised.append(rule_rate(truth, se, b, tests=len(DEFAULT_HORIZONS)))
    low, high = binom.interval(0.99, seeds, np.mean(promised))
    assert 0.3 < np.mean(promised) < 0.8
    assert low - 0.1 * seeds <= viable <= high + 0.1 * seeds


def test_the_predicted_rate_is_that_of_three_tests_together():
    random, draws = np.random.default_rng(0), 200_000
    for delta in (0.0, 2.0, 4.0):
        before = delta * 0.7**0.5 + random.standard_normal(draws)
        held_out = delta * 0.3**0.5 + random.standard_normal(draws)
        whole = 0.7**0.5 * before + 0.3**0.5 * held_out
        found = (before > 1.96) & (held_out > 1.96) & (whole > 2.69)  # of seven horizons
        assert rule_rate(delta, 1.0, 1e-6, tests=7) == pytest.approx(np.mean(found), abs=0.004)
    needed = rule_seconds(0.1, 0.1, 0.02, 3600, tests=7)
    longer = 0.1 * (3600 / needed) ** 0.5
    assert rule_rate(0.1, longer, 0.02 * (3600 / needed) ** 0.5, tests=7) == pytest.approx(
        0.8, abs=0.01
    )
    assert rule_seconds(-0.1, 0.1, 0.02, 3600) == np.inf
    assert np.isnan(rule_seconds(0.1, np.nan, 0.02, 3600))


@pytest.mark.parametrize("market", [markets.jumps, markets.jumps_and_persistence])
def test_correlation_tests_keep_their_level_with_jumps_and_persistence(market):
    p, seeds = [], 100
    for seed in range(seeds):
        history = market(np.random.default_rng(100_000 * 55 + seed))
        signal = obi.imbalance(history, markets.MID)
        moves = forward_returns(history, DEFAULT_HORIZONS[::3])
        found = information_coefficients(history, signal, moves)
        p.append([found.ic_p, found.rank_ic_p])
    told = np.count_nonzero(~np.isnan(p), axis=0)
    low, high = binom.interval(0.99, told, 0.05)
    counts = np.count_nonzero(np.array(p) < 0.05, axis=0)
    assert (told > 0.8 * seeds).all()
    assert ((counts >= low) & (counts <= high)).all(), counts


def test_the_record_needed_is_at_least_that_for_ten_episodes():
    history = markets.edge(1.0)(np.random.default_rng(5))[:600]
    report = obi.calibrate(history, markets.MID, horizons=[1.0])
    least = 10 * report.seconds / (0.3 * len(report.episodes))
    assert report.seconds_needed(1e5) == pytest.approx(least)


# -- the best of all signals, gates and rules ------------------------------------------------------


def test_what_is_tried_makes_what_its_settings_make_and_knows_nothing_of_the_price():
    random = np.random.default_rng(7)
    plain = markets.random_walk(random)[:3000]
    history = chosen.deepened(plain, random)
    np.testing.assert_allclose(history.mid, plain.mid)
    assert np.ptp(history.spread) > 0
    assert len(history.trades) == len(history) - 1
    found = list(chosen.tried(history))
    assert len(found) == chosen.TRIED == len({one.settings.parameters for one in found})
    assert all(find(name).directional for name in chosen.SIGNALS)
    # The card's direction is a mean of the imbalance, as smooth(imbalance) is, over longer windows.
    # Signals of walls need an order book that is followed event by event.
    others = {"card_direction", "wall_fade", "wall_breakout"}
    built_in = {name for name in BUILT_IN if find(name).directional} - others
    assert built_in <= chosen.SIGNALS.keys()
    for one in found[:: len(found) // 12]:
        made = obi.entries(history, one.settings)["net_bps"].dropna()
        assert one.entries == len(made)
        assert one.entries < chosen.FEWEST or one.mean == pytest.approx(made.mean())
    # Gates and rules differ in the entries that they let begin, or the trial is none.
    of_queue = {(one.entries, one.mean) for one in found[: len(chosen.GATES) * len(chosen.RULES)]}
    assert len(of_queue) == len(chosen.GATES) * len(chosen.RULES)


@pytest.mark.slow
@pytest.mark.parametrize("market", chosen.NULL, ids=lambda market: market.name)
def test_the_best_of_all_signals_gates_and_rules_is_not_viable_without_an_edge(market):
    counts = chosen.counted(market, range(4))
    for by in ("mean", "t"):
        assert counts[by, "told", "viable"] == 0


@pytest.mark.slow
def test_the_best_of_all_signals_gates_and_rules_is_viable_with_an_edge():
    counts = chosen.counted(Market(97, markets.edge(1.0)), range(4))
    assert counts["t", "told", "viable"] == 4
    assert counts["mean", "told", "viable"] >= 3
