"""Waiting for work in a notebook cell while the kernel's event loop keeps running."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

HEARD_AFTER = 0.5
"""Longest time until a signal is heard that came just before a wait began, seconds."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a new event loop of this thread, and close the loop.

    Use this instead of ``asyncio.run``: as patched by nest_asyncio that may leave its loop open.
    """
    with asyncio.Runner() as runner:
        return runner.run(main)


def run_and_wait(work: Callable[[], T], *, cancel: Callable[[], object]) -> T:
    """Run a function in a thread and return its result; cancel it if the wait is interrupted.

    If an event loop is already running, as in a notebook cell, it keeps running while this waits,
    so that sliders respond and outputs arrive. That needs nest_asyncio, which patches asyncio for
    the whole process; it is imported only here, when needed. The fork nest_asyncio2 is the one
    that ipykernel itself uses: under the original's last release, cells queued behind this one
    never ran.

    Parameters
    ----------
    work : callable
        Called without arguments, in another thread.
    cancel : callable
        Called if this wait raises, for instance at a KeyboardInterrupt. It must make ``work``
        return.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="obi-work") as pool:
        try:
            # The work may begin before `submit` returns: an interruption there has to end it too.
            return _wait(pool.submit(work))
        except BaseException:
            cancel()  # the pool waits for the work to end when it is left
            raise


def _wait(future: Future[T]) -> T:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        # A wait without an end would not hear a signal that came just before it began.
        while not wait([future], HEARD_AFTER).done:
            pass
        return future.result()
    import nest_asyncio2

    nest_asyncio2.apply(loop)
    return loop.run_until_complete(_result(future))


async def _result(future: Future[T]) -> T:
    return await asyncio.wrap_future(future)
