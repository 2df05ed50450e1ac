"""What it costs to import, to wait for the compiler, and to keep a day."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec

from .data import DAY, LEVELS
from .table import Row, Section, release
from .timing import Spread, Timed, interleave

IMPORTS = {
    "nothing": "pass",
    "package": "import obi_widgets",
    "core": "import obi_widgets as obi; obi.History, obi.Settings, obi.imbalance, obi.entries, "
    "obi.load",
    "lab": "import obi_widgets as obi; obi.Lab",
}
PEERS = {
    "order_book": "import order_book, orjson",
    "pandas": "import pandas",
    "polars": "import polars",
    "ccxt": "import ccxt.pro",
    "cryptofeed": "import cryptofeed",
    "hftbacktest": "import hftbacktest",
    "nautilus_trader": "import nautilus_trader.model.book",
}

MEMORY = """
import ctypes, gc, os, sys
from benchmarks.core.data import synthetic
import obi_widgets as obi
from obi_widgets.market_data.book import Book
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.events import Instrument
from obi_widgets.kernels import loader
import numpy as np

loader.wait()

def resident():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed before must not be filled again unseen
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

states, days, levels, part = {states}, {days}, {levels}, 1024 * 40
arrays = synthetic(part, levels)
obi.History.from_arrays(
    arrays.time, arrays.bid_price, arrays.bid_size, arrays.ask_price, arrays.ask_size, tick_size=0.1
)
writer = HistoryWriter(
    Instrument("", "", tick_size=0.1), levels=levels, interval=0, capacity=states
)
there = ~np.isnan(arrays.bid_price[:, 0])
columns = [
    one[there].tolist()
    for one in (arrays.bid_price, arrays.bid_size, arrays.ask_price, arrays.ask_size)
]
part, book = len(columns[0]), Book()
before = resident()
for row in range(days * states):
    bid, bid_size, ask, ask_size = (column[row % part] for column in columns)
    book.replace(list(zip(bid, bid_size)), list(zip(ask, ask_size)))
    writer.append(int(arrays.time[0]) + row, row, book)
    if (row + 1) % states == 0:
        history = writer.history()
        print(resident() - before, flush=True)
"""

COMPILE = """
import time
from obi_widgets.kernels import loader
began = time.perf_counter()
loader.wait()
print(time.perf_counter() - began)
"""


def python(code: str, **environment: str) -> str:
    """Run code in an interpreter of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


def run(*, quick: bool) -> Section:
    """Time imports in new processes, the compiler, and weigh a day."""
    section = Section("Starting, and keeping a day")
    there = {name: code for name, code in PEERS.items() if find_spec(name)}
    timed = interleave(
        {name: lambda code=code: python(code) for name, code in {**IMPORTS, **there}.items()},
        rounds=5 if quick else 15, warm=1,
    )  # fmt: skip
    for name, what, goal in (
        ("package", "`import obi_widgets`", 0.15),
        ("core", "… and `History, Settings, imbalance, entries, load`", 0.15),
        ("lab", "… and `Lab`, with its widgets", None),
    ):
        net = _net(timed, name)
        section.rows.append(
            Row(what, f"{net.median:.3f} s", "–", net, "less a bare interpreter", "s", most=goal)
        )
    section.notes.append(
        "Imports of peers, less a bare interpreter: "
        + ", ".join(f"{release(name)} {_net(timed, name).median:.2f} s" for name in there)
        + "."
    )
    with tempfile.TemporaryDirectory() as cache:
        first, later = (float(python(COMPILE, NUMBA_CACHE_DIR=cache)) for _ in range(2))
    section.notes.append(
        f"The compiler, in a thread of its own while NumPy does the work: {first:.1f} s the first "
        f"time, {later:.2f} s in later processes."
    )
    section.rows += weigh(quick=quick)
    return section


def _net(timed: Timed, name: str) -> Spread:
    pairs = zip(timed.seconds[name], timed.seconds["nothing"], strict=True)
    return Spread.of([max(one - bare, 0.0) for one, bare in pairs])


def weigh(*, quick: bool) -> list[Row]:
    """Return what appending a day of 20 levels adds to a process, and a week kept to a day."""
    share, days = (20, 2) if quick else (1, 7)
    states = DAY // share
    code = MEMORY.format(states=states, days=days, levels=LEVELS)
    weights = [int(line) * share / 1e6 for line in python(code).split()]
    arrays = DAY * LEVELS * 4 * 8 / 1e6
    terms = f"what a process grows by that appends {states:,} states, × {share}"
    return [
        Row(what, f"{weight:.0f} MB", peer, Spread(weight, weight, weight), terms, "MB", most=250)
        for what, weight, peer, terms in (
            (f"memory of a day: {DAY:,} states of {LEVELS} levels", weights[0],
             f"{arrays:.0f} MB as float64 arrays", terms),
            (f"… the most of it in {days} days, of which one is kept", max(weights), "–", terms),
        )
    ]  # fmt: skip
