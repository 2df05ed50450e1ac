"""The large levels that a chart outlines, with a sentence about each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.history.large_levels import ENDS
from obi_widgets.history.large_levels_numpy import (
    BORN,
    FOUND,
    KEY,
    LARGEST,
    NUMBER,
    REMOVED,
    SIZE,
    STANDING,
    STATE,
    TIME,
    TRADED,
    UNKNOWN,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.large_levels import LargeLevels
    from obi_widgets.presentation.charts.window import Window

    Ints = NDArray[np.int64]

MOST = 5
"""Levels that are outlined, at most."""

APART = 0.045
"""Share of the price range by which levels that stand at the same time have to be apart, so that
their texts do not overlap."""

SHORTEST = 0.06
"""Share of the window for which a level has to stand, to be outlined."""

STAY = 1.4
"""A level that is outlined stays until another is so many times more important."""


class Wall(NamedTuple):
    """A large level.

    Attributes
    ----------
    number : int
        Number of the level.
    price : float
        Quote currency.
    side : int
        +1 bids, −1 asks.
    size : float
        Base units, as it stands; of one that has ended, the largest.
    born, ended : int
        Event times, ns UTC; 0 if it still stands.
    older : bool
        Whether it stood there before it was first seen.
    end : str
        "standing", "traded", "pulled" or "unknown".
    """

    number: int
    price: float
    side: int
    size: float
    born: int
    ended: int
    older: bool
    end: str


class Walls:
    """Chooses the large levels to outline, and keeps the choice steady."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget the choice. Call it when the history is another one."""
        self._of: tuple[object, ...] = ()
        self._chosen: tuple[Wall, ...] = ()

    def of(
        self, history: History, window: Window, price_range: tuple[float, float]
    ) -> tuple[Wall, ...]:
        """Return the most important large levels of a window and a price range, at most a few.

        More important is what is larger, and what stands longer in the window.
        """
        levels = history.large_levels
        of = (levels.whole.shape[1], levels.first, window, price_range)
        if of != self._of:  # the table changes once a second
            self._of = of
            self._chosen = self._choose(levels, window, price_range)
        return self._chosen

    def _choose(
        self, levels: LargeLevels, window: Window, price_range: tuple[float, float]
    ) -> tuple[Wall, ...]:
        whole, real = levels.whole, levels.real
        rows = newest_rows(whole)
        low, high = price_range
        state, price = whole[STATE, rows], abs(real[KEY, rows])
        ended = np.where(state == STANDING, window.end, whole[TIME, rows])
        begin = np.maximum(whole[BORN, rows], window.start)
        stood = np.minimum(ended, window.end) - begin
        span = window.end - window.start
        seen = (price > low) & (price < high) & (stood >= SHORTEST * span)
        score = real[LARGEST, rows] * np.sqrt(np.maximum(stood, 0) / span)
        score[np.isin(whole[NUMBER, rows], [wall.number for wall in self._chosen])] *= STAY
        order = np.flatnonzero(seen)
        order = order[np.argsort(-score[order], kind="stable")]
        chosen: list[int] = []
        for at in order.tolist():
            near = [
                other
                for other in chosen
                if abs(price[other] - price[at]) < APART * (high - low)
                and begin[other] < ended[at]
                and begin[at] < ended[other]
            ]
            if not near:
                chosen.append(at)
            if len(chosen) == MOST:
                break
        return tuple(wall_of(levels, int(rows[at])) for at in chosen)


def newest_rows(whole: Ints) -> Ints:
    """Return the row of the last change of each level."""
    number = whole[NUMBER]
    if not len(number):
        return np.empty(0, np.int64)
    newest = np.full(int(number.max() - number.min()) + 1, -1)
    newest[number - number.min()] = np.arange(len(number))  # the last one stays
    return np.asarray(newest[newest >= 0])


def wall_of(levels: LargeLevels, row: int) -> Wall:
    """Return the level of a row of a table, as it was after this change."""
    whole, real = levels.whole[:, row].tolist(), levels.real[:, row].tolist()
    standing = whole[STATE] == STANDING
    end = ENDS[0 if standing else 3 if whole[STATE] == UNKNOWN else 2]
    if end == "pulled" and 2 * real[TRADED] >= real[REMOVED]:
        end = "traded"
    return Wall(
        number=whole[NUMBER],
        price=abs(real[KEY]),
        side=1 if real[KEY] > 0 else -1,
        size=real[SIZE] if standing else real[LARGEST],
        born=whole[BORN],
        ended=0 if standing else whole[TIME],
        older=whole[FOUND] > 0,
        end=end,
    )
