"""What many symbols by one websocket cost: ``python -m benchmarks.symbols``.

The simulated exchange runs in another process and sends 21 symbols, each 20 changes of its book a
second and its trades. Here 21 feeds share one websocket of each kind, and keep a history each. It
prints the CPU time of this process, and beside it that of 21 feeds with their own websockets.

Goal: 21 symbols by one connection under 25 % of one core. Nothing is asserted, since machines
differ.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

from obi_widgets.feeds.connections import Connections
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.simulation import exchange as exchange_module
from obi_widgets.feeds.simulation.exchange import SimulatedExchange
from obi_widgets.feeds.simulation.simulator import LISTINGS, SimulatedMarket
from obi_widgets.market_data.venues import make_venue

SECONDS = 20.0
SETTLE = 5.0
GOAL = "under 25 % of one core"
PATIENCE = 120.0
"""Seconds within which all markets have to be live."""


async def send() -> None:
    """Serve all symbols, until the other process closes our input."""
    exchange_module.MAX_CONNECTIONS = 100  # for 21 symbols with websockets of their own
    exchange = SimulatedExchange()
    for seed, symbol in enumerate(LISTINGS):
        exchange.add(SimulatedMarket(symbol, seed=seed), warmup=0.0)
    async with exchange:
        print(json.dumps(exchange.endpoints), flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def measure(endpoints: dict[str, str], connections: Connections | None) -> dict[str, float]:
    """Return what it costs to follow all symbols, and how much came."""
    feeds = [
        LiveFeed(Market(make_venue("sim", symbol, endpoints)), connections=connections)
        for symbol in LISTINGS
    ]
    markets = [feed.market for feed in feeds]
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(feed.run()) for feed in feeds]
        async with asyncio.timeout(PATIENCE):
            while not all(market.state == "live" for market in markets):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLE)
        before = time.process_time(), time.perf_counter(), sum(feed.messages for feed in feeds)
        await asyncio.sleep(SECONDS)
        after = time.process_time(), time.perf_counter(), sum(feed.messages for feed in feeds)
        cpu, clock, frames = (one - other for one, other in zip(after, before, strict=True))
        found = {
            "cores": cpu / clock,
            "frames a second": frames / clock,
            "us a frame": 1e6 * cpu / frames,
            "websockets": float(2 * len(feeds) if connections is None else len(connections)),
            "gaps": float(sum(market.history().gaps for market in markets)),
        }
        for task in running:
            task.cancel()
    return found


def main() -> None:
    """Measure, and print."""
    sender = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.symbols", "send"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert sender.stdout is not None
        endpoints = json.loads(sender.stdout.readline())
        for title, connections in (("one connection", Connections()), ("their own", None)):
            found = asyncio.run(measure(endpoints, connections))
            print(
                f"{len(LISTINGS)} symbols by {title:15} {100 * found['cores']:5.1f} % of one core, "
                f"{found['frames a second']:5.0f} frames a second, "
                f"{found['us a frame']:4.0f} us each, {found['websockets']:2.0f} websockets, "
                f"{found['gaps']:.0f} gaps; goal: {GOAL}",
                flush=True,
            )
    finally:
        sender.communicate(timeout=10)  # closes its input, and it ends


if __name__ == "__main__":
    if sys.argv[1:] == ["send"]:
        asyncio.run(send())
    else:
        main()
