"""Limits of the rate of requests: how long, for whom, and how they are shown."""

import asyncio
import re
from contextlib import asynccontextmanager
from email.utils import formatdate

import pytest
from exchange_tools import WatchedMarket, running
from test_live_feed import Scripted

from obi_widgets.feeds import limits
from obi_widgets.feeds.limits import RateLimits, http_date
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.market_data.events import Snapshot
from obi_widgets.market_data.venues.http_answers import explain, limited
from obi_widgets.market_data.venues.replies import Fetch

ASKED, ELSEWHERE = "https://one.example/a", "https://two.example/a"
NOW = 1_790_000_000


class Clock:
    """Both clocks of a process; what waits passes at once."""

    def __init__(self):
        self.at = 0.0

    def monotonic(self):
        return 5_000.0 + self.at

    def time_ns(self):
        return int((NOW + self.at) * 1e9)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


def waits(known, clock, answers):
    """Return how long each request was made to wait after the one before it."""
    waited = []
    for status, headers, body in answers:
        before = clock.at
        while left := known.try_acquire(ASKED)[0]:
            clock.at += left
        waited.append(round(clock.at - before, 6))
        known.record_answer(ASKED, status, headers, body, clock.monotonic())
        clock.at += 0.001
    return waited


def wait_after(clock, status, headers=None, body=""):
    known = RateLimits()
    known.record_answer(ASKED, status, headers or {}, body, clock.monotonic())
    left, because = known.try_acquire(ASKED)
    assert because == (status if left else 0)
    return left


def test_without_a_word_on_how_long_each_wait_is_twice_the_last_up_to_five_minutes(clock):
    waited = waits(RateLimits(), clock, [(429, {}, "")] * 12)
    expected = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert waited == pytest.approx(expected, abs=0.01)


def test_an_answer_ends_it_and_the_next_refusal_begins_anew(clock):
    answers = [(429, {}, "")] * 3 + [(200, {}, "")] * 2 + [(429, {}, "")] * 2
    assert waits(RateLimits(), clock, answers) == pytest.approx([0, 1, 2, 4, 0, 0, 1], abs=0.01)


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (418, {}, "", 120),
        (418, {"retry-after": "7"}, "", 7),  # the host knows best
        (429, {"retry-after": "37"}, "", 37),
        (429, {"retry-after": "0"}, "", 1),
        (429, {"retry-after": "soon"}, "", 1),
        (429, {"retry-after": "-3"}, "", 1),
        (429, {"retry-after": "nan"}, "", 1),
        (429, {"retry-after": "1e300"}, "", limits.LONGEST_RETRY_AFTER),
        (429, {"retry-after": formatdate(NOW + 90, usegmt=True)}, "", 90),
        (429, {"retry-after": formatdate(NOW - 90, usegmt=True)}, "", 1),
        (429, {"retry-after": str(NOW + 45)}, "", 45),  # BTSE's: a time
        (429, {"retry-after": str((NOW + 45) * 1000)}, "", 45),
        (503, {"retry-after": "20"}, "", 20),
        (503, {}, "", 0),
        (403, {}, "<html>Not from your country</html>", 0),
        (403, {}, '{"retCode":10006,"retMsg":"Access too frequent"}', 600),  # Bybit's
        (403, {"retry-after": "30"}, "", 30),
        (451, {}, "", 0),
        (200, {"retry-after": "30"}, "", 0),
    ],
)
def test_how_long_a_host_is_waited_for(clock, status, headers, body, wait):
    assert wait_after(clock, status, headers, body) == pytest.approx(wait)


def test_a_date_to_wait_for_is_by_the_hosts_own_clock(clock):
    fast = {"date": formatdate(NOW + 3600, usegmt=True)}  # an hour ahead of ours
    until = {"retry-after": formatdate(NOW + 3660, usegmt=True)}
    assert wait_after(clock, 429, fast | until) == pytest.approx(60)
    assert wait_after(clock, 429, fast | {"retry-after": str(NOW + 3660)}) == pytest.approx(60)


def test_requests_that_were_under_way_together_are_refused_once(clock):
    known, sent = RateLimits(), clock.monotonic()
    for _ in range(5):
        clock.at += 0.1
        known.record_answer(ASKED, 429, {}, "", sent)
    assert known.try_acquire(ASKED)[0] == pytest.approx(1)


def test_an_answer_to_an_earlier_request_ends_no_wait(clock):
    known, sent = RateLimits(), clock.monotonic()
    clock.at += 1
    known.record_answer(ASKED, 418, {}, "", clock.monotonic())
    known.record_answer(ASKED, 200, {}, "", sent)
    assert known.try_acquire(ASKED)[0] == pytest.approx(120)


def test_a_wait_holds_for_the_whole_host_and_for_no_other(clock):
    known = RateLimits()
    known.record_answer(ASKED, 418, {}, "", clock.monotonic())
    assert known.try_acquire("wss://ONE.example/stream?x=1")[0] == pytest.approx(120)
    assert known.try_acquire(ELSEWHERE) == (0, 0)


