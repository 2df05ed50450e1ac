"""A computer that sleeps: what was live before is stale the moment it wakes."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import pytest
from exchange_tools import SECOND, names
from given_tools import book
from session_tools import following, wait_for
from test_clocks import T0, Talk

import obi_widgets as obi
from obi_widgets.feeds import elapsed, live, promise
from obi_widgets.feeds.given import following as given_following
from obi_widgets.feeds.live import LiveFeed

HOUR = 3600 * SECOND


def test_time_goes_on_and_counts_the_sleep_of_the_computer():
    begun = elapsed.monotonic_ns()
    assert 0 <= elapsed.monotonic_ns() - begun < 60 * SECOND
    assert elapsed.monotonic() == pytest.approx(elapsed.monotonic_ns() / 1e9, abs=60)
    if sys.platform == "linux":  # nobody can let this computer sleep, so the clock is named
        assert elapsed._CLOCK == time.CLOCK_BOOTTIME


@pytest.fixture
def talk(monkeypatch):
    """A market whose feed reads the clocks of a test; its `sleep` lets the computer sleep."""
    talk = Talk()
    both = SimpleNamespace(
        monotonic_ns=lambda: talk.now - T0, time_ns=lambda: talk.now, monotonic=time.monotonic
    )
    for module, name in ((promise, "elapsed"), (live, "elapsed"), (live, "time")):
        monkeypatch.setattr(module, name, both)
    talk.feed, talk.steps = LiveFeed(talk.market), []
    set_by = talk.market.clock_was_set
    talk.market.clock_was_set = lambda by: (talk.steps.append(by), set_by(by))
    talk.snapshot()
    assert set(talk.states(60)) == {"live"}
    return talk


def look(talk):
    """Let the feed look at its market, as it does many times a second; return the requests."""
    replies = talk.market.tick(talk.feed._now())
    talk.market.vouch(talk.market.venue.silent_at - talk.market.steady_now)
    return names(replies)


def test_after_a_sleep_the_market_is_stale_at_once_and_connects_again(talk):
    look(talk)
    assert talk.market.state == "live"
    talk.now += HOUR
    market = talk.market
    assert market.state == "stale"  # before anything of the feed has run again
    assert market.age(talk.feed.now()) >= 3600
    assert market.detail == (
        "What LMEX sends was not read for 3600 s, since this process is busy or the computer slept."
    )
    assert "Reconnect" in look(talk)
    assert talk.steps == []  # the clock was not set: the time has passed
    assert market.state == "stale"
    market.disconnected("book", "it was closed", talk.now)
    talk.now += SECOND
    market.connected("book", talk.now)
    talk.snapshot()
    look(talk)
    assert set(talk.states(20)) == {"live"}
    history = market.history()
    assert history.gaps == 1
    assert history.time[-1] - history.time[0] > HOUR
    health = market.health(talk.now)
    assert health.gaps.count + health.stale.count >= 1
    assert health.stale.longest + health.gaps.longest == pytest.approx(3600, abs=10)
    assert health.age.worst >= 3600


def test_what_came_before_a_short_sleep_is_late_and_no_gap(talk):
    """A connection may outlast some seconds; what was sent meanwhile then comes in order."""
    look(talk)
    slept_from, talk.now = talk.now, talk.now + 10 * SECOND
    assert talk.market.state == "stale"
    talk.frame("delta", slept_from + SECOND, [(100.0, 3)], [])  # it waited in the socket
    assert talk.market.state == "stale"
    talk.frame("delta", talk.now - SECOND // 10, [(100.0, 4)], [])
    look(talk)
    assert talk.market.state == "live"
    assert talk.market.history().gaps == 0
    assert talk.steps == []


def test_a_clock_that_was_set_while_the_computer_was_awake_is_no_sleep(talk, monkeypatch):
    passed = talk.now - T0
    awake = SimpleNamespace(monotonic_ns=lambda: passed, monotonic=time.monotonic)
    for module in (promise, live):
        monkeypatch.setattr(module, "elapsed", awake)
    look(talk)
    talk.now += HOUR
    assert look(talk) == []
    assert talk.steps == [HOUR]
    assert talk.market.state == "live"
    assert talk.market.age(talk.now) < 1


def test_a_users_books_are_stale_after_a_sleep(monkeypatch):
    slept = [0]
    clock = SimpleNamespace(monotonic_ns=lambda: time.monotonic_ns() + slept[0])
    monkeypatch.setattr(promise, "elapsed", clock)
    monkeypatch.setattr(given_following, "elapsed", clock)
    feed = obi.Feed()
    with following(feed) as session:
        session.start()
        for step in range(20):
            feed.book(*book(step))
        wait_for(lambda: session.market.state == "live", "books")
        slept[0] = HOUR
        assert session.market.state == "stale"
        wait_for(lambda: "No book came for 3,6" in session.market.detail, "a look after it")
        assert feed.book(*book(20))
        assert session.market.state == "live"
