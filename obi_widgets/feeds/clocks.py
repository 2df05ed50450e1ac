"""The clocks of a market: a steady clock for intervals, and the lag of its events."""

from __future__ import annotations

from typing import NamedTuple

SECOND = 1_000_000_000
"""Nanoseconds."""

JITTER = SECOND
"""Largest step back of a recording's receive times that is no clock adjustment: frames of two
sockets may be recorded out of order."""

MAX_JUMP = 60 * SECOND
"""Largest step of event time, relative to the steady clock, from one event to the next."""

LATE, IN_TIME = 5 * SECOND, 3 * SECOND
"""Lag above the minimum lag at which data become late, and below which they are in time again."""

MAX_OFFSET = 30 * SECOND
"""Largest difference of event time and wall clock: beyond it a clock is wrong, or data are late."""

CAUGHT_UP = 2 * SECOND
"""Lag at which a simulated past, played as fast as possible, has reached the present."""

UNSET = 315_532_800 * SECOND
"""1980: a wall clock that shows an earlier time has never been set."""

CONFIRMED = 3
"""Consecutive events needed to lower the minimum lag by more than `JITTER`. A single event with a
wrong time would make all later ones look late."""

LEARN_EVERY, FORGET_AFTER = 60 * SECOND, 3600 * SECOND
"""How often the minimum lag is updated, and after how long it is measured anew: clocks drift."""

NEVER = 2**63 - 1


class Lag(NamedTuple):
    """The lag of the newest event: the time from the event to its receipt, in seconds.

    Attributes
    ----------
    above_minimum : float
        Lag above the minimum of the last one to two hours. The offset between the venue's clock
        and this computer's cancels out. NaN before the first event.
    absolute : float
        Lag by this computer's wall clock. NaN before the first event.
    by_venue : float
        Lag by the venue's clock, which has a resolution of whole seconds. NaN until the venue has
        reported its time.
    """

    above_minimum: float = float("nan")
    absolute: float = float("nan")
    by_venue: float = float("nan")

    @property
    def seconds(self) -> float:
        """The lag that decides whether data are late.

        By the venue's clock when that lag is large: data that have been late since the first event
        show no lag above their own minimum.
        """
        return self.by_venue if self.by_venue * SECOND > MAX_OFFSET else self.above_minimum


class Judgement(NamedTuple):
    """The verdict on an event's time.

    Attributes
    ----------
    impossible : str
        Why the time cannot be right; empty if it can.
    stale : str
        Why a book in sync must not be shown as live; empty if it may.
    recordable : bool
        Whether the state may be recorded under this time.
    ask : bool
        Whether to request the venue's time.
    """

    impossible: str = ""
    stale: str = ""
    recordable: bool = True
    ask: bool = False


FINE = Judgement()


