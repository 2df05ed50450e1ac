"""A market with limit orders, cancellations and market orders, and an edge that is known.

The mid is exogenous: it jumps by whole ticks, up with probability (1 + θ·z)/2, where ``z`` is a
hidden pressure in −1..+1. Orders follow it. The sizes of limit orders lean with ``z``, and so does
the number of them, so that the imbalance of the visible book tells of it, with noise.

What is true of the edge
------------------------
``z`` is the mean of independent components, each of which is drawn anew, uniformly in −1..+1, at
rate 1/τ. So E[z(t+u) | past] = z(t) · exp(−u/τ), exactly, and the expected move of mid from now
to ``h`` seconds on is ``edge · z · (1 − exp(−h/τ))`` bps: ``edge`` is what a pressure of +1 is
worth until it has faded. With ``edge = 0`` mid is a martingale: nothing in the book, nor anything
else, predicts it.

What is true of the orders
--------------------------
A level is one limit order. Time goes in steps of 50 ms; within each, this happens, in this order
and at these rates (attributes of `SimulatedMarket`), by chance and independently of the past:

- At a jump (``jumps`` = 4 a second, of ``mean_jump`` = 3 ticks in the mean, geometric) a market
  order takes, level by level, all that stands before the new best price. A limit order fills each
  best price that is empty then.
- The spread widens from 1 to 3 ticks or narrows back, ``breaths`` = 0.4 a second: the best order
  of both sides is cancelled, or a better one is placed.
- On each side, ``small_takers`` = 1.5 a second, a market order takes 1 to 30 % of the best level.
- On each side, ``requotes`` = 4 a second, the best order is changed to a new size.
- Each of ``levels`` = 120 orders a side is touched ``turnover`` = 0.35 a second, unless it is the
  best: by half it is cancelled, by half it is changed to a new size.
- Where there are fewer than ``levels`` · (1 + 0.425 · z) bids, or (1 − 0.425 · z) asks, each
  missing one is placed at a rate of ``refills`` = 2 a second. One that meets an order at its price
  changes that to its size.
- Orders at more than eight times the mean distance are cancelled.

An order that is changed to a smaller size is pulled in part. So a level becomes smaller only by
trades at its price or by cancellations, and `SimulatedMarket.changes` tells which. The takers'
trades are what they took, to the contract.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from obi_widgets.checks import as_float, integer, number, text
from obi_widgets.errors import SettingsError, SourceError, quoted
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Instrument, Trade

if TYPE_CHECKING:
    from obi_widgets.history.columns import History

MOST_SEED = 2**63 - 1

STEP = 0.05
"""Seconds between deltas."""

BEGINNING = 1_767_225_600_000_000_000
"""When `simulate` begins, nanoseconds: 2026-01-01, UTC."""

Changes: TypeAlias = dict[int, int]
"""Sizes, in contracts, by price in ticks. As a change: the new size; 0 removes."""


Cause: TypeAlias = Literal["limit order", "cancellation", "trade"]
"""Why a level changed."""


class Listing(NamedTuple):
    """What a symbol is like; ``unit`` is the median size of an order, in contracts."""

    price: float
    tick_size: float
    contract_size: float
    unit: int


LISTINGS = {
    "BTC-PERP": Listing(86_500.0, 0.5, 0.00001, 20_000),
    "ETH-PERP": Listing(2_760.0, 0.02, 0.0001, 40_000),
    "SOL-PERP": Listing(132.0, 0.001, 0.01, 12_000),
}
"""The symbols of the simulated exchange."""


@dataclass(frozen=True)
class SimulatedTrade:
    """A trade: price in ticks, size in contracts, the taker's side."""

    price: int
    size: int
    side: int


class LevelChange(NamedTuple):
    """What one order did to a level.

    Attributes
    ----------
    side : int
        Of the book: +1 bids, −1 asks.
    price : int
        Ticks.
    size : int
        Contracts that came (above 0) or went (below).
    cause : {"limit order", "cancellation", "trade"}
        Why.
    """

    side: int
    price: int
    size: int
    cause: Cause