def test_after_a_wait_one_asks_and_the_others_wait_for_its_answer(clock):
    known = RateLimits()
    known.record_answer(ASKED, 429, {}, "", clock.monotonic())
    clock.at += 1
    assert known.try_acquire(ASKED)[0] == 0
    assert known.try_acquire(ASKED)[0] == pytest.approx(limits.ANSWERED_WITHIN)
    known.record_answer(ASKED, 200, {}, "", clock.monotonic())
    assert known.try_acquire(ASKED) == (0, 0)


def test_one_that_never_answers_holds_the_others_up_for_a_while_only(clock):
    known = RateLimits()
    known.record_answer(ASKED, 429, {}, "", clock.monotonic())
    clock.at += 1
    assert known.try_acquire(ASKED)[0] == 0
    clock.at += limits.ANSWERED_WITHIN
    assert known.try_acquire(ASKED)[0] == 0


@pytest.mark.parametrize("text", ["", "yesterday", "Wed, 99 Foo 2026", "\x00"])
def test_what_is_no_date_is_none(text):
    assert http_date(text) is None


def test_a_date_is_nanoseconds_utc():
    assert http_date("Thu, 01 Jan 1970 00:01:40 GMT") == 100_000_000_000


def test_a_403_for_the_location_and_one_for_the_rate_are_told_apart():
    assert explain("Bybit", 403, "access too frequent")[0] == (
        "Bybit takes no requests for a while: too many came from this computer's address "
        "(HTTP 403)."
    )
    assert explain("Bybit", 403, "<html>")[0] == "Bybit refuses this location (HTTP 403)."


# -- the feed ------------------------------------------------------------------------------


class Asking(Scripted):
    """Asks once, and after the first answer again and again, much faster than it is answered."""

    def __init__(self, port):
        super().__init__(f"ws://127.0.0.1:{port}")
        self.fetch = Fetch("book", f"http://127.0.0.1:{port}/book")
        self.answers = 0

    def start(self, now):
        return [self.fetch]

    def fetched(self, name, status, body, now):
        self.answers += 1
        if status != 200:
            return self.no_answer(self.fetch, status, body, now)
        return [Snapshot(now, now, 1, [(1.0, 1.0)], [(2.0, 1.0)])]

    def tick(self, now):
        return [self.fetch] if self.answers else []


class Explained(WatchedMarket):
    """Remembers what was said while there was no book."""

    def __init__(self, venue):
        super().__init__(venue)
        self.said = []

    def explain(self, detail, advice):
        super().explain(detail, advice)
        self.said.append(f"{self.detail} {self.advice}")
        self._changed.set()


@asynccontextmanager
async def answering(*answers):
    """Serve these answers, the last one over and over; yield the port and the times of requests."""
    left, asked = list(answers), []

    async def answer(reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            asked.append(asyncio.get_running_loop().time())
            status, headers, body = left.pop(0) if len(left) > 1 else left[0]
            length = f"Content-Length: {len(body)}"
            head = [f"HTTP/1.1 {status}", *headers, length, "Connection: close", "", body]
            writer.write("\r\n".join(head).encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the feed was ended meanwhile
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], asked


@pytest.mark.slow
def test_two_sessions_wait_together_are_told_so_and_heal():
    async def follow():
        refusal = ("418 I'm a teapot", ["Retry-After: 2"], "{}")
        async with answering(refusal, ("200 OK", [], "{}")) as (port, asked):
            first, second = Explained(Asking(port)), Explained(Asking(port))
            async with running(LiveFeed(first)):
                await first.until(lambda one: one.said)
                other = asyncio.create_task(LiveFeed(second).run())
                try:
                    await second.until(lambda one: one.state == "live")
                    await first.until(lambda one: one.state == "live")
                finally:
                    other.cancel()
                    await asyncio.wait([other])
            return first, second, asked

    first, second, asked = asyncio.run(follow())
    assert len(asked) >= 2
    assert asked[1] - asked[0] >= 2  # of all that both wanted meanwhile, nothing went out
    for market in (first, second):
        said = re.escape(limited("scripted", 418)) + r" The next request goes out in [12] s\."
        assert re.fullmatch(said, market.said[0])
        assert (market.detail, market.advice) == ("", "")


def test_a_book_that_is_there_stays_live_while_a_request_waits():
    async def follow():
        answers = [("200 OK", [], "{}"), ("429 Too Many Requests", ["Retry-After: 60"], "{}")]
        async with answering(*answers) as (port, _):
            market = Explained(Asking(port))
            market.venue.no_answer = lambda *_: []
            async with running(LiveFeed(market)):
                await market.until(lambda one: one.said)
            return market

    market = asyncio.run(follow())
    assert market.state == "live"
    assert set(market.said) == {" "}


def test_a_websocket_that_is_refused_for_the_rate_is_opened_after_the_wait():
    async def follow():
        refusal = ("429 Too Many Requests", ["Retry-After: 50"], "slow down")
        async with answering(refusal) as (port, asked):
            market = Explained(Scripted(f"ws://127.0.0.1:{port}"))
            async with running(LiveFeed(market)):
                await market.until(lambda one: one.said)
            return market, asked

    market, asked = asyncio.run(follow())
    assert len(asked) == 1
    assert market.venue.told == [
        (
            "close",
            "only",
            f"{limited('scripted', 429)} The next request waits until it is allowed",
        )
    ]
    said = re.escape(limited("scripted", 429)) + r" The next request goes out in (4\d|50) s\."
    assert re.fullmatch(said, market.said[0])
