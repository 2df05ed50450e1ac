"""Who may read the simulated exchange, how much, and that the owner notices nothing of others."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from exchange_tools import WatchedMarket, live
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from obi_widgets.feeds.simulation import exchange as exchange_module
from obi_widgets.feeds.simulation import served as served_module
from obi_widgets.feeds.simulation import subscribers
from obi_widgets.feeds.simulation.exchange import SimulatedExchange
from obi_widgets.feeds.simulation.simulator import STEP, SimulatedMarket
from obi_widgets.feeds.simulator_feed import SimulatorFeed
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.replies import BOOK

SUBSCRIBE = json.dumps({"op": "subscribe", "args": ["update:BTC-PERP_0"]})


@asynccontextmanager
async def owned(*, warmup=1.0):
    """Run the exchange and its owner's feed; yield the market and the exchange."""
    market = WatchedMarket(make_venue("sim", "BTC-PERP"), interval=0)
    feed = SimulatorFeed(market, SimulatedMarket(seed=5), warmup=warmup)
    reading = asyncio.create_task(feed.run())
    try:
        await market.until(live)
        yield market, feed.exchange
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def goes_on(market, states=5):
    """See that the owner's book is live, and goes on."""
    rows = len(market.history())
    await market.until(lambda one: len(one.history()) >= rows + states)
    assert market.state == "live"
    assert market.history().gaps == 0


def changed(url, host="127.0.0.1", path=None):
    parts = urlsplit(url)
    path = parts.path if path is None else path
    return f"{parts.scheme}://{host}:{parts.port}{path}"


# -- who -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "/{rest}",
        "/{secret:.20}/{rest}",
        "/{secret}x/{rest}",
        "/%00{secret}/{rest}",
        "//{secret}/{rest}",
        "//[",
        "/../etc/passwd",
    ],
)
def test_without_the_secret_path_there_is_nothing(wrong, capfd):
    async def look():
        async with owned() as (market, exchange), httpx.AsyncClient(trust_env=False) as client:
            for name in ("rest", BOOK):
                url = exchange.endpoints[name]
                secret, _, rest = urlsplit(url).path[1:].partition("/")
                path = wrong.format(secret=secret, rest=rest)
                asked = changed(url, path=path).replace("ws:", "http:")
                answer = await client.get(f"{asked}?symbol=BTC-PERP")
                assert (answer.status_code, answer.text) == (404, "There is nothing here.\n")
            with pytest.raises(InvalidStatus, match="HTTP 404"):
                await connect(changed(url, path="/ws/oss/futures"), proxy=None)
            await goes_on(market)

    asyncio.run(look())
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:8888"},
        {"Origin": "null"},
        {"Host": "evil.example"},  # a name that was made to point here
        {"Host": "localhost"},
        {"Host": ""},
    ],
)
def test_a_page_in_a_browser_is_refused_even_with_the_path(headers, capfd):
    async def look():
        async with owned() as (market, exchange), httpx.AsyncClient(trust_env=False) as client:
            url = f"{exchange.endpoints['rest']}/api/v2.3/market_summary?symbol=BTC-PERP"
            assert (await client.get(url)).status_code == 200
            assert (await client.get(url, headers=headers)).status_code == 403
            parts = urlsplit(exchange.endpoints[BOOK])
            if "Host" in headers:
                name = headers["Host"] or "x"
                there = {"host": "127.0.0.1", "port": parts.port}
                opening = connect(changed(exchange.endpoints[BOOK], name), proxy=None, **there)
            else:
                opening = connect(exchange.endpoints[BOOK], origin=headers["Origin"], proxy=None)
            with pytest.raises(InvalidStatus, match="HTTP 403"):
                await opening
            await goes_on(market)

    asyncio.run(look())
    assert capfd.readouterr().err == ""


def test_the_secret_is_long_and_of_each_exchange_its_own():
    first, second = (SimulatedExchange(SimulatedMarket())._secret for _ in range(2))
    assert first != second
    assert len(first) >= 32


def test_bytes_that_are_no_http_are_not_told_to_the_notebook(capfd):
    async def knock():
        async with owned() as (market, exchange):
            for said in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b""):
                port = urlsplit(exchange.endpoints[BOOK]).port
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(said)
                writer.write_eof()
                await reader.read()
                writer.close()
                await writer.wait_closed()
            await goes_on(market)

    asyncio.run(knock())
    assert capfd.readouterr().err == ""


# -- how much ------------------------------------------------------------------------------


async def subscribe(exchange, times=1):
    """Open a websocket that has little room, and subscribe."""
    url = exchange.endpoints[BOOK]
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    small.connect(("127.0.0.1", urlsplit(url).port))
    small.setblocking(False)
    opened = await connect(
        url, sock=small, compression=None, max_queue=1, ping_interval=None, proxy=None
    )
    for _ in range(times):
        await opened.send(SUBSCRIBE)
    return opened


async def count_falls_to(exchange, most):
    async with asyncio.timeout(60):
        while len(exchange._server.connections) > most:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.slow
