"""Writing a book's best levels to a row, in NumPy and plain Python.

`rows_numba` has the same, operation for operation: both round in the same
places, so that which of them ran cannot be told from the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.history.flow_numpy import add

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]


SMALLEST, LARGEST = 1e-38, 3e38  # of a size, as float32
DOES_NOT_FIT, INFERRED, CUT = -1, 1, 2
"""What `put` returns: nothing for a row that can be used, or a sum of the last two."""
NOT_TRIED = -1
"""What `append` returns for `add`."""


def put(
    bids: Floats,
    bid_count: int,
    bid_edge: float,
    asks: Floats,
    ask_count: int,
    ask_edge: float,
    tick_size: float,
    row: int,
    event: int,
    local: int,
    leave_out: bool,
    time: NDArray[np.int64],
    received: NDArray[np.int64],
    bid: Floats,
    ask: Floats,
    reach: Singles,
    ticks: NDArray[np.unsignedinteger[Any]],
    sizes: Singles,
) -> int:
    """Write a book's best levels to a row.

    Parameters
    ----------
    bids, asks : ndarray of float64, shape (2, room)
        See `obi_widgets.market_data.book.Side`.
    bid_count, ask_count, bid_edge, ask_edge : int and float
        Levels that stand there; the key from which on the side is known.
    tick_size : float
        The price grid; 0 when it is not known yet.
    row : int
        Of the columns.
    event, local : int
        Its times, ns. Event time never goes back.
    leave_out : bool
        Whether a level that does not fit ends its side: it and those beyond are left out, and the
        side is known no further than to the level before.
    time, received, bid, ask, reach : ndarray
        Columns of a `obi_widgets.history.columns.History`; ``reach`` of shape (T, 2).
    ticks, sizes : ndarray, shape (TILES, 2, levels, TILE)
        The row's block.

    Returns
    -------
    int
        `DOES_NOT_FIT` where a level fits neither the grid nor the block, or float32; what stands
        in the row then is of no use, but nothing was written when it is a best level. Otherwise
        the sum of `INFERRED`, where fewer levels are known than are kept though there may be more,
        and `CUT`, where one was left out.
    """
    tiles, _, depth, width = ticks.shape
    tile, at = divmod(row % (tiles * width), width)
    most, found, chosen, edges = 2 ** (8 * ticks.itemsize) - 1, 0, [], []
    if bid_count >= depth <= ask_count:  # nearly always
        best = np.empty((2, 2, depth))
        best[:, 0] = bids[:, bid_count - depth : bid_count]
        best[:, 1] = asks[:, ask_count - depth : ask_count]
        keys, amounts = best
        whole = _whole(np.abs(keys), tick_size)
        away = np.abs(whole - whole[:, -1:])
        # NaN is in no order, so that one at any place makes this false.
        if away.max() <= most and amounts.min() >= SMALLEST and amounts.max() <= LARGEST:
            ticks[tile, :, :, at] = away[:, ::-1]
            sizes[tile, :, :, at] = amounts[:, ::-1]
            buy, sell = float(keys[0, -1]), -float(keys[1, -1])
            bid[row], ask[row], mid = buy, sell, (buy + sell) * 0.5
            reach[row] = 1e4 * (mid - bid_edge) / mid, 1e4 * (-ask_edge - mid) / mid
            time[row] = max(event, time[row - 1]) if row else event
            received[row] = local
            return INFERRED if keys[0, 0] < bid_edge or keys[1, 0] < ask_edge else 0
    for levels, count, edge in ((bids, bid_count, bid_edge), (asks, ask_count, ask_edge)):
        best = levels[:, max(count - depth, 0) : count]
        if not best[1].all():  # some were removed
            best = levels[:, np.flatnonzero(levels[1, :count])[-depth:]]
        keys, amounts = best[:, ::-1]
        if len(keys):
            whole = _whole(np.abs(keys), tick_size)
            away = np.abs(whole - whole[0])
            # NaN is in no order, so that one at any place makes this false.
            fit = away.max() <= most and amounts.min() >= SMALLEST and amounts.max() <= LARGEST
        else:
            away, fit = keys, True
        if not fit:
            fits = (away <= most) & (amounts >= SMALLEST) & (amounts <= LARGEST)
            held = int(np.argmin(fits))
            if not (leave_out and held):
                return DOES_NOT_FIT
            keys, amounts, away = keys[:held], amounts[:held], away[:held]
            edge = max(edge, keys[-1])
            found |= CUT
        elif len(keys) < depth and edge > -np.inf:
            found |= INFERRED
        if len(keys) and keys[-1] < edge:
            found |= INFERRED
        chosen.append((keys, amounts, away))
        edges.append(edge)
    for which, ((keys, amounts, away), price) in enumerate(zip(chosen, (bid, ask), strict=True)):
        there = len(keys)
        ticks[tile, which, :there, at], ticks[tile, which, there:, at] = away, 0
        sizes[tile, which, :there, at], sizes[tile, which, there:, at] = amounts, 0
        price[row] = abs(keys[0]) if there else np.nan
    mid = (bid[row] + ask[row]) * 0.5
    reach[row] = 1e4 * (mid - edges[0]) / mid, 1e4 * (-edges[1] - mid) / mid
    time[row] = max(event, time[row - 1]) if row else event
    received[row] = local
    return found


def append(
    bids: Floats,
    bid_count: int,
    bid_edge: float,
    asks: Floats,
    ask_count: int,
    ask_edge: float,
    tick_size: float,
    row: int,
    event: int,
    local: int,
    lot_size: float,
    rounds: bool,
    time: NDArray[np.int64],
    received: NDArray[np.int64],
    bid: Floats,
    ask: Floats,
    reach: Singles,
    ticks: NDArray[np.unsignedinteger[Any]],
    sizes: Singles,
    tops: Floats,
    order_flow: NDArray[np.signedinteger[Any]],
    events: NDArray[np.int32],
) -> tuple[int, int]:
    """Write a book's best levels to a row, and add the event that led to it to the row's sums.

    Returns
    -------
    tuple of int
        What `put` and `flow_numpy.add` return. Where the levels do not fit, nothing is added, and
        the second is `NOT_TRIED`.
    """
    found = put(
        bids, bid_count, bid_edge, asks, ask_count, ask_edge, tick_size, row, event, local, False,
        time, received, bid, ask, reach, ticks, sizes,
    )  # fmt: skip
    if found < 0:
        return found, NOT_TRIED
    return found, add(
        bids, bid_count, asks, ask_count, tops, lot_size, rounds, row, order_flow, events
    )


def to_whole(prices: Floats, tick_size: float) -> Floats:
    """Return prices in ticks, NaN off the grid but for rounding; no price is 0 ticks."""
    with np.errstate(invalid="ignore"):  # infinite prices
        return _whole(prices, tick_size)


def _whole(prices: Floats, tick_size: float) -> Floats:
    """Return what `to_whole` does, of finite prices."""
    if tick_size <= 0:  # the grid is not known
        return np.full(prices.shape, np.nan)
    ticks = prices / tick_size
    whole = np.rint(ticks)
    near = np.abs(ticks - whole) < 1e-3 + 1e-15 * ticks
    near &= whole > 0
    return whole if near.all() else np.where(near, whole, np.nan)
