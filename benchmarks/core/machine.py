"""The machine: what it is, how fast it reads memory, and one core of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numba
import numpy as np

THREADS = 2
TASKS = Path("/proc/self/task")


@contextmanager
def one_core() -> Iterator[None]:
    """Keep all that runs here, threads yet to start included, on one core."""
    if not hasattr(os, "sched_setaffinity") or not TASKS.is_dir():
        raise OSError("Only Linux can keep a process on one core.")
    cores = os.sched_getaffinity(0)

    def bind(to: set[int]) -> None:
        for task in TASKS.iterdir():
            os.sched_setaffinity(int(task.name), to)

    bind({max(cores)})
    try:
        yield
    finally:
        bind(cores)


@numba.njit(nogil=True)
def _add_up(values):
    a, b, c, d = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    quarter = len(values) // 4
    for i in range(quarter):
        a += values[i]
        b += values[quarter + i]
        c += values[2 * quarter + i]
        d += values[3 * quarter + i]
    return a + b + c + d


class Reader:
    """Reads as many bytes as it is given, and does nothing else worth mentioning."""

    def __init__(self, size: int, threads: int) -> None:
        self.values = np.ones(size // 8, np.int64)
        self.pool = ThreadPoolExecutor(threads)
        self.parts = np.array_split(self.values, threads)
        _add_up(self.values[:8])

    @property
    def size(self) -> int:
        return self.values.nbytes

    def __call__(self) -> int:
        return sum(self.pool.map(_add_up, self.parts))


def describe() -> str:
    """Return a line about the machine."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"
