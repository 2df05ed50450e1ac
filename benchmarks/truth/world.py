"""A market whose whole book is known after every step."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

SPAN = 24_000
"""Number of prices in the book, in ticks from the lowest."""

FILLED = 6_000
"""Ticks from the middle to the last level at the start."""

REACH = 4_200
"""Largest distance of the price from the middle, ticks; about 1,000 levels are left beyond."""

CHECKPOINT = 64
"""Number of steps between two stored books."""

SCENARIOS = ("calm", "walk", "leap", "thin")


@dataclass(frozen=True)
class Manner:
    """How a market moves.

    Attributes
    ----------
    scenario : str
        ``calm``; ``walk`` goes out ``swing`` ticks and comes back; ``leap`` does so at once;
        ``thin`` has few levels, and sides that empty.
    swing : int
        Ticks.
    pace : float
        Ticks a step of a walk.
    """

    scenario: str
    swing: int
    pace: float


class World:
    """A book of thousands of levels, a step at a time; sizes are whole numbers.

    Attributes
    ----------
    now : ndarray of int32, shape (2, SPAN)
        Sizes by price of bids and asks, after the newest step.
    changes : list
        For each step, the new sizes by price of bids and of asks. Step 0 is the start.
    times : list of int
        Time of each step, ns.
    """

    def __init__(self, seed: int, manner: Manner, time: int) -> None:
        self.random = random.Random(seed)
        self.manner = manner
        self.middle = SPAN // 2
        self.now = np.zeros((2, SPAN), np.int32)
        self.best = [self.middle, self.middle + 1]
        self._direction = self.random.choice((-1, 1))
        self._position = 0.0
        dice = np.random.default_rng(seed)
        if manner.scenario == "thin":
            for side, sign in ((0, -1), (1, +1)):
                for away in dice.choice(40, 8, replace=False).tolist():
                    self.now[side, self.best[side] + sign * away] = self._size()
        else:
            for side, part in ((0, slice(self.middle - FILLED, self.middle + 1)),
                               (1, slice(self.middle + 1, self.middle + 2 + FILLED))):  # fmt: skip
                has_size = dice.random(FILLED + 1) < 0.67
                self.now[side, part] = has_size * dice.integers(1, 5000, FILLED + 1)
                self.now[side, self.best[side]] = self._size()
        self.changes: list[tuple[dict[int, int], dict[int, int]]] = [({}, {})]
        self.times = [time]
        self._kept = [self.now.copy()]
        self._find_best()

    def __len__(self) -> int:
        return len(self.changes)

    def _size(self) -> int:
        return self.random.randint(1, 5000)

    def at(self, step: int) -> np.ndarray:
        """Return a copy of the book after a step."""
        book = self._kept[step // CHECKPOINT].copy()
        for later in range(step // CHECKPOINT * CHECKPOINT + 1, step + 1):
            self.apply(book, later)
        return book

    def apply(self, book: np.ndarray, step: int) -> None:
        """Advance a book to this step from the one before."""
        for side, changes in enumerate(self.changes[step]):
            for price, size in changes.items():
                book[side, price] = size

    def step(self, time: int) -> None:
        """Advance the market; nearly always a level changes."""
        changes: tuple[dict[int, int], dict[int, int]] = ({}, {})
        if self.manner.scenario == "thin":
            self._thin(changes)
        else:
            self._move(changes, self._ticks())
            self._stir(changes)
        if not (changes[0] or changes[1]):
            side = self.random.randrange(2)
            if self.best[side] >= 0:
                self._set(changes, side, self.best[side], self._size())
        self._find_best()
        self.changes.append(changes)
        self.times.append(time)
        if len(self.changes) % CHECKPOINT == 1:
            self._kept.append(self.now.copy())

    # -- moves -----------------------------------------------------------------------------

    def _set(self, changes: tuple[dict, dict], side: int, price: int, size: int) -> None:
        if self.now[side, price] != size:
            self.now[side, price] = changes[side][price] = size

    def _find_best(self) -> None:
        self.best = [best(self.now, 0), best(self.now, 1)]

    def _ticks(self) -> int:
        """Return the change of the price, ticks."""
        manner, chance = self.manner, self.random
        ticks = chance.choice((-1, 0, 0, 0, 1))
        if manner.scenario == "walk":
            ticks += round(self._direction * manner.pace * chance.uniform(0.2, 1.8))
            if abs(self._position + ticks) > manner.swing:
                self._direction = -1 if self._position > 0 else +1
        elif manner.scenario == "leap" and chance.random() < 0.02:
            ticks = round(chance.choice((-1, 1)) * manner.swing * chance.uniform(0.2, 1.2))
        if abs(self._position + ticks) > REACH:
            ticks = round(-self._position / 2)
        self._position += ticks
        return ticks

    def _move(self, changes: tuple[dict, dict], ticks: int) -> None:
        """Remove the levels in the way of the price, and add levels behind it."""
        if not ticks:
            return
        behind, ahead, sign = (0, 1, +1) if ticks > 0 else (1, 0, -1)
        start = self.best[behind]
        end = start + ticks
        low, high = sorted((start, end))
        for price in (filled(self.now[ahead, low : high + 1]) + low).tolist():
            self._set(changes, ahead, price, 0)
        for price in range(start + sign, end + sign, sign):
            if price == end or self.random.random() < 0.6:
                self._set(changes, behind, price, self._size())
        self._set(changes, ahead, end + sign * self.random.choice((1, 1, 1, 2, 5)), self._size())

    def _stir(self, changes: tuple[dict, dict]) -> None:
        """Change a few levels near the best price, and rarely a distant one."""
        chance = self.random
        self._find_best()
        for side, sign in ((0, -1), (1, +1)):
            first = self.best[side]
            for _ in range(chance.randint(0, 4)):
                price = first + sign * int(chance.expovariate(1 / 12))
                size = 0 if chance.random() < 0.35 and price != first else self._size()
                self._set(changes, side, price, size)
            if chance.random() < 0.15:
                price = first + sign * chance.randint(100, FILLED)
                if 0 <= price < SPAN:
                    self._set(changes, side, price, chance.choice((0, self._size())))

    def _thin(self, changes: tuple[dict, dict]) -> None:
        chance = self.random
        for side, sign in ((0, -1), (1, +1)):
            prices = filled(self.now[side]).tolist()
            if prices and chance.random() < 0.02:  # the side empties
                for price in prices:
                    self._set(changes, side, price, 0)
                continue
            if not prices and chance.random() < 0.8:
                continue
            self._find_best()
            other = self.best[1 - side]
            edge = self.middle + side if other < 0 else other + sign
            if prices and chance.random() < 0.5:
                self._set(changes, side, chance.choice(prices), 0)
            if len(prices) < 12:
                self._set(changes, side, edge + sign * chance.randint(0, 40), self._size())


def top(book: np.ndarray, side: int, most: int) -> np.ndarray:
    """Return the prices of the best levels of a side, best first."""
    first, width = best(book, side), 4 * most
    if first < 0:
        return np.array([], int)
    while True:  # most levels are near the best: widen the search only if needed
        low, high = (max(0, first - width), first + 1) if side == 0 else (first, first + width)
        found = filled(book[side, low:high]) + low
        if len(found) >= most or width > SPAN:
            return found[::-1][:most] if side == 0 else found[:most]
        width *= 4


def filled(sizes: np.ndarray) -> np.ndarray:
    """Return the indices of sizes; NumPy is several times as fast on truth values."""
    return np.flatnonzero(sizes != 0)


def best(book: np.ndarray, side: int) -> int:
    """Return the best price of a side, −1 if it is empty."""
    has_size = book[side] != 0
    at = int(has_size[::-1].argmax()) if side == 0 else int(has_size.argmax())
    at = SPAN - 1 - at if side == 0 else at
    return at if has_size[at] else -1
