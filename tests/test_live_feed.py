"""The live feed, against a websocket server that does what a test wants, and a venue likewise."""

import asyncio

import pytest
from exchange_tools import WatchedMarket, live, running, unused_port
from websockets.asyncio.server import serve

from obi_widgets.feeds import dialling
from obi_widgets.feeds import live as live_module
from obi_widgets.feeds.limits import http_date
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.recording import Recorder, Recording
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.feeds.simulator_feed import SimulatorFeed
from obi_widgets.market_data.events import Refused, Status
from obi_widgets.market_data.venues import Venue, make_venue
from obi_widgets.market_data.venues.replies import Connect, Ping, Reconnect, Send


class Scripted(Venue):
    """Connects to one websocket; notes what it is told, and replies as a test says."""

    name = label = "scripted"
    endpoints = {"rest": "http://127.0.0.1"}  # noqa: RUF012

    def __init__(self, url, replies=()):
        super().__init__("X")
        self.url, self.replies, self.told = url, dict(replies), []

    def tell(self, *what):
        self.told.append(what)
        return [*self.replies.pop(what[0], []), Refused(0, what[0])]

    def start(self, now):
        return [*self.replies.pop("start", []), Connect("only", self.url)]

    def connected(self, socket, now):
        return self.tell("open", socket)

    def disconnected(self, socket, reason, now):
        return self.tell("close", socket, reason)

    def received(self, frame, now, socket):
        assert socket == "only"
        return self.tell("frame", frame.decode() if isinstance(frame, bytes) else frame)

    def fetched(self, name, status, body, now):
        return self.tell("answer", name, status, body)

    def ponged(self, socket, now):
        return self.tell("pong", socket)

    def tick(self, now):
        return []

    def resync(self, reason, now):
        return []


def watch(converse, until, *, compression="deflate", **replies):
    """Return the market of a server that converses like this, once its venue was told enough."""

    async def read():
        async with serve(converse, "127.0.0.1", 0, compression=compression) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            market = WatchedMarket(Scripted(f"ws://127.0.0.1:{port}", replies))
            async with running(LiveFeed(market), server):
                await market.until(lambda one: one.refused[until[0]] >= until[1])
        return market

    return asyncio.run(read())


def follow(converse, until, **replies):
    """Return what the venue was told."""
    return watch(converse, until, **replies).venue.told


def test_a_frame_of_five_million_bytes_arrives_whole():
    large = "x" * 5_079_379

    async def converse(connection):
        await connection.send(large)
        await connection.wait_closed()

    assert follow(converse, ("frame", 1)) == [("open", "only"), ("frame", large)]


def test_a_binary_frame_is_read_as_text():
    async def converse(connection):
        await connection.send("größer".encode())
        await connection.send(b"\xff")
        await connection.wait_closed()

    assert follow(converse, ("frame", 2))[1:] == [("frame", "größer"), ("frame", "\ufffd")]


def test_what_is_sent_arrives_in_order_and_only_where_a_websocket_is_open():
    async def converse(connection):
        await connection.send("".join([await connection.recv() for _ in range(3)]))
        await connection.wait_closed()

    told = follow(
        converse,
        ("frame", 1),
        start=[Send("only", "too early"), Reconnect("only", "too early")],
        open=[Send("none", "0"), *(Send("only", text) for text in "123")],
    )
    assert told == [("open", "only"), ("frame", "123")]


def test_connecting_again_is_told_as_a_close_and_an_open():
    async def converse(connection):
        await connection.send("hello")
        await connection.wait_closed()

    told = follow(converse, ("frame", 2), frame=[Reconnect("only", "enough")])
    assert [what[0] for what in told] == ["open", "frame", "close", "open", "frame"]
    assert told[2] == ("close", "only", "it was closed")


def test_why_a_server_hung_up_is_told():
    async def converse(connection):
        await connection.close(1008, "too many failed attempts")

    assert follow(converse, ("close", 1))[1] == (
        "close",
        "only",
        "received 1008 (policy violation) too many failed attempts; "
        "then sent 1008 (policy violation) too many failed attempts",
    )


def pauses_of_a_server_that_hangs_up(monkeypatch, times):
    """Return the seconds before each of so many connections but the first; none is waited."""
    slept, sleep = [], asyncio.sleep

    async def at_once(seconds):
        if asyncio.current_task().get_name() == "obi-only":
            slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", at_once)

    async def converse(connection):
        await connection.close()

    told = follow(converse, ("open", times))
    assert sum(what[0] == "open" for what in told) == times
    return slept


def test_a_server_that_hangs_up_at_once_is_asked_later_and_later(monkeypatch):
    pauses = pauses_of_a_server_that_hangs_up(monkeypatch, 10)
    least, most = live_module.REOPEN_AFTER, live_module.MAX_REOPEN_AFTER
    assert len(pauses) == 9
    for number, pause in enumerate(pauses):
        assert min(least * 2**number, most) <= pause <= min(1.5 * least * 2**number, most)
    assert len({pause / 2**number for number, pause in enumerate(pauses)}) > 3  # not in step


