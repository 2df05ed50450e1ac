"""Walls that were meant to be seen: large, near, pulled within seconds, repeatedly on one side.

A *flash* is a large level that was near mid when it was born, was pulled within seconds, and was
never in danger: nothing was traded against it, no trade came near it before it was pulled, and it
was never the best price of its side. One flash is nothing: quotes come and go. So flashes are
counted over a trailing window, side by side. Those of a side are spoofs if there are several, and
if so many on one side are unlikely to be there by chance: of n flashes, each on either side with
probability 1/2, at least as many are on one given side with a probability of `CHANCE` at most.

Large levels are those of `obi_widgets.LargeLevels`, so what stands for less than a second is not
seen. Nothing says who placed an order, or why: a market maker whose quotes jump about looks alike.

References
----------
Lee, Eom, Park (2013), "Microstructure-based manipulation: strategic behavior and performance of
spoofing traders", Journal of Financial Markets 16, 227, for large orders with little chance to be
executed that are withdrawn, and Tao, Day, Ling, Drapeau (2020), "On detecting spoofing strategies
in high frequency trading", arXiv:2009.14818, for what they do to imbalance. The rule is our own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.history.level_lives import at_best, lives, some_of, trades_near

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.level_lives import Lives

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Rows = NDArray[np.intp]

CHANCE = 0.15
"""Largest probability of so many on one side; three of three have 1/8, four of five 3/16."""

NEAR_BPS, NEAR_SECONDS = 1.0, 1.0
"""How near in price and time a trade is near a pull."""

LATE = 5.0
"""Seconds after which an end that becomes known is not counted, so that the look-back is finite."""


class Flashes(NamedTuple):
    """Flashes in the order in which their pulls became known; arrays of shape (N,).

    Attributes
    ----------
    at : ndarray of int
        Where each is among the `Lives`.
    side : ndarray of int64
        +1 bids, −1 asks.
    away_bps : ndarray of float64
        Distance from mid when it was born.
    told : ndarray of int64
        The row of the first state that tells that it was pulled.
    """

    at: Rows
    side: Ints
    away_bps: Floats
    told: Ints


class Counted(NamedTuple):
    """What each flash was found to be; arrays of shape (N,).

    Attributes
    ----------
    same, other : ndarray of int64
        Flashes of its side and of the other one in the window that ends with it; it counts itself.
    chance : ndarray of float64
        Probability of at least so many on its side, if each is on either side alike.
    known : ndarray of int64
        The row of the first state at which it is known to be a spoof; −1 if it is none.
    """

    same: Ints
    other: Ints
    chance: Floats
    known: Ints


def flashes(history: History, one: Lives, within_bps: float, life: float) -> Flashes:
    """Return the flashes of a history that has trades.

    Parameters
    ----------
    history : History
        T states.
    one : Lives
        The lives of its large levels.
    within_bps : float
        Largest distance from mid when it was born.
    life : float
        Longest time that it stood, seconds.
    """
    at = np.flatnonzero(
        one.pulled
        & ~one.stood_before
        & (one.traded == 0)
        & (one.ended - one.born <= round(life * 1e9))
        & (one.told >= 0)
    )
    born = np.searchsorted(history.time, one.born[at], "right") - 1
    late = history.time[one.told[at]] - one.ended[at] > round(LATE * 1e9)
    at, born = at[(born >= 0) & ~late], born[(born >= 0) & ~late]
    mid = history.mid[born]
    away = 1e4 * np.abs(one.price[at] - mid) / mid
    near = away <= within_bps  # not where mid is not known
    at, away = at[near], away[near]
    some = some_of(one, at)
    calm = trades_near(history, some.price, some.ended, NEAR_SECONDS, NEAR_BPS) == 0
    calm &= ~at_best(history, some) & history.trades_known[some.told]
    at, away = at[calm], away[calm]
    order = np.argsort(one.told[at], kind="stable")
    at = at[order]
    return Flashes(at, one.side[at], away[order], one.told[at])


def counted(time: Ints, found: Flashes, window: float, repeats: float) -> Counted:
    """Return which flashes are spoofs, and from when on that is known.

    A flash is known to be a spoof when its own pull is known, or later, when others of its side
    have come within the window.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Event times of the states, ns.
    found : Flashes
        N flashes.
    window : float
        Seconds.
    repeats : float
        How many of one side are several.
    """
    span, when = round(window * 1e9), time[found.told]
    begin = np.searchsorted(when, when - span, "right")
    end = np.searchsorted(found.told, found.told, "right")  # all that one state tells of
    ups = np.append(0, np.cumsum(found.side > 0))
    bids = ups[end] - ups[begin]
    asks = end - begin - bids
    same, other = np.where(found.side > 0, (bids, asks), (asks, bids))
    chance = np.array(
        [tail(k, k + m) for k, m in zip(same.tolist(), other.tolist(), strict=True)], float
    )
    sure = (same >= repeats) & (chance <= CHANCE)
    known = np.full(len(when), -1)
    for side in (+1, -1):
        mine = np.flatnonzero(found.side == side)
        told = mine[sure[mine]]
        if not len(told):
            continue
        # The next that is sure, itself included, and those that the same state tells of.
        first = np.searchsorted(found.told[told], found.told[mine], "left")
        there = first < len(told)
        nearest = told[np.minimum(first, len(told) - 1)]
        there &= when[nearest] - when[mine] < span
        known[mine[there]] = found.told[nearest[there]]
    return Counted(same, other, chance, known)


def tail(count: int, of_all: int) -> float:
    """Return the probability that at least so many of all fall on one given side."""
    return tails(of_all)[count]


@lru_cache(maxsize=512)
def tails(of_all: int) -> tuple[float, ...]:
    """Return `tail` of each count, 0 to all: a window of an hour asks for the same a lot."""
    cases, total, found = 1, 0, []
    for count in range(of_all, -1, -1):
        total += cases
        found.append(total / 2**of_all)
        cases = cases * count // (of_all - count + 1)
    return tuple(reversed(found))


def spoofs_known(
    history: History, *, within_bps: float, life: float, window: float, repeats: float
) -> tuple[Lives, Flashes, Counted]:
    """Return the levels of a history, the flashes among them, and which of those are spoofs."""
    one = lives(history)
    found = flashes(history, one, within_bps, life)
    return one, found, counted(history.time, found, window, repeats)
