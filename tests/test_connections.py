"""Feeds that share websockets: what one of them does or suffers is not the others' business."""

from __future__ import annotations

import asyncio
import json
import random

import numpy as np
import pytest
from exchange_tools import SECOND, WatchedMarket, given_back, held, live, running, unused_port
from make_captures import spoken
from test_exchange import assert_true, keep_the_truth
from test_exchange import market_of as market_of_exchange
from websockets.asyncio.server import serve

from obi_widgets.feeds import live as live_module
from obi_widgets.feeds.connections import Connections
from obi_widgets.feeds.connections.shared import SharedConnection
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.simulation.exchange import FAULTS
from obi_widgets.feeds.simulation.simulator import LISTINGS, SimulatedMarket
from obi_widgets.feeds.simulator_feed import SimulatorFeed
from obi_widgets.history import trades as table
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.connection import Backoff
from obi_widgets.market_data.venues.lmex import TRADES
from obi_widgets.market_data.venues.lmex_sharing import LmexSharing
from obi_widgets.market_data.venues.replies import BOOK, Reconnect

SYMBOLS = [*LISTINGS][:3]


@pytest.fixture
def hasty(monkeypatch):
    """Let what is tried again be tried again soon."""
    monkeypatch.setattr(live_module, "REOPEN_AFTER", 0.02)
    monkeypatch.setattr(live_module, "MAX_REOPEN_AFTER", 0.02)


@pytest.fixture(autouse=True)
def nothing_is_left():
    before = held()
    yield
    given_back(before)


def market_of(symbol):
    venue = make_venue("sim", symbol)
    venue.snapshot_within = SECOND // 5
    return WatchedMarket(venue, interval=0)


class Together:
    """Feeds of one event loop, which share what their venues allow."""

    def __init__(self, symbols=SYMBOLS, warmup=1.0, make=market_of):
        self.connections = Connections()
        self.feeds = [
            SimulatorFeed(
                make(symbol),
                SimulatedMarket(symbol, seed=seed),
                warmup=warmup,
                connections=self.connections,
            )
            for seed, symbol in enumerate(symbols)
        ]
        self.markets = [feed.market for feed in self.feeds]

    async def run(self):
        async with asyncio.TaskGroup() as group:
            for feed in self.feeds:
                group.create_task(feed.run())

    async def until(self, holds):
        await asyncio.gather(*(market.until(holds) for market in self.markets))

    async def go_on(self, markets=None, states=5):
        """Wait until each of these markets has so many more states."""
        for market in self.markets if markets is None else markets:
            rows = len(market.history())
            await market.until(lambda one, rows=rows: len(one.history()) >= rows + states)


def follow(scenario, **how):
    """Return the feeds after a scenario."""

    async def play():
        together = Together(**how)
        async with running(together):
            await together.until(live)
            await scenario(together)
        assert len(together.connections) == 0
        return together

    return asyncio.run(play())


# -- one websocket -------------------------------------------------------------------------


def test_all_markets_have_one_websocket_of_each_kind():
    """And the trades of each are read before the book that came after them."""

    async def scenario(together):
        assert together.connections.markets == [3, 3]
        await together.until(lambda one: len(one.history().trades) > 50)

    for market in follow(scenario, warmup=20.0).markets:
        history = market.history()
        assert history.gaps == 0
        assert not market.refused
        rows = table.rows(history)
        assert np.all(history.time[rows] >= history.trades.time)
        assert np.all(history.time[rows[rows > 0] - 1] < history.trades.time[rows > 0])


def test_one_more_than_a_websocket_takes_gets_another(monkeypatch):
    monkeypatch.setattr(LmexSharing, "markets", 2)

    async def scenario(together):
        assert sorted(together.connections.markets) == [1, 1, 2, 2]

    follow(scenario)


