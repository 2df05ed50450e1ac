"""Markets whose book is followed: walls that stand, are traded or pulled, and spoofs.

Each has the mid and the sizes at the touch of a market of `markets`, over three hours: long enough
for the windows of a card and for an hour of their past. Everything that is added tells nothing of
the price: the sizes of the other levels, the spread, the sides of trades, and the walls. Where and
when a wall comes is drawn, and what becomes of it depends on the price before, never on the price
after it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

import obi_widgets as obi
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Instrument, Trade

from . import markets
from .markets import SECOND, TICK, Floats, Random

Ints = np.ndarray[Any, np.dtype[np.int64]]

STATES, STEP = 10_800, 1.0
"""Number of states: three hours with one per second."""

LEVELS, RUNGS, APART = 8, 16, 5
"""Levels per side that are kept, levels without walls, and ticks from one to the next."""

LARGE = (25.0, 75.0)
"""Sizes of walls. A level at the touch has 1 in the mean, one of a hundred others more than 5."""

EVERY, AWAY, LIFE = 20.0, (5, 50), 30.0
"""Seconds from one wall to the next in the mean, ticks from the best price, seconds that it stands
in the mean if the price does not come to it."""

SHOWN_EVERY, SHOWN, SHOWN_AWAY, SHOWN_FOR, REACHED = 90.0, 6, (25, 45), (2, 4), 15
"""Seconds from one run of spoofs to the next in the mean, spoofs of a run, ticks from the best
price, seconds that one stands, and ticks from the best price at which it is pulled before."""


class Wall(NamedTuple):
    """A wall: which side it is on, from which state to before which it stands, and its end."""

    side: int
    price: int  # ticks
    size: float
    begin: int
    end: int
    traded: bool


def columns(random: Random, count: int, many: int, states: float) -> Floats:
    """Return independent autoregressions of variance 1 and this decay, shape (count, many)."""
    kept = np.exp(-1 / states)
    out = random.standard_normal((count, many))
    out[1:] *= np.sqrt(1 - kept**2)
    for row in range(1, count):
        out[row] += kept * out[row - 1]
    return out


def walls(random: Random, best: dict[int, Ints]) -> list[Wall]:
    """Return the walls of a market, given the best prices of both sides, ticks.

    A wall to which the price comes is traded or pulled, as likely. A spoof is pulled earlier.
    """
    count, found = len(best[+1]), []
    planned: list[tuple[int, int, int, int, int]] = []  # side, begin, states, ticks away, reached
    for at in np.flatnonzero(random.random(count) < STEP / EVERY).tolist():
        stands = 2 + round(random.exponential(LIFE / STEP))
        side = int(random.choice([-1, 1]))
        planned.append((side, at, stands, int(random.integers(*AWAY)), 0))
    for at in np.flatnonzero(random.random(count) < STEP / SHOWN_EVERY).tolist():
        side, begin = int(random.choice([-1, 1])), at
        for _ in range(SHOWN):
            stands = int(random.integers(SHOWN_FOR[0], SHOWN_FOR[1] + 1))
            planned.append((side, begin, stands, int(random.integers(*SHOWN_AWAY)), REACHED))
            begin += stands + int(random.integers(1, 3))
    for side, begin, stands, away, reached in planned:
        size, traded = float(random.uniform(*LARGE)), bool(random.random() < 0.5)
        if begin >= count:
            continue
        price = int(best[side][begin]) - side * away
        room = side * (best[side][begin : begin + stands] - price)
        comes = np.flatnonzero(room <= reached)
        end = begin + (int(comes[0]) if len(comes) else stands)
        met = bool(len(comes)) and not reached
        found.append(Wall(side, price, size, begin, end, met and traded))
    return found


def ladders(best: Ints, side: int, sizes: Floats) -> Floats:
    """Return prices and sizes of the levels of a side, shape (T, levels, 2)."""
    prices = best[:, None] - side * APART * np.arange(sizes.shape[1])
    return np.stack([np.round(prices * TICK, 2), sizes], axis=2)


def followed(history: obi.History, random: Random) -> obi.History:
    """Return a market with more levels, a spread that is wide at times, walls and trades.

    Mid and the sizes at the touch stay; states are `STEP` apart. Between each two states a trade
    comes at the touch of the first of them, and one at the price of each wall that is traded.
    """
    count = len(history)
    sizes = np.exp(0.7 * columns(random, count, 2 * RUNGS, 10.0)).reshape(count, 2, RUNGS)
    sizes[:, 0, 0], sizes[:, 1, 0] = history.sizes(+1)[:, 0], history.sizes(-1)[:, 0]
    wider = np.rint(np.exp(0.7 * columns(random, count, 1, 40.0)))[:, 0].astype(np.int64)
    bid, ask = (np.rint(one / TICK).astype(np.int64) for one in (history.bid, history.ask))
    best = {+1: bid - wider, -1: ask + wider}
    rungs = [ladders(best[side], side, sizes[:, n]) for n, side in enumerate((+1, -1))]
    side = random.choice([-1, 1], count)
    touch = np.where(side > 0, np.roll(best[-1], 1), np.roll(best[+1], 1)).tolist()
    taker, size = side.tolist(), (1 + random.exponential(1.0, count)).tolist()
    begins: dict[int, list[Wall]] = {}
    for wall in walls(random, best):
        begins.setdefault(wall.begin, []).append(wall)
    writer = HistoryWriter(Instrument("made", "walls", tick_size=TICK), levels=LEVELS, interval=0)
    book, stand, number = Book(), list[Wall](), 0
    for row, now in enumerate(markets.times(count, STEP).tolist()):
        if row:
            between = now - round(STEP * SECOND / 2)
            made = [(touch[row], size[row], taker[row])]
            made += [(w.price, w.size, -w.side) for w in stand if w.end == row and w.traded]
            for price, amount, of in made:
                number += 1
                one = Trade(between, between, round(price * TICK, 2), amount, of, number)
                writer.tape.trade(one, between)
        stand = [w for w in (*stand, *begins.get(row, ())) if w.end > row]
        levels = [rungs[0][row], rungs[1][row]]
        for w in stand:  # of two levels at one price, the later one counts
            at = 0 if w.side > 0 else 1
            levels[at] = np.append(levels[at], [[round(w.price * TICK, 2), w.size]], axis=0)
        book.replace(*levels)
        writer.append(now, now, book)
    return writer.history()


def with_walls(make: Callable[..., obi.History]) -> Callable[[Random], obi.History]:
    """Return a function that makes three hours of a market of `markets`, and follows its book."""

    @wraps(make)
    def made(random: Random) -> obi.History:
        return followed(make(random, STATES), random)

    return made
