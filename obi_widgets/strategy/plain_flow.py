"""Signals of order flow, state by state: a part of the exported strategy.

The first section below is copied into a file with such a signal, and of the others those of its
signals. They need Python's standard library only. `obi_widgets.history.flow` adds up the same.
"""

from __future__ import annotations

import math
from collections import deque

from obi_widgets.strategy.template import LEVELS, Levels, single

FLOW_RANKS = 10
LOT_SIZE, LOT_STEP, LOT_PARTS = 0.001, 1.0, 1000.0

# -- order flow ----------------------------------------------------------------------------


MOST_LOTS = 2.0**45  # a greater size counts as this


def ranks(side: int, levels: Levels) -> list[tuple[float, int]]:
    """Return price and lots of the best levels of a side; a greater price is a better one."""
    best = levels[:FLOW_RANKS]
    found = [(side * p, round(min(q / LOT_SIZE, MOST_LOTS))) for p, q in best]
    return found + [(-math.inf, 0)] * (FLOW_RANKS - len(found))


class Flow:
    """Order flow since the newest decision: what came to the bids less what came to the asks.

    ``sums`` has it by rank, the best first, in lots.
    """

    def __init__(self) -> None:
        self.sums = [0] * FLOW_RANKS
        self._before: list[list[tuple[float, int]]] | None = None

    def add(self, bids: Levels, asks: Levels) -> None:
        """Add what changed from the book before to this one; the same book again adds nothing."""
        before, now = self._before, None
        if bids or asks:
            now = [ranks(+1, bids), ranks(-1, asks)]
        self._before = now
        if before is None or now is None:  # the book begins, or ends
            return
        for side, old, new in zip((+1, -1), before, now, strict=True):
            for rank in range(FLOW_RANKS):
                (price, lots), (old_price, old_lots) = new[rank], old[rank]
                came = lots * (price >= old_price) - old_lots * (price <= old_price)
                self.sums[rank] += side * came


class OverFlow:
    """A signal of the order flow of a trailing window; NaN until that is full."""

    def __init__(self, flow: Flow, window_ns: int) -> None:
        self._flow, self._window = flow, window_ns
        self._past: deque[tuple[int, int, float]] = deque()  # time, lots, depth
        self._began: int | None = None
        self._total = 0

    def __call__(self, time_ns: int, bids: Levels, asks: Levels) -> float:
        """Return the value of the newest state."""
        self._began = time_ns if self._began is None else self._began
        lots, depth = self.newest(self._flow.sums, bids, asks)
        self._total += lots
        self._past.append((time_ns, lots, depth))
        while self._past[0][0] <= time_ns - self._window:
            self._total -= self._past.popleft()[1]
        if time_ns - self._began < self._window:
            return math.nan
        return self.of(self._total * LOT_STEP / LOT_PARTS)

    def newest(self, sums: list[int], bids: Levels, asks: Levels) -> tuple[int, float]:
        """Return the order flow of the newest state in lots, and the depth of its book."""
        raise NotImplementedError

    def of(self, amount: float) -> float:
        """Return the value of the window's order flow, which is in base units."""
        raise NotImplementedError


# -- the signal order_flow_imbalance -------------------------------------------------------


class OrderFlowImbalance(OverFlow):
    """The order flow of the best ranks, in base units."""

    def __init__(self, flow: Flow, window_ns: int, depth: int) -> None:
        super().__init__(flow, window_ns)
        self._depth = depth

    def newest(self, sums: list[int], _: Levels, __: Levels) -> tuple[int, float]:
        """Return the order flow of the newest state."""
        return sum(sums[: self._depth]), 0.0

    def of(self, amount: float) -> float:
        """Return the window's order flow."""
        return amount


# -- the signal multi_level_order_flow_imbalance -------------------------------------------


class MultiLevelOrderFlowImbalance(OverFlow):
    """The order flow of one rank, divided by the mean size of a level in the window."""

    def __init__(self, flow: Flow, window_ns: int, rank: int, depth: int) -> None:
        super().__init__(flow, window_ns)
        self._rank, self._depth = rank, depth

    def newest(self, sums: list[int], bids: Levels, asks: Levels) -> tuple[int, float]:
        """Return the order flow of the newest state, and the mean size of a level of its book."""
        best = min(self._depth, LEVELS)
        total = sum(single(size) for side in (bids, asks) for _, size in side[:best])
        return sums[self._rank - 1], total / (2 * self._depth)

    def of(self, amount: float) -> float:
        """Return the window's order flow, divided by its mean depth."""
        depth = math.fsum(depth for *_, depth in self._past) / len(self._past)
        return amount / depth if depth > 0 else math.nan
