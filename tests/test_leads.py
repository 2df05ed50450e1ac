"""Which market of a board leads: asked for by a click, computed in a thread, said on the screen."""

from __future__ import annotations

import threading
from functools import cache

import pandas as pd
import pytest
from session_tools import wait_for
from shown_tools import hear, shown

import obi_widgets as obi
from obi_widgets.calibration import lead_lag
from obi_widgets.presentation.board.leads import Leads, leads_state
from obi_widgets.session.lead_search import LeadSearch


@cache
def heard(late):
    """Return one market, as it is heard so many milliseconds late."""
    frame = obi.simulate(seconds=600, levels=2, seed=3).to_frame(levels=2)
    return obi.History.from_frame(
        frame.assign(received=frame.index + pd.Timedelta(late, unit="ms"))
    )


@pytest.fixture
def search():
    """A search, with what it wakes."""
    made = LeadSearch(threading.Event())
    yield made
    made.close()


def result(search):
    return wait_for(lambda: search.found if not search.found.looking else None, "a result")


@pytest.mark.slow
def test_a_market_that_is_heard_later_is_led(search):
    histories = {"near": heard(20), "far": heard(520)}
    assert search.found is None
    search.ask(histories)
    found = result(search)
    assert search._wake.is_set()
    (sentence,) = found.sentences
    assert sentence == obi.lead_lag(histories)["says"].item()
    assert sentence.startswith("near leads far by 0.50 s (0.45 to 0.55 s)")
    assert found.end == histories["near"].received[-1]
    assert found.seconds == pytest.approx(600 - 0.6, abs=0.1)
    assert leads_state(found)["head"].startswith(
        "1 pair, over 10 min up to 00:10:00 UTC. Each pair"
    )


def test_a_search_that_cannot_begin_does_not_go_on_for_ever(search, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            search.ask({})
    assert search.found is None
    search.close()


def test_leads_come_first_and_other_pairs_stand_together():
    pairs = (
        ("A", "B", "No relation beyond chance."),
        ("A", "C", "C leads A by 0.30 s."),
        ("B", "C", "No relation beyond chance."),
        ("B", "D", "Too short to tell."),
    )
    assert Leads(pairs=pairs).sentences == [
        "C leads A by 0.30 s.",
        "A and B, B and C: no relation beyond chance.",
        "B and D: too short to tell.",
    ]
    many = tuple(("A", str(number), "Too short to tell.") for number in range(4))
    assert Leads(pairs=many).sentences == ["4 pairs: too short to tell."]
    assert leads_state(None) == {"looking": False, "head": "", "sentences": []}


def test_what_cannot_be_compared_says_why(search):
    search.ask({"one": heard(20)})
    state = leads_state(result(search))
    assert state["sentences"] == [
        "There are fewer than two histories. Give a dict of two or more, such as "
        "{'BTC': history, 'ETH': other}."
    ]
    assert state["head"] == ""


def test_a_question_is_answered_once_and_not_after_others_are_shown(search, monkeypatch):
    entered, released, asked = threading.Event(), threading.Event(), []

    def held_up(histories):
        asked.append(list(histories))
        entered.set()
        assert released.wait(60)
        raise RuntimeError("broken")

    monkeypatch.setattr(lead_lag, "lead_lag", held_up)
    histories = {"near": heard(20), "far": heard(520)}
    search.ask(histories)
    assert entered.wait(60)
    search.ask(histories)
    assert (search.found.looking, asked) == (True, [["near", "far"]])
    search.forget()
    released.set()
    search._thread.join(60)
    assert search.found is None
    search.ask(histories)
    assert "broken" in result(search).error
    search.close()
    search.ask(histories)
    assert len(asked) == 2


def test_the_screen_of_a_board_says_what_was_found():
    board = obi.Board(["sim:BTC-PERP", "sim:ETH-PERP", "sim:SOL-PERP"], seed=3, warmup=5.0)
    try:
        board.wait(20)
        board.compare(["sim:BTC-PERP", "sim:SOL-PERP"])
        hear(board._page)
        wait_for(lambda: shown(board._beside.chart)["names"], "the chart")
        assert shown(board._beside.chart)["leads"]["sentences"] == []
        board._do(None, {"do": "leads"}, None)
        said = wait_for(lambda: shown(board._beside.chart)["leads"]["sentences"], "what was found")
        assert "BTC-PERP and SOL-PERP" in said[0], "two independent markets"
        board.compare(["sim:BTC-PERP", "sim:ETH-PERP"])
        wait_for(
            lambda: not shown(board._beside.chart)["leads"]["sentences"], "no result of others"
        )
    finally:
        board.close()
    wait_for(
        lambda: not [one for one in threading.enumerate() if one.name == "obi-leads"],
        "threads to end",
    )
