"""What the publisher shows, when, and to whom."""

from __future__ import annotations

import math
import threading
import time
import weakref
from itertools import groupby
from types import SimpleNamespace

import pytest
from session_tools import View, at_rest, following, freed, wait_for

import obi_widgets as obi
from obi_widgets.history import memory
from obi_widgets.presentation.frames.frame_maker import FrameMaker
from obi_widgets.session import message_rate, publishing
from obi_widgets.signals.signal import Signal


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "sim"
    return obi.record("sim:ETH-PERP", path, seconds=0.2, warmup=10.0, seed=2)


@pytest.fixture
def recording(recorded, monkeypatch):
    """A recording that is at rest with its last state: no rate of messages fades for seconds."""
    monkeypatch.setattr(message_rate.Rate, "follow", lambda *_: None)
    return recorded


def decays(frames):
    """Return the decays that frames were of, each run of the same once."""
    return [decay for decay, _ in groupby(frame.parameters.decay for frame in frames)]


def noted(view, note, since=0):
    """Wait for a frame with a note, from a frame on; it may be gone from the newest by then."""
    there = lambda: next((n for n in view.frames[since:] if n.note == note), None)  # noqa: E731
    return wait_for(there, f"the note {note!r}")


def test_the_newest_settings_win_and_none_wait_in_line(recording, monkeypatch):
    """While one value is being computed, a hundred more are set: only the last is computed too."""
    entered, released = threading.Event(), threading.Event()
    real = Signal.compute

    def held_up(*given):
        entered.set()
        assert released.wait(90)
        return real(*given)

    view = View()
    with following(recording, view, speed=None) as session:
        before = at_rest(view)
        monkeypatch.setattr(Signal, "compute", held_up)
        session.settings.decay = 1.0
        assert entered.wait(60)
        for n in range(100):
            session.settings.decay = 2.0 + n / 10
        session.settings.decay = 77.0
        released.set()
        wait_for(lambda: view.frames[-1].parameters.decay == 77.0)
        assert decays(view.frames[before:]) == [1.0, 77.0]


def test_a_slow_recompute_is_at_most_one_behind(recording, monkeypatch):
    real, computed = Signal.compute, []

    def slow(signal, history, values, first=None):
        if first is not None:  # else it is asked what decay does
            computed.append(values["decay"])
            time.sleep(0.2)
        return real(signal, history, values, first or 0)

    view = View()
    with following(recording, view, speed=None) as session:
        before = at_rest(view)
        monkeypatch.setattr(Signal, "compute", slow)
        began = time.monotonic()
        for n in range(60):
            session.settings.decay = (n + 1) / 10
            time.sleep(0.01)
        took = time.monotonic() - began
        wait_for(lambda: view.frames[-1].parameters.decay == 6.0)
        assert computed[-1] == 6.0
        assert len(computed) <= took / 0.2 + 2
        assert sorted(computed) == computed
        assert decays(view.frames[before:]) == computed


def test_assigning_does_not_wait_for_the_recompute(recording, monkeypatch):
    released = threading.Event()
    real = Signal.compute
    monkeypatch.setattr(Signal, "compute", lambda *a: released.wait(90) and real(*a))
    with following(recording, View(), speed=None) as session:
        for n in range(1000):
            session.settings.decay = n / 100
        assert not released.is_set()
        released.set()


def test_when_nothing_changes_nothing_is_shown(recording):
    view = View()
    with following(recording, view, speed=None) as session:
        shown = at_rest(view)
        time.sleep(0.5)
        assert len(view.frames) == shown
        session.settings.decay = 4.0
        wait_for(lambda: len(view.frames) == shown + 1)
        session.settings.decay = 4.0
        time.sleep(0.3)
        assert len(view.frames) == shown + 1


