"""The health of a feed at one moment: plain values, to read, to log or to show."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from obi_widgets.errors import counted
from obi_widgets.feeds.health.durations import Durations
from obi_widgets.market_data.events import CURRENT

if TYPE_CHECKING:
    import pandas as pd

    from obi_widgets.market_data.events import State

NAN = float("nan")

HOUR = 3600.0
"""Length of the time that percentiles, rates and shares of a live feed are of, seconds."""

Phase: TypeAlias = Literal["starting", "live", "unverified", "stale", "gap", "closed"]


class Stretch(NamedTuple):
    """A length of time in which a feed was in one state.

    Attributes
    ----------
    state : str
        ``starting`` before the first book, ``live`` or ``unverified``, ``stale`` (connected, but
        nothing new, or late), ``gap`` (from the loss of the book to the next one), ``closed``.
    begin, end : int
        Nanoseconds UTC by the clock of receipt. The last stretch ends with the reading.
    reason : str
        Why it began; empty if nothing was wrong.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.Stretch("gap", 0, 7_400_000_000, "A frame was missing.").seconds
    7.4
    """

    state: Phase
    begin: int
    end: int
    reason: str = ""

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.begin) / 1e9


@dataclass(frozen=True)
class Interruptions:
    """The stretches of one kind since the feed began, the present one included.

    Attributes
    ----------
    count : int
        How many.
    seconds, longest : float
        Their total length, and the longest, seconds.
    last : Stretch or None
        The last, with its reason.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.Interruptions().count
    0
    """

    count: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    last: Stretch | None = None


@dataclass(frozen=True)
class Refusal:
    """Frames of one name that were not used.

    Attributes
    ----------
    name : str
        Why, or what they are.
    count : int
        How many.
    detail : str
        What the last of them said; may be empty.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.Refusal("older than the newest", 5).count
    5
    """

    name: str
    count: int
    detail: str = ""


class ClockOffset(NamedTuple):
    """How far the clock of receipt may be ahead of the venue's, seconds; negative: behind.

    Attributes
    ----------
    low, high : float
        Bounds. No event is received before it happened, which gives ``high``; the venue's time in
        an answer is later than the request, which gives ``low``. NaN if not known.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.ClockOffset(high=-1.524).high  # the clock is 1.524 s behind, or more
    -1.524
    """

    low: float = NAN
    high: float = NAN


@dataclass(frozen=True)
class Health:
    """The health of a feed at one moment. Nothing in it changes later.

    Percentiles, rates and shares are of the last hour of a live feed, and of the last day of a
    recording. Counts are of all since the feed began. A number that the source cannot know is NaN,
    and ``unknown`` says why.

    Attributes
    ----------
    market, venue : str
        ``venue:SYMBOL``, and the venue's display name.
    kind : str
        ``live``, ``recording``, ``simulated``, ``history`` or ``given``.
    time : int
        When it was read, by the clock of receipt, nanoseconds UTC. Of a recording: the time in it.
    state : str
        ``connecting``, ``syncing``, ``live``, ``unverified``, ``gap``, ``stale`` or ``closed``.
    reason, advice : str
        Why, and what to do; empty if there is nothing to say.
    since : int
        Since when it is so, nanoseconds UTC; 0 if not known.
    stretches : tuple of Stretch
        The states one after the other; the 1,000 newest. ``pd.DataFrame(health.stretches)`` is a
        table of them.
    seconds : float
        Length of the time that percentiles, rates and shares are of.
    live_share : float
        Share of it with a current book, 0..1.
    gaps, stale : Interruptions
        Times without a book after the first one, and with an old one.
    resyncs : int
        How often the book began anew after it was lost.
    widened : int
        Snapshots that only made the known range of prices wider.
    refused : tuple of Refusal
        Frames that were not used, by name, the most frequent first.
    failures : int
        Messages whose handling raised an unexpected error; also among ``refused``.
    lag : Durations
        From an event to its receipt, above the smallest lag; the offset of clocks cancels out.
    lag_limit : float
        Lag from which data count as late, seconds.
    age : Durations
        Age of the book at any moment while there was one.
    book_age : float
        Age of the book now, seconds.
    messages, bytes : int or float
        Frames or books received, and their bytes after decompression.
    messages_per_second, bytes_per_second : float
        Over the last ten seconds; the mean of all when the feed has ended.
    peak_per_second : float
        Most messages in one second.
    rates : tuple of float
        Messages a second in pieces of ten seconds, the oldest first.
    changes, states : int
        Changes of the book, and book states in the history.
    left_out_states : int
        States that functions of `Session.on_state` did not get because they were too slow.
    left_out_frames : int
        Frames of the screen that pages did not get because they were behind.
    known_bps : tuple of float
        Distance from mid up to which bids and asks are known now; infinite if the side is whole.
    used_bps : float
        Distance from mid up to which the signal uses levels now.
    inferred_share : float
        Share of the newest states, an hour at most, whose signal uses levels that were not known.
    clock : ClockOffset
        The clock of receipt against the venue's.
    unused : tuple of str
        Of a recording that has ended, of a history or of given books: what was not used.
    unknown : tuple of str
        What such a source cannot tell, a sentence each.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> session = obi.Session("sim:BTC-PERP", seed=3, warmup=20)
    >>> session.wait(100)
    >>> health = session.health()
    >>> health.gaps.count, health.messages > 0
    (0, True)
    >>> session.close()
    """

    market: str
    venue: str
    kind: str
    time: int
    state: State
    reason: str = ""
    advice: str = ""
    since: int = 0
    stretches: tuple[Stretch, ...] = ()
    seconds: float = NAN
    live_share: float = NAN
    gaps: Interruptions = field(default_factory=Interruptions)
    stale: Interruptions = field(default_factory=Interruptions)
    resyncs: float = NAN
    widened: float = NAN
    refused: tuple[Refusal, ...] = ()
    failures: float = NAN
    lag: Durations = field(default_factory=Durations)
    lag_limit: float = NAN
    age: Durations = field(default_factory=Durations)
    book_age: float = NAN
    messages: float = NAN
    bytes: float = NAN
    messages_per_second: float = NAN
    bytes_per_second: float = NAN
    peak_per_second: float = NAN
    rates: tuple[float, ...] = ()
    changes: float = NAN
    states: int = 0
    left_out_states: int = 0
    left_out_frames: int = 0
    known_bps: tuple[float, float] = (NAN, NAN)
    used_bps: float = NAN
    inferred_share: float = NAN
    clock: ClockOffset = field(default_factory=ClockOffset)
    unused: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def current(self) -> bool:
        """Whether books come in time."""
        return self.state in CURRENT

    def __repr__(self) -> str:
        parts = [f"{self.market} {self.state}"]
        if self.since:
            parts[0] += f" since {_clock(self.since)}"
        if self.reason:
            parts.append(self.reason.rstrip("."))
        gaps = self.gaps
        parts.append(counted(gaps.count, "gap"))
        if gaps.count:
            parts[-1] += f" of {gaps.seconds:.3g} s in all"
        if math.isfinite(self.lag.median):
            parts.append(f"lag {1e3 * self.lag.median:.3g} ms, 99 % {1e3 * self.lag.p99:.3g} ms")
        if math.isfinite(self.messages_per_second):
            parts.append(f"{self.messages_per_second:.3g} messages/s")
        refused = sum(one.count for one in self.refused)
        if refused:
            parts.append(f"{refused:,} refused")
        return f"<Health {'; '.join(parts)}>"

    def to_frame(self) -> pd.DataFrame:
        """Return it as a table of one row, to be put together with others by ``pd.concat``.

        Returns
        -------
        DataFrame
            Its index is the time of reading, UTC. Columns are named with their units: float64
            seconds, bps, shares 0..1 and counts; texts. ``refused`` is the sum over all names.
        """
        import pandas as pd

        row: dict[str, object] = {
            "market": self.market, "kind": self.kind, "state": self.state, "reason": self.reason,
            "since": pd.Timestamp(self.since, tz="UTC") if self.since else pd.NaT,
            "live_share": self.live_share,
        }  # fmt: skip
        for name, one in (("gap", self.gaps), ("stale", self.stale)):
            row |= {
                f"{name}_count": float(one.count), f"{name}_s": one.seconds,
                f"{name}_longest_s": one.longest,
                f"{name}_last_reason": one.last.reason if one.last else "",
            }  # fmt: skip
        row |= {
            "resyncs": self.resyncs, "widened": self.widened, "failures": self.failures,
            "refused": float(sum(one.count for one in self.refused)),
        }  # fmt: skip
        for name, spread in (("lag", self.lag), ("age", self.age)):
            row |= {f"{name}_{what}_s": value for what, value in spread._asdict().items()}
        row |= {
            "book_age_s": self.book_age, "messages": self.messages, "bytes": self.bytes,
            "messages_per_s": self.messages_per_second, "bytes_per_s": self.bytes_per_second,
            "peak_messages_per_s": self.peak_per_second, "changes": self.changes,
            "states": float(self.states), "left_out_states": float(self.left_out_states),
            "left_out_frames": float(self.left_out_frames),
            "known_bid_bps": self.known_bps[0], "known_ask_bps": self.known_bps[1],
            "used_bps": self.used_bps, "inferred_share": self.inferred_share,
            "clock_low_s": self.clock.low, "clock_high_s": self.clock.high,
        }  # fmt: skip
        index = pd.DatetimeIndex(pd.to_datetime([self.time], utc=True), name="time")
        return pd.DataFrame([row], index=index)


def _clock(time: int) -> str:
    return f"{dt.datetime.fromtimestamp(time // 1_000_000_000, dt.UTC):%H:%M:%S}"