def test_after_a_websocket_that_lasted_the_wait_is_short_again(monkeypatch):
    monkeypatch.setattr(live_module, "STEADY", -1.0)  # any lasts as long
    pauses = pauses_of_a_server_that_hangs_up(monkeypatch, 6)
    assert len(pauses) == 5
    assert max(pauses) <= 1.5 * live_module.REOPEN_AFTER


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_frame_that_is_too_large_is_refused_by_name_and_connected_again_later(
    monkeypatch, compression
):
    for module in (live_module, dialling):
        monkeypatch.setattr(module, "LARGEST_FRAME", 2**20)
    monkeypatch.setattr(live_module, "REOPEN_AFTER", 0.01)
    monkeypatch.setattr(live_module, "STEADY", -1.0)

    async def converse(connection):
        await connection.send("x" * (2**20 + 1))  # of which a kilobyte is left when compressed
        await connection.wait_closed()

    market = watch(converse, ("close", 3), compression=compression)
    assert ("close", "only", "it sent a frame of more than 1 MiB") in market.venue.told
    assert market.refused["frame too large"] == 3


def test_the_environments_proxy_is_not_asked_for_this_machine(monkeypatch):
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    market = WatchedMarket(make_venue("sim", "BTC-PERP"))

    async def read():
        async with running(SimulatorFeed(market, SimulatedMarket(), warmup=1.0)):
            await market.until(live)

    asyncio.run(read())
    assert market.refused == {}


def test_a_ping_that_is_answered_is_told():
    async def converse(connection):
        await connection.wait_closed()

    told = follow(converse, ("pong", 1), open=[Ping("none"), Ping("only")])
    assert told == [("open", "only"), ("pong", "only")]


def test_an_answers_date_is_told_to_the_market(tmp_path):
    market = WatchedMarket(make_venue("sim", "BTC-PERP"))
    said = []
    market.set_venue_time = lambda time, now: said.append(now - time)

    async def read():
        async with running(SimulatorFeed(market, SimulatedMarket(), warmup=1.0)) as reading:
            await market.until(live)
            return reading

    asyncio.run(read())
    assert said
    assert all(abs(one) < 30e9 for one in said)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Tue, 15 Nov 1994 08:12:31 GMT", 784_887_151),
        ("", None),
        ("yesterday", None),
        ("Tue, 15 Nov 99999 08:12:31 GMT", None),
    ],
)
def test_a_date_is_read_or_left_out(header, seconds):
    told = http_date(header)
    assert told == (None if seconds is None else seconds * 1_000_000_000)


def test_a_clock_that_is_set_is_told_and_one_that_drifts_is_not(monkeypatch):
    market = WatchedMarket(Scripted("ws://127.0.0.1:1"))
    feed, steps = LiveFeed(market), []
    market.clock_was_set = steps.append
    for offset in (0, 10**6, 10**8, 4 * 10**8, 3600 * 10**9, 3600 * 10**9, -(10**9)):
        monkeypatch.setattr(feed, "now", lambda offset=offset: live_module.time.time_ns() + offset)
        feed._now()
    assert [round(step / 1e9) for step in steps] == [3600, -3601]


def test_a_clock_that_is_set_is_recorded(monkeypatch, tmp_path):
    recorder = Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")
    feed = LiveFeed(WatchedMarket(Scripted("ws://127.0.0.1:1")), recorder)
    before = feed._now()
    for seconds in (3600, 0):
        now = live_module.time.time_ns() + seconds * 10**9
        monkeypatch.setattr(feed, "now", lambda now=now: now)
        feed._now()
    recorder.close()
    ahead, back = Recording(recorder.path)
    assert (ahead.kind, round(ahead.shift / 1e9)) == ("clock", 3600)
    assert 0 <= ahead.time - before < 10**9, "what it said before"
    assert (back.kind, round(back.shift / 1e9)) == ("clock", -3600)
    assert 0 <= back.time - ahead.time - ahead.shift < 10**9


def test_a_feed_whose_market_is_closed_ends_by_itself():
    async def converse(connection):
        await connection.wait_closed()

    async def read():
        async with serve(converse, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            venue = Scripted(f"ws://127.0.0.1:{port}", {"open": [Status(0, "closed", "The end.")]})
            market = WatchedMarket(venue)
            async with running(LiveFeed(market), server) as reading:
                await reading
        return market

    assert asyncio.run(read()).detail == "The end."


def test_what_a_venue_raises_ends_the_feed_and_leaves_nothing():
    async def converse(connection):
        await connection.wait_closed()

    class Broken(Scripted):
        def connected(self, socket, now):
            raise ZeroDivisionError

    async def read():
        async with serve(converse, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            await LiveFeed(WatchedMarket(Broken(f"ws://127.0.0.1:{port}"))).run()

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(read())
    assert caught.group_contains(ZeroDivisionError)


def test_a_feed_that_is_ended_says_goodbye_and_tells_the_venue_of_no_error():
    codes = []

    async def converse(connection):
        await connection.wait_closed()
        codes.append(connection.close_code)

    follow(converse, ("open", 1))
    assert codes == [1000]
