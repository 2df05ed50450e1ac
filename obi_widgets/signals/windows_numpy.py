"""Sums over the trailing window of each state, in NumPy; `windows_numba` has the same, compiled.

A window of ``back`` ns covers what came after its start, so the states with a time of more than
``time − back``, the state itself included. Sums are of integers: exact, wherever a sum begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Whole = NDArray[np.signedinteger[Any]]


def begins(time: Ints, back: int) -> Ints:
    """Return the first state of each state's window, shape (T,)."""
    return np.asarray(np.searchsorted(time, time - back, "right"), np.int64)


def columns(values: Whole, count: int, time: Ints, back: int) -> Ints:
    """Return the sums of the first columns together.

    Parameters
    ----------
    values : ndarray of integers, shape (T, columns)
        What came with each state.
    count : int
        Columns to add up, from the first.
    time : ndarray of int64, shape (T,)
        Nanoseconds, never decreasing.
    back : int
        Length of the window, ns.

    Returns
    -------
    ndarray of int64, shape (T,)
    """
    total = running(values[:, :count].sum(axis=1, dtype=np.int64))
    return np.asarray(total[1:] - total[begins(time, back)])


def sides(sizes: Whole, ends: Ints, time: Ints, back: int) -> tuple[Ints, Ints]:
    """Return what takers bought, and what they sold.

    Parameters
    ----------
    sizes : ndarray of integers, shape (N,)
        Size of each trade in lots, below 0 where the taker sold.
    ends : ndarray of int64, shape (T + 1,)
        Trades before each state's own, and at last their number: those of state ``i`` are
        ``ends[i]`` to ``ends[i + 1]``.
    time, back
        See `columns`.

    Returns
    -------
    two arrays of int64, shape (T,)
        Lots; Python's integers where ``sizes`` has these.
    """
    first = ends[begins(time, back)]
    bought, sold = (running(np.where(side * sizes > 0, abs(sizes), 0)) for side in (+1, -1))
    return (
        np.asarray(bought[ends[1:]] - bought[first]),
        np.asarray(sold[ends[1:]] - sold[first]),
    )


def worth(prices: Whole, sizes: Whole, ends: Ints, time: Ints, back: int) -> tuple[Ints, Ints]:
    """Return the volume of all trades in lots, and Σ price · size in steps; see `sides`."""
    first, lots = ends[begins(time, back)], abs(sizes)
    wide = np.int64 if lots.dtype != object else object
    volume, value = running(lots), running(prices.astype(wide) * lots)
    return (
        np.asarray(volume[ends[1:]] - volume[first]),
        np.asarray(value[ends[1:]] - value[first]),
    )


def running(values: NDArray[Any]) -> Ints:
    """Return the exact running sum, starting with 0, with one entry more."""
    wide = values.astype(np.int64) if values.dtype != object else values
    return np.append(wide[:0].sum(), np.cumsum(wide))
