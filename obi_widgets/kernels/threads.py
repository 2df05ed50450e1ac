"""Sharing work that is long among the cores; compiled code and NumPy let go of the interpreter."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Task = TypeVar("Task")

MOST = 4
"""Threads; reading memory is what takes long, and more do not read it faster."""


def cores() -> int:
    """Return how many threads to compute with: one a core that this process may use, at most 4."""
    if hasattr(os, "sched_getaffinity"):
        return min(MOST, len(os.sched_getaffinity(0)))
    return min(MOST, os.cpu_count() or 1)


def share(compute: Callable[[Iterator[Task]], None], tasks: Iterable[Task]) -> None:
    """Have a function go through tasks, each once, in a thread a core, of which this is one.

    Each thread takes the next task when it is done with one, so that none waits for another that
    the system keeps from its core.
    """
    left = deque(tasks)

    def ours() -> Iterator[Task]:
        while left:
            try:
                task = left.popleft()
            except IndexError:  # another thread was faster
                return
            yield task

    helpers = cores() - 1
    if not helpers:
        compute(ours())
        return
    with ThreadPoolExecutor(helpers, thread_name_prefix="obi-compute") as pool:
        working = [pool.submit(compute, ours()) for _ in range(helpers)]
        compute(ours())
    for one in working:
        one.result()
