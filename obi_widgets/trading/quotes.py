"""Prices of an order of a given size in each state: the levels that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.declared import Chosen

    Floats = NDArray[np.float64]

CHUNK = 4096
"""States whose levels are unpacked at once."""


class Quotes(NamedTuple):
    """Prices of an order in each state, shape (T,), quote currency.

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


def touch(history: History) -> Quotes:
    """Return the touch: the prices of an order that it fills."""
    return Quotes(history.ask, history.bid, history.ask, history.bid)


def quotes(history: History, parameters: Chosen, first: int = 0) -> Quotes:
    """Return what buying and selling costs in each state.

    Parameters
    ----------
    history : History
        T states.
    parameters : Chosen
        ``price`` and ``size`` are used. Mid does not depend on the size; the touch fills a size
        of None.
    first : int
        First state that is needed; with a size, earlier states are NaN.
    """
    if parameters.price == "mid":
        return Quotes(*[(history.bid + history.ask) / 2] * 4)
    return quotes_of(history, parameters.size, first)


def quotes_of(history: History, size: float | None, first: int = 0) -> Quotes:
    """Return what buying and selling a size costs in each state; see `quotes`."""
    if size is None:
        return touch(history)
    out = np.full((4, len(history)), np.nan)
    for begin in range(first, len(history), CHUNK):
        rows = slice(begin, begin + CHUNK)
        part = history[rows]
        for at, side in enumerate((-1, +1)):
            mean, last = walk(part.prices(side), part.sizes(side).astype(float), size)
            out[at, rows], out[2 + at, rows] = mean, last
    return Quotes(*out)


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