def test_a_frame_of_data_delays_no_answer_but_an_answer_delays_the_next(monkeypatch):
    monkeypatch.setattr(publishing, "FRAME_EVERY", 0.01)
    monkeypatch.setattr(publishing, "SOONEST", 600.0)
    wake, closing, shown = threading.Event(), threading.Event(), threading.Semaphore(0)

    def show():
        publishing.FRAME_EVERY = 600.0  # no frame of data after the first one
        shown.release()

    session = SimpleNamespace(publisher=SimpleNamespace(round=show), end_if_forgotten=lambda: None)
    thread = threading.Thread(
        target=publishing._publish, args=(lambda: session, wake, closing, lambda: None)
    )
    thread.start()
    try:
        assert shown.acquire(timeout=60)
        wake.set()
        assert shown.acquire(timeout=60)
        wake.set()
        assert not shown.acquire(timeout=0.2)
    finally:
        closing.set()
        wake.set()
        thread.join(60)
    assert not thread.is_alive()


def test_what_nobody_looks_at_is_not_computed(recording, monkeypatch):
    computed = []
    real = Signal.compute
    monkeypatch.setattr(Signal, "compute", lambda *a: computed.append(a) or real(*a))
    view = View(looked_at=False)
    with following(recording, view, speed=None) as session:
        wait_for(lambda: session.market.state == "closed")
        session.settings.decay = 5.0
        time.sleep(0.4)
        assert view.frames == computed == []
        view.looked_at = True
        wait_for(lambda: view.frames and view.frames[-1].parameters.decay == 5.0)


def test_who_looks_again_is_shown_what_has_not_changed(recording):
    first, second = View(), View(looked_at=False)
    with following(recording, first, second, speed=None) as session:
        at_rest(first)
        assert second.frames == []
        second.looked_at = True
        wait_for(lambda: second.frames)
        assert second.frames[-1].states == len(session.history)
        shown = len(second.frames)
        second.looked_at = first.looked_at = False
        time.sleep(0.25)
        second.looked_at = True
        wait_for(lambda: len(second.frames) > shown)


def test_who_comes_late_is_shown_what_has_not_changed(recording):
    first, second = View(), View()
    with following(recording, first, speed=None) as session:
        at_rest(first)
        session.attach(second)
        wait_for(lambda: second.frames)
        assert second.frames[-1].states == first.frames[-1].states


def test_who_was_detached_is_shown_nothing_more():
    first, second = View(), View()
    with following("sim:BTC-PERP", first, second, warmup=1.0) as session:
        wait_for(lambda: second.frames)
        session.detach(second)
        session.detach(second)
        begun = len(first.frames)
        wait_for(lambda: len(first.frames) > begun + 1)
        shown = len(second.frames)
        wait_for(lambda: len(first.frames) > begun + 3)
        assert len(second.frames) == shown


def test_a_note_goes_by_itself_and_an_error_that_holds_stays(recording, monkeypatch, caplog):
    monkeypatch.setattr(publishing, "NOTE_STAYS", 0.3)
    good, bad = View(), View(looked_at=False, fails=ValueError("no canvas"))
    with following(recording, good, bad, speed=None) as session:
        at_rest(good)
        session.tell("Saved.")
        told = noted(good, "Saved.").told
        wait_for(lambda: good.frames[-1].note == "")
        shown = len(good.frames)
        session.tell("Saved.")
        again = noted(good, "Saved.", shown)
        assert again.told == told + 1, "the same, told again, is another"
        bad.looked_at = True
        wait_for(lambda: "no canvas" in good.frames[-1].note)
        tried = at_rest(bad)
        time.sleep(0.4)
        assert "no canvas" in session.publisher.note
        assert len(bad.frames) == tried
        bad.fails = None
        session.refresh()
        wait_for(lambda: good.frames[-1].note == "")


def test_a_note_waits_for_somebody_who_looks(recording, monkeypatch):
    monkeypatch.setattr(publishing, "NOTE_STAYS", 0.3)
    view = View(looked_at=False)
    with following(recording, view, speed=None) as session:
        session.tell("Saved.")
        time.sleep(0.8)
        view.looked_at = True
        noted(view, "Saved.")


