"""Sessions on books that a user's code gives: by calls, a generator, or an async generator."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from given_tools import SECOND, START, STEP, book, books, frame_of
from history_tools import same
from session_tools import View, following, wait_for

import obi_widgets as obi
from obi_widgets.errors import ArgumentError, SealError, SettingsError, SourceError, VenueError


def ended(session):
    wait_for(lambda: session.market.state == "closed", "the end")
    return session.market.detail


def given(count):
    """Return what a session keeps of so many books at 5 levels a side."""
    return obi.History.from_frame(frame_of(count), tick_size=0.5)


# -- iterators ---------------------------------------------------------------------------------


async def slowly(count, *, closed=None):
    try:
        for one in books(count):
            await asyncio.sleep(0)
            yield one
    finally:
        if closed is not None:
            closed.set()


class Row:
    """An iterator that is no generator."""

    def __init__(self, count):
        self._books = list(books(count))

    def __iter__(self):
        return self

    def __next__(self):
        if not self._books:
            raise StopIteration
        return self._books.pop(0)


@pytest.mark.parametrize(
    "make", [books, slowly, Row, lambda n: list(books(n)), lambda n: map(tuple, books(n))]
)
def test_an_iterator_is_read_to_its_end(make):
    with following(make(300), levels=5, market="TOY:X") as session:
        session.start()
        assert ended(session) == "The books have ended."
        same(session.history, given(300))
        assert session.provenance().market == "TOY:X"
        assert session.provenance().source == "an iterator of books given by the user"
        assert session.feed.messages == 300
        assert not session.history.trades.streamed  # unknown, not none


def test_one_can_wait_for_its_states_and_export_them(tmp_path):
    with following(books(2000), levels=5) as session:
        session.wait(1500)
        path = session.export(tmp_path / "s.toml")
        assert obi.Settings.load(path).provenance.source.startswith("an iterator of books")
        ended(session)
        with pytest.raises(VenueError, match=r"2,000 of 3,000 states came. The books have ended"):
            session.wait(3000)


@pytest.mark.parametrize("sync", [True, False])
def test_closing_the_session_closes_the_generator(sync):
    closed = threading.Event()

    def forever():
        try:
            step = 0
            while True:
                yield book(step)
                step += 1
                time.sleep(0.001)
        finally:
            closed.set()

    with following(forever() if sync else slowly(10**9, closed=closed), levels=5) as session:
        session.wait(5)
    assert closed.wait(60)
    assert ended(session) == "The session was closed."
    wait_for(
        lambda: not [one for one in threading.enumerate() if one.name in ("obi-feed", "obi-books")],
        "threads to end",
    )
    count = len(session.history)
    assert (np.diff(session.history.time) == STEP).all()
    assert len(session.history) == count


def test_a_generator_that_waits_does_not_hold_up_the_end():
    release, waits = threading.Event(), threading.Event()

    def stuck():
        yield from books(3)
        waits.set()
        release.wait(60)
        yield book(3)

    try:
        with following(stuck(), levels=5, interval=0) as session:
            session.start()
            assert waits.wait(60)
            wait_for(lambda: len(session.history) == 3, "the states")
        assert ended(session) == "The session was closed."
    finally:
        release.set()
    wait_for(
        lambda: not [one for one in threading.enumerate() if one.name == "obi-books"], "its thread"
    )
    assert len(session.history) == 3  # what came after the end is not kept


@pytest.mark.parametrize("sync", [True, False])
def test_an_error_of_the_iterator_is_shown_and_what_came_is_kept(sync, caplog):
    def failing():
        yield from books(50)
        raise KeyError("price")

    async def failing_later():
        async for one in slowly(50):
            yield one
        raise KeyError("price")

    view = View()
    with caplog.at_level(logging.ERROR), following(
        failing() if sync else failing_later(), view, levels=5
    ) as session:  # fmt: skip
        assert ended(session) == "The iterator of books failed: KeyError('price')."
        wait_for(lambda: view.frames and view.frames[-1].state == "closed", "the last frame")
        assert view.frames[-1].detail == session.market.detail
        assert view.frames[-1].advice == (
            "Mend it, and run the cell again. The log has the traceback."
        )
        same(session.history, given(50))
    assert "KeyError" in caplog.text


def test_an_async_iterator_that_waits_for_another_loop_is_told():
    async def of_another_loop():
        yield book(0)
        raise RuntimeError("Task got Future attached to a different loop")

    with following(of_another_loop(), levels=5) as session:
        session.start()
        assert "different loop" in ended(session)
        assert session.market.advice.startswith("An async iterator runs in an event loop of its")


@pytest.mark.parametrize("item", [7, None, (1, 2), (1, 2, 3, 4), b"x"])
def test_what_is_no_book_is_left_out(item):
    with following(iter([book(0), item, book(1)]), levels=5, interval=0) as session:
        session.start()
        ended(session)
        assert len(session.history) == 3
        assert session.history.gaps == 1
        assert session.history.notes[-1] == "Books and trades that were not used: no book 1."


def test_an_iterator_of_paths_is_told_from_books(tmp_path):
    (tmp_path / "a.gz").touch()
    with following(iter(tmp_path.glob("*.gz")), levels=5) as session:
        session.start()
        assert ended(session).startswith("The iterator gave the path ")
        assert "sorted(folder.glob('*.gz'))" in session.market.advice


def test_an_iterator_has_no_link():
    with following(books(3)) as session, pytest.raises(SourceError, match="carries no data"):
        session.link()


# -- calls -------------------------------------------------------------------------------------


def test_calls_are_applied_before_they_return():
    feed = obi.Feed("TOY:X", tick_size=0.5, quote="USD")
    with following(feed, levels=5, interval=0) as session:
        for count, one in enumerate(books(20), 1):
            assert feed.book(*one)
            assert feed.trade(one[0] + 1, 1000.0, 2.0, "sell", id=count)
            assert len(session.history) == count
        history = session.history
        assert (history.tick_size, history.instrument.quote) == (0.5, "USD")
        assert history.trades.id.tolist() == list(range(1, 20))
        assert history.trades.streamed
        assert session.provenance().source == "books given to obi.Feed"
        assert session.market.state == "live"
        assert not feed.book(START + 2 * STEP, [(100.0, 1.0)], [(99.0, 1.0)])
        assert session.market.state == "gap"


def test_the_end_of_a_feed_is_shown():
    feed = obi.Feed()
    with following(feed, levels=5) as session:
        session.start()
        assert session.market.detail == "No book has come yet."
        for one in books(5):
            feed.book(*one)
        feed.close()
        assert ended(session) == "The feed was closed: no books follow."
        assert not feed.book(*book(5))
        same(session.history, given(5))
    with pytest.raises(SourceError, match=r"The feed was closed\. Make a new one"):
        obi.Session(feed)


def test_a_feed_goes_on_in_a_new_session():
    feed = obi.Feed("TOY:X")
    assert not feed.book(*book(0))  # nobody follows
    with following(feed, levels=5, interval=0) as first:
        assert feed.book(*book(1))
        with following(feed, levels=5, interval=0) as second:
            assert feed.book(*book(2))
            assert repr(feed) == "<Feed TOY:X, 2 following>"
        assert feed.book(*book(3))
        assert (len(first.history), len(second.history)) == (3, 1)
    assert not feed.book(*book(4))
    assert len(first.history) == 3


def test_books_of_many_threads_are_all_kept():
    feed = obi.Feed()
    threads, each = 8, 200
    lock, steps = threading.Lock(), iter(range(threads * each))

    def call():
        for _ in range(each):
            with lock:  # in the order of time; the feed sees to the rest
                feed.book(*book(next(steps)))
            feed.trade(START, 1000.0, 1.0, 1)

    with following(feed, levels=5, interval=0) as session:
        session.start()
        callers = [threading.Thread(target=call) for _ in range(threads)]
        for one in callers:
            one.start()
        for one in callers:
            one.join(60)
        same(session.history, given(threads * each))
        assert not session.market.failures
        assert session.feed.messages == 2 * threads * each


def test_the_newest_state_is_kept_soon_and_silence_is_told(monkeypatch):
    feed = obi.Feed()
    with following(feed, levels=5, interval=0.2) as session:
        session.start()
        for one in books(15):
            feed.book(*one)
        wait_for(lambda: int(session.history.time[-1]) == START + 14 * STEP, "the newest state")
        assert session.market.state == "live"
        monkeypatch.setattr("obi_widgets.feeds.given.venue.QUIET", 0)
        wait_for(lambda: session.market.state == "stale", "the silence to be told")
        # Whoever reads the state may notice the silence before the feed looks.
        wait_for(lambda: session.market.detail.startswith("No book came for "), "for how long")
        assert session.market.has_book  # it is the newest one
        feed.book(*book(15))
        assert session.history.gaps == 0


def test_age_is_the_time_since_the_newest_book():
    feed = obi.Feed()
    with following(feed, levels=5) as session:
        feed.book(*book(0))
        assert 0 <= session.market.age(session.feed.now()) < 60


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"market": 3}, ArgumentError),
        ({"quote": None}, ArgumentError),
        ({"tick_size": 0}, SettingsError),
        ({"tick_size": -0.5}, SettingsError),
        ({"tick_size": "0.5"}, SettingsError),
    ],
)
def test_a_wrong_feed_is_refused(arguments, error):
    with pytest.raises(error) as found:
        obi.Feed(**arguments)
    assert found.value.advice


# -- a venue of one's own ----------------------------------------------------------------------


def test_a_venue_of_ones_own_is_followed():
    from obi_widgets.market_data.venues.lmex import Simulated

    with following("sim:BTC-PERP", seed=1, warmup=5) as exchange:
        exchange.start()
        exchange.wait(1)  # the exchange has its port
        own = Simulated("BTC-PERP", endpoints=exchange.feed.exchange.endpoints)
        with following(own) as session:
            session.wait(3)
            assert session.market.venue is own


# -- histories ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def history():
    return obi.simulate(seconds=400, levels=5, seed=4)


def test_a_history_is_a_finished_recording(history, tmp_path):
    view = View()
    with following(history, view, settings=obi.Settings(depth=5)) as session:
        wait_for(lambda: view.frames, "a frame")
        frame = view.frames[-1]
        assert (frame.state, frame.replay) == ("closed", False)
        assert frame.detail == "A finished recording of 4,000 book states in 7 min."
        assert frame.window.start <= history.time[0] < history.time[-1] <= frame.window.end
        assert frame.window.end - frame.window.start < 1.01 * 400 * SECOND
        assert frame.ladder.price.shape[1] == 5
        assert session.windows == (60.0, 300.0, 900.0, 3600.0)
        session.settings.threshold = 0.05
        wait_for(lambda: view.frames[-1].parameters.threshold == 0.05, "the slider")
        expected = obi.entries(history, obi.Settings(depth=5, threshold=0.05))
        assert len(view.frames[-1].trades.decision_time) == len(expected) > 0
        assert session.history.sha256() == history.sha256()
        assert session.findings().states == 4000
        path = session.export(tmp_path / "s.toml")
        assert obi.Settings.load(path).provenance == history.provenance
        session.look_at(60.0, int(history.time[2000]))
        wait_for(lambda: view.frames[-1].window_seconds == 60.0, "the window")
        assert abs(view.frames[-1].window.end - history.time[2000]) < SECOND
        with pytest.raises(SourceError, match=r"came from a history\. Save them by lab\.history"):
            session.link()


def test_a_finished_recording_cannot_judge_what_is_sealed_now(history, tmp_path):
    with following(history) as session, pytest.raises(SealError, match=r"by obi\.sealed_test\("):
        session.seal(tmp_path / "s.json")
    assert not list(tmp_path.iterdir())


def test_a_sealed_test_on_given_books_says_whose_they_are(tmp_path):
    feed = obi.Feed("TOY:X")
    with following(feed, levels=5, settings=obi.Settings(depth=5)) as session:
        for one in books(50):
            feed.book(*one)
        test = session.seal(tmp_path / "s.json", clip_bps=50)
        assert test.seal.source == "given"
        assert [one for one in test.remarks if "given by the user's own code" in one]


def test_a_frame_is_shown_as_a_history(history):
    frame = history.to_frame(levels=5)
    with following(frame, market="MY:DATA", strict=True) as session:
        assert session.history.strict
        assert session.provenance().market == "MY:DATA"
        assert session.provenance().source == "a DataFrame given by the user"
        with pytest.raises(SourceError, match="came from a DataFrame given by the user"):
            session.link()
    with following(frame) as session:
        shown = session.market.instrument
        assert (shown.symbol, shown.label) == ("books", "a DataFrame given by the user")
        assert session.history.instrument.symbol == ""


def test_a_saved_history_is_opened_by_its_path_and_its_link(history, tmp_path):
    path = history.save(tmp_path / "h.parquet")
    for source in (path, str(path), [path]):
        with following(source) as session:
            assert session.history.sha256() == history.sha256()
            link = session.link()
    assert f"source={Path(path)}" in link
    assert "&sha256=" in link
    lab = obi.Lab.from_link(link)
    try:
        assert lab.history.sha256() == history.sha256()
    finally:
        lab.close()


def test_an_empty_history_is_shown_too(history):
    view = View()
    with following(history[:0], view) as session:
        wait_for(lambda: view.frames, "a frame")
        assert view.frames[-1].detail == "A finished recording of 0 book states in 0 s."
        assert session.provenance() is None
        with pytest.raises(VenueError, match="0 of 1 state came"):
            session.wait(1)


def test_a_gap_in_a_frame_is_a_gap(history):
    frame = history.to_frame(levels=5)
    frame.iloc[100:110] = np.nan
    with following(frame[["bid", "ask", "bid_size", "ask_size"]]) as session:
        assert session.history.gaps == 1
        assert session.history.levels == 1
        assert session.history.time[-1] - session.history.time[0] > SECOND
