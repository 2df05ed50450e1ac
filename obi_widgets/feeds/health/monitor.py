"""What a market notes of its feed, cheaply, and the health that follows.

While messages come, the market adds to two counters and to one list. Once a second the counters are
read. When the list is long, or five minutes are over, it is counted into bins, which are kept for
an hour, or for a day of a recording.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.feeds.health.durations import NOTHING, Counts, Durations, of_ages, of_events
from obi_widgets.feeds.health.health import HOUR, NAN, ClockOffset
from obi_widgets.feeds.health.timeline import Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

SECOND = 1_000_000_000
PART = 300 * SECOND
"""Length of a part of the time, whose lags and ages are counted together, ns."""

MILLISECOND = 1_000_000

NO_LAG = 2**63 - 1
"""In the place of the lag of a change whose time says nothing of it, such as a snapshot's."""

DAY = 86_400.0
"""Seconds that are kept of a recording."""

AT_ONCE = 4096
"""Length of the list of changes from which on it is counted into bins before a part is over."""

PIECE = 10
"""Seconds of a piece of time whose messages are counted together."""

MOST = 10_000
"""Parts that are kept at most: more than there are in a day, since a lower lag begins one."""


@dataclass
class Part:
    """What happened in a part of the time.

    Attributes
    ----------
    begin : int
        Steady time, ns.
    base : int
        Lag from which the lags are counted, ns; none is much smaller.
    lags, between : Counts
        Lags above the base, and times between two changes of the book.
    least : int
        Smallest time from an event to its receipt by the wall clock, ns; `NO_LAG` without one.
    worst_lag, worst_between : int
        The longest, ns; the lag is not above the base.
    """

    begin: int
    base: int
    lags: Counts = NOTHING
    between: Counts = NOTHING
    least: int = NO_LAG
    worst_lag: int = -NO_LAG
    worst_between: int = 0

    def add(self, lags: Ints, between: Ints, shift: int) -> None:
        """Add lags and times between changes, ns."""
        if len(lags):
            self.lags = Counts.together([self.lags, Counts.of(lags - self.base)])
            self.least = min(self.least, int(lags.min()) - shift)
            self.worst_lag = max(self.worst_lag, int(lags.max()))
        if len(between):
            self.between = Counts.together([self.between, Counts.of(between)])
            self.worst_between = max(self.worst_between, int(between.max()))

    def waited(self, time: int) -> None:
        """Add the time since the newest change, which no other has ended, ns."""
        self.add(np.empty(0, np.int64), np.array([time], np.int64), 0)