def test_every_page_hears_that_the_kernel_goes_on(recording, monkeypatch):
    """Also one that is hidden, and while nothing changes; a frame goes only to who may look."""
    monkeypatch.setattr(publishing, "ALIVE_EVERY", 0.2)
    hidden, unheard, looking = View(looked_at=False), View(looked_at=False), View()
    unheard.may_look = True
    with following(recording, hidden, unheard, looking, speed=None) as session:
        shown = at_rest(looking)
        frames, words = len(unheard.frames), hidden.words
        wait_for(lambda: hidden.words > words + 2)
        assert hidden.frames == []
        assert len(unheard.frames) > frames
        assert unheard.frames[-1].states == len(session.history)
        assert len(looking.frames) == shown, "who has it is not shown it again"
    ended = looking.words
    assert all(view.ended for view in (hidden, unheard, looking))
    assert hidden.frames[-1].state == "closed", "the last one is for everybody"
    time.sleep(0.5)
    assert looking.words == ended


def test_a_page_that_comes_into_sight_hears_at_once(recording, monkeypatch):
    monkeypatch.setattr(publishing, "ALIVE_EVERY", 1000.0)  # it would hear nothing else
    view = View(looked_at=False)
    with following(recording, view, speed=None) as session:
        wait_for(lambda: session.market.state == "closed")
        for _ in range(5):
            words = view.words
            session.publisher.answer()
            wait_for(lambda words=words: view.words > words)


def test_the_rate_leaves_out_the_past_that_is_played_at_once():
    market = SimpleNamespace(warming=True, state="live")
    feed = SimpleNamespace(market=market, as_fast_as_possible=False, messages=0)
    rate = message_rate.Rate()
    rate.follow(feed)
    assert math.isnan(rate.now)
    feed.messages = 30_000
    rate.follow(feed)
    assert math.isnan(rate.now)
    market.warming, feed.as_fast_as_possible = False, True
    rate.follow(feed)
    assert math.isnan(rate.now)
    feed.as_fast_as_possible = False
    rate.follow(feed)
    time.sleep(0.05)
    feed.messages += 1
    rate.follow(feed)
    assert 0 < rate.now < 1 / 0.05


def test_a_session_that_nobody_holds_is_published_no_more():
    session = obi.Session("sim:BTC-PERP", warmup=0)
    wake = session._wake
    thread = session.publisher.start(weakref.ref(session), lambda: None)
    gone = weakref.ref(session)
    del session
    freed(gone)
    wake.set()
    thread.join(60)
    assert not thread.is_alive()


def test_a_note_is_shown_until_the_next(recording):
    view = View()
    with following(recording, view, speed=None) as session:
        at_rest(view)
        for note in ("Saved.", "Loaded.", ""):
            session.tell(note)
            wait_for(lambda wanted=note: view.frames[-1].note == wanted)


def test_a_view_that_fails_keeps_no_other_from_its_frames(recording, caplog):
    bad, good = View(fails=ValueError("no canvas")), View()
    with following(recording, bad, good, speed=None) as session:
        said = "A frame could not be shown: ValueError('no canvas'). Please report this."
        wait_for(lambda: good.frames and good.frames[-1].note == said)
        session.settings.decay = 6.0
        wait_for(lambda: good.frames[-1].parameters.decay == 6.0)
        assert bad.frames[-1].parameters.decay == 6.0
        assert "no canvas" in caplog.text
        bad.fails = None
        session.tell("")
        wait_for(lambda: good.frames[-1].note == bad.frames[-1].note == "")


def test_a_view_that_fails_is_not_tried_again_until_something_changes(recording, caplog):
    bad, good = View(fails=ValueError("no canvas")), View()
    with following(recording, good, bad, speed=None):
        at_rest(good)
        wait_for(lambda: good.frames[-1].note)
        tried = len(bad.frames)
        time.sleep(0.4)
        assert len(bad.frames) == tried


