"""The health of a feed whose market was noted by a monitor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from obi_widgets.feeds.clocks import LATE
from obi_widgets.feeds.health.health import NAN, Health, Refusal

if TYPE_CHECKING:
    from collections import Counter

    from obi_widgets.feeds.clocks import Clocks
    from obi_widgets.feeds.health.monitor import Monitor
    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import Instrument, State
    from obi_widgets.market_data.venues.base import Venue

NO_LAG_KNOWN = "The events have no time of receipt of their own, so their lag is not known."
NO_BYTES = "Books come as objects or rows, so there are no bytes."
NO_CLOCK_LOW = "No answer of the venue bounds the clock on the other side."
NO_SEQUENCE = "There is no sequence, so a change that is lost is not noticed."


class Noted(Protocol):
    """The attributes of a market that are read; see `obi_widgets.feeds.market.Market`."""

    instrument: Instrument
    venue: Venue
    has_book: bool
    refused: Counter[str]
    failures: int
    unused: tuple[str, ...]
    messages: int
    bytes: int
    monitor: Monitor

    @property
    def state(self) -> State:
        """The state now."""

    @property
    def detail(self) -> str:
        """Why it is so."""

    @property
    def advice(self) -> str:
        """What to do about it."""

    def history(self) -> History:
        """Return the book states so far."""

    def age(self, now: int) -> float:
        """Return the seconds since the newest change of the book."""


def health_of(
    market: Noted, clocks: Clocks, now: int, *, in_sync: bool, over_at: int | None = None
) -> Health:
    """Return the health of a market's feed; the kind of data is left open.

    Parameters
    ----------
    market : Noted
        The market.
    clocks : Clocks
        Its clocks.
    now : int
        Time by the clock of receipt, ns UTC.
    in_sync : bool
        Whether there is a book.
    over_at : int, optional
        Steady time from which the state is stale, ns, if the timeline may not know that yet.
    """
    monitor, shift = market.monitor, clocks.shift
    closed = market.state == "closed"
    steady = clocks.steady_now if closed else max(now + shift, clocks.steady_now)
    timeline = monitor.timeline
    if over_at is not None:
        timeline = timeline.turned("stale", market.detail, over_at)
    stretches = timeline.stretches(steady, shift)
    spreads = monitor.spreads(steady, shift, clocks.minimum, open_book=in_sync and not closed)
    rates = monitor.rates(steady)
    wall = steady - shift
    begin = max(stretches[0].begin if stretches else wall, wall - round(monitor.seconds * 1e9))
    seconds = (wall - begin) / 1e9
    live = sum(
        max(one.end - max(one.begin, begin), 0)
        for one in stretches
        if one.state in ("live", "unverified")
    )
    per_second, bytes_per_second = rates.messages, rates.bytes
    if closed and seconds > 1:  # there is no now: the mean of all
        per_second, bytes_per_second = market.messages / seconds, market.bytes / seconds
    history = market.history()
    unknown = []
    if spreads.changes and math.isnan(spreads.lag.median):
        unknown.append(NO_LAG_KNOWN)
    elif spreads.changes and math.isnan(spreads.clock.low):
        unknown.append(NO_CLOCK_LOW)
    if market.messages and not market.bytes:
        unknown.append(NO_BYTES)
    if not market.venue.verified:
        unknown.append(NO_SEQUENCE)
    instrument = market.instrument
    return Health(
        market=f"{instrument.venue}:{instrument.symbol}",
        venue=instrument.label,
        kind="live",
        time=wall,
        state=market.state,
        reason=market.detail,
        advice=market.advice,
        since=timeline.since(shift),
        stretches=stretches,
        seconds=seconds,
        live_share=live / (wall - begin) if wall > begin else NAN,
        gaps=timeline.interruptions("gap", steady, shift),
        stale=timeline.interruptions("stale", steady, shift),
        resyncs=monitor.resyncs,
        widened=monitor.widened,
        refused=tuple(
            Refusal(name, count, monitor.details.get(name, ""))
            for name, count in market.refused.most_common()
        ),
        failures=market.failures,
        lag=spreads.lag,
        lag_limit=LATE / 1e9,
        age=spreads.age,
        book_age=market.age(now) if market.has_book else NAN,
        messages=market.messages,
        bytes=market.bytes if market.bytes or not market.messages else NAN,
        messages_per_second=per_second,
        bytes_per_second=bytes_per_second if market.bytes else NAN,
        peak_per_second=rates.peak,
        rates=rates.rates,
        changes=spreads.changes,
        states=len(history),
        known_bps=known_now(history),
        clock=spreads.clock,
        unused=market.unused,
        unknown=tuple(unknown),
    )


def known_now(history: History) -> tuple[float, float]:
    """Return how far bids and asks are known in the newest state, bps; NaN without a book."""
    if not len(history):
        return NAN, NAN
    bids, asks = history.reach[:, -1].tolist()
    return bids, asks
