"""What a board shows of a card: figures, or why there are none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from card_tools import market, wandering

import obi_widgets as obi
from obi_widgets.card.card import CardReason
from obi_widgets.presentation.board import board_texts
from obi_widgets.presentation.board.board_frame import BoardMaker
from obi_widgets.presentation.board.followed import Followed, Refused
from obi_widgets.presentation.board.row_card import (
    NONE,
    RowCard,
    awaited,
    card_columns,
    card_line,
    still_card,
)

HISTORY = market(wandering(1600, seed=3), every=5.0)
CARDS = obi.cards(HISTORY, mode="scalp")
CARD = CARDS.last


def followed(**more):
    """Return a market that is live with a fresh book, but for what is given."""
    given = {
        "source": "sim:A", "instrument": obi.Instrument("sim", "A"), "history": HISTORY,
        "state": "live", "detail": "", "advice": "", "has_book": True, "age": 0.1, "replay": False,
    }  # fmt: skip
    return Followed(**given | more)


def test_figures_are_those_of_the_card():
    assert CARD.state in ("long", "short", "neutral")
    row = RowCard.of(followed(), CARD, "")
    assert row.ready
    assert (row.state, row.says, row.windows) == (CARD.state, "", CARD.windows)
    assert (row.strength, row.direction, row.agreement) == (
        CARD.strength, CARD.direction, CARD.agreement
    )  # fmt: skip
    assert row.cases == CARD.confidence.n
    table = row.figures(CARD.mode)
    assert table["card"] == CARD.state
    assert [table[f"value_{one.seconds:g}"] for one in CARD.windows] == [
        one.value for one in CARD.windows
    ]
    assert [table[f"band_{one.seconds:g}"] for one in CARD.windows] == [
        one.band for one in CARD.windows
    ]
    state, says, narrow, strength, _, better, _, windows = card_line(row)
    assert (state, says, narrow, better) == (CARD.state, "", "", CARD.confidence.better)
    assert strength == pytest.approx(CARD.strength, abs=0.0005)
    assert windows == [
        [round(one.value, 3), round(one.band, 3), one.beyond] for one in CARD.windows
    ]


@pytest.mark.parametrize(
    ("more", "card", "error", "state", "says"),
    [
        ({"history": HISTORY[:0]}, None, "", "waiting", "no data yet"),
        ({}, None, "", "waiting", "first card within 10 s"),
        ({"state": "gap", "has_book": False}, CARD, "", "stale", "no whole book, no figures"),
        ({"state": "stale"}, CARD, "", "stale", "no fresh book, no figures"),
        ({"state": "closed", "age": math.nan}, CARD, "", "stale", "the feed ended, no figures"),
        ({"age": 41.0}, CARD, "", "stale", "no change for 41 s, no figures"),
        ({}, CARDS[-8], "", "stale", "card is 75 s old, no figures"),
        ({}, replace(CARD, state="stale"), "", "stale", "book was not fresh, no figures"),
        ({}, CARD, "It needs -1 levels.", "failed", "It needs \N{MINUS SIGN}1 levels."),
    ],
)
def test_without_a_fresh_whole_book_there_is_a_reason_and_no_figure(more, card, error, state, says):
    row = RowCard.of(followed(**more), card, error)
    assert (row.state, row.says, row.ready) == (state, says, False)
    assert row.narrow
    assert np.isnan([row.strength, row.confidence, row.direction, row.agreement]).all()
    assert card_line(row)[3:] == [None, None, False, 0, []]
    assert np.isnan(row.figures(CARD.mode)["value_10"])
    assert still_card(row, CARD.mode) == ["–", "–", "–", says, "–", "–"]


def test_a_recording_that_has_ended_shows_its_last_card():
    row = RowCard.of(followed(state="closed", replay=True, age=math.nan, has_book=False), CARD, "")
    assert row.strength == CARD.strength


def test_a_card_that_is_not_ready_shows_its_windows_and_what_it_waits_for():
    early = obi.cards(HISTORY, mode="scalp")[40]
    assert early.state == "not_ready"
    row = RowCard.of(followed(history=HISTORY[:84]), early, "")
    assert row.state == "not_ready"
    assert row.says.endswith("min")
    assert np.isnan(row.strength), "a direction without a band is no rank"
    assert row.windows == early.windows


@pytest.mark.parametrize(
    ("reason", "says", "narrow"),
    [
        (("window", (3600.0,), 2299.0, 3600.0), "1 h window: 38 of 60 min", "38/60 min"),
        (("window", (14_400.0,), 4300.0, 14_400.0), "4 h window: 1.1 of 4 h", "1.1/4 h"),
        (("window", (60.0,), 59.9, 60.0), "1 min window: 59 of 60 s", "59/60 s"),
        (("band", (300.0,), 0.0, 3600.0), "5 min band: 0 of 60 min", "0/60 min"),
        (("band", (), 3599.0, 3600.0), "band: 59 of 60 min", "59/60 min"),
    ],
)
def test_what_is_awaited_is_said_in_figures_and_never_rounded_up(reason, says, narrow):
    assert awaited(CardReason(*reason, ready=None)) == (says, narrow)


def test_columns_are_named_like_the_windows_of_the_mode():
    modes = ("scalp", "day", "swing")
    assert card_columns(CARD.mode, modes) == {
        "mode": "scalp",
        "modes": list(modes),
        "windows": [("10 s", "10 s"), ("1 m", "1 min"), ("5 m", "5 min")],
        "horizon": "30 s",
    }
    assert card_columns(None, modes)["mode"] == ""


def test_the_still_picture_has_marks_and_figures():
    windows = tuple(
        replace(CARD.windows[0], value=value, beyond=beyond)
        for value, beyond in ((0.5, True), (-0.2, False), (math.nan, False))
    )
    row = replace(RowCard.of(followed(), CARD, ""), windows=windows, strength=0.876, confidence=0.5)
    assert still_card(row, CARD.mode) == ["▲", "▽", "–", CARD.state, "0.88", "0.50"]


def frame_of(markets, cards, mode=CARD.mode):
    return BoardMaker().make(
        markets, obi.Settings(depth=1).parameters, 60.0, mode=mode, cards=cards
    )


def test_the_head_counts_what_is_live_what_is_filling_and_conflicts():
    markets = [
        followed(source="one"),
        followed(source="two"),
        followed(source="three"),
        followed(source="four", state="stale"),
        Refused("five", "There is no such market.", "Choose another."),
    ]
    cards = {
        "one": (CARD, ""),
        "two": (replace(CARD, state="conflict"), ""),
        "three": (None, ""),
        "four": (CARD, ""),
    }
    state = board_texts.board_state(frame_of(markets, cards))
    assert state["states"] == [
        ["live", 2], ["filling", 1], ["stale", 1], ["error", 1], ["in conflict", 1]
    ]  # fmt: skip
    assert [state[f"c{at}"][0] for at in range(5)] == [
        CARD.state, "conflict", "waiting", "stale", ""
    ]  # fmt: skip
    ranks = [state[f"c{at}"][3] for at in range(5)]
    assert [one is None for one in ranks] == [False, False, True, True, True]
    assert [state[f"s{at}"][0] for at in range(5)] == ["live", "live", "filling", "stale", "error"]


def test_without_cards_nothing_of_them_is_sent():
    frame = frame_of([followed()], {"sim:A": (CARD, "")}, mode=None)
    assert frame.rows[0].card is NONE
    state = board_texts.board_state(frame)
    assert "c0" not in state
    assert state["states"] == [["live", 1]]
    (table,) = board_texts.board_still(frame).tables
    assert table.head == board_texts.COLUMNS
