"""An order-book-imbalance strategy: takes books, tells when to enter and when to leave.

Written by obi-widgets, which it does not need: Python 3.10 and its standard library are
enough. It sends nothing anywhere. Give it each book of one market, in event time:

    strategy = Strategy("venue:SYMBOL")  # the market that it is run on
    decision = strategy.decide(time_ns, bids, asks)  # (price, size) each, best first
    decision.exit        # whether to close the position now; and then
    decision.enter       # +1: open a long one, -1: a short one, 0: nothing
    strategy.lost()      # when books were missed: whether there is a position is not known

A book that cannot be one (times that are no nanoseconds or go back, levels that are not best first,
sides that cross, text) raises a BookError and changes nothing.

Of each side the best LEVELS levels are used, as when the settings were tuned. Where DEPTH or
BAND_BPS reach beyond them the imbalance is not known: NaN, which enters nothing.

Sizes are in base units (contracts times contract size), times are the venue's.

A MarketWarning tells when the market is not the one in TUNED_ON. Strategy() without a market
checks nothing: whether the settings are for that market is then for you to know.
"""

import math
import struct
import time
import warnings
from collections.abc import Sequence
from operator import gt, index, lt
from typing import NamedTuple

# -- constants: what was exported stands here ----------------------------------------------

DECAY = 0.1
LEVELS = 50
DEPTH: int | None = 10
BAND_BPS: float | None = None
NOTIONAL = False
LOOKED_AT = 20
THRESHOLD = 0.4
HOLD_NS = 20_000_000_000
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
    """A book, or its time, that cannot be one: what is wrong with it."""


class Decision(NamedTuple):
    """First leave (``exit``), then enter: +1 long, -1 short, 0 nothing.

    ``imbalance`` is in -1..+1, + is more bids; NaN without bids or asks in the band, and where
    depth or band reach beyond the levels that are used.
    """

    enter: int
    exit: bool
    imbalance: float


class MarketWarning(UserWarning):
    """The strategy is run on another market than its settings were tuned on."""


class Strategy:
    """One position at a time: ``position`` is +1 long, -1 short, 0 none.

    ``market`` is the one that it is run on, as "venue:SYMBOL"; without it, that is not checked.
    """

    def __init__(self, market: str = "") -> None:
        tuned = f"{TUNED_ON.get('venue', '')}:{TUNED_ON.get('symbol', '')}".strip(":")
        if market and market != tuned:
            text = f"Tuned on {tuned or 'a market without a name'}, run on {market}:"
            text += " its verdict says nothing of that market."
            warnings.warn(text, MarketWarning, stacklevel=2)
        self.position = 0
        self._due = 0
        self._newest = EARLIEST

    def decide(self, time_ns: int, bids: Levels, asks: Levels) -> Decision:
        """Take the book at an event time. A side without orders is empty.

        Raises BookError for what cannot be a book, or its time.
        """
        check(time_ns, self._newest, bids, asks)
        self._newest = time_ns
        if not bids and not asks:
            self.lost()
            return Decision(0, False, math.nan)
        value = imbalance(bids, asks)
        whole = bool(bids and asks) and bids[0][0] < asks[0][0]
        leave = self.position != 0 and whole and time_ns >= self._due
        if leave:
            self.position = 0
        enter = 0
        if self.position == 0 and whole and abs(value) > THRESHOLD:
            enter = self.position = 1 if value > 0 else -1
            self._due = time_ns + HOLD_NS
        return Decision(enter, leave, value)

    def lost(self) -> int:
        """Forget the position, since books were missed; return which it was."""
        position, self.position = self.position, 0
        return position


EARLIEST = 315_532_800_000_000_000  # 1980: times in other units lie before it
AHEAD = 86_400_000_000_000  # ns that a clock may be ahead of the one here
LARGEST = 3e38  # of a size, which is kept in 32 bits
UNITS = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 10**3}


def check(time_ns: int, newest: int, bids: Levels, asks: Levels) -> None:
    """Raise BookError for a time or a book that cannot be."""
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


def single(x: float) -> float:
    """Round to 32 bits, as the settings were tuned with: near ties are then the same."""
    return float(struct.unpack("f", struct.pack("f", x))[0])
