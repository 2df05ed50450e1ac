"""Mean sizes at rest by price row and column of time, from the three places that tell of them.

Where the kept levels of a state cover a row, they are taken. Beyond them depth by price bin is,
which is sampled once a second and spread evenly over the prices of a bin; large levels in a bin,
whose prices are known, stand at these. So all are sizes for one height of price.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.history.depth import ROW
from obi_widgets.history.levels import BLOCK
from obi_widgets.kernels.loader import Kernels
from obi_widgets.presentation.layers import heatmap_numpy
from obi_widgets.presentation.layers.heatmap_numpy import LOOKS
from obi_widgets.presentation.layers.standing import NEVER, Standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.depth import Depth
    from obi_widgets.history.levels import Levels
    from obi_widgets.presentation.charts.window import Window

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]

KERNELS = Kernels("obi_widgets.presentation.layers.heatmap_numba", heatmap_numpy)

ROWS = 160
"""The most rows of the price range that is shown; a chart gives each about two pixels."""

MARGIN = 0.125
"""Share of the price range that is pictured above and below it, so that a small move of the range
needs no new picture."""

HEIGHTS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
"""Heights of a row in ticks, times a power of ten, if that is a whole number."""


class Rows(NamedTuple):
    """Rows of prices: ``number`` rows of ``height`` ticks, the lowest at ``low * height`` ticks."""

    height: int
    low: int
    number: int

    @classmethod
    def of(cls, low: float, high: float, tick_size: float) -> Rows:
        """Return the rows that picture a price range with its margin."""
        height = row_height((high - low) / tick_size)
        margin = MARGIN * (high - low)
        first = math.floor(max(low - margin, 0.0) / tick_size / height)
        last = math.ceil((high + margin) / tick_size / height)
        return cls(height, first, last - first)

    def cover(self, low: float, high: float, tick_size: float) -> bool:
        """Return whether they are of the right height for a price range, and cover it."""
        step = self.height * tick_size
        return (
            row_height((high - low) / tick_size) == self.height
            and self.low * step <= low
            and high <= (self.low + self.number) * step
        )


@lru_cache(16)
def row_height(ticks: float) -> int:
    """Return the height of a row, ticks, for a range of so many ticks."""
    need = max(ticks / ROWS, 1.0)
    power = 10.0 ** math.floor(math.log10(need))
    heights = [m * power for m in HEIGHTS if (m * power).is_integer()]
    return next(int(height) for height in heights if height >= need * (1 - 1e-9))


class Cells(NamedTuple):
    """Columns of a picture.

    Attributes
    ----------
    means : ndarray of float64, shape (columns, rows)
        Mean size of the side of which more rested there, base units.
    asks, known : ndarray of bool, shape (columns, rows)
        Whether that side is the asks; whether the row is known.
    middle : ndarray of float32, shape (columns,)
        Mean of mid, in rows from the lowest.
    """

    means: Floats
    asks: Bools
    known: Bools
    middle: Singles


class CellMaker:
    """Computes columns of a picture of a growing history."""

    def __init__(self) -> None:
        KERNELS.start()
        self._standing = Standing()

    def cells(self, history: History, window: Window, rows: Rows, start: int, end: int) -> Cells:
        """Return the columns of a window from one up to another."""
        code, picture = KERNELS.code, (rows.height, rows.low, rows.number)
        states, column, looks = looked_at(history, window.start, window.column, start, end)
        bid, ask = history.bid.take(states), history.ask.take(states)
        reach, numbers = history.reach.take(states, axis=1), history.start + states
        sums = np.zeros((end - start, 2, rows.number))
        times = np.zeros((end - start, rows.number))
        depth, tick_size = history.depth, history.tick_size
        width, samples = round(depth.step / tick_size), samples_of(depth, numbers)
        oldest = int(numbers[0]) if len(numbers) else NEVER
        large = self._standing.large(history.large_levels, oldest, tick_size)
        for part, block, place in by_block(history, states):
            code.add_states(
                *block, place, bid[part], ask[part], np.ascontiguousarray(reach[:, part]),
                tick_size, np.ascontiguousarray(samples[:, part]), depth.sizes, depth.start,
                width, large, numbers[part], column[part], looks[part], picture, sums, times,
            )  # fmt: skip
        return Cells(*code.cells(sums, times, column, looks, bid, ask, tick_size, picture))


def looked_at(
    history: History, origin: int, width: int, start: int, end: int
) -> tuple[Ints, Ints, Floats]:
    """Return which states are found by looking at some columns; see `heatmap_numpy.looked_at`."""
    found: tuple[Ints, Ints, Floats] = KERNELS.code.looked_at(
        history.time, history.bid, history.ask, origin, width, start, end
    )
    return found


def samples_of(depth: Depth, numbers: Ints) -> Ints:
    """Return the sample of depth before each state of these numbers; zeros where there is none.

    Returns
    -------
    ndarray of int64, shape (8, V)
    """
    before = depth.samples[ROW].searchsorted(numbers, "right") - 1
    if not len(before) or before[-1] < 0:
        return np.zeros((len(depth.samples), len(before)), np.int64)
    samples: Ints = depth.samples.take(before, axis=1)
    samples[:, before < 0] = 0
    return samples


def looks_before(newest: int, width: int) -> tuple[int, int]:
    """Return a column, and how many looks of it are before a newest state: all that it tells."""
    column = newest // width
    return column, max(-(-(newest - column * width) * LOOKS // width), 1)


def by_block(history: History, states: Ints) -> Iterator[tuple[slice, Levels, Ints]]:
    """Yield a slice of the states, their block of levels, and where they stand in it."""
    place, start = states + history.offset, 0
    while start < len(states):
        number = int(place[start]) // BLOCK
        end = start + int(place[start:].searchsorted((number + 1) * BLOCK))
        yield slice(start, end), history.blocks[number], place[start:end] % BLOCK
        start = end
