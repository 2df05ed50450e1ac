"""What takes long over many levels or states, in NumPy and plain Python.

`obi_widgets.signals.compiled` has the same, operation for operation: both round in the same
places, so that which of them ran cannot be told from the result. Levels are summed one by one,
in float32; against float64 the imbalance is off by less than 1e-6.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]

LOG2_E = 1.4426950408889634
EDGE = 1e-9
"""Bps: a level that lies on the band's edge but for rounding is inside."""

# 2^f for f in −½..½ to 1.4e-7 of itself, and 1 at 0: of all polynomials of this degree, the one
# whose greatest relative error is least (fitted coefficient by coefficient as float32).
POLYNOMIAL = tuple(
    np.float32(c) for c in (0.0013326217, 0.009675051, 0.055505738, 0.24022211, 0.69314706, 1.0)
)
ROUNDER = np.float32(12_582_912.0)  # 1.5 · 2^23: adding it rounds a float32 to a whole number
LEAST = np.float32(-126.0)  # 2^−126 is the smallest normal float32
SMALLEST, LARGEST = 1e-38, 3e38  # of a size, as float32

DOES_NOT_FIT, INFERRED, CUT = -1, 1, 2
"""What `put` returns: nothing for a row that can be used, or a sum of the last two."""


def exp2(x: Singles) -> Singles:
    """Return 2^x for x ≤ 0, at least 2^−126."""
    x = np.maximum(x, LEAST)
    rounded = x + ROUNDER
    whole = rounded.view(np.int32)  # in its low bits; the others are shifted out
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
        See `obi_widgets.history.columns.Levels`.
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
    out, one = np.empty(1), slice(row, row + 1)
    first = row % (ticks.shape[0] * ticks.shape[3])
    block(bid[one], ask[one], ticks, sizes, first, tick_size, decay, depth, band_bps, notional, out)
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


def scan(
    time: Ints,
    bid: Floats,
    ask: Floats,
    signal: Floats,
    first: int,
    threshold: float,
    hold: int,
    at_mid: bool,
    side: NDArray[np.int8],
    times: Ints,
    prices: Floats,
    lost: NDArray[np.bool_],
) -> int:
    """Decide entries from a state on; see `obi_widgets.trading.entries`.

    Parameters
    ----------
    time, bid, ask, signal : ndarray, shape (T,)
        Nanoseconds; quote currency; −1..+1.
    first : int
        The first state to decide on.
    threshold, hold, at_mid : float, int, bool
        Of the signal; nanoseconds; whether mid is paid instead of the touch.
    side, lost : ndarray of int8 and of bool, shape (T - first + 1,)
        Written to, an entry each: +1 or −1; whether the book was lost before its exit. The first
        is the position that is open before, whose side is 0 when there is none.
    times, prices : ndarray of int64 and of float64, shape (2, T - first + 1)
        Written to: of entries and of exits; 0 and NaN where there is no exit.

    Returns
    -------
    int
        How many.
    """
    out = np.isnan(bid[first:]) & np.isnan(ask[first:])
    gaps = (np.flatnonzero(out) + first).tolist()
    candidates = (np.flatnonzero(np.abs(signal[first:]) > threshold) + first).tolist()

    def paid(row: int, direction: int) -> float:
        if at_mid:
            return float((bid[row] + ask[row]) / 2)
        return float(ask[row] if direction > 0 else bid[row])

    count, row, due = 0, first, int(times[0, 0]) + hold
    is_open = side[0] != 0
    while True:
        if is_open:
            at = max(int(np.searchsorted(time, due)), row)
            while at < len(time) and not bid[at] < ask[at]:
                at += 1  # a due position waits for a side that came empty
            next_gap = bisect_left(gaps, row)
            if next_gap < len(gaps) and gaps[next_gap] <= at:
                row, lost[count] = gaps[next_gap], True
            elif at < len(time):
                row = at
                times[1, count], prices[1, count] = time[row], paid(row, -int(side[count]))
            else:
                return count + 1
            is_open = False
            count += 1
        at = bisect_left(candidates, row)
        if at == len(candidates):
            return count
        row = candidates[at]
        side[count], lost[count] = (1 if signal[row] > 0 else -1), False
        times[:, count] = time[row], 0
        prices[:, count] = paid(row, int(side[count])), np.nan
        due = int(time[row]) + hold
        is_open = True


