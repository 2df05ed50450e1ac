"""Parallel work in threads. Compiled code and NumPy release the interpreter lock."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Task = TypeVar("Task")

MAX_THREADS = 4
"""The kernels are limited by memory bandwidth: more threads are not faster."""


def cores() -> int:
    """Return how many threads to use: one per core this process may use, at most `MAX_THREADS`."""
    if hasattr(os, "sched_getaffinity"):
        return min(MAX_THREADS, len(os.sched_getaffinity(0)))
    return min(MAX_THREADS, os.cpu_count() or 1)


def run_tasks(compute: Callable[[Iterator[Task]], None], tasks: Iterable[Task]) -> None:
    """Run a function over tasks in one thread per core; the calling thread is one of them.

    The threads take tasks from one queue, each when it has finished its last one. So a slow thread
    does not hold up the others.

    Parameters
    ----------
    compute : callable
        Called once in each thread, with an iterator of the tasks that this thread takes.
    tasks : iterable
        Each task is given to one thread, once.

    Raises
    ------
    Exception
        What ``compute`` raised in a thread, once all threads have ended.
    """
    waiting = deque(tasks)

    def next_tasks() -> Iterator[Task]:
        while waiting:
            try:
                task = waiting.popleft()
            except IndexError:  # another thread took the last task
                return
            yield task

    helpers = cores() - 1
    if not helpers:
        compute(next_tasks())
        return
    with ThreadPoolExecutor(helpers, thread_name_prefix="obi-compute") as pool:
        futures = [pool.submit(compute, next_tasks()) for _ in range(helpers)]
        compute(next_tasks())
    for future in futures:
        future.result()
