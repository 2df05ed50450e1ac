"""Feeds that share websockets: what one of them does or suffers is not the others' business."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np
import pytest
from exchange_tools import SECOND, WatchedMarket, live, open_sockets, running, threads, unused_port
from make_captures import spoken
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from obi_widgets.feeds import live as live_module
from obi_widgets.feeds.connections import Connections, shared
from obi_widgets.feeds.connections.answers import Answers
from obi_widgets.feeds.connections.shared import MarketSocket, SharedConnection
from obi_widgets.feeds.live import LiveFeed, SimulatorFeed
from obi_widgets.feeds.requests import Answer
from obi_widgets.feeds.simulation.simulator import LISTINGS, SimulatedMarket
from obi_widgets.history import trades as table
from obi_widgets.market_data.venues import VENUES, make_venue
from obi_widgets.market_data.venues.lmex import TRADES
from obi_widgets.market_data.venues.lmex_sharing import LmexSharing
from obi_widgets.market_data.venues.replies import BOOK, Connect, Reconnect

SYMBOLS = [*LISTINGS][:3]


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


def market_of(symbol):
    venue = make_venue("sim", symbol)
    venue.snapshot_within = SECOND // 5
    return WatchedMarket(venue, interval=0)


class Together:
    """Feeds of one event loop, which share what their venues allow."""

    def __init__(self, symbols=SYMBOLS, warmup=1.0):
        self.connections = Connections()
        self.feeds = [
            SimulatorFeed(
                market_of(symbol),
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
            await together.until(lambda one: len(one.statuses) >= 4)
        return together

    for market in asyncio.run(play()).markets:
        assert "cannot be reached" in market.statuses[-1].detail


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
            feeds.feeds = [LiveFeed(market, connections=connections) for market in markets]
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
        for stream in ("depth@100ms", "aggTrade", "markPrice@1s")
    )


# -- a made-up websocket -------------------------------------------------------------------


class FakeSocket:
    """A websocket that a test speaks through."""

    def __init__(self, *, answers=True):
        self.sent, self.frames, self.answers = [], asyncio.Queue(), answers
        self.closed = False

    @asynccontextmanager
    async def opened(self):
        try:
            yield self
        finally:
            self.closed = True

    async def recv(self, decode=None):
        frame = await self.frames.get()
        if isinstance(frame, Exception):
            raise frame
        return frame

    async def send(self, text):
        self.sent.append(text)

    async def close(self, reason):
        self.reason = reason
        self.frames.put_nowait(ConnectionClosedOK(None, None))

    async def ping(self):
        answered = asyncio.get_running_loop().create_future()
        if self.answers:
            answered.set_result(0.0)
        return answered


@asynccontextmanager
async def joined(name, *markets, socket=None):
    """Give the made-up websocket of a venue, its pool, and the parts of some markets."""
    socket, pool, parts = socket or FakeSocket(), Connections(), []
    venues = [VENUES[name](market) for market in markets]

    async with AsyncExitStack() as stack:
        for venue in venues:
            to = Connect(BOOK, "wss://example")
            opening = pool.open(venue, to, lambda _: socket.opened())
            parts.append(await stack.enter_async_context(opening))
        yield socket, pool, parts
    assert len(pool) == 0
    assert socket.closed


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


def book(symbol, size=0):
    return f'{{"topic":"orderbook.200.{symbol}","data":{{}}}}{" " * size}'.encode()


async def subscribed(part, symbol):
    await part.send(f'{{"op":"subscribe","args":["orderbook.200.{symbol}"]}}')
    await turns()


def test_what_is_sent_and_heard_is_that_of_each():
    async def play():
        async with joined("bybit", "A", "B") as (socket, pool, (one, two)):
            await subscribed(one, "A")
            await subscribed(two, "B")
            assert socket.sent == [
                '{"op":"subscribe","args":["orderbook.200.A"],"req_id":"orderbook.200.A"}',
                '{"op":"subscribe","args":["orderbook.200.B"],"req_id":"orderbook.200.B"}',
            ]
            for symbol in "BAB":
                socket.frames.put_nowait(book(symbol))
            assert [await two.recv() for _ in range(2)] == [book("B")] * 2
            assert await one.recv(decode=False) == book("A")
            await one.send('{"op":"ping"}')
            await two.send('{"op":"ping"}')
            await turns()
            assert socket.sent[2:] == ['{"op":"ping"}']  # the answer goes to both
            pong = b'{"success":true,"ret_msg":"pong","op":"ping"}'
            socket.frames.put_nowait(pong)
            assert [await part.recv() for part in (one, two)] == [pong, pong]
            assert await (await one.ping()) == 0.0
            await one.close(reason="enough")
            await turns()
            assert socket.sent[3:] == [
                '{"op":"unsubscribe","args":["orderbook.200.A"],"req_id":"orderbook.200.A"}'
            ]
            with pytest.raises(ConnectionClosedOK):
                await one.recv()
            with pytest.raises(ConnectionClosed):
                await one.send("{}")
            assert pool.markets == [1]
            await two.close(reason="over")
            assert socket.reason == "over"

    asyncio.run(play())


def test_a_market_that_does_not_read_is_closed_and_the_others_are_not(monkeypatch):
    monkeypatch.setattr(shared, "MOST_WAITING", 10_000)

    async def play():
        async with joined("bybit", "A", "B") as (socket, _, (one, two)):
            await subscribed(one, "A")
            await subscribed(two, "B")
            for symbol in "AABA":
                socket.frames.put_nowait(book(symbol, 4000))
            assert await two.recv() == book("B", 4000)
            await turns()
            assert [await one.recv() for _ in range(2)] == [book("A", 4000)] * 2  # what there was
            with pytest.raises(ConnectionClosed, match="its frames were not read in time"):
                await one.recv()
            socket.frames.put_nowait(book("B"))
            assert await two.recv() == book("B")

    asyncio.run(play())


def test_a_loss_reaches_all_after_the_frames_that_came_before_it():
    async def play():
        async with joined("bybit", "A", "B") as (socket, pool, parts):
            await subscribed(parts[0], "A")
            socket.frames.put_nowait(book("A"))
            socket.frames.put_nowait(ConnectionClosed(None, None))
            await turns()
            assert len(pool) == 0
            assert await parts[0].recv() == book("A")
            for part in parts:
                with pytest.raises(ConnectionClosed, match="no close frame"):
                    await part.recv()

    asyncio.run(play())


def test_a_market_that_left_at_once_or_heard_nothing_gets_another_websocket():
    """The venue may have forgotten it there."""

    async def play():
        venue, sockets = VENUES["bybit"]("A"), []

        def dial(_):
            sockets.append(FakeSocket())
            return sockets[-1].opened()

        pool, to = Connections(), Connect(BOOK, "wss://example")
        async with pool.open(VENUES["bybit"]("B"), to, dial):
            async with pool.open(venue, to, dial):
                assert len(sockets) == 1
            async with pool.open(venue, to, dial) as second:
                assert len(sockets) == 2
                second.opened_at -= shared.STEADY
                second.had_data = True
            assert sockets[1].closed
            async with pool.open(venue, to, dial):
                assert len(sockets) == 3  # not to the first, where it heard nothing
        assert len(pool) == 0

    asyncio.run(play())


@pytest.mark.parametrize("answers", [True, False])
def test_a_silent_websocket_is_checked_when_a_market_leaves(answers, monkeypatch):
    monkeypatch.setattr(shared, "SILENT", -1.0)
    monkeypatch.setattr(shared, "ANSWER_WITHIN", 0.01)

    async def play():
        socket = FakeSocket(answers=answers)
        async with joined("bybit", "A", "B", socket=socket) as (_, pool, (one, two)):
            await one.close(reason="nothing was heard")
            if answers:
                await asyncio.sleep(0.05)
                assert pool.markets == [1]
            else:
                with pytest.raises(ConnectionClosed, match="nothing was heard"):
                    await two.recv()

    asyncio.run(play())


def test_when_an_hours_subscriptions_are_used_up_a_market_goes_elsewhere(monkeypatch):
    monkeypatch.setattr(type(VENUES["okx"].sharing), "an_hour", 2)

    async def play():
        async with joined("okx", "A", "B") as (socket, pool, (one, two)):
            text = '{{"op":"subscribe","args":[{{"channel":"books","instId":"{}"}}]}}'
            await one.send(text.format("A"))
            await turns()
            await two.send(text.format("B"))
            await turns()
            assert len(socket.sent) == 2
            await two.send(text.format("B"))
            with pytest.raises(ConnectionClosedOK, match="many subscriptions"):
                await two.recv()
            assert pool._find(VENUES["okx"].sharing, "wss://example", frozenset({"C"})) is None
            assert pool.markets == [1]

    asyncio.run(play())


def test_a_websocket_that_the_venue_will_close_takes_no_more_markets():
    async def play():
        async with joined("okx", "A") as (socket, pool, (one,)):
            notice = b'{"event":"notice","code":"64008","msg":"closing soon","connId":"c"}'
            socket.frames.put_nowait(notice)
            assert await one.recv() == notice
            assert pool._find(VENUES["okx"].sharing, "wss://example", frozenset({"B"})) is None

    asyncio.run(play())


def test_a_refused_subscription_closes_the_part_of_its_market_with_the_reason():
    async def play():
        socket, pool, parts = FakeSocket(), Connections(), []

        def dial(url):
            assert url == "wss://example/stream"
            return socket.opened()

        async with AsyncExitStack() as stack:
            for symbol in ("A", "B"):
                to = Connect(BOOK, f"wss://example/stream?streams={symbol.lower()}@depth@100ms")
                opening = pool.open(VENUES["binance-spot"](symbol), to, dial)
                parts.append(await stack.enter_async_context(opening))
                await turns()
            socket.frames.put_nowait(b'{"result":null,"id":2}')
            socket.frames.put_nowait(b'{"error":{"code":2,"msg":"Invalid request"},"id":1}')
            with pytest.raises(ConnectionClosed, match=r"Invalid request \(code 2\)"):
                await parts[0].recv()
            frame = b'{"stream":"b@depth@100ms","data":{}}'
            socket.frames.put_nowait(frame)
            assert await parts[1].recv() == frame

    asyncio.run(play())


def test_who_waits_for_a_websocket_may_give_up_and_the_others_still_get_it():
    async def play():
        may_open, held, socket = asyncio.Event(), asyncio.Event(), FakeSocket()

        @asynccontextmanager
        async def dial(_):
            await may_open.wait()
            async with socket.opened() as opened:
                yield opened

        async def hold(symbol):
            async with pool.open(VENUES["bybit"](symbol), to, dial) as part:
                assert isinstance(part, MarketSocket)
                held.set()
                await asyncio.Event().wait()

        pool, to = Connections(), Connect(BOOK, "wss://example")
        waiting = [asyncio.create_task(hold(symbol)) for symbol in "AB"]
        await turns()
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        may_open.set()
        await held.wait()
        assert pool.markets == [1]
        waiting[1].cancel()
        await asyncio.wait(waiting)
        assert socket.closed
        may_open.clear()
        alone = asyncio.create_task(hold("A"))
        await turns()
        alone.cancel()
        await asyncio.wait([alone])
        assert len(pool) == 0

    asyncio.run(play())


def test_a_venue_that_does_not_share_gets_websockets_of_its_own(monkeypatch):
    async def play():
        venue = VENUES["bybit"]("A")
        monkeypatch.setattr(type(venue), "sharing", None)
        socket = FakeSocket()

        def dial(url):
            assert url == "wss://example?a"
            return socket.opened()

        pool = Connections()
        async with pool.open(venue, Connect(BOOK, "wss://example?a"), dial) as own:
            assert own is socket
            assert len(pool) == 0

    asyncio.run(play())


def test_an_old_websocket_takes_no_more_markets(monkeypatch):
    async def play():
        async with joined("bybit", "A") as (_, pool, (one,)):
            (group,) = pool._shared.values()
            (connection,) = group
            assert isinstance(connection, SharedConnection)
            assert connection.takes(frozenset({"B"}))
            assert not connection.takes(frozenset({"A", "B"}))
            assert one.connected_at == connection.opened_at
            connection.opened_at -= shared.RETIRES_AFTER
            assert not connection.takes(frozenset({"B"}))

    asyncio.run(play())


# -- answers -------------------------------------------------------------------------------


def test_what_many_ask_for_is_requested_once_and_again_only_for_who_had_it():
    asked, answers = [], Answers()

    async def ask():
        asked.append(len(asked))
        await turns(3)
        return Answer(200, str(asked[-1]), 7)

    async def play():
        request = "https://example/all", ""
        first = await asyncio.gather(*(answers.get(request, who, ask) for who in "abc"))
        assert [one.body for one in first] == ["0", "0", "0"]
        assert [one.date_ns for one in first] == [7, None, None]
        assert (await answers.get(request, "d", ask)).body == "0"
        assert (await answers.get(request, "b", ask)).body == "1"  # who could not use it
        assert (await answers.get(("https://example/other", ""), "a", ask)).body == "2"

    asyncio.run(play())
    assert len(asked) == 3


def test_a_failed_answer_is_not_kept_and_who_gives_up_does_not_take_it_from_the_others():
    asked, answers = [], Answers()

    async def ask():
        asked.append(len(asked))
        await turns(5)
        return Answer(500, "no")

    async def play():
        request = "https://example/all", ""
        first, second = (asyncio.create_task(answers.get(request, who, ask)) for who in ("a", "b"))
        await turns(2)
        first.cancel()
        await asyncio.wait([first])
        assert (await second).status == 500
        assert (await answers.get(request, "c", ask)).status == 500

    asyncio.run(play())
    assert len(asked) == 3
