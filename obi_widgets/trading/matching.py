"""Matching a single maker's order against book states.

An order meets the newest state at its arrival. That state is known once there is a later one; until
then the order is open.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.signals.touch import best_sizes
from obi_widgets.trading.execution import Execution, Maker, Taker
from obi_widgets.trading.quotes import walk
from obi_widgets.trading.trade_list import GAP, OPEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

FILLED, CANCELLED, EXPIRED, REJECTED = "filled", "cancelled", "expired", "rejected"
"""Status of an order: filled; beyond the slippage limit or the levels; not filled within its
timeout; refused because it would have crossed. Or `GAP`, or `OPEN`."""


class Fill(NamedTuple):
    """Result of an order.

    ``row`` is the newest state at ``time``; ``share`` is the filled fraction: 0, 1, or NaN if
    unknown.
    """

    status: str
    row: int
    time: int
    price: float = np.nan
    share: float = 0.0
    fee_bps: float = np.nan


class Tape:
    """A history against which orders are matched. A direction of +1 buys, −1 sells."""

    def __init__(self, history: History) -> None:
        self.history, self.time = history, history.time
        there = ~np.isnan(history.bid), ~np.isnan(history.ask)
        self._gaps = np.flatnonzero(~there[0] & ~there[1])
        self._whole = np.flatnonzero(there[0] & there[1])

    def __len__(self) -> int:
        return len(self.time)

    def gap_after(self, row: int) -> int:
        """Return the first state after ``row`` without a book; the number of states without any."""
        at = np.searchsorted(self._gaps, row, "right")
        return int(self._gaps[at]) if at < len(self._gaps) else len(self)

    def whole_from(self, row: int) -> int:
        """Return the first state from ``row`` on with both sides; the number of states if none."""
        at = np.searchsorted(self._whole, row)
        return int(self._whole[at]) if at < len(self._whole) else len(self)

    def touch(self, row: int, side: int) -> float:
        """Return the best bid (+1) or ask (−1)."""
        return float((self.history.bid if side > 0 else self.history.ask)[row])

    def unknown(self, row: int, until: int) -> Fill | None:
        """Return the fill if a span of states contains a gap or has no end; None otherwise."""
        gap = self.gap_after(row)
        if gap <= min(until, len(self) - 1):
            return Fill(GAP, gap, int(self.time[gap]), share=np.nan)
        if until == len(self):
            return Fill(OPEN, until - 1, 0, share=np.nan)
        return None

    def newest(self, row: int, time: int) -> int | Fill:
        """Return the newest state at a time, at least ``row``; or the fill if it is unknown."""
        at = max(int(np.searchsorted(self.time, time, "right")) - 1, row)
        last = at + 1 == len(self)  # a later state may still come
        return self.unknown(row, at) or (self.unknown(row, len(self)) if last else None) or at

    def arrive(self, row: int, now: int, latency: float) -> tuple[int | Fill, int]:
        """Return the state that an order meets, or the fill if unknown; and the time."""
        time = now + round(latency * 1e9)
        return (self.newest(row, time) if latency else row), time

    # -- taking ----------------------------------------------------------------------------

    def take(self, order: Taker, row: int, now: int, direction: int) -> Fill:
        """Cross the spread to close a maker's position, at any price."""
        met, time = self.arrive(row, now, order.latency)
        if isinstance(met, Fill):
            return met
        first = self.whole_from(met)  # it waits while a side is empty
        if unknown := self.unknown(row, first):
            return unknown
        time = time if first == met else int(self.time[first])
        price = self._walk(first, direction, order.size)
        return Fill(FILLED, first, time, price, 1.0, order.fee_bps)

    def _walk(self, row: int, direction: int, size: float | None) -> float:
        """Return the mean price of a size in a state, quote currency."""
        if size is None:
            return self.touch(row, -direction)
        part = self.history[row : row + 1]
        mean, _ = walk(part.prices(-direction), part.sizes(-direction).astype(float), size)
        return float(mean[0])

    # -- posting ---------------------------------------------------------------------------

    def post(self, order: Maker, row: int, now: int, direction: int) -> Fill:
        """Rest at the best price of one's own side."""
        met, time = self.arrive(row, now, order.latency)
        if isinstance(met, Fill):
            return met
        price = self.touch(row, direction)
        own, other = self._ticks[direction], self._ticks[-direction]
        ours = float(own[row])
        if np.isnan(ours) or -other[met] <= ours:
            return Fill(REJECTED, met, time)
        expiry = time + round(order.timeout * 1e9)
        end = int(np.searchsorted(self.time, expiry, "right"))
        states = slice(met, min(end, self.gap_after(row)))
        hit = -other[states][1:] <= ours
        if order.queue == "front":
            hit |= self._gave_way(states, own[states], ours, direction)
        if hit.any():
            at = met + 1 + int(hit.argmax())
            return Fill(FILLED, at, int(self.time[at]), price, 1.0, fee_bps=order.fee_bps)
        last = self.newest(row, expiry)
        return last if isinstance(last, Fill) else Fill(EXPIRED, last, expiry)

    @cached_property
    def _ticks(self) -> dict[int, Floats]:
        """Best prices in ticks by side; greater is better for an order that rests there."""
        h = self.history
        return {+1: np.rint(h.bid / h.tick_size), -1: -np.rint(h.ask / h.tick_size)}

    @cached_property
    def _sizes(self) -> dict[int, Floats]:
        return {side: np.nan_to_num(best_sizes(self.history, side)) for side in (+1, -1)}

    def _gave_way(
        self, states: slice, own: Floats, ours: float, direction: int
    ) -> NDArray[np.bool_]:
        """Return, state by state, whether the size that a trade reaches first became smaller.

        That is the size at our price, or at the own side's best if that is worse.
        """
        own = np.where(np.isnan(own), -np.inf, own)
        before, after = own[:-1], own[1:]
        first = np.minimum(before, ours)
        size = self._sizes[direction][states]
        gave = after < first
        gave |= (after == first) & (size[1:] < size[:-1])
        # The best was better than our price and now equals it: our level was a deeper one.
        for at in np.flatnonzero((after == ours) & (before > ours)):
            row = states.start + int(at)
            state = self.history[row : row + 1]
            level = np.rint(state.prices(direction)[0] / state.tick_size) * direction == ours
            gave[at] = size[at + 1] < state.sizes(direction)[0][level].sum()
        return np.asarray(gave)

    # -- both ------------------------------------------------------------------------------

    def send(self, order: Execution, row: int, now: int, direction: int) -> Fill:
        """Return the fill of an order that closes a position."""
        if isinstance(order, Maker):
            return self.post(order, row, now, direction)
        return self.take(order, row, now, direction)

    def leave(self, order: Execution, entry: Fill, side: int, hold: int) -> Fill:
        """Return the fill that closes the position of an entry."""
        due = int(np.searchsorted(self.time, entry.time + hold))
        row = self.whole_from(max(due, entry.row))
        if unknown := self.unknown(entry.row, row):
            return unknown
        now = int(self.time[row])
        while True:
            fill = self.send(order, row, now, -side)
            if fill.status not in (EXPIRED, REJECTED):
                return fill
            row, now, order = fill.row, fill.time, order.closing
