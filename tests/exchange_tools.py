"""What the tests of venues, feeds and recordings share: frames as venues write them, and data."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from session_tools import wait_for

from obi_widgets.feeds.market import Market
from obi_widgets.feeds.simulation.simulator import STEP, SimulatedMarket
from obi_widgets.market_data.events import Refused
from obi_widgets.market_data.venues import VENUES
from obi_widgets.market_data.venues.lmex import SUMMARY, TRADES
from obi_widgets.market_data.venues.replies import BOOK, Send

DATA = Path(__file__).parents[2] / "shared/data"
SECOND = 1_000_000_000


def captured(path: str) -> Path:
    """Return a file of captured market data; skip the test where there is none."""
    if not (DATA / path).exists():
        pytest.skip(f"the captured data {DATA / path} is not here")
    return DATA / path


def names(outputs) -> list[str]:
    """Return each output's kind; of what was refused, the name that it was refused by."""
    return [
        output.name if isinstance(output, Refused) else type(output).__name__ for output in outputs
    ]


def only(kind: type, outputs) -> list:
    return [output for output in outputs if isinstance(output, kind)]


def levels_of(book) -> tuple[dict[float, float], dict[float, float]]:
    """Return a book's levels, sizes by price, bids first."""
    return tuple(
        dict(zip(*(part.tolist() for part in side.top(side.count)), strict=True))
        for side in (book.bids, book.asks)
    )


class TrueMarket:
    """A simulated market's steps as (sequence, window, changes), with the truth kept.

    Sizes are whole contracts and prices whole ticks, so that what comes through a venue can be
    compared exactly.
    """

    def __init__(self, seed: int, steps: int, depth: int = 10) -> None:
        market = SimulatedMarket("BTC-PERP", seed=seed)
        self.window = []  # of each sequence, from 0 on: {price: size} of bids, and of asks
        self.changes = []
        for _ in range(steps):
            window = [
                {price * 0.5: size for price, size in market.top(side, depth).items()}
                for side in (+1, -1)
            ]
            last = self.window[-1] if self.window else [{}, {}]
            self.changes.append([_changes(*pair) for pair in zip(last, window, strict=True)])
            self.window.append(window)
            market.step()

    def __len__(self) -> int:
        return len(self.window)

    def time(self, sequence: int) -> int:
        """Nanoseconds of event time."""
        return 1_700_000_000 * SECOND + round(sequence * STEP * SECOND)


def _changes(old, new):
    gone = dict.fromkeys(old.keys() - new.keys(), 0)
    return gone | {price: size for price, size in new.items() if old.get(price) != size}


def lmex_book(kind, sequence, bids=(), asks=(), *, symbol="BTC-PERP", topic=None, previous=None):
    """Return a frame of LMEX's book topic."""
    data = {
        "bids": [[str(price), str(size)] for price, size in bids],
        "asks": [[str(price), str(size)] for price, size in asks],
        "seqNum": sequence,
        "prevSeqNum": sequence - 1 if previous is None else previous,
        "type": kind,
        "symbol": symbol,
        "timestamp": 1_700_000_000_000 + 50 * sequence,
    }
    return json.dumps({"topic": topic or f"update:{symbol}_0", "data": data})


def lmex_summary(symbol="BTC-PERP", contract_size=1.0) -> str:
    """Return the answer to market_summary."""
    facts = {
        "symbol": symbol,
        "base": "BTC",
        "quote": "USDT",
        "contractSize": contract_size,
        "minPriceIncrement": 0.5,
    }
    return json.dumps([facts])


SUBSCRIBE = Send(BOOK, '{"op":"subscribe","args":["update:BTC-PERP_0"]}')
UNSUBSCRIBE = Send(BOOK, '{"op":"unsubscribe","args":["update:BTC-PERP_0"]}')
BIDS, ASKS = [(100.0, 5), (99.5, 7)], [(101.0, 3), (100.5, 4)]


def confirmations(venue) -> list[tuple[str, str]]:
    """Return the frames by which a venue confirms what is subscribed to beside the book.

    Each comes with the name of its websocket.
    """
    topics = venue.beside.values()
    match venue.name.partition("-")[0]:
        case "okx":
            frames = [
                {"event": "subscribe", "arg": {"channel": one, "instId": "X"}, "connId": "c"}
                for one in topics
            ]
        case "bybit":
            frames = [
                {"success": True, "ret_msg": "", "conn_id": "c", "req_id": one, "op": "subscribe"}
                for one in topics
            ]
        case "kraken":
            frames = [
                {"method": "subscribe", "result": {"channel": one, "symbol": venue.symbol},
                 "success": True, "req_id": number}
                for number, one in enumerate(topics, 1)
            ]  # fmt: skip
        case "coinbase":
            held = {one: [venue.symbol] for one in topics}
            frames = [{"channel": "subscriptions", "sequence_num": 0,
                       "events": [{"subscriptions": held}]}]  # fmt: skip
        case "hyperliquid":
            told = [{"type": one, "coin": venue.symbol} for one in topics]
            frames = [
                {"channel": "subscriptionResponse",
                 "data": {"method": "subscribe", "subscription": one}}
                for one in told
            ]  # fmt: skip
        case _:
            topic = f"tradeHistoryApiV2:{venue.symbol}"
            return [(json.dumps({"event": "subscribe", "channel": [topic]}), TRADES)]
    return [(json.dumps(one), BOOK) for one in frames]


