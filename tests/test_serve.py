"""The command ``obi-widgets serve``: who may read, what is read, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
from session_tools import wait_for
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import obi_widgets as obi
from benchmarks import serve as benchmark
from obi_widgets.cli import main
from obi_widgets.errors import SettingsError, SourceError, VenueError
from obi_widgets.feeds.sources import open_feed
from obi_widgets.presentation.watch.messages import depth_message, signal_message
from obi_widgets.presentation.watch.row_maker import RowMaker
from obi_widgets.session.serving import server as server_module
from obi_widgets.session.serving.output import Lines
from obi_widgets.session.serving.published import PublishedMarket, topics_of
from obi_widgets.session.serving.secret import VARIABLE, find_secret
from obi_widgets.session.serving.serve import names_of, serve
from obi_widgets.session.serving.server import TopicServer
from obi_widgets.session.serving.topics import Subscriber, Topics
from obi_widgets.settings.parameters import Parameters

SIM = Path(__file__).parent / "data" / "sim.txt"
PAGE = Path(__file__).parents[1] / "docs/serve.md"
SECRET = "a-secret-of-the-tests"
PATIENCE = 120  # seconds for a process on a busy machine; far more than it needs
SETTINGS = Parameters(threshold=0.1)


@contextmanager
def serving(*sources, **options):
    """Serve sources in a thread; give the address and the feeds."""
    kept = {"warmup": 0.0, "seed": 3} if sources and str(sources[0]).startswith("sim:") else {}
    feeds = [open_feed(source, **kept) for source in sources]
    hosts, ended, stop = [], [], threading.Event()

    def run():
        try:
            serve(feeds, SETTINGS, lambda host, _: hosts.append(host), stop, secret=SECRET,
                  **options)  # fmt: skip
        except VenueError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_for(lambda: hosts, "the address")
        yield f"ws://{hosts[0]}/{SECRET}", feeds, ended
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def ask(client, *topics, op="subscribe"):
    client.send(json.dumps({"op": op, "topics": topics}))


def heard(client, wanted, most=2_000):
    """Return messages up to the first wanted one."""
    found = []
    for _ in range(most):
        found.append(json.loads(client.recv(timeout=PATIENCE)))
        if wanted(found[-1]):
            return found
    pytest.fail(f"not heard, but {found[-2:]}")


def to_the_end(client):
    """Return all messages until the connection is closed, and its code and reason."""
    found = []
    try:
        while True:
            found.append(json.loads(client.recv(timeout=PATIENCE)))
    except ConnectionClosed as closed:
        return found, (closed.rcvd.code, closed.rcvd.reason)


# -- what is read --------------------------------------------------------------------------


def test_a_subscriber_gets_the_snapshot_and_then_each_state_in_order():
    with serving("sim:BTC-PERP") as (url, _, _), connect(url, proxy=None) as client:
        assert json.loads(client.recv())["topics"] == ["depth:BTC-PERP", "signal:BTC-PERP"]
        ask(client, "depth:BTC-PERP", "signal:BTC-PERP")
        found = heard(client, lambda one: one["state"] == "live" and one["sequence"] > 12)
    for topic in ("depth:BTC-PERP", "signal:BTC-PERP"):
        of_topic = [one for one in found if one["topic"] == topic]
        first = of_topic[0]["sequence"]
        assert [one["sequence"] for one in of_topic] == [*range(first, first + len(of_topic))]
        assert [one["snapshot"] for one in of_topic] == [True] + [False] * (len(of_topic) - 1)
    depth, signal_ = (
        [one for one in found if one["type"] == kind and one["time"] and one["bids"]][-2]
        for kind in ("depth", "signal")
    )
    prices = [float(price) for price, _ in depth["bids"]]
    assert prices == sorted(prices, reverse=True)
    assert re.fullmatch(r"\d+\.\d", depth["bids"][0][0])  # a tick of 0.5
    assert signal_["signal"] == pytest.approx(signal_["imbalance"])


def test_each_message_says_what_the_same_history_says():
    history = obi.load(SIM)
    topics, one = Topics(topics_of(["X"])), Subscriber(lambda: None)
    topics.subscribe(one, topics.names)
    published = PublishedMarket("X", open_feed(history), SETTINGS, topics)
    asyncio.run(published.feed.run())
    published._next = 0  # as if it had begun with the first state
    while published.look():
        pass
    found = [json.loads(message) for message in iter(one.take, None)]
    depths = [each for each in found if each["type"] == "depth"][1:]
    signals = [each for each in found if each["type"] == "signal"][1:]
    assert len(depths) == len(signals) == len(history) + 1
    maker = RowMaker(SETTINGS)
    for number, (depth, said) in enumerate(zip(depths[:-1], signals[:-1], strict=True)):
        maker.follow(history[: number + 1])
        row = maker.row()
        assert depth["time_ns"] == said["time_ns"] == history.time[number]
        assert said["signal"] == (row.signal if row.signal == row.signal else None)
        assert said["label"] == (row.label or None)
        for name, side in (("bids", +1), ("asks", -1)):
            if depth[name] is None:
                assert history.lost[number]
                continue
            prices, sizes = (
                column[number][~np.isnan(column[number])]
                for column in (history.prices(side), history.sizes(side))
            )
            assert [float(price) for price, _ in depth[name]] == prices.tolist()
            assert [np.float32(size) for _, size in depth[name]] == sizes.tolist()
    last = signals[-1]
    assert (last["state"], last["signal"]) == ("closed", None)
    assert last["notes"] == [f"A finished recording of {len(history)} book states in 6 s."]
    assert (depths[-1]["bids"], depths[-1]["asks"]) == (None, None)


def test_a_lost_book_is_null_and_a_visible_state_and_then_it_goes_on():
    with serving("sim:BTC-PERP") as (url, (feed,), _), connect(url, proxy=None) as client:
        ask(client, "depth:BTC-PERP")
        heard(client, lambda one: one.get("state") == "live")
        feed.exchange.inject("disconnect")
        lost = heard(client, lambda one: one["state"] == "connecting")[-1]
        assert lost["bids"] is None
        assert lost["asks"] is None
        assert lost["notes"]
        back = heard(client, lambda one: one["state"] == "live")[-1]
        assert back["bids"]


@pytest.mark.slow  # as long as it was recorded
def test_a_recording_that_has_ended_tells_its_subscribers():
    with serving(str(SIM)) as (url, _, ended), connect(url, proxy=None) as client:
        ask(client, *json.loads(client.recv())["topics"])
        found, why = to_the_end(client)
        assert why == (1001, "The data have ended.")
        assert sorted(one["type"] for one in found if one["state"] == "closed") == [
            "depth", "signal"
        ]  # fmt: skip
        assert ended == []
        assert len(obi.load(SIM)) < max(one["sequence"] for one in found)


def test_a_live_market_that_has_ended_is_an_error():
    with serving("sim:BTC-PERP") as (url, (feed,), ended), connect(url, proxy=None) as client:
        ask(client, "signal:BTC-PERP")
        heard(client, lambda one: one.get("state") == "live")
        feed.market.end("The venue is gone.", "Take another one.")
        heard(client, lambda one: one["state"] == "closed")
        wait_for(lambda: ended, "the error")
    assert str(ended[0]) == "The venue is gone. Take another one."


def test_markets_are_named_by_symbol_unless_two_have_the_same():
    feeds = [open_feed(source) for source in ("sim:BTC-PERP", "sim:ETH-PERP", "lmex:BTC-PERP")]
    assert names_of(feeds) == ["sim:BTC-PERP", "ETH-PERP", "lmex:BTC-PERP"]
    assert names_of([feeds[0], feeds[0]]) == ["sim:BTC-PERP", "sim:BTC-PERP#2"]
    assert topics_of(["A"]) == ("depth:A", "signal:A")


# -- who may read --------------------------------------------------------------------------


@contextmanager
def bare(topics, **options):
    """Serve topics without a market; give the address, and what runs in the server's loop."""
    opened, done = [], threading.Event()

    async def run():
        async with TopicServer(topics, SECRET, **options) as server:
            opened.append((server, asyncio.get_running_loop()))
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        wait_for(lambda: opened, "the server")
        server, loop = opened[0]
        yield f"ws://{server.host}/{SECRET}", server, loop
    finally:
        done.set()
        thread.join(60)
        assert not thread.is_alive()


