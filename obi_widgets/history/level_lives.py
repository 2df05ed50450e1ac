"""The lives of large levels: when each became known, how it changed and ended, a value a level."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.history.large_levels_numpy import (
    BORN,
    FOUND,
    KEY,
    LARGEST,
    LEAST,
    NUMBER,
    REMOVED,
    ROW,
    SIZE,
    STANDING,
    STATE,
    TIME,
    TRADED,
    UNKNOWN,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]
    Rows = NDArray[np.intp]

ROUNDING = 1e-9
"""Share of a level's largest size below which a growth is a rounding error."""


class Lives(NamedTuple):
    """The lives of N levels, in the order of their birth; arrays of shape (N,).

    Rows are those of the history; −1 where that is before its first state.

    Attributes
    ----------
    price, largest, usual, removed, traded : ndarray of float64
        Quote currency; base units: the largest size, the size that was usual at its distance when
        it was born, what was removed, and what was traded of that.
    side : ndarray of int64
        +1 bids, −1 asks.
    born, ended : ndarray of int64
        Event times, ns; of one that stands, ``ended`` is that of the last state.
    known, told : ndarray of int64
        Rows of the states from which on it was known, and from which on the newest that is told of
        it was known: of one that has ended, its end.
    stands, lost, stood_before, by_trades : ndarray of bool
        Whether it has not ended; whether its end is unknown; whether it is older than ``born``;
        whether it was traded rather than pulled.
    refills : ndarray of int64
        How often it grew after a trade had taken from it, see `refills_of`.
    """

    price: Floats
    largest: Floats
    usual: Floats
    removed: Floats
    traded: Floats
    side: Ints
    born: Ints
    ended: Ints
    known: Ints
    told: Ints
    stands: Flags
    lost: Flags
    stood_before: Flags
    by_trades: Flags
    refills: Ints

    @property
    def pulled(self) -> Flags:
        """Whether it was pulled."""
        return np.asarray(~self.stands & ~self.lost & ~self.by_trades)


def lives(history: History) -> Lives:
    """Return the lives of the large levels of a history."""
    return lives_of(history, rows_told(history.large_levels.whole, history.start))


def lives_of_some(history: History, numbers: Sequence[int]) -> Lives:
    """Return the lives of the levels that have some numbers, in the order of their birth."""
    number = history.large_levels.whole[NUMBER]
    rows = np.flatnonzero(np.isin(number, numbers))
    return lives_of(history, rows[np.argsort(number[rows], kind="stable")])


def lives_of(history: History, rows: Rows) -> Lives:
    """Return the lives of levels.

    Parameters
    ----------
    history : History
        With large levels.
    rows : ndarray of int
        Their rows in the table, level by level, each in order.
    """
    levels = history.large_levels
    whole, real = levels.whole[:, rows], levels.real[:, rows]
    first = np.flatnonzero(np.diff(whole[NUMBER], prepend=-1) != 0)
    at = np.append(first[1:], whole.shape[1]) - 1 if len(first) else first
    state = whole[STATE, at]
    removed = real[REMOVED, at]
    traded = np.minimum(real[TRADED, at], removed)
    last = history.time[-1] if len(history) else 0
    return Lives(
        price=abs(real[KEY, at]),
        largest=real[LARGEST, at],
        usual=real[LEAST, at] * (2 / levels.multiple),
        removed=removed,
        traded=traded,
        side=np.sign(real[KEY, at]).astype(np.int64),
        born=whole[BORN, at],
        ended=np.where(state == STANDING, last, whole[TIME, at]),
        known=np.maximum(whole[ROW, first] - history.start, -1),
        told=np.maximum(whole[ROW, at] - history.start, -1),
        stands=state == STANDING,
        lost=state == UNKNOWN,
        stood_before=whole[FOUND, at] > 0,
        by_trades=(state != STANDING) & (state != UNKNOWN) & (2 * traded >= removed),
        refills=refills_of(real, first),
    )


def some_of(one: Lives, at: Rows) -> Lives:
    """Return some of the levels."""
    return Lives._make(column[at] for column in one)


