"""Decision cards: by plain loops, appended and whole, without later data, and what they say."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from card_tools import CYCLE, bands, cycle_means, market, wandering, windows
from history_tools import NAN, SECOND, START

import obi_widgets as obi
from obi_widgets.card.growing_cards import GrowingCards
from obi_widgets.card.plan import Plan
from obi_widgets.errors import HistoryError, SettingsError
from obi_widgets.settings.presets import BUILT_IN

OF_BOOK = obi.Settings(depth=1, decay=0)
ARRAYS = [
    field.name for field in dataclasses.fields(obi.Cards)
    if field.name not in ("mode", "signals", "begun", "by_accuracy", "_said", "_first")
]  # fmt: skip


def same(found, expected, rows=slice(None)):
    for name in ARRAYS:
        wanted = getattr(expected, name)[..., rows]
        np.testing.assert_array_equal(getattr(found, name), wanted, err_msg=name)


@pytest.fixture(scope="module")
def tape():
    """Three hours, with spreads of one and two ticks, and two gaps."""
    states = 3_000
    rng = np.random.default_rng(8)
    mids = 100.05 + np.cumsum(rng.choice([-0.1, 0, 0, 0.1], states))
    leans = wandering(states, seed=8)
    history = market(leans, every=3.7, mids=mids, lost=[*range(1_200, 1_204), 2_500])
    return history, leans


@pytest.fixture(scope="module")
def cards(tape):
    return obi.cards(tape[0], mode="scalp", signals=OF_BOOK)


# -- figures ------------------------------------------------------------------------------------


def test_windows_and_bands_are_those_of_plain_loops(tape, cards):
    history, leans = tape
    means = cycle_means(history.time, np.where(history.lost, NAN, leans))
    np.testing.assert_array_equal(cards.time, sorted(means))
    values = np.stack([windows(means, seconds) for seconds in (10, 60, 300)])
    np.testing.assert_allclose(cards.values, values, atol=1e-7)
    np.testing.assert_array_equal(cards.parts[0], cards.values)
    np.testing.assert_allclose(cards.bands, [bands(one) for one in values], atol=1e-7)
    np.testing.assert_allclose(cards.direction, values.mean(axis=0), atol=1e-7)
    np.testing.assert_allclose(cards.direction_band, bands(cards.direction), atol=1e-12)
    agreed = np.abs(values.sum(axis=0)) / np.abs(values).sum(axis=0)
    np.testing.assert_allclose(cards.agreement, agreed, atol=1e-5)
    assert np.count_nonzero(~np.isnan(cards.direction_band)) > 500


def test_strength_is_the_share_of_the_past_in_which_the_direction_was_weaker(cards):
    sizes = np.abs(cards.direction)
    for row in (500, 800, len(cards) - 1):
        past = sizes[:row][~np.isnan(sizes[:row])]
        assert cards.strength[row] == pytest.approx(np.mean(past < sizes[row]))
    assert np.isnan(cards.strength[:360]).all()


def test_quality_is_live_share_by_freshness_by_spread_rank():
    leans = np.full(900, 0.5)
    history = market(leans, every=5.0)
    wide = np.flatnonzero(np.arange(900) % 20 >= 10)  # half of the cycles have two ticks
    ask = history.ask.copy()
    ask[wide] = np.round(ask[wide] + 0.1, 1)
    sizes = np.full(900, 1.0)
    history = obi.History.from_arrays(history.time, history.bid, sizes, ask, sizes, tick_size=0.1)
    cards = obi.cards(history, mode="scalp", signals=obi.Settings(depth=1))
    # Each state is 5 s old at the end of a cycle: half fresh. Narrow cycles are never wider than
    # another, wide ones are narrower than none.
    last = {
        bool(spread > 15): quality
        for spread, quality in zip(cards.spread_bps, cards.quality, strict=True)
    }
    assert last[False] == pytest.approx(0.5)
    assert last[True] == pytest.approx(0.5 * 0.5, abs=0.01)
    assert np.isnan(cards.quality[:360]).all()


def test_the_price_is_that_of_the_middle_window(tape, cards):
    history, _ = tape
    at = np.searchsorted(history.time, cards.time) - 1
    np.testing.assert_array_equal(cards.mid, history.mid[at])
    np.testing.assert_allclose(cards.price_bps[6:], 1e4 * (cards.mid[6:] / cards.mid[:-6] - 1))
    assert np.isnan(cards.price_bps[:6]).all()
    row = int(np.flatnonzero((cards.price_bps != 0) & (cards.direction != 0))[-1])
    aligned = cards.price_bps[row] * cards.direction[row] > 0
    assert cards[row].price == ("aligned" if aligned else "diverging")


def test_several_signals_are_one_weighted_mean():
    history = obi.simulate(seconds=400, seed=4, levels=10)
    signals = {"near": obi.Settings(depth=1), "far": obi.Settings(depth=10, decay=0.01)}
    alone = [obi.cards(history, mode="scalp", signals=one) for one in signals.values()]
    found = obi.cards(history, mode="scalp", signals=signals, weights=[3, 1])
    assert found.signals == ("near", "far")
    for part, one in zip(found.parts, alone, strict=True):
        np.testing.assert_array_equal(part, one.values)
    np.testing.assert_allclose(found.values, (3 * found.parts[0] + found.parts[1]) / 4)
    assert not np.isnan(found.last.direction)
    assert list(found.last.parts) == ["near", "far"]


def test_a_signal_without_bounds_counts_with_its_signed_place():
    history = market(wandering(4_000, seed=2), every=2.0)
    micro = obi.cards(history, mode="scalp", signals="micro_price")
    unbounded = obi.zscore(obi.imbalance, window=30)
    found = obi.cards(history, mode="scalp", signals=obi.Settings(signal=unbounded, depth=1))
    assert np.nanmax(np.abs(found.values)) <= 1
    values = obi.compute(history, obi.Settings(signal=unbounded, depth=1))
    means = cycle_means(history.time, values)
    raw = np.array([mean for mean, _ in means.values()])
    row = len(raw) - 1  # scalp's short window is one cycle
    past = np.abs(raw[:row][~np.isnan(raw[:row])])
    place = np.sign(raw[row]) * np.mean(past < abs(raw[row]))
    assert found.parts[0, 0, -1] == pytest.approx(place, abs=1e-9)
    assert np.isnan(found.parts[0, 0, :360]).all()
    assert len(micro) == len(found)


# -- states -------------------------------------------------------------------------------------


def test_states_and_their_reasons(cards):
    seen = set()
    for row in range(0, len(cards), 7):
        card = cards[row]
        seen.add(card.state)
        reason = card.reason
        if card.state in ("long", "short"):
            assert reason.what == "direction"
            assert reason.has > reason.needs
            assert card.direction > 0 if card.state == "long" else card.direction < 0
        elif card.state == "neutral":
            assert reason.has <= reason.needs
        elif card.state == "conflict":
            assert card.conflict
            assert len(reason.windows) >= 2
        elif card.state == "not_ready":
            assert reason.what in ("window", "band")
            assert reason.has <= reason.needs
            assert reason.ready > card.time
    assert seen >= {"long", "short", "neutral", "not_ready"}


def test_a_book_that_is_old_or_lost_makes_the_card_stale():
    time = START + np.array([0, 2, 4, 30, 34, 38, 51, 60]) * SECOND
    ones = np.ones(8)
    bid = np.full(8, 100.0)
    bid[4] = NAN
    history = obi.History.from_arrays(time, bid, ones, bid + 1, ones)
    cards = obi.cards(history, signals=obi.Settings(depth=1))
    assert cards.state.tolist() == [
        "not_ready", "stale", "stale", "not_ready", "stale", "not_ready",
    ]  # fmt: skip
    assert cards[2].reason.what == "age"
    assert cards[2].reason.has == 26
    assert cards.age.tolist() == [6, 16, 26, 2, 12, 9]
    lost = obi.cards(history[:5], signals=obi.Settings(depth=1))
    assert len(lost) == 3
    bid[5] = NAN
    lost = obi.cards(
        obi.History.from_arrays(time, bid, ones, bid + 1, ones), signals=obi.Settings(depth=1)
    )
    assert lost[3].state == "stale"
    assert lost[3].reason.what == "book"


@pytest.mark.parametrize("mode", ["scalp", "day"])
def test_it_is_ready_when_it_said_so(mode):
    history = market(wandering(1_600, seed=1), every=5.0, start=START + 7 * SECOND)
    cards = obi.cards(history, mode=mode, signals=OF_BOOK)
    ready = int(cards.time[np.argmax(cards.state != "not_ready")])
    long = max(cards.mode.windows)
    assert ready == START + 10 * SECOND + round((long + 3_600) * SECOND)
    for row in (0, 3, 100, 359, 361):
        assert cards[row].reason.ready == ready
        for window in cards[row].windows:
            expected = START + 10 * SECOND + round((window.seconds + 3_600) * SECOND)
            assert window.ready == expected if expected > cards.time[row] else window.ready is None


def test_after_a_gap_a_window_is_ready_when_it_said_so():
    history = market(wandering(3_000, seed=1), every=5.0, lost=range(2_000, 2_010))
    cards = obi.cards(history, mode="scalp", signals=OF_BOOK)
    row = int(np.searchsorted(cards.time, history.time[2_010])) + 1
    assert cards[row].state == "not_ready"
    ready = cards[row].reason.ready
    later = cards.state[row:] != "not_ready"
    assert int(cards.time[row + int(np.argmax(later))]) == ready


def test_since_when_the_direction_has_its_sign():
    leans = np.repeat([-0.5, 0.5], 120)
    cards = obi.cards(market(leans, every=5.0), mode="scalp", signals=OF_BOOK)
    card = cards.last
    assert card.direction > 0
    turn = int(np.argmax(cards.direction > 0))
    assert card.since == int(cards.time[turn])
    assert cards[turn - 1].since is not None or cards[turn - 1].direction < 0


# -- growing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_appended_and_whole_are_the_same_to_the_bit(seed, tape, cards):
    history, _ = tape
    rng = np.random.default_rng(seed)
    growing = GrowingCards(Plan.of("scalp", OF_BOOK), keep=None)
    cuts = np.sort(rng.integers(0, len(history), (3, 40, 1_500)[seed]))
    found = sum(growing.append(history[:cut]) for cut in [*cuts.tolist(), len(history)])
    assert found == len(cards)
    same(growing.cards(), cards)


def test_a_history_that_drops_its_past_and_cards_that_do(tape, cards):
    history, _ = tape
    growing = GrowingCards(Plan.of("scalp", OF_BOOK), keep=500)
    for cut in range(50, len(history), 50):
        growing.append(history[max(cut - 60, 0) : cut])
    found = growing.cards()
    assert len(found) == 500
    ends = np.searchsorted(cards.time, found.time)
    # Bands and places are of the 500 cycles that are kept; what needs no more is the same.
    for name in ("time", "mid", "values", "direction", "price_bps"):
        np.testing.assert_array_equal(getattr(found, name), getattr(cards, name)[..., ends])


def test_cards_that_were_given_do_not_change(tape):
    history, _ = tape
    growing = GrowingCards(Plan.of("scalp", OF_BOOK))
    growing.append(history[:1_000])
    found = growing.cards()
    before = {name: getattr(found, name).copy() for name in ARRAYS}
    growing.append(history)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), before[name])
        assert not getattr(found, name)[:0].size
    with pytest.raises(ValueError, match="read-only"):
        found.direction[0] = 1


def test_nothing_later_is_known(tape, cards):
    history, _ = tape
    for cut in (401, 1_203, 2_222):
        part = obi.cards(history[:cut], mode="scalp", signals=OF_BOOK)
        same(part, cards, slice(0, len(part)))
        assert part.time[-1] <= history.time[cut - 1] < part.time[-1] + CYCLE


def test_a_recording_before_a_market_fills_its_windows(tape):
    history, _ = tape
    live = dataclasses.replace(
        history[1_800:], start=0, trade_ends=None, offset=history[1_800:].offset
    )
    growing = GrowingCards(Plan.of("scalp", OF_BOOK))
    growing.seed(history[:1_790])
    growing.append(live[:100])
    growing.append(live)
    found = growing.cards()
    whole = obi.cards([history[1_800:], history[:1_790]], mode="scalp", signals=OF_BOOK)
    same(found, whole)
    gap = history.time[1_800] - history.time[1_789]
    assert 10 * SECOND * len(found) - found.cycle_live.sum() > gap - SECOND
    assert found.state[-1] not in ("not_ready", "stale")


class Unbounded(GrowingCards):
    """Makes each cycle of a time without states."""

    _most = None


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("options", [{}, {"weights": "accuracy"}])
def test_a_long_time_without_states_makes_few_cycles_and_changes_nothing(lost, options):
    gap = 25_000 * CYCLE
    leans = wandering(6_000, seed=3)
    before = market(leans[:3_000])
    after = market(leans[3_000:], start=int(before.time[-1]) + gap + 3 * SECOND)
    plan = Plan.of("scalp", [OF_BOOK, "queue_imbalance"], **options)
    bounded, unbounded = (kind(plan, keep=500) for kind in (GrowingCards, Unbounded))
    added = []
    for one in (bounded, unbounded):
        many = one.seed(before) if lost else one.append(before)
        one._next = None  # another history comes
        added.append(many + sum(one.append(after[:cut]) for cut in (1, 40, 700, len(after))))
    assert added[1] - added[0] == 25_000 - bounded._most
    same(bounded.cards(), unbounded.cards())
    assert bounded.cards().begun == unbounded.cards().begun
    assert bounded._results.start == unbounded._results.start


def test_a_past_that_ended_years_ago_costs_no_more_than_a_few_days():
    before = market(wandering(1_500, seed=3), start=START - 3 * 365 * 86_400 * SECOND)
    growing = GrowingCards(Plan.of("day", OF_BOOK))
    growing.seed(before)
    after = market(wandering(900, seed=4))
    added = growing.append(after)
    assert added < 4 * 8_640
    found = growing.cards()
    fresh = obi.cards(after, signals=OF_BOOK)
    assert found.time[-1] == fresh.time[-1]
    np.testing.assert_array_equal(found.values[:, -80:], fresh.values[:, -80:])
    assert np.isnan(found.values[:, 0]).all()


# -- use ----------------------------------------------------------------------------------------


def test_modes_are_those_of_the_presets():
    history = obi.simulate(seconds=30, seed=1)
    for name, of in BUILT_IN.items():
        mode = obi.cards(history, mode=name).mode
        assert (mode.name, mode.windows, mode.horizon) == (name, of.windows, of.horizon)
        assert Plan.of(name).parameters[0].as_dict()["decay"] == of.of_book["decay"]
    # Of a history that keeps fewer levels than a preset takes, all that are kept.
    few = obi.cards(obi.simulate(seconds=400, seed=1, levels=5), mode="day")
    assert not np.isnan(few.last.windows[0].value)


def test_a_frame_has_a_row_for_each_cycle(cards):
    frame = cards.to_frame()
    assert len(frame) == len(cards)
    assert str(frame.index.tz) == "UTC"
    np.testing.assert_array_equal(frame["value_60"], cards.values[1])
    assert frame["state"].iloc[-1] == cards.last.state


def test_too_short_a_history_has_no_card():
    cards = obi.cards(market([0.1, 0.2]))
    assert len(cards) == 0
    assert "no cycle" in repr(cards)
    with pytest.raises(HistoryError, match="There is no card"):
        cards.last  # noqa: B018
    assert cards.to_frame().empty


def test_cards_come_one_after_the_other(cards):
    few = dataclasses.replace(cards, **{name: getattr(cards, name)[..., :5] for name in ARRAYS})
    assert [card.time for card in few] == few.time.tolist()
    assert list(obi.cards(market([0.1, 0.2]))) == []


def test_a_card_can_be_sent_to_another_process_copied_and_taken_apart(cards):
    card = cards.last
    for other in (pickle.loads(pickle.dumps(card)), copy.deepcopy(card)):
        assert repr(other) == repr(card)
    assert dataclasses.asdict(card)["parts"] == card.parts


@pytest.mark.parametrize("at", [10**6, "1", slice(0, 2), 1.5])
def test_there_is_no_other_card(at, cards):
    with pytest.raises(HistoryError):
        cards[at]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mode": "week"}, "mode"),
        ({"signals": "vpin"}, "no direction"),
        ({"signals": lambda history: history.mid}, "signals"),
        ({"signals": {"mine": lambda history: history.mid}}, "not declared as a signal"),
        ({"signals": []}, "0 signals"),
        ({"weights": [1, 2]}, "weights"),
        ({"weights": [-1]}, "weights"),
        ({"weights": [0]}, "All weights are 0"),
        ({"weights": "much"}, "accuracy"),
    ],
)
def test_what_is_not_possible_is_refused(options, said):
    with pytest.raises(SettingsError, match=said):
        obi.cards(market([0.1, 0.2]), **options)


def test_histories_that_overlap_are_refused(tape):
    history, _ = tape
    with pytest.raises(HistoryError):
        obi.cards([history[:100], history[50:]])


def test_a_reason_has_numbers_where_there_are_some(cards):
    card = cards.last
    assert all(math.isfinite(one.live) for one in card.windows)
    assert card.mode is cards.mode


@pytest.mark.slow
def test_the_examples_of_the_page_run(capsys):
    page = (Path(__file__).parents[1] / "docs/cards.md").read_text(encoding="utf-8")
    names: dict[str, object] = {"obi": obi}
    try:
        for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
            exec(block, names)
    finally:
        for name in ("card", "session"):
            getattr(names.get(name), "close", lambda: None)()
    assert "not_ready" in capsys.readouterr().out
    assert names["settings"].gates["conflict"]["long"] == 900