def test_without_the_secret_there_is_nothing(capfd):
    with bare(Topics(["depth:X"])) as (url, server, _):
        host = server.host
        for path in ("", f"{SECRET}x", SECRET[:-1], f"{SECRET}/x", f"%00{SECRET}", f"{SECRET}?a=b"):
            with pytest.raises(InvalidStatus, match="HTTP 404"):
                connect(f"ws://{host}/{path}", proxy=None)
        with connect(url, proxy=None) as client:
            assert json.loads(client.recv())["type"] == "hello"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"}, {"Origin": "http://127.0.0.1"}, {"Origin": "null"},
        {"Host": "evil.example"}, {"Host": "localhost"},
    ],
)  # fmt: skip
def test_a_page_in_a_browser_is_refused_even_with_the_secret(headers, capfd):
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    with bare(Topics(["depth:X"])) as (url, _, _), httpx.Client(trust_env=False) as client:
        answer = client.get(url.replace("ws:", "http:"), headers=upgrade | headers)
        assert (answer.status_code, answer.text) == (403, "Not for web pages.\n")
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_client_that_asks_too_much_is_told_so():
    with bare(Topics(["depth:X"])) as (url, _, _), connect(url, proxy=None) as client:
        with suppress(ConnectionClosed):
            for _ in range(1_000):
                ask(client, "depth:X")
        assert to_the_end(client)[1] == server_module.BUSY


