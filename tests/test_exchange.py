"""The simulated exchange behind a real websocket on loopback, and the feed that reads it."""

import asyncio

import numpy as np
import pytest
from exchange_tools import (
    SECOND,
    WatchedMarket,
    http_server,
    live,
    lost,
    open_sockets,
    running,
    threads,
    unused_port,
)

from obi_widgets.feeds import live as live_module
from obi_widgets.feeds.live import LiveFeed, SimulatorFeed
from obi_widgets.feeds.simulation.exchange import FAULTS, SimulatedExchange
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.market_data.venues import lmex, make_venue


@pytest.fixture
def hasty(monkeypatch):
    """Let what is tried again be tried again soon."""
    monkeypatch.setattr(live_module, "REOPEN_AFTER", 0.02)
    monkeypatch.setattr(live_module, "MAX_REOPEN_AFTER", 0.02)


@pytest.fixture(autouse=True)
def nothing_is_left():
    before = threads(), open_sockets()
    yield
    assert (threads(), open_sockets()) == before


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
    truth = keep_the_truth(feed.exchange)

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
    assert_true(market.history(), truth, feed.exchange.market.listing)


def test_faults_of_every_kind_one_after_the_other_are_all_survived(hasty):
    market = market_of("SOL-PERP")
    feed = SimulatorFeed(market, SimulatedMarket("SOL-PERP", edge=0, seed=6), warmup=1.0)
    truth = keep_the_truth(feed.exchange)

    async def follow():
        async with running(feed):
            await market.until(live)
            for fault in FAULTS:
                feed.exchange.inject(fault)
            await market.until(lambda _: not feed.exchange._faults)
            feed.exchange.heal()
            rows = len(market.history())
            await market.until(lambda one: live(one) and len(one.history()) >= rows + 20)

    asyncio.run(follow())
    assert_true(market.history(), truth, feed.exchange.market.listing)


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


def test_trades_come_on_their_own_websocket_with_the_takers_side():
    market = market_of()
    feed = SimulatorFeed(market, SimulatedMarket(seed=5), warmup=20.0)

    async def follow():
        async with running(feed):
            await market.until(lambda one: len(one.history().trades) > 10)

    asyncio.run(follow())
    trades = market.history().trades
    assert set(trades.side.tolist()) <= {-1, +1}
    assert np.all(trades.size > 0)
    assert np.array_equal(trades.price * 2, np.round(trades.price * 2))  # on the grid
    assert np.all(np.diff(trades.id) == 1)  # each of them, once


# -- venues that cannot be reached ---------------------------------------------------------


def test_a_rest_address_where_nothing_listens_is_said_and_tried_again(monkeypatch):
    monkeypatch.setattr(lmex, "SECOND", SECOND // 100)
    market = market_of(rest=f"http://127.0.0.1:{unused_port()}/futures")

    async def follow():
        async with running(LiveFeed(market)):
            await market.until(lambda one: len(one.statuses) >= 4)

    asyncio.run(follow())
    assert market.statuses[0].detail == "Reading the instrument."
    for status in market.statuses[1:]:
        assert status.state == "connecting"
        assert status.detail == "Simulator cannot be reached: All connection attempts failed."
        assert status.advice == "Trying again every few seconds."


def test_a_rest_address_that_refuses_the_location_is_said_and_tried_again(monkeypatch):
    monkeypatch.setattr(lmex, "SECOND", SECOND // 100)

    async def follow():
        async with http_server("451 Unavailable For Legal Reasons") as port:
            market = market_of(rest=f"http://127.0.0.1:{port}/futures")
            async with running(LiveFeed(market)):
                await market.until(lambda one: len(one.statuses) >= 4)
        return market

    market = asyncio.run(follow())
    for status in market.statuses[1:]:
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


def test_a_websocket_address_where_nothing_listens_is_said_and_tried_again(hasty):
    port = unused_port()
    market = asyncio.run(follow_without_websockets(port))
    for status in market.statuses[1:]:
        assert status.state == "connecting"
        assert status.detail == (
            f"Simulator cannot be reached: [Errno 111] Connect call failed ('127.0.0.1', {port})."
        )
        assert status.advice == "Connecting again."


def test_a_websocket_handshake_that_refuses_the_location_is_said_and_tried_again(hasty):
    async def follow():
        async with http_server("451 Unavailable For Legal Reasons") as port:
            return await follow_without_websockets(port)

    for status in asyncio.run(follow()).statuses[1:]:
        assert status.state == "connecting"
        assert status.detail == (
            "Simulator cannot be reached: Simulator refuses this location (HTTP 451). "
            "Run the kernel elsewhere, choose another venue, or use sim: for the simulator."
        )
        assert status.advice == "Connecting again."
