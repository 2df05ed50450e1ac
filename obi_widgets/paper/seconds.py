"""What a paper run saw, a line for each second of event time, so that it can be compared later.

A checksum of the states of a second, of their levels, of their trades and of what was decided by:
where two histories have the same, they are the same as far as decisions go.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.decisions import Decisions

SECOND = 10**9
"""Nanoseconds."""

CHUNK = 4096
"""States whose levels are unpacked at once."""


class Second(Struct, kw_only=True):
    """What there was in one second of event time.

    Attributes
    ----------
    second : int
        Seconds since 1970, UTC.
    states, gaps : int
        Number of states; and of those among them in which the book was lost.
    book, levels, trades, values : int
        Checksums of: times and best prices; all kept levels; the number of trades of each state;
        what is compared with the threshold, and where an entry may begin.
    received : int
        When the last of the states was received, ns UTC.
    """

    second: int
    states: int = 0
    gaps: int = 0
    book: int = 0
    levels: int = 0
    trades: int = 0
    values: int = 0
    received: int = 0


class SecondsMaker:
    """Makes a `Second` of each second of a growing history, each state once."""

    def __init__(self) -> None:
        self._open: Second | None = None
        self._trades = 0  # number of trades up to the newest state

    def extend(self, history: History, decided: Decisions, first: int) -> list[Second]:
        """Take the states from row ``first`` on; return the seconds that are over."""
        over = list[Second]()
        seconds = history.time[first:] // SECOND
        cuts = np.flatnonzero(np.diff(seconds)) + 1
        for begin, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(seconds)], strict=True):
            if begin == end:  # no state at all
                continue
            at = int(seconds[begin])
            if self._open is not None and self._open.second != at:
                over.append(self._open)
                self._open = None
            if self._open is None:
                self._open = Second(second=at)
            self._add(self._open, history, decided, slice(first + begin, first + end))
        return over

    def rest(self) -> list[Second]:
        """Return the second that is not over, if there is one; nothing follows."""
        last, self._open = self._open, None
        return [] if last is None else [last]

    def _add(self, to: Second, history: History, decided: Decisions, rows: slice) -> None:
        to.states += rows.stop - rows.start
        to.gaps += int(np.count_nonzero(history.lost[rows]))
        to.received = int(history.received[rows.stop - 1])
        to.book = _checksum(
            to.book, history.time[rows], _bits(history.bid[rows]), _bits(history.ask[rows])
        )
        ends = history.trade_ends[rows]
        to.trades = _checksum(to.trades, np.diff(ends, prepend=self._trades))
        self._trades = int(ends[-1])
        to.values = _checksum(to.values, _bits(decided.values[rows]), _bits(decided.entries[rows]))
        for begin in range(rows.start, rows.stop, CHUNK):
            part = history[begin : min(begin + CHUNK, rows.stop)]
            sides = [
                column for side in (+1, -1) for column in (part.prices(side), part.sizes(side))
            ]
            to.levels = _checksum(to.levels, *[_bits(one) for one in sides])


def _bits(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the bits of values; those of NaN and of zero are always the same."""
    plain = np.array(values, np.float64)  # a copy
    plain[np.isnan(plain)] = np.nan
    plain[plain == 0] = 0.0
    return plain.view(np.int64)


def _checksum(before: int, *columns: NDArray[np.int64]) -> int:
    """Return the checksum of more rows; it does not depend on how many come at once."""
    rows = np.column_stack(columns).astype("<i8", copy=False)
    return zlib.crc32(np.ascontiguousarray(rows).data, before)


def seconds_of(history: History, decided: Decisions) -> dict[int, Second]:
    """Return all seconds of a history by their number."""
    maker = SecondsMaker()
    found = [*maker.extend(history, decided, 0), *maker.rest()]
    return {one.second: one for one in found}