def test_the_secret_is_of_a_private_file_or_of_the_environment_or_new(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    first, second = find_secret(None), find_secret(None)
    assert first.is_new
    assert first.text != second.text
    assert len(first.text) >= 32
    monkeypatch.setenv(VARIABLE, SECRET)
    assert find_secret(None) == (SECRET, False)
    path = tmp_path / "secret"
    path.write_text("of-the-file-16-letters\n")
    path.chmod(0o640)
    with pytest.raises(SettingsError, match=r"Other users may read .* Run: chmod 600"):
        find_secret(str(path))
    path.chmod(0o600)
    assert find_secret(str(path)) == ("of-the-file-16-letters", False)
    for wrong in ("", "short", "with/a/slash/in/it/all", "x" * 300):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(SettingsError, match=r"cannot be used\. Give 16") as error:
            find_secret(None)
        assert wrong == "" or wrong not in str(error.value)
    with pytest.raises(SettingsError, match="cannot be read"):
        find_secret(str(tmp_path / "none"))


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do():
    with bare(Topics(["depth:X"])) as (_, server, _):
        port = int(server.host.partition(":")[2])
        with pytest.raises(SourceError, match=rf"Port {port} cannot be served: .*--port 0"):
            serve([open_feed("sim:BTC-PERP")], SETTINGS, print, threading.Event(), secret=SECRET,
                  port=port)  # fmt: skip


# -- who does not read ---------------------------------------------------------------------


def test_one_that_does_not_read_is_closed_with_a_reason_and_the_other_misses_nothing():
    topics = Topics(["depth:X"])
    with (
        bare(topics) as (url, server, loop),
        connect(url, proxy=None) as quick,
        connect(url, proxy=None, max_queue=1) as slow,  # one message, and the kernel's buffers
    ):
        for client in (quick, slow):
            client.recv()
            ask(client, "depth:X")
        wait_for(lambda: len(topics._subscribers["depth:X"]) == 2, "the subscriptions")
        number, got = 0, []
        while not server.shed:
            assert number < 2_000
            loop.call_soon_threadsafe(topics.publish, "depth:X", {"x": "y" * 50_000})
            number += 1
            got.append(json.loads(quick.recv(timeout=PATIENCE))["sequence"])
        assert got == [*range(1, number + 1)]
        assert to_the_end(slow)[1] == server_module.SLOW


def test_the_end_waits_for_nobody_who_does_not_read(monkeypatch):
    monkeypatch.setattr(server_module, "FAREWELL", 0.1)
    topics = Topics(["depth:X"])
    with ExitStack() as clients, bare(topics) as (url, server, loop):
        slow = clients.enter_context(connect(url, proxy=None, max_queue=1, close_timeout=0.1))
        slow.recv()
        ask(slow, "depth:X")
        wait_for(lambda: topics._subscribers["depth:X"], "the subscription")
        (waiting,) = server._open.values()
        while waiting.bytes < 1_000_000:  # less than is shed, more than the kernel takes
            loop.call_soon_threadsafe(topics.publish, "depth:X", {"x": "y" * 50_000})
            time.sleep(0.001)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")
@pytest.mark.slow
def test_one_stopped_process_delays_no_other():
    found = benchmark.measure(seconds=1.5, rate=200)
    assert found.sent == 300
    assert (found.received, found.lost, found.out_of_order) == (300, 0, 0)
    assert found.stopped_lost == 0
    assert found.stopped_received == 300  # less than is shed: it reads them when it goes on


# -- the command ---------------------------------------------------------------------------


@contextmanager
def process(*arguments: str, **environment: str):
    """Run the command as a process; end it."""
    code = "import sys; from obi_widgets.cli.main import main; sys.exit(main())"
    run = subprocess.Popen(
        [sys.executable, "-c", code, "serve", *arguments], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environment,
    )  # fmt: skip
    try:
        yield run
    finally:
        run.kill()
        run.communicate()


def client_of_the_page() -> str:
    (found,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return found


@pytest.mark.slow
def test_the_client_of_the_page_reads_what_the_command_serves():
    with process("sim:BTC-PERP", "--port", "0") as server:
        assert server.stdout.readline().startswith("Serving depth:BTC-PERP, signal:BTC-PERP. ")
        url = server.stdout.readline().strip()
        client = subprocess.Popen(
            [sys.executable, "-c", client_of_the_page()], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"OBI_URL": url},
        )  # fmt: skip
        try:
            lines = [client.stdout.readline().split() for _ in range(30)]
            server.send_signal(signal.SIGTERM)
            said = server.communicate(timeout=PATIENCE)
            wrong = client.communicate(timeout=PATIENCE)[1]
        finally:
            client.kill()
            client.communicate()
    live = [line for line in lines if line[1] == "live"]
    assert len(live) > 20
    assert {line[-1] for line in lines} == {"0"}  # nothing was lost
    assert all(abs(float(line[2])) <= 1 for line in live)
    assert (server.returncode, said[1].strip()) == (130, "")
    # Going away is a regular end: the loop of the client ends without an error.
    assert (client.returncode, wrong) == (0, "")


def test_the_client_of_the_page_has_about_ten_lines():
    assert len([line for line in client_of_the_page().splitlines() if line]) <= 11


@pytest.mark.slow
def test_standard_output_has_each_message_and_a_secret_of_ones_own_is_not_printed():
    own = {VARIABLE: SECRET}
    with process("sim:ETH-PERP", "--port", "0", "--stdout", "--levels", "10", **own) as server:
        found = [json.loads(server.stdout.readline()) for _ in range(40)]
        server.send_signal(signal.SIGINT)
        _, wrong = server.communicate(timeout=PATIENCE)
    assert server.returncode == 130
    for topic in ("depth:ETH-PERP", "signal:ETH-PERP"):
        numbers = [one["sequence"] for one in found if one["topic"] == topic]
        assert numbers == [*range(1, len(numbers) + 1)]
    assert wrong.startswith("Serving depth:ETH-PERP, signal:ETH-PERP. ")
    assert SECRET not in wrong
    assert wrong.strip().endswith("/<your secret>")


@pytest.mark.slow
def test_it_ends_when_whoever_read_standard_output_has_left():
    with process("sim:ETH-PERP", "--port", "0", "--stdout") as server:
        server.stdout.readline()
        server.stdout.close()
        assert server.wait(PATIENCE) == 1
        assert "Traceback" not in server.stderr.read()
        server.stdout = None  # `communicate` would read it


def test_standard_output_that_nobody_reads_delays_nobody():
    topics = Topics(["depth:X"])
    reading, writing = os.pipe()
    try:
        lines = Lines(topics, writing)
        other = Subscriber(lambda: None)
        topics.subscribe(other, ["depth:X"])
        topics.publish("depth:X", {"x": "y" * 100_000})  # more than a pipe takes
        wait_for(lambda: not lines._subscriber.bytes, "the thread")
        other.take()
        got = 1
        while not lines.shed:
            assert got < 2_000
            topics.publish("depth:X", {"x": "y" * 50_000})
            got += other.take() is not None
        assert got == topics.sequence("depth:X")
        lines.close(patience=0.05)
        assert lines.left is None
    finally:
        os.close(reading)  # the write that waits fails then
        lines._thread.join(PATIENCE)
        os.close(writing)
    assert isinstance(lines.left, BrokenPipeError)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Missing argument 'SOURCE...'."),
        (["foo:BTC"], 1, "'foo:BTC' is neither a venue's symbol nor a file."),
        (["sim:BTC-PERP", "--speed", "2"], 1, "speed = 2.0 is for a recording"),
        (["sim:BTC-PERP", "--secret-file", "nowhere"], 1, "The secret cannot be read"),
        (["sim:BTC-PERP", "--port", "70000"], 2, "70000 is not in the range"),
    ],
)
def test_wrong_usage_is_one_error(arguments, code, said, capsys):
    assert main.main(["serve", *arguments]) == code
    assert said in capsys.readouterr().err


def test_fields_on_the_page_are_those_of_the_messages():
    history = obi.simulate(seconds=10, seed=5)
    maker = RowMaker(SETTINGS)
    maker.follow(history)
    row, page = maker.row(), PAGE.read_text(encoding="utf-8")
    for message in (depth_message(row, history[-1:], ()), signal_message(row)):
        (line,) = re.findall(rf"^\| `{message['type']}` \| (.*) \|$", page, re.MULTILINE)
        common = {"type", "time", "time_ns", "received_ns", "state", "notes"}
        assert set(re.findall(r"`(\w+)`", line)) == set(message) - common
