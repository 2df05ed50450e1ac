"""Post-only orders, state by state: a part of the exported strategy.

The methods of `Posting` replace those of the template from `decide` to `lost`. The section
"posted orders" is copied into the file.
"""

from __future__ import annotations

import math

from obi_widgets.strategy.template import (
    HOLD_NS,
    LATENCY_NS,
    THRESHOLD,
    TICK_SIZE,
    Decision,
    Fill,
    Levels,
    Order,
    Strategy,
    check,
    imbalance,
    quote,
    single,
)

WAIT_NS = 5_000_000_000


class Posting(Strategy):
    """A strategy whose orders are posted."""

    # -- posting ---------------------------------------------------------------------------

    queue = "back"  # last in the queue: the whole size at its price is ahead. Or "front": none
    _posted: Resting | None = None
    _trades: tuple[tuple[int, float, float, int], ...] = ()

    def on_trade(self, time_ns: int, price: float, size: float, side: int) -> None:
        """Take a trade, before the first book that was received after it; +1: the taker bought.

        Fills of posted orders are assumed from these trades and from the place in the ``queue``.
        """
        self._trades = (*self._trades, (time_ns, price, size, side))

    def decide(self, time_ns: int, bids: Levels, asks: Levels) -> Decision:
        """Take the book at an event time. A side without orders is empty.

        Raises BookError for an invalid book or time.
        """
        check(time_ns, self._newest, bids, asks)
        self._newest = time_ns
        trades, self._trades = self._trades, ()
        if not bids and not asks:
            self.lost()
            return Decision(0, False, math.nan)
        value = imbalance(bids, asks)
        whole = bool(bids and asks) and bids[0][0] < asks[0][0]
        orders: list[Order] = []
        fills: list[Fill] = []
        if self._posted is not None and self._posted.rests:
            self._check_resting(self._posted, time_ns, bids, asks, trades, orders, fills)
        idle = self._posted is None and not self._leaving
        leave = bool(self.position) and idle and whole and time_ns >= self._due
        if leave:
            self._post(-self.position, time_ns, bids, asks, orders)
        self._arrive(time_ns, bids, asks, orders, fills)
        if self._leaving and whole and time_ns >= self._arrival:
            fills.append(
                Fill("left", self.position, quote(-self.position, bids, asks, self.size)[0])
            )
            self.position, self._leaving = 0, False
        enter = 0
        if not self.position and self._posted is None and whole and abs(value) > THRESHOLD:
            enter = self._entering = 1 if value > 0 else -1
            self._post(enter, time_ns, bids, asks, orders)
            self._arrive(time_ns, bids, asks, orders, fills)
        return Decision(enter, leave, value, tuple(orders), tuple(fills))

    def _post(self, side: int, now: int, bids: Levels, asks: Levels, orders: list[Order]) -> None:
        """Send an order that rests at its own side's best price, and is cancelled WAIT_NS later."""
        price = bids[0][0] if side > 0 else asks[0][0]
        back = self.queue == "back"
        self._posted = Resting(side, price, self.size, now + LATENCY_NS, back=back)
        orders.append(Order(side, "post_only", price, self.size))

    def _arrive(
        self, now: int, bids: Levels, asks: Levels, orders: list[Order], fills: list[Fill]
    ) -> None:
        """Post the order if it has arrived; if it would cross, it is refused."""
        order = self._posted
        if order is None or order.rests or now < order.arrival:
            return
        if not order.post(now, bids, asks):
            self._drop(order, now, orders, fills)

    def _check_resting(
        self,
        order: Resting,
        now: int,
        bids: Levels,
        asks: Levels,
        trades: tuple[tuple[int, float, float, int], ...],
        orders: list[Order],
        fills: list[Fill],
    ) -> None:
        """Check whether the resting order is filled or expired."""
        if order.filled(now, bids, asks, trades):
            self._posted = None
            if self.position:
                fills.append(Fill("left", self.position, order.price))
                self.position = 0
            else:
                self.position, self._due = order.side, now + HOLD_NS
                fills.append(Fill("entered", order.side, order.price))
        elif now >= order.until:
            self._drop(order, now, orders, fills)

    def _drop(self, order: Resting, now: int, orders: list[Order], fills: list[Fill]) -> None:
        """Drop an order that was refused or expired; an exit is sent again as a market order."""
        self._posted = None
        if self.position:
            self._leaving, self._arrival = True, now + LATENCY_NS
            orders.append(Order(order.side, "market", None, self.size))
        else:
            fills.append(Fill("missed", order.side, math.nan))


# -- posted orders -------------------------------------------------------------------------


class Resting:
    """A posted order: filled by trades at its price, or when the price goes through it."""

    def __init__(
        self,
        side: int,
        price: float,
        size: float | None,
        arrival: int,
        *,
        back: bool,
    ) -> None:
        self.side, self.price, self.arrival, self.back = side, price, arrival, back
        self.size = size or 0.0
        self.rests = False
        self._since = self._last = self.until = 0
        self._ahead = self._traded = 0.0

    def post(self, now: int, bids: Levels, asks: Levels) -> bool:
        """Let the order rest in a book; return False if it would cross."""
        if self._crossed(bids, asks):
            return False
        self.rests, self._since, self._last, self.until = True, now, now, now + WAIT_NS
        self._ahead = self._size_at_limit(bids, asks) if self.back else 0.0
        return True

    def filled(
        self,
        now: int,
        bids: Levels,
        asks: Levels,
        trades: tuple[tuple[int, float, float, int], ...],
    ) -> bool:
        """Return whether it is filled by the trades since the last book, or by this book."""
        last, self._last = self._last, now
        for when, price, traded, taker in trades:
            if not self._since < when < self.until:
                continue
            ticks_away = self.side * (round(price / TICK_SIZE) - round(self.price / TICK_SIZE))
            if ticks_away < 0 or (ticks_away == 0 and taker == self.side):
                return True
            if ticks_away == 0 and (not self.back or when > last):
                self._traded += traded
                done = single(self._traded)
                if done > single(self._ahead) and done >= single(self._ahead + self.size):
                    return True
        if now < self.until and self._crossed(bids, asks):
            return True
        if self.back:
            size_at_limit = self._size_at_limit(bids, asks)
            if size_at_limit < self._ahead - self._traded:
                self._ahead, self._traded = size_at_limit, 0.0
        return False

    def _crossed(self, bids: Levels, asks: Levels) -> bool:
        """Return whether the other side's best price is at the limit or beyond."""
        other = asks if self.side > 0 else bids
        return bool(other) and self.side * other[0][0] <= self.side * self.price

    def _size_at_limit(self, bids: Levels, asks: Levels) -> float:
        """Return the size at its price, as far as the best level shows it: else 0 or infinity."""
        own = bids if self.side > 0 else asks
        if own and own[0][0] == self.price:
            return single(own[0][1])
        return 0.0 if own and self.side * own[0][0] < self.side * self.price else math.inf
