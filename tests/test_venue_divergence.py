"""The same market on several venues: by hand, appended, clocks apart, and what a card shows."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from card_tools import CYCLE, market, wandering
from history_tools import SECOND, START

import obi_widgets as obi
from obi_widgets.calibration.statistics.correlation import lasting_correlation
from obi_widgets.card.growing_cards import GrowingCards
from obi_widgets.card.plan import Plan
from obi_widgets.errors import ArgumentError, HistoryError, SettingsError
from obi_widgets.presentation.card.other_venues import other_venues

OF_BOOK = obi.Settings(depth=1, decay=0)
HOURS = 3


def leaning(leans, **options):
    return obi.cards(market(leans, **options), mode="scalp", signals=OF_BOOK)


@pytest.fixture(scope="module")
def whole():
    """Cards of one venue: a state every 5 s for three hours."""
    return leaning(wandering(HOURS * 720, seed=1))


def saying(cards, directions, band=0.2, states=""):
    """Return cards with given directions, in windows that agree."""
    rows = len(directions)
    one = np.array(directions, float)
    given = {
        "direction": one, "direction_band": np.full(rows, band), "values": np.tile(one, (3, 1)),
        "bands": np.full((3, rows), math.nan if states == "not_ready" else band),
        "age": np.full(rows, 11.0 if states == "stale" else 0.5),
    }  # fmt: skip
    cut = {
        field.name: getattr(cards, field.name)[..., -rows:]
        for field in dataclasses.fields(cards)
        if isinstance(getattr(cards, field.name), np.ndarray)
    }
    return dataclasses.replace(cards, **(cut | given))


@pytest.mark.parametrize(
    ("directions", "verdict", "says", "apart"),
    [
        ([0.51, 0.33, 0.44, 0.62], "of one mind", "of one mind", 0.29),
        ([0.22, -0.41, 0.19, 0.36], "against", "B against the rest", 0.77),
        ([-0.3, -0.5, 0.25, -0.1], "against", "C against the rest", 0.75),
        ([0.22, -0.19, 0.19, 0.36], "divided", "3 up, 1 down", 0.55),  # inside its own band
        ([0.5, -0.5, 0.4, -0.4], "divided", "2 up, 2 down", 1.0),
        ([0.5, -0.5, 0.0, 0.4], "divided", "2 up, 1 down, 1 at 0", 1.0),
        ([0.0, 0.0, 0.0, 0.0], "divided", "4 at 0", 0.0),
    ],
)  # fmt: skip
def test_verdicts_by_hand(whole, directions, verdict, says, apart):
    cards = {name: saying(whole, [one]) for name, one in zip("ABCD", directions, strict=True)}
    found = obi.venue_divergence(cards).last
    assert (found.verdict, found.says) == (verdict, says)
    assert found.apart == pytest.approx(apart)
    assert found.against == (says[0] if verdict == "against" else "")
    assert found.directions == dict(zip("ABCD", directions, strict=True))
    assert not found.left_out


def test_what_is_stale_or_not_ready_is_left_out_and_never_0(whole):
    cards = {
        "Binance": saying(whole, [-0.31]),
        "LMEX": saying(whole, [0.9], states="stale"),
        "OKX": saying(whole, [-0.22]),
        "Hyperliquid": saying(whole, [0.8], states="not_ready"),
        "Bybit": None,
    }
    moment = obi.venue_divergence(cards).last
    assert moment.left_out == {"LMEX": "stale", "Hyperliquid": "not_ready", "Bybit": "not_ready"}
    assert math.isnan(moment.directions["LMEX"])
    assert (moment.apart, moment.verdict) == (pytest.approx(0.09), "of one mind")
    shown = other_venues(moment)
    assert [one.text for one in shown.venues] == [
        "−0.31 ▼", "– stale", "−0.22 ▼", "– not ready", "– not ready"
    ]  # fmt: skip
    assert [one.name[one.letter] for one in shown.venues] == ["B", "L", "O", "H", "y"]
    assert [one.direction for one in shown.venues] == [-0.31, None, -0.22, None, None]
    assert shown[1:] == ((-0.31, -0.22), "0.09", "of one mind", "3 venues left out")
    cards.pop("Bybit"), cards.pop("Hyperliquid")
    assert other_venues(obi.venue_divergence(cards).last).left_out == "LMEX left out"
    one = other_venues(obi.venue_divergence({"OKX": cards["OKX"], "LMEX": cards["LMEX"]}).last)
    assert one[1:] == (None, "–", "one venue only", "LMEX left out")
    assert obi.venue_divergence({"A": None, "B": cards["LMEX"]}).last.says == "no venue to compare"


def test_each_cycle_by_a_plain_loop():
    leans = [wandering(HOURS * 720, seed=seed) for seed in (1, 2, 3)]
    cards = {
        "A": leaning(leans[0]),
        "B": leaning(leans[1], lost=range(1_500, 1_560)),  # five minutes without a book
        "C": leaning(leans[2][600:], start=START + 3_000 * SECOND),  # begins later
    }
    found = obi.venue_divergence(cards)
    assert set(found.verdict) == {"too few", "of one mind", "against", "divided"}
    assert set(found.states[1]) >= {"stale", "not_ready", "neutral", "short"}
    for row, time in enumerate(found.time.tolist()):
        said = {}
        for name, one in cards.items():
            at = np.flatnonzero(one.time == time)
            if len(at) and one.state[at[0]] not in ("stale", "not_ready"):
                said[name] = float(one.direction[at[0]]), float(one.direction_band[at[0]])
        moment = found[row]
        assert {k for k, v in moment.directions.items() if not math.isnan(v)} == set(said)
        values = [value for value, _ in said.values()]
        signs = [np.sign(value) for value in values]
        odd = [
            name for name, (value, band) in said.items()
            if len(said) == 3 and signs.count(np.sign(value)) == 1 and 0 not in signs
            and abs(value) > band
        ]  # fmt: skip
        if len(values) < 2:
            assert (moment.verdict, math.isnan(moment.apart)) == ("too few", True)
            continue
        assert moment.apart == pytest.approx(max(values) - min(values))
        assert moment.against == (odd[0] if odd else "")
        agree = len(set(signs)) == 1 and 0 not in signs
        assert moment.verdict == ("of one mind" if agree else "against" if odd else "divided")
    table = found.to_frame()
    assert list(table) == ["A", "B", "C", "apart", "verdict", "against"]
    np.testing.assert_array_equal(table["A"], found.directions[0])


def test_live_cards_are_compared_with_those_of_the_same_cycle():
    histories = {name: market(wandering(2_000, seed=seed)) for seed, name in enumerate("AB")}
    whole = obi.venue_divergence({
        name: obi.cards(one, mode="scalp", signals=OF_BOOK) for name, one in histories.items()
    })  # fmt: skip
    growing = {name: GrowingCards(Plan.of("scalp", OF_BOOK)) for name in histories}
    growing["A"].append(histories["A"][:1_001])
    growing["B"].append(histories["B"][:1_000])  # has not finished the newest cycle yet
    a, b = (one.cards() for one in growing.values())
    assert a.time[-1] - b.time[-1] == CYCLE
    found = obi.venue_divergence({"A": a, "B": b})
    assert found.time[-1] == b.time[-1]
    for name in ("directions", "states", "verdict", "against", "apart"):
        np.testing.assert_array_equal(
            getattr(found, name), getattr(whole, name)[..., : len(found)], err_msg=name
        )
    growing["A"].append(histories["A"][:1_100])  # B is silent
    late = obi.venue_divergence({name: one.cards() for name, one in growing.items()})
    assert late.last.time == growing["A"].cards().time[-1]
    assert late.last.left_out == {"B": "stale"}
    assert late.last.says == "one venue only"


def test_what_comes_later_changes_nothing(whole):
    other = leaning(wandering(HOURS * 720, seed=7))
    found = obi.venue_divergence({"A": whole, "B": other})
    cut = obi.venue_divergence({
        name: leaning(wandering(HOURS * 720, seed=seed)[:1_500])
        for name, seed in (("A", 1), ("B", 7))
    })  # fmt: skip
    np.testing.assert_array_equal(cut.directions, found.directions[:, : len(cut)])
    np.testing.assert_array_equal(cut.verdict, found.verdict[: len(cut)])


def test_a_clock_that_is_wrong_moves_a_direction_by_less_than_the_bound():
    leans = np.where(np.random.default_rng(4).random(2_200) < 0.5, 0.999, -0.999)  # the worst kind
    true, late = leaning(leans), leaning(leans, start=START + SECOND)
    found = obi.venue_divergence({"true": true, "late": late})
    bound = found.clock_bound(1.0)
    assert bound == pytest.approx(2 / 3 * (1 / 10 + 1 / 60 + 1 / 300))
    moved = np.abs(np.diff(found.directions, axis=0))
    assert bound / 2 < np.nanmax(moved) <= bound
    assert found.clock_bound(0) == 0
    assert found.clock_bound(1e4) == 2
    with pytest.raises(SettingsError, match="seconds"):
        found.clock_bound(-1)


def test_correlations_of_the_last_day_by_pandas():
    common, own = wandering(2_200, seed=5), wandering(2_200, seed=6)
    alike = np.clip(0.9 * common + 0.3 * own, -0.99, 0.99)
    found = obi.venue_divergence({
        "A": leaning(common), "B": leaning(alike), "C": leaning(-common), "D": leaning(own),
    })  # fmt: skip
    table = found.correlations().set_index(["first", "second"])
    frame = found.to_frame()
    theirs = frame[["A", "B", "C", "D"]].corr()
    for (one, other), row in table.iterrows():
        assert row["correlation"] == pytest.approx(theirs.loc[one, other])
        both = frame[[one, other]].dropna()
        assert row["cycles"] == len(both)
        assert row["opposite"] == pytest.approx((both[one] * both[other] < 0).mean())
    assert table["says"].to_dict() == {
        ("A", "B"): "alike", ("A", "C"): "opposite", ("A", "D"): "no relation shown",
        ("B", "C"): "opposite", ("B", "D"): "no relation shown",
        ("C", "D"): "no relation shown",
    }  # fmt: skip
    row = table.loc[("A", "B")]
    assert row["low"] < row["correlation"] < row["high"]
    short = obi.venue_divergence({"A": leaning(common[:900]), "B": leaning(alike[:900])})
    assert short.correlations()["says"].tolist() == ["too short to tell"]


def test_the_interval_of_a_correlation_that_lasts_holds_as_often_as_it_says():
    """Means over an hour of independent noise, a day of 10 s each."""
    rng, kept, missed = np.random.default_rng(3), 0.6, 0
    at = np.arange(8_640) * CYCLE
    for _ in range(100):
        noise = rng.normal(size=(2, 8_999))
        noise[1] = kept * noise[0] + math.sqrt(1 - kept**2) * noise[1]
        total = np.cumsum(np.pad(noise, ((0, 0), (1, 0))), axis=1)
        x, y = (total[:, 360:] - total[:, :-360])[:, :8_640]
        found = lasting_correlation(x, y, at)
        missed += not found.low <= kept <= found.high
    assert missed <= 12  # 95 % of them hold: more than 12 of 100 miss in one case of 500
    same = lasting_correlation(x, x, at)
    assert same[:3] == (1.0, 1.0, 1.0)
    assert math.isnan(lasting_correlation(x, np.ones_like(x), at).value)


def test_wrong_use_is_told(whole):
    for given, says in (
        ([whole, whole], "is no mapping of cards"),
        ({"A": whole}, "fewer than two venues"),
        ({"A": whole, "B": 3}, "is 3, and no cards"),
        ({1: whole, "1": whole}, "same name as text"),
        ({"A": None, "B": None}, "No venue has cards"),
        ({"A": whole, "B": obi.cards(market(np.zeros(9)), mode="day", signals=OF_BOOK)}, "mode"),
        ({"A": whole, "B": obi.cards(market(np.zeros(9)), mode="scalp",
                                     signals="queue_imbalance")}, "signals"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=says):
            obi.venue_divergence(given)
    found = obi.venue_divergence({"A": whole, "B": whole})
    for at in (len(found), "last", slice(0, 2), 0.5):
        with pytest.raises(HistoryError, match="There is no cycle"):
            found[at]
    empty = leaning(np.zeros(1))
    nothing = obi.venue_divergence({"A": empty, "B": empty})
    assert (len(nothing), len(nothing.to_frame())) == (0, 0)
    assert repr(nothing) == "<VenueDivergence scalp of A, B: no cycle is finished>"
    assert nothing.correlations()["says"].tolist() == ["too short to tell"]
    with pytest.raises(HistoryError, match="no cycle of 10 s is finished"):
        nothing.last  # noqa: B018
