"""What venues allow one address: connections and messages, counted for all feeds of a process."""

from __future__ import annotations

import asyncio
import itertools
import time
from types import SimpleNamespace

import pytest
from exchange_tools import WatchedMarket, running
from test_live_feed import Scripted
from websockets.asyncio.server import serve

from obi_widgets.feeds import budgets, limits
from obi_widgets.feeds.budgets import Budgets, Window
from obi_widgets.feeds.limits import RateLimits, Wait
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.market_data.venues import VENUES
from obi_widgets.market_data.venues.budget import Budget, Rate
from obi_widgets.market_data.venues.replies import Fetch, Send

ONE, OTHER = "wss://one.example/a", "wss://two.example/a"


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(budgets, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_in_no_stretch_of_time_is_a_rate_exceeded(clock):
    rate, window, times = Rate(5, 2.0), Window(), []
    for gap in (0.0, 0.3, 0.0, 1.9, 0.1) * 20:
        clock.now += gap
        clock.now += window.wait(rate, clock.now)
        window.take(rate, clock.now)
        times.append(clock.now)
    assert all(
        later - earlier > 2.0 - 1e-9 for earlier, later in zip(times, times[5:], strict=False)
    )


def test_no_limit_is_no_wait_and_keeps_nothing(clock):
    window = Window()
    for _ in range(1000):
        assert window.wait(Rate(), clock.now) == 0
        window.take(Rate(), clock.now)
    assert not window._times


def test_new_websockets_of_a_host_are_counted_together_and_those_of_another_are_not(clock):
    known, budget = Budgets(), Budget(Rate(2, 60.0))
    assert known.try_open(ONE, budget) is None
    clock.now += 20
    assert known.try_open(ONE + "/b", budget) is None
    wait = known.try_open(ONE, budget)
    assert wait == Wait(40.0, why="allows new connections at a rate of 2 in 1 min")
    assert known.try_open(OTHER, budget) is None
    clock.now += 40
    assert known.try_open(ONE, budget) is None


def test_requests_are_counted_by_their_weight_for_a_host(clock):
    known, budget = Budgets(RateLimits()), Budget(requests=Rate(6000, 60.0))
    sent = 0
    while known.try_request(ONE, budget, 250) is None:
        sent += 1
        clock.now += 1
    assert sent == 24
    wait = known.try_request(ONE, budget, 250)
    why = "allows requests of a weight of 6,000 in 1 min"
    assert wait == Wait(36.0, why=why, then="The next one goes out")
    assert known.try_request(OTHER, budget, 250) is None
    clock.now += 36
    assert known.try_request(ONE, budget, 250) is None
    assert known.try_request(ONE, budget, 1).seconds == 1.0
    assert known.try_request(ONE, Budget(), 250) is None  # of a venue that allows any number
    small, third = Budget(requests=Rate(5)), "https://three.example"
    assert known.try_request(third, small, 250) is None  # by itself, and not never
    assert known.try_request(third, small, 1).seconds == 1.0


def test_after_a_ban_what_has_waited_goes_out_at_the_rate_of_the_venue(clock, monkeypatch):
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: clock.now))
    bans, budget = RateLimits(), Budget(requests=Rate(5, 10.0))
    known = Budgets(bans)
    bans.record_answer(ONE, 418, {"retry-after": "300"}, "", clock.now)
    assert known.try_request(ONE, budget) == Wait(300.0, 418)
    clock.now += 300
    assert known.try_request(ONE, budget) is None  # one alone, until it is answered
    assert known.try_request(ONE, budget).status == 418
    bans.record_answer(ONE, 200, {}, "", clock.now)
    sent, began = [], clock.now
    while len(sent) < 21:  # of 21 markets
        if wait := known.try_request(ONE, budget):
            clock.now += wait.seconds
        else:
            sent.append(clock.now - began)
    assert sent == [0.0] * 4 + [10.0] * 5 + [20.0] * 5 + [30.0] * 5 + [40.0] * 2


def test_no_request_of_a_venue_is_heavier_than_its_budget():
    for venue in VENUES.values():
        rate, made = venue.budget.requests, venue("BTC-USDT")
        fetches = [one for one in made.start(0) if isinstance(one, Fetch)]
        assert fetches, venue.name
        for fetch in fetches:
            assert not rate.most or 0 < fetch.weight <= rate.most / 10, venue.name


