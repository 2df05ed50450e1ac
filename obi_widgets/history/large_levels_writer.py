"""Following large levels while the states of a history are written."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from obi_widgets.history import large_levels_numpy
from obi_widgets.history.growing import Growing
from obi_widgets.history.large_levels import LargeLevels, kept_from
from obi_widgets.history.large_levels_numpy import (
    BORN,
    BRIEF,
    BUCKETS,
    COLUMNS,
    COUNT,
    EDGES,
    FADE,
    KEY,
    MULTIPLE,
    QUANTILE,
    ROW,
    STATE,
    TIME,
    UNKNOWN,
)
from obi_widgets.history.unchecked import LastMade
from obi_widgets.kernels.loader import Kernels
from obi_widgets.market_data.book import Book

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KERNELS = Kernels("obi_widgets.history.large_levels_numba", large_levels_numpy)

SECOND = 1_000_000_000

LOOKS = 5 * SECOND
"""From one look at the whole book to the next."""

ROOM = 256
"""Levels that there is room for before the first growth."""

MANY = 8192
"""Changes that are not left to wait for the end of a second."""


SIGNS = np.array([[1.0], [-1.0]])
"""Of the keys of bids and asks."""


class TradesSoFar(Protocol):
    """Trades as they come; see `obi_widgets.history.trades_writer.TradesWriter`."""

    stamps: NDArray[np.int64]
    amounts: NDArray[Any]
    count: int
    decimals: list[int]

    def number(self, row: int) -> int:
        """Return how many trades had come before that of a row."""


class LargeLevelsWriter:
    """Follows large levels of a book; hands out tables that it never changes.

    Parameters
    ----------
    trades : TradesSoFar
        Where trades come.

    Attributes
    ----------
    changed : array of int
        For each event since the last look at the changes: its time, and ``middle`` and ``end`` of
        the book.
    due : int
        The event time of the next look, ns.
    """

    def __init__(self, trades: TradesSoFar) -> None:
        KERNELS.start()
        self._trades = trades
        self._trade = 0  # the number of the first that was not taken into account
        self.changed = array("q")
        self.due = self._look_due = 0
        self._book: Book | None = None
        self._newest = 0
        self._mid = np.nan
        self._seen = np.zeros((len(EDGES), BUCKETS))
        self._usual = np.full(len(EDGES), np.inf)
        self._levels = np.zeros((COLUMNS, ROOM), np.int64), np.zeros((COLUMNS, ROOM))
        self._counts = np.zeros(2, np.int64)
        self._rows = Growing(COLUMNS, np.int64), Growing(COLUMNS, np.float64)
        self._made = LastMade()

    def note(self, time: int, book: Book, row: int) -> None:
        """Take note of an event that led to this book.

        Parameters
        ----------
        time : int
            Of the event, ns.
        book : Book
            As it is then, with the changes that it tells of.
        row : int
            The number of the state that what is known by now belongs to.
        """
        if book.replaced or book is not self._book:
            self._replace(time, book, row)
        else:
            self.changed.extend((time, book.middle, book.end))
        if time >= self.due or book.end > MANY or book.bids.window:
            self._follow(book.changes, row)
            book.end = 0
            self.due = (time // SECOND + 1) * SECOND
            if time >= self._look_due:
                self._look(time, book)
                self._look_due = time + LOOKS

    def note_whole(self, time: Ints, prices: Floats, sizes: Floats, row: int) -> None:
        """Take note of books that came whole, as `note` does of each; of such alone.

        Parameters
        ----------
        time : ndarray of int64, shape (T,)
            When they came, ns; increasing.
        prices, sizes : ndarray of float64, shape (T, 2, L)
            Bids first, best first; 0 where there is no level.
        row : int
            The number of the first state.
        """
        book = self._book = self._book or Book()
        due = np.diff(time // SECOND, prepend=self.due // SECOND - 1) > 0
        self.due = (int(time[-1]) // SECOND + 1) * SECOND
        begin = 0
        while begin < len(time):
            looks = begin + np.flatnonzero(due[begin:] & (time[begin:] >= self._look_due))[:1]
            end = int(looks[0]) + 1 if len(looks) else len(time)
            part = slice(begin, end)
            self._follow_whole(time[part], prices[part], sizes[part], row + begin)
            if len(looks):
                last, now = end - 1, int(time[end - 1])
                self.changed.extend((now, 0, 0))
                self._follow(book.changes, row + last)  # earlier trades took nothing that is found
                bids, asks = (
                    np.stack([price[size > 0], size[size > 0]], axis=1)
                    for price, size in zip(prices[last], sizes[last], strict=True)
                )
                book.replace(bids, asks)
                self._look(now, book)
                self._look_due = now + LOOKS
            begin = end

    def _follow_whole(self, time: Ints, prices: Floats, sizes: Floats, row: int) -> None:
        """Follow the levels through books that came whole, between two looks."""
        usual = np.append(self._usual, np.inf)
        large = sizes >= MULTIPLE * usual.min()
        some = large.nonzero()  # a few, of which it is looked at how far they are
        away = 1e4 * abs(prices[some] - self._mid) / self._mid
        large[some] = sizes[some] >= MULTIPLE * usual[np.searchsorted(EDGES, away, side="right")]
        keys = prices * SIGNS
        # Nothing else can be followed until the next look.
        followed = self._levels[1][KEY, : self._counts[COUNT]]
        watched = np.union1d(followed, keys[large])
        if not len(watched):
            return
        now = np.stack([np.where(keys == key, sizes, 0.0).sum(axis=(1, 2)) for key in watched], 1)
        asks, any_large = watched < 0, large.any(axis=(1, 2)).tolist()
        for state, size in enumerate(now):
            if not (any_large[state] or self._counts[COUNT]):
                continue
            # As `_replace` has them: bids first, and last of each side what is gone.
            order = np.lexsort((size == 0, asks))
            changes = np.stack([abs(watched), size], axis=1)[order]
            self.changed.extend((int(time[state]), len(asks) - int(asks.sum()), len(asks)))
            self._follow(changes, row + state)

    def _replace(self, time: int, book: Book, row: int) -> None:
        """Take a book that came as a whole for changes of the one before."""
        if self._book is not None:
            self._follow(self._book.changes, row)
        self._book = book
        keys = self._levels[1][KEY, : self._counts[COUNT]]  # in order, of asks below 0
        changes = np.zeros((book.bids.count + book.asks.count + len(keys), 2))
        asks, end = int(keys.searchsorted(0.0)), 0
        self.changed.append(time)
        for side, own in ((book.bids, keys[asks:]), (book.asks, keys[:asks])):
            levels = side.levels[:, : side.count]
            if not levels[1].all():  # some were removed
                levels = levels[:, levels[1] > 0]
            begin, end = end, end + levels.shape[1]
            changes[begin:end] = levels.T
            if len(own):
                gone = own
                if end > begin:
                    gone = own[levels[0].take(levels[0].searchsorted(own), mode="clip") != own]
                begin, end = end, end + len(gone)
                changes[begin:end, 0] = gone
            self.changed.append(end)
        self._follow(np.abs(changes, out=changes), row)
        book.replaced, book.end = False, 0

    def _follow(self, changes: NDArray[np.float64], row: int) -> None:
        """Follow the levels through the events since the last time."""
        if not self.changed:
            return
        notes = np.array(self.changed, np.int64).reshape(-1, 3)
        del self.changed[:]
        book, trades = self._book, self._trades
        assert book is not None
        most = self._make_room(int(notes[-1, 2]))  # each change makes one level large at most
        whole, at = self._rows[0].room(most)
        real, _ = self._rows[1].room(most)
        first = trades.number(0)
        end, trade, self._newest = KERNELS.code.follow(
            changes, notes, self._newest, trades.stamps, trades.amounts,
            max(self._trade - first, 0), trades.count,
            10.0 ** trades.decimals[0], 10.0 ** trades.decimals[1],
            book.bids.edge, book.asks.edge, self._mid, self._usual,
            *self._levels, self._counts, row, at, whole, real,
        )  # fmt: skip
        self._trade = first + trade
        if end > at:
            self._rows[1].grow(end - at)
            self._rows[0].grow(end - at)  # what is found here must be there

    def _look(self, time: int, book: Book) -> None:
        """Count the sizes of all levels that are known, and find the large ones among them."""
        mid = (book.bids.best + book.asks.best) * 0.5
        if not mid > 0:
            return
        self._mid = mid
        self._make_room(book.bids.count + book.asks.count)
        self._seen *= FADE
        code = KERNELS.code
        for finds in (False, True):
            for side in (book.bids, book.asks):
                code.look(
                    side.levels, side.count, side.edge, mid, self._seen, self._usual,
                    *self._levels, self._counts, max(time, self._newest), finds,
                )  # fmt: skip
            if not finds:
                code.judge(self._seen, self._usual)

    def _make_room(self, count: int) -> int:
        """Make room for so many levels more; return how many there can be then."""
        most = int(self._counts[COUNT]) + count
        if most > self._levels[0].shape[1]:
            grown = np.zeros((COLUMNS, 2 * most), np.int64), np.zeros((COLUMNS, 2 * most))
            for new, old in zip(grown, self._levels, strict=True):
                new[:, : old.shape[1]] = old
            self._levels = grown
        return most

    def begin(self, time: int, row: int) -> None:
        """Take note that the book was lost, in a state of this time and number."""
        if self._book is not None:
            self._follow(self._book.changes, row)
        self._book = None
        whole, real = (one[:, : self._counts[COUNT]] for one in self._levels)
        time = max(time, self._newest)
        told = time - whole[BORN] >= BRIEF
        whole[TIME], whole[ROW], whole[STATE] = time, row, UNKNOWN
        for rows, levels in zip(self._rows[::-1], (real[:, told], whole[:, told]), strict=True):
            columns, at = rows.room(levels.shape[1])
            columns[:, at : at + levels.shape[1]] = levels
            rows.grow(levels.shape[1])
        self._counts[COUNT] = 0
        self._seen[:], self._usual[:] = 0.0, np.inf
        self.due = self._look_due = 0

    def table(self, start: int, until: int) -> LargeLevels:
        """Return what is known of the levels of the states from one number up to another."""
        whole = self._rows[0].read()
        count = int(whole[ROW].searchsorted(until))
        of = (self._rows[0].state, self._rows[1].state)
        return self._made.of(LargeLevels, of, (start, count), lambda: {
            "whole": whole[:, :count], "real": self._rows[1].read()[:, :count], "first": start,
            "edges": EDGES, "quantile": QUANTILE, "multiple": MULTIPLE,
        })  # fmt: skip

    def drop(self, until: int) -> None:
        """Forget the levels that had ended before the state of this number."""
        kept = kept_from(self._rows[0].read(), until)
        for rows in self._rows:
            rows.keep(kept)
