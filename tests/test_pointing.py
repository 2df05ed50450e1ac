"""What pages say that the mouse points at, and what charts, ladder and list show of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from session_tools import wait_for
from shown_tools import shown

import obi_widgets as obi
from obi_widgets.presentation.reading.cursor import Cursor, PointedEntry
from obi_widgets.presentation.texts.entry_marks import in_view
from obi_widgets.presentation.texts.reading_text import clock

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def paused():
    """A lab whose screen stands still."""
    settings = obi.Settings(threshold=0.3, hold_seconds=5)
    lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=200, settings=settings)
    try:
        wait_for(lambda: lab.session.market.has_book, "the past, and a book of now")
        lab.pause()
        yield lab
    finally:
        lab.close()


@pytest.fixture
def lab(paused):
    yield paused
    paused.session.pin()
    paused.session.look_at(300)
    paused.listing = False


def show(lab):
    """Show a frame as the publisher would, in this thread."""
    session = lab.session
    frame = session.publisher.frame(session.shown(), lab.settings.parameters)
    lab.show(frame)
    return frame


def say(chart, **content):
    """Let a page say something of a chart."""
    chart._overlay._handle_custom_msg(content, [])


def reading(chart):
    return shown(chart._overlay, "reading")


def test_a_hover_is_read_in_all_charts_and_in_the_ladder_of_one_page(lab):
    show(lab)
    assert reading(lab.price) is None
    say(lab.price, do="cursor", at=0.5, view="a")
    frame = show(lab)
    window = frame.window
    time = window.start + (window.end - window.start) // 2
    assert frame.reading.asked == time
    row = int(np.searchsorted(frame.history.time, time, "right")) - 1
    for chart, value in (
        (lab.price, frame.history.mid[row]), (lab.signal_chart, frame.reading.signal),
    ):  # fmt: skip
        state = reading(chart)
        assert (state["view"], state["at"], state["pinned"]) == ("a", 0.5, False)
        assert state["dots"][0][0] == value
        place = shown(chart._overlay, "place")
        assert state["time"] == pytest.approx(sum(place["window"]) / 2)
    assert "rows" in reading(lab.price)
    assert "rows" not in reading(lab.signal_chart), "one box says it"
    then = shown(lab.book._ladder, "then")
    assert then["head"].startswith("Book at ")
    assert [line[0] for line in then["bids"]] == [
        f"{price:,.1f}" for price in frame.history.prices(+1)[row, : lab.book._ladder.rows]
    ]
    now = shown(lab.book._ladder)
    assert now["bids"][0][0] == f"{frame.history.bid[-1]:,.1f}", "now stays as it is"
    say(lab.signal_chart, do="cursor", at=None, view="a")
    show(lab)
    assert reading(lab.price) is shown(lab.book._ladder, "then") is None


def test_the_ladder_of_then_has_a_scale_of_its_own(lab):
    show(lab)
    history = lab.session.shown()
    before = shown(lab.book._ladder)
    sizes = [history.sizes(side)[:, : lab.book._ladder.rows] for side in (+1, -1)]
    largest = np.fmax(*(np.nanmax(side, axis=1, initial=0) for side in sizes))
    row = int(np.argmin(largest[:-1]))
    lab.session.pin(int(history.time[row]))
    show(lab)
    then = shown(lab.book._ladder, "then")
    wanted = [np.round(1000 * np.sqrt(side[row] / largest[row])).tolist() for side in sizes]
    assert [[line[2] for line in then[name]] for name in ("bids", "asks")] == [
        [width for width in side if width == width] for side in wanted
    ]
    assert max(line[2] for line in [*then["bids"], *then["asks"]]) == 1000
    assert shown(lab.book._ladder)["bids"] == before["bids"], "and does not change that of now"


def test_stacked_signals_are_read_in_their_charts_and_in_the_box(lab):
    lab.add_signal("queue_imbalance", threshold=0.7)
    try:
        (chart,) = [chart for chart in lab._parts if getattr(chart, "stacked", None)]
        for row in (-500, -50):
            lab.session.pin(int(lab.session.shown().time[row]))
            frame = show(lab)
            value = obi.queue_imbalance(frame.history)[row]
            (dot,) = reading(chart)["dots"]
            assert dot[0] == value
            names = [name for name, _, _ in reading(lab.price)["rows"]]
            at = names.index("queue imbalance")
            assert reading(lab.price)["rows"][at][1].startswith(dot[1])
            away = reading(lab.price)["rows"][at + 1]
            assert away[0] == ""
            assert f"{abs(abs(value) - 0.7):.2f}" in away[1]
            assert f"queue imbalance {dot[1]}" in reading(lab.price)["spoken"]
            assert lab.read(lab.session.cursor.pinned).stacked == frame.reading.stacked
    finally:
        lab.remove_signal("queue_imbalance")


def test_the_equity_chart_says_what_had_been_gained_by_then(lab):
    trades = show(lab).trades
    row = int(np.flatnonzero(trades.exit_time > 0)[-4])
    lab.session.pin(int(trades.exit_time[row]))
    frame = show(lab)
    ended = (trades.exit_time >= frame.window.start) & (trades.exit_time > 0)
    ended &= trades.exit_time <= trades.exit_time[row]
    gross, net = reading(lab.equity)["dots"]
    assert gross[0] == pytest.approx(trades.gross_bps[ended].sum())
    assert net[0] == pytest.approx(trades.net_bps[ended].sum())


def test_a_pin_is_in_milliseconds_and_is_let_go(lab):
    time = int(lab.session.shown().time[500]) // 1_000_000 * 1_000_000
    say(lab.price, do="cursor", time=time / 1e6)
    assert lab.session.cursor.pinned == pytest.approx(time, abs=1000)
    show(lab)
    assert reading(lab.price)["pinned"]
    say(lab.price, do="step", by=2)
    assert lab.session.cursor.pinned in lab.session.shown().time
    lab.book._ladder._handle_custom_msg({"do": "cursor", "time": None}, [])
    assert lab.session.cursor is None


def test_a_pin_out_of_the_window_is_still_read_and_can_be_gone_to(lab):
    lab.session.look_at(30)
    time = int(lab.session.shown().time[300])
    lab.session.pin(time)
    frame = show(lab)
    assert not frame.window.start <= time <= frame.window.end
    state = reading(lab.price)
    assert state["time"] < shown(lab.price._overlay, "place")["window"][0]
    assert state["rows"][0] == ["mid", f"{frame.history.mid[300]:,.2f}", ""]
    assert shown(lab.book._ladder, "then")["head"].startswith("Book at ")
    say(lab.price, do="there")
    frame = show(lab)
    assert frame.window.start < time < frame.window.end
    assert frame.cursor == Cursor(pinned=time)
    lab.session.pin()
    before = lab.session.time_range
    say(lab.price, do="there")
    assert lab.session.time_range == before, "without a pin there is nowhere to go"


def test_a_typed_time_is_gone_to_and_what_is_no_time_is_refused(lab, monkeypatch):
    said = []
    monkeypatch.setattr(lab.book._ladder, "send", said.append)
    history = lab.session.shown()
    lab.session.look_at(10)
    time = int(history.time[300])
    whole = time // SECOND * SECOND
    of_day = clock(whole, 0)
    lab.book._ladder._handle_custom_msg({"do": "goto", "time": f" {of_day} "}, [])
    frame = show(lab)
    assert said == [{"refused": ""}]
    assert frame.cursor == Cursor(pinned=whole)
    assert frame.window.start < whole < frame.window.end
    assert frame.reading.time == history.time[history.time.searchsorted(whole, "right") - 1]
    assert lab.read(of_day).time == frame.reading.time
    lab.session.go_to(clock(int(history.time[0]), 0))
    assert lab.session.cursor.pinned == history.time[0], "its second, as it is written"
    before = lab.session.cursor
    edges = " to ".join(clock(int(edge), 0) for edge in history.time[[0, -1]])
    for text, problem in (
        ("25:00", "is not a time. Give a time of day such as 15:23:12"),
        ("noon-ish", "is not a time"),
        (clock(int(history.time[0]) - 60 * SECOND, 0), f"Give a time from {edges} UTC."),
        (clock(int(history.time[-1]) + 60 * SECOND, 0), f"Give a time from {edges} UTC."),
    ):
        lab.book._ladder._handle_custom_msg({"do": "goto", "time": text}, [])
        assert problem in said[-1]["refused"]
        assert lab.session.cursor == before


def test_left_of_the_data_the_screen_says_so(lab):
    lab.session.look_at(3600)
    say(lab.price, do="cursor", at=0.01, view="a")
    show(lab)
    state = reading(lab.price)
    assert state["rows"] == [["", "Before the first state.", ""]]
    assert (state["dots"], state["value"]) == ([], "")
    then = shown(lab.book._ladder, "then")
    assert (then["head"], then["note"]) == ("No book", "Before the first state.")
    assert (then["bids"], then["asks"], then["mid"]) == ([], [], "–")


def test_marks_are_pointed_at_by_the_milliseconds_of_their_entry(lab):
    trades = show(lab).trades
    row = int(np.flatnonzero(trades.exit_time > 0)[-2])
    place = shown(lab.price._overlay, "place")
    entered = shown(lab.price._overlay, "entries")[0]
    away = abs(place["origin"] + entered.astype(float) - trades.entry_time[row] / 1e6)
    drawn = place["origin"] + int(entered[np.argmin(away)])
    say(lab.price, do="entry", time=drawn, view="a")
    frame = show(lab)
    assert frame.pointed == PointedEntry(int(trades.decision_time[frame.entry.row]), "a")
    box = shown(lab.price._overlay, "pointed")
    assert (box["chosen"], box["view"]) == (False, "a")
    assert box["entered"] in entered
    assert box["price"] == trades.exit_price[frame.entry.row]
    say(lab.price, do="entry", time=None, view="a")
    show(lab)
    assert shown(lab.price._overlay, "pointed") is None
    say(lab.price, do="choose", time=drawn)
    assert lab.session.cursor == Cursor(pinned=int(trades.entry_time[frame.entry.row]))
    show(lab)
    assert shown(lab.price._overlay, "pointed")["chosen"]


def test_the_list_is_sorted_and_goes_to_an_entry_out_of_view(lab):
    lab.listing = True
    lab.session.look_at(3600)
    trades = show(lab).trades
    state = shown(lab.entries._list)
    assert state["order"] == "newest"
    assert len(state["rows"]) == len(in_view(trades, show(lab).window))
    lab.entries._list._handle_custom_msg({"do": "order", "order": "worst"}, [])
    show(lab)
    first = shown(lab.entries._list)["rows"][0]
    worst = int(np.nanargmin(trades.net_bps))
    assert first[0] == int(trades.decision_time[worst]) // 1_000_000
    assert first[-2].replace("−", "-") == f"{trades.net_bps[worst]:+.2f}"
    lab.session.look_at(10)
    show(lab)  # the list is of ten seconds, the page still shows the old one
    lab.entries._list._handle_custom_msg({"do": "go", "row": first[0]}, [])
    frame = show(lab)
    assert frame.entry.row == worst
    assert frame.window.start <= trades.entry_time[worst] < frame.window.end
    assert frame.reading.time == trades.entry_time[worst]
    assert shown(lab.entries._list)["chosen"] == first[0]
    lab.entries._list._handle_custom_msg({"do": "order", "order": "sideways"}, [])
    assert shown(lab.entries._list)["order"] == "worst"


def test_the_list_alone_says_what_is_in_view(lab):
    alone = obi.EntriesWidget(lab.session)
    try:
        lab.session.look_at(300)
        frame = show(lab)
        alone.show(frame)
        many = len(in_view(frame.trades, frame.window))
        assert shown(alone._list)["said"] == f"{many} entries in view. Click one to go there."
    finally:
        alone.close()


def test_a_closed_list_costs_nothing(lab):
    show(lab)
    before = shown(lab.entries._list)
    lab.settings.threshold = 0.2
    show(lab)
    assert shown(lab.entries._list) is before
    lab.settings.threshold = 0.3


def test_reading_is_public(lab):
    time = lab.history.time[300]
    assert isinstance(lab.read(time), obi.Reading)
    assert lab.read(time).mid == lab.history.mid[300]
    assert math.isnan(lab.read(1_000_000_000 * 10**9).mid)
