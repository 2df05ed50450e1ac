"""What post-only orders are followed through: books, trades, and rules. Kernels take them too."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FILLED, REFUSED, EXPIRED, LOST, OPEN = 0, 1, 2, 3, 4
"""What became of an order: filled; it would have crossed on arrival; its wait was over; the book
was lost meanwhile; not known yet."""


class Books(NamedTuple):
    """States of a book, shape (T,).

    Attributes
    ----------
    time : ndarray of int64
        Nanoseconds.
    bid, ask, bid_size, ask_size : ndarray of float64
        Best prices, quote currency, and what stands there, base units; NaN where there is none.
    buy, sell : ndarray of float64, shape (1, T) or (11, T)
        What a taker pays and gets, for all entries, or for those of each grade; see
        `obi_widgets.trading.quotes` and `sizing`.
    """

    time: Ints
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats
    buy: Floats
    sell: Floats


class Prints(NamedTuple):
    """The trades of the tape, shape (N,) but for the first.

    Attributes
    ----------
    ends : ndarray of int64, shape (T,)
        How many of them had come before each state.
    time : ndarray of int64
        The exchange's time, nanoseconds.
    ticks : ndarray of float64
        Prices, in whole ticks.
    lots : ndarray of int64
        Sizes, below 0 where the taker sold.
    """

    ends: Ints
    time: Ints
    ticks: Floats
    lots: Ints


class Rules(NamedTuple):
    """What is the same for every order.

    Attributes
    ----------
    latency, wait : int
        Nanoseconds: from a decision to the arrival; in the book until the order is cancelled.
    sizes : ndarray of float64, shape (1,) or (11,)
        Of an order, base units; 0 for one that is too small to matter. One for all, or one for each
        grade.
    back : bool
        Whether what stands at its price is ahead of the order.
    tick : float
        The price grid.
    lots : float
        How many lots are one base unit.
    """

    latency: int
    wait: int
    sizes: Floats
    back: bool
    tick: float
    lots: float