def test_a_computation_that_fails_does_not_end_the_publisher(recording, monkeypatch, caplog):
    view = View()
    with following(recording, view, speed=None) as session:
        at_rest(view)
        real = Signal.compute

        def fail(*_):
            raise ZeroDivisionError("one")

        monkeypatch.setattr(Signal, "compute", fail)
        session.settings.decay = 8.0
        wait_for(lambda: "ZeroDivisionError" in caplog.text)
        monkeypatch.setattr(Signal, "compute", real)
        wait_for(lambda: view.frames[-1].parameters.decay == 8.0)
        assert view.frames[-1].signal == obi.imbalance(session.history, session.settings)[-1]
        said = "A frame could not be shown: ZeroDivisionError('one'). Please report this."
        assert view.frames[-1].note == said


def test_a_page_that_cannot_be_told_anything_does_not_end_the_publisher(
    recording, monkeypatch, caplog
):
    monkeypatch.setattr(publishing, "ALIVE_EVERY", 0.1)
    view = View()
    monkeypatch.setattr(view, "keep_alive", lambda: 1 / 0)
    with following(recording, view, speed=None) as session:
        wait_for(lambda: "ZeroDivisionError" in caplog.text)
        session.settings.decay = 9.0
        wait_for(lambda: view.frames[-1].parameters.decay == 9.0)


def test_two_threads_never_make_a_frame_at_once(monkeypatch):
    """A market of a board is closed while the board's thread makes a frame of it."""
    entered, released, together = threading.Event(), threading.Event(), []
    making = threading.Lock()
    real = FrameMaker.make

    def held_up(*given, **more):
        together.append(not making.acquire(blocking=False))
        try:
            entered.set()
            assert released.wait(60)
            return real(*given, **more)
        finally:
            making.release()

    board = obi.Board(["sim:BTC-PERP", "sim:ETH-PERP"], seed=3, warmup=2.0)
    view, session = View(), board["sim:ETH-PERP"]
    try:
        board.wait(5)
        monkeypatch.setattr(FrameMaker, "make", held_up)
        session.attach(view)
        assert entered.wait(60)
        closing = threading.Thread(target=session.close)
        closing.start()
        wait_for(lambda: session.closed and session.market.state == "closed", "the market's end")
        closing.join(timeout=0.1)
        assert closing.is_alive(), "it waits for the frame"
        released.set()
        closing.join(timeout=60)
        assert view.ended
        assert view.frames[-1].state == "closed"
        assert not any(together)
    finally:
        released.set()
        board.close()


def test_who_closes_does_not_wait_for_ever(recording, monkeypatch, caplog):
    entered, released = threading.Event(), threading.Event()

    class Stuck(View):
        def show(self, frame):
            entered.set()
            released.wait(60)

    monkeypatch.setattr(publishing, "WAIT_FOR_FRAME", 0.05)
    view = Stuck()
    with following(recording, view, speed=None) as session:
        assert entered.wait(60)
        session.publisher.end(show=True)
        assert view.ended
        assert "A frame took over" in caplog.text
        released.set()


def test_a_view_of_a_closed_session_gets_the_last_frame(recording):
    with following(recording, first := View(), speed=None) as session:
        at_rest(first)
    later = View(looked_at=False)
    session.attach(later)
    assert later.ended
    assert [frame.states for frame in later.frames] == [first.frames[-1].states]
    assert session.publisher.views == []


def test_freed_memory_is_given_back_once_a_minute_however_many_publish(recording, monkeypatch):
    given, clock = [], SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(memory, "give_back", lambda: given.append(clock.now))
    monkeypatch.setattr(memory, "time", clock)
    returns = memory.Returns()
    monkeypatch.setattr(publishing, "RETURNS", returns)
    with following(recording, View()) as one, following(recording, View()) as two:
        for session in (one, two):
            session.start()
        clock.now = memory.GIVE_BACK_EVERY
        wait_for(lambda: given, "memory to be given back")
        returns.look()
        clock.now += memory.GIVE_BACK_EVERY - 1
        returns.look()
        in_the_first_minute = list(given)
        clock.now += 1
        wait_for(lambda: len(given) > 1, "memory to be given back again")
    assert in_the_first_minute == [60.0]
    assert given == [60.0, 120.0]
