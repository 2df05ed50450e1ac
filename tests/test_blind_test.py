"""The blind test: its tapes are what their hidden truth says, and its scores are right by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import obi_widgets as obi
from obi_widgets.errors import ArgumentError, SettingsError
from obi_widgets.feeds.simulation.mid_paths import LARGEST_EDGE
from obi_widgets.teaching import blind_test
from obi_widgets.teaching.score import BlindScore
from obi_widgets.teaching.tapes import TRENDS, Market, costs, made, tape

SETTINGS = obi.blind_test(markets=1, hours=0.05).settings


def hourly(market, hours=48):
    """Return what each of many hours makes, as it happened and by the pressure, an entry."""
    found = [made(tape(3600, market, [9, n], "X"), market.edge, SETTINGS) for n in range(hours)]
    return np.array([(one.net / one.entries, one.expected / one.entries) for one in found])


@pytest.mark.parametrize(
    ("edge", "price"), [(0.0, "calm"), (0.5, "trend"), (3.0, "calm"), (5.0, "jumps")]
)
def test_what_is_true_of_a_tape_is_what_happens_in_many_hours(edge, price):
    net, expected = hourly(Market(edge, price=price)).T
    # Hours are independent. Each is as it happened less what was to be expected of it.
    assert stats.ttest_1samp(net - expected, 0).pvalue > 0.01
    assert (expected.mean() > 0) == (edge > 2)


@pytest.mark.slow
def test_the_least_edge_that_pays_is_well_above_its_costs_and_the_largest_that_does_not_below():
    for edge, gain in zip(blind_test.EDGES_THAT_PAY, (0.5, 1.3), strict=True):
        assert hourly(Market(edge), 24)[:, 1].mean() == pytest.approx(gain, abs=0.07)
    # No entry moves further than the edge in the mean, by any rule.
    assert max(blind_test.SHARE_OF_COSTS) < 1


def test_an_edge_that_is_gone_paid_on_the_whole_tape_and_nothing_after_its_end():
    low, high = blind_test.EDGES_GONE
    market = Market((low + high) / 2, lasts=sum(blind_test.ENDS) / 2)
    parts = []
    for seed in range(12):
        one = tape(3 * 3600, market, [3, seed], "X")
        trades = obi.entries(one.history, SETTINGS).dropna(subset=["net_bps"])
        end = one.history.time[int(market.lasts * len(one.history))]
        late = trades["entry_time"].array.asi8 >= end
        parts.append((trades.net_bps.mean(), trades.net_bps[~late].mean(),
                      trades.gross_bps[late].mean()))  # fmt: skip
    whole, early, late = np.array(parts).T
    assert stats.ttest_1samp(whole, 0, alternative="greater").pvalue < 0.01
    assert early.mean() > 0.5
    at_touch = costs(SETTINGS) - 2 * SETTINGS.fee_bps
    assert stats.ttest_1samp(late, -at_touch).pvalue > 0.01


def test_a_trend_knows_nothing_of_the_side_of_the_book_and_is_as_large_as_is_said():
    moved = np.array([
        np.log(one.mid[-1] / one.mid[0]) * 1e4 / 0.25
        for one in (tape(900, Market(0.0, price="trend", side=1), [4, n], "X").history
                    for n in range(80))
    ])  # fmt: skip
    assert stats.binomtest(int(np.sum(moved > 0)), len(moved)).pvalue > 0.01
    assert np.mean(np.abs(moved)) == pytest.approx(np.mean(TRENDS), rel=0.1)


def test_entries_are_on_one_side_of_the_book_mostly():
    for side in (1, -1):
        trades = obi.entries(tape(3600, Market(0.0, side=side), [1], "X").history, SETTINGS)
        assert np.mean(trades.side == side) == pytest.approx(0.82, abs=0.08)


def test_costs_are_those_that_entries_pay():
    trades = obi.entries(tape(1800, Market(0.0), [1], "X").history, SETTINGS).dropna()
    half_turn = 2 * SETTINGS.fee_bps
    assert (trades.gross_bps - trades.net_bps).to_numpy() == pytest.approx(half_turn)
    # The spread is a tick always.
    book = tape(60, Market(0.0), [1], "X").history
    spread = 1e4 * book.spread / book.mid
    assert spread == pytest.approx(costs(SETTINGS) - half_turn, rel=0.01)


def test_the_book_leans_alike_with_an_edge_and_without_one():
    """A glance at the book tells nothing: its sizes depend on the seed alone."""
    markets = (
        Market(0.0),
        Market(5.0, lasts=0.5),
        Market(1.0, price="trend"),
        Market(0.0, 1, "jumps"),
    )
    leans = [obi.compute(tape(1800, one, [5], "X").history, SETTINGS) for one in markets]
    assert all(np.array_equal(leans[0], one) for one in leans)
    assert 0.1 < np.mean(np.abs(leans[0]) > SETTINGS.threshold) < 0.25


def test_kinds_and_prices_come_as_often_as_is_said_and_know_nothing_of_each_other():
    truth = obi.blind_test(seed=1, markets=1, hours=0.05)._truth(4000)
    drawn = pd.DataFrame([(kind, one.price, one.side) for kind, one in truth])
    for column, chances in enumerate((blind_test.CHANCES, blind_test.PRICES, {1: 0.5, -1: 0.5})):
        counts = drawn[column].value_counts()
        assert sum(chances.values()) == pytest.approx(1)
        wanted = [len(drawn) * chances[name] for name in counts.index]
        assert stats.chisquare(counts, wanted).pvalue > 0.001
    for other in (1, 2):
        assert stats.chi2_contingency(pd.crosstab(drawn[0], drawn[other])).pvalue > 0.001


def test_edges_lie_on_their_side_of_the_costs():
    test = obi.blind_test(seed=1, markets=1, hours=0.05)
    for kind, market in test._truth(500):
        edge, lasts = market.edge, market.lasts
        below = 0.5 * test.costs_bps <= edge <= 0.95 * test.costs_bps
        assert {"pays": 3 <= edge <= 5, "edge below costs": below, "no edge": edge == 0,
                "edge gone": 4 <= edge <= 5.5}[kind]  # fmt: skip
        assert 0.4 <= lasts <= 0.65 if kind == "edge gone" else lasts == 1
        assert edge < LARGEST_EDGE


def test_the_same_seed_gives_the_same_test_and_another_one_does_not():
    first, again, other = (obi.blind_test(seed=n, markets=2, hours=0.05) for n in (1, 1, 2))
    assert all(np.array_equal(a.mid, b.mid) for a, b in zip(first.tapes, again.tapes, strict=True))
    assert not np.array_equal(first.tapes[0].mid, other.tapes[0].mid)
    assert not np.array_equal(first.tapes[0].mid, first.tapes[1].mid)


def test_nothing_that_one_sees_at_a_glance_tells_the_truth():
    test = obi.blind_test(seed=1, markets=3, hours=0.05)
    seen = [repr(test), *map(repr, test.tapes), *(repr(one.provenance) for one in test.tapes)]
    names = [name for name in (*vars(test), *dir(test)) if not name.startswith("__")]
    for told in (*seen, *names, *(repr(value) for value in vars(test).values())):
        assert "pays" not in told
        assert "edge" not in told
    assert {repr(one.instrument).replace(f"TAPE-{n}", "") for n, one in enumerate(test.tapes)} == {
        repr(test.tapes[0].instrument).replace("TAPE-0", "")
    }


def test_scores_by_hand():
    table = pd.DataFrame({
        "pays": [True, False, True, False], "answer": [0.9, 0.6, 0.5, 0.0],
        "traded": [True, True, False, False],
        "net_bps": [50.0, -20.0, 30.0, -40.0], "expected_bps": [40.0, -30.0, 35.0, -50.0],
    })  # fmt: skip
    score = BlindScore(table, 1.0)
    assert score.brier == pytest.approx((0.01 + 0.36 + 0.25 + 0) / 4)
    assert score.right == 2.5
    assert (score.net_bps, score.expected_bps, score.best_bps) == (30.0, 10.0, 75.0)
    assert repr(score).startswith("2.5 of 4 right. Brier score 0.155 ")


def test_the_unseen_record_is_another_one_of_the_same_market():
    test = obi.blind_test(seed=5, markets=2, hours=0.5)
    test.answer_all({0: True, 1: False})
    table = test.score().table
    seen = [obi.entries(one, test.settings).net_bps.sum() for one in test.tapes]
    assert not np.isclose(table.net_bps, seen).any()
    assert table.traded.tolist() == [True, False]
    assert table.pays.tolist() == [kind == "pays" for kind in table.truth]
    assert math.isclose(test.score().net_bps, table.net_bps[0])


def test_an_edge_that_is_gone_is_not_in_the_unseen_record():
    test = obi.blind_test(seed=1, markets=6, hours=0.05)
    test.answer_all(dict.fromkeys(range(6), 0.5))
    gone = test.score().table.query("truth == 'edge gone'")
    assert len(gone)
    # Each entry is expected to lose exactly its costs.
    assert gone.expected_bps.to_numpy() == pytest.approx(-test.costs_bps * gone.entries.to_numpy())


def test_the_truth_is_not_shown_before_all_are_answered_and_no_answer_changes_after():
    test = obi.blind_test(markets=3, hours=0.05)
    test.answer(1, 0.3)
    with pytest.raises(SettingsError, match="Without an answer: tape 0, 2"):
        test.score()
    test.answer_all({0: np.bool_(True), 2: np.float64(0.2)})
    test.answer(1, 0.4)
    test.answers[1] = 1.0  # of a copy
    assert test.answers == {0: 1.0, 1: 0.4, 2: 0.2}
    assert test.score() is test.score()
    with pytest.raises(SettingsError, match="no answer can be changed"):
        test.answer(1, 0.0)


@pytest.mark.parametrize(
    ("tape_number", "pays"),
    [(3, 0.5), (-1, 0.5), ("0", 0.5), (True, 0.5), (0, 1.2), (0, math.nan), (0, "yes"), (0, None)],
)
def test_an_answer_that_is_none_is_refused(tape_number, pays):
    test = obi.blind_test(markets=3, hours=0.05)
    with pytest.raises(SettingsError, match=r"tape = .* 0 to 2|no probability"):
        test.answer(tape_number, pays)
    assert test.answers == {}


@pytest.mark.parametrize("wrong", [0.5, [0.5, 0.5], "no", None])
def test_answers_that_are_no_mapping_are_refused(wrong):
    with pytest.raises(ArgumentError, match="Give a dict"):
        obi.blind_test(markets=1, hours=0.05).answer_all(wrong)


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"markets": 0}, {"markets": 2.5}, {"hours": 0}])
def test_a_test_that_cannot_be_made_is_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        obi.blind_test(**wrong)
