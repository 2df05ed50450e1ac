"""Records several markets at once to a folder, in one thread."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import warnings
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, NamedTuple

from obi_widgets.checks import number
from obi_widgets.errors import (
    ArgumentError,
    RecordingError,
    RecordingWarning,
    SettingsError,
    VenueError,
    quoted,
)
from obi_widgets.feeds.blocking import run, run_and_wait
from obi_widgets.feeds.by_ccxt.markets import CcxtSource, refuse_recording
from obi_widgets.feeds.connections import Connections
from obi_widgets.feeds.days.market_recorder import MarketRecorder
from obi_widgets.feeds.days.progress import Progress, kept
from obi_widgets.feeds.reach import Reach, check_urls
from obi_widgets.feeds.recording.folder import Lock, make_folder, place_of
from obi_widgets.feeds.simulation.exchange import SimulatedExchange
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.feeds.sources import find
from obi_widgets.market_data.venues import Venue, make_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from obi_widgets.feeds.days.rotation import Rotation

NO_REACH = Reach()

LOOK_EVERY = 0.05
"""Seconds between two looks at whether it ends."""


class Simulation(NamedTuple):
    """Options of the simulated exchange; see `obi_widgets.feeds.sources.open_feed`."""

    edge: float | None = None
    seed: int | None = None
    warmup: float | None = None

    def given(self) -> str:
        """Return the name of an option that was given; empty if none was."""
        return next((name for name in self._fields if getattr(self, name) is not None), "")

    def later(self, number: int) -> Simulation:
        """Return the options of a market that comes after so many others, with a seed of its own.

        With one seed all markets would move alike. The seeds are those of a board.
        """
        if self.seed is None or not number:
            return self
        return self._replace(seed=self.seed + number)

    def exchange(self, symbol: str) -> SimulatedExchange:
        """Return an exchange that serves a symbol."""
        edge = 1.0 if self.edge is None else self.edge
        seed = time.time_ns() % 2**32 if self.seed is None else self.seed
        warmup = number("warmup", self.warmup or 0.0, 0, 86_400, "seconds")
        return SimulatedExchange(SimulatedMarket(symbol, edge=edge, seed=seed), warmup=warmup)


class Target(NamedTuple):
    """A market that is recorded.

    Attributes
    ----------
    venue, symbol : str
        Its name.
    make : callable
        Returns a new decoder.
    exchange : SimulatedExchange, optional
        Serves the market, if it is simulated.
    """

    venue: str
    symbol: str
    make: Callable[[], Venue]
    exchange: SimulatedExchange | None = None


def target_of(source: object, simulation: Simulation, reach: Reach) -> Target:
    """Return the market of a source, after checking that it can be recorded.

    Raises
    ------
    ArgumentError, SourceError, SymbolError
        If it is no market.
    RecordingError
        If it is a recording.
    """
    if not isinstance(source, str | Venue):
        raise ArgumentError(f"A {type(source).__name__} is no market.", "Give venue:SYMBOL.")
    found = find(source).opened  # type: ignore[arg-type]  # venues are no documented source
    if isinstance(found, Venue):
        own = reach.set_on(found)
        return Target(own.name, own.symbol, own.anew)
    if isinstance(found, str):
        if reach != Reach():
            name = next(name for name in Reach._fields if getattr(reach, name))
            raise SettingsError(f"{name} is for a live market.", "Leave it out.")
        exchange = simulation.exchange(found)
        return Target(
            "sim", found, lambda: make_venue("sim", found, endpoints=exchange.endpoints), exchange
        )
    if isinstance(found, CcxtSource):
        raise refuse_recording(str(source))
    if isinstance(found, tuple):
        name, symbol = found
        venue = reach.set_on(make_venue(name, symbol))
        return Target(name, symbol, venue.anew)
    raise RecordingError(f"{source!r} is a recording already.", "Copy the file.")


def targets_of(
    sources: Iterable[object], simulation: Simulation, reach: Reach = NO_REACH
) -> list[Target]:
    """Return the markets of several sources.

    Raises
    ------
    SettingsError
        If one is there twice, or an option does not fit.
    """
    targets: list[Target] = []
    for source in sources:
        others = sum(target.exchange is not None for target in targets)
        targets.append(target_of(source, simulation.later(others), reach))
    if not targets:
        raise ArgumentError("No market was given.", "Give a list of venue:SYMBOL.")
    names = [(target.venue, target.symbol) for target in targets]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"{':'.join(name)} was given twice.", "Give it once.")
    check_urls(reach.urls, (target.venue for target in targets))
    option = simulation.given()
    if option and not any(target.exchange for target in targets):
        value = quoted(getattr(simulation, option))
        raise SettingsError(f"{option} = {value} is for the simulated exchange.", "Leave it out.")
    return targets


def record_folder(
    targets: Sequence[Target],
    folder: Path,
    rotation: Rotation,
    *,
    seconds: float | None,
    first_book: float,
    progress: bool,
) -> Path:
    """Record markets to a folder; return the folder when it has ended.

    Parameters
    ----------
    targets : sequence of Target
        The markets.
    folder : Path
        Made if it does not exist.
    rotation : Rotation
        When new files begin.
    seconds : float, optional
        Duration from the first book of any market on; None until interrupted.
    first_book : float
        Timeout for the first book, seconds, if there is a duration.
    progress : bool
        Whether to write how it goes on, and what was kept.

    Raises
    ------
    RecordingError
        If nothing can be written there, or another recorder writes there.
    VenueError
        If no market gave a book.
    """
    with ExitStack() as locks:
        recorders, connections = [], Connections()
        for target in targets:
            place = make_folder(place_of(folder, target.venue, target.symbol))
            lock = locks.enter_context(Lock(place))
            name = f"{target.venue}:{target.symbol}"
            recorder = MarketRecorder(name, target.make, place, rotation, lock, connections)
            recorders.append(recorder)
        shown = Progress(recorders, sys.stdout) if progress and sys.stdout else None
        exchanges = [target.exchange for target in targets if target.exchange is not None]
        stop = threading.Event()
        try:
            run_and_wait(
                lambda: run(_record(recorders, exchanges, seconds, first_book, stop, shown)),
                cancel=stop.set,
            )
        except KeyboardInterrupt:
            if seconds is not None:
                raise
        finally:
            if shown is not None:
                shown.say(f"{kept(folder, recorders)}\n")
    _judge(recorders, interrupted=stop.is_set())
    return folder


async def _record(
    recorders: Sequence[MarketRecorder],
    exchanges: Sequence[SimulatedExchange],
    seconds: float | None,
    first_book: float,
    stop: threading.Event,
    shown: Progress | None,
) -> None:
    """Record until the time is over, no market is left, or it is stopped."""
    clock = asyncio.get_running_loop().time
    async with AsyncExitStack() as stack:
        for exchange in exchanges:
            await stack.enter_async_context(exchange)
        running = [asyncio.create_task(one.run(), name="obi-market") for one in recorders]
        deadline = None if seconds is None else clock() + first_book
        counting = False
        try:
            while not (stop.is_set() or all(task.done() for task in running)):
                if shown is not None:
                    shown.show()
                await asyncio.sleep(LOOK_EVERY)
                if seconds is not None and not counting:
                    if any(one.had_book for one in recorders):
                        counting, deadline = True, clock() + seconds
                    elif any(one.is_warming for one in recorders):
                        deadline = clock() + first_book
                if deadline is not None and clock() >= deadline:
                    break
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)


def _judge(recorders: Sequence[MarketRecorder], *, interrupted: bool) -> None:
    """Warn of markets that were not recorded; raise if none was."""
    without = [recorder for recorder in recorders if not recorder.had_book]
    if len(without) == len(recorders) and not interrupted:
        first = without[0]
        raise VenueError(
            f"{first.market} gave no book. {first.detail}".rstrip(), source=first.market
        )
    for recorder in without:
        warnings.warn(
            f"{recorder.market} gave no book. {recorder.detail}".rstrip(),
            RecordingWarning,
            stacklevel=4,
        )
    for recorder in recorders:
        if recorder.too_long:
            warnings.warn(
                f"{recorder.too_long:,} records of {recorder.market} were too long for a line, "
                "and are not in its files.",
                RecordingWarning,
                stacklevel=4,
            )
