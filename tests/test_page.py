"""What a page and the kernel say to each other, without a browser."""

from __future__ import annotations

import numpy as np
import pytest
from frame_decoder import FrameDecoder, MissedFrameError
from session_tools import wait_for
from shown_tools import hear, shown

import obi_widgets as obi
from obi_widgets.widgets import page as pages
from obi_widgets.widgets import panel

# -- whether anybody looks -----------------------------------------------------------------


@pytest.fixture
def came():
    return []


@pytest.fixture
def page(came):
    page = pages.PageWidget(lambda: came.append(1))
    yield page
    panel.close_tree(page, page.close)


@pytest.fixture
def clock(monkeypatch):
    """A clock of the page's module that one sets."""
    now = [pages.time.monotonic()]
    monkeypatch.setattr(pages.time, "monotonic", lambda: now[0])
    return now


def words_to(page, wire):
    """Let the kernel say that it lives; return how many messages that was."""
    before = len(wire.sizes)
    page.keep_alive()
    return len(wire.sizes) - before


def test_nobody_looks_until_a_view_says_so_and_when_it_says_no_more(page):
    assert not page.looked_at
    hear(page)
    assert page.looked_at
    hear(page, "two", seen=False)
    assert page.looked_at
    hear(page, seen=False)
    assert not page.looked_at


def test_a_page_that_has_not_painted_what_it_was_sent_gets_no_more(page):
    hear(page)
    for number in range(pages.IN_FLIGHT):
        page.show([(page, {"number": number})])
    assert not page.looked_at
    assert page.may_look, "but a frame with each word that the kernel lives"
    hear(page, frame=8)
    assert page.looked_at


def test_a_page_that_is_gone_is_known_no_more(page, wire):
    hear(page)
    hear(page, "two", seen=False)
    assert words_to(page, wire) == 1
    hear(page, seen=False, gone=True)
    assert not page.may_look
    assert words_to(page, wire) == 1, "the other one, which is hidden, still hears"
    hear(page, "two", seen=False, gone=True)
    assert words_to(page, wire) == 0
    assert page._views == {}


def test_a_page_that_is_not_heard_is_spoken_to_for_ten_minutes(page, clock, wire):
    hear(page)
    clock[0] += pages.SILENT_AFTER + 1
    assert not page.looked_at
    assert page.may_look, "its words may be lost"
    assert words_to(page, wire) == 1
    clock[0] += pages.FORGET_AFTER
    assert not page.may_look
    assert words_to(page, wire) == 0
    hear(page, "another")
    assert list(page._views) == ["another"]


def test_a_hidden_page_hears_and_gets_no_frame(page, clock, wire):
    hear(page, seen=False)
    assert not page.looked_at
    assert not page.may_look
    assert words_to(page, wire) == 1
    assert max(wire.sizes) < 200, "a word without data"


def test_a_page_that_comes_into_sight_is_answered_and_no_other(page, came):
    hear(page, seen=False)
    assert not came
    hear(page)
    assert len(came) == 1
    hear(page, frame=3)
    assert len(came) == 1, "it was in sight before"
    hear(page, "two")
    assert len(came) == 2


def test_a_page_that_was_cut_off_is_answered_once(page, clock, came):
    hear(page)
    for _ in range(3):
        clock[0] += 1
        hear(page)
    assert len(came) == 1, "it says every second that it is still here"
    clock[0] += pages.ANSWER_AFTER
    for _ in range(20):  # the words that waited for the connection
        hear(page)
    assert len(came) == 2


def test_while_the_kernel_is_busy_it_cannot_hear_and_a_page_counts_as_before(
    page, clock, monkeypatch
):
    hear(page)
    clock[0] += pages.SILENT_AFTER + 1
    monkeypatch.setattr(page._pulse, "busy", lambda: True)
    assert page.looked_at
    hear(page, seen=False)
    assert not page.looked_at


def test_a_page_is_told_whether_its_session_goes_on():
    session = obi.Session("sim:ETH-PERP", seed=1, warmup=1)
    part = obi.BookWidget(session)
    assert part._page.life == "on"
    session.close()
    assert part._page.life == "over"
    late = obi.BookWidget(session)
    assert late._page.life == "over", "of a session that had been closed before"
    alone = obi.SettingsWidget(obi.Settings())
    assert alone._page.life == "", "there is nothing to hear"
    for one in (part, late, alone):
        one.close()


def test_the_end_is_shown_to_who_looks_away_too():
    session = obi.Session("sim:ETH-PERP", seed=1, warmup=1)
    line = obi.StatusWidget(session)
    hear(line._page)
    wait_for(lambda: shown(line._line)["state"] == "live", "live")
    hear(line._page, seen=False)
    session.close()
    assert shown(line._line)["state"] == "closed"
    assert shown(line._line)["message"].startswith("The session was closed.")
    line.close()


# -- frames ------------------------------------------------------------------------------------


def line(end, widget, **more):
    """A frame: a line of fifty points, and more."""
    return [(widget, {"x": np.arange(end - 50.0, end), **more})]


def test_a_frame_is_one_message_and_the_next_only_what_is_new(page, wire):
    page.show(line(50, page, title="mid"))
    page.show(line(52, page, title="mid"))
    assert len(wire.sizes) == 2
    assert wire.sizes[1] < wire.sizes[0] - 150
    decoder = FrameDecoder()
    for message in wire.sent:
        decoder.take(*message)
    assert decoder.frame[page.model_id, "x"].tolist() == list(range(2, 52))
    assert decoder.frame[page.model_id, "title"] == "mid"
    page.show(line(52, page, title="mid"))
    assert len(wire.sizes) == 2, "nothing is new"


def test_a_page_that_lacks_a_frame_is_sent_a_whole_one_once(page, came, wire):
    page.show(line(50, page))
    page.show(line(51, page))
    late = FrameDecoder()
    with pytest.raises(MissedFrameError):
        late.take(*wire.sent[-1])
    hear(page, lacks=True, frame=None)
    assert came == [1]
    page.show(line(52, page))
    late.take(*wire.sent[-1])
    assert late.frame[page.model_id, "x"].tolist() == list(range(2, 52))
    page.show(line(53, page))
    assert wire.sent[-1][0]["on"] == page.frame - 1
    late.take(*wire.sent[-1])


def test_who_lacks_a_frame_gets_one_though_nothing_moves(page, wire):
    page.show(line(50, page))
    wire.sent.clear()
    hear(page, lacks=True, frame=None)
    page.keep_alive()  # as the publisher does at once
    frame, alive = wire.sent
    decoder = FrameDecoder()
    decoder.take(*frame)
    assert decoder.frame[page.model_id, "x"].tolist() == list(range(50))
    assert alive[0] == {"alive": decoder.number}


def test_who_comes_when_all_is_over_gets_the_last_frame(page, wire):
    page.show(line(50, page))
    page.life = "over"
    wire.sent.clear()
    hear(page, lacks=True, frame=None)
    (message,) = wire.sent
    assert message[0]["on"] is None


def test_a_page_that_is_loaded_again_is_not_behind(page):
    for end in range(100, 200):
        page.show(line(end, page))
    hear(page, lacks=True, frame=None)
    assert page.looked_at


def test_what_lacks_before_there_is_a_frame_gets_the_first(page, wire):
    hear(page, lacks=True, frame=None)
    page.keep_alive()
    assert [content for content, _ in wire.sent] == [{"alive": 0}]
    page.show(line(50, page))
    assert wire.sent[-1][0]["on"] is None
