"""Markets that try to fool the verdict, with few seeds; `python -m benchmarks.verdicts` has more.

Seeds are fixed, so that the counts never change.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binom

import obi_widgets as obi
from benchmarks.verdicts import chosen, followed, markets, results
from benchmarks.verdicts.markets import TICK
from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS, forward_returns
from obi_widgets.calibration.information_coefficient import information_coefficients
from obi_widgets.calibration.statistics.power import rule_rate, rule_seconds
from obi_widgets.signals.registry import BUILT_IN, find
from obi_widgets.trading.declared import ENTRY_RULE
from obi_widgets.trading.gates.registry import BUILT_IN as GATES_BUILT_IN

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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.fixture(scope="module")
def walled():
    """A market without an edge, with everything that signals and gates look for."""
    return chosen.NULL[0].make(np.random.default_rng(7))


@pytest.mark.slow
def test_what_is_added_to_a_market_tells_nothing_of_the_price(walled):
    random = np.random.default_rng(7)
    plain = markets.random_walk(random, followed.STATES)
    np.testing.assert_allclose(walled.mid, plain.mid)
    np.testing.assert_allclose(walled.sizes(+1)[:, 0], plain.sizes(+1)[:, 0], rtol=1e-6)
    assert np.ptp(walled.spread) > 0
    levels = walled.large_levels
    assert {"traded", "pulled"} <= set(levels.end.tolist())
    assert len(walled.trades) >= len(walled) - 1 + np.count_nonzero(levels.end == "traded")
    # A price that stays where it was for the second half changes nothing of the first one.
    half = followed.STATES // 2
    best = {+1: np.rint(walled.bid / TICK), -1: np.rint(walled.ask / TICK)}
    stops = {side: np.append(one[:half], np.full(half, one[half])) for side, one in best.items()}
    moved, stopped = (
        [one for one in followed.walls(np.random.default_rng(1), of) if one.begin < half]
        for of in (best, stops)
    )
    assert len(moved) == len(stopped) > 50
    for one, other in zip(moved, stopped, strict=True):
        assert one[:4] == other[:4]
        assert one.end == other.end or min(one.end, other.end) > half


def test_every_signal_gate_and_rule_is_tried():
    directional = {name for name in BUILT_IN if find(name).directional}
    transforms = {name for name in chosen.SIGNALS if "(" in name}
    assert chosen.SIGNALS.keys() == directional | transforms
    assert {name for gates in chosen.GATES for name in gates} == set(GATES_BUILT_IN)
    assert {name for rule in chosen.RULES for name in rule} >= {
        "entry_rule", "exit_fade", "exit_flip", "exit_deceleration", "stop_bps", "target_bps",
        "size_by", "stop_by",
    }  # fmt: skip
    assert {rule.get("entry_rule", "beyond") for rule in chosen.RULES} == set(ENTRY_RULE.kind.words)


@pytest.mark.slow
def test_what_is_tried_makes_what_its_settings_make(walled):
    found = list(chosen.tried(walled))
    assert len(found) == chosen.TRIED == len({one.setting.parameters for one in found})
    for one in found[:: len(found) // 12]:
        made = obi.entries(walled, one.setting.parameters).dropna(subset="net_bps")
        assert one.entries == len(made)
        mean = np.average(made["net_bps"], weights=made["weight"]) if len(made) else np.nan
        assert one.entries < chosen.FEWEST or one.mean == pytest.approx(mean)
    # Gates and rules differ in the entries that they let begin, or the trial is none.
    of_queue = {(one.entries, one.mean) for one in found[: len(chosen.GATES) * len(chosen.RULES)]}
    assert len(of_queue) == len(chosen.GATES) * len(chosen.RULES)
    # Each signal, gate and rule can be the best one.
    enough = Counter(name for one in found if one.entries >= 20 for name in one.setting.names)
    tried = Counter(name for one in found for name in one.setting.names)
    assert min(enough[name] / tried[name] for name in tried) > 0.75


@pytest.mark.slow
@pytest.mark.parametrize("market", chosen.NULL[1::2], ids=lambda market: market.name)
def test_the_best_of_all_signals_gates_and_rules_is_not_viable_without_an_edge(market):
    found = chosen.results(market, range(1))
    assert [chosen.viable(found, by) for by in ("mean", "t")] == [0, 0]


@pytest.mark.slow
def test_the_best_of_all_signals_gates_and_rules_is_viable_with_an_edge():
    found = chosen.results(chosen.EDGE, range(1))
    assert [chosen.viable(found, by) for by in ("mean", "t")] == [1, 1]


def test_a_run_in_parts_comes_to_the_same_as_one(tmp_path):
    path, asked = tmp_path / "found.jsonl", []

    def compute(seed):
        asked.append(seed)
        return {"square": seed**2}

    for seeds in (range(2), range(1, 4), range(4)):
        found = results.collected(path, "squares", "numbers", seeds, compute)
    assert [one["square"] for one in found] == [0, 1, 4, 9]
    assert asked == [0, 1, 2, 3]
    assert results.collected(path, "squares", "others", [], compute) == []
    with pytest.raises(SystemExit, match="has results of 'squares', and not of 'cubes'"):
        results.read(path, "cubes")
    assert results.rate(0, 300) == "0 of 300 (0.00 to 1.22 %)"  # 1 − 0.025 ** (1 / 300)
    assert results.rate(0, 0) == "none"
