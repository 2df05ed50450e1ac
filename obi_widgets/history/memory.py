"""Allocation of large, long-lived arrays."""

from __future__ import annotations

import ctypes
import math
import mmap
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import DTypeLike, NDArray

LARGE = 2**18
"""Size, bytes, from which arrays are allocated by the system instead of the C library."""

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


@cache
def _trim() -> Callable[[int], int] | None:
    """Return the function ``malloc_trim``; None if the C library is not GNU's."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # TypeError: on Windows
        return None
    return trim
