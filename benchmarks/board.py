"""What a board of 21 markets costs, with decision cards: ``python -m benchmarks.board``.

The simulated exchange runs in another process and sends 21 symbols, as a venue would. Here a board
follows them, with a page that is looked at. Each market has a past of 26 hours, so that its cards
are full from the beginning, and cost what they cost after a day.

Kernels are compiled before, in a process of their own: where they are compiled, they leave 280 MB.
A history keeps ``--history`` seconds (120 if left out), and drops its oldest states in blocks of
4,096; at ten states a second, all have dropped some after ten minutes. From the minute that is
marked ``full`` on, nothing may grow.

Every minute it prints the CPU time of this process, what the page got, and the resident memory.
``--minutes`` says how long (10 if left out), ``--cards`` which mode (day), or ``off``. Processor
time is measured, so a busy machine changes little; but an exchange that starves sends less.

``--browser`` shows the board in a real JupyterLab and a real Chromium instead: once with the
exchange in the kernel, as a user of ``sim:`` has it, once with the exchange in its own process.
After a minute it counts all bytes that come through the page's websockets, those of Jupyter itself
too, and the CPU time of the kernel.

Goals: under half a core and under 10 kB a second. Nothing is asserted, since machines differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

import obi_widgets as obi
from benchmarks.soak_counts import compile_elsewhere, memory
from obi_widgets.feeds.connections import Connections
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.options import Options
from obi_widgets.feeds.simulation.simulator import LISTINGS
from obi_widgets.market_data.venues import make_venue
from obi_widgets.session import board as session_board
from obi_widgets.settings.presets import BUILT_IN
from obi_widgets.signals.cycles import CYCLE
from obi_widgets.widgets.page import PageWidget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.feeds.base import Feed

HOURS, LEVELS = 26, 20
SOURCES = [f"sim:{symbol}" for symbol in LISTINGS]
SETTLE = 30.0
LOOK = 1.0
"""Seconds between two messages of a page, as a real one sends them."""


def past(seed: int) -> obi.History:
    """Return more than a day of a market whose imbalance wanders: a state each cycle, until now."""
    rng = np.random.default_rng(seed)
    many = HOURS * 360
    slow, lean = 0.0, np.empty(many)
    for at, (step, noise) in enumerate(rng.normal(0, (0.03, 0.3), (many, 2))):
        slow = 0.998 * slow + step
        lean[at] = np.tanh(slow + noise)
    now = time.time_ns() // CYCLE * CYCLE
    bid = np.round(100 * np.exp(np.cumsum(rng.normal(2e-6 * lean, 3e-5))), 2)[:, None]
    steps, ones = 0.01 * np.arange(LEVELS), np.ones((1, LEVELS))
    return obi.History.from_arrays(
        now - (many - np.arange(many)) * CYCLE,
        bid - steps, (1 + lean[:, None]) * ones, bid + 0.01 + steps, (1 - lean[:, None]) * ones,
        tick_size=0.01,
    )  # fmt: skip


def follow(endpoints: dict[str, str]) -> None:
    """Let boards of this process follow the exchange of another one, as they follow a venue."""

    def opened(sources: Iterable[str], options: Options) -> dict[str, tuple[Feed, Options]]:
        connections = Connections()
        found: dict[str, tuple[Feed, Options]] = {}
        for source in sources:
            market = options.reader(make_venue("sim", source.partition(":")[2], endpoints))
            feed = LiveFeed(market, connections=connections)
            found[source] = feed, Options()
        return found

    session_board.open_feeds = opened  # type: ignore[assignment]


class Looking:
    """A page that is looked at, and counts what it gets."""

    def __init__(self, page: PageWidget) -> None:
        self.bytes = self.frames = 0
        self._page, self._view, self._end = page, uuid.uuid4().hex, threading.Event()
        deliver = page._deliver

        def count(message: Any) -> None:
            if message is not None:
                self.frames += 1
                self.bytes += len(json.dumps(message[0])) + sum(map(len, message[1]))
            deliver(message)

        page._deliver = count  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._end.wait(LOOK):
            content = {"view": self._view, "seen": True, "frame": self._page.frame}
            self._page._hear(None, content, None)

    def close(self) -> None:
        """Look no more."""
        self._end.set()
        self._thread.join()


def measure(minutes: int, mode: str | None, seconds: float) -> None:
    """Follow, and print a line each minute."""
    seeds = {source: past(seed) for seed, source in enumerate(SOURCES)} if mode else None
    board = obi.Board(SOURCES, levels=LEVELS, history_seconds=seconds, cards=mode, past=seeds)
    looking, sessions = Looking(board._page), list(board.sessions.values())
    try:
        board.wait(20, timeout=120)
        time.sleep(SETTLE)
        for minute in range(1, minutes + 1):
            cpu, clock = time.process_time(), time.perf_counter()
            sent, frames = looking.bytes, looking.frames
            kept = sum(one.market.history().start + len(one.history) for one in sessions)
            time.sleep(60)
            spent = time.perf_counter() - clock
            table = board.to_frame()
            states = table["card" if mode else "state"].value_counts().to_dict()
            if mode:
                reasons = table["card_reason"].value_counts().to_dict()
                states |= {why: many for why, many in reasons.items() if why}
            came = sum(one.market.history().start + len(one.history) for one in sessions) - kept
            print(
                f"minute {minute:3}: {100 * (time.process_time() - cpu) / spent:5.1f} % of a core, "
                f"{(looking.bytes - sent) / spent / 1e3:5.2f} kB/s in "
                f"{(looking.frames - frames) / spent:4.2f} frames/s, {memory():6.1f} MB, "
                f"{came / spent:.0f} states/s, "
                f"{'full' if all(one.history.start for one in sessions) else 'filling'}; {states}",
                flush=True,
            )
    finally:
        looking.close()
        board.close()


def main() -> None:
    """Start the exchange, measure, and end it."""
    parser = argparse.ArgumentParser(description="What a board of 21 markets costs.")
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--cards", choices=[*BUILT_IN, "off"], default="day")
    parser.add_argument("--history", type=float, default=120.0)
    parser.add_argument("--browser", action="store_true")
    given = parser.parse_args()
    mode = None if given.cards == "off" else given.cards
    compile_elsewhere()
    if given.browser:
        from benchmarks.board_page import measure_page  # needs Playwright

        measure_page(given.minutes, mode, given.history)
    sender = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.symbols", "send"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert sender.stdout is not None
        endpoints = json.loads(sender.stdout.readline())
        if given.browser:
            measure_page(given.minutes, mode, given.history, endpoints)
            return
        follow(endpoints)
        measure(given.minutes, mode, given.history)
    finally:
        sender.communicate(timeout=10)  # closes its input, and it ends


if __name__ == "__main__":
    main()
