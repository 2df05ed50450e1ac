"""Many single post-only orders by NumPy, all of them a state further at each step.

`post_only` has the rules, and `post_only_numpy` follows one order at a time by them. What is found
here equals that to the bit: each order has the same operations in the same sequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.trading.post_only_inputs import EXPIRED, FILLED, LOST, OPEN, REFUSED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.trading.exits import Exits
    from obi_widgets.trading.post_only_inputs import Books, Prints, Rules

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bytes = NDArray[np.int8]
    Flags = NDArray[np.bool_]


class Following(NamedTuple):
    """From each state on, and from beyond the last: the next state of a kind; T for none.

    Attributes
    ----------
    gap, whole : ndarray of int64, shape (T + 2,)
        Without both sides of the book, and with both.
    """

    gap: Ints
    whole: Ints


def following(books: Books) -> Following:
    """Return where the next gaps and whole states are."""
    states = len(books.time)

    def next_in(flags: Flags) -> Ints:
        rows = np.append(np.where(flags, np.arange(states), states), [states, states])
        return np.minimum.accumulate(rows[::-1])[::-1]

    lost = np.isnan(books.bid) & np.isnan(books.ask)
    return Following(next_in(lost), next_in(books.bid < books.ask))


def of_side(sides: Bytes, bought: Floats, sold: Floats, rows: Ints) -> Floats:
    """Return the value of each row in one column for buys, in another for sells."""
    return np.where(sides > 0, bought[rows], sold[rows])


def _standing(own: Floats, price: Floats, size: Floats) -> Floats:
    """Return at most how much stands at a price; see `post_only_numpy`."""
    return np.where(own == price, size, np.where(own < price, 0.0, np.inf))


def _arrive(books: Books, after: Following, rows: Ints, latency: int) -> tuple[Ints, Ints]:
    """Return of each order `FILLED`, `LOST` or `OPEN`, and the state at which that is known."""
    states = len(books.time)
    met = np.maximum(np.searchsorted(books.time, books.time[rows] + latency), rows)
    gap = after.gap[rows + 1]
    lost = (gap <= met) & (gap < states)
    outcome = np.where(lost, LOST, np.where(met < states, FILLED, OPEN))
    return outcome, np.where(lost, gap, met)


def offer_all(
    books: Books,
    prints: Prints,
    rules: Rules,
    after: Following,
    rows: Ints,
    sides: Bytes,
    prices: Floats,
    sizes: Floats,
) -> tuple[Ints, Ints]:
    """Follow post-only orders to their ends; see `post_only_numpy.offer`."""
    outcome, row = _arrive(books, after, rows, rules.latency)
    out = np.flatnonzero(outcome == FILLED)
    other = sides[out] * of_side(sides[out], books.ask, books.bid, row[out])
    refused = other <= sides[out] * prices[out]
    outcome[out[refused]] = REFUSED
    out = out[~refused]
    # The last state that each is followed to, and what it is there unless it was filled.
    began = books.time[row[out]]
    until = began + rules.wait
    over = np.maximum(np.searchsorted(books.time, until), row[out] + 1)
    gap = after.gap[row[out] + 1]
    end = np.minimum(over, gap)
    outcome[out] = np.where(end == len(books.time), OPEN, np.where(gap <= over, LOST, EXPIRED))
    at, row[out] = row[out], end
    resting = _Resting(books, rules, out, at, sides[out], prices[out], sizes[out], began, until)
    # What a gap ends has no trades there any more.
    last = np.where(outcome[out] == EXPIRED, end, end - 1)
    while len(resting.order):
        on = resting.at < last
        resting, last = resting.kept(on), last[on]
        filled = resting.step(prints)
        outcome[resting.order[filled]] = FILLED
        row[resting.order[filled]] = resting.at[filled]
        resting, last = resting.kept(~filled), last[~filled]
    return outcome, row


class _Resting:
    """Orders that rest in the book, N of them."""

    def __init__(
        self,
        books: Books,
        rules: Rules,
        order: Ints,
        at: Ints,
        sides: Bytes,
        prices: Floats,
        sizes: Floats,
        began: Ints,
        until: Ints,
    ) -> None:
        self.books, self.rules, self.order, self.at = books, rules, order, at
        self._side, self._size = sides, sizes
        self._limit = sides * prices
        self._mine = sides * np.rint(prices / rules.tick)
        self._began, self._until = began, until
        self._ahead = self._stands() if rules.back else np.zeros(len(order))
        self._traded = np.zeros(len(order), np.int64)

    def kept(self, chosen: Flags) -> _Resting:
        """Return some of them."""
        if chosen.all():
            return self
        some = object.__new__(_Resting)
        for name, value in vars(self).items():
            setattr(some, name, value[chosen] if isinstance(value, np.ndarray) else value)
        return some

    def step(self, prints: Prints) -> Flags:
        """Go to the next state; return which are filled by it, or by the trades before it."""
        self.at = self.at + 1
        books, side = self.books, self._side
        filled = self._meet(prints)
        time = books.time[self.at]
        other = side * of_side(side, books.ask, books.bid, self.at)
        filled |= (time < self._until) & (other <= self._limit)
        if self.rules.back:
            standing = self._stands()
            fewer = standing < self._ahead - self._traded / self.rules.lots
            self._ahead = np.where(fewer, standing, self._ahead)
            self._traded = np.where(fewer, 0, self._traded)
        return filled

    def _meet(self, prints: Prints) -> Flags:
        """Return which are filled by the trades since the state before, one after the other."""
        filled = np.zeros(len(self.order), bool)
        n, ends = prints.ends[self.at - 1], prints.ends[self.at]
        some = np.flatnonzero(n < ends)
        n, ends = n[some], ends[some]
        while len(some):
            when, side = prints.time[n], self._side[some]
            counts = (self._began[some] < when) & (when < self._until[some])
            away = side * prints.ticks[n] - self._mine[some]
            bought = side * prints.lots[n]
            done = counts & ((away < 0) | ((away == 0) & (bought > 0)))
            queued = counts & ~done & (away == 0)
            if self.rules.back:
                queued &= when > self.books.time[self.at[some] - 1]
            own = some[queued]
            self._traded[own] -= bought[queued]
            traded = (self._traded[own] / self.rules.lots).astype(np.float32)
            ahead = self._ahead[own]
            done[queued] = (traded > ahead.astype(np.float32)) & (
                traded >= (ahead + self._size[own]).astype(np.float32)
            )
            filled[some[done]] = True
            n = n + 1
            on = ~done & (n < ends)
            some, n, ends = some[on], n[on], ends[on]
        return filled

    def _stands(self) -> Floats:
        """Return at most how much stands at each price in its state."""
        books, side = self.books, self._side
        own = side * of_side(side, books.bid, books.ask, self.at)
        size = of_side(side, books.bid_size, books.ask_size, self.at)
        return _standing(own, self._limit, size)


def leave_all(
    books: Books,
    prints: Prints,
    rules: Rules,
    after: Following,
    rows: Ints,
    sides: Bytes,
    grades: Bytes,
) -> tuple[Ints, Ints, Floats, Flags]:
    """Leave positions, post-only and then as a taker; see `post_only_numpy.leave`."""
    states = len(books.time)
    prices = of_side(sides, books.ask, books.bid, rows)
    sizes = rules.sizes[np.minimum(grades, len(rules.sizes) - 1)]
    outcome, row = offer_all(books, prints, rules, after, rows, -sides, prices, sizes)
    by_maker = (outcome != REFUSED) & (outcome != EXPIRED)
    taking = np.flatnonzero(~by_maker)
    outcome[taking], met = _arrive(books, after, row[taking], rules.latency)
    arrived = outcome[taking] == FILLED
    taking, met = taking[arrived], met[arrived]
    whole, gap = after.whole[met], after.gap[met + 1]
    lost = (gap < whole) & (gap < states)
    outcome[taking] = np.where(lost, LOST, np.where(whole < states, FILLED, OPEN))
    row[taking] = np.where(lost, gap, whole)
    taking = taking[outcome[taking] == FILLED]
    quoted = np.minimum(grades[taking], len(books.buy) - 1), row[taking]
    prices[taking] = np.where(sides[taking] > 0, books.sell[quoted], books.buy[quoted])
    return outcome, row, prices, by_maker


def first_exits(
    books: Books,
    exits: Exits,
    begins: Ints,
    ends: Ints,
    sides: Bytes,
    entries: Floats,
    grades: Bytes,
) -> Ints:
    """Return the first whole state from one to before another that has an early exit; T for none.

    See `exits.reason`.
    """
    found = np.full(len(begins), len(books.time))
    whole = books.bid < books.ask
    stops = exits.stops[np.minimum(grades, len(exits.stops) - 1)]
    at_price = np.minimum(grades, len(books.buy) - 1)
    for n, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        rows, side, entry = slice(begin, end), int(sides[n]), float(entries[n])
        got = side * (books.sell if side > 0 else books.buy)[at_price[n], rows]
        left = got <= side * (entry * (1 - side * float(stops[n])))
        left |= got >= side * (entry * (1 + side * exits.target))
        left |= (exits.long if side > 0 else exits.short)[rows] != 0
        left &= whole[rows]
        first = int(left.argmax()) if len(left) else 0
        if len(left) and left[first]:
            found[n] = begin + first
    return found
