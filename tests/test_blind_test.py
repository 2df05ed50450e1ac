"""The blind test: its tapes are what their hidden truth says, and its scores are right by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import obi_widgets as obi
from obi_widgets.errors import ArgumentError, SettingsError
from obi_widgets.teaching import blind_test
from obi_widgets.teaching.score import BlindScore
from obi_widgets.teaching.tapes import costs, made, tape

SETTINGS = obi.blind_test(markets=1, hours=0.05).settings


def hourly(edge, hours=48):
    """Return what each of many hours makes, as it happened and by the pressure, an entry."""
    found = [made(tape(3600, edge, [9, n], "X"), edge, SETTINGS) for n in range(hours)]
    return np.array([(one.net / one.entries, one.expected / one.entries) for one in found])


@pytest.mark.parametrize("edge", [0.0, 0.5, 1.5, 3.0])
def test_what_is_true_of_a_tape_is_what_happens_in_many_hours(edge):
    net, expected = hourly(edge).T
    # Hours are independent. Each is as it happened less what was to be expected of it.
    assert stats.ttest_1samp(net - expected, 0).pvalue > 0.01
    assert (expected.mean() > 0) == (edge > costs(SETTINGS))


def test_the_least_edge_that_pays_is_well_above_its_costs_and_the_largest_that_does_not_below():
    low, high = (hourly(edge)[:, 1].mean() for edge in blind_test.EDGES_THAT_PAY)
    assert low == pytest.approx(0.12, abs=0.05)
    assert high == pytest.approx(0.80, abs=0.07)
    # No entry moves further than the edge in the mean, by any rule.
    assert max(blind_test.SHARE_OF_COSTS) < 1


def test_costs_are_those_that_entries_pay():
    trades = obi.entries(tape(1800, 0.0, [1], "X").history, SETTINGS)
    half_turn = 2 * SETTINGS.fee_bps
    assert (trades.gross_bps - trades.net_bps).to_numpy() == pytest.approx(half_turn)
    # The spread is a tick always.
    book = tape(60, 0.0, [1], "X").history
    spread = 1e4 * book.spread / book.mid
    assert spread == pytest.approx(costs(SETTINGS) - half_turn, rel=0.01)


def test_the_book_leans_alike_with_an_edge_and_without_one():
    """A glance at the book tells nothing: its sizes do not depend on the edge, given the seed."""
    leans = [obi.compute(tape(1800, edge, [5], "X").history, SETTINGS) for edge in (0.0, 5.0)]
    assert np.array_equal(*leans)
    assert 0.05 < np.mean(np.abs(leans[0]) > SETTINGS.threshold) < 0.2


def test_kinds_come_as_often_as_is_said():
    kinds = [kind for kind, _ in obi.blind_test(seed=1, markets=1, hours=0.05)._truth(4000)]
    counts = pd.Series(kinds).value_counts()
    wanted = [4000 * blind_test.CHANCES[kind] for kind in counts.index]
    assert stats.chisquare(counts, wanted).pvalue > 0.001


def test_edges_lie_on_their_side_of_the_costs():
    test = obi.blind_test(seed=1, markets=1, hours=0.05)
    for kind, edge in test._truth(500):
        below = 0.5 * test.costs_bps <= edge <= 0.95 * test.costs_bps
        assert {"pays": 1.5 <= edge <= 3.0, "edge below costs": below, "no edge": edge == 0}[kind]


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
