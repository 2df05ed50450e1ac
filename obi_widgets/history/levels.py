"""Levels of book states in tiles, in the narrowest types: signals read these most.

Prices are whole ticks from their own side's best, sizes are float32, in tiles of 1,024 states with
time as the innermost axis: a signal of depth N then reads N levels' bytes and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obi_widgets.checks import as_float
from obi_widgets.errors import HistoryError, quoted
from obi_widgets.history.grid import on_grid
from obi_widgets.history.memory import zeros

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

TILE = 1024
"""States in a tile."""

TILES = 4
"""Tiles in a block, the unit of allocation."""

BLOCK = TILES * TILE
"""States in a block."""


class Levels(NamedTuple):
    """A block of levels.

    Attributes
    ----------
    ticks : ndarray of uint8, uint16 or uint32, shape (TILES, 2, levels, TILE)
        Ticks from the own side's best, bids first; the narrowest type that fits the block.
    sizes : ndarray of float32, shape (TILES, 2, levels, TILE)
        Base units; 0 where there is no level.
    """

    ticks: NDArray[np.unsignedinteger[Any]]
    sizes: NDArray[np.float32]

    @classmethod
    def empty(cls, count: int, levels: int, dtype: type = np.uint8) -> list[Levels]:
        """Return blocks of ``BLOCK`` states without levels.

        They share one allocation: the system backs a large one with huge pages, which are read
        5 % faster.
        """
        shape = (count, TILES, 2, levels, TILE)
        ticks: NDArray[np.unsignedinteger[Any]] = zeros(shape, dtype)
        sizes: NDArray[np.float32] = zeros(shape, np.float32)
        return [cls(*block) for block in zip(ticks, sizes, strict=True)]


class LevelReader:
    """Methods of `History` that read levels."""

    blocks: tuple[Levels, ...]
    levels: int
    tick_size: float
    offset: int
    bid: Floats
    ask: Floats

    def __len__(self) -> int:
        """Return the number of states."""
        return len(self.bid)

    def runs(self) -> Iterator[tuple[slice, Levels, int]]:
        """Yield a slice of rows, the block that holds them, and their first row in that block."""
        row = 0
        for number, block in enumerate(self.blocks):
            first = self.offset if number == 0 else 0
            last = min(BLOCK, first + len(self) - row)
            yield slice(row, row + last - first), block, first
            row += last - first

    def chunks(self) -> Iterator[tuple[slice, Levels]]:
        """Yield slices of rows with their levels, arrays of shape (2, levels, rows)."""
        for rows, block, first in self.runs():
            row = rows.start
            while row < rows.stop:
                tile, state = divmod(first + row - rows.start, TILE)
                count = min(TILE - state, rows.stop - row)
                part = (tile, slice(None), slice(None), slice(state, state + count))
                yield slice(row, row + count), Levels(block.ticks[part], block.sizes[part])
                row += count

    def prices(self, side: int) -> Floats:
        """Return the prices of one side's levels.

        Parameters
        ----------
        side : int
            +1 for bids, −1 for asks.

        Returns
        -------
        ndarray of float64, shape (T, levels)
            Best first, on the tick grid; NaN where there is no level.

        Raises
        ------
        HistoryError
            A side other than +1 or −1.
        """
        _check_side(side)
        best = self.bid if side > 0 else self.ask
        out = np.full((len(self), self.levels), np.nan)
        for rows, block in self.chunks():
            which = 0 if side > 0 else 1
            exists = block.sizes[which] > 0
            prices = prices_of(block.ticks[which], best[rows], side, self.tick_size)
            out[rows] = np.where(exists, prices, np.nan).T
        return out

    def sizes(self, side: int) -> Singles:
        """Return the sizes of one side's levels, shaped and ordered as `prices`, base units."""
        _check_side(side)
        out = np.full((len(self), self.levels), np.nan, np.float32)
        for rows, block in self.chunks():
            sizes = block.sizes[0 if side > 0 else 1]
            out[rows] = np.where(sizes > 0, sizes, np.nan).T
        return out

    def rank(self, number: int) -> tuple[NDArray[np.unsignedinteger[Any]], Singles]:
        """Return ticks and sizes of the levels of one rank, 0 for the best.

        Returns
        -------
        ndarray of unsigned integers and of float32, shape (2, T)
            Ticks from the own side's best, bids first; sizes, 0 where there is no level.

        Raises
        ------
        HistoryError
            A rank that is not kept.
        """
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        if not whole or not 0 <= number < self.levels:
            raise HistoryError(
                f"There is no rank {quoted(number)}.", f"This history has 0 to {self.levels - 1}."
            )
        ticks, sizes = np.empty((2, len(self)), np.uint32), np.empty((2, len(self)), np.float32)
        for rows, block, first in self.runs():
            part = slice(first, first + rows.stop - rows.start)
            for column, levels in ((ticks, block.ticks), (sizes, block.sizes)):
                column[:, rows] = levels[:, :, number].swapaxes(0, 1).reshape(2, BLOCK)[:, part]
        return ticks, sizes


def prices_of(
    ticks: NDArray[np.unsignedinteger[Any]], best: Floats, side: ArrayLike, tick_size: float
) -> Floats:
    """Return prices from ticks to the best: below it for bids (+1), above it for asks (−1)."""
    return on_grid(np.rint(best / tick_size) - np.multiply(side, ticks.astype(float)), tick_size)


def _check_side(side: object) -> None:
    """Refuse a side other than +1 or −1."""
    if as_float(side) not in (1, -1):
        raise HistoryError(
            f"side = {quoted(side)} is not possible.", "Give +1 for bids, or -1 for asks."
        )
