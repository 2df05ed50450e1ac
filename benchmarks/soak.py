"""Hours against the simulated exchange, with faults: ``python -m benchmarks.soak``.

The exchange runs in another process and sends 21 markets, together 1,000 messages a second or a
little more. Here a session follows the first as a lab does: with a view, the health, and the
calibration. The others share one websocket of each kind, as on a board. Every minute all markets
get a fault, of each kind in turn. Ten times a second their states are read; every ten seconds every
state that was kept since is compared with what the exchange published, and memory, threads,
sockets, tasks and objects are counted. After each fault all markets have to have books again and
to receive trades; then all is counted once more.

It prints the figures beside their goals; nothing is asserted. ``--minutes`` says how long (120 if
left out), ``--faults-every`` how many seconds lie between two faults (60).

Flat means: from when all that is kept of the past on purpose has come to its bound. Of that, an
hour of lags and rates takes an hour, and 1,000 interruptions of a market take four at a fault a
minute. Each line says how full these are, and the report what has grown beside them. With
``--small`` their bounds are small, and all are full after some five minutes. Then faults may come
often, too: ``--minutes 30 --small --faults-every 15`` has as many as two hours. The code that runs
is the same; but what grows by the hour, not by the message or the fault, has less time for it.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import obi_widgets as obi
from benchmarks.soak_counts import (
    Counted,
    Outcome,
    Recovery,
    compile_elsewhere,
    heaps,
    memory,
    objects,
    sockets,
)
from benchmarks.soak_exchange import Exchange, states_of
from benchmarks.soak_report import filled, report
from benchmarks.soak_stores import keep_less, small_bounds, stores
from benchmarks.truth.oracle import LATE
from obi_widgets.feeds.connections import Connections
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.simulation.served import FAULTS
from obi_widgets.feeds.thread import CLOSED, FeedThread
from obi_widgets.market_data.venues import make_venue
from obi_widgets.session.background_calibration import Calibrator

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.presentation.frames.frame import Frame

CAPACITY = 3000
"""States that are kept of each market at least: two blocks of 4,096, which are full after three
minutes."""

LOOK = 0.1
"""Seconds between two looks at the states of the markets."""

SILENT = 5.0 + LATE / 1e9
"""Seconds without a change after which no market may be live."""

TAKEN = 0.5
"""Seconds in which a fault is there; trades that were received until then say nothing of after."""

PATIENCE = 60.0
"""Seconds in which all markets have to have books after a fault, and to have received trades."""

BEGINS_WITHIN = 600.0
"""Seconds until all markets are live first, or a calibration is done, on a machine that is busy."""

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5)
"""Where the slider is moved to, one after the other."""


class Screen:
    """A view that asks for what a lab asks for, and keeps the newest frame only."""

    looked_at = may_look = shows_health = True

    def __init__(self, session: obi.Session) -> None:
        self.session = session
        self.asks = True  # for calibration
        self.frames = self.reports = 0
        self._report: object = None

    def show(self, frame: Frame) -> None:
        session = self.session
        self.frames += 1
        self.frame = frame
        if self.asks:
            session.calibrator.ask(session.shown(), session.settings.parameters)
        found = session.calibrator.found
        self.reports += found is not self._report
        self._report = found

    def keep_alive(self) -> None:
        pass

    def end(self) -> None:
        pass


class Soak:
    """Follows the exchange for a time.

    Parameters
    ----------
    seconds : float
        How long, from when all markets are live. A fault that has begun is followed to its end.
    faults_every : float
        Seconds between two faults; longer if the first is not over, but not beyond `PATIENCE`.
    count_every : float
        Seconds between two counts.
    symbols : int
        Number of markets.
    step : float
        Seconds between two states of each.
    seed : int
        Of the order of the faults.
    least_faults : int
        Number of faults that are followed to their end, however long that takes.
    small : bool
        Whether little is kept of the past, so that all that is bounded is full within minutes.
    """

    def __init__(
        self,
        seconds: float,
        *,
        faults_every: float = 60.0,
        count_every: float = 10.0,
        symbols: int = 21,
        step: float = 1 / 64,
        seed: int = 0,
        least_faults: int = 0,
        small: bool = False,
    ) -> None:
        self.least_faults, self.small = least_faults, small
        self.seconds, self.faults_every, self.count_every = seconds, faults_every, count_every
        self.exchange = Exchange(symbols, step)
        self.outcome = Outcome()
        self._random = random.Random(seed)
        self._kinds: list[str] = []  # of the next faults, the last first
        self._down: dict[str, float] = {}  # since when markets have not been live
        self._checked: Counter[str] = Counter()  # rows so far, by symbol
        self._fault = ""  # that is not over
        self._newest_fault = "before the first"
        self._from = 0.0  # when it is there, or when the silence was over
        self._traded: list[int] | None = None  # trades of each market at that time

    def run(self) -> Outcome:
        """Follow it; return what was seen."""
        with ExitStack() as stack:
            stack.enter_context(self.exchange)
            if self.small:
                stack.enter_context(small_bounds())
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
            shared = Connections()
            others = [
                LiveFeed(Market(make_venue("sim", one, endpoints), interval=0, capacity=CAPACITY))
                for one in symbols[1:]
            ]
            for feed in others:
                feed.share(shared)
            reader = FeedThread(others, lambda: None)
            stack.callback(reader.thread.join, 30)
            stack.callback(reader.stop, *CLOSED)
            reader.thread.start()
            self.session = session
            self.feeds = [session.feed, *others]
            if self.small:
                keep_less(feed.market for feed in self.feeds)
            self._wait()
            self._follow()
        return self.outcome

    def _wait(self) -> None:
        """Wait until all markets are live."""
        until = time.monotonic() + BEGINS_WITHIN
        while any(feed.market.state != "live" for feed in self.feeds):
            if time.monotonic() > until:
                states = Counter(feed.market.state for feed in self.feeds)
                raise TimeoutError(f"not all markets became live: {dict(states)}")
            time.sleep(LOOK)

    def _follow(self) -> None:
        self._began = time.monotonic()
        fault_at, count_at, moved = self._began + self.faults_every, self._began, 0
        while self._goes_on(now := time.monotonic()) or self._fault:
            self._look(now)
            self._recover(now)
            if now >= fault_at and not self._fault and self._goes_on(now):
                fault_at = now + self.faults_every
                self._inject(now)
            if now >= count_at:
                count_at += self.count_every
                moved += 1
                self.session.settings.threshold = THRESHOLDS[moved % len(THRESHOLDS)]
                self._compare()
                counted = self._count(now)
                self.told(counted)
                without = counted._replace(objects=Counter(), logs=Counter())
                self.outcome.counted.append(without)
            time.sleep(LOOK)
        self._compare()

    def _goes_on(self, now: float) -> bool:
        """Return whether there may be another fault."""
        many = len(self.outcome.recoveries)
        return now < self._began + self.seconds or many < self.least_faults

    def _inject(self, now: float) -> None:
        """Inject a fault of the next kind; each kind comes once in eight."""
        self._kinds = self._kinds or self._random.sample(FAULTS, len(FAULTS))
        self._fault = self._newest_fault = self._kinds.pop()
        self.exchange.inject(self._fault)
        self._traded = None
        self._from = now + (self.faults_every / 2 if self._fault == "silence" else TAKEN)

    def _recover(self, now: float) -> None:
        """See whether the fault is over: all markets have books, and have received trades since.

        Where the machine is so busy that the exchange is behind, they are stale, and not live.
        """
        if not self._fault or now < self._from:
            return
        histories = [feed.market.history() for feed in self.feeds]
        if self._traded is None:
            if self._fault == "silence":
                self.exchange.heal()
            self._traded = [*map(_trades, histories)]
            return
        missing = tuple(
            f"{symbol}: {what}"
            for symbol, feed, history, before in zip(
                self.exchange.symbols, self.feeds, histories, self._traded, strict=True
            )
            for what, there in (
                ("book", feed.market.has_book), ("trades", _trades(history) > before)
            )
            if not there
        )  # fmt: skip
        if missing and now < self._from + PATIENCE:
            return
        self._finish_calibration()
        gc.collect()
        found = Recovery(self._fault, now - self._from, missing, self._count(now))
        self.outcome.recoveries.append(found)
        self._fault = ""
        self._screen.asks = True

    def _finish_calibration(self) -> None:
        """Wait until no calibration runs, so that its intermediate results are not counted."""
        self._screen.asks = False
        until = time.monotonic() + BEGINS_WITHIN
        while any(thread.name == Calibrator.thread_name for thread in threading.enumerate()):
            if time.monotonic() > until:
                raise TimeoutError(f"a calibration took longer than {BEGINS_WITHIN:g} s")
            self.session.calibrator.forget()
            time.sleep(LOOK)

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
                out.outages.append((self._newest_fault, symbol, now - since))
            if live and market.age(time.time_ns()) > SILENT and market.state == "live":
                out.silent += 1

    def _compare(self) -> None:
        """Compare the states since the last time with what the exchange published."""
        out = self.outcome
        for symbol, feed in zip(self.exchange.symbols, self.feeds, strict=True):
            history = feed.market.history()
            first = max(self._checked[symbol] - history.start, 0)
            self._checked[symbol] = history.start + len(history)
            found = self.exchange.judge(symbol, states_of(history[first:]))
            out.right += found.right
            out.wrong += found.wrong
            out.forgotten += found.forgotten
            out.examples += found.examples[: 10 - len(out.examples)]

    def _count(self, now: float) -> Counted:
        ours, logs, tasks = objects()
        allocated, freed = heaps()
        histories = [feed.market.history() for feed in self.feeds]
        return Counted(
            at=now - self._began,
            memory=memory(),
            levels=sum(map(_bytes_of_levels, histories)) / 1e6,
            kept=stores(self.session, self.feeds),
            threads=threading.active_count(),
            sockets=sockets(),
            tasks=tasks,
            objects=ours,
            logs=logs,
            gaps=sum(history.gaps for history in histories),
            messages=sum(feed.messages for feed in self.feeds),
            frames=self._screen.frames,
            reports=self._screen.reports,
            lag=float(self.session.market.lag.above_minimum),
            allocated=allocated,
            freed=freed,
        )

    def told(self, counted: Counted) -> None:
        """Hear of each count. Replace it to print them."""


def _trades(history: History) -> int:
    """Return the number of trades that were received so far."""
    return history.trades.start + len(history.trades)


def _bytes_of_levels(history: History) -> int:
    return sum(block.ticks.nbytes + block.sizes.nbytes for block in history.blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--faults-every", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--symbols", type=int, default=21)
    parser.add_argument("--small", action="store_true", help="keep little, to be full soon")
    asked = parser.parse_args()
    soak = Soak(
        60 * asked.minutes, faults_every=asked.faults_every, seed=asked.seed,
        symbols=asked.symbols, small=asked.small,
    )  # fmt: skip

    def told(one: Counted) -> None:
        out = soak.outcome
        late = sum(bool(recovery.missing) for recovery in out.recoveries)
        print(
            f"{one.at:7.0f} s  {one.memory:7.1f} MB  {one.threads} threads  {one.sockets} sockets  "
            f"{one.tasks} tasks  {one.objects.total()} objects  {one.logs.total()} of logs  "
            f"{one.messages:,} messages  {one.frames:,} frames  {one.reports} reports  "
            f"lag {1e3 * one.lag:.0f} ms  {len(out.recoveries)} faults over, {late} late  "
            f"{out.right:,} states true, {out.wrong} wrong  "
            f"{out.silent} looks live in silence  {out.live / max(out.looks, 1):.1%} live  "
            f"allocated {one.allocated:.1f}, freed {one.freed:.1f} MB  {filled(one)}",
            file=sys.stderr, flush=True,
        )  # fmt: skip

    compile_elsewhere()
    soak.told = told  # type: ignore[method-assign]
    report(soak.run())


if __name__ == "__main__":
    main()
