"""Who moves the frames: a websocket, a file, or a simulated exchange behind a real websocket."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from obi_widgets.checks import UNSET, Unset, number
from obi_widgets.errors import ArgumentError, SettingsError, SourceError, quoted
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Recording
from obi_widgets.market_data.venues import VENUES, make_venue

if TYPE_CHECKING:
    from obi_widgets.feeds.base import Feed

MOST_STATES = 30_000_000
"""A month at ten a second: 6 GB at 20 levels, of memory that is taken as it is filled."""

Source: TypeAlias = str | Path | Iterable[str | Path]


def open_feed(
    source: Source,
    *,
    speed: float | Unset | None = UNSET,
    levels: int = 50,
    history_seconds: float = 3600.0,
    interval: float = 0.1,
    strict: bool = False,
    refresh_at: float = 0.5,
    market: str | None = None,
    edge: float | None = None,
    seed: int | None = None,
    warmup: float | None = None,
) -> Feed:
    """Return the feed of a source, not yet running.

    Parameters
    ----------
    source : str, Path or iterable of paths
        ``venue:SYMBOL`` for a live market, ``sim:SYMBOL`` for the simulated exchange, or the
        path of a recording.
    speed : float or None
        Of a recording: how many times as fast as it was, 1 when left out; None for at once.
    levels : int
        Levels a side to keep.
    history_seconds : float
        How much of the past to keep at least, at one state an ``interval``; up to 4,096 states
        more, since the oldest are dropped by the block.
    interval : float
        Seconds between the states that are kept. 0: every state, and ``history_seconds`` then
        counts a hundred a second.
    strict : bool
        Whether a signal that rests on levels beyond what a snapshot covered is NaN; otherwise it
        is computed from the levels that have been told, see `History.inferred`.
    refresh_at : float
        The share of the prices that a snapshot covered, 0 to 1: with less than that left on a
        side, a new snapshot is asked for. Of venues that tell of every change.
    market : str, optional
        ``venue:SYMBOL`` of a recording that does not say what it is.
    edge : float, optional
        Of the simulated exchange: bps that a hidden pressure of +1 moves mid by until it has
        faded, 1 when left out. The imbalance shows the pressure, with noise. 0: nothing does.
    seed : int, optional
        Of the simulated exchange: the same seed gives the same market; a new one each time when
        left out.
    warmup : float, optional
        Of the simulated exchange: seconds of the past to begin with, 300 when left out.

    Raises
    ------
    SourceError
        A source that is neither a known venue nor a file.
    SettingsError
        A number that is out of its range.
    """
    # Here, since whoever loads a recording needs no websockets.
    from obi_widgets.feeds.live import LiveFeed, SimulatorFeed
    from obi_widgets.feeds.replay import ReplayFeed
    from obi_widgets.feeds.simulation.simulator import SimulatedMarket

    recording, name, symbol = resolve(source, market)
    for option, value in (("edge", edge), ("seed", seed), ("warmup", warmup)):
        if name != "sim" and value is not None:
            raise SettingsError(
                f"{option} = {quoted(value)} is for the simulated exchange.", "Leave it out."
            )
    if recording is None and speed is not UNSET:
        raise SettingsError(f"speed = {quoted(speed)} is for a recording.", "Leave it out.")
    if recording is None and market is not None:
        raise SettingsError(f"market = {quoted(market)} is for a recording.", "Leave it out.")
    edge, warmup = 1.0 if edge is None else edge, 300.0 if warmup is None else warmup
    venue = recording.make_venue() if recording else make_venue(name, symbol)
    interval = number("interval", interval, 0, 3600, "seconds")
    history_seconds = number("history_seconds", history_seconds, 10, 30 * 86_400, "seconds")
    warmup = number("warmup", warmup, 0, 86_400, "seconds")
    capacity = int(history_seconds / (interval or 0.01))
    if capacity > MOST_STATES:
        raise SettingsError(
            f"{history_seconds:,g} s at a state every {interval or 0.01:g} s are {capacity:,} "
            f"states, and {MOST_STATES:,} are possible.",
            "Keep less of the past, or fewer states a second.",
        )
    reader = Market(
        venue,
        levels=levels,
        capacity=capacity,
        interval=interval,
        strict=strict,
        refresh_at=refresh_at,
    )
    if recording is not None:
        return ReplayFeed(reader, recording, 1.0 if isinstance(speed, Unset) else speed)
    if name == "sim":
        seed = time.time_ns() % 2**32 if seed is None else seed
        return SimulatorFeed(reader, SimulatedMarket(symbol, edge=edge, seed=seed), warmup=warmup)
    return LiveFeed(reader)


def resolve(source: Source, market: str | None = None) -> tuple[Recording | None, str, str]:
    """Return the recording that a source names; or None, and its venue and symbol."""
    from obi_widgets.feeds.simulation.simulator import LISTINGS

    if type(source).__name__ in ("History", "DataFrame"):
        raise ArgumentError(
            f"A {type(source).__name__} is no source: a lab follows a market, or a recording.",
            "Give venue:SYMBOL, or a path. obi.calibrate and obi.sweep take a history.",
        )
    if isinstance(source, str):
        name, colon, symbol = source.partition(":")
        if colon and name in VENUES:
            if not symbol:
                raise SourceError(f"{source!r} names no symbol.", "Give venue:SYMBOL.")
            if name == "sim" and symbol not in LISTINGS:
                raise SourceError(
                    f"The simulator lists no symbol {symbol!r}.",
                    f"It lists {', '.join(LISTINGS)}.",
                )
            return None, name, symbol
        if not Path(source).exists():
            raise SourceError(
                f"{quoted(source)} is neither a venue's symbol nor a file.",
                f"Give venue:SYMBOL, the venue one of {', '.join(VENUES)}; or a recording's path.",
            )
    return Recording(source, market=market), "", ""
