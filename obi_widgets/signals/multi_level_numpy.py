"""Depth of ranks and order flow over windows, in NumPy; see `multi_level_numba`, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Sums = NDArray[np.signedinteger[Any]]


def depth(sizes: NDArray[np.float32], first: int, ranks: int, running: Floats) -> None:
    """Add up each state's mean size at the best ranks of both sides.

    Parameters
    ----------
    sizes : ndarray of float32, shape (TILES, 2, levels, TILE)
        A block of `obi_widgets.history.levels.Levels`, base units.
    first : int
        Where the states begin in the block.
    ranks : int
        Levels of each side; one that is missing has the size 0.
    running : ndarray of float64, shape (n + 1,)
        Base units. The sum up to each state is written behind the first number, from which it goes
        on.
    """
    out = running[1:]
    start = 0
    while start < len(out):
        tile, at = divmod(first + start, sizes.shape[3])
        stop = min(start + sizes.shape[3] - at, len(out))
        total = np.zeros(stop - start)
        for side in range(2):
            for level in range(min(ranks, sizes.shape[2])):
                total += sizes[tile, side, level, at : at + stop - start]
        out[start:stop] = total
        start = stop
    out /= 2 * ranks
    np.cumsum(running, out=running)


def between(order_flow: Sums, ranks: int, edges: Ints) -> Ints:
    """Return the order flow of each rank from one row to another, shape (edges − 1, ranks).

    Parameters
    ----------
    order_flow : ndarray of integers, shape (T, RANKS)
        Of each state.
    ranks : int
        Ranks, from the best.
    edges : ndarray of int64
        Rows, never decreasing: the first of each part, and the end of the last.
    """
    running = _running(order_flow, ranks)
    return np.asarray(running[edges[1:]] - running[edges[:-1]])


def weighted(
    order_flow: Sums,
    time: Ints,
    back: int,
    starts: Ints,
    weights: Floats,
    step: float,
    parts: float,
) -> Floats:
    """Return the weighted order flow of each state's window.

    Parameters
    ----------
    order_flow : ndarray of integers, shape (T, RANKS)
        In lots.
    time : ndarray of int64, shape (T,)
        Nanoseconds.
    back : int
        Length of the window, ns.
    starts : ndarray of int64, shape (F,)
        The row from which on each fit's weights are used.
    weights : ndarray of float64, shape (F, ranks)
    step, parts : float
        A lot is ``step / parts`` base units.

    Returns
    -------
    ndarray of float64, shape (T,)
        Base units; NaN before the first fit.
    """
    running = _running(order_flow, weights.shape[1])
    first = np.searchsorted(time, time - back, "right")
    fit = np.searchsorted(starts, np.arange(len(time)), "right") - 1
    out = np.zeros(len(time))
    for rank in range(weights.shape[1]):
        lots = (running[1:, rank] - running[first, rank]).astype(float)
        out += weights[np.maximum(fit, 0), rank] * (lots * step / parts) if len(starts) else np.nan
    return np.where(fit >= 0, out, np.nan)


def _running(order_flow: Sums, ranks: int) -> Ints:
    out = np.zeros((len(order_flow) + 1, ranks), np.int64)
    np.cumsum(order_flow[:, :ranks], axis=0, dtype=np.int64, out=out[1:])
    return out
