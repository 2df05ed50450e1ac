"""An order-book-imbalance strategy: takes books, tells when to enter and when to leave.

Written by obi-widgets, which it does not need: Python 3.10 and its standard library are
enough. It sends nothing anywhere. Give it each book of one market, in event time:

    strategy = Strategy("venue:SYMBOL")  # the market that it is run on
    decision = strategy.decide(time_ns, bids, asks)  # (price, size) each, best first
    decision.exit        # whether to close the position now; and then
    decision.enter       # +1: open a long one, -1: a short one, 0: nothing
    strategy.lost()      # when books were missed: whether there is a position is not known

Of each side the best LEVELS levels are used, as when the settings were tuned. Where DEPTH or
BAND_BPS reach beyond them the imbalance is not known: NaN, which enters nothing.

Sizes are in base units (contracts times contract size), times are the venue's.

A MarketWarning tells when the market is not the one in TUNED_ON. Strategy() without a market
checks nothing: whether the settings are for that market is then for you to know.
"""

import math
import struct
import warnings
from collections.abc import Sequence
from typing import NamedTuple

# -- constants: what was exported stands here ----------------------------------------------

DECAY = 0.1
LEVELS = 50
DEPTH: int | None = 10
BAND_BPS: float | None = None
NOTIONAL = False
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

    def decide(self, time_ns: int, bids: Levels, asks: Levels) -> Decision:
        """Take the book at an event time. A side without orders is empty."""
        if not bids and not asks:
            self.lost()
        value = imbalance(bids, asks)
        whole = bool(bids and asks) and bids[0][0] < asks[0][0]
        leave = self.position != 0 and whole and time_ns >= self._due
        if leave:
            self.position = 0
        enter = 0
        if self.position == 0 and abs(value) > THRESHOLD:
            enter = self.position = 1 if value > 0 else -1
            self._due = time_ns + HOLD_NS
        return Decision(enter, leave, value)

    def lost(self) -> int:
        """Forget the position, since books were missed; return which it was."""
        position, self.position = self.position, 0
        return position


def imbalance(bids: Levels, asks: Levels) -> float:
    """Return (bids - asks) / (bids + asks), each level weighed by its distance from mid."""
    if not bids or not asks or bids[0][0] >= asks[0][0]:
        return math.nan
    bid, ask = bids[0][0], asks[0][0]
    mid = (bid + ask) * 0.5
    tick_bps = 1e4 * TICK_SIZE / mid
    rate = single(-DECAY * LOG2_E * tick_bps)
    reach = math.inf
    if BAND_BPS is not None:
        half_spread = 5e3 * (ask - bid) / mid
        reach = math.floor((BAND_BPS + EDGE_BPS - half_spread) / tick_bps)
    step = single(TICK_SIZE / mid)
    # Without a depth all levels in the band are asked for: perhaps more than are used.
    asked = DEPTH if DEPTH is not None else LEVELS if BAND_BPS is None else LEVELS + 1
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
            if NOTIONAL:
                term = single(term * single(near + sign * single(away * step)))
            total = single(total + term)
        totals.append(total)
    buy, sell = totals
    return (buy - sell) / (buy + sell) if buy > 0 and sell > 0 else math.nan


def ticks_between(price: float, best: float) -> int:
    """Return how many ticks a price is away from its side's best."""
    return abs(round(price / TICK_SIZE) - round(best / TICK_SIZE))


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
