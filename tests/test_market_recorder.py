"""One market recorded file after file: snapshots in time, and what happens when something fails."""

from __future__ import annotations

import asyncio
import errno
import json
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from io import FileIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from exchange_tools import SECOND, usdm_depth, usdm_snapshot
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

import obi_widgets as obi
from obi_widgets.feeds import changeover
from obi_widgets.feeds.connections import Connections
from obi_widgets.feeds.days import market_recorder
from obi_widgets.feeds.days.market_recorder import MarketRecorder
from obi_widgets.feeds.days.progress import kept
from obi_widgets.feeds.days.rotation import Rotation
from obi_widgets.feeds.recording import Recording
from obi_widgets.feeds.recording import recorder as recorder_module
from obi_widgets.feeds.recording.folder import Lock, is_recorded
from obi_widgets.feeds.simulation.exchange import SimulatedExchange
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.binance_usdm import BinanceUsdm
from obi_widgets.market_data.venues.lmex import Simulated

OWN = {"obi-recording", "obi-book", "obi-trades", "obi-market"}
"""Tasks of a recorder and its feeds."""

HOURLY = Rotation(3600 * SECOND)


async def until(holds, seconds=60.0):
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 what is waited for is no event
            await asyncio.sleep(0.02)


@asynccontextmanager
async def recording(*recorders):
    """Run recorders; they leave no task behind."""
    running = [asyncio.create_task(one.run()) for one in recorders]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
    assert not [task for task in asyncio.all_tasks() if task.get_name() in OWN]


@asynccontextmanager
async def simulated(place, rotation=HOURLY, lock=None):
    """Serve a market; give a recorder of it."""
    async with SimulatedExchange(SimulatedMarket("BTC-PERP", seed=2), warmup=0) as exchange:

        def make():
            return make_venue("sim", "BTC-PERP", endpoints=exchange.endpoints)

        yield exchange, MarketRecorder("sim:BTC-PERP", make, place, rotation, lock)


# -- snapshots in time -------------------------------------------------------------------------


