"""The card on a screen: its words, its places, what it says of a market that stands still."""

from __future__ import annotations

import dataclasses
import json
import math
from itertools import pairwise

import numpy as np
import pytest
from card_tools import market, wandering
from history_tools import SECOND, START
from msgspec import structs
from recording_tools import RECORDS, write
from session_tools import following, wait_for
from shown_tools import hear, shown
from test_card_confidence import OF_BOOK, tape

import obi_widgets as obi
from obi_widgets.card.card import CardReason
from obi_widgets.card.divergence import VenueMoment
from obi_widgets.card.past import BINS, Pasts, Worth, past, scale_of
from obi_widgets.card.venues import venue_moment
from obi_widgets.history.context import NAMES
from obi_widgets.presentation.card import Shown, card_state, card_still, marks, words
from obi_widgets.presentation.card.market_now import MarketNow
from obi_widgets.presentation.card.other_venues import no_venues, other_venues, spread

NAN = math.nan
INSTRUMENT = obi.Instrument("lmex", "BTC-PERP", "LMEX", "USD", 0.1, 1.0, inverse=False)


@pytest.fixture(scope="module")
def cards():
    """A day of cards with an edge."""
    return obi.cards(tape(0.3), mode="scalp", signals=OF_BOOK)


@pytest.fixture(scope="module")
def found(cards):
    return past(cards)


def made(cards, found, **changes):
    """Return what is shown of a live market, with some changes."""
    card = changes.get("card") or cards.last
    whole = Shown(
        INSTRUMENT, "live", "", "", 0.2, False, False, "scalp", cards.signals, card, found, False,
        "", MarketNow(card.time, 1000.0), 0.1, 5.0,
    )  # fmt: skip
    return whole._replace(**changes)


