"""When websockets are opened: by a venue's budget and its host's rate limit together."""

from __future__ import annotations

import asyncio

import pytest
from skipped_time import skipping

from obi_widgets.feeds import budgets, limits
from obi_widgets.feeds.budgets import Budgets
from obi_widgets.feeds.limits import RateLimits, Wait
from obi_widgets.market_data.venues.budget import Budget, Rate

URL = "wss://one.example/a"
BANNED = 600.0


@pytest.fixture
def run(monkeypatch):
    """Run a coroutine in a time of its own."""
    return skipping(monkeypatch, budgets, limits)


class Feeds:
    """Feeds of one host, each of which opens a websocket and keeps it.

    Attributes
    ----------
    opened : list of float
        Seconds after the beginning at which a websocket was opened.
    told : list of list of Wait
        What each feed was told that it waits for.
    """

    def __init__(self, run, budget, *, answer_after=0.5):
        self.limits, self.budget, self.answer_after = RateLimits(), budget, answer_after
        self.budgets, self.clock = Budgets(self.limits), run.clock
        self.opened, self.told, self.began = [], [], run.clock()
        self.refused_until = 0.0

    def ban(self, seconds=BANNED):
        headers = {"retry-after": str(seconds)}
        self.limits.record_answer(URL, 418, headers, "", self.clock())

    async def feed(self):
        told = []
        self.told.append(told)
        async with self.budgets.websocket(URL, self.budget, told.append) as sent:
            self.opened.append(round(sent - self.began, 6))
            await asyncio.sleep(self.answer_after)
            self.limits.record_answer(URL, 101, {}, "", sent)
            await asyncio.Event().wait()

    async def after(self, count, seconds):
        """Begin so many feeds; end them after a time, and return how many places they held."""
        feeds = [asyncio.create_task(self.feed()) for _ in range(count)]
        await asyncio.sleep(seconds)
        held = self.budgets.open_websockets(URL)
        for feed in feeds:
            feed.cancel()
        await asyncio.wait(feeds)
        return held


def seconds_between(times, count):
    return [later - first for first, later in zip(times, times[count:], strict=False)]


def test_after_a_ban_one_is_opened_first_and_the_others_at_the_rate_of_the_venue(run):
    async def play():
        feeds = Feeds(run, Budget(Rate(3, 1.0)))
        feeds.ban()
        assert await feeds.after(20, 620.0) == 20
        assert feeds.budgets.open_websockets(URL) == 0
        return feeds

    feeds = run(play())
    first, second = feeds.opened[:2]
    assert first == BANNED
    assert second >= first + 0.5, "the first one tries, and the others wait for its answer"
    assert min(seconds_between(feeds.opened, 3)) > 1.0 - 1e-5
    assert feeds.opened[-1] < BANNED + 10.0
    for told in feeds.told:
        waits = [one.seconds for one in told if one.seconds > limits.ANSWERED_WITHIN]
        assert waits == pytest.approx([BANNED - second for second in range(585)])
        assert {one.status for one in told if not one.why} == {418}


def test_who_waits_for_the_end_of_a_ban_is_not_counted_as_open(run):
    async def play():
        feeds = Feeds(run, Budget(Rate(3, 1.0), websockets=2))
        feeds.ban()
        assert await feeds.after(20, 599.0) == 0
        return feeds

    assert run(play()).opened == []


def test_places_that_are_taken_are_told_after_a_ban_and_no_more_are_opened(run):
    async def play():
        feeds = Feeds(run, Budget(websockets=2))
        feeds.ban(10.0)
        assert await feeds.after(4, 20.0) == 2
        return feeds

    feeds = run(play())
    assert len(feeds.opened) == 2
    newest = [told[-1].why for told in feeds.told if told[-1].open_ended]
    why = "allows 2 connections from one address at once, and this process has as many"
    assert newest == [why, why]


def test_the_first_request_after_a_wait_is_not_spent_by_who_may_not_connect(run):
    async def play():
        feeds = Feeds(run, Budget(websockets=1))
        assert feeds.budgets.try_open(URL, feeds.budget) is None
        feeds.ban(5.0)
        assert feeds.limits.left(URL) == (5.0, 418)
        await asyncio.sleep(5.0)
        assert feeds.budgets.try_open(URL, feeds.budget).open_ended
        assert feeds.limits.left(URL) == (0.0, 418)
        assert feeds.limits.try_acquire(URL) == (0.0, 418), "a request may go out"
        feeds.budgets.closed(URL)
        waiting = feeds.budgets.try_open(URL, feeds.budget)
        assert waiting == Wait(limits.ANSWERED_WITHIN, 418), "and a websocket waits for its answer"
        assert feeds.budgets.open_websockets(URL) == 0

    run(play())


def test_a_refusal_while_others_wait_for_the_rate_holds_them_up_without_a_place(run):
    async def play():
        feeds = Feeds(run, Budget(Rate(1, 60.0)), answer_after=0.0)
        feeds.opened.append(0.0)
        assert feeds.budgets.try_open(URL, feeds.budget) is None
        waiting = asyncio.create_task(feeds.after(1, 200.0))
        await asyncio.sleep(30.0)
        feeds.ban(100.0)
        assert await waiting == 2
        return feeds

    feeds = run(play())
    assert feeds.opened == [0.0, 130.0]
    why = "allows new connections at a rate of 1 in 1 min"
    assert [one.why for one in feeds.told[0]] == [why] * 30 + [""] * 100


def test_a_slow_rate_is_counted_down_every_second(run):
    async def play():
        feeds = Feeds(run, Budget(Rate(2, 60.0)))
        assert await feeds.after(5, 125.0) == 5
        return feeds

    feeds = run(play())
    assert feeds.opened == [0.0, 0.0, 60.0, 60.0, 120.0]
    assert sorted(map(len, feeds.told)) == [0, 0, 60, 60, 120]
    waits = [60.0 - second for second in range(60)]
    longest = max(feeds.told, key=len)
    assert [one.seconds for one in longest] == pytest.approx(waits * 2)
    assert {one.why for one in longest} == {"allows new connections at a rate of 2 in 1 min"}