class RisingMarket:
    """A server of Binance USD-M whose price rises by some ticks with each event.

    Its snapshots cover 1,000 levels a side, a tick apart.
    """

    STEP, EVERY = 12, 0.02  # ticks, seconds

    def __init__(self) -> None:
        self.number = 100
        self.snapshots = 0

    def _best(self):
        return 10_000 + self.STEP * self.number  # ticks of 0.5

    def _size(self, tick):
        return 1 + tick % 7

    def _event(self):
        self.number += 1
        best = self._best()
        ticks = range(best - self.STEP + 1, best + 1)
        return usdm_depth(
            self.number,
            self.number,
            self.number - 1,
            [(0.5 * tick, self._size(tick)) for tick in ticks],
            [(0.5 * tick, 0) for tick in ticks],
            ms=time.time_ns() // 1_000_000,
        )

    def _answer(self, connection, request):
        if request.path.startswith("/fapi/v1/exchangeInfo"):
            rule = {"filterType": "PRICE_FILTER", "tickSize": "0.5"}
            listing = [{"symbol": "BTCUSDT", "quoteAsset": "USDT", "filters": [rule]}]
            return connection.respond(200, json.dumps({"serverTime": 0, "symbols": listing}))
        if request.path.startswith("/fapi/v1/depth"):
            self.snapshots += 1
            best = self._best()
            bids = [(0.5 * tick, self._size(tick)) for tick in range(best, best - 1000, -1)]
            asks = [(0.5 * tick, self._size(tick)) for tick in range(best + 1, best + 1001)]
            now = time.time_ns() // 1_000_000
            return connection.respond(200, usdm_snapshot(self.number, bids, asks, ms=now))
        if request.path.startswith("/fapi/v1/time"):
            return connection.respond(200, json.dumps({"serverTime": time.time_ns() // 10**6}))
        return None

    async def _speak(self, connection):
        books = connection.request.path.startswith("/public")
        with suppress(ConnectionClosed):
            while True:
                if books:
                    await connection.send(self._event())
                    await asyncio.sleep(self.EVERY)
                else:
                    mark = {"e": "markPriceUpdate", "E": 1, "s": "BTCUSDT", "p": "1", "i": "1"}
                    await connection.send(json.dumps({"data": mark | {"r": "0", "T": 1}}))
                    await asyncio.sleep(0.2)

    @asynccontextmanager
    async def serving(self):
        """Serve; the endpoints are given."""
        async with serve(self._speak, "127.0.0.1", 0, process_request=self._answer) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield {
                "book": f"ws://127.0.0.1:{port}/public",
                "market": f"ws://127.0.0.1:{port}/market",
                "rest": f"http://127.0.0.1:{port}",
            }


@pytest.mark.slow
def test_a_snapshot_is_recorded_again_before_the_price_leaves_the_last_one(tmp_path, monkeypatch):
    """The price rises through 2,400 ticks, and a snapshot covers 1,000."""
    monkeypatch.setattr(BinanceUsdm, "refresh_every", SECOND // 10)  # the market is fast too
    market = RisingMarket()

    async def record():
        async with market.serving() as endpoints:

            def make():
                return make_venue("binance-usdm", "BTCUSDT", endpoints=endpoints)

            recorder = MarketRecorder("binance-usdm:BTCUSDT", make, tmp_path, HOURLY)
            async with recording(recorder):
                await until(lambda: recorder.had_book)
                first = market.number
                await until(lambda: market.number > first + 2400 // market.STEP)
                assert recorder.gaps == 0

    asyncio.run(record())
    (path,) = tmp_path.iterdir()
    answers = [one for one in Recording(path) if (one.kind, one.name) == ("answer", "snapshot")]
    assert len(answers) >= 4
    history = obi.load(tmp_path, interval=0)
    assert history.gaps == 0
    assert history.bid[-1] - history.bid[0] > 2300 * 0.5
    inferred = obi.inferred(history, obi.Settings(depth=20)) if len(history) else ()
    assert not any(inferred)


# -- several markets ---------------------------------------------------------------------------


def test_markets_of_one_venue_share_websockets_and_their_files_replay_alone(tmp_path, monkeypatch):
    """Two websockets for all, of the book and of trades; four while files follow each other."""
    monkeypatch.setattr(changeover, "OVERLAP", 0.1)
    monkeypatch.setattr(changeover, "SILENT", 0.5)
    symbols, connections, most = ["BTC-PERP", "ETH-PERP", "SOL-PERP"], Connections(), []

    async def record():
        exchange = SimulatedExchange()
        for seed, symbol in enumerate(symbols):
            exchange.add(SimulatedMarket(symbol, seed=seed), 0.0)
        async with exchange:
            recorders = []
            for symbol in symbols:
                place = tmp_path / symbol
                place.mkdir()
                make = partial(make_venue, "sim", symbol, endpoints=exchange.endpoints)
                one = MarketRecorder(symbol, make, place, HOURLY, connections=connections)
                recorders.append(one)
            async with recording(*recorders):
                await until(lambda: all(one.had_book for one in recorders))
                await until(lambda: connections.markets == [3, 3])
                for one in recorders:
                    one._next = one._begin()

                def followed():
                    most.append(len(connections))
                    return all(one._next is None for one in recorders)

                await until(followed)
                await until(lambda: all(one._part.feed.messages > 20 for one in recorders))
                assert connections.markets == [3, 3]
                assert [one.gaps for one in recorders] == [0, 0, 0]

    asyncio.run(record())
    assert max(most) == 4
    for symbol in symbols:
        first, second = sorted((tmp_path / symbol).iterdir())
        alone = [obi.load(path, interval=0) for path in (first, second)]
        assert [one.gaps for one in alone] == [0, 0]
        assert [one.instrument.symbol for one in alone] == [symbol] * 2
        assert obi.load(tmp_path / symbol, interval=0).gaps == 0
        assert alone[1].time[0] < alone[0].time[-1] < alone[1].time[-1]
    assert len(connections) == 0


# -- when something fails ------------------------------------------------------------------------


def test_a_file_that_is_taken_away_is_followed_by_a_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr(market_recorder, "RETRY", 0.05)

    async def record():
        async with simulated(tmp_path) as (_, recorder), recording(recorder):
            await until(lambda: recorder.had_book)
            recorder.files[0].unlink()
            await until(lambda: "was removed or replaced" in recorder.problem)
            assert "was removed or replaced" in recorder.detail
            await until(lambda: recorder.state == "live")
            assert recorder.detail == ""  # before the recorder has looked at it again
            await until(lambda: len(recorder.files) == 2 and not recorder.problem)
            assert (recorder.state, recorder.gaps, recorder.detail) == ("live", 1, "")

    asyncio.run(record())
    (path,) = tmp_path.iterdir()
    assert obi.load(path, interval=0).gaps == 0


@pytest.mark.slow
def test_a_folder_that_is_moved_is_made_and_locked_again(tmp_path, monkeypatch):
    monkeypatch.setattr(market_recorder, "RETRY", 0.05)
    place = tmp_path / "data" / "sim_BTC-PERP"
    place.mkdir(parents=True)

    async def record():
        with Lock(place) as lock:
            async with simulated(place, lock=lock) as (_, recorder), recording(recorder):
                await until(lambda: recorder.had_book)
                place.parent.rename(tmp_path / "moved")
                await until(lambda: len(recorder.files) == 2 and not recorder.problem)
                assert is_recorded(place)
                assert not is_recorded(tmp_path / "moved" / place.name)

    asyncio.run(record())
    assert obi.load(place, interval=0).gaps == 0


@pytest.mark.slow
def test_a_connection_that_the_venue_will_end_makes_a_new_file_and_no_gap(tmp_path, monkeypatch):
    monkeypatch.setattr(changeover, "OVERLAP", 0.5)
    monkeypatch.setattr(Simulated, "lasts", 2 * SECOND)

    async def record():
        async with simulated(tmp_path) as (_, recorder), recording(recorder):
            await until(lambda: len(recorder.files) >= 3)
            assert recorder.gaps == 0

    asyncio.run(record())
    history = obi.load(tmp_path, interval=0)
    assert history.gaps == 0
    assert len(np.unique(history.time)) == len(history) > 30


def test_a_book_that_came_after_the_last_look_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(market_recorder, "LOOK_EVERY", 1000.0)

    async def record():
        async with simulated(tmp_path) as (_, recorder):
            async with recording(recorder):
                await until(lambda: recorder.state == "live")
                assert not recorder.had_book
            return recorder

    recorder = asyncio.run(record())
    assert recorder.had_book
    assert recorder.first < recorder.last
    assert kept(tmp_path, [recorder]).startswith("Kept ")
    assert len(obi.load(tmp_path)) > 0


def test_a_feed_that_fails_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(market_recorder, "RETRY", 0.05)
    failures = []
    start = market_recorder.WatchedBook.start

    def failing(market, now):
        if len(failures) < 2:
            failures.append(now)
            raise KeyError("seqNum")
        return start(market, now)

    monkeypatch.setattr(market_recorder.WatchedBook, "start", failing)

    async def record():
        async with simulated(tmp_path) as (_, recorder), recording(recorder):
            await until(lambda: recorder.problem)
            assert recorder.problem == "The feed failed: KeyError('seqNum')."
            await until(lambda: recorder.had_book)
            assert recorder.gaps == 0

    asyncio.run(record())
    assert len(failures) == 2
    assert obi.load(tmp_path).gaps == 0


@pytest.mark.slow
def test_a_market_that_is_listed_no_more_leaves_no_file_at_each_try(tmp_path, monkeypatch):
    monkeypatch.setattr(market_recorder, "RETRY", 0.05)
    monkeypatch.setattr(market_recorder, "LONGEST_RETRY", 0.05)

    class Talking(market_recorder.LiveFeed):
        """Hears from the venue before it says that there is no such market."""

        def __init__(self, *how, **more) -> None:
            super().__init__(*how, **more)
            self.messages = 1

    monkeypatch.setattr(market_recorder, "LiveFeed", Talking)
    tries = []

    async def record():
        async with simulated(tmp_path) as (_, recorder):
            make = recorder._make

            def unlisted():
                venue = make()
                tries.append(venue)
                if len(tries) > 1:
                    venue.symbol = "NO-SUCH"
                return venue

            recorder._make = unlisted
            async with recording(recorder):
                await until(lambda: recorder.had_book)
                recorder.files[0].unlink()
                await until(lambda: len(tries) > 4)
            # Of the try that was ended. A folder that has become empty is removed as well.
            assert len([*tmp_path.glob("*")]) <= 1

    asyncio.run(record())


def test_a_book_that_is_lost_is_counted_and_recorded_again(tmp_path):
    async def record():
        async with simulated(tmp_path) as (exchange, recorder), recording(recorder):
            await until(lambda: recorder.had_book)
            exchange.inject("drop")
            await until(lambda: recorder.gaps == 1)
            await until(lambda: recorder.state == "live")

    asyncio.run(record())
    with pytest.warns(obi.RecordingWarning, match="There is no book for"):
        assert obi.load(tmp_path).gaps == 1


def test_a_disk_that_fails_as_a_file_is_closed_or_removed_does_not_end_the_recording(
    tmp_path, monkeypatch
):
    """A folder over a network tells only then that there is no room."""
    monkeypatch.setattr(market_recorder, "RETRY", 0.01)
    failed = []

    class Failing(FileIO):
        def close(self):
            fails = not self.closed
            super().close()
            if fails:
                failed.append(self.name)
                raise OSError(errno.EDQUOT, "Disk quota exceeded")

    def refuse(path, **_):
        failed.append(path)
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(recorder_module, "FileIO", Failing)
    monkeypatch.setattr(Path, "unlink", refuse)

    async def record():
        recorder = MarketRecorder("sim:BTC-PERP", no_venue, tmp_path, HOURLY)
        recorder.first = 1  # it was listed before
        async with recording(recorder):
            await until(lambda: len(failed) > 4, 5.0)
            assert len(recorder.files) > 1

    def no_venue():
        venue = Simulated("BTC-PERP", endpoints={"book": "", "trades": "", "rest": ""})
        monkeypatch.setattr(venue, "start", lambda now: [venue.unlisted(now)])
        return venue

    asyncio.run(record())


def test_what_a_file_held_that_was_given_up_is_not_counted(tmp_path):
    """The file before it holds the same seconds."""
    recorder = MarketRecorder("sim:BTC-PERP", Simulated, tmp_path, HOURLY)

    async def ended():
        pass

    def part(name):
        (tmp_path / name).touch()
        made = SimpleNamespace(
            market=SimpleNamespace(has_book=True, losses=1, changed_at=9),
            feed=SimpleNamespace(messages=100),
            recorder=SimpleNamespace(path=tmp_path / name, size=5000, too_long=2),
            begun=7,
            closed=False,
            end=ended,
        )
        recorder.files.append(made.recorder.path)
        recorder._open.append(made)
        return made

    async def record():
        recorder._part, recorder._next = part("one.gz"), part("two.gz")
        assert recorder.messages == 200
        await recorder._drop(recorder._next, "it failed")
        assert not recorder.had_book, "of a file that is gone"
        await recorder._end(recorder._part)
        assert recorder.first == 9, "the file had begun before"

    asyncio.run(record())
    assert (recorder.messages, recorder.size, recorder.gaps, recorder.too_long) == (100, 5000, 1, 2)
    assert recorder.files == [*tmp_path.iterdir()] == [tmp_path / "one.gz"]


def test_a_new_file_that_cannot_begin_leaves_the_one_before_going_on(tmp_path, monkeypatch):
    """The venue is cut off for new connections when the file is due."""
    monkeypatch.setattr(market_recorder, "LONGEST_RETRY", 0.3)

    async def record():
        async with simulated(tmp_path, Rotation(SECOND)) as (_, recorder):
            refusing = []
            make = recorder._make

            def refused():
                venue = make()
                if refusing:
                    venue.symbol = "NO-SUCH"
                return venue

            recorder._make = refused
            async with recording(recorder):
                await until(lambda: recorder.had_book)
                refusing.append(True)
                await until(lambda: "The file before it goes on." in recorder.detail)
                assert "A new file could not begin: Simulator lists no" in recorder.detail
                assert recorder.state == "live"
                assert len(recorder.files) >= 1
                refusing.clear()
                count = len(recorder.files)
                await until(lambda: len(recorder.files) > count and not recorder.problem)
                await until(lambda: recorder._part.begun > time.time_ns() - 60 * SECOND)

    asyncio.run(record())
    assert obi.load(tmp_path, interval=0).gaps == 0
