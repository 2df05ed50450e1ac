"""What became of the trades and large levels that a chart draws, as far as it is known by now.

Markouts are those of `obi_widgets.markouts` and `obi_widgets.walls`. One whose time has not passed
is pending. One that is past but not known, as across a gap, is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.quality.mids_around import mids_after
from obi_widgets.calibration.quality.walls import moments
from obi_widgets.history.level_lives import lives_of_some, spread_out
from obi_widgets.presentation.layers.trade_bubbles import BITS, InCells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.presentation.layers.trade_bubbles import Bubbles
    from obi_widgets.presentation.layers.walls import Wall

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Kinds = NDArray[np.int8]

SECONDS = (1.0, 10.0)
"""Times after a trade. A chart draws the outcome after the last of them."""

WALL_SECONDS = 5.0
"""Time after a large level became known, and after its end."""

AGAINST, PAID, PENDING, UNKNOWN = 0, 1, 2, 3
"""Kinds of outcomes, as numbers for the page: a markout of 0 or less, one above 0, and the rest."""

SECOND = 1_000_000_000


class Markout(NamedTuple):
    """A markout after one moment.

    Attributes
    ----------
    bps : float
        NaN if it is pending or unknown.
    kind : int
        `AGAINST`, `PAID`, `PENDING` or `UNKNOWN`.
    """

    bps: float
    kind: int


class WallOutcome(NamedTuple):
    """What became of a large level.

    Attributes
    ----------
    times_usual : float
        Its largest size over the size that was usual at its distance.
    refills : int
        How often it grew after a trade had taken from it.
    known : Markout
        5 s after it was known, + away from the level.
    ended : Markout or None
        5 s after its end; None while it stands.
    """

    times_usual: float
    refills: int
    known: Markout
    ended: Markout | None


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What became of what a chart draws.

    Attributes
    ----------
    bps : ndarray of float32, shape (N, 2)
        Of each bubble the mean markout of its trades' takers, weighted by size, after each of
        `SECONDS`; NaN where it is pending or unknown.
    kinds : ndarray of int8, shape (N, 2)
        Their kinds; of a bubble with one trade that is pending, pending.
    walls : tuple of WallOutcome
        Of the large levels, in their order.
    """

    bps: NDArray[np.float32]
    kinds: Kinds
    walls: tuple[WallOutcome, ...]


