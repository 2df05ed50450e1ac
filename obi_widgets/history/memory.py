"""Memory for what is large and long-lived."""

from __future__ import annotations

import ctypes
import math
import mmap
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

LARGE = 2**18
"""Bytes from which memory is asked of the system."""

HUGE = 2**22
"""Bytes from which huge pages are asked for, as NumPy does."""


def zeros(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array of zeros that goes back to the system when nothing refers to it any more.

    What `numpy.zeros` gives goes back to the C library, which keeps some tens of megabytes of it
    for each thread that there has been, and which clears by hand what it gives again: all of it
    then is in memory, also what is never written to.

    Parameters
    ----------
    shape : int or tuple of int
        Of the array.
    dtype : DTypeLike
        Of its values.
    """
    size = math.prod(np.atleast_1d(shape).tolist()) * np.dtype(dtype).itemsize
    if size < LARGE:
        return np.zeros(shape, dtype)
    if hasattr(mmap, "MAP_PRIVATE"):  # or a process that is forked would share it
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    else:
        memory = mmap.mmap(-1, size)
    if size >= HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, dtype).reshape(shape)


def give_back() -> None:
    """Have the C library give back what it keeps of freed memory. It takes some milliseconds.

    It keeps some for each thread that there has been, and a session has two.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    """Return what does it, None where the C library is not GNU's."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # TypeError: on Windows
        return None
    return trim
