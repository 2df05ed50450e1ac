"""Cards on a board: of all markets in one thread, with a past of their own, on the page and off."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from card_tools import market, wandering
from history_tools import SECOND
from session_tools import wait_for
from shown_tools import hear, shown

import obi_widgets as obi
from obi_widgets.card.growing_cards import GrowingCards
from obi_widgets.card.plan import Plan
from obi_widgets.errors import ArgumentError, HistoryError, SettingsError
from obi_widgets.signals.signal_checks import COLUMNS, NUMBERED
from obi_widgets.widgets.reachability import registry

TWO = ["sim:BTC-PERP", "sim:ETH-PERP"]
READY = {"long", "short", "neutral", "conflict"}
HOURS = 1.5


def past(end, seed=1):
    """Return an hour and a half of books of one level, a state each five seconds, until a time."""
    states = round(HOURS * 720)
    return market(wandering(states, seed=seed), every=5.0, start=end - states * 5 * SECOND)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two recordings of half a minute, and the past of each."""
    folder, found = tmp_path_factory.mktemp("recordings"), {}
    for seed, name in enumerate(TWO):
        path = folder / name.partition(":")[2]
        path = str(obi.record(name, path, seconds=0.2, warmup=30.0, seed=seed))
        found[path] = past(int(obi.load(path).time[0]), seed)
    return found


@pytest.fixture
def boards():
    """Makes boards, and closes them."""
    made = []

    def make(sources=tuple(TWO), **options):
        made.append(obi.Board(list(sources), levels=1, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def board_of(boards, recordings):
    """Makes a board of the two recordings, each with its past, loaded at once."""
    return lambda **options: boards(recordings, speed=None, past=recordings, **options)


def running():
    return sorted(one.name for one in threading.enumerate() if one.name.startswith("obi-"))


def states(board):
    return set(board.to_frame()["card"])


def test_the_cards_are_those_of_the_past_and_of_what_came_since(board_of, recordings):
    board = board_of(cards="scalp")
    wait_for(lambda: states(board) <= READY, "cards with figures, though nobody looks")
    table = board.to_frame()
    board.close()
    wait_for(lambda: not running(), "its threads to end")
    for source, before in recordings.items():
        history, row = board[source].history, table.loc[source]
        growing = GrowingCards(Plan.of("scalp", levels=history.levels))
        growing.seed(before)
        growing.append(history)
        card = growing.cards().last
        assert history.time[0] < card.time <= history.time[-1]
        assert (row["card"], row["card_reason"]) == (card.state, "")
        for name in ("direction", "strength", "agreement"):
            assert row[name] == getattr(card, name)
        for window in card.windows:
            assert row[f"value_{window.seconds:g}"] == window.value
            assert row[f"band_{window.seconds:g}"] == window.band
    assert all(
        one in COLUMNS or NUMBERED.fullmatch(one) for one in {*table.columns} - {"imbalance"}
    )


def test_without_a_mode_nothing_is_made(board_of):
    board = board_of()
    wait_for(lambda: set(board.to_frame()["state"]) == {"closed"}, "the recordings to be read")
    assert board.cards is None
    assert board._board.cards._live is None
    assert "card" not in board.to_frame()


def test_a_click_shows_them_and_they_go_on_while_they_are_not_shown(board_of, recordings):
    board = board_of()
    hear(board._page)
    wait_for(lambda: shown(board._table)["cards"]["mode"] == "", "a frame")
    assert "c0" not in shown(board._table)
    board._do(None, {"do": "cards", "mode": "scalp"}, None)
    assert board.cards == "scalp"
    wait_for(lambda: shown(board._table).get("c1", [""])[0] in READY, "figures")
    state, table = shown(board._table), board.to_frame()
    assert state["cards"]["mode"] == "scalp"
    assert state["c1"][3] == pytest.approx(table["strength"].iloc[1], abs=0.0005)
    board._do(None, {"do": "cards", "mode": ""}, None)
    assert board.cards is None
    wait_for(lambda: "c0" not in shown(board._table), "lines without cards")
    assert "card" not in board.to_frame()
    board.cards = "scalp"
    assert states(board) <= READY, "they need not wait"


def test_cards_that_are_not_shown_are_made_all_the_same(board_of, recordings):
    board = board_of(cards="scalp")
    board.cards = None
    live = board._board.cards._live
    wait_for(lambda: all(map(live.cards, recordings)), "cards that nobody sees")


def test_a_mode_has_its_own_cards_and_never_those_of_another(board_of):
    board = board_of(cards="scalp")
    wait_for(lambda: states(board) <= READY, "figures")
    board.cards = "day"
    assert states(board) <= {"waiting", "not_ready"}, "not those of scalp"
    wait_for(lambda: states(board) == {"not_ready"}, "cards of the other mode")
    table = board.to_frame()
    assert "value_3600" in table
    assert np.isnan(table["strength"]).all()
    assert table["card_reason"].str.contains("band: ").all(), "an hour is there, its band is not"


def test_a_mode_that_there_is_not_is_refused_and_told_of_on_the_page(boards):
    board = boards()
    with pytest.raises(SettingsError, match=r"cards = 'week' is not possible\. Give one of scalp"):
        board.cards = "week"
    hear(board._page)
    board._do(None, {"do": "cards", "mode": "week"}, None)
    wait_for(lambda: "cards = 'week'" in shown(board._table)["message"], "the note")
    assert board.cards is None


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"cards": 3}, SettingsError, "cards = 3 is not possible. Give one of scalp, day, swing"),
        ({"past": [1]}, ArgumentError, "past = .1. is no mapping of sources to histories."),
        ({"past": {TWO[0]: None}}, HistoryError, "A NoneType is not a history"),
        (
            {"past": {TWO[0]: past(10**18)}},
            ArgumentError,
            "past has 1 level a side for 'sim:BTC-PERP', and the board keeps 20. Load it with",
        ),
    ],
)
def test_what_is_not_possible_is_refused(options, error, said):
    before = set(registry())
    with pytest.raises(error, match=said):
        obi.Board(TWO, **options)
    assert set(registry()) == before
    wait_for(lambda: not running(), "its threads to end")


def test_the_past_of_another_market_is_refused():
    history = obi.simulate("sim:SOL-PERP", seconds=2)
    for source, said in ((TWO[0], "past has sim:SOL-PERP for 'sim:BTC-PERP'"),
                         ("sim:SOL-PERP", "the board follows no such source")):  # fmt: skip
        with pytest.raises(ArgumentError, match=said):
            obi.Board(TWO, past={source: history})


def test_a_market_whose_cards_fail_says_so_and_the_others_go_on(board_of, recordings):
    one, other = recordings
    board = board_of()
    board._board.cards._past[other] = "no history"  # as if a check had missed it
    board.cards = "scalp"
    wait_for(lambda: board.to_frame().loc[one, "card"] in READY, "the one that goes on")
    wait_for(lambda: board.to_frame().loc[other, "card"] == "failed", "the other's error")
    table = board.to_frame()
    assert table.loc[other, "card_reason"].startswith("The cards could not be made")
