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
from obi_widgets.packing import HistoryWriter
from obi_widgets.events import Instrument
import numpy as np

def resident():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed before must not be filled again unseen
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

states, levels, part = {states}, {levels}, 1024 * 40
arrays = synthetic(part, levels)
obi.History.from_arrays(
    arrays.time, arrays.bid_price, arrays.bid_size, arrays.ask_price, arrays.ask_size, tick_size=0.1
)
writer = HistoryWriter(Instrument("", "", tick_size=0.1), levels=levels, interval=0)
there = ~np.isnan(arrays.bid_price[:, 0])
columns = [
    one[there] for one in (arrays.bid_price, arrays.bid_size, arrays.ask_price, arrays.ask_size)
]
part = len(columns[0])
before = resident()
for row in range(states):
    at = row % part
    bid, bid_size, ask, ask_size = (column[at] for column in columns)
    writer.append(int(arrays.time[0]) + row, row, (bid, bid_size), (ask, ask_size))
history = writer.history()
print(resident() - before)
"""

COMPILE = """
import time
from obi_widgets.signals import compiling
began = time.perf_counter()
compiling.wait()
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
    section.rows.append(weigh(quick=quick))
    return section


def _net(timed: Timed, name: str) -> Spread:
    pairs = zip(timed.seconds[name], timed.seconds["nothing"], strict=True)
    return Spread.of([max(one - bare, 0.0) for one, bare in pairs])


def weigh(*, quick: bool) -> Row:
    """Return what a day of 20 levels adds to a process that appends it state by state."""
    share = 20 if quick else 1
    states = DAY // share
    weight = int(python(MEMORY.format(states=states, levels=LEVELS))) * share / 1e6
    arrays = DAY * LEVELS * 4 * 8 / 1e6
    return Row(
        f"memory of a day: {DAY:,} states of {LEVELS} levels", f"{weight:.0f} MB",
        f"{arrays:.0f} MB as float64 arrays", Spread(weight, weight, weight),
        f"what a process grows by that appends {states:,} states, × {share}", "MB", most=250,
    )  # fmt: skip
