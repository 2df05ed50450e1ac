"""Messages to two processes, of which one is stopped: ``python -m benchmarks.serve``.

A thousand depths a second of a simulated market go out by `TopicServer` for a minute. Each has
the time at which it was published; the subscribers are processes of their own, and each tells what
it has lost. One is stopped by SIGSTOP all the while, and goes on at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import obi_widgets as obi
from obi_widgets.presentation.watch.messages import depth_message
from obi_widgets.presentation.watch.row_maker import RowMaker
from obi_widgets.session.serving.secret import find_secret
from obi_widgets.session.serving.server import TopicServer
from obi_widgets.session.serving.topics import Topics
from obi_widgets.settings.parameters import Parameters

TOPIC = "depth:BTC-PERP"
LEVELS = 10
PATIENCE = 120.0  # seconds that a process may take to start or to end


class Found(NamedTuple):
    """What both subscribers have heard; latencies from publishing to reading."""

    sent: int
    seconds: float
    bytes_each: int
    received: int
    lost: int
    out_of_order: int
    median_ms: float
    p99_ms: float
    worst_ms: float
    stopped_received: int
    stopped_until: float
    stopped_lost: int
    stopped_end: str


def messages() -> list[dict]:
    """Return depths of a simulated market."""
    history = obi.simulate(seconds=30, seed=1, levels=LEVELS)
    maker, found = RowMaker(Parameters()), []
    for number in range(len(history)):
        maker.follow(history[: number + 1])
        found.append(depth_message(maker.row(), history[number : number + 1], ()))
    return found


async def publish(topics: Topics, pool: list[dict], seconds: float, rate: float) -> float:
    """Publish at a rate; return how long it took, in seconds."""
    number, began = 0, time.perf_counter()
    while number < round(seconds * rate):
        due = min((time.perf_counter() - began) * rate, seconds * rate)
        while number < due:
            message = pool[number % len(pool)]
            topics.publish(TOPIC, {**message, "received_ns": time.time_ns()})
            number += 1
        await asyncio.sleep(0.0005)
    topics.publish(TOPIC, {"type": "end"})
    return time.perf_counter() - began


def start(url: str) -> subprocess.Popen[str]:
    """Start a subscriber."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serve", "--read"], text=True,
        stdout=subprocess.PIPE, env=os.environ | {"OBI_URL": url},
        cwd=Path(__file__).parents[1],
    )  # fmt: skip


def read() -> None:
    """Read all messages; print what was heard, as a line of JSON."""
    received, lost, disorder, last, late, why = 0, 0, 0, None, [], ""
    with connect(os.environ["OBI_URL"], proxy=None) as server:
        server.send(json.dumps({"op": "subscribe", "topics": [TOPIC]}))
        try:
            while True:
                message = json.loads(server.recv())
                now = time.time_ns()
                if message.get("topic") != TOPIC:
                    continue
                if last is None:
                    print("ready", flush=True)
                else:
                    lost += max(message["sequence"] - last - 1, 0)
                    disorder += message["sequence"] <= last
                last = message["sequence"]
                if message["type"] == "end":
                    why = "read to the end"
                    break
                if not message["snapshot"]:
                    received += 1
                    late.append((now - message["received_ns"]) / 1e6)
        except ConnectionClosed as closed:
            told = closed.rcvd
            why = f"{told.code}: {told.reason}" if told else "cut"
    print(json.dumps([received, lost, disorder, late, why]))


async def _until_closed(server: TopicServer) -> float:
    """Wait until a subscriber is shed; return how many seconds that took."""
    began = time.perf_counter()
    while True:
        if server.shed:
            return time.perf_counter() - began
        await asyncio.sleep(0.05)


async def _measure(seconds: float, rate: float) -> Found:
    topics, secret, pool = Topics([TOPIC]), find_secret(None).text, messages()
    topics.publish(TOPIC, {"type": "begin"})
    started: list[subprocess.Popen[str]] = []
    try:
        async with TopicServer(topics, secret) as server:
            started += [start(f"ws://{server.host}/{secret}") for _ in range(2)]
            quick, stopped = started
            for one in started:
                assert await asyncio.to_thread(one.stdout.readline) == "ready\n"
            stopped.send_signal(signal.SIGSTOP)
            closing = asyncio.create_task(_until_closed(server))
            took = await publish(topics, pool, seconds, rate)
            closing.cancel()
            closed_after = closing.result() if closing.done() else float("nan")
            heard = await asyncio.to_thread(quick.communicate, timeout=PATIENCE)
            stopped.send_signal(signal.SIGCONT)
            later = await asyncio.to_thread(stopped.communicate, timeout=PATIENCE)
    finally:
        for one in started:
            one.send_signal(signal.SIGCONT)  # one that is stopped ends later
            one.kill()
            one.communicate()
    received, lost, disorder, late, _ = json.loads(heard[0])
    other = json.loads(later[0])
    return Found(
        round(seconds * rate), took, len(json.dumps(pool[0], separators=(",", ":"))),
        received, lost, disorder, statistics.median(late), float(np.percentile(late, 99)),
        max(late), other[0], closed_after, other[1], other[4],
    )  # fmt: skip


def measure(seconds: float = 60.0, rate: float = 1000.0) -> Found:
    """Publish for some seconds at a rate, to one that reads and to one that is stopped."""
    return asyncio.run(_measure(seconds, rate))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="messages a second")
    parser.add_argument("--read", action="store_true", help="be a subscriber, as it starts two")
    options = parser.parse_args()
    if options.read:
        read()
        return
    found = measure(options.seconds, options.rate)
    print(f"{found.sent:,} messages of about {found.bytes_each:,} bytes in {found.seconds:.1f} s")
    print(
        f"one that reads: {found.received:,} received, {found.lost} lost, "
        f"{found.out_of_order} out of order; after {found.median_ms:.2f} ms at the median, "
        f"{found.p99_ms:.1f} ms at 99 %, {found.worst_ms:.0f} ms at most"
    )
    print(
        f"one that is stopped: closed after {found.stopped_until:.0f} s; when it went on it had "
        f"{found.stopped_received:,}, {found.stopped_lost} lost between them, then "
        f"{found.stopped_end}"
    )


if __name__ == "__main__":
    main()
