"""Post-only orders, followed state by state, compiled: see `post_only_numpy`, which has the same.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math:
nothing may be reassociated, contracted or assumed not to be NaN, so that the results are those
of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.trading.exits import NONE, STOP, TARGET
from obi_widgets.trading.hourly_cap import HOUR, NEVER, NO_CAP
from obi_widgets.trading.post_only_inputs import (
    EXPIRED,
    FILLED,
    LOST,
    OPEN,
    REFUSED,
    Books,
    Prints,
    Rules,
)
from obi_widgets.trading.post_only_numpy import ENTERING, FLAT, HELD, LEAVING


@njit(inline="always")
def _gap(books, row):
    return np.isnan(books.bid[row]) and np.isnan(books.ask[row])


@njit(nogil=True, cache=True, error_model="numpy")
def _arrives(books, row, latency):
    when = books.time[row] + latency
    while books.time[row] < when:
        row += 1
        if row == len(books.time):
            return OPEN, row
        if _gap(books, row):
            return LOST, row
    return FILLED, row


@njit(inline="always")
def _standing(own, price, size):
    if own == price:
        return size
    return 0.0 if own < price else np.inf


@njit(nogil=True, cache=True, error_model="numpy")
def offer(books, prints, rules, row, side, price, size):
    """Follow a post-only order to its end; see `post_only_numpy.offer`."""
    time = books.time
    if side > 0:
        own, other, sizes = books.bid, books.ask, books.bid_size
    else:
        own, other, sizes = books.ask, books.bid, books.ask_size
    outcome, row = _arrives(books, row, rules.latency)
    if outcome != FILLED:
        return outcome, row
    if side * other[row] <= side * price:
        return REFUSED, row
    began, until = time[row], time[row] + rules.wait
    mine = side * np.rint(price / rules.tick)
    ahead = 0.0
    if rules.back:
        ahead = _standing(side * own[row], side * price, sizes[row])
    traded = 0
    for at in range(row + 1, len(time)):
        if _gap(books, at):
            return LOST, at
        for n in range(prints.ends[at - 1], prints.ends[at]):
            if not (began < prints.time[n] < until):
                continue
            away = side * prints.ticks[n] - mine
            bought = side * np.int64(prints.lots[n])
            if away < 0 or (away == 0 and bought > 0):
                return FILLED, at
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
            standing = _standing(side * own[at], side * price, sizes[at])
            if standing < ahead - traded / rules.lots:
                ahead, traded = standing, 0
    return OPEN, len(time)


@njit(nogil=True, cache=True, error_model="numpy")
def take(books, row, latency):
    """Follow an order that leaves at any price; see `post_only_numpy.take`."""
    outcome, row = _arrives(books, row, latency)
    while outcome == FILLED and not books.bid[row] < books.ask[row]:
        row += 1
        if row == len(books.time):
            return OPEN, row
        if _gap(books, row):
            return LOST, row
    return outcome, row


@njit(nogil=True, cache=True, error_model="numpy")
def leave(books, prints, rules, row, side, grade):
    """Leave a position of a side; see `post_only_numpy.leave`."""
    price = books.ask[row] if side > 0 else books.bid[row]
    size = rules.sizes[min(grade, len(rules.sizes) - 1)]
    outcome, row = offer(books, prints, rules, row, -side, price, size)
    if outcome != REFUSED and outcome != EXPIRED:
        return outcome, row, price, True
    outcome, row = take(books, row, rules.latency)
    if outcome == FILLED:
        at_price = min(grade, len(books.buy) - 1)
        price = books.sell[at_price, row] if side > 0 else books.buy[at_price, row]
    return outcome, row, price, False


@njit(inline="always")
def _reason(exits, row, side, entry, price, stop):
    """Return why a position is left at a state; see `exits.reason`."""
    if side * price <= side * (entry * (1 - side * stop)):
        return STOP
    if side * price >= side * (entry * (1 + side * exits.target)):
        return TARGET
    return np.int64(exits.long[row] if side > 0 else exits.short[row])


@njit(nogil=True, cache=True, error_model="numpy")
def due(books, exits, row, when, side, entry, grade):
    """Return the first whole state that ends a position; see `post_only_numpy.due`."""
    watched, at_price = len(exits.long) > 0, min(grade, len(books.buy) - 1)
    stop = exits.stops[min(grade, len(exits.stops) - 1)]
    while row < len(books.time):
        if _gap(books, row):
            return LOST, row, 0
        if (watched or books.time[row] >= when) and books.bid[row] < books.ask[row]:
            why = 0
            if watched:
                price = books.sell[at_price, row] if side > 0 else books.buy[at_price, row]
                why = _reason(exits, row, side, entry, price, stop)
            if why != 0 or books.time[row] >= when:
                return FILLED, row, why
        row += 1
    return OPEN, row, 0


@njit(inline="always")
def _entered(recent, time):
    """Note an entry; see `hourly_cap.entered`."""
    if len(recent) == 0:
        return np.int64(NEVER)
    for n in range(len(recent) - 1):
        recent[n] = recent[n + 1]
    recent[-1] = time
    return recent[0] + HOUR


@njit(nogil=True, cache=True, error_model="numpy")
def scan(
    books, prints, rules, signal, grades, first, threshold, hold, exits, recent, phase,
    side, times, prices, lost, missed, maker, reasons, graded,
):  # fmt: skip
    """Decide entries from a state on; see `post_only_numpy.scan`."""
    now, decided, direction, why, grade = phase[0], phase[1], phase[2], phase[3], phase[4]
    count, row, states = 0, first, len(books.time)
    free = recent[0] + HOUR if len(recent) > 0 else np.int64(NEVER)
    while True:
        if now == FLAT:
            while row < states and books.time[row] < free:
                row += 1
            while row < states and not (
                abs(signal[row]) > threshold and books.bid[row] < books.ask[row]
            ):
                row += 1
            if row >= states:
                break
            decided, now = row, ENTERING
            direction = 1 if signal[row] > 0 else -1
            grade = np.int64(grades[row]) if len(grades) > 0 else np.int64(0)
        elif now == ENTERING:
            price = books.bid[decided] if direction > 0 else books.ask[decided]
            size = rules.sizes[min(grade, len(rules.sizes) - 1)]
            outcome, row = offer(books, prints, rules, decided, direction, price, size)
            if outcome == OPEN:
                break
            side[count], times[0, count] = direction, books.time[row]
            times[2, count] = books.time[decided]
            prices[0, count], graded[count] = price, grade
            now = HELD
            if outcome in (FILLED, LOST):
                free = _entered(recent, books.time[row])
            if outcome != FILLED:
                prices[0, count] = np.nan
                times[1, count], prices[1, count] = 0, np.nan
                lost[count], missed[count], maker[count] = outcome == LOST, outcome != LOST, False
                reasons[count] = 0
                now = FLAT
                count += 1
            else:
                row += 1
        elif now == HELD:
            outcome, row, why = due(
                books, exits, row, times[0, count] + hold, direction, prices[0, count], grade
            )
            if outcome == OPEN:
                break
            decided, now, graded[count] = row, LEAVING, grade
            if outcome == LOST:
                times[1, count], prices[1, count] = 0, np.nan
                lost[count], missed[count], maker[count] = True, False, False
                reasons[count] = 0
                now = FLAT
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
        lost[count], missed[count], maker[count] = False, False, False
        reasons[count], graded[count] = 0, grade
        count += 1
    phase[0], phase[1], phase[2], phase[3] = now, decided, direction, why if now == LEAVING else 0
    phase[4] = grade
    return count


@njit(nogil=True, cache=True, error_model="numpy")
def each(books, prints, rules, rows, sides, holds, exits, grades, gross, maker, left):
    """Follow single orders; see `post_only_numpy.each`."""
    for n in range(len(rows)):
        side, grade = np.int64(sides[n]), np.int64(grades[n])
        size = rules.sizes[min(grade, len(rules.sizes) - 1)]
        entry = books.bid[rows[n]] if side > 0 else books.ask[rows[n]]
        outcome, row = offer(books, prints, rules, rows[n], side, entry, size)
        if outcome != FILLED:
            continue
        for h in range(len(holds)):
            until = books.time[row] + holds[h]
            outcome, at, _ = due(books, exits, row + 1, until, side, entry, grade)
            if outcome != FILLED:
                continue
            outcome, end, price, by_maker = leave(books, prints, rules, at, side, grade)
            if outcome == FILLED:
                gross[h, n] = side * (price / entry - 1) * 1e4
                maker[h, n], left[h, n] = by_maker, end


def compile_all():
    """Compile for the types that come."""
    # A history's columns cannot be written to, and numba tells that apart.
    time, best = np.arange(2), np.ones(2)
    time.flags.writeable = best.flags.writeable = False
    own, flags = np.ones(2), np.zeros(3, bool)
    prints = Prints(np.zeros(2, np.int64), time[:0], own[:0], np.zeros(0, np.int64))
    books = Books(time, *[best] * 4, *[best[None]] * 2)
    rules = Rules(0, 1, np.zeros(1), True, 1.0, 1.0)
    scan(
        books, prints, rules, own, np.zeros(0, np.int8), 0, 0.5, 1, NONE, NO_CAP,
        np.zeros(5, np.int64),
        np.zeros(3, np.int8), np.zeros((3, 3), np.int64), np.zeros((2, 3)),
        flags, flags.copy(), flags.copy(), *np.zeros((2, 3), np.int8),
    )  # fmt: skip
    rows = np.zeros(1, np.int64)
    each(
        books, prints, rules, rows, np.ones(1, np.int8), rows, NONE, np.zeros(1, np.int8),
        np.zeros((1, 1)), np.zeros((1, 1), bool), np.zeros((1, 1), np.int64),
    )  # fmt: skip
