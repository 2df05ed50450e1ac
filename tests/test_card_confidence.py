"""The confidence of cards: its outcomes by hand, nothing known early, and what a card shows."""

from __future__ import annotations

import numpy as np
import pytest
from card_tools import CYCLE, market, wandering
from history_tools import SECOND

import obi_widgets as obi
from obi_widgets.calibration.confidence import curve
from obi_widgets.calibration.forward_returns import forward_returns, returns_between
from obi_widgets.calibration.incremental import incremental
from obi_widgets.card.growing_cards import GrowingCards
from obi_widgets.card.plan import Plan
from obi_widgets.errors import SettingsError

OF_BOOK = obi.Settings(depth=1, decay=0)
LOST = [*range(3_000, 3_004)]


def tape(edge, states=17_280, seed=1):
    """Return a day of which mid rises more often while the imbalance is above 0, if `edge`."""
    leans = wandering(states, seed, keep=0.97, size=0.2)
    up = np.random.default_rng(seed + 100).random(states) < 0.5 + edge * leans
    mids = 1000.05 + np.cumsum(np.where(up, 0.1, -0.1))
    return market(leans, mids=mids, lost=LOST)


@pytest.fixture(scope="module")
def cards():
    return obi.cards(tape(0.3), mode="scalp", signals=OF_BOOK)


def test_an_outcome_is_the_sign_of_the_move_after_the_horizon(cards):
    found = cards.confidence()
    assert (found.horizon, found.score) == (30, ("strength",))
    at = {int(time): row for row, time in enumerate(cards.time)}
    spans = 0
    for row, time in enumerate(cards.time.tolist()):
        rows = [at.get(time + step * CYCLE) for step in range(4)]
        whole = None not in rows and (cards.cycle_live[rows] == CYCLE).all()
        if not whole or np.isnan(cards.mid[rows]).any():
            spans += 1
            assert np.isnan(found.move_bps[row])
            continue
        move = cards.mid[rows[-1]] - cards.mid[row]
        assert found.move_bps[row] == pytest.approx(1e4 * move / cards.mid[row])
        agrees = np.sign(move) * np.sign(cards.direction[row])
        expected = {1.0: 1.0, -1.0: 0.0}.get(agrees, np.nan)
        np.testing.assert_array_equal(found.outcome[row], expected)
    assert 3 < spans < 20  # the end of the tape, and a gap


def test_an_edge_is_told_and_a_card_shows_it(cards):
    found = cards.confidence()
    told = found.reliability
    assert told.better
    assert told.brier < told.brier_constant
    assert 0 < told.unmoved < 0.5
    assert found.better[-1]
    card = cards.last.confidence
    assert card == found.at(-1)
    assert card.value == card.said == found.shown[-1]
    assert card.low < card.right < card.high
    assert 30 < card.n_eff < card.n
    assert "better than a constant" in repr(found)
    assert "Score: strength." in found._repr_html_()


def test_without_an_edge_the_constant_is_shown():
    cards = obi.cards(tape(0.0), mode="scalp", signals=OF_BOOK)
    found = cards.confidence()
    assert not found.reliability.better
    assert "no better than a constant" in repr(found)
    assert np.nanmax(found.said) < 0.55
    row = int(np.flatnonzero(~found.better & ~np.isnan(found.said))[-1])
    card = cards[row].confidence
    assert card.value == card.constant == found.constant[row]
    assert np.isnan(cards[100].confidence.value)  # a strength needs an hour


def test_what_follows_changes_no_confidence(cards):
    history = tape(0.3)
    cut = int(np.searchsorted(history.time, cards.time[6_000] + SECOND))
    part = obi.cards(history[:cut], mode="scalp", signals=OF_BOOK)
    one, other = part.confidence(refit=1800), cards.confidence(refit=1800)
    for name in ("said", "constant", "right", "low", "high", "n", "n_eff", "better"):
        np.testing.assert_array_equal(
            getattr(one, name), getattr(other, name)[: len(part)], err_msg=name
        )


