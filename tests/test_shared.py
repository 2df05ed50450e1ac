"""A websocket that many markets share, spoken through by the test: what reaches whom, and when."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from shared_tools import turns
from skipped_time import skipping
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from obi_widgets.feeds.connections import Connections, market_socket, shared
from obi_widgets.feeds.connections.market_socket import MarketSocket
from obi_widgets.feeds.connections.shared import SharedConnection
from obi_widgets.feeds.dialling import Dialler
from obi_widgets.feeds.limits import Wait
from obi_widgets.market_data.venues import VENUES
from obi_widgets.market_data.venues.budget import Budget
from obi_widgets.market_data.venues.bybit_sharing import BybitSharing
from obi_widgets.market_data.venues.replies import BOOK, SECOND, Connect
from obi_widgets.market_data.venues.sharing import Subscription


class FakeSocket:
    """A websocket that a test speaks through."""

    def __init__(self, *, answers=True):
        self.sent, self.frames, self.answers = [], asyncio.Queue(), answers
        self.closed, self.pings = False, 0

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
        self.pings += 1
        answered = asyncio.get_running_loop().create_future()
        if self.answers:
            answered.set_result(0.0)
        return answered


class FakeDialler:
    """Opens a made-up websocket, or a new one each time; notes the URLs."""

    def __init__(self, socket=None):
        self.socket, self.sockets, self.urls, self.budget = socket, [], [], Budget()

    def open(self, url, tell):
        self.urls.append(url)
        self.sockets.append(self.socket or FakeSocket())
        return self.sockets[-1].opened()


def silent(wait):
    pytest.fail(f"nobody waits, but {wait} was told")


@asynccontextmanager
async def joined(name, *markets, socket=None):
    """Give the made-up websocket of a venue, its pool, and the parts of some markets."""
    socket, pool, parts = socket or FakeSocket(), Connections(), []
    venues = [VENUES[name](market) for market in markets]
    dialler = pool.dialler = FakeDialler(socket)

    async with AsyncExitStack() as stack:
        for venue in venues:
            to = Connect(BOOK, "wss://example")
            opening = pool.open(venue, to, dialler, silent)
            parts.append(await stack.enter_async_context(opening))
        yield socket, pool, parts
    assert len(pool) == 0
    assert socket.closed


def book(symbol, size=0):
    return f'{{"topic":"orderbook.200.{symbol}","data":{{}}}}{" " * size}'.encode()


def takes_more(pool):
    ((connection,),) = pool._shared.values()
    return connection.takes(frozenset({"ANOTHER"}))


async def subscribed(part, symbol):
    await part.send(f'{{"op":"subscribe","args":["orderbook.200.{symbol}"]}}')
    await turns()


def test_what_is_sent_and_heard_is_that_of_each(monkeypatch):
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
            assert socket.pings == 0, "something came just now"
            monkeypatch.setattr(shared, "RECENT", 0.0)
            assert await (await one.ping()) == 0.0
            waiting = [await part.ping() for part in (one, two)]
            assert await asyncio.gather(*waiting) == [0.0, 0.0]
            assert socket.pings == 2, "one for all that ask at once"
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
    monkeypatch.setattr(market_socket, "MOST_WAITING", 10_000)

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
            ((connection,),) = pool._shared.values()
            await subscribed(parts[0], "A")
            socket.frames.put_nowait(book("A"))
            socket.frames.put_nowait(ConnectionClosed(None, None))
            await turns()
            assert len(pool) == 0
            connection.ask(parts[1], Subscription(True, ("orderbook.200.B",)))
            assert not parts[1].held, "who has ended asks for nothing"
            assert await parts[0].recv() == book("A")
            for part in parts:
                with pytest.raises(ConnectionClosed, match="no close frame"):
                    await part.recv()

    asyncio.run(play())


def test_a_market_that_left_at_once_or_heard_nothing_gets_another_websocket():
    """The venue may have forgotten it there."""

    async def play():
        venue, dialler = VENUES["bybit"]("A"), FakeDialler()
        sockets = dialler.sockets
        pool, to = Connections(), Connect(BOOK, "wss://example")
        async with pool.open(VENUES["bybit"]("B"), to, dialler, silent):
            async with pool.open(venue, to, dialler, silent):
                assert len(sockets) == 1
            async with pool.open(venue, to, dialler, silent) as second:
                assert len(sockets) == 2
                second.opened_at -= shared.STEADY
                second.had_data = True
            assert sockets[1].closed
            async with pool.open(venue, to, dialler, silent):
                assert len(sockets) == 3  # not to the first, where it heard nothing
        assert len(pool) == 0

    asyncio.run(play())


@pytest.mark.parametrize("answers", [True, False])
def test_a_silent_websocket_is_checked_when_a_market_leaves(answers, monkeypatch):
    monkeypatch.setattr(shared, "SILENT", -1.0)
    monkeypatch.setattr(shared, "RECENT", -1.0)
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


class Deaf(FakeSocket):
    """A websocket whose venue does not answer, neither a ping nor a close."""

    def __init__(self):
        super().__init__(answers=False)
        self.closing = asyncio.Event()

    @asynccontextmanager
    async def opened(self):
        async with super().opened():
            try:
                yield self
            finally:
                await self.closing.wait()

    async def close(self, reason):
        await self.closing.wait()


def test_a_market_that_is_cancelled_while_it_closes_a_dead_websocket_leaves_none():
    async def play():
        async with joined("bybit", "BTCUSDT", socket=Deaf()) as (socket, pool, (part,)):
            closing = asyncio.create_task(part.close())
            await turns()
            closing.cancel()
            await turns()
            socket.closing.set()
            await turns()
            ended = socket.closed, len(pool)
            socket.frames.put_nowait(ConnectionClosedOK(None, None))
        assert ended == (True, 0)

    asyncio.run(play())


def test_nobody_joins_a_dead_websocket_while_it_is_closed(monkeypatch):
    monkeypatch.setattr(shared, "SILENT", -1.0)
    monkeypatch.setattr(shared, "RECENT", -1.0)
    monkeypatch.setattr(shared, "ANSWER_WITHIN", 0.01)

    async def play():
        parts = "BTCUSDT", "ETHUSDT"
        async with joined("bybit", *parts, socket=Deaf()) as (socket, pool, (part, _)):
            assert takes_more(pool)
            await part.close()
            await asyncio.sleep(0.03)
            takes = not socket.closed and takes_more(pool)
            socket.closing.set()
            assert not takes

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
            assert not takes_more(pool)
            assert pool.markets == [1]

    asyncio.run(play())


def test_a_websocket_that_the_venue_will_close_takes_no_more_markets():
    async def play():
        async with joined("okx", "A") as (socket, pool, (one,)):
            notice = b'{"event":"notice","code":"64008","msg":"closing soon","connId":"c"}'
            socket.frames.put_nowait(notice)
            assert await one.recv() == notice
            assert not takes_more(pool)

    asyncio.run(play())


def test_a_refused_subscription_closes_the_part_of_its_market_with_the_reason():
    async def play():
        socket, pool, parts = FakeSocket(), Connections(), []
        dialler = FakeDialler(socket)
        async with AsyncExitStack() as stack:
            for symbol in ("A", "B"):
                to = Connect(BOOK, f"wss://example/stream?streams={symbol.lower()}@depth@100ms")
                opening = pool.open(VENUES["binance-spot"](symbol), to, dialler, silent)
                parts.append(await stack.enter_async_context(opening))
                await turns()
            socket.frames.put_nowait(b'{"result":null,"id":1002}')
            socket.frames.put_nowait(b'{"error":{"code":2,"msg":"Invalid request"},"id":1001}')
            with pytest.raises(ConnectionClosed, match=r"Invalid request \(code 2\)"):
                await parts[0].recv()
            frame = b'{"stream":"b@depth@100ms","data":{}}'
            socket.frames.put_nowait(frame)
            assert await parts[1].recv() == frame
            assert dialler.urls == ["wss://example/stream"]

    asyncio.run(play())


def test_who_waits_for_a_websocket_may_give_up_and_the_others_still_get_it():
    async def play():
        may_open, held, socket = asyncio.Event(), asyncio.Event(), FakeSocket()

        class Slow(FakeDialler):
            @asynccontextmanager
            async def open(self, url, tell):
                await may_open.wait()
                async with super().open(url, tell) as opened:
                    yield opened

        async def hold(symbol):
            async with pool.open(VENUES["bybit"](symbol), to, slow, silent) as part:
                assert isinstance(part, MarketSocket)
                held.set()
                await asyncio.Event().wait()

        pool, to, slow = Connections(), Connect(BOOK, "wss://example"), Slow(socket)
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
        pool, dialler = Connections(), FakeDialler()
        async with pool.open(venue, Connect(BOOK, "wss://example?a"), dialler, silent) as own:
            assert [own] == dialler.sockets
            assert dialler.urls == ["wss://example?a"]
            assert len(pool) == 0

    asyncio.run(play())


def test_who_joins_later_is_told_whether_the_venue_is_online():
    """It says so once, when a websocket opens, and whenever that changes."""

    async def play():
        async with joined("kraken", "A/USD") as (socket, pool, (one,)):
            said = [
                f'{{"channel":"status","type":"update","data":[{{"system":"{mode}"}}]}}'.encode()
                for mode in ("online", "maintenance", "online")
            ]
            for status in said[:2]:
                socket.frames.put_nowait(status)
            assert [await one.recv(), await one.recv()] == said[:2]
            to = Connect(BOOK, "wss://example")
            other = VENUES["kraken"]("B/USD")
            async with pool.open(other, to, pool.dialler, silent) as two:
                assert pool.markets == [2]
                assert await two.recv() == said[1]
                socket.frames.put_nowait(said[2])
                assert [await one.recv(), await two.recv()] == said[2:] * 2

    asyncio.run(play())


def test_a_reader_that_fails_is_told_to_all_and_logged(monkeypatch, caplog):
    async def play():
        async with joined("bybit", "A", "B") as (socket, pool, parts):
            monkeypatch.setattr(BybitSharing, "topics_of", lambda *_: 1 / 0)
            socket.frames.put_nowait(book("A"))
            for part in parts:
                with pytest.raises(ConnectionClosed, match="its reader failed: ZeroDivisionError"):
                    await part.recv()
            assert len(pool) == 0

    asyncio.run(play())
    assert "A shared websocket failed." in caplog.text


def test_markets_that_are_reached_in_different_ways_share_no_websocket():
    """As one by a proxy, and one without."""

    async def play():
        pool, to = Connections(), Connect(BOOK, "wss://example")
        async with AsyncExitStack() as stack:
            one, other = FakeDialler(), FakeDialler()
            for symbol, dialler in (("A", one), ("B", one), ("C", other)):
                opening = pool.open(VENUES["bybit"](symbol), to, dialler, silent)
                await stack.enter_async_context(opening)
            assert pool.markets == [2, 1]

    asyncio.run(play())
    assert Dialler(Budget(), "http://one") == Dialler(Budget(), "http://one")
    assert Dialler(Budget(), "http://one") != Dialler(Budget())


class Held(FakeDialler):
    """Waits for something until it may open."""

    def __init__(self):
        super().__init__()
        self.may_open = asyncio.Event()

    @asynccontextmanager
    async def open(self, url, tell):
        self.tell = tell
        await self.may_open.wait()
        async with super().open(url, tell) as opened:
            yield opened


class Told:
    """A market, as far as it is told what it waits for."""

    def __init__(self):
        self.waits = []

    def tell(self, wait):
        self.waits.append(wait)


def test_all_who_wait_for_a_websocket_are_told_and_who_gave_up_is_not_kept():
    async def play():
        pool, dialler, to = Connections(), Held(), Connect(BOOK, "wss://example")
        markets = {symbol: Told() for symbol in "AB"}

        async def hold(symbol):
            async with pool.open(VENUES["bybit"](symbol), to, dialler, markets[symbol].tell):
                await asyncio.Event().wait()

        waiting = {symbol: asyncio.create_task(hold(symbol)) for symbol in "AB"}
        await turns()
        dialler.tell(Wait(3.0, 418))
        assert [one.waits for one in markets.values()] == [[Wait(3.0, 418)]] * 2
        waiting["A"].cancel()
        await asyncio.wait([waiting["A"]])
        first = weakref.ref(markets.pop("A"))
        del waiting["A"]
        gc.collect()
        assert first() is None, "the websocket was begun for it, and goes on without it"
        dialler.tell(Wait(2.0, 418))
        assert markets["B"].waits == [Wait(3.0, 418), Wait(2.0, 418)]
        dialler.may_open.set()
        await turns()
        assert pool.markets == [1]
        waiting["B"].cancel()
        await asyncio.wait([*waiting.values()])
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


# -- a large board -------------------------------------------------------------------------


class Board:
    """Markets of a venue that follow by one websocket, each with a decoder's first requests.

    Attributes
    ----------
    began : dict of str to float
        When each market was told that the websocket is open, seconds.
    times : list of (str, float)
        Which topic was subscribed to, and when.
    """

    def __init__(self, name, topics, clock):
        self.pool, self.socket, self.name, self.topics = Connections(), FakeSocket(), name, topics
        self.dialler, self.clock, self.start = FakeDialler(self.socket), clock, clock()
        self.began, self.times, self.told = {}, [], {}
        self.parts, self.unsent = {}, {}
        self.socket.send = self.send

    async def send(self, text):
        request = json.loads(text)
        if request["op"] == "subscribe":
            (topic,) = request["args"]
            self.times.append((topic, self.clock() - self.start))

    async def follow(self, symbol):
        to, told = Connect(BOOK, "wss://example"), self.told.setdefault(symbol, [])
        venue = VENUES[self.name](symbol)
        async with self.pool.open(venue, to, self.dialler, told.append) as part:
            self.began[symbol] = self.clock() - self.start
            self.parts[symbol] = part
            for topic in self.topics:
                await part.send(f'{{"op":"subscribe","args":["{topic.format(symbol)}"]}}')
            await part.recv()

    async def look(self):
        """Note until when a market has requests that are not sent."""
        while True:
            await asyncio.sleep(0.02)
            for symbol, part in self.parts.items():
                self.unsent |= {(symbol, of): self.clock() - self.start for of in part.unsent}

    async def follow_all(self, count, seconds):
        following = [asyncio.create_task(self.follow(f"S{number}")) for number in range(count)]
        following.append(asyncio.create_task(self.look()))
        await asyncio.sleep(seconds)
        for one in following:
            one.cancel()
        found = await asyncio.gather(*following, return_exceptions=True)
        return found[:count]


@pytest.mark.parametrize(
    ("name", "topics"),
    [
        ("lmex", ["update:{}_0"]),
        ("bybit", ["orderbook.200.{}", "publicTrade.{}", "tickers.{}", "allLiquidation.{}"]),
    ],
)
def test_each_market_of_a_large_board_begins_when_its_book_can_be_asked_for(
    name, topics, monkeypatch
):
    """And is told why it waits. So no decoder waits for what was not sent yet."""
    run = skipping(monkeypatch, shared)
    board = Board(name, topics, run.clock)
    run(board.follow_all(100, 60.0))
    sent = dict(board.times)
    assert len(board.times) == len(sent) == 100 * len(topics)
    books = {symbol: sent[topics[0].format(symbol)] for symbol in board.began}
    waited = [books[symbol] - began for symbol, began in board.began.items()]
    assert -1e-9 < max(waited) < 0.5 < VENUES["lmex"].poll_after / SECOND
    assert 9.0 - 1e-6 < max(books.values()) < 10.0, "ten a second, and ten at once"
    assert not any(board.told[f"S{number}"] for number in range(10))
    waits = board.told["S99"]
    assert [one.seconds for one in waits] == pytest.approx([8.9 - past for past in range(9)])
    assert {one.why for one in waits} == {"is sent the subscriptions of 10 books a second"}
    assert {one.then for one in waits} == {"This one is asked for"}, "nothing is opened"
    for (symbol, of), until in board.unsent.items():
        names = topics[1:] if of == "others" else topics[:1]
        assert until <= max(sent[topic.format(symbol)] for topic in names) < until + 0.03
    others = {symbol for symbol, of in board.unsent if of == "others"}
    assert len(others) == (100 if name == "bybit" else 0)


def test_markets_that_wait_for_their_turn_hear_of_a_loss_at_once_and_ask_for_nothing(monkeypatch):
    run = skipping(monkeypatch, shared)
    board = Board("bybit", ["orderbook.200.{}"], run.clock)

    async def play():
        following = asyncio.create_task(board.follow_all(30, 9.0))
        await asyncio.sleep(0.95)
        board.socket.frames.put_nowait(ConnectionClosed(None, None))
        return await following

    found = run(play())
    assert len(board.times) < 25
    assert all(isinstance(one, ConnectionClosed) for one in found)
    assert max(board.began.values()) < 1.0
