"""The judge of live books: it knows the true market, and when each message was delivered."""

from __future__ import annotations

import math
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from .product import KEPT, Product, Side
from .world import filled

if TYPE_CHECKING:
    from .exchanges import Exchange

SECOND = 1_000_000_000
MS = 1_000_000
LATE = 3 * SECOND
"""How far a live book may lag behind the venue, in addition to the delay of its messages."""

FALSE_TIME = 60 * SECOND
"""Error of an event time from which it must be rejected."""


class Oracle:
    """Judges states.

    Parameters
    ----------
    exchange : Exchange
        The venue with its true market.
    every : int
        Approximate time between events, ns.

    Attributes
    ----------
    wrong : Counter
        Number of wrong states by kind of error.
    checked, inferred, differing : int
        Number of live states; of those with kept levels beyond the known range; and of those among
        them that differ from the true book.
    """

    def __init__(self, exchange: Exchange, every: int = 0) -> None:
        self.exchange, self.world, self.every = exchange, exchange.world, every
        self.checked = self.inferred = self.differing = 0
        self.known: list[int] = []  # number of known levels, of the side with fewer
        self.wrong: Counter[str] = Counter()
        self.told: dict[int, set[int]] = {}
        self._floor = 0  # the newest step that was delivered on this connection
        self._ever = 0
        self._newest, self._news_at, self._news_age = -1, 0, 0
        self._intervals: list[int] = []
        self._events_at = 0
        self._book = self.world.at(0)
        self._step = 0  # step of _book: the oldest that the state may have
        self._episode = ""  # the error since the last right state; empty if there is none

    # -- deliveries ------------------------------------------------------------------------

    def delivered(self, step: int | None, time: int | None, now: int, *, event: bool) -> None:
        """Note the delivery of a frame or of a REST book."""
        if time is not None and step is not None:
            self.told.setdefault(time, set()).add(step)
        if step is None:
            return
        if step > self._newest:
            self._newest, self._news_at = step, now
            following = self.world.times[step + 1 : step + 2]
            self._news_age = max([now - one for one in following], default=0)
        if not event:
            return  # the product may ignore it, so it sets no lower bound for the state
        if self._events_at:
            self._intervals.append(now - self._events_at)
        self._events_at = now
        self._floor, self._ever = max(self._floor, step), max(self._ever, step)

    def connection(self) -> None:
        """Note that a connection begins."""
        self._floor = 0

    # -- live states -----------------------------------------------------------------------

    def judge(self, product: Product, now: int, under_way: int) -> str:
        """Return the error of a live state; empty if it is right.

        Parameters
        ----------
        now : int
            The true time, ns.
        under_way : int
            Age of the oldest message that is not delivered yet, ns.
        """
        self.checked += 1
        sides = product.sides()
        found = self._match(sides)
        if not found:
            found = self._time(sides, now, under_way)
        if found:
            self.wrong[found] += 1
        else:
            self._infer(sides)
        return found

    def _match(self, sides: tuple[Side, Side]) -> str:
        if self._step < self._ever:
            self._lead(self._ever)
        if self._follows(sides):
            self._episode = ""
            return ""
        if not self._episode:
            self._episode = self._name(sides)
        return self._episode

    def _follows(self, sides: tuple[Side, Side]) -> bool:
        """Search for the state from the oldest possible step on; stop at the first match."""
        if self._same(sides, self._book):
            return True
        if self._episode and self.checked % 16:
            return False  # it did not match a moment ago: searching every time would take too long
        book = self._book.copy()
        for step in range(self._step + 1, len(self.world)):
            self.world.apply(book, step)
            if self._same(sides, book):
                self._book, self._step = book, step
                return True
        return False

    def _name(self, sides: tuple[Side, Side]) -> str:
        """Return the error of a state that matches no possible step."""
        for side, known in enumerate(sides):
            if not len(known.prices) and not math.isinf(known.edge) and self._book[side].any():
                return "a side that is unknown is called empty"
        book, newest = self.world.at(0), -1
        for step in range(len(self.world)):
            self.world.apply(book, step)
            if self._same(sides, book):
                newest = step
        if newest < 0:
            return "no state of the market"
        if newest < self._floor:
            return "older than a message delivered on this connection"
        if newest < self._ever:
            return "older than a message delivered on an earlier connection"
        return "older than a state that was live"

    def _lead(self, step: int) -> None:
        while self._step < step:
            self._step += 1
            self.world.apply(self._book, self._step)

    def _time(self, sides: tuple[Side, Side], now: int, under_way: int) -> str:
        """Return the error of a state that is too old; empty if it is not."""
        silent, limit = now - self._news_at, self.patience()
        since = self._outdated(sides, now)
        if not since:
            return ""
        if silent > limit + SECOND + under_way:
            return "live in silence"
        # The age of a message at its delivery (a cached answer) counts as delay.
        if since - min(silent, limit) > LATE + max(under_way, self._news_age):
            return "live too late"
        return ""

    def _outdated(self, sides: tuple[Side, Side], now: int) -> int:
        """Return how long the state has differed from the market, ns."""
        if self._step + 1 >= len(self.world) or now - self.world.times[self._step + 1] <= LATE:
            return 0
        for step in range(self._step + 1, len(self.world)):
            for side, known in enumerate(sides):
                edge = self._ticks(known.edge, side)
                for price in self.world.changes[step][side]:
                    if (price >= edge) if side == 0 else (price <= edge):
                        return now - self.world.times[step]
        return 0

    def patience(self) -> int:
        """Return the longest allowed silence, ns."""
        if not self._intervals:
            return 60 * SECOND
        usual = max(median(self._intervals), median(self._intervals[-200:]), self.every)
        return round(min(60 * SECOND, max(5 * SECOND, 20 * usual)))

    # -- levels ----------------------------------------------------------------------------

    def _ticks(self, price: float, side: int) -> float:
        """Return a price in the world's ticks, rounded inwards."""
        if math.isinf(price):
            return price
        ticks = price / self.exchange.tick - self.exchange.base
        return math.ceil(ticks - 1e-3) if side == 0 else math.floor(ticks + 1e-3)

    def _known(self, side: int, edge: float, book: np.ndarray) -> np.ndarray:
        """Return the true prices within the known range, best first."""
        edge = self._ticks(edge, side)
        if side == 0:
            low = 0 if math.isinf(edge) else max(0, int(edge))
            return (filled(book[0, low:]) + low)[::-1]
        return filled(book[1] if math.isinf(edge) else book[1, : max(0, int(edge) + 1)])

    def _sizes(self, book: np.ndarray, side: int, prices: np.ndarray) -> np.ndarray:
        return book[side, prices] * self.exchange.unit

    def _same(self, sides: tuple[Side, Side], book: np.ndarray) -> bool:
        for side, known in enumerate(sides):
            true = self._known(side, known.edge, book)
            slack = 1e-3 * self.exchange.tick
            if side == 0:
                count = int(np.count_nonzero(known.prices >= known.edge - slack))
            else:
                count = int(np.count_nonzero(known.prices <= known.edge + slack))
            if not len(known.prices) and not math.isinf(known.edge) and book[side].any():
                return False
            if not self._equal(known, count, side, true, book):
                return False
        return True

    def _equal(self, known: Side, count: int, side: int, true, book) -> bool:
        if count != len(true):
            return False
        ticks = known.prices[:count] / self.exchange.tick - self.exchange.base
        return bool(
            np.all(np.abs(ticks - true) < 1e-3)
            and np.all(np.abs(known.sizes[:count] / self._sizes(book, side, true) - 1) < 1e-9)
        )

    def _infer(self, sides: tuple[Side, Side]) -> None:
        """Count a state with kept levels beyond the known range, and whether these differ."""
        inferred = differs = False
        least = KEPT
        for side, known in enumerate(sides):
            true = self._known(side, known.edge, self._book)
            least = min(least, len(true)) if not math.isinf(known.edge) else least
            if len(true) >= KEPT or math.isinf(known.edge):
                continue
            inferred = True
            kept = min(KEPT, len(known.prices))
            all_true = self._known(side, math.inf if side else -math.inf, self._book)[:KEPT]
            differs |= not self._equal(known, kept, side, all_true, self._book)
        self.known.append(least)
        self.inferred += inferred
        self.differing += differs


