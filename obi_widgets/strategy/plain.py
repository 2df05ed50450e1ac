"""Signals of the book in plain NumPy, for files that do not import this package.

Each function computes what the built-in signal of its name does, and needs nothing but its
arguments and numpy: its source is copied into the file. `proof` holds the file against the signal
itself on the history that it is exported with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.signals.registry import is_built_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.signals.declared import Declared

    Floats = NDArray[np.float64]


def rank_imbalance(history: History, first: int, depth: int, rank_decay: float) -> Floats:
    """Return the sizes of bids against asks, decayed by rank."""
    bids, asks = np.zeros((2, len(history)))
    for rank in range(first, depth + 1):
        bid, ask = history.rank(rank - 1)[1].astype(float)
        weight = np.exp(-rank_decay * (rank - first))
        bids, asks = bids + weight * bid, asks + weight * ask
    known = (history.bid < history.ask) & (bids > 0) & (asks > 0)
    return np.where(known, (bids - asks) / np.where(known, bids + asks, 1.0), np.nan)


def depth_ratio(history: History, first: int, depth: int) -> Floats:
    """Return the logarithm of the size of bids divided by that of asks."""
    bids, asks = np.zeros((2, len(history)))
    for rank in range(first, depth + 1):
        bid, ask = history.rank(rank - 1)[1].astype(float)
        bids, asks = bids + bid, asks + ask
    known = (history.bid < history.ask) & (bids > 0) & (asks > 0)
    bids, asks = np.where(known, bids, 1.0), np.where(known, asks, 1.0)
    quotient = np.maximum(bids, asks) / np.minimum(bids, asks)
    return np.where(known, np.sign(bids - asks) * np.log(quotient), np.nan)


def depth_difference(history: History, first: int, depth: int) -> Floats:
    """Return the size of bids less that of asks."""
    bids, asks = np.zeros((2, len(history)))
    for rank in range(first, depth + 1):
        bid, ask = history.rank(rank - 1)[1].astype(float)
        bids, asks = bids + bid, asks + ask
    known = (history.bid < history.ask) & (bids > 0) & (asks > 0)
    return np.where(known, bids - asks, np.nan)


def notional_difference(history: History, first: int, depth: int) -> Floats:
    """Return the value of bids less that of asks."""
    bids, asks = np.zeros((2, len(history)))
    for rank in range(first, depth + 1):
        (below, above), (bid, ask) = (one.astype(float) for one in history.rank(rank - 1))
        bids = bids + bid * (history.bid - history.tick_size * below)
        asks = asks + ask * (history.ask + history.tick_size * above)
    known = (history.bid < history.ask) & (bids > 0) & (asks > 0)
    return np.where(known, bids - asks, np.nan)


def book_pressure(history: History, first: int, depth: int) -> Floats:
    """Return how far mid is above the mean price of the book, weighted by size."""
    bids, asks, below, above = np.zeros((4, len(history)))
    half, step = (1e4 * one / history.mid for one in (history.spread / 2, history.tick_size))
    for rank in range(first, depth + 1):
        (under, over), (bid, ask) = (one.astype(float) for one in history.rank(rank - 1))
        bids, asks = bids + bid, asks + ask
        below = below + bid * (half + step * under)
        above = above + ask * (half + step * over)
    known = (history.bid < history.ask) & (bids > 0) & (asks > 0)
    return np.where(known, (below - above) / np.where(known, bids + asks, 1.0), np.nan)


def book_slope(history: History, depth: int, share: float) -> Floats:
    """Return the slope of the bids less that of the asks, divided by their sum."""
    both = history.bid < history.ask
    slopes = []
    for side, best in ((0, history.bid), (1, history.ask)):
        step = (2 * side - 1) * history.tick_size
        value, total, count = np.zeros((3, len(history)))
        before, price_before, known = np.ones(len(history)), history.mid, both
        for rank in range(depth):
            ticks, sizes = (one[side].astype(float) for one in history.rank(rank))
            there = both & (sizes > 0)
            price = np.where(there, best + step * ticks, price_before)
            value = np.where(there, value + sizes * price, value)
            logarithm = np.log(np.where(there, value / share, 2.0))
            away = np.where(there, np.abs(price / price_before - 1.0), 1.0)
            change = logarithm if rank == 0 else logarithm / np.where(there, before, 1.0) - 1.0
            total = np.where(there, total + change / away, total)
            known = there & (logarithm > 0) if rank == 0 else known
            before, price_before = np.where(there, logarithm, before), price
            count = count + there
        slopes.append(np.where(known, total / np.maximum(count, 1.0), np.nan))
    bids, asks = slopes
    return np.asarray((bids - asks) / (bids + asks))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    one.__name__: one
    for one in (
        book_pressure, book_slope, depth_difference, depth_ratio, notional_difference,
        rank_imbalance,
    )
}  # fmt: skip
"""The functions by the names of their signals."""

OF_TRADES = {
    "buy_sell_ratio": "BuySellRatio",
    "trade_imbalance": "TradeImbalance",
    "vwap_deviation": "VwapDeviation",
}
"""The signals of trades that a strategy file can have, and their classes in `plain_trades`."""

OF_FLOW = {
    "multi_level_order_flow_imbalance": "MultiLevelOrderFlowImbalance",
    "order_flow_imbalance": "OrderFlowImbalance",
}
"""The signals of order flow that a strategy file can have, and their classes in `plain_flow`."""

EXPORTED = sorted(
    [*FUNCTIONS, *OF_TRADES, *OF_FLOW, "card_direction", "imbalance", "queue_imbalance"]
)
"""The built-in signals that a strategy file can have, by name."""

ADVICE = (
    f"Export {', '.join(EXPORTED[:-1])} or {EXPORTED[-1]}, a transform of these, or a function of "
    "your own of the book. With this package, session.on_state gives any signal state by state."
)


def plain_of(one: Declared) -> Callable[..., Any] | None:
    """Return the function here that a file has instead of a built-in signal's own, or None."""
    built_in = one.kind == "signal" and is_built_in(one)
    return FUNCTIONS.get(one.name) if built_in else None
