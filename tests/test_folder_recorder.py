"""Several markets recorded to a folder, from the simulated exchange."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import asynccontextmanager

import numpy as np
import pytest
from session_tools import as_long_as

import obi_widgets as obi
from obi_widgets.cli import main
from obi_widgets.errors import (
    ArgumentError,
    RecordingError,
    RecordingWarning,
    SettingsError,
    SourceError,
    SymbolError,
    VenueError,
)
from obi_widgets.feeds import record as recording_of
from obi_widgets.feeds.connections import Connections
from obi_widgets.feeds.days import folder_recorder
from obi_widgets.feeds.recording import Recording
from obi_widgets.feeds.recording.folder import Lock, markets_in
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.market_data.venues.lmex import Simulated

MARKETS = ["sim:BTC-PERP", "sim:ETH-PERP"]


def ids(history):
    return np.asarray(history.trades.id).tolist()


def test_two_markets_are_recorded_at_once_and_a_restart_goes_on(tmp_path, capsys):
    folder = tmp_path / "data"
    assert obi.record(MARKETS, folder, seconds=1.0, seed=3) == folder
    said = capsys.readouterr().out
    assert "sim:ETH-PERP  live  " in said
    assert said.splitlines()[-1].startswith("Kept ")
    assert " of 2 markets with 0 gaps, from " in said
    assert obi.record(MARKETS[:1], folder, seconds=0.5, progress=False) == folder
    assert capsys.readouterr().out == ""
    assert {market: len(files) for market, files in markets_in(folder).items()} == {
        "sim:BTC-PERP": 2,
        "sim:ETH-PERP": 1,
    }
    assert obi.load(folder, market="sim:ETH-PERP").gaps == 0
    with pytest.warns(RecordingWarning, match="The recording was interrupted"):
        assert obi.load(folder, market="sim:BTC-PERP").gaps == 1
    with pytest.raises(RecordingError, match="holds several markets"):
        obi.load(folder)
    with pytest.raises(RecordingError, match="holds several markets"):
        obi.Session(folder)
    assert obi.Session(folder, market="sim:ETH-PERP").market.instrument.symbol == "ETH-PERP"


def test_simulated_markets_of_one_seed_do_not_move_alike():
    """Each is the market that a board of the same sources and seed has."""
    targets = folder_recorder.targets_of(
        ["sim:BTC-PERP", "okx:BTC-USDT", "sim:ETH-PERP"], folder_recorder.Simulation(seed=3)
    )
    moves = []
    for target, seed in ((targets[0], 3), (targets[2], 4)):
        market, same = target.exchange.served[target.symbol].market, SimulatedMarket(
            target.symbol, seed=seed
        )  # fmt: skip
        moves.append([])
        for _ in range(200):
            market.step()
            same.step()
            moves[-1].append(next(iter(market.top(+1, 1))))
        assert market.top(+1, 20) == same.top(+1, 20)
    up = [np.sign(np.diff(one)) for one in moves]
    assert np.any(up[0] != up[1])


@pytest.mark.slow
def test_files_follow_each_other_without_a_gap_and_each_replays_alone(tmp_path):
    folder = obi.record("sim:SOL-PERP", tmp_path, rotate=5, seconds=17, seed=5, progress=False)
    files = markets_in(folder)["sim:SOL-PERP"]
    assert len(files) >= 3
    history = obi.load(folder, interval=0)
    assert history.gaps == 0
    trades = ids(history)
    assert trades == list(range(trades[0], trades[0] + len(trades))), "none lost, none double"
    for path in files:
        alone = obi.load(path, interval=0)
        assert alone.gaps == 0
        # The snapshot that a file begins with has a time of its own.
        assert set(alone.time[1:].tolist()) <= set(history.time.tolist())
        records = list(Recording(path))
        assert [records[0].kind, records[-1].kind] == ["answer", "end"]


@pytest.mark.slow
def test_a_file_that_is_large_is_followed_by_another(tmp_path):
    obi.record(
        "sim:BTC-PERP", tmp_path, max_size=100_000, warmup=150, seconds=6, seed=1, progress=False
    )
    assert len(markets_in(tmp_path)["sim:BTC-PERP"]) >= 2
    assert obi.load(tmp_path).gaps == 0


def test_a_market_that_the_venue_does_not_list_is_told_and_ends_no_other(tmp_path, capsys):
    unlisted = Simulated("DOGE-PERP", endpoints={})
    with serving("BTC-PERP") as endpoints:
        unlisted.urls.update(endpoints)
        good = Simulated("BTC-PERP", endpoints=endpoints)
        with pytest.warns(RecordingWarning, match="gave no book. Simulator lists no symbol 'DOGE"):
            obi.record([unlisted, good], tmp_path, seconds=1)
        said = capsys.readouterr().out
        assert "sim:DOGE-PERP  failed  " in said
        assert "Simulator lists no symbol 'DOGE-PERP'." in said
        assert len(obi.load(tmp_path)) > 0
        with pytest.raises(VenueError, match=r"sim:DOGE-PERP gave no book\. Simulator lists no"):
            obi.record([unlisted], tmp_path / "none", seconds=1, progress=False)


def test_no_book_at_all_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(recording_of, "FIRST_BOOK", 0.0)
    monkeypatch.setattr(folder_recorder, "LOOK_EVERY", 0.0)  # before a book can have come
    with pytest.raises(VenueError, match=r"^sim:BTC-PERP gave no book\."):
        obi.record(MARKETS, tmp_path, seconds=5, progress=False)


def test_what_cannot_be_recorded_is_refused_before_anything_is(tmp_path):
    place = tmp_path / "data"
    (tmp_path / "file").touch()
    cases = [
        ((["sim:BTC-PREP"], place), {}, SourceError, "The simulator lists no symbol 'BTC-PREP'"),
        ((["lmex:b c"], place), {}, SymbolError, ""),
        ((["sim:BTC-PERP"] * 2, place), {}, SettingsError, "sim:BTC-PERP was given twice."),
        (([], place), {}, ArgumentError, "No market was given."),
        (([3], place), {}, ArgumentError, "A int is no market. Give venue:SYMBOL."),
        ((3, place), {}, ArgumentError, "A int is no market. Give venue:SYMBOL, or a list"),
        (([str(tmp_path / "file")], place), {}, RecordingError, ""),
        ((["lmex:BTC-PERP"], place), {"seed": 3}, SettingsError, "seed = 3 is for the simulated"),
        ((MARKETS, place), {"rotate": "1y"}, SettingsError, "rotate = '1y' is not possible."),
        ((MARKETS, place), {"max_size": 1}, SettingsError, "max_size = 1 is not possible."),
        ((MARKETS, place), {"seconds": -1}, SettingsError, "seconds = -1 is not possible."),
        ((MARKETS, place), {"progress": 3}, SettingsError, "progress = 3 is not possible."),
        ((MARKETS, place), {"warmup": -1}, SettingsError, "warmup = -1 is not possible."),
        ((MARKETS[0], tmp_path / "a.gz"), {"progress": True}, SettingsError, "is for a folder"),
        ((MARKETS, tmp_path / "file"), {"seconds": 1}, RecordingError, "cannot be made: "),
    ]
    for arguments, how, error, text in cases:
        with pytest.raises(error) as caught:
            obi.record(*arguments, **how)
        assert text in str(caught.value)
    assert not place.exists()


def test_markets_of_one_venue_share_its_websockets(tmp_path, monkeypatch):
    most = []

    class Noted(Connections):
        @asynccontextmanager
        async def open(self, *how):
            async with super().open(*how) as part:
                most.append(self.markets)
                yield part

    monkeypatch.setattr(folder_recorder, "Connections", Noted)
    symbols = ["BTC-PERP", "ETH-PERP", "SOL-PERP"]
    with serving(*symbols) as endpoints:
        markets = [Simulated(symbol, endpoints=endpoints) for symbol in symbols]
        obi.record(markets, tmp_path, seconds=0.5, progress=False)
    assert most[-1] == [3, 3]
    assert max(map(len, most)) == 2
    for symbol in symbols:
        assert obi.load(tmp_path, market=f"sim:{symbol}").gaps == 0


def test_two_recorders_of_one_market_are_refused(tmp_path):
    obi.record(MARKETS[:1], tmp_path, seconds=0.2, progress=False)
    with (
        Lock(tmp_path / "sim_BTC-PERP"),
        pytest.raises(RecordingError, match="is being recorded into already"),
    ):
        obi.record(MARKETS, tmp_path, seconds=0.2)


# -- as a process ------------------------------------------------------------------------------

EXCHANGE = """
    import asyncio, json, sys
    from obi_widgets.feeds.simulation.exchange import SimulatedExchange
    from obi_widgets.feeds.simulation.simulator import SimulatedMarket

    async def serve():
        exchange = SimulatedExchange()
        for symbol in sys.argv[1:]:
            exchange.add(SimulatedMarket(symbol, seed=7), 0.0)
        async with exchange:
            print(json.dumps(exchange.endpoints), flush=True)
            await asyncio.Event().wait()

    asyncio.run(serve())
