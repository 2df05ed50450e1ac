"""Post-only orders, state by state: a part of the exported strategy, see `strategy`.

The methods of `Posting` take the place of the template's from `decide` to `lost`. What stands below
the second line goes into the file as well.
"""

from __future__ import annotations

import math

from obi_widgets.strategy.template import (
    HOLD_NS,
    LATENCY_NS,
    SIZE,
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

    queue = "back"  # or "front": whether what stands at its price is ahead of an order
    _out: Resting | None = None
    _prints: tuple[tuple[int, float, float, int], ...] = ()

    def on_trade(self, time_ns: int, price: float, size: float, side: int) -> None:
        """Take a trade before the first book that was received after it: +1, the taker bought.

        The fills of posted orders are told from these, and from the place in the ``queue``.
        """
        self._prints = (*self._prints, (time_ns, price, size, side))

    def decide(self, time_ns: int, bids: Levels, asks: Levels) -> Decision:
        """Take the book at an event time. A side without orders is empty.

        Raises BookError for what cannot be a book, or its time.
        """
        check(time_ns, self._newest, bids, asks)
        self._newest = time_ns
        prints, self._prints = self._prints, ()
        if not bids and not asks:
            self.lost()
            return Decision(0, False, math.nan)
        value = imbalance(bids, asks)
        whole = bool(bids and asks) and bids[0][0] < asks[0][0]
        orders: list[Order] = []
        fills: list[Fill] = []
        if self._out is not None and self._out.rests:
            self._look(self._out, time_ns, bids, asks, prints, orders, fills)
        idle = self._out is None and not self._leaving
        leave = bool(self.position) and idle and whole and time_ns >= self._due
        if leave:
            self._post(-self.position, time_ns, bids, asks, orders)
        self._arrive(time_ns, bids, asks, orders, fills)
        if self._leaving and whole and time_ns >= self._arrival:
            fills.append(Fill("left", self.position, quote(-self.position, bids, asks)[0]))
            self.position, self._leaving = 0, False
        enter = 0
        if not self.position and self._out is None and whole and abs(value) > THRESHOLD:
            enter = self._entering = 1 if value > 0 else -1
            self._post(enter, time_ns, bids, asks, orders)
            self._arrive(time_ns, bids, asks, orders, fills)
        return Decision(enter, leave, value, tuple(orders), tuple(fills))

    def _post(self, side: int, now: int, bids: Levels, asks: Levels, orders: list[Order]) -> None:
        """Send an order to be posted at its own side's touch, and cancelled WAIT_NS later."""
        price = bids[0][0] if side > 0 else asks[0][0]
        self._out = Resting(side, price, now + LATENCY_NS, back=self.queue == "back")
        orders.append(Order(side, "post_only", price, SIZE))

    def _arrive(
        self, now: int, bids: Levels, asks: Levels, orders: list[Order], fills: list[Fill]
    ) -> None:
        """Post the order that has arrived, or have it refused where it would cross."""
        out = self._out
        if out is None or out.rests or now < out.arrival:
            return
        if not out.post(now, bids, asks):
            self._give_up(out, now, orders, fills)

    def _look(
        self,
        out: Resting,
        now: int,
        bids: Levels,
        asks: Levels,
        prints: tuple[tuple[int, float, float, int], ...],
        orders: list[Order],
        fills: list[Fill],
    ) -> None:
        """See what became of the order that rests."""
        if out.filled(now, bids, asks, prints):
            self._out = None
            if self.position:
                fills.append(Fill("left", self.position, out.price))
                self.position = 0
            else:
                self.position, self._due = out.side, now + HOLD_NS
                fills.append(Fill("entered", out.side, out.price))
        elif now >= out.until:
            self._give_up(out, now, orders, fills)

    def _give_up(self, out: Resting, now: int, orders: list[Order], fills: list[Fill]) -> None:
        """Forget an order; what was to leave a position is sent to take what stands there."""
        self._out = None
        if self.position:
            self._leaving, self._arrival = True, now + LATENCY_NS
            orders.append(Order(out.side, "market", None, SIZE))
        else:
            fills.append(Fill("missed", out.side, math.nan))


# -- posted orders -------------------------------------------------------------------------


class Resting:
    """An order that is posted: filled by what trades with it or passes it."""

    def __init__(self, side: int, price: float, arrival: int, *, back: bool) -> None:
        self.side, self.price, self.arrival, self.back = side, price, arrival, back
        self.rests = False
        self._since = self._last = self.until = 0
        self._ahead = self._traded = 0.0

    def post(self, now: int, bids: Levels, asks: Levels) -> bool:
        """Come to rest in a book; return whether it does not cross."""
        if self._reached(bids, asks):
            return False
        self.rests, self._since, self._last, self.until = True, now, now, now + WAIT_NS
        self._ahead = self._standing(bids, asks) if self.back else 0.0
        return True

    def filled(
        self,
        now: int,
        bids: Levels,
        asks: Levels,
        prints: tuple[tuple[int, float, float, int], ...],
    ) -> bool:
        """Return whether it is filled by the trades since the last book, or by this book."""
        last, self._last = self._last, now
        size = SIZE or 0.0
        for time, price, traded, taker in prints:
            if not self._since < time < self.until:
                continue
            away = self.side * (round(price / TICK_SIZE) - round(self.price / TICK_SIZE))
            if away < 0 or (away == 0 and taker == self.side):
                return True
            if away == 0 and (not self.back or time > last):
                self._traded += traded
                done = single(self._traded)
                if done > single(self._ahead) and done >= single(self._ahead + size):
                    return True
        if now < self.until and self._reached(bids, asks):
            return True
        if self.back:
            standing = self._standing(bids, asks)
            if standing < self._ahead - self._traded:
                self._ahead, self._traded = standing, 0.0
        return False

    def _reached(self, bids: Levels, asks: Levels) -> bool:
        """Return whether the other side's best stands at its price, or beyond."""
        other = asks if self.side > 0 else bids
        return bool(other) and self.side * other[0][0] <= self.side * self.price

    def _standing(self, bids: Levels, asks: Levels) -> float:
        """Return at most how much stands at its price, told from the best level."""
        own = bids if self.side > 0 else asks
        if own and own[0][0] == self.price:
            return single(own[0][1])
        return 0.0 if own and self.side * own[0][0] < self.side * self.price else math.inf