class Rows:
    """Judges the rows of the history at the end."""

    def __init__(self, oracle: Oracle, received: set[int]) -> None:
        self.oracle, self.received = oracle, received
        self.checked = self.inferred = 0
        self.wrong: Counter[str] = Counter()
        self.first = ""

    def judge(self, product: Product) -> None:
        history = product.rows()
        sides = [(history.prices(sign), history.sizes(sign).astype(float)) for sign in (+1, -1)]
        reach = product.reach(history)
        world, step = self.oracle.world, 0
        book = world.at(0)
        for row, time in enumerate(history.time.tolist()):
            if np.isnan(history.bid[row]) and np.isnan(history.ask[row]):
                continue
            self.checked += 1
            # The first state after a gap may be of the time of the last before: a nanosecond later.
            steps = self.oracle.told.get(time if time % MS > 1000 else time // MS * MS)
            if steps is None:
                self._note("an event time that no message had", row, time)
                continue
            if int(history.received[row]) not in self.received:
                self._note("a receive time at which nothing came", row, time)
            found = False
            for candidate in sorted(steps):
                if candidate < step:
                    book, step = world.at(candidate), candidate
                while step < candidate:
                    step += 1
                    world.apply(book, step)
                if self._row(history, sides, reach, row, book):
                    found = True
                    break
            if not found:
                self._note("no state of the market at its time", row, time)
            elif abs(time - world.times[step]) > FALSE_TIME and self.checked > 1:
                # The first row has no earlier time to compare with.
                self._note("a false event time", row, time)

    def _row(self, history, sides, reach, row: int, book: np.ndarray) -> bool:
        exchange = self.oracle.exchange
        mid = history.mid[row]
        inferred = False
        for side, (all_prices, all_sizes) in enumerate(sides):
            prices, sizes = all_prices[row], all_sizes[row]
            count = int(np.count_nonzero(~np.isnan(prices)))
            full = count == history.levels
            if reach is None:
                edge = prices[count - 1] if full else (math.inf if side else -math.inf)
            else:
                edge = self._edge(float(reach[side, row]), mid, side)
                if math.isnan(edge):
                    inferred = True
                    continue
                if full:
                    last = prices[count - 1]
                    if abs(edge - last) < 0.05 * exchange.tick:  # the reach is a float32
                        edge = last
                    inferred |= edge > last if side == 0 else edge < last
                    edge = max(edge, last) if side == 0 else min(edge, last)
                else:
                    inferred |= not math.isinf(edge)
            true = self.oracle._known(side, edge, book)
            slack = 1e-3 * exchange.tick
            within = prices[:count] >= edge - slack if side == 0 else prices[:count] <= edge + slack
            number = int(np.count_nonzero(within))
            if number != len(true):
                return False
            ticks = prices[:number] / exchange.tick - exchange.base
            if not np.all(np.abs(ticks - true) < 1e-3):
                return False
            if not np.all(np.abs(sizes[:number] / self.oracle._sizes(book, side, true) - 1) < 1e-6):
                return False
        self.inferred += inferred
        return True

    def _edge(self, reach: float, mid: float, side: int) -> float:
        """Return the price at a reach in bps, rounded inwards."""
        if math.isinf(reach):
            return math.inf if side else -math.inf
        inner = reach * (1 - 1e-6) - 1e-3 * self.oracle.exchange.tick / mid * 1e4
        return mid * (1 + inner / 1e4) if side else mid * (1 - inner / 1e4)

    def _note(self, what: str, row: int, time: int) -> None:
        self.wrong[f"row: {what}"] += 1
        self.first = self.first or f"row {row}, time {time}: {what}"