def _part_of(
    changes: Ints, before: int, part: Part | None, now: int, shift: int, minimum: int
) -> Part:
    """Add changes to a part, or to a new one if it is over or they are earlier than its base.

    Parameters
    ----------
    changes : ndarray of int64, shape (N, 2)
        Lags and steady times, ns; not empty.
    before : int
        Steady time of the change before them, ns; 0 if there was no book.
    part : Part or None
        The part so far.
    now, shift, minimum : int
        See `Monitor.look`.

    Returns
    -------
    Part
        The part that they were added to.
    """
    lags, times = changes.T
    lags = lags[lags != NO_LAG]
    between = np.diff(times, prepend=before) if before else np.diff(times)
    base = part.base if part is not None else 0
    if len(lags):
        least = int(lags.min()) if minimum == NO_LAG else minimum
        # A little below the minimum: one that creeps down does not begin a part each time.
        lowest = (least // MILLISECOND - 1) * MILLISECOND
        if part is None or not len(part.lags.bins) or lowest < base:
            base = lowest
    if part is None or part.base != base or now - part.begin >= PART:
        part = Part(now, base)
    part.add(lags, between, shift)
    return part


class Rates(NamedTuple):
    """Messages and bytes a second, see `Health`."""

    messages: float = NAN
    bytes: float = NAN
    peak: float = NAN
    rates: tuple[float, ...] = ()


class Monitor:
    """Notes what a market receives. The market's thread writes; any thread may read.

    Parameters
    ----------
    seconds : float
        Length of the time that is kept.

    Attributes
    ----------
    changes : list of int
        Two numbers for each change of the book since the last look: lag and steady time, ns.
    count : int
        Changes that were looked at.
    due : int
        Steady time from which `look` does something, ns.
    timeline : Timeline
        The states of the feed.
    counts_from : int
        Steady time before which nothing is counted: a past was played as fast as possible, ns.
    details : dict of str to str
        What the newest refused frame of a name said.
    resyncs, widened : int
        See `Health`.
    """

    def __init__(self, seconds: float = HOUR) -> None:
        self.changes: list[int] = []
        self.count = 0
        self.due = self.counts_from = 0
        self.timeline = Timeline()
        self.details: dict[str, str] = {}
        self.resyncs = self.widened = 0
        self._began = False  # whether there was a book
        self._first = 0  # steady time of the first look, ns
        self._taken = 0  # when changes were last counted into bins, ns
        self._newest = 0  # steady time of the newest one that was; 0 while there is no book
        self._parts: deque[Part] = deque(maxlen=MOST)
        self._pieces: deque[list[int]] = deque()  # number, messages, bytes, most in a second
        self._counted = 0, 0  # messages and bytes at the last look
        self._lows: deque[tuple[int, int]] = deque(maxlen=100)  # steady time, lower bound, ns
        self._lock = Lock()
        self.seconds = seconds

    # -- by the market's thread ------------------------------------------------------------

    def look(self, steady: int, shift: int, minimum: int, messages: int, size: int) -> None:
        """Count what came since the last look, which was a second ago or longer.

        Parameters
        ----------
        steady, shift : int
            The steady time, and how far it is ahead of the wall clock, ns.
        minimum : int
            Smallest lag that is believed, ns; `NO_LAG` if none is known.
        messages, size : int
            Messages and bytes so far.
        """
        if not self._first or steady < self.counts_from:
            self._first, self._counted = steady, (messages, size)
        else:
            self._count(self.due - SECOND, messages, size)
        self.due = steady - steady % SECOND + SECOND
        if len(self.changes) >= AT_ONCE or steady >= self._taken + PART:
            with self._lock:
                self._take(steady, shift, minimum)

    def _count(self, second: int, messages: int, size: int) -> None:
        """Add what came since the last look to the piece of the second in which it came."""
        before, bytes_before = self._counted
        self._counted = messages, size
        number = second // SECOND // PIECE
        if not self._pieces or self._pieces[-1][0] != number:
            self._pieces.append([number, 0, 0, 0])
        piece, came = self._pieces[-1], messages - before
        piece[1] += came
        piece[2] += size - bytes_before
        piece[3] = max(piece[3], came)

    def _take(self, now: int, shift: int, minimum: int) -> None:
        """Count the changes into bins, and forget what is too old. The lock is held."""
        self._taken = now
        # Here, since a book that is lost once a minute leaves `look` nothing to take.
        oldest = now - round(self.seconds * SECOND)
        while self._parts and self._parts[0].begin < oldest - PART:
            self._parts.popleft()
        while self._pieces and self._pieces[0][0] * PIECE * SECOND < oldest:
            self._pieces.popleft()
        new, self.changes = self.changes, []
        changes = self._counted_of(new)
        self.count += len(new) // 2
        if len(changes):
            part = self._parts[-1] if self._parts else None
            found = _part_of(changes, self._newest, part, now, shift, minimum)
            if found is not part:
                self._parts.append(found)
            self._newest = int(changes[-1, 1])

    def _counted_of(self, changes: list[int]) -> Ints:
        """Return the lags and the times of the changes that count, shape (N, 2)."""
        whole = len(changes) - len(changes) % 2  # another thread may have seen half of one
        pairs = np.array(changes[:whole], np.int64).reshape(-1, 2)
        return pairs[pairs[:, 1] >= self.counts_from]

    def began(self) -> None:
        """Note that a book begins."""
        self.resyncs += self._began
        self._began = True

    def lost(self, steady: int, shift: int, minimum: int) -> None:
        """Note that the book is gone: its age ends here."""
        with self._lock:
            self._take(steady, shift, minimum)
            if self._newest:
                if not self._parts:
                    self._parts.append(Part(steady, 0))
                self._parts[-1].waited(steady - self._newest)
            self._newest = 0

    def bound(self, low: int, steady: int) -> None:
        """Note how far the wall clock is ahead of the venue's at least, ns."""
        with self._lock:
            self._lows.append((steady, low))

    def clock_was_set(self, steady: int, minimum: int) -> None:
        """Forget the bounds of the wall clock: it is another one. Arguments as those of `look`."""
        with self._lock:
            self._take(steady, 0, minimum)
            self._lows.clear()
            for part in self._parts:
                part.least = NO_LAG

    # -- by any thread ---------------------------------------------------------------------

    def spreads(self, now: int, shift: int, minimum: int, *, open_book: bool) -> Spreads:
        """Return lags, ages and the clock; ``open_book``: whether the book's age grows now.

        Parameters
        ----------
        now, shift, minimum : int
            See `look`.
        open_book : bool
            Whether there is a book, whose age grows.
        """
        with self._lock:
            parts = [replace(one) for one in self._parts]
            new, newest = self.changes[:], self._newest
            lows = [low for at, low in self._lows if now - at <= self.seconds * SECOND]
        changes = self._counted_of(new)
        if len(changes):
            parts.append(_part_of(changes, newest, None, now, shift, minimum))
            newest = int(changes[-1, 1])
        if open_book and newest:
            parts.append(Part(now, 0))
            parts[-1].waited(max(now - newest, 0))
        least = min((one.least for one in parts), default=NO_LAG)
        worst = max((one.worst_lag for one in parts), default=-NO_LAG)
        lag, high = Durations(), NAN
        if worst != -NO_LAG and (least, worst) != (0, shift):  # else receipts are the event times
            lowest = least + shift if minimum == NO_LAG else minimum
            several = [one.lags.longer_by(one.base - lowest) for one in parts]
            lags, counts = (np.concatenate(column) for column in zip(*several, strict=True))
            lag = of_events(np.maximum(lags, 0), counts, max(worst - lowest, 0))
            high = least / 1e9 if least != NO_LAG else NAN
        clock = ClockOffset(max(lows) / 1e9 if lows else NAN, high)
        between = Counts.together([NOTHING, *(one.between for one in parts)])
        age = of_ages(between, max((one.worst_between for one in parts), default=0))
        return Spreads(lag, age, clock, self.count + len(new) // 2)

    def rates(self, now: int) -> Rates:
        """Return the messages and bytes a second at a steady time, ns."""
        pieces, first = [tuple(piece) for piece in self._pieces.copy()], self._first
        if not first or not pieces:
            return Rates()
        length = PIECE * SECOND
        # The piece that has not ended is left out, unless there is no other.
        last = max(now // length - 1, first // length)
        begins = max(pieces[0][0], last + 1 - round(self.seconds) // PIECE)
        came = {number: (messages, size) for number, messages, size, _ in pieces}

        def a_second(number: int) -> tuple[float, float]:
            messages, size = came.get(number, (0, 0))
            begin, end = max(number * length, first), min((number + 1) * length, now)
            seconds = max(end - begin, SECOND) / SECOND
            return messages / seconds, size / seconds

        rates = [a_second(number) for number in range(begins, last + 1)]
        peak = float(max(most for *_, most in pieces))
        return Rates(*a_second(last), peak, tuple(messages for messages, _ in rates))


class Spreads(NamedTuple):
    """Lags, ages, the clock, and the number of changes; see `Health`."""

    lag: Durations
    age: Durations
    clock: ClockOffset
    changes: int
