"""A simulated market with limit orders, cancellations and market orders, and a known edge.

The mid is exogenous: it jumps by whole ticks, up with probability (1 + θ·z)/2, where ``z`` is a
hidden pressure in −1..+1. Orders follow the mid. The sizes and the number of limit orders depend
on ``z``, so the imbalance of the visible book measures ``z`` with noise.

The edge
--------
``z`` is the mean of independent components. Each is drawn anew, uniformly in −1..+1, at rate 1/τ.
So E[z(t+u) | past] = z(t) · exp(−u/τ), exactly, and the expected move of mid over the next ``h``
seconds is ``edge · z · (1 − exp(−h/τ))`` bps: ``edge`` is the whole expected move, in bps, after a
pressure of +1. With ``edge = 0`` mid is a martingale: nothing in the book, nor anything else,
predicts it.

The orders
----------
A level is one limit order. Time advances in steps of 50 ms. In each step the following happens at
random and independently of the past, in this order and at these rates (attributes of
`SimulatedMarket`):

- Mid jumps, ``jumps`` = 4 times a second, by a geometric number of ticks of mean ``mean_jump`` =
  3. A market order takes all orders that are better than the new best price, level by level. If a
  new best price has no order, a limit order is placed there.
- The spread widens from 1 to 3 ticks or narrows back, ``spread_changes`` = 0.4 times a second: the
  best order of both sides is cancelled, or a better one is placed.
- On each side, ``small_takers`` = 1.5 times a second, a market order takes 1 to 30 % of the best
  level.
- On each side, ``requotes`` = 4 times a second, the best order is changed to a new size.
- On each side, each of ``levels`` = 120 orders is chosen ``turnover`` = 0.35 times a second. If it
  is not the best, it is cancelled or changed to a new size, each with probability 1/2.
- If there are fewer than ``levels`` · (1 + 0.425 · z) bids, or (1 − 0.425 · z) asks, each missing
  order is placed at a rate of ``refills`` = 2 a second. If there is an order at its price already,
  that order gets the new size.
- Orders at more than eight times the mean distance are cancelled.

Changing an order to a smaller size is a partial cancellation. So a level becomes smaller only by
trades at its price or by cancellations, and `SimulatedMarket.changes` says by which. The trades of
a market order add up to exactly what it took.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, insort
from math import exp, log
from typing import Literal, NamedTuple, TypeAlias

from obi_widgets.checks import as_float, integer
from obi_widgets.errors import SettingsError, quoted

MAX_SEED = 2**63 - 1

STEP = 0.05
"""Length of a step, seconds."""

NORMAL = 4 * exp(-0.5) / math.sqrt(2.0)
"""Of the method of Kinderman and Monahan, by which a normal number is drawn from two others."""

Changes: TypeAlias = dict[int, int]
"""Sizes, in contracts, by price in ticks. In a change: the new size, 0 for none."""

Cause: TypeAlias = Literal["limit order", "cancellation", "trade"]
"""Why a level changed."""


class Listing(NamedTuple):
    """Facts of a symbol: first price, tick size, contract size, median order size in contracts."""

    price: float
    tick_size: float
    contract_size: float
    unit: int


LISTINGS = {
    "BTC-PERP": Listing(86_500.0, 0.5, 0.00001, 20_000),
    "ETH-PERP": Listing(2_760.0, 0.02, 0.0001, 40_000),
    "SOL-PERP": Listing(132.0, 0.001, 0.01, 12_000),
    "XRP-PERP": Listing(2.21, 0.000015, 1.0, 11_000),
    "BNB-PERP": Listing(871.0, 0.005, 0.001, 18_000),
    "FIL-PERP": Listing(1.48, 0.00001, 1.0, 13_000),
    "ADA-PERP": Listing(0.4327, 0.000003, 1.0, 46_000),
    "TRX-PERP": Listing(0.2764, 0.000002, 1.0, 62_000),
    "LINK-PERP": Listing(13.12, 0.0001, 0.1, 14_000),
    "AVAX-PERP": Listing(14.6, 0.0001, 0.1, 12_000),
    "LTC-PERP": Listing(84.3, 0.0005, 0.01, 19_000),
    "BCH-PERP": Listing(548.0, 0.004, 0.001, 26_000),
    "DOT-PERP": Listing(2.31, 0.000015, 1.0, 8_000),
    "UNI-PERP": Listing(6.05, 0.00004, 0.1, 27_000),
    "NEAR-PERP": Listing(1.94, 0.000015, 1.0, 9_000),
    "ATOM-PERP": Listing(2.47, 0.000015, 1.0, 7_000),
    "APT-PERP": Listing(2.58, 0.00002, 1.0, 6_000),
    "ARB-PERP": Listing(0.2091, 0.0000015, 1.0, 51_000),
    "OP-PERP": Listing(0.3114, 0.000002, 1.0, 34_000),
    "SUI-PERP": Listing(1.53, 0.00001, 1.0, 15_000),
    "TON-PERP": Listing(1.61, 0.00001, 1.0, 10_000),
}
"""The symbols of the simulated exchange. A tick is 0.057 to 0.078 bps of the price of each, so that
their books are as wide, measured so, and an edge of 5 bps is possible."""


class SimulatedTrade(NamedTuple):
    """A trade: price in ticks, size in contracts, taker's side (+1 bought, −1 sold)."""

    price: int
    size: int
    side: int