class SimulatedMarket:
    """One symbol's market, advanced a step of 50 ms at a time.

    Parameters
    ----------
    symbol : str
        One of `LISTINGS`.
    edge : float
        What the imbalance is worth, bps; see the module. 0: nothing.
    seed : int
        The same seed gives the same market.

    Attributes
    ----------
    book : dict
        Of +1 (bids) and −1 (asks): contracts by price in ticks.
    best : dict
        The best price of each side, ticks.
    changes : list of LevelChange
        All that changed the book in the newest step, in order: why each level is what it is.

    Raises
    ------
    SettingsError
        An edge that the volatility cannot hold.
    """

    fade = 8.0  # τ, seconds
    components = 3  # of the pressure
    jumps = 4.0  # of mid, a second
    mean_jump = 3.0  # ticks
    breaths = 0.4  # of the spread, a second
    small_takers = 1.5  # a second and side
    requotes = 4.0  # of the best order, a second and side
    turnover = 0.35  # of another order, a second
    refills = 2.0  # of a missing order, a second
    lean = 0.85  # of sizes with pressure
    levels = 120  # a side, about; never fewer than the 50 that the exchange tells of
    spread_of_levels = 640.0  # ticks: the mean distance of an order from the best

    def __init__(self, symbol: str = "BTC-PERP", *, edge: float = 1.0, seed: int = 0) -> None:
        self.symbol = symbol
        self.listing = LISTINGS[symbol]
        self.edge = edge
        tick_bps = 1e4 * self.listing.tick_size / self.listing.price
        most = tick_bps * self.jumps * self.mean_jump * self.fade
        integer("seed", seed, 0, MOST_SEED)
        if not abs(as_float(edge)) <= most:
            raise SettingsError(
                f"edge = {quoted(edge)} is not possible.",
                f"At this volatility it lies within ±{math.floor(most * 10) / 10} bps.",
            )
        self.tilt = edge / most  # θ
        self.random = random.Random(seed)
        self.steps = 0
        self._pressures = [self.random.uniform(-1, 1) for _ in range(self.components)]
        bid = round(self.listing.price / self.listing.tick_size)
        self.best = {+1: bid, -1: bid + 1}
        self.book: dict[int, Changes] = {+1: {}, -1: {}}
        self.changes: list[LevelChange] = []
        self._trades: list[SimulatedTrade] = []
        for side in (+1, -1):
            self._set(side, self.best[side], self._size(side))
            while len(self.book[side]) < self.levels:
                self._place(side)

    @property
    def pressure(self) -> float:
        """The hidden pressure ``z``, −1..+1."""
        return sum(self._pressures) / self.components

    @property
    def mid(self) -> float:
        """Quote currency."""
        return (self.best[+1] + self.best[-1]) / 2 * self.listing.tick_size

    def step(self) -> list[SimulatedTrade]:
        """Advance 50 ms; return the trades, in order."""
        self.steps += 1
        self._trades, self.changes = [], []
        draw = self.random.random
        for index in range(self.components):
            if draw() < STEP / self.fade:
                self._pressures[index] = 2 * draw() - 1
        if draw() < self.jumps * STEP:
            self._jump(+1 if draw() < (1 + self.tilt * self.pressure) / 2 else -1)
        if draw() < self.breaths * STEP:
            self._breathe()
        for side in (+1, -1):
            self._trade_a_little(side)
            self._refresh(side)
        return self._trades

    # -- what happens ----------------------------------------------------------------------

    def _jump(self, direction: int) -> None:
        """Move mid: a market order takes one side up to the new best; limit orders follow."""
        ticks = 1
        while self.random.random() < 1 - 1 / self.mean_jump:
            ticks += 1
        taken, behind = -direction, direction
        self.best[+1] += direction * ticks
        self.best[-1] += direction * ticks
        before = [p for p in self.book[taken] if (self.best[taken] - p) * direction > 0]
        self._take(taken, sum(self.book[taken][price] for price in before))
        for side in (taken, behind):
            if self.best[side] not in self.book[side]:
                self._set(side, self.best[side], self._size(side))

    def _take(self, side: int, size: int) -> None:
        """Let a market order take so many contracts of a side, the best level first."""
        book = self.book[side]
        for price in sorted(book, reverse=side > 0):
            if not size:
                break
            traded = min(size, book[price])
            size -= traded
            self._trades.append(SimulatedTrade(price, traded, -side))
            self._set(side, price, book[price] - traded, trade=True)

    def _breathe(self) -> None:
        """Widen or narrow the spread by a tick on both sides, so that mid stays."""
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

    def _trade_a_little(self, side: int) -> None:
        """Let a market order take a part of the best level."""
        if self.random.random() < self.small_takers * STEP:
            resting = self.book[side][self.best[side]]
            size = round(resting * self.random.uniform(0.01, 0.3))
            if size < resting:
                self._take(side, size)

    def _refresh(self, side: int) -> None:
        """Cancel orders, change their sizes and place new ones."""
        book, draw = self.book[side], self.random.random
        if draw() < self.requotes * STEP:
            self._set(side, self.best[side], self._size(side))
        leaning = 1 + 0.5 * self.lean * side * self.pressure
        for _ in range(self._count(self.levels * self.turnover * STEP)):
            price = self.random.choice(list(book))
            if price != self.best[side]:
                self._set(side, price, self._size(side) if draw() < 0.5 else 0)
        missing = self.levels * leaning - len(book)
        for _ in range(self._count(max(missing, 0) * self.refills * STEP)):
            self._place(side)
        for price in [p for p in book if abs(self.best[side] - p) > 8 * self.spread_of_levels]:
            self._set(side, price, 0)

    def _place(self, side: int) -> None:
        away = 1 + int(self.random.expovariate(1 / self.spread_of_levels))
        self._set(side, self.best[side] - side * away, self._size(side))

    def _size(self, side: int) -> int:
        leaning = 1 + self.lean * side * self.pressure
        return max(1, round(self.listing.unit * leaning * self.random.lognormvariate(0, 0.9)))

    def _count(self, mean: float) -> int:
        """Draw from a Poisson distribution (Knuth's method, for small means)."""
        limit, count, product = math.exp(-mean), 0, self.random.random()
        while product > limit:
            count += 1
            product *= self.random.random()
        return count

    def _set(self, side: int, price: int, size: int, *, trade: bool = False) -> None:
        """Change the size at a price, 0 for none, and take note why."""
        book = self.book[side]
        came = size - book.get(price, 0)
        if size:
            book[price] = size
        else:
            book.pop(price, None)
        if came:
            cause: Cause = "trade" if trade else "limit order" if came > 0 else "cancellation"
            self.changes.append(LevelChange(side, price, came, cause))

    def top(self, side: int, count: int) -> Changes:
        """Return a side's best levels, best first."""
        book = self.book[side]
        return {price: book[price] for price in sorted(book, reverse=side > 0)[:count]}