def test_open_websockets_are_capped_until_one_is_closed(clock):
    known, budget = Budgets(), Budget(websockets=2)
    assert known.try_open(ONE, budget) is known.try_open(ONE, budget) is None
    wait = known.try_open(ONE, budget)
    assert wait.open_ended
    assert wait.why == "allows 2 connections from one address at once, and this process has as many"
    known.closed(ONE)
    assert known.try_open(ONE, budget) is None
    assert known.open_websockets(ONE) == 2


def test_a_rate_is_told_in_words():
    assert [str(rate) for rate in (Rate(), Rate(5), Rate(3, 0.5), Rate(300, 300.0))] == [
        "none known", "5 a second", "3 in 0.5 s", "300 in 5 min",
    ]  # fmt: skip


def test_no_venue_sends_more_at_once_than_its_own_budget_allows_in_a_minute():
    for venue in VENUES.values():
        rate = venue.budget.messages
        assert not rate.most or rate.most / rate.seconds >= 0.5, venue.name


# -- by a live feed ----------------------------------------------------------------------------


def limited(**budget):
    class Limited(Scripted):
        pass

    Limited.budget = Budget(**budget)
    return Limited


@pytest.mark.parametrize("by", ["websocket", "address"])
def test_messages_are_sent_in_order_and_no_faster_than_allowed(by):
    received, began = [], time.monotonic()  # a message that is read late would shorten the span

    async def converse(connection):
        async for message in connection:
            received.append((time.monotonic(), message))
            if len(received) == 9:
                await connection.send("all")

    async def read():
        async with serve(converse, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            kind = limited(messages=Rate(3, 0.2), messages_by=by)
            sends = [Send("only", str(number)) for number in range(9)]
            market = WatchedMarket(kind(f"ws://127.0.0.1:{port}", {"open": sends}))
            async with running(LiveFeed(market), server):
                await market.until(lambda one: one.refused["frame"])

    asyncio.run(read())
    assert [message for _, message in received] == [str(number) for number in range(9)]
    assert received[-1][0] - began > 0.35  # 9 messages: two waits of 0.2 s


def test_a_websocket_beyond_the_cap_waits_says_so_and_is_opened_when_another_is_closed(monkeypatch):
    monkeypatch.setattr(budgets, "STEP", 0.05)

    async def converse(connection):
        await connection.wait_closed()

    async def read():
        async with serve(converse, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            kind = limited(websockets=2)
            for _ in range(2):  # as other feeds of this process do
                assert budgets.BUDGETS.try_open(url, kind.budget) is None
            market = WatchedMarket(kind(url))
            async with running(LiveFeed(market), server):
                async with asyncio.timeout(60):
                    while not market.detail:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                said = market.detail, market.advice
                assert not server.connections
                budgets.BUDGETS.closed(url)
                await market.until(lambda one: one.refused["open"])
            return said, budgets.BUDGETS.open_websockets(url)

    said, left = asyncio.run(read())
    assert said == (
        "scripted allows 2 connections from one address at once, and this process has as many.",
        "The next one is opened when another is closed: close a lab of this venue.",
    )
    assert left == 1, "that of the other feed"


def test_connecting_again_and_again_keeps_to_the_rate_and_tells_the_wait(monkeypatch):
    monkeypatch.setattr("obi_widgets.feeds.live.REOPEN_AFTER", 0.001)
    opened, began = [], time.monotonic()

    async def converse(connection):
        opened.append(time.monotonic() - began)
        await connection.close()

    async def read():
        async with serve(converse, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            market = WatchedMarket(limited(connects=Rate(2, 0.3))(f"ws://127.0.0.1:{port}"))
            said = []
            market.explain = lambda *what: said.append(what)
            async with running(LiveFeed(market), server):
                await market.until(lambda one: one.refused["open"] >= 5)
            return said

    said = asyncio.run(read())
    # From the begin on, since one that is noted late would seem to be close to the next.
    assert all(at > 0.3 * (number // 2) - 0.05 for number, at in enumerate(opened))
    assert said[0] == (
        "scripted allows new connections at a rate of 2 in 0.3 s.", "The next one is opened in 1 s."
    )  # fmt: skip
    assert len([*itertools.groupby(said)]) == 1