def test_a_score_is_one_column_or_a_product(cards):
    found = cards.confidence(score=("quality", "agreement"), horizon=60)
    assert found.score == ("quality", "agreement")
    assert found.horizon == 60
    known = ~np.isnan(found.said)
    assert not np.isnan(cards.quality * cards.agreement)[known].any()
    by_size, by_strength = (
        np.count_nonzero(~np.isnan(cards.confidence(score=one, refit=300).said))
        for one in ("direction", "strength")
    )
    assert by_size > by_strength  # it needs no hour of values


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"score": "luck"}, "luck"),
        ({"score": ()}, "names no column"),
        ({"score": 3}, "score = 3"),
        ({"horizon": 15}, "horizon = 15"),
        ({"horizon": 5}, "horizon = 5"),
        ({"refit": 1}, "refit = 1"),
        ({"window": 0}, "window = 0"),
    ],
)
def test_options_that_are_not_possible_are_refused(cards, options, says):
    with pytest.raises(SettingsError, match=says):
        cards.confidence(**options)


def test_no_card_has_no_confidence():
    none = obi.cards(market(np.zeros(2)), mode="scalp", signals=OF_BOOK)
    found = none.confidence()
    assert len(found.said) == 0
    assert found.reliability.verdict == "no claim whose outcome is known"


def test_what_each_window_adds_to_the_others_is_told_of_arrays(cards):
    """The edge is of the newest state: the short window adds to the others, the long does not."""
    lost = cards.cycle_live < CYCLE
    returns = returns_between(cards.time, lost, cards.mid, np.array([30.0]))
    np.testing.assert_array_equal(returns.bps[0], cards.confidence().move_bps)
    elapsed = cards.time - cards.time[0]
    found = incremental(cards.mid, elapsed, list(cards.values), returns, 0.95)
    assert found.low[0, 0] > 0
    assert found.low[2, 0] < 0.02
    assert found.n[0] > 8_000


def test_returns_of_arrays_are_those_of_a_history():
    history = tape(0.3, 4_000)
    one = forward_returns(history, [50.0, 100.0])
    other = returns_between(history.time, history.lost, history.mid, np.array([50.0, 100.0]))
    np.testing.assert_array_equal(one.bps, other.bps)
    np.testing.assert_array_equal(one.end, other.end)


CLAIMS = ("said", "constant", "right", "low", "high", "n", "n_eff", "better")


def test_a_market_that_goes_on_says_the_same_whoever_asks_and_when():
    """Kept are 6 h, so a fit has 5 h; whoever asks last finds what the first one was told."""
    history = tape(0.3, 8_000)
    markets = {every: GrowingCards(Plan.of("scalp", OF_BOOK), keep=2_160) for every in (1, 17, 999)}
    told = {}
    for look, cut in enumerate(range(150, len(history) + 1, 150)):
        for every, growing in markets.items():
            growing.append(history[:cut])
            if look % every == every - 1:
                card = growing.cards().last
                told[every, card.time] = card.confidence
    seldom, *others = (growing.cards() for growing in reversed(markets.values()))
    expected = seldom._confidence
    assert expected.window == 18_000
    assert np.count_nonzero(~np.isnan(expected.said)) > 900
    for one in others:
        for name in CLAIMS:
            found = getattr(one._confidence, name)
            np.testing.assert_array_equal(found, getattr(expected, name), err_msg=name)
    kept = [key for key in told if key[1] >= seldom.time[0]]
    assert len(kept) > 14
    for every, time in kept:
        assert seldom[int(np.searchsorted(seldom.time, time))].confidence == told[every, time]


def test_what_was_said_is_kept_and_not_said_again(monkeypatch):
    history = tape(0.3, 12_000)
    growing = GrowingCards(Plan.of("scalp", OF_BOOK), keep=None)
    growing.append(history[:11_000])
    before = growing.cards()
    assert before.last.confidence.n_eff > 30
    growing.append(history)
    fits = []
    monkeypatch.setattr(
        "obi_widgets.calibration.confidence.curve", lambda *some: fits.append(some) or curve(*some)
    )
    found = growing.cards()._confidence
    assert len(fits) <= 3  # 5,000 s: one or two hours begin
    whole = obi.cards(history, mode="scalp", signals=OF_BOOK).confidence()
    for name in CLAIMS:
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name), err_msg=name)
    assert len(fits) > 10