def simulate(
    source: str = "sim:BTC-PERP",
    *,
    seconds: float = 3600.0,
    edge: float = 1.0,
    seed: int = 0,
    levels: int = 50,
) -> History:
    """Return what a simulated market would have shown, at once and without an exchange.

    Parameters
    ----------
    source : str
        ``sim:SYMBOL``.
    seconds : float
        How long, 1 to 86,400; an hour takes some seconds to make.
    edge : float
        See `SimulatedMarket`: what a pressure of +1 is worth until it has faded, bps. 0: nothing
        predicts anything.
    seed : int
        The same seed gives the same history.
    levels : int
        Levels a side to keep.

    Returns
    -------
    History
        Ten states a second, from the beginning of 2026 on, and every trade. A trade happens
        within a step of 50 ms, whose end the next state is, or the one after.

    Raises
    ------
    SourceError, SettingsError
        A symbol that is not listed; a number that is out of its range.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, levels=10, seed=1)
    >>> history.levels, history.gaps
    (10, 0)
    """
    advice = f"Give sim: and one of {', '.join(LISTINGS)}."
    venue, _, symbol = text("source", source, advice).partition(":")
    if venue != "sim" or symbol not in LISTINGS:
        raise SourceError(f"{quoted(source)} is not simulated.", advice)
    seconds = number("seconds", seconds, 1, 86_400, "seconds")
    levels = integer("levels", levels, 1, 1000)
    market = SimulatedMarket(symbol, edge=edge, seed=seed)
    tick, unit = market.listing.tick_size, market.listing.contract_size
    instrument = Instrument("sim", symbol, "Simulator", "USDT", tick_size=tick, contract_size=unit)
    writer, book = HistoryWriter(instrument, levels=levels, interval=0), Book()
    traded = 0
    every = 2  # steps a state
    for step in range(1, round(seconds / STEP) + 1):
        within = BEGINNING + round((step - 0.5) * STEP * 1e9)
        for trade in market.step():
            traded += 1
            price, size = round(trade.price * tick, 9), trade.size * unit
            writer.tape.trade(Trade(within, within, price, size, trade.side, traded), within)
        if step % every == 0:
            bids, asks = (
                [(round(price * tick, 9), size * unit) for price, size in top.items()]
                for top in (market.top(+1, levels), market.top(-1, levels))
            )
            book.replace(bids, asks)
            now = BEGINNING + round(step * STEP * 1e9)
            writer.append(now, now, book)
    return writer.history()
