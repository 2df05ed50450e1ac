"""The simulated exchange behind a real websocket on loopback, and the feed that reads it."""

import asyncio

import numpy as np
import pytest
from exchange_tools import (
    SECOND,
    WatchedMarket,
    given_back,
    held,
    http_server,
    live,
    lost,
    running,
    unused_port,
)

from obi_widgets.feeds import live as live_module
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.simulation.exchange import FAULTS, SimulatedExchange
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.feeds.simulator_feed import SimulatorFeed
from obi_widgets.history import trades as table
from obi_widgets.market_data.venues import lmex_rest_book, make_venue, streamed
from obi_widgets.market_data.venues.wire import PAST_TRADE


@pytest.fixture
def hasty(monkeypatch):
    """Let what is tried again be tried again soon."""
    monkeypatch.setattr(live_module, "REOPEN_AFTER", 0.02)
    monkeypatch.setattr(live_module, "MAX_REOPEN_AFTER", 0.02)
    monkeypatch.setattr(streamed, "SECOND", SECOND // 100)


@pytest.fixture
def soon_old(monkeypatch):
    """Let a book by REST that does not advance be too old soon."""
    monkeypatch.setattr(lmex_rest_book, "MAX_AGE", SECOND // 4)
    monkeypatch.setattr(lmex_rest_book, "MAX_AGE_UNUSED", SECOND // 4)


@pytest.fixture(autouse=True)
def nothing_is_left():
    before = held()
    yield
    given_back(before)


def market_of(symbol="BTC-PERP", **endpoints):
    venue = make_venue("sim", symbol, endpoints)
    venue.resync_every = SECOND // 20
    venue.snapshot_within = SECOND // 5
    venue.poll_after = SECOND // 5
    venue.poll_every = SECOND // 20
    return WatchedMarket(venue, interval=0)


def keep_the_truth(exchange):
    """Return what will hold the exchange's true window of each event time, in ms."""
    truth, window = {}, exchange._window

    def kept():
        truth[exchange.now] = window()
        return truth[exchange.now]

    exchange._window = kept
    return truth


def assert_true(history, truth, listing):
    """See that every state of a history is the exchange's own of that event time."""
    in_sync = np.flatnonzero(np.isfinite(history.bid))
    assert len(in_sync) > 20
    assert np.all(history.spread[in_sync] > 0)
    for side in (+1, -1):
        prices, sizes = history.prices(side), history.sizes(side)
        for row in in_sync:
            window = truth[history.time[row] // 1_000_000][side]
            there = np.isfinite(prices[row])
            ticks = np.rint(prices[row][there] / listing.tick_size).astype(int)
            assert ticks.tolist() == list(window)
            true = np.array(list(window.values())) * listing.contract_size
            np.testing.assert_allclose(sizes[row][there], true, rtol=1e-6)


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_the_book_is_lost_comes_back_and_was_never_wrong(fault, hasty):
    market = market_of()
    feed = SimulatorFeed(market, SimulatedMarket(seed=5), warmup=2.0)
    truth = keep_the_truth(feed.served)

    async def follow():
        async with running(feed):
            await market.until(lambda one: len(one.history()) >= 20)
            assert market.history().gaps == 0
            feed.exchange.inject(fault)
            await market.until(lost)
            await market.until(live)
            if fault == "silence":
                assert market.venue._rest_book.polled
                feed.exchange.heal()
                await market.until(lambda one: not one.venue._rest_book.polled)
            rows = len(market.history())
            await market.until(lambda one: live(one) and len(one.history()) >= rows + 5)

    asyncio.run(follow())
    assert market.history().gaps >= 1
    assert_true(market.history(), truth, feed.served.market.listing)


def test_faults_of_every_kind_one_after_the_other_are_all_survived(hasty):
    market = market_of("SOL-PERP")
    feed = SimulatorFeed(market, SimulatedMarket("SOL-PERP", edge=0, seed=6), warmup=1.0)
    truth = keep_the_truth(feed.served)

    async def follow():
        async with running(feed):
            await market.until(live)
            for fault in FAULTS:
                feed.exchange.inject(fault)
            await market.until(lambda _: not feed.served._faults)
            feed.exchange.heal()
            rows = len(market.history())
            await market.until(lambda one: live(one) and len(one.history()) >= rows + 20)

    asyncio.run(follow())
    assert_true(market.history(), truth, feed.served.market.listing)


@pytest.mark.parametrize("fault", ["disconnect", "silence"])
def test_trades_come_back_after_the_connections_were_cut(fault, hasty):
    market = market_of()
    feed = SimulatorFeed(market, SimulatedMarket(seed=5), warmup=2.0)

    async def follow():
        async with running(feed):
            await market.until(lambda one: len(one.history().trades) > 5)
            feed.exchange.inject(fault)
            await market.until(lost)
            await market.until(live)
            if fault == "silence":
                await market.until(lambda _: feed.served._subscribers["trades"])
                before = feed.served._trade_id
                await market.until(lambda _: feed.served._trade_id > before + 5)
                assert market.history().trades.id.max() <= before
                feed.exchange.heal()
            number = feed.served._trade_id
            await market.until(lambda one: one.history().trades.id[-1] > number + 5)

    asyncio.run(follow())


def test_a_fault_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match=r"^There is no fault 'nap'\. Known are: drop, repeat, "):
        SimulatedExchange(SimulatedMarket()).inject("nap")


def test_a_symbol_that_the_exchange_does_not_list_ends_the_feed():
    market = market_of("NOPE-PERP")
    feed = SimulatorFeed(market, SimulatedMarket("BTC-PERP"))

    async def follow():
        async with running(feed) as reading:
            await reading  # it ends by itself

    asyncio.run(follow())
    assert market.state == "closed"
    assert market.detail == "Simulator lists no symbol 'NOPE-PERP'."
    assert market.advice == "Check how the venue spells it."


def test_a_past_is_played_first_and_then_the_present():
    market = market_of()
    feed = SimulatorFeed(market, SimulatedMarket(seed=5), warmup=30.0)

    async def follow():
        async with running(feed):
            await market.until(lambda one: len(one.history()) >= 605)

    asyncio.run(follow())
    history = market.history()
    assert history.gaps == 0
    behind = (history.received - history.time) / 1e9
    assert behind[0] > 29
    assert abs(behind[-1]) < 1
    assert set(np.diff(history.time)) <= {step * 50_000_000 for step in range(1, 20)}


def keep_the_changes(market):
    """Return what will hold what changed a market's book at each step, from 1 on."""
    changes, step = {}, market.step

    def kept():
        trades = step()
        changes[market.steps] = market.changes
        return trades

    market.step = kept
    return changes


def test_trades_are_what_left_the_book_and_none_is_read_before_an_older_book():
    market = market_of()
    feed = SimulatorFeed(market, SimulatedMarket(seed=5), warmup=60.0)
    changes = keep_the_changes(feed.served.market)

    async def follow():
        async with running(feed):
            await market.until(lambda one: len(one.history()) >= 1210)

    asyncio.run(follow())
    history, served = market.history(), feed.served
    trades, listing = history.trades, served.market.listing
    assert np.all(np.diff(trades.id) == 1)  # each of them, once
    steps = (trades.time // 1_000_000 - served._start_time) // 50
    first, last = steps[0], steps[-1]
    told = [
        (step, -change.side, change.price, -change.size)
        for step, kept in changes.items()
        for change in kept
        if change.cause == "trade" and first <= step <= last
    ]
    found = zip(
        steps.tolist(),
        trades.side.tolist(),
        np.rint(trades.price / listing.tick_size).astype(int).tolist(),
        np.rint(trades.size / listing.contract_size).astype(int).tolist(),
        strict=True,
    )
    assert list(found) == told
    assert len(told) > 400
    # In the past that is played, too, a trade comes before its own book and after the one before.
    rows = table.rows(history)
    assert np.all(history.time[rows] >= trades.time)
    assert np.all(history.time[rows[rows > 0] - 1] < trades.time[rows > 0])


def test_who_subscribes_late_gets_the_last_trades_first_and_uses_none():
    market = market_of()

    async def follow():
        async with SimulatedExchange(SimulatedMarket(seed=5), warmup=30.0) as exchange:
            market.venue.urls.update(exchange.endpoints)
            async with running(LiveFeed(market)):
                await market.until(lambda one: len(one.history().trades) > 30)
                newest = market.history().trades.id[-1]
                late = market_of()
                late.venue.urls.update(exchange.endpoints)
                async with running(LiveFeed(late)):
                    await late.until(lambda one: len(one.history().trades) > 3)
        return late, newest

    late, newest = asyncio.run(follow())
    assert late.refused.keys() == {PAST_TRADE}
    assert 10 <= late.refused[PAST_TRADE] <= 20  # but for one that the book is older than
    assert late.history().trades.id[0] > newest


# -- venues that cannot be reached ---------------------------------------------------------


def test_a_rest_address_where_nothing_listens_is_said_and_tried_again(hasty):
    market = market_of(rest=f"http://127.0.0.1:{unused_port()}/futures")

    async def follow():
        async with running(LiveFeed(market)):
            await market.until(lambda one: len(one.statuses) >= 4)

    asyncio.run(follow())
    assert market.statuses[0].detail == "Reading the instrument."
    told = [one for one in market.statuses[1:] if one.state != "stale"]
    assert told
    for status in told:
        assert status.state == "connecting"
        assert status.detail == "Simulator cannot be reached: All connection attempts failed."
        assert status.advice == "Trying again every few seconds."


def test_a_rest_address_that_refuses_the_location_is_said_and_tried_again(hasty):

    async def follow():
        async with http_server("451 Unavailable For Legal Reasons") as port:
            market = market_of(rest=f"http://127.0.0.1:{port}/futures")
            async with running(LiveFeed(market)):
                await market.until(lambda one: len(one.statuses) >= 4)
        return market

    market = asyncio.run(follow())
    told = [one for one in market.statuses[1:] if one.state != "stale"]
    assert told
    for status in told:
        assert status.state == "connecting"
        assert status.detail == "Simulator refuses this location (HTTP 451)."
        assert status.advice == (
            "Run the kernel elsewhere, choose another venue, or use sim: for the simulator."
        )


def follow_without_websockets(port):
    """Return the market of a feed whose REST address is right and whose websockets are not."""

    async def follow():
        async with SimulatedExchange(SimulatedMarket()) as exchange:
            websockets = f"ws://127.0.0.1:{port}/ws"
            market = market_of(rest=exchange.endpoints["rest"], book=websockets, trades=websockets)
            async with running(LiveFeed(market)):
                await market.until(lambda one: len(one.statuses) >= 4)
        return market

    return follow()


def test_a_websocket_address_where_nothing_listens_is_said_and_tried_again(hasty, soon_old):
    port = unused_port()
    market = asyncio.run(follow_without_websockets(port))
    told = [one for one in market.statuses[1:] if one.state != "stale"]
    assert told
    for status in told:
        assert status.state == "connecting"
        assert status.detail == (
            f"Simulator cannot be reached: [Errno 111] Connect call failed ('127.0.0.1', {port})."
        )
        assert status.advice == "Reading the book by REST meanwhile, and connecting again."


def test_a_websocket_handshake_that_refuses_the_location_is_said_and_tried_again(hasty, soon_old):
    async def follow():
        async with http_server("451 Unavailable For Legal Reasons") as port:
            return await follow_without_websockets(port)

    told = [one for one in asyncio.run(follow()).statuses[1:] if one.state != "stale"]
    assert told
    for status in told:  # a book by REST does not advance: nobody is subscribed
        assert status.state == "connecting"
        assert status.detail == (
            "Simulator cannot be reached: Simulator refuses this location (HTTP 451). "
            "Run the kernel elsewhere, choose another venue, or use sim: for the simulator."
        )
        assert status.advice == "Reading the book by REST meanwhile, and connecting again."
