"""What each part of a card says and adds: against scipy and the functions of arrays, and twins."""

from __future__ import annotations

import numpy as np
import pytest
from card_tools import CYCLE, market
from scipy.stats import spearmanr
from test_card_confidence import OF_BOOK, tape

import obi_widgets as obi
from obi_widgets.calibration.forward_returns import returns_between
from obi_widgets.calibration.incremental import incremental
from obi_widgets.errors import SettingsError


@pytest.fixture(scope="module")
def cards():
    return obi.cards(tape(0.3), mode="scalp", signals=OF_BOOK)


def test_coefficients_are_those_of_ranks_and_of_the_functions_of_arrays(cards):
    found = cards.parts_table(level=0.9)
    move = cards.confidence().move_bps
    for row, part in enumerate(cards.parts[0]):
        known = ~np.isnan(part) & ~np.isnan(move)
        assert found["n"].iloc[row] == known.sum()
        expected = spearmanr(part[known], move[known])[0]
        assert found["rank_ic"].iloc[row] == pytest.approx(expected, abs=1e-9)
    lost = cards.cycle_live < CYCLE
    returns = returns_between(cards.time, lost, cards.mid, np.array([30.0]))
    others = incremental(
        cards.mid, np.cumsum(np.where(lost, 0, CYCLE)) - CYCLE, list(cards.parts[0]), returns, 0.9
    )
    for name in ("low", "high", "p"):
        np.testing.assert_allclose(found[f"adds_{name}"], getattr(others, name)[:, 0], atol=1e-12)
    np.testing.assert_allclose(found["adds"], others.ic[:, 0], atol=1e-12)
    assert (found["adds_low"] < found["adds"]).all()
    assert (found["adds"] < found["adds_high"]).all()


def test_what_adds_is_told_from_what_only_goes_with_it(cards):
    """The edge is of the newest state: the long window says much, and adds nothing."""
    found = cards.parts_table()
    assert found["says"].iloc[0] == "adds to the others"
    assert found["low"].iloc[2] > 0
    assert found["says"].iloc[2] == "adds nothing significant"
    assert list(found.index) == [("imbalance", seconds) for seconds in (10, 60, 300)]


def test_twins_are_not_held_against_each_other(cards):
    signals = {"one": OF_BOOK, "same": "queue_imbalance"}
    found = obi.cards(tape(0.3), mode="scalp", signals=signals).parts_table()
    alone = cards.parts_table()
    for seconds in (10, 60, 300):
        one, same = found.loc[("one", seconds)], found.loc[("same", seconds)]
        assert same["repeats"] == f"one of {seconds} s"
        assert same["says"] == f"repeats one of {seconds} s"
        assert one["adds"] == pytest.approx(same["adds"])
        assert one["adds"] == pytest.approx(alone["adds"].loc[("imbalance", seconds)], abs=1e-9)


def test_without_an_edge_nothing_is_told_from_0():
    said = [
        text
        for seed in range(4)
        for text in obi.cards(tape(0.0, 6_000, seed), mode="scalp", signals=OF_BOOK)
        .parts_table()["says"]
    ]  # fmt: skip
    others = [one for one in said if not one.startswith("repeats")]
    assert others.count("not significant") >= len(others) - 1
    assert len(others) > 7


def test_a_part_that_says_nothing_leaves_the_others_theirs():
    leans = np.where(np.arange(1_500) % 2, 0.4, -0.4)  # two states a cycle: each mean is 0
    still = obi.cards(market(leans), mode="scalp", signals=OF_BOOK).parts_table()
    none = "it has no value, or is always the same"
    assert (still["says"] == none).all()
    empty = obi.cards(market(np.zeros(2)), mode="scalp", signals=OF_BOOK).parts_table()
    assert (empty["n"] == 0).all()
    # Day mode, an hour of states: the long window has no value yet.
    short = obi.cards(tape(0.3, 4_000)[:700], mode="day", signals=OF_BOOK).parts_table()
    assert short["says"].iloc[2] == none
    assert np.isfinite(short["adds"].iloc[:2]).all()
    assert short["rank_ic"].iloc[0] > 0


@pytest.mark.parametrize("level", [0.2, 1, "much", None])
def test_a_level_that_is_not_possible_is_refused(level, cards):
    with pytest.raises(SettingsError, match="level"):
        cards.parts_table(level=level)
