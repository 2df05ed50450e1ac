"""Prices of an order of a given size in each state: the levels that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.trading.sizing import sizes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.declared import Chosen

    Floats = NDArray[np.float64]

CHUNK = 4096
"""States whose levels are unpacked at once."""


class Quotes(NamedTuple):
    """Prices of an order in each state, quote currency.

    The shape is (T,) of one size, and (1, T) or (11, T) of the sizes of all grades.

    Attributes
    ----------
    buy, sell : ndarray of float64
        Mean price of the whole size. The part beyond the kept levels is priced at the last of
        them. NaN where the side is empty.
    buy_last, sell_last : ndarray of float64
        Price of the last level that the size needs; NaN where the kept levels are not enough.
    """

    buy: Floats
    sell: Floats
    buy_last: Floats
    sell_last: Floats


def at_touch(history: History) -> Quotes:
    """Return the touch, shape (1, T): the prices of an order that it fills."""
    ask, bid = history.ask[None], history.bid[None]
    return Quotes(ask, bid, ask, bid)


def quotes(history: History, parameters: Chosen, first: int = 0) -> Quotes:
    """Return what buying and selling costs in each state, by the grade of an entry.

    Parameters
    ----------
    history : History
        T states.
    parameters : Chosen
        ``price``, ``size`` and what it depends on are used. Mid does not depend on the size; the
        touch fills a size of None.
    first : int
        First state that is needed; with a size, earlier states are NaN.

    Returns
    -------
    Quotes
        Of each grade, shape (11, T); (1, T) if all have the same size.
    """
    if parameters.price == "mid":
        return Quotes(*[(history.bid + history.ask)[None] / 2] * 4)
    return taken(history, parameters, first)


def taken(history: History, parameters: Chosen, first: int = 0) -> Quotes:
    """Return what a taker pays and gets by grade, whatever the choice of ``price``."""
    sizes = sizes_of(parameters)
    if sizes is None:
        return at_touch(history)
    return Quotes(*_walked(history, sizes, first))


def quotes_of(history: History, size: float, first: int = 0) -> Quotes:
    """Return what buying and selling a size costs in each state, shape (T,)."""
    return Quotes(*_walked(history, np.array([size]), first)[:, 0])


def _walked(history: History, sizes: Floats, first: int) -> Floats:
    """Return what `Quotes` has of each size, shape (4, S, T)."""
    out = np.full((4, len(sizes), len(history)), np.nan)
    for begin in range(first, len(history), CHUNK):
        rows = slice(begin, begin + CHUNK)
        part = history[rows]
        for at, side in enumerate((-1, +1)):
            prices, there = part.prices(side), part.sizes(side).astype(float)
            for n, size in enumerate(sizes.tolist()):
                out[at, n, rows], out[2 + at, n, rows] = walk(prices, there, size)
    return out


def walk(prices: Floats, sizes: Floats, size: float) -> tuple[Floats, Floats]:
    """Return the mean price of a size and that of the last level it needs; shape (T,) each."""
    there = ~np.isnan(prices)
    sizes = np.where(there, np.nan_to_num(sizes), 0.0)
    until = np.cumsum(sizes, axis=1)
    taken = np.clip(size - (until - sizes), 0.0, sizes)
    rows = np.arange(len(prices))
    last = np.maximum(np.count_nonzero(there, axis=1) - 1, 0)
    short = until[rows, last] < size
    taken[rows, last] += np.where(short, size - until[rows, last], 0.0)
    mean = (np.where(there, prices, 0.0) * taken).sum(axis=1) / size
    best = prices[:, 0]
    mean = np.where(sizes[:, 0] >= size, best, mean)  # no rounding of a single price
    needed = prices[rows, np.minimum(np.count_nonzero(until < size, axis=1), last)]
    return np.where(there[:, 0], mean, np.nan), np.where(short, np.nan, needed)
