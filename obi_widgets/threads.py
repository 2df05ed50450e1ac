"""Sharing work that is long among the cores; compiled code and NumPy let go of the interpreter."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Task = TypeVar("Task")

MOST = 4
"""Threads; reading memory is what takes long, and more do not read it faster."""


def cores() -> int:
    """Return how many threads to compute with: one a core that this process may use, at most 4."""
    if hasattr(os, "sched_getaffinity"):
        return min(MOST, len(os.sched_getaffinity(0)))
    return min(MOST, os.cpu_count() or 1)


def share(compute: Callable[[Sequence[Task]], None], tasks: Sequence[Task]) -> None:
    """Have a function go through tasks, each once, in several threads where there are cores."""
    threads = cores()
    if threads == 1:
        compute(tasks)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="obi-compute") as pool:
        list(pool.map(compute, (tasks[part::threads] for part in range(threads))))