class LevelChange(NamedTuple):
    """A change of a level by one order.

    Attributes
    ----------
    side : int
        Side of the book: +1 bids, −1 asks.
    price : int
        Price of the level, ticks.
    size : int
        Contracts added; negative if they were removed.
    cause : {"limit order", "cancellation", "trade"}
        Why the level changed.
    """

    side: int
    price: int
    size: int
    cause: Cause


class SimulatedMarket:
    """The market of one symbol, which advances in steps of 50 ms.

    Parameters
    ----------
    symbol : str
        One of `LISTINGS`.
    edge : float
        Expected move of mid after a pressure of +1, bps; see the module. 0 for no edge.
    seed : int
        The same seed gives the same market.

    Attributes
    ----------
    book : dict
        Contracts by price in ticks, of each side: +1 bids, −1 asks.
    best : dict
        The best price of each side, ticks.
    pressure : float
        The hidden pressure ``z``, −1..+1.

    Raises
    ------
    SettingsError
        If the edge is too large for the volatility.
    """

    fade = 8.0  # time constant τ of the pressure, seconds
    components = 3  # number of components of the pressure
    jumps = 4.0  # jumps of mid, per second
    mean_jump = 3.0  # ticks
    spread_changes = 0.4  # per second
    small_takers = 1.5  # market orders for a part of the best level, per second and side
    requotes = 4.0  # new sizes of the best order, per second and side
    turnover = 0.35  # cancellations and new sizes of each other order, per second
    refills = 2.0  # placements of each missing order, per second
    lean = 0.85  # relative change of an order's size per unit of pressure
    levels = 120  # about so many orders a side; never fewer than the 50 that are published
    spread_of_levels = 640.0  # mean distance of an order from the best price, ticks

    def __init__(self, symbol: str = "BTC-PERP", *, edge: float = 1.0, seed: int = 0) -> None:
        self.symbol = symbol
        self.listing = LISTINGS[symbol]
        self.edge, self.seed = edge, integer("seed", seed, 0, MAX_SEED)
        tick_bps = 1e4 * self.listing.tick_size / self.listing.price
        max_edge = tick_bps * self.jumps * self.mean_jump * self.fade
        if not abs(as_float(edge)) <= max_edge:
            raise SettingsError(
                f"edge = {quoted(edge)} is not possible.",
                f"At this volatility give at most ±{math.floor(max_edge * 10) / 10} bps.",
            )
        self.tilt = edge / max_edge  # θ
        self.random = random.Random(self.seed)
        self.steps = 0
        self._pressures = [self.random.uniform(-1, 1) for _ in range(self.components)]
        self.pressure = sum(self._pressures) / self.components
        bid = round(self.listing.price / self.listing.tick_size)
        self.best = {+1: bid, -1: bid + 1}
        self.book: dict[int, Changes] = {+1: {}, -1: {}}
        self._ordered: dict[int, list[int]] = {+1: [], -1: []}  # its prices, the lowest first
        self._log: list[tuple[int, int, int, bool]] = []  # side, price, contracts added, if traded
        self._trades: list[SimulatedTrade] = []
        for side in (+1, -1):
            self._set(side, self.best[side], self._size(side))
            while len(self.book[side]) < self.levels:
                self._place(side)

    @property
    def push(self) -> float:
        """Probability that mid jumps up less that it jumps down, −1..+1."""
        return self.tilt * self.pressure

    @property
    def mid(self) -> float:
        """Mid price, in quote currency."""
        return (self.best[+1] + self.best[-1]) / 2 * self.listing.tick_size

    @property
    def changes(self) -> list[LevelChange]:
        """Every change of the book in the newest step, in order."""
        found = []
        for side, price, added, traded in self._log:
            cause: Cause = "trade" if traded else "limit order" if added > 0 else "cancellation"
            found.append(LevelChange(side, price, added, cause))
        return found

    def step(self) -> list[SimulatedTrade]:
        """Advance by 50 ms; return the trades in order."""
        self.steps += 1
        self._trades, self._log = [], []
        draw = self.random.random
        for index in range(self.components):
            if draw() < STEP / self.fade:
                self._pressures[index] = 2 * draw() - 1
                self.pressure = sum(self._pressures) / self.components
        if draw() < self.jumps * STEP:
            self._jump(+1 if draw() < (1 + self.push) / 2 else -1)
        if draw() < self.spread_changes * STEP:
            self._change_spread()
        for side in (+1, -1):
            if draw() < self.small_takers * STEP:
                self._trade_part(side)
            if draw() < self.requotes * STEP:
                self._set(side, self.best[side], self._size(side))
            self._turn_over(side)
            self._refill(side)
        return self._trades

    # -- orders ----------------------------------------------------------------------------

    def _jump(self, direction: int) -> None:
        """Move mid: a market order takes the levels before the new best; limit orders follow."""
        ticks = 1
        while self.random.random() < 1 - 1 / self.mean_jump:
            ticks += 1
        taken, behind = -direction, direction
        self.best[+1] += direction * ticks
        self.best[-1] += direction * ticks
        book, best = self.book[taken], self.best[taken]
        before = 0
        for price in self._ordered[taken][::direction]:
            if (best - price) * direction <= 0:
                break
            before += book[price]
        self._take(taken, before)
        for side in (taken, behind):
            if self.best[side] not in self.book[side]:
                self._set(side, self.best[side], self._size(side))

    def _take(self, side: int, size: int) -> None:
        """Let a market order of some contracts take a side of the book, the best level first."""
        book = self.book[side]
        for price in self._ordered[side][::-side]:
            if not size:
                break
            traded = min(size, book[price])
            size -= traded
            self._trades.append(SimulatedTrade(price, traded, -side))
            self._set(side, price, book[price] - traded, traded=True)

    def _change_spread(self) -> None:
        """Widen or narrow the spread by one tick on each side, so that mid does not move."""
        wide = self.best[-1] - self.best[+1] > 1
        for side in (+1, -1):
            if wide:
                self.best[side] += side
                self._set(side, self.best[side], self._size(side))
            else:
                self._set(side, self.best[side], 0)
                self.best[side] -= side
                if self.best[side] not in self.book[side]:
                    self._set(side, self.best[side], self._size(side))

    def _trade_part(self, side: int) -> None:
        """Let a market order take part of the best level."""
        resting = self.book[side][self.best[side]]
        size = round(resting * self.random.uniform(0.01, 0.3))
        if size < resting:
            self._take(side, size)

    def _turn_over(self, side: int) -> None:
        """Cancel some orders, or change their sizes."""
        count = self._count(self.levels * self.turnover * STEP)
        if not count:
            return
        draw, bits = self.random.random, self.random.getrandbits
        best, prices = self.best[side], list(self.book[side])
        left = len(prices)
        for _ in range(count):
            number, width = left, left.bit_length()
            while number >= left:  # as `random.choice`
                number = bits(width)
            price = prices[number]
            if price == best:
                continue
            if draw() < 0.5:
                self._set(side, price, self._size(side))
            else:
                self._set(side, price, 0)
                del prices[number]
                left -= 1

    def _refill(self, side: int) -> None:
        """Place some of the orders that are missing, and cancel those that are far."""
        leaning = 1 + 0.5 * self.lean * side * self.pressure
        missing = self.levels * leaning - len(self.book[side])
        for _ in range(self._count(max(missing, 0) * self.refills * STEP)):
            self._place(side)
        best, ordered = self.best[side], self._ordered[side]
        far, worst = 8 * self.spread_of_levels, 0 if side > 0 else -1
        while abs(best - (price := ordered[worst])) > far:
            self._set(side, price, 0)

    def _place(self, side: int) -> None:
        # As `random.expovariate`.
        away = 1 + int(-log(1.0 - self.random.random()) / (1 / self.spread_of_levels))
        self._set(side, self.best[side] - side * away, self._size(side))

    def _size(self, side: int) -> int:
        draw = self.random.random
        while True:  # as `random.lognormvariate`, which takes twice as long
            first = draw() - 0.5
            second = 1.0 - draw()
            normal = NORMAL * first / second
            if normal * normal / 4.0 <= -log(second):
                break
        leaning = 1 + self.lean * side * self.pressure
        return round(self.listing.unit * leaning * exp(normal * 0.9)) or 1

    def _count(self, mean: float) -> int:
        """Draw from a Poisson distribution (Knuth's method, for small means)."""
        draw = self.random.random
        limit, count, product = exp(-mean), 0, draw()
        while product > limit:
            count += 1
            product *= draw()
        return count

    def _set(self, side: int, price: int, size: int, *, traded: bool = False) -> None:
        """Set the size at a price, 0 for none; note the change."""
        book = self.book[side]
        before = book.get(price, 0)
        if size == before:
            return
        self._log.append((side, price, size - before, traded))
        if not before:
            insort(self._ordered[side], price)
        elif not size:
            ordered = self._ordered[side]
            del book[price], ordered[bisect_left(ordered, price)]
            return
        book[price] = size

    def best_levels(self, side: int, count: int) -> tuple[list[int], list[int]]:
        """Return the prices and the sizes of a side's best levels, best first."""
        ordered = self._ordered[side]
        prices = ordered[: -count - 1 : -1] if side > 0 else ordered[:count]
        return prices, [*map(self.book[side].__getitem__, prices)]

    def top(self, side: int, count: int) -> Changes:
        """Return a side's best levels, sizes by price, best first."""
        return dict(zip(*self.best_levels(side, count), strict=True))
