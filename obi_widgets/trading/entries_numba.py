"""Entries, decided state by state, compiled: see `entries_numpy`, which has the same.

Importing this imports numba, which takes a while: only the loader of kernels does. No fast-math:
nothing may be reassociated, contracted or assumed not to be NaN, so that the results are those
of NumPy to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.trading.exits import NONE, STOP, TARGET
from obi_widgets.trading.hourly_cap import HOUR, NEVER, NO_CAP

FLAT, ENTERING, HELD, LEAVING = 0, 1, 2, 3


@njit(inline="always")
def _price(bid, ask, quote, at_mid):
    """Return what an order pays or gets."""
    return (bid + ask) / 2 if at_mid else quote


@njit(inline="always")
def _reason(exits, row, side, entry, price, stop):
    """Return why a position is left at a state; see `exits.reason`."""
    if side * price <= side * (entry * (1 - side * stop)):
        return STOP
    if side * price >= side * (entry * (1 + side * exits.target)):
        return TARGET
    return np.int64(exits.long[row] if side > 0 else exits.short[row])


@njit(inline="always")
def _ends(bid, ask, got, at_mid, exits, row, side, entry, stop):
    """Return whether a state is a gap, or ends a position early."""
    if not bid[row] < ask[row]:
        return np.isnan(bid[row]) and np.isnan(ask[row])
    price = _price(bid[row], ask[row], got[row], at_mid)
    return _reason(exits, row, side, entry, price, stop) != 0


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
def scan(time, bid, ask, signal, first, threshold, hold, at_mid, side, times, prices, lost):
    """Decide entries from a state on, filled at once; see `entries_numpy.scan`."""
    count, held, due = 0, side[0], times[0, 0] + hold
    for row in range(first, len(time)):
        if held:
            if np.isnan(bid[row]) and np.isnan(ask[row]):
                times[1, count], prices[1, count], lost[count] = 0, np.nan, True
                held = 0
                count += 1
            elif time[row] >= due and bid[row] < ask[row]:
                times[1, count], lost[count] = time[row], False
                quote = bid[row] if held > 0 else ask[row]
                prices[1, count] = _price(bid[row], ask[row], quote, at_mid)
                held = 0
                count += 1
        if not held and abs(signal[row]) > threshold and bid[row] < ask[row]:
            held = 1 if signal[row] > 0 else -1
            due = time[row] + hold
            side[count], times[0, count] = held, time[row]
            quote = ask[row] if held > 0 else bid[row]
            prices[0, count] = _price(bid[row], ask[row], quote, at_mid)
    if held:
        times[1, count], prices[1, count], lost[count] = 0, np.nan, False
        count += 1
    return count


@njit(nogil=True, cache=True, error_model="numpy")
def scan_executed(
    time, bid, ask, buy, sell, buy_last, sell_last, signal, grades, first, threshold, hold,
    latency, cap, at_mid, exits, recent, phase, limit, side, times, prices, lost, missed, reasons,
    graded,
):  # fmt: skip
    """Decide entries from a state on; see `entries_numpy.scan_executed`."""
    now, when, decided, count = phase[0], phase[1], phase[3], 0
    direction, worst, why = side[0], limit[0], phase[4]
    watched, grade = len(exits.long) > 0, phase[5]
    at_price = min(grade, len(buy) - 1)  # which of the prices are its own
    stop = exits.stops[min(grade, len(exits.stops) - 1)]
    row, states = first - 1, len(time)
    free = recent[0] + HOUR if len(recent) > 0 else np.int64(NEVER)
    while True:
        row += 1
        if now == FLAT:  # most states change nothing, and are passed quickly
            while row < states and time[row] < free:
                row += 1
            while row < states and not (abs(signal[row]) > threshold and bid[row] < ask[row]):
                row += 1
        elif now == HELD and watched:
            got = sell[at_price] if direction > 0 else buy[at_price]
            while (
                row < states
                and time[row] < when
                and not _ends(bid, ask, got, at_mid, exits, row, direction, prices[0, count], stop)
            ):
                row += 1
        else:
            while (
                row < states
                and time[row] < when
                and not (np.isnan(bid[row]) and np.isnan(ask[row]))
            ):
                row += 1
        if row >= states:
            break
        if now != FLAT:
            if np.isnan(bid[row]) and np.isnan(ask[row]):
                if now == ENTERING:
                    side[count], times[0, count], prices[0, count] = direction, time[row], np.nan
                    times[2, count] = decided
                    free = _entered(recent, time[row])
                times[1, count], prices[1, count] = 0, np.nan
                lost[count], missed[count], reasons[count] = True, False, 0
                graded[count] = grade
                now = FLAT
                count += 1
            elif now != ENTERING and bid[row] < ask[row]:
                if now == HELD:
                    why = 0
                    if watched:
                        quote = sell[at_price, row] if direction > 0 else buy[at_price, row]
                        price = _price(bid[row], ask[row], quote, at_mid)
                        why = _reason(exits, row, direction, prices[0, count], price, stop)
                    if why != 0 or time[row] >= when:
                        now, when = LEAVING, time[row] + latency
                if now == LEAVING and time[row] >= when:
                    quote = sell[at_price, row] if direction > 0 else buy[at_price, row]
                    times[1, count] = time[row]
                    prices[1, count] = _price(bid[row], ask[row], quote, at_mid)
                    lost[count], missed[count], reasons[count] = False, False, why
                    graded[count] = grade
                    now = FLAT
                    count += 1
        tried = False
        for _ in range(2):  # an order that arrives, and one that is decided and arrives at once
            if now == ENTERING and time[row] >= when:
                tried = True
                quote = buy[at_price, row] if direction > 0 else sell[at_price, row]
                price = _price(bid[row], ask[row], quote, at_mid)
                last = buy_last[at_price, row] if direction > 0 else sell_last[at_price, row]
                last = _price(bid[row], ask[row], last, at_mid)
                side[count], times[0, count], times[2, count] = direction, time[row], decided
                if direction * last <= direction * worst:
                    prices[0, count] = price
                    now, when = HELD, time[row] + hold
                    free = _entered(recent, time[row])
                else:
                    prices[0, count] = np.nan
                    times[1, count], prices[1, count] = 0, np.nan
                    lost[count], missed[count], reasons[count] = False, True, 0
                    graded[count] = grade
                    now = FLAT
                    count += 1
            if now != FLAT or (tried and latency == 0):
                break
            if time[row] < free or not (abs(signal[row]) > threshold and bid[row] < ask[row]):
                break
            direction = 1 if signal[row] > 0 else -1
            if len(grades) > 0:
                grade = np.int64(grades[row])
                at_price = min(grade, len(buy) - 1)
                stop = exits.stops[min(grade, len(exits.stops) - 1)]
            else:  # of an open position it may be another
                grade, at_price, stop = np.int64(0), np.int64(0), exits.stops[0]
            wanted = _price(bid[row], ask[row], ask[row] if direction > 0 else bid[row], at_mid)
            worst = wanted * (1 + direction * cap)
            now, when, decided = ENTERING, time[row] + latency, time[row]
    if now >= HELD:
        times[1, count], prices[1, count] = 0, np.nan
        lost[count], missed[count], reasons[count] = False, False, 0
        graded[count] = grade
        count += 1
    phase[4], phase[5] = why if now == LEAVING else 0, grade
    phase[0], phase[1], phase[2], phase[3], limit[0] = now, when, direction, decided, worst
    return count


@njit(nogil=True, cache=True, error_model="numpy")
def first_exits(bid, ask, buy, sell, at_mid, exits, rows, sides, entries, ends, grades, left):
    """Find where single positions are left early; see `entries_numpy.first_exits`."""
    for n in range(len(rows)):
        left[n] = -1
        side, grade = np.int64(sides[n]), np.int64(grades[n])
        at_price, stop = min(grade, len(buy) - 1), exits.stops[min(grade, len(exits.stops) - 1)]
        got = sell[at_price] if side > 0 else buy[at_price]
        for row in range(rows[n] + 1, ends[n] + 1):
            if bid[row] < ask[row] and _ends(
                bid, ask, got, at_mid, exits, row, side, entries[n], stop
            ):
                left[n] = row
                break


@njit(nogil=True, cache=True, error_model="numpy")
def tally(signal, threshold):
    """Return how many states have a signal, and how many are beyond; see `entries_numpy.tally`."""
    there, beyond = 0, 0
    for t in range(len(signal)):
        there += not np.isnan(signal[t])
        beyond += abs(signal[t]) > threshold
    return there, beyond


def compile_all():
    """Compile for the types that come."""
    # A history's columns cannot be written to, and numba tells that apart; quotes of a size can.
    time, prices, own = np.zeros(1, np.int64), np.ones(1), np.ones((1, 1))
    time.flags.writeable = prices.flags.writeable = False
    two, sides, flags = np.zeros((2, 2)), np.zeros(2, np.int8), np.zeros(2, bool)
    times = np.zeros((3, 2), np.int64)
    scan(time, prices, prices, np.ones(1), 0, 0.5, 1, False, sides, times, two, flags)
    for given in (prices[None], own):
        scan_executed(
            time, prices, prices, given, given, given, given, np.ones(1), np.zeros(0, np.int8), 0,
            0.5, 1, 0, np.inf, False, NONE, NO_CAP, np.zeros(6, np.int64), np.zeros(1), sides,
            times, two, flags, flags.copy(), *np.zeros((2, 2), np.int8),
        )  # fmt: skip
        first_exits(
            prices, prices, given, given, False, NONE, np.zeros(1, np.int64),
            np.ones(1, np.int8), np.ones(1), np.zeros(1, np.int64), np.zeros(1, np.int8),
            np.zeros(1, np.int64),
        )  # fmt: skip
    tally(np.ones(1), 0.5)
