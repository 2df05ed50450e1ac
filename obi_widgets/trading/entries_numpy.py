"""Entries, decided state by state, in NumPy and plain Python.

`entries_numba` does the same operations in the same order, so both give the same result to the bit.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.trading.exits import NONE, first_left, reason
from obi_widgets.trading.hourly_cap import NO_CAP, entered, open_from
from obi_widgets.trading.sizing import NO_GRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.trading.exits import Exits

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


FLAT, ENTERING, HELD, LEAVING = 0, 1, 2, 3
"""Phases of a scan: no position, entry order in flight, position, exit order in flight."""


def scan(
    time: Ints,
    bid: Floats,
    ask: Floats,
    signal: Floats,
    first: int,
    threshold: float,
    hold: int,
    at_mid: bool,
    side: NDArray[np.int8],
    times: Ints,
    prices: Floats,
    lost: NDArray[np.bool_],
) -> int:
    """Decide entries from state ``first`` on, filled at the deciding state.

    It is `scan_executed` without latency, limit or size, and is a kernel of its own since every
    move of a slider calls it. ``times`` may have two rows; times of decision are not written.
    """
    held = bool(side[0])  # if not, `times` may hold anything
    until = times[0, 0] + hold if held else 0
    phase = np.array([HELD if held else FLAT, until, side[0], 0, 0, 0], np.int64)
    decided = np.zeros((3, times.shape[1]), np.int64)
    decided[:2, 0] = times[:2, 0]
    buy, sell = ask[None], bid[None]
    count = scan_executed(
        time, bid, ask, buy, sell, buy, sell, signal, NO_GRADES, first, threshold, hold, 0, np.inf,
        at_mid, NONE, NO_CAP, phase, np.zeros(1), side, decided, prices, lost,
        np.zeros(len(lost), bool), *np.zeros((2, len(lost)), np.int8),
    )  # fmt: skip
    times[:2, :count] = decided[:2, :count]
    return count


def scan_executed(
    time: Ints,
    bid: Floats,
    ask: Floats,
    buy: Floats,
    sell: Floats,
    buy_last: Floats,
    sell_last: Floats,
    signal: Floats,
    grades: NDArray[np.int8],
    first: int,
    threshold: float,
    hold: int,
    latency: int,
    cap: float,
    at_mid: bool,
    exits: Exits,
    recent: Ints,
    phase: Ints,
    limit: Floats,
    side: NDArray[np.int8],
    times: Ints,
    prices: Floats,
    lost: NDArray[np.bool_],
    missed: NDArray[np.bool_],
    reasons: NDArray[np.int8],
    graded: NDArray[np.int8],
) -> int:
    """Decide entries from a state on; see `obi_widgets.trading.entries`.

    Parameters
    ----------
    time, bid, ask, signal : ndarray, shape (T,)
        Nanoseconds; quote currency; of any scale.
    buy, sell, buy_last, sell_last : ndarray of float64, shape (1, T) or (11, T)
        See `obi_widgets.trading.quotes.Quotes`: of all entries, or of those of each grade.
    grades : ndarray of int8, shape (T,) or (0,)
        The grade of an entry that is decided at a state; see `sizing`. Empty: all have grade 0.
    first : int
        The first state to decide on.
    threshold, hold, latency : float, int, int
        Of the signal; nanoseconds.
    cap : float
        By how much of the touch at decision an entry may be worse; infinite for no limit.
    at_mid : bool
        Whether mid is paid instead of the quotes.
    exits : Exits
        What ends a position before its hold is over.
    recent : ndarray of int64, shape (N,)
        Read, and written to: times of the newest N entries, where no more than N may be made within
        an hour; (0,) without a cap. See `hourly_cap`.
    phase : ndarray of int64, shape (6,)
        Read, and written to: one of the phases above; the time at which its order arrives or its
        hold ends; the side; when its entry was decided; why it is being left; its grade.
    limit : ndarray of float64, shape (1,)
        Read, and written to: the worst price of the order that is on its way to enter.
    side, lost, missed : ndarray of int8 and of bool, shape (T - first + 1,)
        Written to, an entry each: +1 or −1; whether the book was lost before its exit, or before
        its order arrived; whether its order was not filled. The first one of ``side`` is that of
        the position or order that is open before.
    reasons, graded : ndarray of int8, shape (T - first + 1,)
        Written to: why each was left, as in `exits`, 0 where it was not; and its grade.
    times, prices : ndarray of int64 and of float64, shapes (3, T - first + 1), (2, T - first + 1)
        Written to: of entries and of exits, and when the entry was decided; 0 and NaN where there
        is no exit. The first ones are those of the position that is open before. An entry that
        is not filled has the time of the state that its order met, and one that a gap took on its
        way the time of the gap; their price is NaN.

    Returns
    -------
    int
        How many. An order to enter that is still on its way is none of them.
    """
    out = np.isnan(bid[first:]) & np.isnan(ask[first:])
    gaps = (np.flatnonzero(out) + first).tolist()
    beyond = (np.abs(signal[first:]) > threshold) & (bid[first:] < ask[first:])
    candidates = (np.flatnonzero(beyond) + first).tolist()

    def paid(row: int, quote: float) -> float:
        return float((bid[row] + ask[row]) / 2 if at_mid else quote)

    watched, last_grade = len(exits.long) > 0, len(buy) - 1
    offered = (bid + ask) / 2 if at_mid else None
    count, row, since = 0, first, first  # `since`: the first state at which it may be left
    now, when, direction, worst = int(phase[0]), int(phase[1]), int(side[0]), float(limit[0])
    decided, why, grade = int(phase[3]), int(phase[4]), int(phase[5])
    free = open_from(recent)
    while True:
        at_price = min(grade, last_grade)  # which of the prices are its own
        if now == FLAT:
            at = bisect_left(candidates, max(row, int(np.searchsorted(time, free))))
            if at == len(candidates):
                break
            row = candidates[at]
            direction = 1 if signal[row] > 0 else -1
            grade = int(grades[row]) if len(grades) else 0
            at_price = min(grade, last_grade)
            worst = paid(row, ask[row] if direction > 0 else bid[row]) * (1 + direction * cap)
            decided = int(time[row])
            now, when = ENTERING, decided + latency
        at = max(int(np.searchsorted(time, when)), row)
        if now != ENTERING:
            while at < len(time) and not bid[at] < ask[at]:
                at += 1  # who leaves waits for a side that came empty
        if now == HELD:
            why = 0
            if watched:
                until = range(since, min(at + 1, len(time)))
                rows, entry = slice(until.start, until.stop), float(prices[0, count])
                quoted = (sell if direction > 0 else buy)[at_price]
                got = offered if offered is not None else quoted
                whole = np.where(bid[rows] < ask[rows], got[rows], np.nan)
                left = first_left(exits, until, direction, entry, whole, grade)
                if left >= 0:
                    at = left
                    why = reason(exits, left, direction, entry, float(got[left]), grade)
        next_gap = bisect_left(gaps, row)
        if next_gap < len(gaps) and gaps[next_gap] <= at:
            row = gaps[next_gap]
            if now == ENTERING:
                side[count], times[0, count], prices[0, count] = direction, time[row], np.nan
                times[2, count] = decided
                free = entered(recent, int(time[row]))
            graded[count] = grade
            times[1, count], prices[1, count] = 0, np.nan
            lost[count], missed[count], reasons[count] = True, False, 0
            now = FLAT
            count += 1
        elif at == len(time):
            break
        elif now == HELD:
            row, now, when = at, LEAVING, int(time[at]) + latency
        elif now == LEAVING:
            row, now = at, FLAT
            times[1, count] = time[row]
            prices[1, count] = paid(row, (sell if direction > 0 else buy)[at_price, row])
            lost[count] = missed[count] = False
            reasons[count], graded[count] = why, grade
            count += 1
        else:
            row = at
            side[count], times[0, count], times[2, count] = direction, time[row], decided
            last = paid(row, (buy_last if direction > 0 else sell_last)[at_price, row])
            if direction * last <= direction * worst:
                prices[0, count] = paid(row, (buy if direction > 0 else sell)[at_price, row])
                now, when, since = HELD, int(time[row]) + hold, row + 1
                free = entered(recent, int(time[row]))
            else:
                prices[0, count] = np.nan
                times[1, count], prices[1, count] = 0, np.nan
                lost[count], missed[count], reasons[count] = False, True, 0
                graded[count] = grade
                now = FLAT
                count += 1
                row += latency == 0  # of this state it has decided
    if now >= HELD:
        times[1, count], prices[1, count] = 0, np.nan
        lost[count] = missed[count] = False
        reasons[count], graded[count] = 0, grade
        count += 1
    phase[:] = now, when, direction, decided, why if now == LEAVING else 0, grade
    limit[0] = worst
    return count


def first_exits(
    bid: Floats,
    ask: Floats,
    buy: Floats,
    sell: Floats,
    at_mid: bool,
    exits: Exits,
    rows: Ints,
    sides: NDArray[np.int8],
    entries: Floats,
    ends: Ints,
    grades: NDArray[np.int8],
    left: Ints,
) -> None:
    """Find where single positions are left early.

    Parameters
    ----------
    bid, ask, buy, sell, at_mid, exits
        As `scan_executed` takes them.
    rows, sides, entries, ends, grades : ndarray, shape (N,)
        The states of their entries; +1 or −1; their prices; the last states that are looked at;
        their grades.
    left : ndarray of int64, shape (N,)
        Written to: the states at which they are left; -1 where that is none of them.
    """
    got = [((bid + ask) / 2)[None]] * 2 if at_mid else [sell, buy]
    whole = [np.where(bid < ask, one, np.nan) for one in got]
    columns = (rows, sides, entries, ends, grades)
    for n, (row, side, entry, end, grade) in enumerate(
        zip(*(one.tolist() for one in columns), strict=True)
    ):
        some, quoted = range(row + 1, end + 1), whole[0 if side > 0 else 1]
        prices = quoted[min(grade, len(quoted) - 1), some.start : some.stop]
        left[n] = first_left(exits, some, side, entry, prices, grade)


def tally(signal: Floats, threshold: float) -> tuple[int, int]:
    """Return how many states have a signal, and how many of them are beyond the threshold."""
    there = int(np.count_nonzero(~np.isnan(signal)))
    return there, int(np.count_nonzero(np.abs(signal) > threshold))