def tally(signal: Floats, threshold: float) -> tuple[int, int]:
    """Return how many states have a signal, and how many of them are beyond the threshold."""
    there = int(np.count_nonzero(~np.isnan(signal)))
    return there, int(np.count_nonzero(np.abs(signal) > threshold))


def apply(levels: Floats, count: int, sign: int, changes: Floats) -> int:
    """Set the sizes of a book's side, in order; 0 removes.

    Parameters
    ----------
    levels : ndarray of float64, shape (2, room)
        See `obi_widgets.market_data.book.Side`; changed. There is room for all the changes.
    count : int
        Levels that stand there.
    sign : int
        Of the side's keys.
    changes : ndarray of float64, shape (n, 2)
        Prices and sizes.

    Returns
    -------
    int
        How many levels there are then.
    """
    found = dict(zip((sign * changes[:, 0]).tolist(), changes[:, 1].tolist(), strict=True))
    new = np.array(sorted(found.items())).T
    old = levels[:, :count]
    merged = np.concatenate([old[:, ~np.isin(old[0], new[0])], new], axis=1)
    merged = merged[:, merged[1] > 0]
    merged = merged[:, np.argsort(merged[0], kind="stable")]
    levels[:, : merged.shape[1]] = merged
    return int(merged.shape[1])


def apply_within(
    levels: Floats, count: int, sign: int, changes: Floats, window: int, edge: float
) -> tuple[int, float]:
    """Set the sizes of a book's side, and forget the levels beyond a window's best ones.

    Parameters
    ----------
    levels, count, sign, changes
        See `apply`.
    window : int
        Levels to keep, above 0.
    edge : float
        The key from which on the side was known.

    Returns
    -------
    tuple of int and float
        How many levels there are then, and the key from which on the side is known: that of the
        window's last; as before when there are fewer levels.
    """
    count = apply(levels, count, sign, changes)
    there = np.flatnonzero(levels[1, :count])
    if len(there) < window:
        return count, edge
    first = int(there[-window])
    levels[:, : count - first] = levels[:, first:count].copy()
    return count - first, float(levels[0, 0])


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
    most, found, chosen, edges = np.iinfo(ticks.dtype).max, 0, [], []
    for levels, count, edge in ((bids, bid_count, bid_edge), (asks, ask_count, ask_edge)):
        there = np.flatnonzero(levels[1, :count])[::-1][:depth]
        keys, amounts = levels[:, there]
        whole = to_whole(np.abs(keys), tick_size)
        away = np.abs(whole[:1] - whole)
        fits = (away <= most) & (amounts >= SMALLEST) & (amounts <= LARGEST)
        if not fits.all():
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
    for which, ((keys, amounts, away), best) in enumerate(zip(chosen, (bid, ask), strict=True)):
        ticks[tile, which, :, at] = np.pad(away, (0, depth - len(away)))
        sizes[tile, which, :, at] = np.pad(amounts, (0, depth - len(away)))
        best[row] = abs(keys[0]) if len(keys) else np.nan
    mid = (bid[row] + ask[row]) * 0.5
    reach[row] = 1e4 * (mid - edges[0]) / mid, 1e4 * (-edges[1] - mid) / mid
    time[row] = max(event, time[row - 1]) if row else event
    received[row] = local
    return found


def to_whole(prices: Floats, tick_size: float) -> Floats:
    """Return prices in ticks, NaN off the grid but for rounding; no price is 0 ticks."""
    with np.errstate(divide="ignore", invalid="ignore"):  # where the grid is not known
        ticks = prices / tick_size
        whole = np.rint(ticks)
        near = np.abs(ticks - whole) < 1e-3 + 1e-15 * np.abs(ticks)
        return np.where(near & (whole > 0), whole, np.nan)
