"""Cards whose weights follow accuracy: by hand, appended, without later data, and against equal."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from card_tools import CYCLE, market, wandering
from test_card_confidence import OF_BOOK, tape

import obi_widgets as obi
from obi_widgets.calibration.accuracy_weights import accuracy_weights
from obi_widgets.card.growing_cards import GrowingCards
from obi_widgets.card.outcomes import LEARNED, returns_after
from obi_widgets.card.plan import Plan
from obi_widgets.errors import SettingsError

STATES = 9_000
SIGNALS = {"book": OF_BOOK, "move": "micro_price"}
ARRAYS = [
    field.name for field in dataclasses.fields(obi.Cards)
    if field.name not in ("mode", "signals", "begun", "by_accuracy", "_said", "_first")
]  # fmt: skip


def same(found, expected, rows=slice(None)):
    for name in ARRAYS:
        wanted = getattr(expected, name)[..., rows]
        np.testing.assert_array_equal(getattr(found, name), wanted, err_msg=name)


@pytest.fixture(scope="module")
def cards():
    return obi.cards(tape(0.3, STATES), mode="scalp", signals=SIGNALS, weights="accuracy")


def test_a_direction_is_the_mean_of_parts_by_weights_of_what_was_known(cards):
    parts = cards.parts.reshape(6, -1)
    lost = (cards.cycle_live < CYCLE) | np.isnan(cards.mid)
    move = returns_after(cards.time, cards.mid, lost, 30.0).bps[0]
    weights = accuracy_weights(cards.time, parts, move, horizon=30, window=LEARNED)
    np.testing.assert_array_equal(cards.weights.reshape(6, -1), weights)
    np.testing.assert_allclose(cards.weights.sum(axis=(0, 1)), 1)
    np.testing.assert_allclose(cards.direction, (weights * parts).sum(axis=0), atol=1e-12)
    for which, values in enumerate(cards.values):
        of, w = cards.parts[:, which], cards.weights[:, which]
        np.testing.assert_allclose(values, (w * of).sum(axis=0) / w.sum(axis=0), atol=1e-12)
    shares = cards.weights.sum(axis=0) * cards.values
    agreed = np.abs(shares.sum(axis=0)) / np.abs(shares).sum(axis=0)
    np.testing.assert_allclose(cards.agreement, agreed, atol=1e-12)
    assert cards.by_accuracy
    # The edge is of the newest state: short windows come to weigh more than long ones.
    short, _, long = cards.weights[0, :, -1]
    assert short > 1.2 * long


def test_fixed_weights_are_told_too():
    history = tape(0.3, 4_000)
    found = obi.cards(history, mode="scalp", signals=SIGNALS, weights=[2, 1])
    assert not found.by_accuracy
    np.testing.assert_allclose(found.weights[:, :, -1], [[2 / 9] * 3, [1 / 9] * 3])


@pytest.mark.parametrize("step", [1_000, 37])
def test_appended_and_whole_are_the_same_to_the_bit(step, cards):
    history = tape(0.3, STATES)
    growing = GrowingCards(Plan.of("scalp", SIGNALS, "accuracy"))
    for cut in [*range(step, len(history), step), len(history)]:
        growing.append(history[:cut])
    same(growing.cards(), cards)


def test_what_a_market_keeps_is_all_that_weights_need():
    """The live market drops cards from 25 h on; its weights are those of 40 hours."""
    leans = wandering(14_400, 3, keep=0.9, size=0.3)
    rises = np.random.default_rng(3).random(14_400) < 0.5 + 0.1 * leans
    mids = 1000.05 + 0.1 * np.cumsum(np.where(rises, 1, -1))
    history = market(leans, every=10.0, mids=mids)
    whole = obi.cards(history, mode="scalp", signals=OF_BOOK, weights="accuracy")
    growing = GrowingCards(Plan.of("scalp", OF_BOOK, "accuracy"))
    for cut in range(0, len(history) + 1, 300):
        growing.append(history[:cut])
    found = growing.cards()
    assert len(found) == 9_000 < len(whole)
    same(found, whole, slice(len(whole) - 9_000, None))
    assert len(np.unique(found.weights[0, 0])) > 20


def test_nothing_later_is_known(cards):
    history = tape(0.3, STATES)
    for cut in (3_500, 7_211):
        part = obi.cards(history[:cut], mode="scalp", signals=SIGNALS, weights="accuracy")
        same(part, cards, slice(0, len(part)))


def test_which_won_is_told_of_any_cards():
    history = tape(0.3, 12_000)
    made = {one: obi.cards(history, mode="scalp", signals=OF_BOOK, weights=one)
            for one in (None, "accuracy")}  # fmt: skip
    by_equal, by_accuracy = (one.weighing() for one in made.values())
    assert repr(by_equal) == repr(by_accuracy)
    assert by_accuracy.winner == "accuracy"
    assert by_accuracy.low > 0
    np.testing.assert_array_equal(by_accuracy.weights, made["accuracy"].weights[0, :, -1])
    moves = made[None].confidence().move_bps
    for cards, accuracy in zip(
        made.values(), (by_accuracy.accuracy_equal, by_accuracy.accuracy), strict=True
    ):
        known = ~np.isnan(moves) & (moves != 0) & ~np.isnan(cards.parts[0]).any(axis=0)
        right = np.sign(cards.direction[known]) == np.sign(moves[known])
        assert accuracy == pytest.approx(right.mean(), abs=1e-3)
    assert "accuracy won" in repr(by_accuracy)


def test_without_an_edge_neither_wins():
    found = [obi.cards(tape(0.0, 12_000, seed), mode="scalp", signals=OF_BOOK).weighing()
             for seed in range(4)]  # fmt: skip
    assert [one.winner for one in found] == ["neither"] * 4
    assert any(one.low < 0 < one.high for one in found)
    assert max(np.ptp(one.weights) for one in found) < 0.2


def test_too_few_cards_have_equal_weights_and_no_interval():
    found = obi.cards(market(np.zeros(2)), mode="scalp", weights="accuracy").weighing()
    assert (found.n, found.winner) == (0, "neither")
    assert "no case whose outcome is known" in repr(found)


@pytest.mark.parametrize("level", [0.2, 1, "much", None])
def test_a_level_that_is_not_possible_is_refused(level, cards):
    with pytest.raises(SettingsError, match="level"):
        cards.weighing(level=level)
