"""Why an entry of a log and of a backtest differ, as far as the log shows it.

A difference is explained by evidence only. Each has to be found in what the log says of its
seconds, held against the same seconds of the recording (`obi_widgets.paper.seconds`): they differ
at the entry or within what it looks back. Or it follows from another difference that is explained:
the one side had a position open, or its cap was reached, where the other was free.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from obi_widgets.history.provenance import utc
from obi_widgets.paper.matching import ONLY_LOG, SAME, Pair, end_of
from obi_widgets.paper.seconds import SECOND
from obi_widgets.trading.hourly_cap import HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from obi_widgets.history.columns import History
    from obi_widgets.paper.log import Logged, PaperLog
    from obi_widgets.paper.seconds import Second

AROUND = 2
"""Seconds around a gap in which a new connection belongs to it."""

NOT_EXPLAINED = "not explained"

AFTER = ", after: "
"""Between a difference that follows and what the first one came from."""

LATE = 50_000_000
"""How much later the paper run has to receive a state for it to be said, ns."""


class Causes:
    """Finds causes in what the log and the history say of each second.

    Parameters
    ----------
    log : PaperLog
        The log.
    history : History
        The states of the recording.
    seconds : mapping of int to Second
        The seconds of the history.
    """

    def __init__(self, log: PaperLog, history: History, seconds: Mapping[int, Second]) -> None:
        self._log, self._history, self._seconds = log, history, seconds
        self._parameters = log.parameters
        every = sorted(log.seconds.keys() | seconds.keys())
        # What decisions are made from; and what was decided by, which follows from it.
        self.roots = [at for at in every if self._differs(at, "book", "levels", "trades")]
        self._shown = [
            at for at in every if self._differs(at, "book", "levels", "trades", "values")
        ]
        ends = sorted(history.time[[0, -1]].tolist()) if len(history) else [0, 0]
        self._begins, self._ends = ends

    def _differs(self, at: int, *fields: str) -> bool:
        one, other = self._log.seconds.get(at), self._seconds.get(at)
        if one is None or other is None:
            return True
        return any(getattr(one, field) != getattr(other, field) for field in fields)

    def explain(self, every: Sequence[Pair]) -> list[str]:
        """Return the cause of each difference, in order; `NOT_EXPLAINED` of those without one.

        Empty text for what is the same.
        """
        found = list[str]()
        for at, pair in enumerate(every):
            cause = ""
            if pair.what != SAME:
                cause = self._borders(pair) or self._seen(pair)
                cause = cause or self._followed(pair, every[:at], found) or NOT_EXPLAINED
            found.append(cause)
        return found

    # -- where one of them ends ------------------------------------------------------------

    def _borders(self, pair: Pair) -> str:
        """Return what is beyond the begin or the end of the log, or of the recording."""
        logged, tested, log = pair.logged, pair.tested, self._log
        if logged is None and tested is not None:
            if tested.decided < log.first:
                return "before the log's first state"
            if tested.decided > log.last:
                return "after the end of the log"
        if tested is None and logged is not None:
            if logged.decided < self._begins:
                return "before the recording's first state"
            if logged.decided > self._ends:
                return "after the end of the recording"
        if logged is None or tested is None or not set(pair.differs) <= ENDING:
            return ""
        if not logged.exited and (tested.entered > log.last or end_of(tested) > log.last):
            return "it went on after the end of the log"
        if not tested.exited and (logged.entered > self._ends or end_of(logged) > self._ends):
            return "it went on after the end of the recording"
        return ""

    # -- what was seen ---------------------------------------------------------------------

    def _seen(self, pair: Pair) -> str:
        """Return what the two saw differently, at the entry or where it looks back."""
        begin, end = pair.begin // SECOND, min(pair.end, self._last) // SECOND
        if pair.logged is None or pair.tested is None or DECIDING & {*pair.differs}:
            # What came after a decision did not change it.
            end = max(one.decided for one in pair if one is not None) // SECOND
        if not _within(self._shown, begin, end):
            return ""  # all that the entry depends on was the same
        if roots := _within(self.roots, begin, end):
            return self._named(roots[0])
        roots = _within(self.roots, self._needed(pair.begin) // SECOND, begin)
        return self._named(roots[-1]) if roots else ""

    @property
    def _last(self) -> int:
        return max(self._log.last, self._ends)

    def _needed(self, time: int) -> int:
        """Return the event time from which on a decision depends on states, ns UTC."""
        history = self._history
        row = min(int(history.time.searchsorted(time)), len(history) - 1)
        first = self._parameters.first_needed(history, row)
        return min(int(history.time[first]), time)

    def _named(self, at: int) -> str:
        """Return what differs in a second."""
        when = f"at {utc([at * SECOND])[0][11:19]}"
        one, other = self._log.seconds.get(at), self._seconds.get(at)
        if at < self._log.first // SECOND:
            return f"it looks back before the log's first state, {when}"
        if at < self._begins // SECOND:
            return f"it looks back before the recording's first state, {when}"
        in_log = one.gaps > 0 if one is not None else self._within_gap(at, self._log.seconds)
        in_test = other.gaps > 0 if other is not None else self._within_gap(at, self._seconds)
        if in_log and self._reconnected(at):
            return f"the paper run reconnected {when}"
        if in_log and in_test:
            return f"a gap {when}, which the two saw at other times"
        if in_log or in_test:
            return f"a gap in the {'log' if in_log else 'recording'} {when}"
        if at >= self._log.last // SECOND:
            return "the log ends within that second"
        if at >= self._ends // SECOND:
            return "the recording ends within that second"
        if one is None or other is None:
            return f"no state {'in the log' if one is None else 'in the recording'} {when}"
        late = one.received - other.received
        if one.book != other.book:
            added = f", received {late / 1e9:.2f} s later" if late > LATE else ""
            return f"other states {when}: {one.states} in the log, {other.states} here{added}"
        if one.levels != other.levels:
            return f"other levels below the best {when}, as another snapshot has them"
        return f"other trades {when}"

    @staticmethod
    def _within_gap(at: int, seconds: Mapping[int, Second]) -> bool:
        """Return whether the newest state before a second without any was of a lost book."""
        if at in seconds:
            return False
        before = max((one for one in seconds if one < at), default=None)
        return before is not None and bool(seconds[before].gaps)

    def _reconnected(self, at: int) -> bool:
        """Return whether another connection was opened around a gap of the log."""
        until = next((one for one in sorted(self._log.seconds) if one > at), at)
        ids = dict[str, str](self._log.begin.get("connections", {}))
        for one in self._log.connections:
            new = {name for name, value in one.connections.items() if ids.get(name) != value}
            ids |= one.connections
            if new and at - AROUND <= one.at // SECOND <= until + AROUND:
                return True
        return False

    # -- what follows from another difference ----------------------------------------------

    def _followed(self, pair: Pair, before: Sequence[Pair], found: Sequence[str]) -> str:
        """Return the explained difference before that left the one side busy and the other free."""
        time, hour = pair.begin, 0
        for other, cause in zip(reversed(before), reversed(found), strict=True):
            if other.what == SAME or cause == NOT_EXPLAINED:
                continue
            busy = other.tested if pair.what == ONLY_LOG else other.logged
            sides = [busy] if pair.logged is None or pair.tested is None else [*other]
            if any(one is not None and _covers(one, time) for one in sides):
                return f"the other had a position open since {_clock(other)}{AFTER}{_root(cause)}"
            hour += time - other.begin < HOUR
        if hour and self._parameters.most_per_hour is not None:
            return "the cap counted other entries within the hour, which are explained"
        return ""


DECIDING = {"time", "size"}
"""What differs of a decision itself, and not of what became of it."""

ENDING = {"exit time", "exit price", "end", "entry time", "entry price"}
"""What may differ of an entry that goes on where the one of the two ends."""


def _covers(entry: Logged, time: int) -> bool:
    return entry.decided <= time < end_of(entry)


def _clock(pair: Pair) -> str:
    return utc([pair.begin])[0][11:23]


def _root(cause: str) -> str:
    """Return the cause that a chain of differences began with."""
    return cause.rpartition(AFTER)[2]


def _within(seconds: Sequence[int], first: int, last: int) -> Sequence[int]:
    """Return those of ascending seconds from the first to the last one, both included."""
    return seconds[bisect_left(seconds, first) : bisect_right(seconds, last)]
