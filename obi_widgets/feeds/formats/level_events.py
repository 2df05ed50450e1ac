"""Rows of levels, one price each, as events: rows of one message belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Message(NamedTuple):
    """Rows of one message.

    Attributes
    ----------
    row : int
        Its first row, in the order of the file.
    bids, asks : ndarray of float64, shapes (N, 2) and (M, 2)
        Prices and sizes.
    """

    row: int
    bids: Floats
    asks: Floats


def messages(
    begins: NDArray[np.bool_], ask: NDArray[np.bool_], levels: Floats
) -> Iterator[Message]:
    """Yield the messages of consecutive rows.

    Parameters
    ----------
    begins : ndarray of bool, shape (N,)
        Whether a row begins a message. The first one does in any case.
    ask : ndarray of bool, shape (N,)
        Whether a row is an ask.
    levels : ndarray of float64, shape (N, 2)
        Prices and sizes.
    """
    if not len(levels):
        return
    number = np.cumsum(begins)
    order = np.argsort(2 * number + ask, kind="stable")  # bids before asks, otherwise as they are
    sorted_levels = np.ascontiguousarray(levels[order])
    starts = np.flatnonzero(np.append(True, np.diff(number) > 0))
    ends = np.append(starts[1:], len(levels))
    bids = np.add.reduceat(~ask, starts, dtype=np.int64)
    for first, middle, end in zip(
        starts.tolist(), (starts + bids).tolist(), ends.tolist(), strict=True
    ):
        yield Message(first, sorted_levels[first:middle], sorted_levels[middle:end])


def best_levels(bids: Floats, asks: Floats) -> int:
    """Return the number of levels a side up to which a snapshot is known.

    How many levels the venue sends is not in the file, so nothing is taken to be known beyond the
    last level of a side that has any.
    """
    return min((len(side) for side in (bids, asks) if len(side)), default=0)