class Clocks:
    """A steady clock, and the check of event times against it.

    Steady time is the wall clock plus a shift. When the wall clock is adjusted, the shift changes
    by the opposite amount, so that steady time goes on evenly. All intervals are measured by it.

    Parameters
    ----------
    label : str
        The venue's display name.
    asks : bool
        Whether the venue can be asked for its time. It cannot in a recording.
    warming : bool
        Whether the first events are a simulated past, played as fast as possible.

    Attributes
    ----------
    shift : int
        Steady time minus wall-clock time, ns.
    steady_now : int
        The newest steady time, ns.
    low, high, until : int
        An event needs no `judge` while its lag by the steady clock lies in ``low..high`` and the
        steady time is before ``until``; ns.
    time, steady : int
        Event time of the newest event whose time is possible, and the steady time of its receipt,
        ns; 0 before the first.
    note : str
        What the user should know of the clocks although the book is live; empty if nothing.
    """

    def __init__(self, label: str, *, asks: bool = True, warming: bool = False) -> None:
        self.label = label
        self.asks = asks
        self.warming = warming
        self.shift = 0
        self.low = self.high = self.until = 0
        self.time = self.steady = 0
        self._whole = False  # whether that event was a snapshot
        self.note = ""
        self.steady_now = 0
        self._minimum = self._previous_minimum = NEVER  # lag: of this hour, and the one before
        self._next_hour = 0
        self._early: list[int] = []  # lags of the newest events, if far below the minimum
        self._late = False
        self._rejected: tuple[int, int] | None = (
            None  # newest impossible event: its time and its lag
        )
        self._venue: tuple[int, int] | None = None  # the venue's clock, and the steady time then

    # -- the steady clock ------------------------------------------------------------------

    def read(self, now: int) -> int:
        """Return the steady time at a wall-clock time, ns; detect a clock that was set back."""
        time = now + self.shift
        if time < self.steady_now:
            # Live receive times never decrease, unless the clock was set back.
            if self.asks or self.steady_now - time > JITTER:
                self.shift += self.steady_now - time
                self._judge_next()
            return self.steady_now
        self.steady_now = time
        return time

    def clock_was_set(self, by: int) -> None:
        """Account for a wall clock that was set ahead by ``by`` ns; back if negative."""
        self.shift -= by
        self._judge_next()
        if by > 0:
            self._venue = None  # the computer may have slept, and the venue's clock went on

    def set_venue_time(self, time: int, now: int) -> None:
        """Store the venue's own time, ns, received at wall-clock time ``now``."""
        self._venue = time, self.read(now)
        self._judge_next()

    def _judge_next(self) -> None:
        """Require a `judge` of the next event."""
        self.until = 0

    # -- events ----------------------------------------------------------------------------

    @property
    def minimum(self) -> int:
        """The smallest lag of this hour and the one before, ns; `NEVER` if none is known."""
        return min(self._minimum, self._previous_minimum)

    @property
    def lag(self) -> Lag:
        """The lag of the newest event."""
        if not self.time:
            return Lag()
        lag = self.steady - self.time
        minimum = min(self.minimum, lag)
        by_venue = float("nan")
        if self._venue is not None:
            by_venue = (self._venue[0] + (self.steady - self._venue[1]) - self.time) / 1e9
        return Lag((lag - minimum) / 1e9, (lag - self.shift) / 1e9, by_venue)

    def judge(self, time: int, steady: int, *, whole: bool) -> Judgement:
        """Check an event's time.

        Parameters
        ----------
        time, steady : int
            Event time, and the steady time of receipt, ns.
        whole : bool
            Whether the event is a snapshot whose time may be long ago, since the market is quiet.
        """
        self.until = 0
        previous = self.time, self.steady, self._whole
        jump = self._jump(time, steady, whole)
        if jump:
            return Judgement(jump)
        lag = steady - time
        if self.warming:
            if lag - self.shift > CAUGHT_UP:
                return FINE
            self.warming = False
        if not whole:
            self._learn(lag, steady)
        minimum = self.minimum
        absolute, max_offset = self._absolute(time, steady, whole)
        if absolute.impossible:
            self.time, self.steady, self._whole = previous
        if absolute is not FINE:
            return absolute
        if whole:
            return FINE
        self._late = lag - minimum > (IN_TIME if self._late else LATE)
        if self._late:
            return self._stale((lag - minimum) / 1e9)
        self.low, self.high = max(minimum, self.shift - max_offset), minimum + LATE
        self.high = min(self.high, self.shift + max_offset)
        self.until = 0 if self._early else steady + LEARN_EVERY
        return FINE

    def _jump(self, time: int, steady: int, whole: bool) -> str:
        """Return how event time jumped; empty if it did not, and the time is then accepted."""
        reason = ""
        if self.time:
            reason = _difference(time, steady, self.time, self._usual_lag())
        if reason:
            rejected, self._rejected = self._rejected, (time, steady - time)
            # Accept a snapshot whose time is now, or that confirms the time rejected before it.
            current = abs(steady - self.shift - time) <= MAX_OFFSET
            confirmed = rejected is not None and not _difference(time, steady, *rejected)
            if not whole or not (current or confirmed):
                return reason
            self._minimum = self._previous_minimum = NEVER
        self._rejected = None
        self.time, self.steady, self._whole = time, steady, whole
        return ""

    def _usual_lag(self) -> int:
        """Return the lag that an event received with the newest one usually has, ns.

        A snapshot may be of long ago, and a change after it is of now: it has the minimum lag. As
        long as that is not known, it has none by the wall clock.
        """
        lag = self.steady - self.time
        if not self._whole:
            return lag
        minimum = self.minimum
        return min(lag, self.shift if minimum == NEVER else minimum)

    def _learn(self, lag: int, steady: int) -> None:
        """Update the minimum lag."""
        if steady >= self._next_hour:
            self._next_hour = steady + FORGET_AFTER
            self._previous_minimum, self._minimum = self._minimum, NEVER
        minimum = self.minimum
        if minimum < NEVER and lag < minimum - JITTER:
            self._early.append(lag)
            if len(self._early) < CONFIRMED:
                return
            lag = max(self._early)
        self._early.clear()
        self._minimum = min(self._minimum, lag)

    def _absolute(self, time: int, steady: int, whole: bool) -> tuple[Judgement, int]:
        """Compare an event's time with the wall clock.

        Returns
        -------
        judgement : Judgement
        max_offset : int
            How far both may differ before the next event must be checked, ns.
        """
        self.note = ""
        now = steady - self.shift
        behind = now - time
        if abs(behind) <= MAX_OFFSET:
            return FINE, MAX_OFFSET
        if whole and behind > 0:
            return FINE, MAX_OFFSET
        offset = f"{abs(behind) / 1e9:,.0f} s {'behind' if behind > 0 else 'ahead of'}"
        if now < UNSET:
            self.note = "The clock of this computer is not set."
            return FINE, NEVER // 2
        if self._venue is None:
            if not self.asks:
                self.note = (
                    f"Event times are {offset} the times of receipt, and the recording does not "
                    "say which clock was wrong."
                )
                return FINE, NEVER // 2
            stale = (
                f"Event times are {offset} this computer's clock, and {self.label} has not said "
                "what time it is."
            )
            return Judgement(stale=stale, recordable=behind > 0, ask=True), MAX_OFFSET
        late = self._venue[0] + (steady - self._venue[1]) - time
        if abs(late) <= MAX_OFFSET:
            wrong = f"{abs(behind) / 1e9:,.0f} s {'ahead of' if behind > 0 else 'behind'}"
            self.note = f"The clock of this computer is {wrong} {self.label}'s."
            return FINE, NEVER // 2
        if late > 0:
            return (FINE if whole else self._stale(late / 1e9)), MAX_OFFSET
        ahead = f"event time is {-late / 1e9:,.0f} s ahead of {self.label}'s own clock"
        return Judgement(ahead), MAX_OFFSET

    def _stale(self, seconds: float) -> Judgement:
        return Judgement(stale=f"Data from {self.label} come {seconds:,.0f} s late.")


def _difference(time: int, steady: int, time_before: int, lag_before: int) -> str:
    """Return how event time jumped between two events; empty if it did not.

    Event time that advances more slowly than the steady clock is no jump: data may be late.
    """
    gained = lag_before - (steady - time)
    if gained > MAX_JUMP:
        return f"event time went {gained / 1e9:,.0f} s ahead of this computer's clock"
    if time_before - time > MAX_JUMP:
        return f"event time fell back by {(time_before - time) / 1e9:,.0f} s"
    return ""
