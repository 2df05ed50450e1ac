"""How a venue is reached: through proxies, at other addresses, from an origin."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest
from exchange_tools import WatchedMarket, live, running, unused_port
from test_live_feed import Scripted
from websockets.asyncio.server import serve

import obi_widgets as obi
from obi_widgets.errors import SettingsError, SourceError
from obi_widgets.feeds.days.folder_recorder import Simulation, targets_of
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.reach import Reach
from obi_widgets.feeds.simulation.exchange import SimulatedExchange
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.feeds.sources import open_feed
from obi_widgets.market_data.venues import VENUES, make_venue
from obi_widgets.market_data.venues.hyperliquid import Hyperliquid
from obi_widgets.market_data.venues.route import Route

LMEX = "lmex:BTC-PERP"


@asynccontextmanager
async def proxy():
    """A proxy on loopback: tunnels by CONNECT, and passes plain requests on. Yields port and log.

    The log has the first line of each request.
    """
    asked, writers = [], []

    async def pass_on(reader, writer):
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def answer(reader, writer):
        writers.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        line, _, rest = head.partition(b"\r\n")
        asked.append(line.decode())
        method, target, version = line.decode().split()
        url = urlsplit(f"//{target}" if method == "CONNECT" else target)
        there, back = await asyncio.open_connection(url.hostname, url.port)
        writers.append(back)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            path = url.path + (f"?{url.query}" if url.query else "")
            back.write(f"{method} {path} {version}\r\n".encode() + rest)
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1], asked
        finally:
            for writer in writers:
                writer.close()


def test_websockets_and_http_go_through_the_proxy_that_is_given():
    async def follow():
        async with (
            proxy() as (port, asked),
            SimulatedExchange(SimulatedMarket(), warmup=0.0) as exchange,
        ):
            venue = make_venue("lmex", "BTC-PERP", endpoints=exchange.endpoints)
            reach = Reach(proxy=f"http://127.0.0.1:{port}")
            market = WatchedMarket(reach.set_on(venue))
            feed = asyncio.create_task(LiveFeed(market).run())
            try:
                await market.until(live)
            finally:
                feed.cancel()
                await asyncio.wait([feed])
            return asked, exchange.endpoints["rest"]

    asked, rest = asyncio.run(follow())
    host = urlsplit(rest).netloc
    assert asked[0].startswith(f"GET {rest}/api/v2.3/market_summary?")
    assert asked.count(f"CONNECT {host} HTTP/1.1") == 2, "book and trades"


def test_a_proxy_that_is_not_there_is_told_as_the_reason():
    port = unused_port()

    async def follow():
        venue = Reach(proxy=f"http://127.0.0.1:{port}").set_on(make_venue("lmex", "BTC-PERP"))
        market = WatchedMarket(venue)
        async with running(LiveFeed(market)):
            await market.until(lambda one: "cannot be reached" in one.detail)
        return market

    market = asyncio.run(follow())
    assert market.state == "connecting"
    assert market.detail.startswith("LMEX cannot be reached:")
    assert market.refused == {}


def test_an_empty_proxy_is_none_whatever_the_environment_says(monkeypatch):
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    venue = Reach(proxy="").set_on(make_venue("lmex", "BTC-PERP"))
    assert venue.route == Route("", "")
    assert make_venue("lmex", "BTC-PERP").route.proxy is None, "that of the environment"


@pytest.mark.parametrize("origin", ["", "https://lmex.io"])
def test_the_origin_is_sent_if_one_is_given(origin):
    origins = []

    async def converse(connection):
        origins.append(connection.request.headers.get("Origin"))
        await connection.wait_closed()

    async def follow():
        async with serve(converse, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            market = WatchedMarket(Scripted(f"ws://127.0.0.1:{port}"))
            market.venue.route = Route(origin=origin)
            async with running(LiveFeed(market), server):
                await market.until(lambda one: one.refused["open"])

    asyncio.run(follow())
    assert origins == [origin or None]


def test_other_addresses_replace_some_or_all_of_the_venues_own():
    feed = open_feed(LMEX, urls={"book": "wss://gate.example/oss/", "rest": "http://127.0.0.1:1"})
    assert feed.market.venue.urls == {
        "book": "wss://gate.example/oss",
        "trades": "wss://ws.lmex.io/ws/futures",
        "rest": "http://127.0.0.1:1",
    }
    assert VENUES["lmex"].endpoints["book"] == "wss://ws.lmex.io/ws/oss/futures"


@pytest.mark.parametrize("name", [name for name, venue in VENUES.items() if venue.testnet])
def test_a_test_network_is_another_host_than_the_venues_own(name):
    venue = VENUES[name]
    assert venue.testnet.keys() <= venue.endpoints.keys()
    kinds = ("linear", "spot", "inverse")
    symbol = next(filter(None, (venue.spell("BTC", "USDT", one) for one in kinds)), None)
    symbol = symbol or venue.spell("BTC", "USD", "inverse") or "BTC"
    used = open_feed(f"{name}:{symbol}", testnet=True).market.venue.urls
    for websocket, url in used.items():
        if websocket != "rest":
            assert url.startswith("wss://")
            assert urlsplit(url).hostname != urlsplit(venue.endpoints[websocket]).hostname


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"testnet": True},
         "No test network of LMEX is known. Leave testnet out, or give its addresses: urls={...} "
         "with 'book', 'trades', 'rest'."),
        ({"testnet": "yes"}, "testnet = 'yes' is not possible. Give True or False."),
        ({"urls": {"books": "wss://x"}},
         "LMEX has no address named 'books'. It has 'book', 'trades', 'rest'."),
        ({"urls": {"book": "https://x.example"}},
         "urls['book'] = 'https://x.example' is no address. Give one that begins with wss:// or "
         "ws://."),
        ({"urls": {"rest": "api.lmex.io"}},
         "urls['rest'] = 'api.lmex.io' is no address. Give one that begins with https:// or "
         "http://."),
        ({"urls": {"rest": "http://[::1"}},
         "urls['rest'] = 'http://[::1' is no address. Give one that begins with https:// or "
         "http://."),
        ({"proxy": "host:3128"},
         "proxy = 'host:3128' is no address. Give one that begins with http:// or https:// or "
         "socks5:// or socks5h://."),
        ({"proxy": 3128},
         "proxy = 3128 is no address. Give one that begins with http:// or https:// or "
         "socks5:// or socks5h://."),
        ({"origin": "https://lmex.io/trade"},
         "origin = 'https://lmex.io/trade' has a path. Give scheme and host: 'https://lmex.io'."),
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_says_what_would_be(options, said):
    with pytest.raises(SettingsError) as error:
        obi.Session(LMEX, **options)
    assert str(error.value) == said


def test_urls_that_are_no_dict_are_refused():
    with pytest.raises(obi.errors.ArgumentError, match="Give a dict with some of 'book'"):
        obi.Session(LMEX, urls="wss://x.example")


def test_a_socks_proxy_without_its_packages_says_what_to_install(monkeypatch):
    monkeypatch.setattr("obi_widgets.feeds.reach.find_spec", lambda _: None)
    with pytest.raises(SettingsError) as error:
        obi.Session(LMEX, proxy="socks5h://host:1080")
    assert str(error.value) == (
        "proxy = 'socks5h://host:1080' needs python_socks and socksio. Install: pip install "
        "python-socks socksio. Or give a proxy of http."
    )
    monkeypatch.setattr("obi_widgets.feeds.reach.find_spec", lambda name: name)
    venue = Reach(proxy="socks5h://host:1080").set_on(make_venue("lmex", "BTC-PERP"))
    assert venue.route.proxy == "socks5h://host:1080"


@pytest.mark.parametrize(
    ("option", "value"),
    [("proxy", "http://h:1"), ("urls", {"book": "wss://x"}), ("testnet", True),
     ("origin", "https://lmex.io")],
)  # fmt: skip
def test_they_are_for_live_markets_only(option, value, tmp_path):
    for make in (
        lambda: obi.Session("sim:BTC-PERP", **{option: value}),
        lambda: obi.record("sim:BTC-PERP", tmp_path / "a.gz", seconds=1, **{option: value}),
    ):
        with pytest.raises(SettingsError, match=rf"^{option} .* is for a live market\."):
            make()
    with pytest.raises(SettingsError, match=rf"^{option} is for a live market\."):
        obi.record(["sim:BTC-PERP"], tmp_path / "f", seconds=1, **{option: value})


def test_a_recorder_of_several_markets_reaches_each_alike():
    targets = targets_of(
        ["bybit:BTCUSDT", "okx:BTC-USDT"], Simulation(), Reach("http://h:1", testnet=True)
    )
    for target in targets:
        venue = target.make()
        assert venue.route.proxy == "http://h:1"
        assert venue.urls["book"] == VENUES[target.venue].testnet["book"]
    with pytest.raises(SettingsError, match="urls are of one venue, and there are several"):
        targets_of(["bybit:BTCUSDT", "okx:BTC-USDT"], Simulation(),
                   Reach(urls={"book": "wss://x.example"}))  # fmt: skip


def test_a_new_decoder_of_the_same_market_is_reached_alike():
    venue = Reach("http://h:1", {"rest": "https://x.example"}).set_on(
        Hyperliquid("BTC", fast=False)
    )
    again = venue.anew()
    assert (again.urls, again.route, again._fast) == (venue.urls, venue.route, False)
    assert again is not venue


def test_a_link_of_other_addresses_is_refused():
    with pytest.raises(SourceError, match="LMEX is read from other addresses than its own"):
        open_feed(LMEX, urls={"rest": "https://x.example"}).place()
    assert open_feed(LMEX).place().sources == (LMEX,)
