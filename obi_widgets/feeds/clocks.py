"""The clocks of a market: a steady one for intervals, and how late its events come."""

from __future__ import annotations

from typing import NamedTuple

SECOND = 1_000_000_000
"""Nanoseconds."""

JITTER = SECOND
"""What the times of a recording may go back by though no clock was set: those of two sockets may
cross in it."""

LEAP = 60 * SECOND
"""What event time may gain on the steady clock, or fall back, from one event to the next."""

LATE, IN_TIME = 5 * SECOND, 3 * SECOND
"""Lag above its own least from which data are late, and below which they no longer are."""

FAR = 30 * SECOND
"""Between event time and the wall clock: beyond it one of them is wrong, or the data are late."""

CAUGHT_UP = 2 * SECOND
"""Lag at which a past that is played as fast as possible has come to the present."""

UNSET = 315_532_800 * SECOND
"""1980: a wall clock before it has never been set."""

BELIEVED = 3
"""Events in a row that must be earlier than the least lag by more than `JITTER` to be believed:
one alone may have told a false time, and all after it would be late."""

LOOK_EVERY, FORGET_AFTER = 60 * SECOND, 3600 * SECOND
"""How often the least lag is looked at, and after how long it is found anew: clocks drift."""

NEVER = 2**63 - 1


class Lag(NamedTuple):
    """How late the newest event came.

    Attributes
    ----------
    above_least : float
        Seconds from event to receipt, above the least of the last hours: both clocks' offset is
        not in it.
    absolute : float
        Seconds from event to receipt by the wall clock of this computer. NaN before the first.
    by_venue : float
        Seconds from event to receipt by the venue's clock, which tells whole seconds. NaN when
        it has not told.
    """

    above_least: float = float("nan")
    absolute: float = float("nan")
    by_venue: float = float("nan")

    @property
    def seconds(self) -> float:
        """How late the data are, as they are judged: data may be late from the first one on."""
        return self.by_venue if self.by_venue * SECOND > FAR else self.above_least


class Judgement(NamedTuple):
    """What the clocks say of an event.

    Attributes
    ----------
    broken : str
        Why its time cannot be; empty when it can.
    stale : str
        Why the book is not to be called live, though it is in sync; empty when it is.
    kept : bool
        Whether its time may be recorded.
    ask : bool
        Whether the venue is to be asked for the time.
    """

    broken: str = ""
    stale: str = ""
    kept: bool = True
    ask: bool = False


FINE = Judgement()


