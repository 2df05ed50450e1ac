"""What `benchmarks.soak` counts, and what it has seen in the end."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import math
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.soak_stores import Kept

LOGS = {
    "_Begun": "states of each feed, the newest 1,000",
    "Stretch": "the same in a reading of the health",
    "Part": "lags and ages in five minutes of the last hour, for each feed",
    "Counts": "two of each of these",
    "Parameters": "steps that can be undone, the newest 100",
    "Silence": "parts without trades of the states that are kept",
    "Refusal": "names of frames that were not used",
}
"""Classes of what is kept of the past on purpose, up to a limit; see `benchmarks.soak_stores`."""


class Counted(NamedTuple):
    """What this process held at a time.

    Attributes
    ----------
    at : float
        Seconds since the beginning.
    memory : float
        Resident memory, MB.
    levels : float
        What the levels of the histories have of it, reserved and written, MB.
    kept : mapping of str to Kept
        What is kept of the past on purpose, by store.
    threads, sockets, tasks : int
        Numbers of each.
    objects, logs : Counter
        Number of objects of the package's own classes, by class; those of `LOGS` apart.
    gaps, messages, frames, reports : int
        So far: gaps in the histories that are kept no more are not counted.
    lag : float
        Seconds from an event to its receipt, above the least; of the session's market.
    allocated, freed : float
        What the C library has given out of its heaps, and what it holds although it was freed, MB.
        Pages that it has returned to the system are still counted as freed. NaN where it is not
        GNU's.
    """

    at: float
    memory: float
    levels: float
    kept: Mapping[str, Kept]
    threads: int
    sockets: int
    tasks: int
    objects: Counter[str]
    logs: Counter[str]
    gaps: int
    messages: int
    frames: int
    reports: int
    lag: float
    allocated: float = math.nan
    freed: float = math.nan

    @property
    def full(self) -> bool:
        """Whether all that is kept on purpose has come to its bound."""
        return all(one.filled >= 1 for one in self.kept.values())

    @property
    def has_states(self) -> bool:
        """Whether at least the histories have, which is nearly all of it."""
        return self.kept["states"].filled >= 1

    @property
    def other(self) -> float:
        """What the C library has given out, without what is kept on purpose, MB."""
        return self.allocated - sum(one.heap for one in self.kept.values())


class Recovery(NamedTuple):
    """A fault that was over, or not in time, and what was held then.

    Attributes
    ----------
    fault : str
        Its kind.
    seconds : float
        Until all markets had books and had received trades; of a silence, since its end.
    missing : tuple of str
        What was not there in time, such as ``"ETH-PERP: trades"``.
    counted : Counted
        After a garbage collection.
    """

    fault: str
    seconds: float
    missing: tuple[str, ...]
    counted: Counted


@dataclass
class Outcome:
    """What was seen.

    Attributes
    ----------
    counted : list of Counted
        In order, without the numbers of objects: they would be megabytes an hour, of this process.
    recoveries : list of Recovery
        In order.
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
    """

    counted: list[Counted] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    right: int = 0
    wrong: int = 0
    forgotten: int = 0
    examples: list[str] = field(default_factory=list)
    silent: int = 0
    looks: int = 0
    live: int = 0
    outages: list[tuple[str, str, float]] = field(default_factory=list)


def objects() -> tuple[Counter[str], Counter[str], int]:
    """Return the numbers of our objects by class, those of `LOGS` apart, and that of open tasks.

    No other thread runs meanwhile. The list of all objects holds tuples that others are making, and
    Python raises a SystemError if one of these is finished while somebody else holds it.
    """
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1.0)
    try:
        time.sleep(0.02)  # those who wait for their turn by the shorter interval have it first
        everything = gc.get_objects()
        kinds = Counter(map(type, everything))
        tasks = sum(type(one) is asyncio.Task and not one.done() for one in everything)
        del everything
    finally:
        sys.setswitchinterval(interval)
    ours, logs = Counter[str](), Counter[str]()
    for kind, many in kinds.items():
        if str(kind.__module__).startswith("obi_widgets."):
            (logs if kind.__name__ in LOGS else ours)[kind.__name__] += many
    return ours, logs, tasks


def compile_elsewhere() -> None:
    """Compile all kernels in another process, so that this one only loads them.

    What numba and LLVM make in order to compile stays in memory: 280 MB more in all than what is
    loaded. Nobody could tell its growth, in the first minutes, from that of a leak.
    """
    code = "from obi_widgets.cli.warming import compile_all; compile_all(print)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def memory() -> float:
    """Return this process's resident memory, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class _Heaps(ctypes.Structure):
    """What ``mallinfo2`` returns."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                     "uordblks", "fordblks", "keepcost")
    )  # fmt: skip


def heaps() -> tuple[float, float]:
    """Return what the C library has given out, and what it holds although it was freed, MB."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError, TypeError):
        return math.nan, math.nan
    ask.restype = _Heaps
    told = ask()
    return told.uordblks / 1e6, told.fordblks / 1e6


def sockets() -> int:
    """Return the number of sockets that this process has open."""
    found = 0
    for one in Path("/proc/self/fd").iterdir():
        try:
            found += str(one.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue  # closed since
    return found