class OutcomeMaker:
    """Makes the outcomes of what is drawn, once a second; nothing else comes to be known sooner."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget everything. Call it when the history is another one."""
        self._of: Bubbles | None = None
        self._grid: tuple[object, ...] = ()
        self._keys = np.empty(0, np.int64)
        self._bps = np.empty((0, len(SECONDS)), np.float32)
        self._kinds = np.empty((0, len(SECONDS)), np.int8)
        self._walls: tuple[WallOutcome, ...] = ()
        self._walls_of: tuple[object, ...] = ()
        self._made: Outcomes | None = None

    def of(self, history: History, bubbles: Bubbles | None, walls: tuple[Wall, ...]) -> Outcomes:
        """Return the outcomes of bubbles and large levels of a history with states."""
        newest = int(history.time[-1])
        of_walls = (newest // SECOND, walls)
        if self._made is not None and bubbles is self._of and of_walls == self._walls_of:
            return self._made
        if of_walls != self._walls_of:
            self._walls, self._walls_of = wall_outcomes(history, walls), of_walls
        bps, kinds = self._bps[:0], self._kinds[:0]
        if bubbles is not None and len(bubbles.keys):
            bps, kinds = self._bubbles(history, bubbles, newest)
        self._of, self._made = bubbles, Outcomes(bps, kinds, self._walls)
        return self._made

    def _bubbles(
        self, history: History, bubbles: Bubbles, newest: int
    ) -> tuple[NDArray[np.float32], Kinds]:
        grid = (bubbles.grid, newest // SECOND)
        if grid == self._grid and len(self._keys):
            at = np.minimum(np.searchsorted(self._keys, bubbles.keys), len(self._keys) - 1)
            new = self._keys[at] != bubbles.keys
            oldest = bubbles.keys[new.argmax()] >> BITS  # of those that are new
            begin = (int(oldest) + bubbles.grid.first) * bubbles.grid.width
            if not new.any() or begin + round(min(SECONDS) * 1e9) > newest:
                bps, kinds = self._bps[at], self._kinds[at]
                bps[new], kinds[new] = np.nan, PENDING
                return bps, kinds
        self._grid, self._keys = grid, bubbles.keys
        self._bps, self._kinds = bubble_outcomes(history, bubbles)
        return self._bps, self._kinds


def bubble_outcomes(history: History, bubbles: Bubbles) -> tuple[NDArray[np.float32], Kinds]:
    """Return the mean markouts of the trades in each bubble, and their kinds; see `Outcomes`."""
    trades, (first, width, _) = history.trades, bubbles.grid
    order = np.argsort(trades.time, kind="stable")  # some come late
    sorted_ = trades.time[order]
    columns = (np.unique(bubbles.keys >> BITS) + first) * width
    begin, end = (np.searchsorted(sorted_, one) for one in (columns, columns + width))
    _, picked = spread_out(begin, end)
    rows = order[picked]
    cells = InCells.of(trades.time[rows], trades.amounts[:, rows], trades, bubbles.grid)
    keys, time = cells.keys, trades.time[rows]
    owner = np.minimum(np.searchsorted(bubbles.keys, keys), len(bubbles.keys) - 1)
    drawn = bubbles.keys[owner] == keys
    owner, time = owner[drawn], time[drawn]
    side, price, size = (one[drawn] for one in (cells.bought * 2.0 - 1, cells.price, cells.size))
    count, newest = len(bubbles.keys), int(history.time[-1])
    total = np.bincount(owner, size, count)
    bps = np.empty((count, len(SECONDS)), np.float32)
    kinds = np.empty(bps.shape, np.int8)
    before = np.searchsorted(history.time, time, "left") - 1
    for at, seconds in enumerate(SECONDS):
        later = mids_after(history, time, before, seconds)
        markout = 1e4 * side * (later - price) / price
        waits = np.bincount(owner, time + round(seconds * 1e9) > newest, count) > 0
        with np.errstate(invalid="ignore"):
            mean = np.where(waits, np.nan, np.bincount(owner, size * markout, count) / total)
        bps[:, at], kinds[:, at] = mean, kinds_of(mean, waits)
    return bps, kinds


def wall_outcomes(history: History, walls: tuple[Wall, ...]) -> tuple[WallOutcome, ...]:
    """Return what became of some large levels, in their order."""
    if not walls:
        return ()
    numbers = sorted(wall.number for wall in walls)
    lives, newest = lives_of_some(history, numbers), int(history.time[-1])
    when, found = moments(history, lives), {}
    for name in ("known", "ended"):
        time, row = when[name]
        there = np.maximum(row, 0)
        later = mids_after(history, time, row, WALL_SECONDS)
        start = np.where(row >= 0, history.mid[there], np.nan)
        bps = 1e4 * lives.side * (later - start) / start
        waits = (row >= 0) & (time + round(WALL_SECONDS * 1e9) > newest)
        kinds = kinds_of(bps, waits).tolist()
        found[name] = [Markout(*one) for one in zip(bps.tolist(), kinds, strict=True)]
    outcomes = {
        number: WallOutcome(
            times_usual=float(lives.largest[at] / lives.usual[at]),
            refills=int(lives.refills[at]),
            known=found["known"][at],
            ended=None if lives.stands[at] else found["ended"][at],
        )
        for at, number in enumerate(numbers)
    }
    return tuple(outcomes[wall.number] for wall in walls)


def kinds_of(bps: Floats, waits: NDArray[np.bool_]) -> Kinds:
    """Return the kinds of markouts, of which some wait for time to pass."""
    with np.errstate(invalid="ignore"):
        known = np.where(bps > 0, PAID, AGAINST)
    return np.where(waits, PENDING, np.where(np.isnan(bps), UNKNOWN, known)).astype(np.int8)
