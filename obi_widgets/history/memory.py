"""Allocation of large, long-lived arrays."""

from __future__ import annotations

import ctypes
import math
import mmap
import time
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import DTypeLike, NDArray

LARGE = 2**18
"""Size, bytes, from which arrays are allocated by the system instead of the C library."""

GIVE_BACK_EVERY = 60.0
"""Seconds between two returns of freed memory while a session is followed."""

HUGE = 2**22
"""Size, bytes, from which huge pages are requested, as NumPy does."""


def zeros(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array of zeros whose memory returns to the system when the array is freed.

    Memory of `numpy.zeros` returns to the C library instead. That keeps some tens of megabytes for
    each thread that has existed, and zeroes reused memory by writing to it, so that all of it is
    resident, even pages that are never used.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array.
    dtype : DTypeLike
        Type of its values.
    """
    size = math.prod(np.atleast_1d(shape).tolist()) * np.dtype(dtype).itemsize
    if size < LARGE:
        return np.zeros(shape, dtype)
    if hasattr(mmap, "MAP_PRIVATE"):  # by default a forked process would share the memory
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    else:
        memory = mmap.mmap(-1, size)
    if size >= HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, dtype).reshape(shape)


def kept(values: NDArray[Any]) -> NDArray[Any]:
    """Return a copy in memory as of `zeros`."""
    copy = zeros(values.shape, values.dtype)
    copy[...] = values
    return copy


def stacked(columns: Sequence[NDArray[Any]], axis: int = 0) -> NDArray[Any]:
    """Return columns of one length as one array, in memory as of `zeros`."""
    shape = list(columns[0].shape)
    shape.insert(axis, len(columns))
    return np.stack(columns, axis, out=zeros(tuple(shape), np.result_type(*columns)))


def give_back() -> None:
    """Make the C library return freed memory to the system. This takes some milliseconds.

    It keeps some for each thread that has existed, and every session starts two.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


class Returns:
    """Gives memory back now and then, however many call it. For any thread."""

    def __init__(self) -> None:
        self._due_at = time.monotonic() + GIVE_BACK_EVERY
        self._lock = Lock()

    def look(self) -> None:
        """Give back, if that was not done for a while.

        What a session makes ten times a second leaves holes between what it keeps. Of these, the C
        library returns none by itself.
        """
        now = time.monotonic()
        if now < self._due_at or not self._lock.acquire(blocking=False):
            return
        try:
            if now >= self._due_at:  # no other thread was sooner
                self._due_at = now + GIVE_BACK_EVERY
                give_back()
        finally:
            self._lock.release()


RETURNS = Returns()
"""That of this process."""


@cache
def _trim() -> Callable[[int], int] | None:
    """Return the function ``malloc_trim``; None if the C library is not GNU's."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # TypeError: on Windows
        return None
    return trim
