"""The simulated exchange by itself, for programs in other processes."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from obi_widgets.checks import number
from obi_widgets.errors import SettingsError, SourceError, quoted, suggest
from obi_widgets.feeds.blocking import run, run_and_wait
from obi_widgets.feeds.simulation.exchange import SimulatedExchange
from obi_widgets.feeds.simulation.served import FAULTS, Fault
from obi_widgets.feeds.simulation.simulator import LISTINGS, SimulatedMarket

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping

SILENT = 5.0
"""Seconds for which the fault ``silence`` lasts."""

LONGEST = 86_400.0
"""Longest past, and longest time between two faults, seconds."""


def serve(
    symbols: Iterable[str],
    opened: Callable[[Mapping[str, str]], object],
    stop: threading.Event,
    *,
    seed: int,
    edge: float = 1.0,
    warmup: float = 0.0,
    faults_every: float | None = None,
    failed: Callable[[Fault], object] | None = None,
) -> None:
    """Serve simulated markets on 127.0.0.1 until a flag is set, or this is interrupted.

    Parameters
    ----------
    symbols : iterable of str
        What is traded, as ``"BTC-PERP"``. A market's time begins with its first subscriber.
    opened : callable
        Called with the addresses by name, as the option ``urls`` of `Session` takes them for
        ``lmex``, whose protocol this is. Their paths have a secret.
    stop : threading.Event
        Ends it.
    seed : int
        Of the first market; the next one has the next seed. Faults follow from it too.
    edge, warmup : float
        See `obi_widgets.feeds.sources.open_feed`. The first subscriber gets the past.
    faults_every : float, optional
        Mean seconds between two faults of the connection or the data, 0.1 to a day.
    failed : callable, optional
        Called with the name of each fault.

    Raises
    ------
    SourceError
        If there is no such symbol.
    SettingsError
        If a number is out of its range, or a symbol is there twice.
    """
    warmup = number("warmup", warmup, 0, LONGEST, "seconds")
    if faults_every is not None:
        faults_every = number("faults", faults_every, 0.1, LONGEST, "seconds")
    exchange, names = SimulatedExchange(), list[str]()
    for place, symbol in enumerate(symbols):
        if symbol in names:
            raise SettingsError(f"{symbol} was given twice.", "Give it once.")
        if symbol not in LISTINGS:
            raise SourceError(
                f"The simulator lists no symbol {quoted(symbol)}.", suggest(symbol, LISTINGS)
            )
        names.append(symbol)
        exchange.add(SimulatedMarket(symbol, edge=edge, seed=seed + place), warmup)

    async def run_exchange() -> None:
        async with exchange:
            opened(exchange.endpoints)
            faults = _inject(exchange, faults_every, random.Random(seed), failed)
            injecting = asyncio.create_task(faults)
            await asyncio.to_thread(stop.wait)
            injecting.cancel()

    run_and_wait(lambda: run(run_exchange()), cancel=stop.set)


async def _inject(
    exchange: SimulatedExchange,
    every: float | None,
    chance: random.Random,
    failed: Callable[[Fault], object] | None,
) -> None:
    """Inject faults at random times, if any."""
    while every is not None:
        await asyncio.sleep(chance.expovariate(1 / every))
        fault = chance.choice(FAULTS)
        exchange.inject(fault)
        if failed is not None:
            failed(fault)
        if fault == "silence":
            await asyncio.sleep(SILENT)
            exchange.heal()
