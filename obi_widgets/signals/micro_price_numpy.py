"""States of the best prices, and moves between them, for the micro-price, in NumPy.

`micro_price_numba` does the same operations, so both give the same to the bit.

A state's code folds a book and its mirror image together. It is 0 where both best sizes are equal;
else its magnitude is 1 + imbalance bucket + spread bucket · buckets, and its sign + for more bids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]
    Ints = NDArray[np.int64]
    Codes = NDArray[np.int16]

NONE = np.int16(-32768)
"""The code where the book has not both sides."""


def states(
    bid: Floats,
    ask: Floats,
    sizes: Singles,
    at: int,
    tick_size: float,
    bucket: float,
    buckets: int,
    spreads: int,
    code: Codes,
    twice: Ints,
) -> None:
    """Write the code and twice the mid, in ticks, of a block's states.

    Parameters
    ----------
    bid, ask : ndarray of float64, shape (n,)
        Best prices.
    sizes : ndarray of float32, shape (TILES, 2, levels, TILE)
        See `obi_widgets.history.levels.Levels`.
    at : int
        Where the states begin in the block.
    tick_size : float
        Quote currency.
    bucket : float
        Width of a bucket of the imbalance.
    buckets, spreads : int
        Buckets of the imbalance on each side of 0; of the spread: 1 tick, 2 ticks and so on, and
        all wider ones in the last.
    code : ndarray of int16, shape (n,)
        Written to.
    twice : ndarray of int64, shape (n,)
        Written to.
    """
    tiles, _, _, states = sizes.shape
    part = slice(at, at + len(bid))
    buy, sell = (sizes[:, side, 0].reshape(tiles * states)[part].astype(float) for side in (0, 1))
    known = (bid < ask) & (buy > 0) & (sell > 0)
    bids, asks = (np.rint(np.where(known, best, 0.0) / tick_size) for best in (bid, ask))
    more, both = buy - sell, np.where(known, buy + sell, 1.0)
    place = np.minimum(np.ceil(np.abs(more) / (both * bucket)), buckets) - 1
    width = np.minimum(asks - bids, spreads) - 1
    code[:] = np.where(known, np.sign(more) * (1 + place + width * buckets), NONE)
    twice[:] = bids + asks


def counts(code: Codes, twice: Ints, edges: Ints, visits: Ints, passed: Ints, moved: Ints) -> None:
    """Add up the moves between states that follow each other, part by part.

    Place 0 is of states with equal sizes, which are their own mirror image: what is added there
    means nothing.

    Parameters
    ----------
    code, twice : ndarray, shape (T,)
        See `states`.
    edges : ndarray of int64, shape (E + 1,)
        The moves of a part begin at rows from one edge on, before the next; none at the last row.
    visits : ndarray of int64, shape (E, n + 1)
        Added to: moves from each magnitude of a code.
    passed : ndarray of int64, shape (E, n + 1, n + 1)
        Added to: moves to each magnitude, less those that change the sign.
    moved : ndarray of int64, shape (E, n + 1)
        Added to: sum of the changes of ``twice``, + for a rise where bids were more.
    """
    rows = np.arange(edges[0], edges[-1]) if len(edges) else np.empty(0, np.int64)
    rows = rows[(code[rows] != NONE) & (code[rows + 1] != NONE)]
    part = np.searchsorted(edges, rows, "right") - 1
    begin, end = code[rows].astype(np.int64), code[rows + 1].astype(np.int64)
    sign = np.where(begin < 0, -1, 1)
    np.add.at(visits, (part, np.abs(begin)), 1)
    np.add.at(moved, (part, np.abs(begin)), sign * (twice[rows + 1] - twice[rows]))
    np.add.at(passed, (part, np.abs(begin), np.abs(end)), sign * np.where(end < 0, -1, 1))


def values(
    code: Codes,
    bid: Floats,
    ask: Floats,
    tick_size: float,
    of_state: Ints,
    table: Floats,
    out: Floats,
) -> None:
    """Write the micro-price less mid of each state, in spreads.

    Parameters
    ----------
    code, bid, ask : ndarray, shape (T,)
        See `states`.
    tick_size : float
        Quote currency.
    of_state : ndarray of int64, shape (T,)
        The fit of each state; −1 for none.
    table : ndarray of float64, shape (P, n)
        What each fit gives for a code of each magnitude: half-ticks.
    out : ndarray of float64, shape (T,)
        Written to.
    """
    out[:] = np.nan
    known = (code != NONE) & (of_state >= 0)
    wide = np.rint(bid / tick_size), np.rint(ask / tick_size)
    at = known & (code != 0)
    found = table[of_state[at], np.abs(code[at].astype(np.int64)) - 1]
    out[at] = np.sign(code[at]) * found * 0.5 / (wide[1] - wide[0])[at]
    out[known & (code == 0)] = 0.0
