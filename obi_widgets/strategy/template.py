"""An order-book-imbalance strategy: takes books, and says when to enter and when to exit.

Written by obi-widgets, which it does not need: Python 3.10 and its standard library are
enough. It sends no orders. Give it each book of one market, in event time:

    strategy = Strategy("venue:SYMBOL")  # the market that it is run on
    decision = strategy.decide(time_ns, bids, asks)  # (price, size) each, best first
    decision.orders      # orders to send now: side, kind, limit price, size of each
    decision.exit        # whether to close the position, before an entry
    decision.enter       # +1: open a long position, -1: a short one, 0: none
    decision.fills       # assumed results of orders, by the rules that judged the settings
    strategy.lost()      # call it if books were missed: it forgets position and orders

An invalid book (a time that goes back or is not in nanoseconds, levels that are not sorted best
first, sides that cross, text) raises a BookError and changes nothing.

Of each side the best LEVELS levels are used, as when the settings were tuned. Where DEPTH or
BAND_BPS reach beyond them the imbalance is unknown: NaN, which makes no entry.

An order meets the first book at or after its arrival, LATENCY_NS after its decision. An entry is
filled whole if no level that it needs is more than SLIPPAGE_BPS beyond the touch at its decision.
Otherwise it is cancelled, and never chased. An exit has no limit.

Sizes are in base units (contracts times contract size), times are the venue's.

A MarketWarning says that the market is not the one in TUNED_ON. Strategy() without a market
does not check this.
"""

import math
import struct
import time
import warnings
from collections.abc import Sequence
from operator import gt, index, lt
from typing import NamedTuple

# -- constants: the exported settings ------------------------------------------------------

DECAY = 0.1
LEVELS = 50
DEPTH: int | None = 10
BAND_BPS: float | None = None
NOTIONAL = False
LOOKED_AT = 20
THRESHOLD = 0.4
HOLD_NS = 20_000_000_000
LATENCY_NS = 0
SLIPPAGE_BPS: float | None = None
SIZE: float | None = None
AT_MID = False
TICK_SIZE = 0.1
TUNED_ON: dict[str, object] = {}
CALIBRATION: dict[str, object] = {}
SEALED_TEST: dict[str, object] = {}
LOG2_E = 1.0
EDGE_BPS = 0.0
EXP2: tuple[float, ...] = (1.0,)

# -- the strategy --------------------------------------------------------------------------

Levels = Sequence[tuple[float, float]]
Values = tuple[float, int | None, float | None, bool]


class BookError(ValueError):
    """An invalid book or time; the message says what is wrong."""


class Order(NamedTuple):
    """An order to send: +1 buys, -1 sells.

    ``kind`` is "market", or "fill_or_kill": at ``limit`` or better, whole or not at all. ``size``
    is in base units; None if an order is so small that the best level fills it. An exit has the
    size of the position.
    """

    side: int
    kind: str
    limit: float | None
    size: float | None


class Fill(NamedTuple):
    """Assumed result of an order: "entered", "left" (an exit), or "missed" (not filled).

    ``side`` is that of the position, ``price`` the mean price; NaN if it was missed.
    """

    what: str
    side: int
    price: float


class Decision(NamedTuple):
    """Close the position first (``exit``), then enter: +1 long, -1 short, 0 nothing.

    ``imbalance`` is in -1..+1, + is more bids; NaN without bids or asks in the band, and where
    depth or band reach beyond the levels that are used.
    """

    enter: int
    exit: bool
    imbalance: float
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()


class MarketWarning(UserWarning):
    """The strategy is run on another market than its settings were tuned on."""


