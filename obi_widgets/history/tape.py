"""Getting the tables beside the states of a history written while these are.

What has been handed out is never written again, so reading it takes no lock.
"""

from __future__ import annotations

from math import nan
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.history.context import NAMES, PRICE, SIZE, Context
from obi_widgets.history.depth_writer import DepthWriter
from obi_widgets.history.large_levels_writer import LargeLevelsWriter
from obi_widgets.history.memory import zeros
from obi_widgets.history.silences import SilenceFinder, of_states
from obi_widgets.history.trades_writer import TradesWriter
from obi_widgets.history.unchecked import LastMade

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.rows import Columns
    from obi_widgets.market_data.book import Book
    from obi_widgets.market_data.events import Liquidation, Mark, Trade

    Ints = NDArray[np.int64]

ROOM = 4096
"""Rows that a table has room for before it grows."""

TOLD_AGAIN = 60 * 10**9
"""Time after which the next funding is noted again, ns. It stays the same for hours, so it is not
kept each second; and a row of hours ago that still holds would keep all rows since."""


class ContextWriter:
    """Values as they come."""

    def __init__(self) -> None:
        self._stamps: Ints = np.empty((2, ROOM), np.int64)
        self._codes: NDArray[np.uint8] = np.empty(ROOM, np.uint8)
        self._values = np.empty(ROOM)
        self._count = self._dropped = 0
        self._newest = 0
        self._lock = Lock()
        self._made = LastMade()

    def append(self, time: int, received: int, values: Mapping[str, float]) -> None:
        """Take values of one time, by their names in `NAMES`."""
        count = len(values)
        if self._count + count > len(self._values):
            self._make_room()
        self._newest = max(self._newest, received)
        rows = slice(self._count, self._count + count)
        self._stamps[:, rows] = [[time], [self._newest]]
        self._codes[rows] = [NAMES.index(name) for name in values]
        self._values[rows] = [*values.values()]
        self._count = rows.stop

    def table(self, received: int) -> Context:
        """Return what was received before a local time, ns."""
        with self._lock:
            known = self._stamps[1, self._dropped : self._count]
            rows = slice(self._dropped, self._dropped + int(known.searchsorted(received)))
            of = (rows.start, rows.stop)
            return self._made.of(Context, (self._stamps,), of, lambda: {
                "stamps": self._stamps[:, rows], "code": self._codes[rows],
                "value": self._values[rows],
            })  # fmt: skip

    def drop(self, received: int) -> None:
        """Forget what was received before a local time, ns, but the newest that still holds.

        A liquidation does not hold: it may be days ago, and would keep all that came since.
        """
        before = self._dropped + int(
            np.searchsorted(self._stamps[1, self._dropped : self._count], received)
        )
        codes = self._codes[self._dropped : before][::-1]
        names, first = np.unique(codes, return_index=True)
        first = first[(names != PRICE) & (names != SIZE)]
        self._dropped = before - 1 - int(first.max()) if len(first) else before

    def _make_room(self) -> None:
        rows, count = slice(self._dropped, self._count), self._count - self._dropped
        room = 2 * count + ROOM
        stamps, codes = np.empty((2, room), np.int64), np.empty(room, np.uint8)
        values = np.empty(room)
        stamps[:, :count], codes[:count] = self._stamps[:, rows], self._codes[rows]
        values[:count] = self._values[rows]
        with self._lock:
            self._stamps, self._codes, self._values = stamps, codes, values
            self._count, self._dropped = count, 0


