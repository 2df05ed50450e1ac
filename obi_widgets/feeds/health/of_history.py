"""The health of a history: what its states tell of the feed that they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.feeds.clocks import LATE
from obi_widgets.feeds.health.durations import FRACTIONS, Durations
from obi_widgets.feeds.health.health import NAN, ClockOffset, Health, Interruptions, Stretch
from obi_widgets.feeds.health.of_market import NO_LAG_KNOWN, known_now

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import Instrument

    Ints = NDArray[np.int64]

LOST = "The history does not say why the book was lost."
NO_FEED = (
    "A history does not tell messages, bytes, refused frames, resyncs, nor why there are gaps."
)
NO_AGE = "It keeps one state an interval, so the age of the book between states is not known."

MOST = 1000
"""Newest gaps whose stretches are given."""


def health_of_history(
    history: History, instrument: Instrument, reason: str, label: str = ""
) -> Health:
    """Return the health of a finished history; percentiles are of all its states.

    Parameters
    ----------
    history : History
        Its states.
    instrument : Instrument
        The market that is shown.
    reason : str
        What is told of the state, which is ``closed``.
    label : str
        The venue's display name.
    """
    name = f"{instrument.venue}:{instrument.symbol}".removeprefix(":")
    nothing = Health(
        name, label or instrument.label, "history", 0, "closed", reason,
        states=len(history), unused=history.notes, unknown=(NO_FEED,), lag_limit=LATE / 1e9,
    )  # fmt: skip
    if not len(history):
        return nothing
    from dataclasses import replace

    received = history.received
    first, last = int(received[0]), int(received[-1])
    lost = np.isnan(history.bid) & np.isnan(history.ask)
    stretches = _stretches(lost, received)
    gaps = [one for one in stretches if one.state == "gap"]
    lengths = [one.seconds for one in gaps]
    lags = (received - history.time)[~lost]
    unknown = [NO_FEED]
    lag, clock = Durations(), ClockOffset()
    if lags.any():
        lag, clock = _percentiles(lags - lags.min()), ClockOffset(high=float(lags.min()) / 1e9)
    else:
        unknown.append(NO_LAG_KNOWN)
    if history.interval:
        unknown.append(NO_AGE)
    length = (last - first) / 1e9
    return replace(
        nothing,
        time=last,
        since=last,
        stretches=tuple(stretches[-2 * MOST :]),
        seconds=length,
        live_share=1 - sum(lengths) / length if length > 0 else NAN,
        gaps=Interruptions(
            len(gaps), sum(lengths), max(lengths, default=0.0), gaps[-1] if gaps else None
        ),
        lag=lag,
        changes=NAN if history.flow is None else float(history.flow.events.sum()),
        known_bps=known_now(history),
        clock=clock,
        unknown=tuple(unknown),
    )  # fmt: skip


def _stretches(lost: NDArray[np.bool_], received: Ints) -> list[Stretch]:
    """Return the stretches with a book and without one; each ends where the next one begins."""
    rows = np.concatenate([[0], np.flatnonzero(np.diff(lost)) + 1])
    ends = np.append(received[rows[1:]], received[-1])
    return [
        Stretch("gap", begin, end, LOST) if gone else Stretch("live", begin, end)
        for gone, begin, end in zip(
            lost[rows].tolist(), received[rows].tolist(), ends.tolist(), strict=True
        )
    ]  # fmt: skip


def _percentiles(durations: Ints) -> Durations:
    """Return percentiles of durations in ns: each is one of them."""
    count = len(durations)
    ranks = [min(int(np.ceil(fraction * count)) - 1, count - 1) for fraction in FRACTIONS]
    ordered = np.partition(durations, [*ranks, count - 1])
    return Durations(*(ordered[[*ranks, count - 1]] / 1e9).tolist())