def test_one_who_does_not_read_is_shed_and_the_owner_stays_live(monkeypatch):
    monkeypatch.setattr(subscribers, "BACKLOG", 20_000)
    monkeypatch.setattr(subscribers, "REQUESTS_AT_ONCE", 10_000)

    async def stand_still():
        async with owned() as (market, exchange):
            owners = len(exchange._server.connections)
            other = await subscribe(exchange)
            other.transport.pause_reading()
            assert len(exchange._server.connections) == owners + 1
            await goes_on(market)
            for _ in range(1000):  # each answered by a whole snapshot, which nobody reads
                await other.send(SUBSCRIBE)
            await count_falls_to(exchange, owners)
            await goes_on(market)
            other.transport.abort()

    asyncio.run(stand_still())


def test_one_who_asks_without_end_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(subscribers, "REQUESTS_A_SECOND", 0.0)

    async def flood():
        async with owned() as (market, exchange):
            other = await connect(exchange.endpoints[BOOK], proxy=None)
            for _ in range(subscribers.REQUESTS_AT_ONCE + 1):
                await other.send("ping")
            heard = [await other.recv() for _ in range(subscribers.REQUESTS_AT_ONCE)]
            assert set(heard) == {"pong"}
            with pytest.raises(ConnectionClosed) as lost:
                await other.recv()
            assert (lost.value.rcvd.code, lost.value.rcvd.reason) == (1008, "too many requests")
            await goes_on(market)

    asyncio.run(flood())


def test_what_was_used_up_comes_back_with_time(monkeypatch):
    class Clock:
        at = 0.0

        def monotonic(self):
            return self.at

    clock = Clock()
    monkeypatch.setattr(subscribers, "time", clock)
    allowance = subscribers.Allowance()

    def taken():
        return sum(allowance.take() for _ in range(1000))

    assert taken() == subscribers.REQUESTS_AT_ONCE
    clock.at += 1e6
    assert taken() == subscribers.REQUESTS_AT_ONCE


@pytest.mark.parametrize(
    "frame", ["x" * 5000, "[" * 4000, "not JSON", "[]", "null", '{"op": "subscribe", "args": 5}']
)
def test_what_is_no_request_harms_nobody(frame):
    async def send():
        async with (
            owned() as (market, exchange),
            connect(exchange.endpoints[BOOK], proxy=None) as other,
        ):
            await other.send(frame)
            await goes_on(market)

    asyncio.run(send())


def test_connections_have_a_bound(monkeypatch):
    monkeypatch.setattr(exchange_module, "MAX_CONNECTIONS", 3)

    async def crowd():
        async with owned() as (market, exchange):
            async with connect(exchange.endpoints[BOOK], proxy=None):
                with pytest.raises(InvalidStatus, match="HTTP 503"):
                    await connect(exchange.endpoints[BOOK], proxy=None)
            await goes_on(market)

    asyncio.run(crowd())


def test_the_past_waits_for_one_who_does_not_read_only_a_while(monkeypatch):
    monkeypatch.setattr(subscribers, "BACKLOG", 20_000)
    monkeypatch.setattr(served_module, "MAX_READ_WAIT", 100)

    async def follow():
        async with SimulatedExchange(SimulatedMarket(seed=5), warmup=3600) as exchange:
            other = await subscribe(exchange)
            other.transport.pause_reading()
            await count_falls_to(exchange, 0)
            other.transport.abort()
            steps = exchange.served["BTC-PERP"].market.steps
            async with connect(exchange.endpoints[BOOK], proxy=None) as owner:
                await owner.send(SUBSCRIBE)
                for _ in range(100):
                    await owner.recv()
            assert exchange.served["BTC-PERP"].market.steps > steps

    asyncio.run(follow())


# -- the clock -----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_clock_that_is_set_back_or_leaps_ahead_stops_nothing(monkeypatch):
    class Clock:
        real, ahead = served_module.time, 0.0

        def time(self):
            return self.real.time() + self.ahead

        def monotonic(self):
            return self.real.monotonic()

    clock = Clock()
    monkeypatch.setattr(served_module, "time", clock)

    async def follow():
        async with (
            SimulatedExchange(SimulatedMarket(seed=5), warmup=0.0) as exchange,
            connect(exchange.endpoints[BOOK], proxy=None) as owner,
        ):

            async def ahead(frames):
                """Return how far the market is ahead of the clock, after so many frames."""
                for _ in range(frames):
                    await owner.recv()
                return json.loads(await owner.recv())["data"]["timestamp"] / 1e3 - clock.time()

            await owner.send(SUBSCRIBE)
            await ahead(5)
            clock.ahead = -86_400.0
            assert await ahead(5) == pytest.approx(86_400, abs=20)
            clock.ahead = 86_400.0
            steps = exchange.served["BTC-PERP"].market.steps
            assert await ahead(50) == pytest.approx(0, abs=20)
            played = exchange.served["BTC-PERP"].market.steps - steps
            assert played < 600 / STEP  # the day was not played

    asyncio.run(follow())