"""


class serving:  # noqa: N801 used as a function
    """Serve markets in a process of its own; the endpoints are given."""

    def __init__(self, *symbols) -> None:
        self._symbols = symbols

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(EXCHANGE), *self._symbols],
            stdout=subprocess.PIPE,
            text=True,
        )
        return json.loads(self._process.stdout.readline())

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()


LIFE = """
    import json, sys
    import obi_widgets as obi
    from obi_widgets.market_data.venues.lmex import Simulated
    served = json.loads(sys.argv[1])
    markets = [Simulated(symbol, endpoints=urls) for symbol, urls in served.items()]
    obi.record(markets, sys.argv[2], rotate=5)
"""


def life(endpoints, folder):
    """Record in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(LIFE), json.dumps(endpoints), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )


def until_recorded(folder, count, files):
    """Wait until so many files that were not there before have records."""
    end = time.monotonic() + 120
    while sum(len(markets_in(folder)[one]) for one in markets_in(folder)) < files + count:
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_a_recorder_that_is_killed_again_and_again_keeps_all_but_the_last_second(tmp_path):
    """Two markets, three kills, a rotation every five seconds: the gaps are the outages."""
    folder, chance = tmp_path / "data", random.Random(3)
    killed, started = [], []
    with serving("BTC-PERP") as first, serving("ETH-PERP") as second:
        endpoints = {"BTC-PERP": first, "ETH-PERP": second}
        for kill in range(4):
            before = sum(map(len, markets_in(folder).values())) if folder.exists() else 0
            process = life(endpoints, folder)
            try:
                until_recorded(folder, 2, before)
                started.append(time.time_ns())
                time.sleep(chance.uniform(2.0, 9.0))
                if kill == 3:
                    process.send_signal(signal.SIGINT)
                    said, _ = process.communicate(timeout=60)
                    assert process.returncode == 0
                    assert said.splitlines()[-1].startswith("Kept ")
            finally:
                process.kill()
                killed.append(time.time_ns())
                process.communicate()
            time.sleep(chance.uniform(0.2, 1.5))
    limit = 1e9 * as_long_as(3)
    for symbol in endpoints:
        with pytest.warns(RecordingWarning, match="is cut off after line"):
            history = obi.load(folder, market=f"sim:{symbol}", interval=0)
        lost = np.flatnonzero(np.isnan(history.bid))
        assert len(lost) == history.gaps == 3
        for row, end, begin in zip(lost, killed, started[1:], strict=False):
            before, after = int(history.received[row - 1]), int(history.received[row + 1])
            assert end - before < limit, "of each life all but the last second is kept"
            assert end < after < begin + limit
        # Between the gaps, no trade is missing and none is double.
        numbers = ids(history)
        assert numbers == sorted(set(numbers))
        steps = np.diff(numbers)
        assert np.count_nonzero(steps > 1) <= 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_command_ends_it_whole_when_it_is_ended(tmp_path, number):
    # As from a terminal, also if these tests run under `nohup`.
    start = (
        "import signal, sys; from obi_widgets.cli.main import main; "
        "signal.signal(signal.SIGHUP, signal.SIG_DFL); sys.exit(main())"
    )
    command = [sys.executable, "-c", start, "record", *MARKETS, str(tmp_path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        for line in process.stdout:
            if "ETH-PERP  live" in line:
                break
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert said.splitlines()[-1].startswith("Kept ")
    for market in MARKETS:
        (path,) = markets_in(tmp_path)[market]
        assert list(Recording(path))[-1].kind == "end"


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_a_closed_terminal_ends_no_recorder_under_nohup(tmp_path, monkeypatch, handler):
    seen = {}

    def record(*_, **__):
        seen.update({number: signal.getsignal(number) for number in before})

    monkeypatch.setattr(recording_of, "record", record)
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    signal.signal(signal.SIGHUP, handler)
    try:
        assert main.main(["record", *MARKETS, str(tmp_path)]) == 0
    finally:
        for number, one in before.items():
            signal.signal(number, one)
    ends = signal.default_int_handler
    assert seen[signal.SIGTERM] == ends
    assert seen[signal.SIGHUP] == (handler if handler == signal.SIG_IGN else ends)


def test_a_full_disk_under_the_progress_ends_no_recording(tmp_path, monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    folder = obi.record(MARKETS[:1], tmp_path, seconds=0.5)
    monkeypatch.undo()
    assert obi.load(folder).gaps == 0


def test_the_command_takes_the_options_of_a_folder(tmp_path, capsys):
    arguments = ["record", MARKETS[0], str(tmp_path / "x"), "--rotate", "60", "--seconds", "0.5"]
    assert main.main([*arguments, "--max-size", "1GB"]) == 0
    assert f"obi.load({str(tmp_path / 'x')!r})." in capsys.readouterr().out
    assert main.main(["record", *MARKETS, str(tmp_path), "--rotate", "soon"]) == 1
    assert "Give seconds, or a time such as '15min'" in capsys.readouterr().err