class Strategy:
    """One position at a time: ``position`` is +1 long, -1 short, 0 none.

    ``size`` is that of the newest entry, base units; None if the best level fills it.
    ``market`` is the market that it is run on, as "venue:SYMBOL"; it is checked if given.
    """

    def __init__(self, market: str = "") -> None:
        tuned = f"{TUNED_ON.get('venue', '')}:{TUNED_ON.get('symbol', '')}".strip(":")
        if market and market != tuned:
            text = f"Tuned on {tuned or 'a market without a name'}, run on {market}:"
            text += " its verdict does not hold for that market."
            warnings.warn(text, MarketWarning, stacklevel=2)
        self.position, self.size = 0, SIZE
        self._due = 0
        self._entering = 0  # side of the entry order in flight
        self._leaving = False
        self._arrival, self._limit = 0, math.inf
        self._newest = EARLIEST

    def decide(self, time_ns: int, bids: Levels, asks: Levels) -> Decision:
        """Take the book at an event time. A side without orders is empty.

        Raises BookError for an invalid book or time.
        """
        check(time_ns, self._newest, bids, asks)
        self._newest = time_ns
        if not bids and not asks:
            self.lost()
            return Decision(0, False, math.nan)
        value = imbalance(bids, asks)
        whole = bool(bids and asks) and bids[0][0] < asks[0][0]
        orders: list[Order] = []
        fills: list[Fill] = []
        holding = bool(self.position) and not self._leaving
        leave = holding and whole and time_ns >= self._due
        if leave:
            self._leaving, self._arrival = True, time_ns + LATENCY_NS
            orders.append(Order(-self.position, "market", None, self.size))
        if self._leaving and whole and time_ns >= self._arrival:
            price, _ = quote(-self.position, bids, asks, self.size)
            fills.append(Fill("left", self.position, price))
            self.position, self._leaving = 0, False
        missed = self._meet(time_ns, bids, asks, fills)
        enter = 0
        free = not self.position and not self._entering
        free = free and not (missed and LATENCY_NS == 0)  # it has decided at this book
        if free and whole and abs(value) > THRESHOLD:
            enter = self._entering = 1 if value > 0 else -1
            self._arrival = time_ns + LATENCY_NS
            orders.append(self._order(bids, asks))
            self._meet(time_ns, bids, asks, fills)
        return Decision(enter, leave, value, tuple(orders), tuple(fills))

    def _order(self, bids: Levels, asks: Levels) -> Order:
        """Return the entry order, and store the worst price that it may pay."""
        side = self._entering
        self._limit = side * math.inf
        if SLIPPAGE_BPS is None:
            return Order(side, "market", None, self.size)
        touch = asks[0][0] if side > 0 else bids[0][0]
        wanted = (bids[0][0] + asks[0][0]) / 2 if AT_MID else touch
        self._limit = wanted * (1 + side * ((SLIPPAGE_BPS + ON_LIMIT_BPS) / 1e4))
        ticks = side * math.floor(side * self._limit / TICK_SIZE + 1e-9)
        return Order(side, "fill_or_kill", ticks * TICK_SIZE, self.size)

    def _meet(self, now: int, bids: Levels, asks: Levels, fills: list[Fill]) -> bool:
        """Execute the entry order if it has arrived; return whether it was missed."""
        side = self._entering
        if not side or now < self._arrival:
            return False
        self._entering = 0
        price, last = quote(side, bids, asks, self.size)
        if side * last <= side * self._limit:
            self.position, self._due = side, now + HOLD_NS
            fills.append(Fill("entered", side, price))
            return False
        fills.append(Fill("missed", side, math.nan))
        return True

    def lost(self) -> int:
        """Forget position and orders, since books were missed; return the side of the position."""
        position, self.position = self.position, 0
        self._entering, self._leaving = 0, False
        return position


ON_LIMIT_BPS = 1e-9  # tolerance, so that rounding does not exclude a price on the limit


def quote(
    direction: int,
    bids: Levels,
    asks: Levels,
    wanted: float | None,
) -> tuple[float, float]:
    """Return the mean price of a size bought (+1) or sold (-1), and the price of its last level.

    If it exceeds the levels that are used, the rest is priced at the last of them, and the price
    of the last level is NaN.
    """
    levels = asks if direction > 0 else bids
    if AT_MID:
        mid = (bids[0][0] + asks[0][0]) / 2 if bids and asks else math.nan
        return mid, mid
    if not levels:
        return math.nan, math.nan
    if wanted is None:
        return levels[0][0], levels[0][0]
    total = value = 0.0
    last = math.nan
    for price, size in levels[:LEVELS]:
        before, size = total, single(size)
        total += size
        value += price * min(max(wanted - (total - size), 0.0), size)
        if before < wanted:
            last = price
        if total >= wanted:
            break
    if total < wanted:
        value += last * (wanted - total)
        return value / wanted, math.nan
    return (levels[0][0] if last == levels[0][0] else value / wanted), last


def single(x: float) -> float:
    """Round to 32 bits, as the settings were tuned with: near ties are then the same."""
    return float(struct.unpack("f", struct.pack("f", x))[0])


