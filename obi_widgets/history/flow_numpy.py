"""Adding what an event did to the best ranks of a book, in NumPy and plain Python.

`flow_numba` has the same: sums are whole numbers, and sizes become lots by the same operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.history.flow import EXACT, MOST_LOTS, RANKS, changes, is_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ADDED, OFF_LOT, TOO_WIDE = range(3)
"""What `add` returns."""


def add(
    bids: Floats,
    bid_count: int,
    asks: Floats,
    ask_count: int,
    tops: Floats,
    lot_size: float,
    rounds: bool,
    row: int,
    order_flow: NDArray[np.signedinteger[Any]],
    events: NDArray[np.int32],
) -> int:
    """Add an event to a row's sums: the book before it against the book after it.

    Parameters
    ----------
    bids, asks : ndarray of float64, shape (2, room)
        See `obi_widgets.market_data.book.Side`; the book after the event.
    bid_count, ask_count : int
        Levels that stand there.
    tops : ndarray of float64, shape (2, 5, RANKS)
        Of each side the keys and the sizes at the ranks before the event, −inf and 0 where there
        is no level; room for those after it, which take their place; and room to work in. Where
        there is no level at all before or after it, the book begins or ends, and no event is
        counted.
    lot_size : float
        Base units in a lot.
    rounds : bool
        Whether a size that is no whole number of lots is rounded.
    row : int
        Of the sums.
    order_flow, events : ndarray of shapes (room, RANKS) and (room,)
        See `obi_widgets.history.flow.Flow`.

    Returns
    -------
    int
        `ADDED`; or, when nothing was added, `OFF_LOT` where a size is no whole number of lots,
        `TOO_WIDE` where a sum does not fit the dtype of ``order_flow``.
    """
    for top, levels, count in ((tops[0], bids, bid_count), (tops[1], asks, ask_count)):
        best = levels[:, max(count - RANKS, 0) : count]
        if not best[1].all():  # some were removed
            best = levels[:, np.flatnonzero(levels[1, :count])[-RANKS:]]
        there = best.shape[1]
        top[2:4, :there] = best[:, ::-1]
        if there < RANKS:
            top[2, there:], top[3, there:] = -np.inf, 0.0
    before, after = tops[:, :2], tops[:, 2:4]
    sizes = tops[:, 1:4:2] / lot_size
    whole = np.rint(np.minimum(sizes, MOST_LOTS))
    if not rounds and not (np.abs(sizes - whole) <= EXACT * sizes).all():
        # Only sizes that the event changed need be whole.
        changed = (before != after).any(axis=1)
        if not is_whole(sizes[:, 1][changed]).all():
            return OFF_LOT
    (bid, _, new_bid), (ask, _, new_ask) = tops[:, :3, 0].tolist()
    if min(max(bid, ask), max(new_bid, new_ask)) > -np.inf:
        lots = whole.astype(np.int64)
        flow = changes(tops[:, 2], lots[:, 1], tops[:, 0], lots[:, 0])
        sums = (order_flow[row] + flow).tolist()
        room = _ROOMS[order_flow.dtype]
        if min(sums) < room.min or max(sums) > room.max:
            return TOO_WIDE
        order_flow[row] = sums
        events[row] += 1
    before[:] = after
    return ADDED


_ROOMS = {np.dtype(kind): np.iinfo(kind) for kind in (np.int32, np.int64)}
