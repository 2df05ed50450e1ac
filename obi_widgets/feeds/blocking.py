"""Waiting in a cell without stopping the kernel."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a new event loop of this thread, and close the loop.

    As asyncio.run: but that, once nest_asyncio has replaced it, may leave its loop open.
    """
    with asyncio.Runner() as runner:
        return runner.run(main)


def run_and_wait(work: Callable[[], T], *, cancel: Callable[[], object]) -> T:
    """Run work in a thread, and return what it returns; cancel it when waiting is interrupted.

    Where an event loop is running already, as in a notebook's cell, it goes on meanwhile, so
    that sliders are answered and outputs arrive. That takes nest_asyncio, which patches asyncio
    for the whole process: so it is imported here, when it is needed, and nowhere else. It is the
    fork that ipykernel itself uses: under the original's last release, cells that were queued
    behind this one were never run.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="obi-work") as pool:
        future = pool.submit(work)
        try:
            return _wait(future)
        except BaseException:
            cancel()  # or leaving the pool would wait for the work's own end
            raise


def _wait(future: Future[T]) -> T:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return future.result()
    import nest_asyncio2

    nest_asyncio2.apply(loop)
    return loop.run_until_complete(_result(future))


async def _result(future: Future[T]) -> T:
    return await asyncio.wrap_future(future)
