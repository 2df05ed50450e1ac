"""Sizes of a book added up by price bin, in NumPy.

`depth_numba` has `sample`, too, to the bit: both add sizes in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]

LARGEST = 3e38
"""The greatest size as float32: a greater sum counts as this."""


def sample(
    bids: Floats,
    bid_count: int,
    bid_edge: float,
    asks: Floats,
    ask_count: int,
    ask_edge: float,
    tick_size: float,
    ticks: int,
    most: int,
    at: int,
    bins: Ints,
    reach: Singles,
    end: int,
    sizes: Singles,
) -> int:
    """Write a sample of a book's depth.

    Parameters
    ----------
    bids, asks : ndarray of float64, shape (2, room)
        See `obi_widgets.market_data.book.Side`.
    bid_count, ask_count, bid_edge, ask_edge : int and float
        Levels that stand there; the key from which on the side is known.
    tick_size : float
        The price grid.
    ticks : int
        Of a bin.
    most : int
        The most bins a side.
    at : int
        The column that the sample has in the next two.
    bins : ndarray of int64, shape (4, room)
        The first bin of the bids and the one behind their last, and those of the asks; see
        `obi_widgets.history.depth.Depth`. A side of which no bin is known as a whole has none.
    reach : ndarray of float32, shape (2, room)
        How far from mid each side is sampled, bps.
    end : int
        Where the first size is written.
    sizes : ndarray of float32, shape (1, room)
        Those of the bids and then those of the asks, each from the lowest price on.

    Returns
    -------
    int
        Where the next size would be written.
    """
    first, last, bid_edge = 0, 0, bid_edge
    bid = ask = np.nan
    if bid_count:
        bid = float(bids[0, bid_count - 1])
        first, last, bid_edge = _add_up(
            bids[:, :bid_count][:, ::-1], bid_edge, tick_size, ticks, most, sizes[0, end:]
        )
    bins[0, at], bins[1, at] = first, last
    end += last - first
    first, last = 0, 0
    if ask_count:
        ask = -float(asks[0, ask_count - 1])
        first, last, ask_edge = _add_up(
            asks[:, :ask_count][:, ::-1], ask_edge, tick_size, ticks, most, sizes[0, end:]
        )
    bins[2, at], bins[3, at] = first, last
    mid = (bid + ask) * 0.5
    reach[0, at] = 1e4 * (mid - bid_edge) / mid
    reach[1, at] = 1e4 * (-ask_edge - mid) / mid
    return end + last - first


def _add_up(
    levels: Floats, edge: float, tick_size: float, ticks: int, most: int, sizes: Singles
) -> tuple[int, int, float]:
    """Add up a side; return its first bin, the one behind its last, and the key it ends at."""
    keys, amounts = levels
    places = np.floor_divide(np.rint(np.abs(keys) / tick_size), ticks).astype(np.int64)
    buys, nearest = bool(keys[0] > 0), int(places[0])
    if edge > -np.inf:
        whole = round(abs(edge) / tick_size)
        farthest = -(-whole // ticks) if buys else (whole + 1) // ticks - 1
    else:
        farthest = int(places[amounts > 0][-1])
    if buys:
        first, last = max(farthest, nearest - most + 1), nearest + 1
        if first > farthest:
            edge = first * ticks * tick_size
    else:
        first, last = nearest, min(farthest, nearest + most - 1) + 1
        if last <= farthest:
            edge = (1 - last * ticks) * tick_size
    if last <= first:
        return 0, 0, edge
    inside = (places >= first) & (places < last)
    sums = np.bincount(places[inside] - first, amounts[inside], last - first)
    sizes[: last - first] = np.minimum(sums, LARGEST)
    return first, last, edge


def sample_whole(
    prices: Floats, sizes: Floats, tick_size: float, ticks: int, most: int
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Add up books of which all levels are known, many at once; see `sample`.

    Parameters
    ----------
    prices, sizes : ndarray of float64, shape (S, 2, L)
        Bids first, best first; 0 where there is no level. Each side has one at least.

    Returns
    -------
    bins : ndarray of int64, shape (4, S)
        See `sample`.
    reach : ndarray of float64, shape (2, S)
        See `sample`.
    sizes : ndarray of float64, shape (N,)
        Book by book: those of the bids and then those of the asks, from the lowest price on.
    """
    places = np.floor_divide(np.rint(prices / tick_size), ticks).astype(np.int64)
    there = sizes > 0
    last = there.sum(axis=2, keepdims=True) - 1
    nearest, farthest = places[:, :, 0], np.take_along_axis(places, last, 2)[:, :, 0]
    low, high = nearest.copy(), nearest + 1
    low[:, 0] = np.maximum(farthest[:, 0], nearest[:, 0] - most + 1)
    high[:, 1] = np.minimum(farthest[:, 1], nearest[:, 1] + most - 1) + 1
    mid = prices[:, :, 0].sum(axis=1) * 0.5
    ends = np.stack([low[:, 0] * ticks * tick_size, -(1 - high[:, 1] * ticks) * tick_size])
    cut = np.stack([low[:, 0] > farthest[:, 0], high[:, 1] <= farthest[:, 1]])
    reach = np.where(cut, 1e4 * (np.array([[1.0], [-1.0]]) * (mid - ends)) / mid, np.inf)
    counts = high - low
    begins = counts.ravel().cumsum().reshape(counts.shape) - counts
    inside = there & (places >= low[:, :, None]) & (places < high[:, :, None])
    numbers = (places + (begins - low)[:, :, None])[inside]
    sums = np.bincount(numbers, sizes[inside], counts.sum())
    bins = np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]])
    return bins, reach, np.minimum(sums, LARGEST)
