"""Signals of trades, state by state: a part of the exported strategy.

The first section below is copied into a file with such a signal, and of the others those of its
signals. They need Python's standard library only.
"""

from __future__ import annotations

import math
from collections import deque
from decimal import Decimal
from operator import index

from obi_widgets.strategy.template import BookError, Levels

SIZE_DECIMALS, PRICE_DECIMALS = 3, 1

# -- trades --------------------------------------------------------------------------------


Trade = tuple[float, float, int]  # price, size, the taker's side: +1 bought, -1 sold
FINER = 10**9  # sums have so many parts of the smallest step: a finer trade counts whole


def check_trade(time_ns: int, price: float, size: float, side: int) -> None:
    """Raise BookError for an invalid trade."""
    try:
        valid = index(time_ns) > 0 and side in (1, -1)
        valid = valid and 0 < price < math.inf and 0 < size < math.inf
    except TypeError:
        valid = False
    if not valid:
        text = "A trade has a time in nanoseconds, a price and a size above 0, and the taker's side"
        raise BookError(f"{text}, +1 or -1: not {time_ns!r}, {price!r}, {size!r}, {side!r}.")


def steps(number: float, decimals: int) -> int:
    """Return a number in parts of a step, as its decimals say it: sums are then exact."""
    return round(Decimal(str(number)).scaleb(decimals) * FINER)


class OverTrades:
    """A signal of the trades of a trailing window; NaN until that is full.

    The ``tape`` has the trades since the book before. They count from the newest book on.
    """

    def __init__(self, tape: list[Trade], window_ns: int) -> None:
        self._tape, self._window = tape, window_ns
        self._past: deque[tuple[int, int, int, int]] = deque()  # time, bought, sold, value
        self._began: int | None = None
        self.bought = self.sold = self.value = 0

    def __call__(self, time_ns: int, bids: Levels, asks: Levels) -> float:
        """Return the value of the newest state."""
        self._began = time_ns if self._began is None else self._began
        for price, size, side in self._tape:
            lots = steps(size, SIZE_DECIMALS)
            bought, sold = (lots, 0) if side > 0 else (0, lots)
            value = lots * steps(price, PRICE_DECIMALS)
            self._add(1, bought, sold, value)
            self._past.append((time_ns, bought, sold, value))
        while self._past and self._past[0][0] <= time_ns - self._window:
            self._add(-1, *self._past.popleft()[1:])
        return self.of(bids, asks) if time_ns - self._began >= self._window else math.nan

    def _add(self, sign: int, bought: int, sold: int, value: int) -> None:
        self.bought += sign * bought
        self.sold += sign * sold
        self.value += sign * value

    def of(self, bids: Levels, asks: Levels) -> float:
        """Return the value of the newest book and of what was traded; NaN where it has none."""
        raise NotImplementedError


# -- the signal trade_imbalance ------------------------------------------------------------


class TradeImbalance(OverTrades):
    """What takers bought less what they sold, divided by their sum."""

    def of(self, _: Levels, __: Levels) -> float:
        """Return the value of what was traded."""
        both = self.bought + self.sold
        return ((self.bought - self.sold) / FINER) / (both / FINER) if both else math.nan


# -- the signal buy_sell_ratio -------------------------------------------------------------


class BuySellRatio(OverTrades):
    """The natural logarithm of what takers bought over what they sold."""

    def of(self, _: Levels, __: Levels) -> float:
        """Return the value of what was traded."""
        if not self.bought or not self.sold:
            return math.nan
        return math.log((self.bought / FINER) / (self.sold / FINER))


# -- the signal vwap_deviation -------------------------------------------------------------


class VwapDeviation(OverTrades):
    """Mid less the volume-weighted average price, in basis points of that."""

    def of(self, bids: Levels, asks: Levels) -> float:
        """Return the value of the newest book and of what was traded."""
        both = self.bought + self.sold
        if not both or not bids or not asks:
            return math.nan
        volume = both / FINER / 10.0**SIZE_DECIMALS
        vwap = self.value / FINER**2 / 10.0 ** (PRICE_DECIMALS + SIZE_DECIMALS) / volume
        return 1e4 * ((bids[0][0] + asks[0][0]) / 2 - vwap) / vwap
