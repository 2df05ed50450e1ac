"""Post-only orders, followed state by state, in Python and NumPy: see `post_only` for the rules.

`post_only_numba` has the same, operation for operation: both round in the same places, so that
which of them ran cannot be told from the result.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.trading.exits import of_grade, reason
from obi_widgets.trading.hourly_cap import entered, open_from
from obi_widgets.trading.post_only_inputs import EXPIRED, FILLED, LOST, OPEN, REFUSED
from obi_widgets.trading.post_only_orders import (
    first_exits,
    following,
    leave_all,
    of_side,
    offer_all,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.trading.exits import Exits
    from obi_widgets.trading.post_only_inputs import Books, Prints, Rules

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bytes = NDArray[np.int8]
    Flags = NDArray[np.bool_]

FLAT, ENTERING, HELD, LEAVING = 0, 1, 2, 3
"""Where a scan stands: no position; an order to enter is out; a position; one to leave is out."""


def _arrives(books: Books, row: int, latency: int) -> tuple[int, int]:
    """Return `FILLED` and the state that an order meets; `LOST` and that of a gap; or `OPEN`."""
    when = books.time[row] + latency
    while books.time[row] < when:
        row += 1
        if row == len(books.time):
            return OPEN, row
        if math.isnan(books.bid[row]) and math.isnan(books.ask[row]):
            return LOST, row
    return FILLED, row


def offer(
    books: Books, prints: Prints, rules: Rules, row: int, side: int, price: float, size: float
) -> tuple[int, int]:
    """Follow a post-only order to its end.

    Parameters
    ----------
    books, prints, rules : Books, Prints, Rules
        See there.
    row : int
        The state that decides it.
    side : int
        +1 buys, −1 sells.
    price : float
        The limit.
    size : float
        Base units.

    Returns
    -------
    int
        `FILLED`, `REFUSED`, `EXPIRED`, `LOST` or `OPEN`.
    int
        The state at which that is known.
    """
    time = books.time
    own, other = (books.bid, books.ask) if side > 0 else (books.ask, books.bid)
    sizes = books.bid_size if side > 0 else books.ask_size
    outcome, row = _arrives(books, row, rules.latency)
    if outcome != FILLED:
        return outcome, row
    if side * other[row] <= side * price:
        return REFUSED, row
    began, until = time[row], time[row] + rules.wait
    mine = side * np.rint(price / rules.tick)
    ahead = 0.0  # base units that stand before it, when ``traded`` was 0
    if rules.back:
        ahead = _standing(side * own[row], side * price, float(sizes[row]))
    traded = 0
    for at in range(row + 1, len(time)):
        if math.isnan(own[at]) and math.isnan(other[at]):
            return LOST, at
        for n in range(prints.ends[at - 1], prints.ends[at]):
            if not began < prints.time[n] < until:
                continue
            away = side * prints.ticks[n] - mine
            bought = side * int(prints.lots[n])  # above 0: it met who waits on the other side
            if away < 0 or (away == 0 and bought > 0):
                return FILLED, at
            # What the state before has seen already cannot come off its queue again.
            if away == 0 and (not rules.back or prints.time[n] > time[at - 1]):
                traded -= bought
                done = np.float32(traded / rules.lots)
                if done > np.float32(ahead) and done >= np.float32(ahead + size):
                    return FILLED, at
        if time[at] < until and side * other[at] <= side * price:
            return FILLED, at
        if time[at] >= until:
            return EXPIRED, at
        if rules.back:
            # Who is ahead can only leave: never more than what stands there.
            standing = _standing(side * own[at], side * price, float(sizes[at]))
            if standing < ahead - traded / rules.lots:
                ahead, traded = standing, 0
    return OPEN, len(time)


def _standing(own: float, price: float, size: float) -> float:
    """Return at most how much stands at a price, told from the best one and its size.

    Prices are the greater the better here.
    """
    if own == price:
        return size
    return 0.0 if own < price else math.inf  # nothing; or what is hidden behind a better price


def take(books: Books, row: int, latency: int) -> tuple[int, int]:
    """Follow an order that leaves at any price; returns as `offer` does."""
    outcome, row = _arrives(books, row, latency)
    while outcome == FILLED and not books.bid[row] < books.ask[row]:
        row += 1  # it waits for a side that came empty
        if row == len(books.time):
            return OPEN, row
        if math.isnan(books.bid[row]) and math.isnan(books.ask[row]):
            return LOST, row
    return outcome, row


def leave(
    books: Books, prints: Prints, rules: Rules, row: int, side: int, grade: int
) -> tuple[int, int, float, bool]:
    """Leave a position of a side: post-only, then as a taker.

    Returns
    -------
    int, int
        As `offer` does.
    float
        The price.
    bool
        Whether it was the maker's.
    """
    price = float((books.ask if side > 0 else books.bid)[row])
    outcome, row = offer(books, prints, rules, row, -side, price, of_grade(rules.sizes, grade))
    if outcome not in (REFUSED, EXPIRED):
        return outcome, row, price, True
    outcome, row = take(books, row, rules.latency)
    if outcome == FILLED:
        quoted = books.sell if side > 0 else books.buy
        price = float(quoted[min(grade, len(quoted) - 1), row])
    return outcome, row, price, False


def due(
    books: Books, exits: Exits, row: int, when: int, side: int, entry: float, grade: int
) -> tuple[int, int, int]:
    """Return the first whole state from one on that ends a position; as `offer` does.

    It is not before a time, or has an early exit: why is the third number, 0 for the time. The
    price at which the position could be left is a taker's.
    """
    watched, got = len(exits.long) > 0, books.sell if side > 0 else books.buy
    got = got[min(grade, len(got) - 1)]
    while row < len(books.time):
        if math.isnan(books.bid[row]) and math.isnan(books.ask[row]):
            return LOST, row, 0
        if books.bid[row] < books.ask[row]:
            why = reason(exits, row, side, entry, float(got[row]), grade) if watched else 0
            if why or books.time[row] >= when:
                return FILLED, row, why
        row += 1
    return OPEN, row, 0


def scan(
    books: Books,
    prints: Prints,
    rules: Rules,
    signal: Floats,
    grades: NDArray[np.int8],
    first: int,
    threshold: float,
    hold: int,
    exits: Exits,
    recent: Ints,
    phase: Ints,
    side: NDArray[np.int8],
    times: Ints,
    prices: Floats,
    lost: NDArray[np.bool_],
    missed: NDArray[np.bool_],
    maker: NDArray[np.bool_],
    reasons: NDArray[np.int8],
    graded: NDArray[np.int8],
) -> int:
    """Decide entries from a state on; see `obi_widgets.trading.post_only`.

    Parameters
    ----------
    books, prints, rules : Books, Prints, Rules
        See there.
    signal : ndarray of float64, shape (T,)
        Of any scale.
    grades : ndarray of int8, shape (T,) or (0,)
        The grade of an entry that is decided at a state; see `sizing`. Empty: all have grade 0.
    first : int
        The first state to decide on.
    threshold, hold : float, int
        Of the signal; nanoseconds.
    exits : Exits
        What ends a position before its hold is over.
    recent : ndarray of int64, shape (N,)
        Read, and written to: times of the newest N entries, where no more than N may be made within
        an hour; (0,) without a cap. See `hourly_cap`.
    phase : ndarray of int64, shape (5,)
        Read, and written to: one of the phases above; the state that decided the order that is
        out; the side; why the position is being left; its grade.
    side, lost, missed, maker : ndarray of int8 and of bool, shape (T - first + 1,)
        Written to, an entry each: +1 or −1; whether the book was lost before its exit; whether its
        order was not filled; whether its exit was the maker's.
    reasons, graded : ndarray of int8, shape (T - first + 1,)
        Written to: why each was left, as in `exits`, 0 where it was not; and its grade.
    times : ndarray of int64, shape (3, T - first + 1)
        Written to: of entries, of exits, and of the states that decided the entries. An exit of 0
        is none. An entry that is not filled has the time at which that was known.
    prices : ndarray of float64, shape (2, T - first + 1)
        Written to: of entries and of exits; NaN where there is none. The first ones of ``times``
        and ``prices`` are those of the position that is held before.

    Returns
    -------
    int
        How many. An order to enter that is still out is none of them.
    """
    beyond = (np.abs(signal[first:]) > threshold) & (books.bid[first:] < books.ask[first:])
    candidates = (np.flatnonzero(beyond) + first).tolist()
    now, decided, direction, why, grade = phase.tolist()
    count, row, free = 0, first, open_from(recent)
    while True:
        if now == FLAT:
            at = bisect_left(candidates, max(row, int(np.searchsorted(books.time, free))))
            if at == len(candidates):
                break
            decided = candidates[at]
            direction = 1 if signal[decided] > 0 else -1
            grade = int(grades[decided]) if len(grades) else 0
            now = ENTERING
        elif now == ENTERING:
            price = float((books.bid if direction > 0 else books.ask)[decided])
            size = of_grade(rules.sizes, grade)
            outcome, row = offer(books, prints, rules, decided, direction, price, size)
            if outcome == OPEN:
                break
            side[count], times[0, count] = direction, books.time[row]
            times[2, count] = books.time[decided]
            prices[0, count], graded[count] = price, grade
            now = HELD
            if outcome in (FILLED, LOST):
                free = entered(recent, int(books.time[row]))
            if outcome != FILLED:
                prices[0, count] = np.nan
                times[1, count], prices[1, count] = 0, np.nan
                lost[count], missed[count], maker[count] = outcome == LOST, outcome != LOST, False
                now, reasons[count] = FLAT, 0
                count += 1
            else:
                row += 1  # it may be left from the next state on
        elif now == HELD:
            until, entry = int(times[0, count]) + hold, float(prices[0, count])
            outcome, row, why = due(books, exits, row, until, direction, entry, grade)
            if outcome == OPEN:
                break
            decided, now, graded[count] = row, LEAVING, grade
            if outcome == LOST:
                times[1, count], prices[1, count] = 0, np.nan
                lost[count], missed[count], maker[count] = True, False, False
                now, reasons[count] = FLAT, 0
                count += 1
        else:
            outcome, row, price, by_maker = leave(books, prints, rules, decided, direction, grade)
            if outcome == OPEN:
                break
            times[1, count], prices[1, count] = books.time[row], price
            lost[count], missed[count], maker[count] = False, False, by_maker
            reasons[count], graded[count] = why, grade
            if outcome == LOST:
                times[1, count], prices[1, count] = 0, np.nan
                lost[count], maker[count], reasons[count] = True, False, 0
            now = FLAT
            count += 1
    if now >= HELD:
        times[1, count], prices[1, count] = 0, np.nan
        lost[count], missed[count], maker[count], reasons[count] = False, False, False, 0
        graded[count] = grade
        count += 1
    phase[:] = now, decided, direction, why if now == LEAVING else 0, grade
    return count


def each(
    books: Books,
    prints: Prints,
    rules: Rules,
    rows: Ints,
    sides: Bytes,
    holds: Ints,
    exits: Exits,
    grades: Bytes,
    gross: Floats,
    maker: Flags,
    left: Ints,
) -> None:
    """Follow single orders; see `obi_widgets.trading.post_only.each`.

    Parameters
    ----------
    books, prints, rules : Books, Prints, Rules
        See there.
    rows, sides : ndarray of int64 and of int8, shape (N,)
        The states that decide, and +1 or −1.
    holds : ndarray of int64, shape (H,)
        Nanoseconds.
    exits : Exits
        What ends a position before its hold is over.
    grades : ndarray of int8, shape (N,)
        The grade of each order.
    gross, maker, left : ndarray of float64, bool and int64, shape (H, N)
        Written to where an order was filled and its position was left.
    """
    states, after = len(books.time), following(books)
    entries = of_side(sides, books.bid, books.ask, rows)
    sizes = rules.sizes[np.minimum(grades, len(rules.sizes) - 1)]
    outcome, row = offer_all(books, prints, rules, after, rows, sides, entries, sizes)
    n = np.flatnonzero(outcome == FILLED)
    if not (len(n) and len(holds)):
        return
    row, side, grade, entry = row[n], sides[n], grades[n], entries[n]
    # Where each position is left: by time, or early if there is an exit before.
    over = np.searchsorted(books.time, books.time[row] + holds[:, None])
    at = after.whole[np.maximum(over, row + 1)]
    if len(exits.long):
        at = np.minimum(at, first_exits(books, exits, row + 1, at.max(axis=0), side, entry, grade))
    known = (at < states) & (after.gap[row + 1] > at)
    # A position is left from a state in the same way whatever its entry was.
    h, own = np.nonzero(known)
    highest = int(grades.max()) + 1
    key = (at[h, own] * 2 + (side[own] > 0)) * highest + grade[own]
    ways, one, way = np.unique(key, return_index=True, return_inverse=True)
    outcome, end, price, by_maker = leave_all(
        books, prints, rules, after, ways // highest // 2, side[own[one]], grade[own[one]]
    )
    filled = outcome[way] == FILLED
    h, own, way = h[filled], own[filled], way[filled]
    gross[h, n[own]] = side[own] * (price[way] / entry[own] - 1) * 1e4
    maker[h, n[own]], left[h, n[own]] = by_maker[way], end[way]