class TapeWriter:
    """The tables beside the states that a `HistoryWriter` writes.

    Attributes
    ----------
    due : int
        The event time from which on `sample` must be called, ns. It must also be called for a book
        that was replaced, and for one with many changes that were not read.
    changed : array of int
        For each event without such a call: its time, and ``middle`` and ``end`` of the book.
    """

    def __init__(self) -> None:
        self.trades = TradesWriter()
        self.depth = DepthWriter()
        self.large_levels = LargeLevelsWriter(self.trades)
        self.changed = self.large_levels.changed
        self.due = 0
        self._silences = SilenceFinder()
        self._context = ContextWriter()
        self._next_funding, self._funding_told = nan, 0
        self._ends: Ints = np.zeros(ROOM, np.int64)
        self._numbered = 0  # states whose number of trades is known
        self._reached = 0  # the latest receive time of these
        self._told = 0  # to where context may be handed out

    def trade(self, trade: Trade, received: int) -> bool:
        """Take a trade; return whether it can be held."""
        return self.trades.append(trade, received)

    def lose_trades(self, row: int) -> None:
        """Take note that trades do not come any more; the number is that of the next state."""
        self._silences.lose(row)

    def sample(self, time: int, received: int, book: Book, row: int, tick_size: float) -> None:
        """Take the book of the state with this number: its large levels, and its depth if due."""
        self.large_levels.note(time, book, row)
        if time >= self.depth.due:
            self.depth.sample(time, received, book, row, tick_size)
        # Of a book with a window, changes tell of levels that the next event drops.
        self.due = 0 if book.bids.window else min(self.large_levels.due, self.depth.due)

    def pass_over(self, book: Book, row: int) -> None:
        """Take an event whose time is wrong; the number is that of the next state."""
        self.large_levels.note(0, book, row)

    def begin(self, time: int, row: int) -> None:
        """Take note that the book was lost, in a state of this time and number."""
        self.depth.begin()
        self.large_levels.begin(time, row)
        self.due = 0

    def mark(self, mark: Mark, received: int) -> None:
        """Take a mark price and the values beside it; leave out what was not sent."""
        values = {
            "mark": mark.price, "index": mark.index, "funding_rate": mark.funding_rate,
            "open_interest": mark.open_interest, "long_short_ratio": mark.long_short_ratio,
        }  # fmt: skip
        sent = {name: value for name, value in values.items() if value == value}
        again = mark.time - self._funding_told >= TOLD_AGAIN
        if mark.next_funding == mark.next_funding and (
            again or mark.next_funding != self._next_funding
        ):
            sent["next_funding"] = self._next_funding = mark.next_funding
            self._funding_told = mark.time
        self._context.append(mark.time, received, sent)

    def liquidation(self, one: Liquidation, received: int) -> None:
        """Take a liquidation."""
        values = {"liquidation_price": one.price, "liquidated": one.side * one.size}
        self._context.append(one.time, received, values)

    def ends(self, received: Ints) -> Ints:
        """Return how many trades had come before each state, of those that are kept so far.

        What is counted once never changes: later trades are not received before these states.

        Parameters
        ----------
        received : ndarray of int64, shape (T,)
            Of the states.
        """
        count = len(received)
        if count > len(self._ends):
            grown: Ints = zeros(2 * count, np.int64)
            grown[: self._numbered] = self._ends[: self._numbered]
            self._ends = grown
        since = int(self._ends[self._numbered - 1]) if self._numbered else 0
        if count - self._numbered == 1:
            self._reached = max(int(received[-1]), self._reached)
            self._ends[self._numbered] = self.trades.numbers(self._reached, since)
        elif count > self._numbered:
            reached = np.maximum.accumulate(np.maximum(received[self._numbered :], self._reached))
            self._ends[self._numbered : count] = self.trades.numbers(reached, since)
            self._reached = int(reached[-1])
        self._numbered = max(count, self._numbered)
        return self._ends[:count]

    def tables(self, states: Columns, start: int) -> dict[str, Any]:
        """Return the tables of a history, as its fields.

        Parameters
        ----------
        states : Columns
            Its states.
        start : int
            The number of its first state.
        """
        received = states.received
        ends, reached = self._follow(states, start), self._reached
        if len(received) < self._numbered:  # later values belong to later states
            reached = int(received.max(initial=0))
        until = int(ends[-1]) if len(ends) else 0
        ends.flags.writeable = False
        return {
            "trades": self.trades.table(until), "context": self._context.table(reached),
            "trade_ends": ends, "depth": self.depth.table(start + len(received)),
            "large_levels": self.large_levels.table(start, start + len(received)),
            "silences": of_states(self._silences.found, start, start + len(received)),
        }  # fmt: skip

    def _follow(self, states: Columns, start: int) -> Ints:
        """Return `ends` of states, after looking for silences among them."""
        ends = self.ends(states.received)
        self._silences.follow(states.time, states.bid, states.ask, ends, start)
        return ends

    def drop(self, states: Columns, start: int) -> None:
        """Forget the oldest states, of which the first has this number, and what is theirs."""
        self.depth.drop(start + len(states.time))
        self.large_levels.drop(start + len(states.time))
        ends, received = self._follow(states, start), states.received
        self._silences.drop(start + len(states.time))
        self.trades.drop(int(ends[-1]))
        self._context.drop(int(received[-1]))
        self._ends = self._ends[len(ends) :]
        self._numbered -= len(ends)

    def set_back(self, received: Ints) -> None:
        """Take note that the local clock was set back, so that no trade seems to be of before.

        Parameters
        ----------
        received : ndarray of int64, shape (T,)
            Of the states so far, with the one that waits for its interval to end.
        """
        newest = int(received[self._numbered :].max(initial=self._reached))
        self.trades.newest = max(self.trades.newest, newest)
