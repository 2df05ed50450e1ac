"""The simulated exchange in a process of its own, which remembers what it published.

`Exchange` starts it, injects faults, and asks whether states of a market were published.
"""

from __future__ import annotations

import asyncio
import json
import select
import subprocess
import sys
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from obi_widgets.feeds.simulation import served as served_module
from obi_widgets.feeds.simulation import simulator
from obi_widgets.feeds.simulation.exchange import SimulatedExchange
from obi_widgets.feeds.simulation.served import DEPTH, ServedMarket
from obi_widgets.feeds.simulation.simulator import LISTINGS, SimulatedMarket

if TYPE_CHECKING:
    from obi_widgets.history.columns import History

REMEMBERED = 180
"""Seconds for which published states are remembered."""

ANSWERS_WITHIN = 60.0
"""Seconds in which the exchange's process answers, on a machine that is busy."""

ROOT = Path(__file__).parents[1]


class Judged(NamedTuple):
    """How many states were those that the exchange published.

    Attributes
    ----------
    right, wrong : int
        Number of states.
    forgotten : int
        States that are older than what is remembered.
    examples : list of str
        Some that are wrong.
    """

    right: int
    wrong: int
    forgotten: int
    examples: list[str]


def states_of(history: History) -> list[tuple[int, int]]:
    """Return event time (ms) and checksum of each state that is in sync."""
    listing = LISTINGS[history.instrument.symbol]
    columns = []
    for side in (+1, -1):
        for values, unit in ((history.prices(side), listing.tick_size),
                             (history.sizes(side), listing.contract_size)):  # fmt: skip
            whole = np.rint(np.nan_to_num(values, nan=0.0) / unit)
            columns.append(np.pad(whole, ((0, 0), (0, DEPTH - whole.shape[1]))))
    rows = np.stack(columns, axis=1).astype(np.int64)
    times = history.time // 1_000_000
    there = np.isfinite(history.bid) & np.isfinite(history.ask)
    return [(int(times[at]), zlib.crc32(rows[at])) for at in np.flatnonzero(there)]


def _checksum(window: Mapping[int, Mapping[int, int]]) -> int:
    """Return the checksum of a window of levels, as `states_of` makes it."""
    row = np.zeros((4, DEPTH), np.int64)
    for at, side in ((0, +1), (2, -1)):
        levels = window[side]
        row[at, : len(levels)] = list(levels)
        row[at + 1, : len(levels)] = list(levels.values())
    return zlib.crc32(row)


# -- the exchange's process --------------------------------------------------------------------


class Remembering(ServedMarket):
    """A served market that remembers the checksum of its window by event time, ms."""

    def __init__(self, market: SimulatedMarket, warmup: float) -> None:
        super().__init__(market, warmup)
        self.published: OrderedDict[int, int] = OrderedDict()

    def _window(self) -> dict[int, simulator.Changes]:
        window = super()._window()
        self.published[self.now] = _checksum(window)
        while len(self.published) > REMEMBERED / simulator.STEP:
            self.published.popitem(last=False)
        return window

    async def _yield_to_readers(self) -> None:
        """Do nothing: no client reads in this loop."""

    def judge(self, states: Iterable[tuple[int, int]]) -> Judged:
        """Count the states that were published."""
        first = next(iter(self.published), 0)
        right = forgotten = 0
        wrong = []
        for time, checksum in states:
            if time < first:
                forgotten += 1
            elif self.published.get(time) == checksum:
                right += 1
            else:
                known = "published otherwise" if time in self.published else "never published"
                wrong.append(f"{self.market.symbol} at {time} ms: {known}")
        return Judged(right, len(wrong), forgotten, wrong[:3])


async def serve(symbols: int, step: float) -> None:
    """Serve markets until the other process closes our input; obey what it writes there."""
    simulator.STEP = served_module.STEP = step
    exchange = SimulatedExchange()
    for seed, symbol in enumerate(islice(LISTINGS, symbols)):
        exchange.served[symbol] = Remembering(SimulatedMarket(symbol, seed=seed), 0.0)
    async with exchange:
        print(json.dumps(exchange.endpoints), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(_answer(exchange, json.loads(line))), flush=True)


def _answer(exchange: SimulatedExchange, asked: dict[str, Any]) -> Any:
    if "inject" in asked:
        exchange.inject(asked["inject"])
    if "heal" in asked:
        exchange.heal()
    if "judge" not in asked:
        return None
    served = exchange.served[asked["judge"]]
    assert isinstance(served, Remembering)
    return served.judge(asked["states"])


# -- the other process -------------------------------------------------------------------------


class Exchange:
    """The exchange's process, while the context is entered.

    Parameters
    ----------
    symbols : int
        Number of markets.
    step : float
        Seconds between two states of each; the market itself moves as fast as ever.

    Attributes
    ----------
    endpoints : dict
        Its URLs, for `make_venue`.
    """

    def __init__(self, symbols: int, step: float) -> None:
        self.symbols = [*islice(LISTINGS, symbols)]
        self._command = [sys.executable, "-m", __name__, str(symbols), str(step)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        try:
            self.endpoints: dict[str, str] = self._read()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=10)  # closes its input, and it ends
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def inject(self, fault: str) -> None:
        """Inject a fault at the next change of each market."""
        self._ask({"inject": fault})

    def heal(self) -> None:
        """End a silence."""
        self._ask({"heal": True})

    def judge(self, symbol: str, states: list[tuple[int, int]]) -> Judged:
        """Ask whether states were published."""
        return Judged(*self._ask({"judge": symbol, "states": states}))

    def _ask(self, asked: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        # A question is asked only when the last one is answered, so that nothing is buffered here.
        if not select.select([self._process.stdout], [], [], ANSWERS_WITHIN)[0]:
            raise TimeoutError("The exchange's process does not answer.")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The exchange's process has ended.")
        return json.loads(line)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
