"""New connections that take over from those which the venue ends: no state is missing or twice."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import numpy as np
import pytest
from exchange_tools import SECOND, WatchedMarket, running

from obi_widgets.feeds import changeover
from obi_widgets.feeds.changeover import Changeover, Lifetime, Readiness, marked, unmarked
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Record
from obi_widgets.feeds.simulation.exchange import SimulatedExchange
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.history.silences import OPEN
from obi_widgets.market_data.events import Delta, Snapshot, Status
from obi_widgets.market_data.venues import Venue
from obi_widgets.market_data.venues.lmex import Lmex
from obi_widgets.market_data.venues.replies import (
    FOREVER,
    Connect,
    Fetch,
    Ping,
    Reconnect,
    Renew,
    Send,
)

NOTICE = '{"event":"maintenance"}'


class Mortal(Lmex):
    """LMEX, which ends each connection after a second."""

    lasts = SECOND


class Lasting(Lmex):
    """LMEX, which announces a maintenance as OKX does."""

    def received(self, frame, now, socket="book"):
        if b"maintenance" in (frame if isinstance(frame, bytes) else frame.encode()):
            return [Renew(socket, "maintenance", SECOND)]
        return super().received(frame, now, socket)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(changeover, "OVERLAP", 0.2)
    monkeypatch.setattr(changeover, "SETTLED", 0.3)
    monkeypatch.setattr(changeover, "SILENT", 0.3)


@asynccontextmanager
async def exchange():
    async with SimulatedExchange(SimulatedMarket("BTC-PERP", seed=3), warmup=0.0) as served:
        yield served


def reader(venue):
    return WatchedMarket(venue, interval=0, levels=5)


@asynccontextmanager
async def followed(served, venue=Mortal):
    """Follow an exchange by a feed with changeovers, and by one without."""
    market = reader(venue("BTC-PERP", endpoints=served.endpoints))
    plain = reader(Lmex("BTC-PERP", endpoints=served.endpoints))
    feed, reference = LiveFeed(market), LiveFeed(plain)
    async with running(feed):
        other = asyncio.create_task(reference.run())
        try:
            await until(lambda: feed.heard_all and reference.heard_all)
            yield feed, market, plain
        finally:
            other.cancel()
            await asyncio.wait([other])


def alike(market, plain):
    """See that two histories have the same states and trades while both were there."""
    one, other = market.history(), plain.history()
    assert one.gaps == other.gaps == 0
    begin = max(int(one.time[0]), int(other.time[0])) + 1
    end = min(int(one.time[-1]), int(other.time[-1]))
    rows = [(part.time >= begin) & (part.time <= end) for part in (one, other)]
    assert rows[0].sum() > 20
    for name in ("time", "bid", "ask"):
        both = [
            np.asarray(getattr(part, name))[row]
            for part, row in zip((one, other), rows, strict=True)
        ]
        assert np.array_equal(*both), name
    assert len(np.unique(one.time)) == len(one), "a state twice"
    numbers = [
        np.asarray(part.trades.id)[(part.trades.time >= begin) & (part.trades.time <= end)].tolist()
        for part in (one, other)
    ]
    assert numbers[0] == numbers[1]
    assert numbers[0]


async def until(holds):
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_a_connection_that_lasts_a_second_is_replaced_again_and_again_without_a_gap():
    async def follow():
        async with exchange() as served, followed(served) as (feed, market, plain):
            await until(lambda: feed._turn >= 2 and feed._changeover is None)
            assert len(served._server.connections) <= 6, "connections that were left open"
            assert feed.messages == market.messages > 0, "those of both connections once"
            return market, plain

    market, plain = asyncio.run(follow())
    assert not [one.detail for one in market.statuses if one.state not in ("connecting", "syncing")]
    assert len([one for one in market.statuses if one.state == "syncing"]) == 1
    assert market.state == "live"
    alike(market, plain)


def test_a_notice_makes_new_connections_that_are_up_before_the_old_ones_are_cut(monkeypatch):
    async def follow():
        async with exchange() as served, followed(served, Lasting) as (feed, market, plain):
            of = served.served["BTC-PERP"]
            of.inject("error")  # which `Lasting` reads as a notice
            monkeypatch.setattr(of, "_frames_with_fault", lambda _, frame: [NOTICE, frame])
            await until(lambda: feed._turn == 1 and feed._changeover is None)
            assert len(served._server.connections) == 4, "the old ones are closed"
            count = len(market.history())
            await market.until(lambda one: len(one.history()) > count + 20)
            return market, plain

    market, plain = asyncio.run(follow())
    alike(market, plain)


def test_an_old_connection_that_is_cut_before_the_plan_leaves_no_gap(monkeypatch):
    """The new one has a book already, but the overlap is not over."""
    monkeypatch.setattr(changeover, "OVERLAP", 30.0)

    async def follow():
        async with exchange() as served, followed(served) as (feed, market, plain):
            await until(lambda: feed._changeover is not None and feed._changeover.can_join())
            await asyncio.sleep(0.2)
            for name in ("book", "trades"):
                feed._sockets[name].transport.abort()
            await until(lambda: feed._turn == 1)
            assert market.state == "live"
            count = len(market.history())
            await market.until(lambda one: len(one.history()) > count + 20)
            return market, plain

    market, plain = asyncio.run(follow())
    alike(market, plain)


def test_trades_are_unknown_if_the_old_connection_is_cut_before_the_new_ones_bring_them(
    monkeypatch,
):
    """The book goes on at once, and a bar without trades must not say that nobody traded."""
    monkeypatch.setattr(changeover, "OVERLAP", 30.0)

    async def follow():
        async with exchange() as served, followed(served) as (feed, market, _):
            opens = feed._open

            async def slowly(to):
                await asyncio.sleep(30.0 if to.socket == "trades#1" else 0.0)
                return await opens(to)

            monkeypatch.setattr(feed, "_open", slowly)
            await until(lambda: feed._changeover is not None and feed._changeover.can_join())
            feed._sockets["book"].transport.abort()
            await until(lambda: feed._turn == 1)
            count = len(market.history())
            await market.until(lambda one: len(one.history()) > count + 3)
            return market.history(), market.state

    history, state = asyncio.run(follow())
    assert state == "live"
    assert history.gaps == 0
    assert [one.last == OPEN for one in history.silences] == [True]


def test_a_new_connection_that_does_not_get_up_leaves_the_old_one_going_on(monkeypatch, caplog):
    monkeypatch.setattr(changeover, "GIVE_UP", 0.5)
    monkeypatch.setattr(changeover, "RETRY", 0.3)

    async def follow():
        async with exchange() as served, followed(served) as (feed, market, plain):
            of = served.served["BTC-PERP"]
            with monkeypatch.context() as patch:
                # It confirms new subscriptions and sends them nothing.
                patch.setattr(of, "subscribe", lambda *_: None)
                await until(lambda: feed._turns >= 2)
                assert feed._turn == 0
                assert market.state == "live"
            await until(lambda: feed._turn > 0 and feed._changeover is None)
            return market, plain

    market, plain = asyncio.run(follow())
    assert "is given up: it was not ready within 0.5 s." in caplog.text
    alike(market, plain)


# -- without websockets ------------------------------------------------------------------------


class Plain(Venue):
    """Reads frames that say what they are: kind, number, time in ms, levels of bids."""

    name = label = "plain"
    endpoints = {"rest": "http://127.0.0.1"}  # noqa: RUF012
    levels = window = 0

    def start(self, now):
        return []

    def connected(self, socket, now):
        return []

    def disconnected(self, socket, reason, now):
        return [Status(now, "connecting", reason)] if socket == "book" else []

    def received(self, frame, now, socket="book"):
        kind, number, ms, *levels = json.loads(frame)
        event = Snapshot if kind == "snapshot" else Delta
        asks = [(200.0, 1.0)] if kind == "snapshot" else []
        return [event(at(ms), now, number, levels, asks)]

    def fetched(self, name, status, body, now):
        return []

    def tick(self, now):
        return []

    def resync(self, reason, now):
        return [Status(now, "gap", reason), Send("book", "again")]


BEGIN = 1_700_000_000 * SECOND


def at(ms):
    return BEGIN + ms * 1_000_000


def frame(*said, late=1):
    return Record(at(said[2] + late), "frame", "book", json.dumps(said))


def joined(older, newer):
    """Play the frames of two connections by receive time; the market goes on with the newer one.

    It does so after the last frame of the older one. Returns the market, and the requests.
    """
    market = Market(Plain("X"), interval=0, levels=5)
    change = Changeover(market, 1)
    parts = [(one.time, 0, one) for one in older]
    parts += [(one.time, 1, one) for one in newer]
    end, asked = older[-1].time, []
    for when, which, record in sorted(parts, key=lambda part: part[0]):
        if when > end and not change.joined:
            assert change.can_join()
            asked += change.join(end)
        asked += change.newer(record) if which else change.older(record)
    return market, asked, change


def states(market):
    history = market.history()
    return list(zip(history.time.tolist(), history.bid.tolist(), strict=True))


def bids(market):
    return dict(zip(*(part.tolist() for part in market.book.bids.top(9)), strict=True))


@pytest.mark.parametrize("apart", [0, 1_000], ids=["numbered alike", "numbered apart"])
@pytest.mark.parametrize("late", [1, 4, 30])
def test_numbers_or_times_tell_what_is_new(apart, late):
    said = [("delta", n, 10 * n, (100.0 + n % 3, 1.0 + n)) for n in range(1, 40)]
    first = ("snapshot", 0, 0, (100.0, 1.0))
    whole = Market(Plain("X"), interval=0, levels=5)
    for one in [first, *said]:
        record = frame(*one)
        whole.receive(record.text, record.time)
    held = {100.0: 1.0} | {price: size for *_, (price, size) in said[:10]}
    newer = [("snapshot", 10 + apart, 100, *held.items())]
    newer += [(kind, n + apart, *more) for kind, n, *more in said[10:]]
    market, asked, change = joined(
        [frame(*one) for one in [first, *said[:25]]], [frame(*one, late=late) for one in newer]
    )
    assert states(market) == states(whole)
    assert bids(market) == bids(whole)
    assert not asked
    assert market.state == "live"
    assert change.joined


def test_frames_are_counted_once_while_two_connections_bring_them():
    said = [("delta", n, 10 * n, (100.0, 1.0 + n)) for n in range(1, 9)]
    older = [frame("snapshot", 0, 0, (100.0, 1.0)), *(frame(*one) for one in said[:5])]
    newer = [
        frame("snapshot", 2, 20, (100.0, 3.0), late=3),
        *(frame(*one, late=3) for one in said[2:]),
    ]
    market, _, _ = joined(older, newer)
    used = older + [one for one in newer if one.time > older[-1].time]
    assert len(used) == 6 + 4
    assert (market.messages, market.bytes) == (len(used), sum(len(one.text) for one in used))


def test_a_websocket_of_the_new_connection_that_is_lost_leaves_trades_unknown(monkeypatch):
    monkeypatch.setattr(Plain, "streams", frozenset({"trades"}))
    market = Market(Plain("X"), interval=0, levels=5)
    change = Changeover(market, 1)
    change.older(frame("snapshot", 1, 0, (100.0, 1.0)))
    change.newer(frame("snapshot", 1, 0, (100.0, 1.0), late=2))
    change.newer(Record(at(3), "close", "trades", "lost"))  # the old one goes on
    change.join(at(4))
    change.newer(frame("delta", 2, 10, (101.0, 1.0)))
    assert not market.history().silences
    change.newer(Record(at(12), "close", "trades", "lost"))
    for number in (3, 4):
        change.newer(frame("delta", number, 10 * number, (101.0, 1.0 + number)))
    assert [one.last == OPEN for one in market.history().silences] == [True]


def test_answers_bound_the_clock_while_connections_are_replaced():
    market = Market(Plain("X"), interval=0, levels=5)
    change = Changeover(market, 1)

    def low_after(handle, ms, date, took):
        handle(Record(at(ms), "answer", "time", "", 200, at(date), took=took * 1_000_000))
        return market.health(at(ms)).clock.low

    change.older(frame("snapshot", 1, 0, (100.0, 1.0)))
    assert low_after(change.older, 5000, 3000, took=100) == 0.9  # a date has whole seconds
    change.newer(frame("snapshot", 1, 0, (100.0, 1.0), late=5001))
    assert low_after(change.newer, 5002, 2000, took=2) == 0.9  # of a connection not used yet
    change.join(at(5003))
    assert change.joined
    assert low_after(change.newer, 6000, 3000, took=600) == 1.4


def test_changes_of_one_time_that_only_the_new_connection_brings_are_used():
    """Kraken gives the time in place of a number."""
    first, one, other = (
        ("snapshot", at(0), 0, (100.0, 1.0)),
        ("delta", at(30), 30, (101.0, 5.0)),
        ("delta", at(30), 30, (101.0, 6.0)),
    )
    older = [frame(*first), frame(*one)]
    newer = [frame(*first, late=2), frame(*one, late=3), frame(*other, late=3)]
    newer.append(frame("delta", at(40), 40, (102.0, 1.0)))
    market, asked, _ = joined(older, newer)
    assert not asked
    assert [time for time, _ in states(market)] == [at(0), at(30), at(30), at(40)]
    assert bids(market) == {102.0: 1.0, 101.0: 6.0, 100.0: 1.0}


@pytest.mark.parametrize("window", [0, 5])
def test_a_new_connection_with_another_book_makes_it_ask_anew(monkeypatch, window):
    monkeypatch.setattr(Plain, "window", window)
    change = ("delta", 2, 10, (101.0, 5.0))
    older = [frame("snapshot", 1, 0, (100.0, 1.0)), frame(*change)]
    newer = [frame("snapshot", 1, 0, (100.0, 9.0), late=2), frame(*change, late=2)]
    newer.append(frame("delta", 3, 20, (102.0, 1.0)))
    market, asked, change = joined(older, newer)
    assert asked == [Send("book", "again")]
    assert market.state == "gap"
    assert market.detail.endswith("has other levels than the book")
    assert change.settled


def test_a_new_connection_whose_book_begins_too_late_does_not_join():
    market = Market(Plain("X"), interval=0, levels=5)
    change = Changeover(market, 1)
    change.older(frame("snapshot", 1, 0, (100.0, 1.0)))
    assert not change.can_join()
    change.newer(frame("snapshot", 5, 40, (100.0, 1.0), (101.0, 1.0)))
    assert not change.can_join()
    change.older(frame("delta", 5, 40, (101.0, 1.0)))
    assert change.can_join()


def test_what_a_new_decoder_raises_gives_it_up_and_not_the_feed():
    market = Market(Plain("X"), interval=0, levels=5)
    change = Changeover(market, 1)
    change.older(frame("snapshot", 1, 0, (100.0, 1.0)))
    assert change.newer(Record(at(1), "frame", "book", "[]")) == []
    assert change.failed.startswith("what it sent could not be used: ValueError")
    assert market.state == "live"


def test_names_have_the_number_of_their_decoder():
    assert marked(Connect("book", "u"), 0) == Connect("book", "u")
    assert marked(Connect("book", "u"), 2) == Connect("book#2", "u")
    assert marked(Fetch("time", "u"), 1).name == "time#1"
    for reply in (
        Send("book", "x"), Ping("book"), Reconnect("book", "why"), Renew("book", "why", 1)
    ):  # fmt: skip
        assert marked(reply, 3).socket == "book#3"
    assert unmarked("book#12") == ("book", 12)
    assert unmarked("book") == ("book", 0)


# -- when --------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(changeover, "time", clock)
    return clock


def due_at(lifetime, clock, until):
    """Return the second at which it is due; None if it is not until then."""
    while clock.now < until:
        if lifetime.is_due:
            return clock.now
        clock.now += 10
    return None


def test_many_connections_are_replaced_some_minutes_before_their_end_and_not_at_once(clock):
    times = []
    for _ in range(20):
        clock.now = 0.0
        lifetime = Lifetime(24 * 3600 * SECOND)
        lifetime.opened("book", clock.now)
        times.append(due_at(lifetime, clock, 86_400))
    assert all(86_400 - 900 <= one <= 86_400 - 290 for one in times)
    assert len(set(times)) > 5


def test_the_oldest_websocket_decides_and_one_that_was_reopened_is_young_again(clock):
    lifetime = Lifetime(3600 * SECOND)
    lifetime.opened("book", clock.now)
    clock.now = 1000.0
    lifetime.opened("trades", clock.now)
    lifetime.closed("book")
    lifetime.opened("book", clock.now)
    assert 4600 - 900 <= due_at(lifetime, clock, 10_000) <= 4600 - 290


def test_a_venue_that_ends_none_has_none_replaced_but_after_a_notice(clock):
    lifetime = Lifetime(FOREVER)
    lifetime.opened("book", clock.now)
    assert due_at(lifetime, clock, 100_000) is None
    lifetime.opened("trades", clock.now)
    lifetime.noticed("book", 60 * SECOND)
    assert due_at(lifetime, clock, 100_030) is not None
    lifetime.closed("trades")
    assert lifetime.is_due, "the notice was about another one"
    lifetime.closed("book")
    assert not lifetime.is_due, "the venue has ended it: the new one is opened in any case"


def test_a_notice_is_forgotten_with_its_websocket_and_not_with_a_new_one_that_is_lost(clock):
    lifetime = Lifetime(24 * 3600 * SECOND)
    lifetime.opened("book", clock.now)
    lifetime.noticed("book", 10 * SECOND)
    clock.now = 10.0
    lifetime.opened("book#1", clock.now)
    lifetime.closed("book#1")
    lifetime.failed(1)
    clock.now += changeover.RETRY
    assert lifetime.is_due
    lifetime.opened("book#2", clock.now)
    lifetime.noticed("book#2", 10 * SECOND)
    lifetime.replaced(2)
    clock.now += 10.0
    assert lifetime.is_due, "the new one is ended soon as well"
    lifetime.opened("book#3", clock.now)
    lifetime.replaced(3)
    assert not lifetime.is_due


def test_what_failed_is_tried_later_and_later(clock):
    lifetime = Lifetime(3600 * SECOND)
    lifetime.opened("book", clock.now)
    clock.now = 3500.0
    waited = []
    for turn in range(1, 8):
        began = clock.now
        lifetime.failed(turn)
        waited.append(due_at(lifetime, clock, began + 10_000) - began)
    assert waited == [60, 120, 240, 480, 960, 1800, 1800]
    lifetime.opened("book#8", clock.now)
    lifetime.replaced(8)
    assert not lifetime.is_due


def test_it_is_ready_once_all_websockets_have_spoken_or_have_been_silent_for_long(
    clock, monkeypatch
):
    monkeypatch.setattr(changeover, "OVERLAP", 2.0)
    monkeypatch.setattr(changeover, "SILENT", 10.0)

    def ready_after(**how):
        ready, clock.now = Readiness(), 100.0
        while not ready.look(**how) and clock.now < 200:
            clock.now += 1
        return clock.now - 100

    assert ready_after(has_book=True, heard_all=True) == 2
    assert ready_after(has_book=True, heard_all=False) == 12
    assert ready_after(has_book=False, heard_all=True) == 100
