"""The decayed imbalance of many levels, in NumPy and plain Python.

`imbalance_numba` does the same operations in the same order, so both give the same result to the
bit. Levels are summed one by one in float32; the error against float64 is below 1e-6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]


LOG2_E = 1.4426950408889634
EDGE = 1e-9
"""Tolerance of the band's edge in bps, so that rounding does not exclude a level on it."""
# 2^f for f in −½..½ to 1.4e-7 of itself, and 1 at 0: of all polynomials of this degree, the one
# whose greatest relative error is least (fitted coefficient by coefficient as float32).
POLYNOMIAL = tuple(
    np.float32(c) for c in (0.0013326217, 0.009675051, 0.055505738, 0.24022211, 0.69314706, 1.0)
)
ROUNDER = np.float32(12_582_912.0)  # 1.5 · 2^23: adding it rounds a float32 to a whole number
LEAST = np.float32(-126.0)  # 2^−126 is the smallest normal float32


def exp2(x: Singles) -> Singles:
    """Return 2^x for x ≤ 0, at least 2^−126."""
    x = np.maximum(x, LEAST)
    rounded = x + ROUNDER
    whole = rounded.view(np.int32)  # the integer is in the low bits; the shift drops the others
    part = x - (rounded - ROUNDER)
    power = np.full_like(x, POLYNOMIAL[0])
    for coefficient in POLYNOMIAL[1:]:
        power = power * part + coefficient
    return np.asarray((power.view(np.int32) + (whole << np.int32(23))).view(np.float32))


def block(
    bid: Floats,
    ask: Floats,
    ticks: NDArray[np.unsignedinteger[Any]],
    sizes: Singles,
    first: int,
    tick_size: float,
    decay: float,
    depth: int,
    band_bps: float,
    notional: bool,
    out: Floats,
) -> None:
    """Write the imbalance of a block's states to ``out``.

    Parameters
    ----------
    bid, ask : ndarray of float64, shape (n,)
        Best prices; NaN where there is none.
    ticks, sizes : ndarray, shape (TILES, 2, levels, TILE)
        See `obi_widgets.history.levels.Levels`.
    first : int
        Where the states begin in the block.
    tick_size, decay, depth : float, float, int
        Quote currency; per bp; levels that count.
    band_bps : float
        Infinite for no band.
    notional : bool
        Whether sizes are weighted by their price.
    out : ndarray of float64, shape (n,)
        Written to.
    """
    start = 0
    while start < len(bid):
        tile, state = divmod(first + start, ticks.shape[3])
        states = slice(start, min(start + ticks.shape[3] - state, len(bid)))
        part = (tile, slice(None), slice(depth), slice(state, state + states.stop - start))
        out[states] = _tile(
            bid[states], ask[states], ticks[part], sizes[part],
            tick_size, decay, band_bps, notional,
        )  # fmt: skip
        start = states.stop


def newest(
    bid: Floats,
    ask: Floats,
    ticks: NDArray[np.unsignedinteger[Any]],
    sizes: Singles,
    row: int,
    tick_size: float,
    decay: float,
    depth: int,
    band_bps: float,
    notional: bool,
) -> float:
    """Return the imbalance of one state of a block, by its row in the columns; see `block`."""
    out, state = np.empty(1), slice(row, row + 1)
    first = row % (ticks.shape[0] * ticks.shape[3])
    block(
        bid[state],
        ask[state],
        ticks,
        sizes,
        first,
        tick_size,
        decay,
        depth,
        band_bps,
        notional,
        out,
    )
    return float(out[0])


def _tile(
    bid: Floats,
    ask: Floats,
    ticks: NDArray[np.unsignedinteger[Any]],
    sizes: Singles,
    tick_size: float,
    decay: float,
    band_bps: float,
    notional: bool,
) -> Floats:
    """Return the imbalance of a tile's states."""
    mid = (bid + ask) * 0.5
    tick_bps = 1e4 * tick_size / mid
    rate = (-decay * LOG2_E * tick_bps).astype(np.float32)
    away = ticks.astype(np.float32)
    term = exp2(rate * away) * sizes
    if band_bps < np.inf:
        reach = np.floor((band_bps + EDGE - 5e3 * (ask - bid) / mid) / tick_bps)
        term *= ticks <= reach  # False for NaN
    if notional:
        step = (tick_size / mid).astype(np.float32)
        term[0] *= (bid / mid).astype(np.float32) - away[0] * step
        term[1] *= (ask / mid).astype(np.float32) + away[1] * step
    total = np.zeros((2, len(bid)), np.float32)
    for level in range(term.shape[1]):
        total += term[:, level]
    bids, asks = total.astype(np.float64)
    out = np.full(len(bid), np.nan)
    np.divide(bids - asks, bids + asks, out=out, where=(bids > 0) & (asks > 0))
    return out
