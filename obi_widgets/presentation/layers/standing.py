"""Large levels as spans of states of one size, kept up to date while a history grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.history.growing import Growing
from obi_widgets.history.large_levels_numpy import KEY, NUMBER, ROW, SIZE, STANDING, STATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.large_levels import LargeLevels

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Large = tuple[Ints, Ints, Floats, Ints, Ints]

NEVER = 2**62
"""Number of a state that does not come: a span has no end yet."""

FEW = 2000
"""Changes that are followed one by one; more are sorted at once."""


class Spans(NamedTuple):
    """Spans of states, shape (N,) each.

    ``key`` is the price, below 0 for asks; ``size`` is in base units; ``first`` and ``end`` are
    numbers of states, counted as ``history.start`` is, without the end.
    """

    key: Floats
    size: Floats
    first: Ints
    end: Ints


class Standing:
    """Follows a table of large levels that grows."""

    def __init__(self) -> None:
        self._forget()
        self._large: Large
        self._large_of, self._large_from = (-1, 0, 0.0), 0

    def _forget(self) -> None:
        self._read = 0  # rows of the table that have been followed
        self._start = -1
        self._open: dict[int, int] = {}  # by number of a level: its span that has no end
        self._real, self._ends = Growing(2, np.float64), Growing(2, np.int64)

    def large(self, levels: LargeLevels, number: int, tick_size: float) -> Large:
        """Return the large levels that stand at a state or later; see `heatmap_numpy.add_states`.

        Parameters
        ----------
        levels : LargeLevels
            The newest table.
        number : int
            Number of the state. Levels that had ended by then may be among those that are returned.
        tick_size : float
            Quote currency.
        """
        of = (levels.first, levels.whole.shape[1], tick_size)
        if of != self._large_of or number < self._large_from:  # the table changes once a second
            spans = self.between(levels, number, NEVER)
            tick = np.rint(np.abs(spans.key) / tick_size).astype(np.int64)
            side = (spans.key < 0).astype(np.int64)
            self._large = side, tick, spans.size, spans.first, spans.end
            self._large_of, self._large_from = of, number
        return self._large

    def between(self, levels: LargeLevels, first: int, end: int) -> Spans:
        """Return the spans that reach into the states of some numbers.

        Parameters
        ----------
        levels : LargeLevels
            The newest table, of which each earlier one is a part.
        first, end : int
            Number of the first state, and the one after the last.
        """
        if levels.first != self._start or levels.whole.shape[1] < self._read:
            self._forget()  # rows have been dropped, so that others have moved
            self._start = levels.first
        new = slice(self._read, levels.whole.shape[1])
        if new.stop - new.start > FEW:
            self._sort(levels)
        elif new.start < new.stop:
            self._follow(levels.whole[:, new], levels.real[:, new])
        self._read = new.stop
        ends, real = self._ends.read(), self._real.read()
        inside = np.flatnonzero((ends[0] < end) & (ends[1] > first))
        return Spans(*real.take(inside, axis=1), *ends.take(inside, axis=1))  # contiguous

    def _follow(self, whole: Ints, real: Floats) -> None:
        """Take changes one after the other."""
        for number, row, state, key, size in zip(
            whole[NUMBER].tolist(), whole[ROW].tolist(), whole[STATE].tolist(),
            real[KEY].tolist(), real[SIZE].tolist(), strict=True,
        ):  # fmt: skip
            before = self._open.pop(number, None)
            if before is not None:
                self._ends.read()[1, before] = row
            if state == STANDING:
                for rows, values in ((self._real, (key, size)), (self._ends, (row, NEVER))):
                    columns, at = rows.room(1)
                    columns[:, at] = values
                    rows.grow(1)
                self._open[number] = len(self._ends) - 1

    def _sort(self, levels: LargeLevels) -> None:
        """Take all changes at once."""
        whole, real = levels.whole, levels.real
        order = np.argsort(whole[NUMBER], kind="stable")
        number, row = whole[NUMBER][order], whole[ROW][order]
        end = np.append(np.where(np.diff(number) == 0, row[1:], NEVER), NEVER)[: len(order)]
        standing = whole[STATE][order] == STANDING
        back = np.argsort(order[standing], kind="stable")
        order, end = order[standing][back], end[standing][back]
        self._real, self._ends = Growing(2, np.float64), Growing(2, np.int64)
        spans = np.stack([whole[ROW][order], end])
        for rows, values in ((self._real, real[[KEY, SIZE]][:, order]), (self._ends, spans)):
            columns, at = rows.room(len(order))
            columns[:, at : at + len(order)] = values
            rows.grow(len(order))
        going = np.flatnonzero(end == NEVER)
        self._open = dict(zip(whole[NUMBER][order[going]].tolist(), going.tolist(), strict=True))