EARLIEST = 315_532_800_000_000_000  # 1980: times in other units lie before it
AHEAD = 86_400_000_000_000  # ns that the venue's clock may be ahead of this computer's
LARGEST = 3e38  # largest size: sizes are stored in 32 bits
UNITS = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 10**3}


def check(time_ns: int, newest: int, bids: Levels, asks: Levels) -> None:
    """Raise BookError for an invalid time or book."""
    try:
        if not newest <= index(time_ns) <= time.time_ns() + AHEAD:
            raise BookError(wrong_time(time_ns, newest))
        for name, side, better in (("bids", bids, gt), ("asks", asks, lt)):
            if not side:
                continue
            prices, sizes = zip(*side[:LOOKED_AT], strict=True)
            if not 0 < min(prices) <= sum(prices) < math.inf:
                raise BookError(f"{name} have a price that is no number above 0.")
            if not 0 < min(sizes) <= sum(sizes) < LARGEST:
                raise BookError(f"{name} have a size that is no number above 0.")
            if not all(map(better, prices, prices[1:])):
                raise BookError(f"{name} are not sorted: give the best level first.")
        if bids and asks and bids[0][0] >= asks[0][0]:
            raise BookError(f"The book is crossed: {bids[0][0]}, {asks[0][0]}.")
    except (TypeError, ValueError, KeyError, IndexError) as error:
        if isinstance(error, BookError):
            raise
        raise BookError(
            "A time is an int of nanoseconds, and a level two numbers, price and size: "
            f"{str(error)[:100]}."
        ) from error


def wrong_time(time_ns: int, newest: int) -> str:
    """Say what is wrong with a time."""
    for unit, factor in UNITS.items():
        if EARLIEST <= time_ns * factor <= time.time_ns() + AHEAD:
            return f"{time_ns} is a time in {unit}: multiply it by {factor:,}."
    if EARLIEST <= time_ns < newest:
        return f"Time goes back, from {newest} to {time_ns}."
    return f"{time_ns} is no time in nanoseconds between 1980 and now."


def ticks_between(price: float, best: float) -> int:
    """Return how many ticks a price is away from its side's best."""
    return abs(round(price / TICK_SIZE) - round(best / TICK_SIZE))


# -- the imbalance -------------------------------------------------------------------------


def imbalance(bids: Levels, asks: Levels, values: Values | None = None) -> float:
    """Return (bids - asks) / (bids + asks), each level weighed by its distance from mid."""
    decay, depth, band_bps, notional = values or (DECAY, DEPTH, BAND_BPS, NOTIONAL)
    if not bids or not asks or bids[0][0] >= asks[0][0]:
        return math.nan
    bid, ask = bids[0][0], asks[0][0]
    mid = (bid + ask) * 0.5
    tick_bps = 1e4 * TICK_SIZE / mid
    rate = single(-decay * LOG2_E * tick_bps)
    reach = math.inf
    if band_bps is not None:
        half_spread = 5e3 * (ask - bid) / mid
        reach = math.floor((band_bps + EDGE_BPS - half_spread) / tick_bps)
    step = single(TICK_SIZE / mid)
    # Without a depth all levels in the band are asked for: perhaps more than are used.
    asked = depth if depth is not None else LEVELS if band_bps is None else LEVELS + 1
    totals = []
    for sign, best, levels in ((-1.0, bid, bids), (1.0, ask, asks)):
        near = single(best / mid)
        total = 0.0
        last = levels[:LEVELS][-1][0]
        if asked > LEVELS <= len(levels) and ticks_between(last, best) < reach:
            return math.nan
        for price, size in levels[: min(asked, LEVELS)]:
            ticks = ticks_between(price, best)
            if ticks > reach:
                break
            away = single(ticks)
            term = single(exp2(single(rate * away)) * single(size))
            if notional:
                term = single(term * single(near + sign * single(away * step)))
            total = single(total + term)
        totals.append(total)
    buy, sell = totals
    return (buy - sell) / (buy + sell) if buy > 0 and sell > 0 else math.nan


def exp2(x: float) -> float:
    """Return 2^x for x <= 0, rounded as 32-bit arithmetic rounds it."""
    x = max(x, -126.0)
    whole = round(x)
    power = EXP2[0]
    for coefficient in EXP2[1:]:
        power = single(single(power * (x - whole)) + coefficient)
    return math.ldexp(power, whole)