class Clocks:
    """Keeps a steady time, and judges event times by it.

    The steady time is the wall clock's plus a shift: where the wall clock is set, the shift
    changes instead. Whatever is measured in seconds is measured by it.

    Parameters
    ----------
    label : str
        The venue's name for people.
    asks : bool
        Whether somebody can be asked for the time. In a recording nobody can.
    warming : bool
        Whether the first events are a past that is played as fast as possible.

    Attributes
    ----------
    shift : int
        Steady time less the wall clock's, ns.
    steady_now : int
        The newest steady time.
    low, high, until : int
        An event is fine without a `judge` when its lag by the steady clock lies between the first
        two, and the steady time is before the third.
    time, steady : int
        Event time of the newest event that could be, and the steady time of its receipt; 0 before.
    note : str
        What is to be known though the book is live; empty when there is nothing.
    """

    def __init__(self, label: str, *, asks: bool = True, warming: bool = False) -> None:
        self.label = label
        self.asks = asks
        self.warming = warming
        self.shift = 0
        self.low = self.high = self.until = 0
        self.time = self.steady = 0
        self.note = ""
        self.steady_now = 0
        self._least = self._least_before = NEVER  # of this hour, and of the one before
        self._forget_at = 0
        self._early: list[int] = []  # lags of the newest events, far below the least
        self._late = False
        self._doubted: tuple[int, int] | None = None  # event and steady time that could not be
        self._venue: tuple[int, int] | None = None  # the venue's clock, and the steady time then

    # -- the steady clock ------------------------------------------------------------------

    def read(self, now: int) -> int:
        """Return the steady time at a time of the wall clock; notice when that was set back."""
        time = now + self.shift
        if time < self.steady_now:
            # What comes live comes in the order of its times: there the clock was set.
            if self.asks or self.steady_now - time > JITTER:
                self.shift += self.steady_now - time
                self._look()
            return self.steady_now
        self.steady_now = time
        return time

    def stepped(self, by: int) -> None:
        """Take note that the wall clock was set: by so many nanoseconds ahead, or back."""
        self.shift -= by
        self._look()
        if by > 0:
            self._venue = None  # this computer may have slept: then both clocks have gone on

    def told(self, time: int, now: int) -> None:
        """Take note of what the venue's clock says."""
        self._venue = time, self.read(now)
        self._look()

    def _look(self) -> None:
        """Have the next event judged."""
        self.until = 0

    # -- events ----------------------------------------------------------------------------

    @property
    def lag(self) -> Lag:
        """How late the newest event came."""
        if not self.time:
            return Lag()
        lag = self.steady - self.time
        least = min(self._least, self._least_before, lag)
        by_venue = float("nan")
        if self._venue is not None:
            by_venue = (self._venue[0] + (self.steady - self._venue[1]) - self.time) / 1e9
        return Lag((lag - least) / 1e9, (lag - self.shift) / 1e9, by_venue)

    def judge(self, time: int, steady: int, *, whole: bool) -> Judgement:
        """Judge an event's time.

        Parameters
        ----------
        time, steady : int
            Event time, and the steady time of receipt, ns.
        whole : bool
            Whether it is a snapshot: of a quiet market its time may be long ago.
        """
        self.until = 0
        before = self.time, self.steady
        broken = self._leap(time, steady, whole)
        if broken:
            return Judgement(broken)
        lag = steady - time
        if self.warming:
            if lag - self.shift > CAUGHT_UP:
                return FINE
            self.warming = False
        if not whole:
            self._learn(lag, steady)
        least = min(self._least, self._least_before)
        absolute, fine_to = self._absolute(time, steady, whole)
        if absolute.broken:
            self.time, self.steady = before
        if absolute is not FINE:
            return absolute
        if whole:
            return FINE
        self._late = lag - least > (IN_TIME if self._late else LATE)
        if self._late:
            return self._stale((lag - least) / 1e9)
        self.low, self.high = max(least, self.shift - fine_to), least + LATE
        self.high = min(self.high, self.shift + fine_to)
        self.until = 0 if self._early else steady + LOOK_EVERY
        return FINE

    def _leap(self, time: int, steady: int, whole: bool) -> str:
        """Return how event time leapt; take note of it when it did not."""
        reason = ""
        if self.time:
            reason = _apart(time, steady, self.time, self.steady)
        if reason:
            doubted, self._doubted = self._doubted, (time, steady)
            # A snapshot of now is right; so is one that says the same as what was not believed.
            of_now = abs(steady - self.shift - time) <= FAR
            same = doubted is not None and not _apart(time, steady, *doubted)
            if not whole or not (of_now or same):
                return reason
            self._least = self._least_before = NEVER
        self._doubted = None
        self.time, self.steady = time, steady
        return ""

    def _learn(self, lag: int, steady: int) -> None:
        if steady >= self._forget_at:
            self._forget_at = steady + FORGET_AFTER
            self._least_before, self._least = self._least, NEVER
        least = min(self._least, self._least_before)
        if least < NEVER and lag < least - JITTER:
            self._early.append(lag)
            if len(self._early) < BELIEVED:
                return
            lag = max(self._early)
        self._early.clear()
        self._least = min(self._least, lag)

    def _absolute(self, time: int, steady: int, whole: bool) -> tuple[Judgement, int]:
        """Hold an event's time against the wall clock; return how far apart both may be."""
        self.note = ""
        now = steady - self.shift
        behind = now - time
        if abs(behind) <= FAR:
            return FINE, FAR
        if whole and behind > 0:
            return FINE, FAR
        far = f"{abs(behind) / 1e9:,.0f} s {'behind' if behind > 0 else 'ahead of'}"
        if now < UNSET:
            self.note = "The clock of this computer is not set."
            return FINE, NEVER // 2
        if self._venue is None:
            if not self.asks:
                self.note = (
                    f"Event times are {far} the times of receipt, and the recording does not say "
                    "which clock was wrong."
                )
                return FINE, NEVER // 2
            said = f"Event times are {far} this computer's clock, and {self.label} has not said"
            return Judgement(stale=f"{said} what time it is.", kept=behind > 0, ask=True), FAR
        late = self._venue[0] + (steady - self._venue[1]) - time
        if abs(late) <= FAR:
            off = f"{abs(behind) / 1e9:,.0f} s {'ahead of' if behind > 0 else 'behind'}"
            self.note = f"The clock of this computer is {off} {self.label}'s."
            return FINE, NEVER // 2
        if late > 0:
            return (FINE if whole else self._stale(late / 1e9)), FAR
        ahead = f"event time is {-late / 1e9:,.0f} s ahead of {self.label}'s own clock"
        return Judgement(ahead), FAR

    def _stale(self, seconds: float) -> Judgement:
        return Judgement(stale=f"Data from {self.label} come {seconds:,.0f} s late.")


def _apart(time: int, steady: int, time_before: int, steady_before: int) -> str:
    """Return how event time leapt ahead or fell back between two events; empty if it did not.

    That it gains less than the clock here is no leap: data may be late.
    """
    gained = (time - time_before) - (steady - steady_before)
    if gained > LEAP:
        return f"event time went {gained / 1e9:,.0f} s ahead of this computer's clock"
    if time_before - time > LEAP:
        return f"event time fell back by {(time_before - time) / 1e9:,.0f} s"
    return ""