def confirm(venue, now=0):
    """Let a venue confirm what is subscribed to; return it."""
    for frame, websocket in confirmations(venue):
        venue.received(frame, now, websocket)
    return venue


def connected(symbol="BTC-PERP", *, name="lmex", contract_size=1.0, now=0):
    """Return a venue that knows its instrument, both of whose websockets are open."""
    venue = VENUES[name](symbol)  # as it is spelt in the frames
    venue.start(now)
    venue.fetched(SUMMARY, 200, lmex_summary(symbol, contract_size), now)
    venue.connected(BOOK, now)
    venue.connected(TRADES, now)
    return confirm(venue, now)


def in_sync(**how):
    """Return a venue whose book stands at sequence 10."""
    venue = connected(**how)
    venue.received(lmex_book("snapshot", 10, BIDS, ASKS), how.get("now", 0))
    return venue


@asynccontextmanager
async def http_server(status: str) -> AsyncIterator[int]:
    """Answer every request on loopback with one HTTP status; the port is given."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The client may be stopped before it has asked, or before it is answered.
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            await writer.drain()
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def unused_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def open_sockets() -> set[str]:
    """Return the TCP sockets that this process holds."""
    held = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            name = str(link.readlink())
        except FileNotFoundError:
            continue  # the directory's own
        if name.startswith("socket:"):
            held.add(name)
    return held


def threads() -> set[str]:
    """Return the threads that run, but for a recorder's timers: they end by themselves."""
    return {thread.name for thread in threading.enumerate() if thread.name != "obi-flush"}


def held() -> set[str]:
    """Return what a feed gives back in the end: the threads and sockets of this process."""
    return threads() | open_sockets()


def given_back(before: set[str]) -> None:
    """Wait until nothing more is held than before. What has ended meanwhile is no matter."""
    wait_for(lambda: held() <= before, "threads and sockets to be given back")


def usdm_depth(first, last, previous, bids=(), asks=(), *, symbol="BTCUSDT", ms=None):
    """Return a depthUpdate of Binance USD-M's, of the update ids ``first`` to ``last``."""
    data = {
        "e": "depthUpdate",
        "E": 1_700_000_000_009,
        "T": 1_700_000_000_000 + last if ms is None else ms,
        "s": symbol,
        "U": first,
        "u": last,
        "pu": previous,
        "b": [[str(price), str(size)] for price, size in bids],
        "a": [[str(price), str(size)] for price, size in asks],
    }
    return json.dumps({"stream": f"{symbol.lower()}@depth@100ms", "data": data})


def usdm_snapshot(last, bids=(), asks=(), *, ms=None):
    """Return the answer of Binance USD-M's REST book."""
    sides = {
        name: [[str(price), str(size)] for price, size in side]
        for name, side in (("bids", bids), ("asks", asks))
    }
    times = {"E": 1_700_000_000_009, "T": 1_700_000_000_000 + last if ms is None else ms}
    return json.dumps({"lastUpdateId": last, **times, **sides})


class WatchedMarket(Market):
    """A market that can be waited for, and that remembers every status."""

    def __init__(self, venue, **how) -> None:
        super().__init__(venue, **how)
        self.statuses = []
        self._changed = asyncio.Event()

    def _apply(self, outputs, now):
        replies = super()._apply(outputs, now)
        self._changed.set()
        return replies

    def _lose(self, status, now) -> None:
        self.statuses.append(status)
        super()._lose(status, now)

    async def until(self, holds) -> None:
        """Wait until what is asked holds; looked at after every event. Never is a failure."""
        async with asyncio.timeout(60):
            while not holds(self):
                self._changed.clear()
                await self._changed.wait()


def live(market) -> bool:
    return market.state == "live"


def lost(market) -> bool:
    return market.state != "live"


@asynccontextmanager
async def running(feed, server=None):
    """Run a feed; see that it leaves no task, thread or socket behind.

    A server in the same loop is closed before that is looked at: it has tasks of its own.
    """
    tasks, before = asyncio.all_tasks(), held()
    reading = asyncio.create_task(feed.run())
    try:
        yield reading
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        if not reading.cancelled():
            reading.result()
        if server is not None:
            server.close()
            await server.wait_closed()
    # A server of this loop needs its turns: only then does it close what its client has left.
    until = time.monotonic() + 60
    while not (asyncio.all_tasks() <= tasks and held() <= before):
        assert time.monotonic() < until, (asyncio.all_tasks() - tasks, held() - before)
        await asyncio.sleep(0.01)
