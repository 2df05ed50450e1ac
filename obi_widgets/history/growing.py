"""Columns that grow at their end while they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obi_widgets.history.memory import zeros

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

ROOM = 1024
"""Rows that there is room for before the first growth."""


class Growing:
    """Columns of one dtype, that one thread appends to and any thread reads.

    Rows that were read are never written again, so reading takes no lock.

    Parameters
    ----------
    columns : int
        How many.
    dtype : DTypeLike
        Of their values.

    Attributes
    ----------
    start : int
        How many rows have been dropped from the front.
    """

    def __init__(self, columns: int, dtype: DTypeLike) -> None:
        # Replaced as a whole, so that a reader never sees new columns with old bounds.
        self._state: tuple[NDArray[Any], int, int] = (zeros((columns, ROOM), dtype), 0, 0)
        self.start = 0

    def __len__(self) -> int:
        _, first, last = self._state
        return last - first

    @property
    def state(self) -> object:
        """What the rows are now: another object after each change."""
        return self._state

    def read(self) -> NDArray[Any]:
        """Return the rows that are kept, shape (columns, rows), sharing memory."""
        columns, first, last = self._state
        return columns[:, first:last]

    def room(self, count: int) -> tuple[NDArray[Any], int]:
        """Return the columns with room for so many more rows, and where these begin."""
        columns, first, last = self._state
        if last + count > columns.shape[1]:
            kept = columns[:, first:last]
            columns = zeros((len(columns), 2 * (last - first + count) + ROOM), columns.dtype)
            first, last = 0, last - first
            columns[:, :last] = kept
            self._state = columns, first, last
        return columns, last

    def grow(self, count: int) -> None:
        """Count so many rows more as written."""
        columns, first, last = self._state
        self._state = columns, first, last + count

    def keep(self, which: NDArray[np.intp]) -> None:
        """Keep these rows alone, in this order."""
        rows = self.read()[:, which]
        columns = zeros((len(rows), 2 * len(which) + ROOM), rows.dtype)
        columns[:, : len(which)] = rows
        self._state = columns, 0, len(which)

    def drop(self, count: int) -> None:
        """Forget so many rows at the front."""
        columns, first, last = self._state
        self._state = columns, first + count, last
        self.start += count
