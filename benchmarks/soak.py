"""Hours against the simulated exchange, with faults: ``python -m benchmarks.soak``.

The exchange runs in another process and sends 21 markets, together 850 messages a second where this
was measured; the goal is 1,000.
Here a session follows the first as a lab does: with a view, the health, and the calibration. The
others share one websocket of each kind, as on a board. Every minute all markets get a fault of a
random kind. Ten times a second their states are read; every ten seconds every state that was kept
since is compared with what the exchange published, and memory, threads, sockets, tasks and objects
are counted.

It prints the figures beside their goals; nothing is asserted. ``--minutes`` says how long (120 if
left out), ``--faults-every`` how many seconds lie between two faults (60).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import os
import random
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import obi_widgets as obi
from benchmarks.soak_exchange import Exchange, states_of
from benchmarks.truth.oracle import LATE
from obi_widgets.feeds.connections import Connections
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.simulation.served import FAULTS
from obi_widgets.feeds.thread import CLOSED, FeedThread
from obi_widgets.market_data.venues import make_venue

if TYPE_CHECKING:
    from obi_widgets.presentation.frames.frame import Frame

CAPACITY = 3000
"""States that are kept of each market at least: the histories are full after three minutes."""

LOOK = 0.1
"""Seconds between two looks at the states of the markets."""

SILENT = 5.0 + LATE / 1e9
"""Seconds without a change after which no market may be live."""

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5)
"""Where the slider is moved to, one after the other."""


class Counted(NamedTuple):
    """What this process held at a time.

    Attributes
    ----------
    at : float
        Seconds since the beginning.
    memory : float
        Resident memory, MB.
    threads, sockets, tasks : int
        Numbers of each.
    objects : Counter
        Number of objects of the package's own classes, by class.
    gaps, messages, frames, reports : int
        So far: gaps in the histories that are kept no more are not counted.
    lag : float
        Seconds from an event to its receipt, above the least; of the session's market.
    """

    at: float
    memory: float
    threads: int
    sockets: int
    tasks: int
    objects: Counter[str]
    gaps: int
    messages: int
    frames: int
    reports: int
    lag: float


@dataclass
class Outcome:
    """What was seen.

    Attributes
    ----------
    counted : list of Counted
        In order.
    faults : Counter
        Number of faults by kind.
    right, wrong, forgotten : int
        States that were compared with the exchange's; see `Judged`.
    examples : list of str
        Some that are wrong.
    silent : int
        Looks at a market that was live though nothing had changed for long.
    looks, live : int
        Looks at a market, and those at which it was live; from when all were live first.
    outages : list of tuple
        Fault, symbol and length in seconds of each time that a market was not live.
    down : list of str
        Markets that were not live in the end.
    """

    counted: list[Counted] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    right: int = 0
    wrong: int = 0
    forgotten: int = 0
    examples: list[str] = field(default_factory=list)
    silent: int = 0
    looks: int = 0
    live: int = 0
    outages: list[tuple[str, str, float]] = field(default_factory=list)
    down: list[str] = field(default_factory=list)


class Screen:
    """A view that asks for what a lab asks for, and keeps the newest frame only."""

    looked_at = may_look = shows_health = True

    def __init__(self, session: obi.Session) -> None:
        self.session = session
        self.frames = self.reports = 0
        self._report: object = None

    def show(self, frame: Frame) -> None:
        session = self.session
        self.frames += 1
        self.frame = frame
        session.calibrator.ask(session.shown(), session.settings.parameters)
        found = session.calibrator.found
        self.reports += found is not self._report
        self._report = found

    def keep_alive(self) -> None:
        pass

    def end(self) -> None:
        pass


class Others:
    """Many markets in one event loop, by shared websockets."""

    def __init__(self, markets: list[Market]) -> None:
        self._connections = Connections()
        self.feeds = [LiveFeed(one, connections=self._connections) for one in markets]

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for feed in self.feeds:
                group.create_task(feed.run())

    def end(self, detail: str, advice: str) -> None:
        for feed in self.feeds:
            feed.end(detail, advice)


class Soak:
    """Follows the exchange for a time.

    Parameters
    ----------
    seconds : float
        How long, from when all markets are live.
    faults_every, count_every : float
        Seconds between two faults, and between two counts.
    symbols : int
        Number of markets.
    step : float
        Seconds between two states of each.
    seed : int
        Of the faults.
    """

    def __init__(
        self,
        seconds: float,
        *,
        faults_every: float = 60.0,
        count_every: float = 10.0,
        symbols: int = 21,
        step: float = 0.025,
        seed: int = 0,
    ) -> None:
        self.seconds, self.faults_every, self.count_every = seconds, faults_every, count_every
        self.exchange = Exchange(symbols, step)
        self.outcome = Outcome()
        self._random = random.Random(seed)
        self._down: dict[str, float] = {}  # since when markets have not been live
        self._checked: Counter[str] = Counter()  # rows so far, by symbol
        self._fault = "before the first"

    def run(self) -> Outcome:
        """Follow it; return what was seen."""
        with ExitStack() as stack:
            stack.enter_context(self.exchange)
            symbols, endpoints = self.exchange.symbols, self.exchange.endpoints
            session = obi.Session(
                make_venue("sim", symbols[0], endpoints),
                interval=0,
                history_seconds=CAPACITY / 100,
            )
            stack.callback(session.close)
            self._screen = Screen(session)
            session.attach(self._screen)
            session.start()
            others = Others([
                Market(make_venue("sim", one, endpoints), interval=0, capacity=CAPACITY)
                for one in symbols[1:]
            ])  # fmt: skip
            reader = FeedThread(others, lambda: None)
            stack.callback(reader.thread.join, 30)
            stack.callback(reader.stop, *CLOSED)
            reader.thread.start()
            self.session = session
            self.feeds = [session.feed, *others.feeds]
            self._wait()
            self._follow()
        return self.outcome

    def _wait(self) -> None:
        """Wait until all markets are live."""
        until = time.monotonic() + 60
        while any(feed.market.state != "live" for feed in self.feeds):
            if time.monotonic() > until:
                states = Counter(feed.market.state for feed in self.feeds)
                raise TimeoutError(f"not all markets became live: {dict(states)}")
            time.sleep(LOOK)

    def _follow(self) -> None:
        self._began = began = time.monotonic()
        fault_at, heal_at, count_at, moved = began + self.faults_every, math.inf, began, 0
        while (now := time.monotonic()) < began + self.seconds:
            self._look(now)
            if now >= heal_at:
                self.exchange.heal()
                heal_at = math.inf
            if now >= fault_at:
                fault_at += self.faults_every
                self._fault = self._random.choice(FAULTS)
                self.outcome.faults[self._fault] += 1
                self.exchange.inject(self._fault)
                if self._fault == "silence":
                    heal_at = now + self.faults_every / 2
            if now >= count_at:
                count_at += self.count_every
                moved += 1
                self.session.settings.threshold = THRESHOLDS[moved % len(THRESHOLDS)]
                self._compare()
                self._count(now)
            time.sleep(LOOK)
        self.exchange.heal()
        self._settle()
        self._compare()

    def _settle(self) -> None:
        """Give what the last fault has stopped the time to be live again."""
        until = time.monotonic() + 60
        while self._down and time.monotonic() < until:
            self._look(time.monotonic())
            time.sleep(LOOK)
        self.outcome.down = [*self._down]

    def _look(self, now: float) -> None:
        out = self.outcome
        for symbol, feed in zip(self.exchange.symbols, self.feeds, strict=True):
            market = feed.market
            live = market.state == "live"
            out.looks += 1
            out.live += live
            if not live:
                self._down.setdefault(symbol, now)
            elif since := self._down.pop(symbol, 0):
                out.outages.append((self._fault, symbol, now - since))
            if live and market.age(time.time_ns()) > SILENT and market.state == "live":
                out.silent += 1

    def _compare(self) -> None:
        """Compare the states since the last time with what the exchange published."""
        out = self.outcome
        for symbol, feed in zip(self.exchange.symbols, self.feeds, strict=True):
            history = feed.market.history()
            first = max(self._checked[symbol] - history.start, 0)
            self._checked[symbol] = history.start + len(history)
            found = self.exchange.judge(symbol, states_of(history, first))
            out.right += found.right
            out.wrong += found.wrong
            out.forgotten += found.forgotten
            out.examples += found.examples[: 10 - len(out.examples)]

    def _count(self, now: float) -> None:
        ours, tasks = Counter[str](), 0
        for one in gc.get_objects():
            kind = type(one)
            if str(kind.__module__).startswith("obi_widgets."):
                ours[kind.__name__] += 1
            tasks += issubclass(kind, asyncio.Task) and not one.done()
        counted = Counted(
            at=now - self._began,
            memory=memory(),
            threads=threading.active_count(),
            sockets=sockets(),
            tasks=tasks,
            objects=ours,
            gaps=sum(feed.market.history().gaps for feed in self.feeds),
            messages=sum(feed.messages for feed in self.feeds),
            frames=self._screen.frames,
            reports=self._screen.reports,
            lag=float(self.session.market.lag.above_minimum),
        )
        self.outcome.counted.append(counted)
        self.told(counted)

    def told(self, counted: Counted) -> None:
        """Hear of each count. Replace it to print them."""


def memory() -> float:
    """Return this process's resident memory, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def sockets() -> int:
    """Return the number of sockets that this process has open."""
    found = 0
    for one in Path("/proc/self/fd").iterdir():
        try:
            found += str(one.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue  # closed since
    return found


def slope(counted: list[Counted]) -> tuple[float, float]:
    """Return the growth of memory, MB an hour, and half its 95 % interval.

    Least squares over the means of minutes, which are nearly independent of each other.
    """
    minutes: dict[int, list[float]] = {}
    for one in counted:
        minutes.setdefault(int(one.at // 60), []).append(one.memory)
    if len(minutes) < 4:
        return math.nan, math.nan
    hours = np.array([*minutes], float) / 60
    means = np.array([np.mean(one) for one in minutes.values()])
    fit, covariance = np.polyfit(hours, means, 1, cov=True)
    return float(fit[0]), 2 * math.sqrt(covariance[0, 0])


def report(out: Outcome, warmup: float) -> None:
    """Print the figures beside their goals."""
    steady = [one for one in out.counted if one.at >= warmup]
    first, last = steady[0], steady[-1]

    def tell(what: str, figure: str, goal: str = "") -> None:
        print(f"{what:44} {figure:>34}   {goal}", flush=True)

    def flat(what: str, values: list[int]) -> None:
        halves = values[: len(values) // 2], values[len(values) // 2 :]
        middle = [np.median(half) for half in halves if half]
        tell(what, f"{min(values)}–{max(values)}, median {' then '.join(f'{m:g}' for m in middle)}",
             "flat")  # fmt: skip

    passed = last.at - first.at
    growth, half = slope(steady)
    tell("minutes, after the warm-up", f"{passed / 60:.1f} (after {warmup / 60:.1f})")
    tell("messages a second", f"{(last.messages - first.messages) / passed:,.0f}", "about 1,000")
    tell("frames a second", f"{(last.frames - first.frames) / passed:.1f}")
    tell("calibrations", f"{last.reports - first.reports}")
    tell("faults", ", ".join(f"{n} {name}" for name, n in sorted(out.faults.items())))
    tell("memory, MB", f"{first.memory:.1f} → {last.memory:.1f}")
    tell("its growth, MB an hour", f"{growth:+.2f} ± {half:.2f}", "flat: 0 within the interval")
    flat("threads", [one.threads for one in steady])
    flat("sockets", [one.sockets for one in steady])
    flat("tasks", [one.tasks for one in steady])
    flat("objects of our classes", [one.objects.total() for one in steady])
    grown = (last.objects - first.objects).most_common(6)
    tell("classes with more", ", ".join(f"{name} +{n}" for name, n in grown) or "none")
    tell("states compared", f"{out.right + out.wrong:,}")
    tell("wrong states", f"{out.wrong}", "0")
    tell("too old to compare", f"{out.forgotten}", "0")
    tell("looks at a market live in silence", f"{out.silent} of {out.looks:,}", "0")
    tell("share of the time live", f"{out.live / out.looks:.3%}")
    lags = np.array([one.lag for one in steady])
    tell(
        "lag, median and largest, ms",
        f"{1e3 * np.nanmedian(lags):.0f}, {1e3 * np.nanmax(lags):.0f}",
    )
    worst: dict[str, float] = {}
    for fault, _, length in out.outages:
        worst[fault] = max(worst.get(fault, 0.0), length)
    for fault, length in sorted(worst.items()):
        tell(f"longest not live, after: {fault}", f"{length:.1f} s")
    tell("not live in the end", ", ".join(out.down) or "none", "none")
    for one in out.examples:
        print(one)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--faults-every", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    soak = Soak(60 * asked.minutes, faults_every=asked.faults_every, seed=asked.seed)

    def told(one: Counted) -> None:
        print(
            f"{one.at:7.0f} s  {one.memory:7.1f} MB  {one.threads} threads  {one.sockets} sockets  "
            f"{one.tasks} tasks  {one.objects.total()} objects  {one.gaps} gaps kept  "
            f"{one.messages:,} messages  {one.frames:,} frames  {one.reports} reports  "
            f"lag {1e3 * one.lag:.0f} ms  wrong {soak.outcome.wrong}",
            file=sys.stderr, flush=True,
        )  # fmt: skip

    soak.told = told
    report(soak.run(), warmup=min(600.0, 15 * asked.minutes))


if __name__ == "__main__":
    main()
