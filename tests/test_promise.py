"""A market is live only until a deadline: who reads its state later is told that it is stale."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from exchange_tools import ASKS, BIDS, SECOND, connected, in_sync, lmex_book, running
from given_tools import book
from session_tools import View, following, wait_for
from test_live_feed import Scripted
from websockets.asyncio.server import serve

import obi_widgets as obi
from obi_widgets.feeds import live, promise
from obi_widgets.feeds.given.venue import QUIET
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.promise import OVERLOOKED
from obi_widgets.feeds.sources import Options
from obi_widgets.market_data.venues.cadence import Cadence
from obi_widgets.market_data.venues.replies import BOOK, FOREVER
from obi_widgets.session.board import BoardSession


class Clock:
    """A monotonic clock, ns, that a test moves forward."""

    def __init__(self) -> None:
        self.ahead = 0

    def monotonic_ns(self):
        return time.monotonic_ns() + self.ahead

    def monotonic(self):
        return self.monotonic_ns() / SECOND

    def time_ns(self):
        return time.time_ns()


class Stopped(Clock):
    """The same, and it moves by the test alone."""

    def monotonic_ns(self):
        return self.ahead


def with_clock(monkeypatch, clock):
    monkeypatch.setattr(promise, "elapsed", clock)
    return clock


def elsewhere(read):
    """Return what a function returns in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(read).result(10)


def looked_at(clock, silent=FOREVER, overlooked=OVERLOOKED):
    """Return a live market whose feed has looked at it at 10 s."""
    market = Market(connected())
    market.handle(
        market.venue.received(lmex_book("snapshot", 10, BIDS, ASKS), 10 * SECOND), 10 * SECOND
    )
    market.vouch(silent, overlooked)
    return market


def test_a_market_that_was_not_looked_at_is_stale_for_whoever_reads_it(monkeypatch):
    clock = with_clock(monkeypatch, Stopped())
    market = looked_at(clock)
    clock.ahead = OVERLOOKED
    assert elsewhere(lambda: market.state) == "live"
    clock.ahead = OVERLOOKED + 1
    why = "What LMEX sends was not read for 3 s, since this process is busy or the computer slept."
    assert elsewhere(lambda: (market.state, market.detail, market.advice)) == ("stale", why, "")
    assert market.has_book  # it is only late
    market.vouch(FOREVER)
    assert market.state == "live"


