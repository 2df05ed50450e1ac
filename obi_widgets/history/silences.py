"""Silences of the stream of trades: no trade comes, although the book goes on as before.

Whether a stream has stopped or nobody trades cannot be known. The rule compares with the stream's
own past. Between two trades, *moves* are counted: states in which a best price of the state before
is gone (a lower bid or a higher ask). A resting order there was taken or cancelled, so that moves
come with trades in a proportion that the market's pace does not change much.

The stream counts as silent from the first state at which all of this holds:

- `FEWEST` trades or more came before, counting those of one state as one;
- since the last one there were more than `MOVES` moves, more than `FACTOR` times as many as between
  any two trades before, and more than `ODDS` times as many as on average. If trades came at random,
  one in each that many moves, the last would happen by chance once in 10¹² times;
- since the last one more than `SECONDS` seconds went by, and more than `FACTOR` times as many as
  between any two trades before.

A stream whose connection was lost is silent from the state after the next one on: trades that came
before the loss may belong to the next one.

A silence ends at the next state with a trade. It does not count as past. Nothing later than a state
is used for it, so a silence shows late, unless the connection was lost: orders of the time before
are taken as they seemed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from obi_widgets.errors import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.trades import Trades

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST = 30
"""Trades before the rule is used."""

MOVES, SECONDS = 100, 60.0
"""Fewest moves and seconds without a trade that are a silence."""

FACTOR = 5.0
"""How many times the longest run of moves, and the longest time, without a trade."""

ODDS = math.log(1e12)
"""How many times the mean number of moves between two trades."""

FEW = 16
"""States that are examined one by one; vectors take longer for so few."""

OPEN = 2**62
"""End of a silence that has not ended."""


class Silence(NamedTuple):
    """States in which trades are unknown, by number, counted like ``History.start``.

    Attributes
    ----------
    first : int
        The state at which the silence showed.
    last : int
        The state after the last one: the first with a trade, or `OPEN`.
    """

    first: int
    last: int


class SilenceFinder:
    """Finds silences while the states of a history are written."""

    def __init__(self) -> None:
        self.found: list[Silence] = []
        self._next = 0  # number of the first state that was not examined
        self._lost: list[int] = []  # of states from which on the stream is lost, not examined yet
        self._before = np.nan, np.nan, 0  # of the state before: bid, ask, number of trades
        self._moves, self._since = 0, -1  # since the last trade: moves; the time of that trade
        self._runs = self._total = self._longest = 0  # runs of moves without a trade
        self._slowest = 0  # longest time between two trades, ns

    def lose(self, number: int) -> None:
        """Take note that the stream is lost; the number is that of the next state."""
        if number + 1 not in self._lost[-1:]:  # it may be lost again before the next state
            self._lost.append(number + 1)

    def drop(self, number: int) -> None:
        """Forget the silences that ended before the state with this number."""
        self.found = [one for one in self.found if one.last > number]

    def follow(self, time: Ints, bid: Floats, ask: Floats, trade_ends: Ints, start: int) -> None:
        """Examine the states that were not examined yet.

        Parameters
        ----------
        time, bid, ask, trade_ends : ndarray, shape (T,)
            See `obi_widgets.history.columns.History`.
        start : int
            Number of the first state.
        """
        while self._lost and (until := self._lost[0] - start) < len(time):
            number = self._lost.pop(0)
            self.follow(time[:until], bid[:until], ask[:until], trade_ends[:until], start)
            if not (self.found and self.found[-1].last == OPEN):
                self.found.append(Silence(number, OPEN))
        first = self._next - start
        if first >= len(time):
            return
        self._next = start + len(time)
        if self._since < 0:
            self._since = int(time[first])
        if len(time) - first <= FEW:
            for row in range(first, len(time)):
                self._step(
                    start + row, int(time[row]), float(bid[row]), float(ask[row]),
                    int(trade_ends[row]),
                )  # fmt: skip
            return
        time, bid, ask, ends = time[first:], bid[first:], ask[first:], trade_ends[first:]
        bids, asks, counts = (
            np.append(before, column)
            for before, column in zip(self._before, (bid, ask, ends), strict=True)
        )
        self._before = float(bid[-1]), float(ask[-1]), int(ends[-1])
        moved = (bids[1:] < bids[:-1]) | (asks[1:] > asks[:-1])
        traded = counts[1:] > counts[:-1]
        lost = np.isnan(bid) & np.isnan(ask)
        number, row = start + first, 0
        while row < len(time):
            if self.found and self.found[-1].last == OPEN:
                next_trade = row + int(np.argmax(traded[row:]))
                if not traded[next_trade]:
                    return
                self.found[-1] = self.found[-1]._replace(last=number + next_trade)
                self._moves, self._since = 0, int(time[next_trade])
                row = next_trade + 1
                continue
            rows = slice(row, None)
            shows = self._shows(time[rows], moved[rows], traded[rows], lost[rows])
            if shows < 0:
                return
            row += shows
            self.found.append(Silence(number + row, OPEN))

    def _step(self, number: int, time: int, bid: float, ask: float, trades: int) -> None:
        """Examine one state, by its number."""
        bid_before, ask_before, trades_before = self._before
        self._before = bid, ask, trades
        is_silent = bool(self.found) and self.found[-1].last == OPEN
        if trades > trades_before:
            if is_silent:
                self.found[-1] = self.found[-1]._replace(last=number)
            else:
                self._runs, self._total = self._runs + 1, self._total + self._moves
                self._longest = max(self._longest, self._moves)
                self._slowest = max(self._slowest, time - self._since)
            self._moves, self._since = 0, time
        elif is_silent:
            return
        elif bid != bid and ask != ask:  # NaN: the book was lost
            self._moves, self._since = 0, time
        else:
            self._moves += bid < bid_before or ask > ask_before
            most = max(MOVES, FACTOR * self._longest, ODDS * self._total / max(self._runs, 1))
            patience = max(SECONDS * 1e9, FACTOR * self._slowest)
            if self._runs >= FEWEST and self._moves > most and time - self._since > patience:
                self.found.append(Silence(number, OPEN))
                self._moves = 0

    def _shows(
        self, time: Ints, moved: NDArray[np.bool_], traded: NDArray[np.bool_],
        lost: NDArray[np.bool_],
    ) -> int:  # fmt: skip
        """Return the first of these states at which a silence shows; -1 without one."""
        # A run of moves ends at a trade, where the book is lost, or is not over at the end.
        stops = np.append(np.flatnonzero(traded | lost), len(time))
        moves = np.append(0, np.cumsum(moved))  # before each state
        begun = np.append(-self._moves, moves[stops[:-1] + 1])
        since = np.append(self._since, time[stops[:-1]])
        length = moves[stops] - begun
        counts = np.append(traded[stops[:-1]], False)
        elapsed = np.append(time, time[-1])[stops] - since
        runs = self._runs + np.append(0, np.cumsum(counts))[:-1]
        total = self._total + np.append(0, np.cumsum(length * counts))[:-1]
        longest, slowest = (
            np.maximum.accumulate(np.append(before, column * counts))[:-1]
            for before, column in ((self._longest, length), (self._slowest, elapsed))
        )
        most = np.maximum(MOVES, FACTOR * longest)
        most = np.maximum(most, ODDS * total / np.maximum(runs, 1))
        patience = np.maximum(SECONDS * 1e9, FACTOR * slowest)
        at = row = -1
        for run in np.flatnonzero((runs >= FEWEST) & (length > most) & (elapsed > patience)):
            inside = slice(int(stops[run - 1]) + 1 if run else 0, int(stops[run]))
            too_many = np.searchsorted(moves[1:][inside] - begun[run], most[run], "right")
            too_long = np.searchsorted(time[inside] - since[run], patience[run], "right")
            shows = inside.start + int(max(too_many, too_long))
            if shows < inside.stop:
                at, row = int(run), shows
                break
        self._runs, self._total = int(runs[at]), int(total[at])
        self._longest, self._slowest = int(longest[at]), int(slowest[at])
        self._moves, self._since = 0 if row >= 0 else int(length[at]), int(since[at])
        return row


class HasSilences(Protocol):
    """What is read of a history."""

    @property
    def time(self) -> Ints: ...  # noqa: D102
    @property
    def trades(self) -> Trades: ...  # noqa: D102
    @property
    def silences(self) -> tuple[Silence, ...]: ...  # noqa: D102
    @property
    def start(self) -> int: ...  # noqa: D102


def of_states(silences: Sequence[Silence], first: int, until: int) -> tuple[Silence, ...]:
    """Return the silences among states from a number to another, as they were known then."""
    return tuple(
        Silence(max(one.first, first), one.last if one.last < until else OPEN)
        for one in silences
        if one.first < until and one.last > first
    )


def known(silences: Sequence[Silence], start: int, count: int) -> NDArray[np.bool_]:
    """Return whether trades are known, for so many states from a number on."""
    found = np.ones(count, bool)
    for one in silences:
        found[max(one.first - start, 0) : max(one.last - start, 0)] = False
    return found


def note(silences: Sequence[Silence], start: int, count: int) -> str:
    """Return a sentence on the states in which trades are unknown; empty if there are none."""
    many = int(np.count_nonzero(~known(silences, start, count))) if silences else 0
    if not many:
        return ""
    states = counted(many, "state")
    return (
        f"No trades came during {states} although the book went on: the stream of trades seems to "
        "have stopped. Post-only fills are unknown there."
    )


def note_now(history: HasSilences) -> str:
    """Return a sentence if the stream of trades is silent at the last state; else empty."""
    newest = history.start + len(history.time) - 1
    if not any(one.first <= newest < one.last for one in history.silences):
        return ""
    long = "No trades"
    if len(history.trades):
        seconds = (int(history.time[-1]) - int(history.trades.time[-1])) / 1e9
        unit, name = (60, "min") if seconds >= 120 else (1, "s")
        long = f"No trades for {seconds / unit:,.0f} {name}"
    return (
        f"{long}, although best prices are taken away as before. The stream of trades seems to "
        "have stopped: post-only fills are unknown until it goes on."
    )