def rows_told(whole: Ints, start: int) -> Rows:
    """Return the rows of the levels that had not ended before a state, level by level."""
    if not whole.shape[1]:
        return np.empty(0, np.intp)
    number = whole[NUMBER] - whole[NUMBER].min()
    newest = np.zeros(int(number.max()) + 1, np.intp)
    newest[number] = np.arange(len(number))  # the last one stays
    kept = (whole[STATE, newest] == STANDING) | (whole[ROW, newest] >= start)
    rows = np.flatnonzero(kept[number])
    return rows[np.argsort(number[rows], kind="stable")]


def refills_of(real: Floats, first: Rows) -> Ints:
    """Return how often each level grew again after a trade had taken from it.

    The table has a row for each second in which a level changed. What was added in it is the change
    of the size and what was removed. A second with a growth is a refill if a trade at the level's
    price came in that second, or before it and after the growth before.

    Parameters
    ----------
    real : ndarray of float64, shape (6, N)
        Rows of `LargeLevels`, level by level.
    first : ndarray of int, shape (levels,)
        Where each level begins.
    """
    count = real.shape[1]
    if not count:
        return np.zeros(0, np.int64)
    begins = np.zeros(count, bool)
    begins[first] = True
    level = np.cumsum(begins) - 1
    size, removed, traded = (np.diff(real[name], prepend=0.0) for name in (SIZE, REMOVED, TRADED))
    grew = ~begins & (size + removed > ROUNDING * real[LARGEST])
    eaten = np.cumsum(~begins & (traded > 0))
    grown = np.flatnonzero(grew)
    start = eaten[first][level[grown]]  # none at the first row itself
    same = np.diff(level[grown], prepend=-1) == 0
    before = np.where(same, np.roll(eaten[grown], 1), start)
    return np.bincount(level[grown][eaten[grown] > before], minlength=len(first))


def trades_near(history: History, price: Floats, until: Ints, seconds: float, bps: float) -> Ints:
    """Return how many trades came near some prices in the time before some moments.

    Parameters
    ----------
    history : History
        With trades.
    price : ndarray of float64, shape (N,)
        Quote currency.
    until : ndarray of int64, shape (N,)
        Event times, ns; a trade at that very time counts.
    seconds : float
        Length of the time before them.
    bps : float
        Largest distance of a trade's price.
    """
    trades = history.trades
    order = np.argsort(trades.time, kind="stable")
    time, paid = trades.time[order], trades.price[order]
    begin = np.searchsorted(time, until - round(seconds * 1e9), "right")
    owner, at = spread_out(begin, np.searchsorted(time, until, "right"))
    near = 1e4 * np.abs(paid[at] - price[owner]) <= bps * price[owner]
    return np.bincount(owner[near], minlength=len(price))


def at_best(history: History, one: Lives) -> Flags:
    """Return whether each level was the best of its side in a state while it stood."""
    begin = np.searchsorted(history.time, one.born, "left")
    end = np.searchsorted(history.time, one.ended, "left")
    found = np.zeros(len(one.price), bool)
    for side, best in ((+1, history.bid), (-1, history.ask)):
        mine = np.flatnonzero((one.side == side) & (end > begin))
        if not len(mine):
            continue
        worst = np.where(np.isnan(best), side * np.inf, best)  # a lost book shows nothing
        bounds = np.stack([begin[mine], end[mine]], axis=1).ravel()
        lowest = np.minimum if side > 0 else np.maximum
        # A level that is the best keeps the best price from being worse than its own.
        reached = lowest.reduceat(np.append(worst, side * np.inf), bounds)[::2]
        found[mine] = side * reached <= side * one.price[mine] * (1 + side * 1e-12)
    return found


def spread_out(begin: Rows, end: Rows) -> tuple[Rows, Rows]:
    """Return the members of some ranges one after the other: whose each is, and which it is."""
    count = np.maximum(end - begin, 0)
    owner = np.repeat(np.arange(len(count)), count)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count) + begin[owner]