def test_silence_is_noticed_at_its_deadline_and_not_at_a_later_look(monkeypatch):
    clock = with_clock(monkeypatch, Stopped())
    market = looked_at(clock, silent=SECOND // 2)
    clock.ahead = SECOND // 2
    assert market.state == "live"
    clock.ahead += 1
    assert market.state == "stale"
    assert market.detail == "Nothing was received from LMEX for longer than usual."
    market.vouch(-SECOND)  # a look that finds nothing new
    assert elsewhere(lambda: market.state) == "stale"


def test_the_health_has_the_time_for_which_nothing_was_promised(monkeypatch):
    clock = with_clock(monkeypatch, Stopped())
    market = looked_at(clock)
    clock.ahead = 8 * SECOND
    during = market.health(18 * SECOND)
    assert (during.state, during.since) == ("stale", 13 * SECOND)
    assert [(one.state, one.seconds) for one in during.stretches[-2:]] == [
        ("live", 3),
        ("stale", 5),
    ]
    assert (during.stale.count, during.stale.seconds) == (1, 5)
    market.tick(18 * SECOND)
    market.vouch(FOREVER)
    after = market.health(20 * SECOND)
    assert (after.state, after.since) == ("live", 18 * SECOND)
    assert [(one.state, one.seconds) for one in after.stretches[-3:]] == [
        ("live", 3), ("stale", 5), ("live", 2),
    ]  # fmt: skip
    assert after.stale == during.stale


def test_a_book_that_is_lost_after_the_deadline_was_stale_before(monkeypatch):
    clock = with_clock(monkeypatch, Stopped())
    market = looked_at(clock)
    clock.ahead = 8 * SECOND
    market.disconnected(BOOK, "it was closed", 18 * SECOND)
    assert market.state == "connecting"
    assert [(one.state, one.seconds) for one in market.health(20 * SECOND).stretches[-3:]] == [
        ("live", 3), ("stale", 5), ("gap", 2),
    ]  # fmt: skip
    market.vouch(FOREVER)
    assert market.state == "connecting"


def test_a_recording_promises_nothing_and_its_state_stays(monkeypatch):
    clock = with_clock(monkeypatch, Stopped())
    market = Market(in_sync())
    market.handle(market.venue.received(lmex_book("snapshot", 11, BIDS, ASKS), SECOND), SECOND)
    clock.ahead = 10**6 * SECOND
    assert market.state == "live"


@pytest.mark.parametrize("probes", [True, False])
@pytest.mark.parametrize("spacing", [SECOND // 100, SECOND // 2, 2 * SECOND])
def test_a_connection_is_silent_when_it_counts_as_dead(probes, spacing):
    cadence, tick = Cadence(35 * SECOND), SECOND // 50
    cadence.probes = probes
    cadence.opened(0)
    now = 0
    for _ in range(50):
        now += spacing
        assert cadence.look(now) is None
        cadence.frame(now)
    found = []
    while "dead" not in found:
        silent = now > cadence.silent_at
        found.append(cadence.look(now))
        now += tick
    assert found.count("probe") == probes
    assert silent or now - 2 * tick <= cadence.silent_at <= now
    assert cadence.silent_at - cadence.heard_at <= 35 * SECOND


def test_a_stalled_feed_is_stale_on_every_screen_and_live_again_after_it(monkeypatch):
    clock, view = with_clock(monkeypatch, Clock()), View()
    held, go_on = threading.Event(), threading.Event()

    def stall():
        held.set()
        go_on.wait(30)

    board = BoardSession(
        ["sim:BTC-PERP", "sim:ETH-PERP"], settings=None, signal=None,
        options=Options(seed=1, warmup=1.0),
    )  # fmt: skip
    try:
        session = board.session("sim:BTC-PERP")
        session.attach(view)
        board.start()
        wait_for(lambda: view.frames and view.frames[-1].state == "live", "a live frame")
        wait_for(lambda: list(board.to_frame().state) == ["live", "live"], "both to be live")
        board._life.reader._loop.call_soon_threadsafe(stall)
        assert held.wait(30)
        clock.ahead = OVERLOOKED + SECOND
        assert session.market.state == "stale"
        assert list(board.to_frame().state) == ["stale", "stale"]
        health = session.health()
        assert (health.state, health.stale.count) == ("stale", 1)
        wait_for(lambda: view.frames[-1].state == "stale", "a stale frame")
        assert view.frames[-1].detail.startswith("What Simulator sends was not read")
        go_on.set()
        wait_for(lambda: view.frames[-1].state == "live", "a live frame")
        assert session.health().stale.count == 1
    finally:
        go_on.set()
        board.close()


def test_a_users_books_are_stale_after_their_usual_time_although_no_look_says_so(monkeypatch):
    clock = with_clock(monkeypatch, Clock())
    held, go_on, feed = threading.Event(), threading.Event(), obi.Feed()

    def stall():
        held.set()
        go_on.wait(30)

    with following(feed) as session:
        try:
            session.start()
            for step in range(20):
                feed.book(*book(step))
            wait_for(lambda: session.market.state == "live", "books")
            wait_for(lambda: session._life.reader._loop is not None, "its loop")
            session._life.reader._loop.call_soon_threadsafe(stall)
            assert held.wait(30)
            clock.ahead = QUIET - 30 * SECOND  # a minute is usual; this machine may be slow
            assert session.market.state == "live"
            clock.ahead = QUIET
            assert session.market.state == "stale"
            assert feed.book(*book(20))
            assert session.market.state == "live"  # by the book, as no look could
        finally:
            go_on.set()


def test_after_a_stall_what_waits_is_read_before_silence_is_judged(monkeypatch):
    clock, stall, over = Clock(), time.sleep, asyncio.Event()
    monkeypatch.setattr(live, "elapsed", clock)

    class Noting(Scripted):
        def tick(self, now):
            self.told.append(("tick",))
            if ("heard",) in self.told:
                over.set()
            return []

    async def converse(socket):
        await socket.send("first")
        await asyncio.sleep(0.1)
        venue.told.append(("stall",))
        clock.ahead += 10 * SECOND
        stall(0.1)  # so that a look is due as soon as the loop goes on
        for _ in range(5):  # as many tasks pass on a frame of a websocket that is shared
            await asyncio.sleep(0)
        venue.told.append(("heard",))
        await socket.wait_closed()

    async def read():
        nonlocal venue
        async with serve(converse, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            venue = Noting(f"ws://127.0.0.1:{port}")
            async with asyncio.timeout(30), running(LiveFeed(Market(venue)), server):
                await over.wait()

    venue = None
    asyncio.run(read())
    after = venue.told[venue.told.index(("stall",)) :]
    assert after == [("stall",), ("heard",), ("tick",)]
