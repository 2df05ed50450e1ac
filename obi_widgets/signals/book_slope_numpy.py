"""The slope of each side of a book, in NumPy.

`book_slope_numba` does the same operations in the same order, so both give the same to the bit. It
has a logarithm of its own, since those of NumPy and of a C library differ in their last bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

LN2 = 0.6931471805599453
ROOT_HALF = 0x3FE6A09E667F3BCD
"""The bits of √½."""
SERIES = tuple(2.0 / (2 * n + 1) for n in range(9, -1, -1))
"""Of 2 · artanh(s) / s in powers of s², the highest first: beyond them, less than 1e-16 remains."""


def log(x: Floats) -> Floats:
    """Return the natural logarithm of normal numbers above 0, to 4e-16 of itself or of 1."""
    bits = x.view(np.int64)
    exponent = (bits - ROOT_HALF) >> 52
    part = (bits - (exponent << 52)).view(np.float64)  # √½ to √2
    s = (part - 1.0) / (part + 1.0)
    square = s * s
    found = np.full_like(x, SERIES[0])
    for coefficient in SERIES[1:]:
        found = found * square + coefficient
    return exponent * LN2 + found * s


def block(
    bid: Floats,
    ask: Floats,
    ticks: NDArray[np.unsignedinteger[Any]],
    sizes: Singles,
    at: int,
    tick_size: float,
    share: float,
    depth: int,
    out: Floats,
) -> None:
    """Write the slopes of a block's states to ``out``.

    Parameters
    ----------
    bid, ask : ndarray of float64, shape (n,)
        Best prices; NaN where there is none.
    ticks, sizes : ndarray, shape (TILES, 2, levels, TILE)
        See `obi_widgets.history.levels.Levels`.
    at : int
        Where the states begin in the block.
    tick_size, share : float
        Quote currency.
    depth : int
        Levels a side.
    out : ndarray of float64, shape (2, n)
        Written to, bids first; NaN in a state without both sides, or where the best level of a
        side is worth no more than a share.
    """
    start = 0
    while start < len(bid):
        tile, state = divmod(at + start, ticks.shape[3])
        states = slice(start, min(start + ticks.shape[3] - state, len(bid)))
        part = slice(state, state + states.stop - start)
        buy, sell = bid[states], ask[states]
        both = buy < sell  # False where a price is NaN
        mid = (buy + sell) * 0.5
        for side, (best, step) in enumerate(((buy, -tick_size), (sell, tick_size))):
            value, before = np.zeros(len(buy)), np.ones(len(buy))
            price_before, total, count = mid, np.zeros(len(buy)), np.zeros(len(buy))
            known = both
            for rank in range(min(depth, ticks.shape[2])):
                size = sizes[tile, side, rank, part].astype(float)
                there = both & (size > 0)
                price = best + step * ticks[tile, side, rank, part]
                value = np.where(there, value + size * price, value)
                logarithm = log(np.where(there, value / share, 2.0))
                steep = logarithm if rank == 0 else logarithm / before - 1.0
                with np.errstate(invalid="ignore", divide="ignore"):  # where there is no level
                    steep = steep / np.abs(price / price_before - 1.0)
                total = np.where(there, total + steep, total)
                count += there
                if rank == 0:
                    known = there & (logarithm > 0)
                before = np.where(there, logarithm, before)
                price_before = np.where(there, price, price_before)
            out[side, states] = np.where(known, total / np.maximum(count, 1.0), np.nan)
        start = states.stop