def texts(value):
    """Yield every text in a state."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from texts(one)


def card_in(cards, state):
    """Return the newest card with a state."""
    return cards[int(np.flatnonzero(cards.state == state)[-1])]


# -- what the cards said so far ----------------------------------------------------------------


def test_the_histogram_is_of_the_last_day_of_directions(cards, found):
    directions = cards.direction[-8640:]
    known = directions[~np.isnan(directions)]
    assert found.scale == 1.0
    edges = np.linspace(-1, 1, BINS + 1)
    counts = [int(((known >= a) & (known < b)).sum()) for a, b in pairwise(edges)]
    assert found.directions.tolist() == counts
    assert sum(counts) == len(known) > 8_000
    assert np.nanmax(np.abs(cards.values[:, -8640:])) <= found.reach


@pytest.mark.parametrize(
    ("values", "scale"),
    [([], 1.0), ([NAN], 1.0), ([0.03, NAN], 0.05), ([-0.051], 0.1), ([0.2], 0.2), ([1.0], 1.0)],
)
def test_a_scale_holds_all_values_and_does_not_move_with_each(values, scale):
    assert scale_of(np.array(values, float)) == scale


def test_worth_is_the_mean_return_after_cards_that_lean(cards, found):
    at = {int(time): row for row, time in enumerate(cards.time)}
    gains = []
    for row in range(len(cards) - 8640 if len(cards) > 8640 else 0, len(cards)):
        side = {"long": 1, "short": -1}.get(str(cards.state[row]), 0)
        rows = [at.get(int(cards.time[row]) + step * 10 * SECOND) for step in range(4)]
        if not side or None in rows or (cards.cycle_live[rows] < 10 * SECOND).any():
            continue
        if not np.isnan(cards.mid[rows]).any():
            gains.append(side * 1e4 * (cards.mid[rows[-1]] / cards.mid[row] - 1))
    assert found.worth.n == len(gains) > 1_000
    assert found.worth.mean == pytest.approx(np.mean(gains))
    assert found.worth.low < found.worth.mean < found.worth.high
    assert found.worth.spread_bps == pytest.approx(1.0, abs=0.2)


def test_what_followed_is_made_once_a_minute_in_each_mode():
    history = market(wandering(400, 1))
    pasts = Pasts()
    first = obi.cards(history[:200], mode="scalp", signals=OF_BOOK)
    before = pasts(first)
    assert first.time[-1] // (60 * SECOND) == (first.time[-1] + 10 * SECOND) // (60 * SECOND)
    assert pasts(obi.cards(history[:202], mode="scalp", signals=OF_BOOK)) is before
    assert pasts(obi.cards(history[:202], mode="day", signals=OF_BOOK)) is not before
    assert pasts(obi.cards(history, mode="scalp", signals=OF_BOOK)) is not before


# -- words ---------------------------------------------------------------------------------------


def test_lengths_read_as_a_trader_says_them():
    assert [words.length(x) for x in (10, 60, 300, 3600, 14_400)] == [
        "10 s", "1 min", "5 min", "1 h", "4 h",
    ]  # fmt: skip
    assert [words.until(x) for x in (41, 700, 9_660)] == ["41 s", "12 min", "2\xa0h\xa041"]
    assert [words.filled(*x) for x in ((4, 10), (2_339, 3_600), (7_200, 14_400))] == [
        "4 of 10 s", "38 of 60 min", "2.0 of 4 h",
    ]  # fmt: skip
    assert [words.span(x) for x in (2_400, 11_520, 86_400)] == ["40 min", "3.2 h", "24 h"]


def test_a_share_is_all_only_if_it_is():
    assert [words.share(x) for x in (0.876, 0.999, 1.0, NAN)] == ["0.88", "0.99", "1.00", "–"]
    assert [words.percent(x) for x in (0.876, 0.999, 1.0)] == ["88", "99", "100"]


def test_the_reason_is_a_sentence_with_numbers(cards):
    leans = card_in(cards, "long")
    start = int(leans.time)
    day = START + 20 * 3_600 * SECOND
    said = {
        CardReason("book", (), NAN, 10, None): "The book was not in sync at",
        CardReason("age", (), 14, 10, None): "s old at",
        CardReason("window", (3_600,), 2_300, 3_600, day): "The 1 h window has 38 of 60 min. "
        "Ready at 20:00 UTC at the earliest.",
        CardReason("band", (300,), 600, 3_600, None): "The band of the 5 min window has values of "
        "10 of 60 min.",
        CardReason("band", (), 600, 3_600, None): "The band of the direction has values of 10",
    }
    for reason, words_ in said.items():
        assert words_ in words.why(dataclasses.replace(leans, reason=reason))
    inside = CardReason("direction", (), 0.12, 0.3, None)
    neutral = dataclasses.replace(leans, state="neutral", direction=-0.12, reason=inside)
    assert words.why(neutral) == "−0.12 is inside its own band of ±0.30."

    def leaning(values, since=start - 20 * SECOND):
        some = zip(leans.windows, values, strict=True)
        several = tuple(dataclasses.replace(one, value=value) for one, value in some)
        return words.why(dataclasses.replace(leans, windows=several, direction=0.3, since=since))

    assert leaning((0.5, 0.2, 0.1)) == "All three windows point up; the turn is 20 s old."
    assert leaning((0.5, -0.2, 0.4), None) == "10 s and 5 min point up, 1 min down."
    assert leaning((-0.5, 0.0, 0.9), None) == "5 min points up, 10 s down."


def test_a_conflict_names_the_windows_the_shortest_first(cards):
    card = card_in(cards, "conflict")
    assert card.conflict
    said = words.why(card)
    ups = [words.length(one.seconds) for one in card.windows if one.beyond and one.value > 0]
    downs = [words.length(one.seconds) for one in card.windows if one.beyond and one.value < 0]
    for names, word in ((ups, "up"), (downs, "down")):
        assert f"{' and '.join(names)} say{'' if len(names) > 1 else 's'} {word}" in said
    first = next(one for one in card.windows if one.beyond)
    assert said.startswith(words.length(first.seconds))
    assert words.agreement(card)[0] == "✕ CONFLICT"


def test_the_arrow_is_filled_beyond_the_band_and_open_inside():
    found = [words.arrow(x, beyond=b) for b in (True, False) for x in (1, -1)]
    assert found == ["▲", "▼", "△", "▽"]
    assert [words.arrow(x) for x in (0.0, 0.004, NAN)] == ["", "", ""]  # it reads 0.00


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (0.4, 2.2, "costs 11.0: does not pay"),
        (12.0, 14.0, "costs 11.0: pays"),
        (10.0, 14.0, "costs 11.0: cannot tell if it pays"),
        (NAN, NAN, "1,180 cards: too few to tell"),
    ],
)
def test_worth_is_held_against_costs(low, high, says):
    mean = 1.3 if math.isnan(low) else (low + high) / 2
    line = words.worth(Worth(mean, low, high, 1_180, 1.0), 60, 5.0)
    assert line.text.endswith(says)
    assert "two taker's fees of 5.00 bps" in line.title


def test_before_an_outcome_worth_is_a_dash():
    assert words.worth(Worth(NAN, NAN, NAN, 0, NAN), 60, 5.0).figure == "–"


def test_confidence_is_a_frequency(cards):
    of = cards.last.confidence
    line = words.confidence(of)
    assert line.figure == f"{of.said:.2f}"
    half = 50 * (of.high - of.low)
    assert line.text == f"right {100 * of.right:.0f} % ± {half:.0f} at 30 s, {of.n:,} cases"
    outside = dataclasses.replace(of, value=0.55, low=0.6, high=0.7, n_eff=171.0)
    said, kind = words.caution(outside)
    assert (said, kind) == ("Held back: the cases are worth 171 independent ones.", "few")
    constant = dataclasses.replace(of, better=False, value=of.constant)
    assert words.caution(constant)[0] == "No better than a constant, which is shown."
    assert "no better than a constant" in words.confidence(constant).title
    unknown = dataclasses.replace(of, value=NAN, n=0)
    assert words.confidence(unknown)[:2] == ("–", "no similar case with an outcome at 30 s")
    assert words.caution(unknown) == ("", "")


def test_funding_is_what_a_hold_costs():
    now = MarketNow(START, 100.0, 100.004, 6.2e-5, 9_660, 1.92e9, 1.9e9, 3_600)
    funding, mark, interest = words.context(now, 0.01)
    assert funding[1:3] == ["+0.0062 %", "a long pays 0.6 bps in 2\xa0h\xa041"]
    assert mark[1:3] == ["100.004", "0.4 bps over mid"]
    assert interest[1:3] == ["1.9B", "+1.1 % in 1 h"]
    funding, mark, interest = words.context(
        now._replace(funding_rate=-1e-4, funding_in=NAN, mark=NAN, before=NAN), 0.01
    )
    assert funding[1:3] == ["−0.0100 %", "a short pays 1.0 bps at each funding"]
    assert mark[1:3] == ["–", "not told"]
    assert interest[2] == ""
    assert words.context(MarketNow(START, 100.0), 0.01) == []


def test_what_holds_besides_the_book_is_what_was_received_by_then():
    history = market(np.zeros(1_000))  # a state each 5 s
    rows = [
        (0, "open_interest", 100.0), (2_000, "open_interest", 110.0),
        (4_900, "open_interest", 121.0),
        (10, "mark", 101.0), (10, "funding_rate", 1e-4), (10, "next_funding", START / 1e9 + 5_000),
    ]  # fmt: skip
    rows.sort(key=lambda row: row[0])
    stamps = np.array([START + at * SECOND for at, _, _ in rows], np.int64)
    code = np.array([NAMES.index(name) for _, name, _ in rows], np.uint8)
    context = obi.Context(np.stack([stamps] * 2), code, np.array([value for *_, value in rows]))
    now = MarketNow.of(dataclasses.replace(history, context=context))
    assert (now.mark, now.funding_rate, now.open_interest) == (101.0, 1e-4, 121.0)
    assert now.funding_in == pytest.approx(5.0)
    assert (now.before, now.before_seconds) == (100.0, 3_600)  # 110 was told less than an hour ago
    assert MarketNow.of(history[:0]) == MarketNow()


# -- places --------------------------------------------------------------------------------------


def test_heights_are_letters_and_what_is_there_is_seen():
    assert marks.histogram(np.array([0, 1, 500, 1_000])) == "01iz"
    assert marks.histogram(np.zeros(4, np.int64)) == ""


def test_a_place_is_within_the_scale():
    assert [marks.on(x, 0.5) for x in (-0.5, 0.0, 0.25, 2.0)] == [0.0, 0.5, 0.75, 1.0]
    assert marks.on(NAN, 0.5) is None


def test_the_reliability_curve_has_like_axes_around_all_that_is_drawn(cards, found):
    curve = marks.reliability(found.reliability, cards.last.confidence)
    low, high = (float(f"0{one}") for one in curve["ends"])
    assert low <= min(found.reliability.low) < max(found.reliability.high) <= high
    said, right, *_ = curve["points"][-1]
    assert said == pytest.approx((found.reliability.said[-1] - low) / (high - low), abs=1e-3)
    assert right == pytest.approx((found.reliability.right[-1] - low) / (high - low), abs=1e-3)
    assert all(0 <= one <= 1 for point in curve["points"] for one in point)
    empty = past(obi.cards(obi.simulate(seconds=90, seed=1), mode="scalp"))
    assert marks.reliability(empty.reliability, None) is None


# -- the whole -----------------------------------------------------------------------------------


def test_everything_that_is_shown_is_json_without_nan(cards, found):
    for state in ("long", "short", "neutral", "conflict", "not_ready"):
        shown_ = made(cards, found, card=card_in(cards, state))
        text = json.dumps(card_state(shown_), allow_nan=False)
        assert "nan" not in text.lower().replace("fin", "")
        assert len(text) < 4_000
    assert set(cards.state) >= {"long", "short", "neutral", "conflict", "not_ready", "stale"}


def test_the_verdict_comes_with_its_figures(cards, found):
    state = card_state(made(cards, found, card=card_in(cards, "short")))
    assert state["verdict"][:2] == ["▼ Leans short", "short"]
    assert state["direction"][0].startswith("−")
    assert state["direction"][1] == "▼"
    assert state["place"] < 1 - state["band"] < 0.5
    assert state["head"][:3] == ["BTC-PERP", "BTC-PERP", "LMEX"]
    assert state["head"][3:] == ["live", "good", "< 1 s"]
    neutral = card_state(made(cards, found, card=card_in(cards, "neutral")))
    assert neutral["direction"][1] in ("△", "▽", "")
    still = card_still(made(cards, found))
    assert [row[0] for row in still.tables[0].rows][:5] == [
        "verdict", "direction", "strength", "confidence", "10 s",
    ]  # fmt: skip


def dashed(state):
    """Check that a state shows no figure of now."""
    assert [state[name][0] for name in ("direction", "strength", "confidence")] == ["–"] * 3
    assert [row[1] for row in state["rows"]] == ["–"] * 3
    assert state["price"][1] == state["agree"][0] == "–"
    assert state["place"] is state["band"] is None
    figures = list(texts([state[name] for name in ("direction", "strength", "rows")]))
    assert not any(text.strip("+−") in ("0", "0.00") for text in figures)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": "gap", "detail": "A frame was missing."}, "A frame was missing."),
        ({"state": "stale"}, "The feed is stale."),
        ({"state": "closed"}, "The feed was closed."),
        ({"age": 14.2}, "The book has not changed for 14 s."),
    ],
)
def test_a_market_that_stands_still_makes_its_card_stale(cards, found, changes, why):
    state = card_state(made(cards, found, card=card_in(cards, "long"), **changes))
    assert state["verdict"] == ["– Stale", "stale", why]
    dashed(state)
    assert state["worth"][0] != "–"  # which is of the past


def test_a_card_that_was_not_made_in_time_is_stale(cards, found):
    later = MarketNow(int(cards.time[-1]) + 41 * SECOND, 1000.0)
    state = card_state(made(cards, found, now=later))
    assert state["verdict"][2] == "The newest card is 41 s old."
    dashed(state)


def test_a_stale_card_has_dashes_and_says_why(cards, found):
    state = card_state(made(cards, found, card=card_in(cards, "stale")))
    assert state["verdict"][:2] == ["– Stale", "stale"]
    assert "The book was not in sync" in state["verdict"][2]
    dashed(state)


def test_what_is_not_ready_shows_what_it_has(cards, found):
    state = card_state(made(cards, found, card=cards[20]))
    assert state["verdict"][:2] == ["… Not ready", "not_ready"]
    assert "The 5 min window has 3 of 5 min" in state["verdict"][2]
    assert state["direction"][:2] == ["–", ""]
    assert state["strength"][0] == state["confidence"][0] == "–"
    assert state["rows"][0][1] != "–"
    assert state["rows"][2][1:4] == ["–", "", "3 of 5 min"]
    assert state["agree"][1] == "agreement waits for the 5 min window"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"making": True}, "It is being computed."),
        ({}, "No cycle of 10 s is finished yet."),
        ({"now": MarketNow()}, "No book yet."),
        ({"state": "syncing", "detail": "Filling."}, "Filling."),
        ({"error": "The signal failed. Mend it."}, "The signal failed. Mend it."),
    ],
)
def test_without_a_card_it_says_why(cards, changes, why):
    nothing = made(cards, None, card=None, signals=(), **changes)
    state = card_state(nothing)
    assert (state["verdict"][0], state["verdict"][2]) == ("… Not ready", why)
    dashed(state)
    assert json.dumps(state, allow_nan=False)


def test_the_end_of_a_recording_is_no_fault(cards, found):
    over = made(cards, found, state="closed", recorded=True, age=NAN, card=card_in(cards, "long"))
    state = card_state(over)
    assert state["verdict"][0] == "▲ Leans long"
    assert state["head"][3:] == ["ended", "off", ""]
    paused = card_state(made(cards, found, paused=True, age=50.0, card=card_in(cards, "long")))
    assert paused["verdict"][0] == "▲ Leans long"
    assert paused["head"][3] == "paused"


# -- in a session --------------------------------------------------------------------------------


def newest(widget):
    return shown(widget._card)


def test_a_card_follows_its_session_and_changes_its_mode():
    history = market(wandering(1_500, 1))
    with following(history) as session:
        widget = obi.CardWidget(session, mode="scalp", signals=OF_BOOK)
        try:
            hear(widget._page)
            wait_for(lambda: newest(widget).get("about"), "a card")
            expected = obi.cards(history, mode="scalp", signals=OF_BOOK).last
            assert newest(widget)["verdict"][1] == expected.state
            assert newest(widget)["direction"][0] == words.signed(expected.direction)
            assert len(widget.cards) == 749
            widget._do(None, {"do": "mode", "mode": "day"}, None)
            assert widget.mode == "day"
            wait_for(lambda: newest(widget)["about"].count("60 s"), "the other mode")
            widget._do(None, {"do": "mode", "mode": "hour"}, None)  # an error is shown
            assert (widget.mode, "hour" in session.publisher.note) == ("day", True)
        finally:
            widget.close()
        assert not session.closed


def test_frames_send_nothing_while_nothing_changes():
    with following(market(wandering(800, 1))) as session:
        widget = obi.CardWidget(session, mode="scalp", signals=OF_BOOK)
        try:
            hear(widget._page)
            wait_for(lambda: newest(widget).get("about"), "a card")
            frame = session.publisher.frame(session.history, session.settings.parameters)
            first, second = (dict(widget._changes(frame))[widget._card] for _ in range(2))
            assert first["state"] is second["state"]
        finally:
            widget.close()


def test_a_page_that_comes_late_gets_all():
    with following(market(wandering(800, 1))) as session:
        widget = obi.CardWidget(session, mode="scalp", signals=OF_BOOK)
        try:
            hear(widget._page)
            wait_for(lambda: newest(widget).get("about"), "a card")
            sent = []
            widget._page.send = lambda content, buffers=None: sent.append((content, buffers))
            hear(widget._page, "two", lacks=True)
            wait_for(lambda: "Leans" in str(sent) or "verdict" in str(sent), "a whole frame")
        finally:
            widget.close()


def test_cards_go_on_while_nobody_looks():
    with following("sim:BTC-PERP", seed=3, warmup=40) as session:
        widget = obi.CardWidget(session, mode="scalp")
        try:
            session.wait(300)
            assert not widget.looked_at
            wait_for(lambda: len(widget.cards or ()) >= 2, "cards")
        finally:
            widget.close()


def test_an_earlier_recording_fills_the_windows():
    history = market(wandering(2_000, 1))
    with following(history[1_900:]) as session:
        widget = obi.CardWidget(
            session, mode="scalp", signals=OF_BOOK, earlier=history[:1_880]
        )  # fmt: skip
        try:
            hear(widget._page)
            wait_for(lambda: newest(widget).get("about"), "a card")
            assert len(widget.cards) > 900
            assert newest(widget)["strength"][0] != "–"
        finally:
            widget.close()
    with following(history[1_900:]) as session:  # one from long ago has no effect
        old = market(wandering(500, 1), start=START - 500 * 86_400 * SECOND)
        widget = obi.CardWidget(session, mode="scalp", signals=OF_BOOK, earlier=old)
        try:
            hear(widget._page)
            wait_for(lambda: newest(widget).get("about"), "a card")
            assert len(widget.cards) == 49
        finally:
            widget.close()


# -- the same market on other venues ----------------------------------------------------------


def shown_venues(directions, left_out=(), reasons=None):
    known = {name: NAN if name in left_out else one for name, one in directions.items()}
    there = [one for one in known.values() if not math.isnan(one)]
    apart = max(there) - min(there) if len(there) > 1 else NAN
    moment = VenueMoment(
        0, known, dict.fromkeys(left_out, "stale"), apart, "of one mind", "", "of one mind"
    )  # fmt: skip
    return other_venues(moment, reasons)


def test_the_other_venues_are_dots_and_a_stale_one_is_a_dash_with_its_reason(cards, found):
    directions = {"Binance": 0.51, "LMEX": 0.9, "OKX": -0.44}
    venues = shown_venues(directions, ["LMEX"], {"LMEX": "The feed is stale."})
    state = card_state(made(cards, found, venues=venues))["venues"]
    binance, lmex, okx = state["rows"]
    assert binance == ["Binance", 0, 0.755, 0.755, "+0.51 ▲", "bid", "Binance: +0.51 ▲."]
    assert lmex == ["LMEX", 0, None, None, "– stale", "", "LMEX: – stale. The feed is stale."]
    assert okx[2:6] == [0.28, 0.28, "−0.44 ▼", "ask"]
    assert (state["bar"], state["apart"]) == ([0.28, 0.755], "0.95")
    assert state["says"] == ["of one mind", "LMEX left out"]
    rows = card_still(made(cards, found, venues=venues)).tables[0].rows
    assert ["LMEX", "– stale"] in rows
    assert rows[-1] == ["apart", "0.95 · of one mind · LMEX left out"]
    assert card_state(made(cards, found))["venues"] is None


def test_before_any_card_each_venue_is_a_dash(cards, found):
    nothing = no_venues({"OKX": "It has no card yet.", "LMEX": ""})
    state = card_state(made(cards, found, venues=nothing))["venues"]
    assert [row[2:6] for row in state["rows"]] == [[None, None, "– not ready", ""]] * 2
    assert (state["bar"], state["apart"]) == (None, "–")


@pytest.mark.parametrize(
    "places", [[], [0.5], [0.5] * 4, [0.0, 0.01, 1.0, 0.99], [0.7, 0.2, 0.21], [0.5] * 30]
)
def test_letters_stand_apart_near_their_dots_in_order(places):
    found = spread(places, 0.06)
    least = 0.06 if len(places) < 16 else 0.03
    assert all(b - a >= least - 1e-3 for a, b in pairwise(sorted(found)))
    assert all(0 <= one <= 1 for one in found)
    order = np.argsort(places, kind="stable")
    assert np.argsort(found, kind="stable").tolist() == order.tolist()
    if len(places) == 3:
        assert found == [0.7, pytest.approx(0.175), pytest.approx(0.235)]


def test_a_card_follows_other_venues_and_opens_and_closes_sources(tmp_path):
    history, other = market(wandering(1_500, 1)), market(wandering(1_500, 2))
    # It never finishes a cycle of cards, however long the others take.
    moment_long = write(tmp_path / "one_state", RECORDS[:3])
    with following(history) as session, following(other) as second:
        second.market.instrument = structs.replace(session.market.instrument, label="OKX")
        widget = obi.CardWidget(
            session, mode="scalp", signals=OF_BOOK, others=[second, str(moment_long)]
        )  # fmt: skip
        opened = widget._venues._opened[0]
        try:
            hear(widget._page)
            wait_for(lambda: widget.venues and len(widget.venues.left_out) == 1, "two venues")
            mine, of_other = (
                obi.cards(one, mode="scalp", signals=OF_BOOK).last for one in (history, other)
            )
            assert widget.venues.directions["OKX"] == of_other.direction
            own = next(iter(widget.venues.directions))
            assert widget.venues.directions[own] == mine.direction
            (late,) = widget.venues.left_out  # the recording of one state
            assert math.isnan(widget.venues.directions[late])

            def says(venue, text):
                rows = (newest(widget).get("venues") or {"rows": ()})["rows"]
                return any(row[0] == venue and row[4].startswith(text) for row in rows)

            wait_for(lambda: says("OKX", words.signed(of_other.direction)), "the other's text")
            wait_for(lambda: says(late, "– "), "a dash")
        finally:
            widget.close()
        assert opened.closed
        assert not second.closed


def test_a_card_without_a_page_says_what_venues_say_when_it_is_asked():
    history, other = market(wandering(1_500, 1)), market(wandering(1_500, 2))
    with following(history) as session, following(other) as second:
        second.market.instrument = structs.replace(session.market.instrument, label="OKX")
        widget = obi.CardWidget(session, mode="scalp", signals=OF_BOOK, others=[second])
        try:
            assert widget.venues is None
            wait_for(lambda: widget.venues and not widget.venues.left_out, "both venues")
            of_other = obi.cards(other, mode="scalp", signals=OF_BOOK).last
            assert widget.venues.directions["OKX"] == of_other.direction
            assert widget.venues == widget._venues.now(widget._live, "").moment
        finally:
            widget.close()


def test_a_feed_that_stands_still_leaves_its_venue_out_at_once():
    rows = market(wandering(1_500, 1))
    whole = obi.cards(rows, mode="scalp", signals=OF_BOOK)
    moments = [venue_moment({"LMEX": whole, "OKX": whole}, stale) for stale in ((), ("OKX",))]
    assert moments[0].left_out == {}
    assert moments[0] == obi.venue_divergence({"LMEX": whole, "OKX": whole}).last
    assert moments[1].left_out == {"OKX": "stale"}
    assert moments[1].says == "one venue only"


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ("sim:ETH-PERP", "is no list"),
        ([3], "is no market"),
        (["nowhere:BTC"], "nowhere"),
        (["sim:BTC-PERP"], "comes twice"),
    ],
)
def test_other_venues_that_are_not_possible_leave_nothing_open(others, says):
    with following("sim:BTC-PERP", seed=1) as session, pytest.raises(obi.ObiError, match=says):
        obi.CardWidget(session, others=others)


def test_an_error_of_a_signal_is_shown():
    @obi.signal(unit="", range=(-1, 1), needs="touch")
    def broken(states):
        raise obi.ObiError("It has no value.", "Mend it.")

    with following(market(wandering(100, 1))) as session:
        widget = obi.CardWidget(session, signals=broken)
        try:
            hear(widget._page)
            wait_for(lambda: newest(widget).get("verdict", [""])[-1].startswith("It has no"))
            assert newest(widget)["verdict"][1] == "error"
        finally:
            widget.close()


def test_a_source_is_opened_and_closed_and_a_lab_is_left():
    widget = obi.CardWidget("sim:BTC-PERP")
    session = widget.session
    widget.close()
    assert session.closed
    lab = obi.Lab("sim:BTC-PERP", seed=1, warmup=5)
    try:
        widget = obi.CardWidget(lab)
        assert widget.session is lab.session
        widget.close()
        assert not lab.session.closed
    finally:
        lab.close()


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("sim:BTC-PERP", {"mode": "hour"}, "mode"),
        ("sim:BTC-PERP", {"weights": [1, 2]}, "weights"),
        ("sim:BTC-PERP", {"earlier": "tape.gz"}, "earlier"),
        (3, {}, "CardWidget needs a session"),
    ],
)
def test_what_is_not_possible_is_refused_and_leaves_nothing_open(source, options, says):
    with pytest.raises(obi.ObiError, match=says):
        obi.CardWidget(source, **options)