def test_a_market_that_is_followed_twice_has_two_websockets():
    """One of them would end the subscription of both."""

    async def play():
        one = Together(SYMBOLS[:2])
        exchange = one.feeds[0].exchange
        again = LiveFeed(market_of(SYMBOLS[0]), connections=one.connections)
        async with running(one):
            await one.until(live)
            again.market.venue.urls.update(exchange.endpoints)
            reading = asyncio.create_task(again.run())
            await again.market.until(live)
            assert sorted(one.connections.markets) == [1, 1, 2, 2]
            reading.cancel()
            await asyncio.wait([reading])
            assert one.connections.markets == [2, 2]
            await one.go_on()
        assert [market.history().gaps for market in one.markets] == [0, 0]

    asyncio.run(play())


def test_a_decoder_knows_that_its_requests_wait_to_be_sent(monkeypatch):
    async def scenario(together):
        assert {one.venue.unsent for one in together.markets} == {frozenset()}
        monkeypatch.setattr(SharedConnection, "unsent", lambda *_: frozenset({"book"}))
        await together.until(lambda one: one.venue.unsent == {"book"})

    follow(scenario)


# -- one market in trouble -----------------------------------------------------------------


def test_a_gap_of_one_market_is_made_good_by_it_alone(hasty):
    async def scenario(together):
        first = together.markets[0]
        together.feeds[0].served.inject("drop")
        await first.until(lambda one: one.history().gaps == 1 and live(one))
        await together.go_on()

    together = follow(scenario)
    assert [market.history().gaps for market in together.markets] == [1, 0, 0]
    assert all(
        status.state != "connecting" for one in together.markets for status in one.statuses[1:]
    )


def test_a_market_that_connects_again_leaves_the_others_alone(hasty):
    async def scenario(together):
        first = together.markets[0]
        for socket in (BOOK, TRADES):
            together.feeds[0]._carry_out([Reconnect(socket, "a test")])
        await first.until(lambda one: one.history().gaps == 1 and live(one))
        await together.go_on()
        assert sum(together.connections.markets) == 6

    together = follow(scenario)
    assert [market.history().gaps for market in together.markets] == [1, 0, 0]
    assert together.markets[0].statuses[-1].state == "syncing"


def test_a_market_that_ends_leaves_the_others_alone():
    async def play():
        together = Together()
        last = together.feeds.pop()
        together.markets.pop()
        async with running(together):
            reading = asyncio.create_task(last.run())
            await asyncio.gather(together.until(live), last.market.until(live))
            reading.cancel()
            await asyncio.wait([reading])
            assert together.connections.markets == [2, 2]
            assert SYMBOLS[2] not in together.feeds[0].exchange.served
            await together.go_on()
        assert [market.history().gaps for market in together.markets] == [0, 0]

    asyncio.run(play())


# -- the websocket is lost -----------------------------------------------------------------


def test_the_loss_of_the_websocket_is_told_to_all_and_all_come_back_to_one(hasty):
    async def scenario(together):
        together.feeds[0].served.inject("disconnect")
        await together.until(lambda one: one.history().gaps == 1 and live(one))
        await together.go_on()
        assert together.connections.markets == [3, 3]

    for market in follow(scenario).markets:
        assert market.history().gaps == 1
        (lost,) = [one for one in market.statuses[1:] if one.state == "connecting"]
        assert lost.detail.startswith("The connection to Simulator was lost: ")


def test_a_websocket_that_cannot_be_opened_is_told_to_all(hasty):
    port = unused_port()

    async def play():
        together = Together()
        url = f"ws://127.0.0.1:{port}/ws"
        for market in together.markets:
            start = market.start

            def elsewhere(now, market=market, start=start):
                market.venue.urls.update({BOOK: url, TRADES: url})
                return start(now)

            market.start = elsewhere
        async with running(together):
            await together.until(
                lambda one: any("cannot be reached" in status.detail for status in one.statuses)
            )
            assert len(together.connections) <= 2  # one of each kind is tried for all

    asyncio.run(play())


@pytest.mark.slow
def test_faults_of_every_kind_at_any_market_never_make_a_wrong_book(hasty, monkeypatch):
    """Those that are of one market alone leave the others without a gap."""
    monkeypatch.setattr(Backoff, "good_after", 0)  # or it waits longer from fault to fault
    together, draw, alone = Together(make=market_of_exchange), random.Random(3), 0
    truths = [keep_the_truth(feed.served) for feed in together.feeds]

    async def play():
        nonlocal alone
        async with running(together):
            await together.until(live)
            for fault in draw.sample(FAULTS, len(FAULTS)):
                which = draw.randrange(3)
                gaps = [market.history().gaps for market in together.markets]
                served = together.feeds[which].served
                served.inject(fault)
                await together.markets[which].until(lambda _, served=served: not served._faults)
                await together.go_on([together.markets[which]], 2)
                served.heal()
                await together.until(lambda one: live(one) and not one.venue._rest_book.polled)
                await together.go_on()
                if fault in ("drop", "reorder", "cross"):
                    gaps[which] += 1
                    assert [market.history().gaps for market in together.markets] == gaps
                    alone += 1

    asyncio.run(play())
    assert alone == 3
    for feed, truth in zip(together.feeds, truths, strict=True):
        assert_true(feed.market.history(), truth, feed.served.market.listing)


# -- a venue whose streams stand in the URL -------------------------------------------------


class FakeBinance:
    """Binance USD-M, as far as it says what was captured of some symbols.

    Attributes
    ----------
    asked : list of str
        The paths of requests by HTTP.
    subscribed : list of list of str
        The streams of each request.
    """

    def __init__(self, *symbols):
        self.asked, self.subscribed, listed = [], [], []
        self.frames, self.answers = {}, {}
        for which, symbol in enumerate(symbols):
            name, records, _ = spoken("binance-usdm", symbol=which, seed=which)
            assert name == symbol
            for record in records:
                if record.kind == "frame":
                    stream = json.loads(record.text)["stream"]
                    self.frames.setdefault(stream, []).append(record.text)
                elif record.name == "snapshot":
                    self.answers[f"/fapi/v1/depth?symbol={symbol}&limit=1000"] = record.text
                elif record.name == "instrument":
                    listed += json.loads(record.text)["symbols"]
        self.answers["/fapi/v1/exchangeInfo"] = json.dumps({"symbols": listed})

    def answer(self, connection, request):
        if request.path in ("/public/stream", "/market/stream"):
            return None
        self.asked.append(request.path)
        body = self.answers.get(request.path)
        return connection.respond(200 if body else 404, body or "")

    async def converse(self, connection):
        async for text in connection:
            request = json.loads(text)
            assert request["method"] in ("SUBSCRIBE", "UNSUBSCRIBE")
            await connection.send(json.dumps({"result": None, "id": request["id"]}))
            if request["method"] == "SUBSCRIBE":
                self.subscribed.append(request["params"])
                for stream in request["params"]:
                    for frame in self.frames.get(stream, ()):
                        await connection.send(frame)


def test_streams_of_an_url_are_subscribed_to_and_the_list_of_symbols_is_requested_once():
    symbols = ["BTCUSDT", "ETHUSDT"]

    async def play():
        venue, connections = FakeBinance(*symbols), Connections()
        async with serve(
            venue.converse, "127.0.0.1", 0, process_request=venue.answer, ping_interval=None
        ) as server:
            at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            urls = {
                BOOK: f"ws://{at}/public",
                "market": f"ws://{at}/market",
                "rest": f"http://{at}",
            }
            markets = [WatchedMarket(make_venue("binance-usdm", one, urls)) for one in symbols]
            feeds = Together(())
            feeds.feeds = [LiveFeed(market) for market in markets]
            for feed in feeds.feeds:
                feed.share(connections)
            async with running(feeds, server):
                for market in markets:
                    await market.until(lambda one: len(one.history()) > 50)
                    await market.until(lambda one: len(one.history().trades) > 20)
                assert connections.markets == [2, 2]
        return venue

    venue = asyncio.run(play())
    assert venue.asked.count("/fapi/v1/exchangeInfo") == 1
    streams = [stream for one in venue.subscribed for stream in one]
    assert sorted(streams) == sorted(
        f"{symbol.lower()}@{stream}"
        for symbol in symbols
        for stream in ("depth@100ms", "aggTrade", "markPrice@1s", "forceOrder")
    )
