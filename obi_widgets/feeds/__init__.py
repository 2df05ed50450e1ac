"""Feeds deliver frames to a market: from a websocket, a file, or the simulated exchange."""

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

MAX_STATES = 30_000_000
"""Largest number of states that a feed keeps: a month at ten a second. At 20 levels they take 6 GB,
which are allocated as the history grows."""

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
    """Return the feed of a source. It does not run yet.

    Parameters
    ----------
    source : str, Path or iterable of paths
        ``venue:SYMBOL`` for a live market, ``sim:SYMBOL`` for the simulated exchange, or the
        path of a recording.
    speed : float or None
        For a recording: multiple of real time, default 1; None for as fast as possible.
    levels : int
        Number of levels to keep on each side, 1 to 1,000.
    history_seconds : float
        Length of the history that is kept at least, seconds, 10 to 30 days. It may be up to 4,096
        states longer, since the oldest states are dropped in blocks.
    interval : float
        Seconds of event time between two states, 0 to 3,600. 0 keeps every state;
        ``history_seconds`` then counts a hundred states a second.
    strict : bool
        What a signal is in a state where it uses levels that no snapshot covered: NaN if True. If
        False, it is computed from the levels that the venue has sent; see `obi_widgets.inferred`.
    refresh_at : float
        For venues that report every change: a new snapshot is requested when less than this
        fraction, 0 to 1, of the range of prices that the last one covered is left on a side.
    market : str, optional
        ``venue:SYMBOL`` of a recording that does not contain its market.
    edge : float, optional
        For the simulated exchange: how far a hidden pressure of +1 moves mid until it has faded,
        bps; default 1. The imbalance shows the pressure, with noise. At 0, nothing predicts mid.
    seed : int, optional
        For the simulated exchange: the same seed gives the same market. By default it differs each
        time.
    warmup : float, optional
        For the simulated exchange: seconds of a past that is played first; default 300.

    Raises
    ------
    ArgumentError
        If the source is a history or a DataFrame.
    SourceError, SymbolError
        If the source is neither a known venue nor a file, or the venue cannot have such a symbol.
    SettingsError
        If a number is out of its range, or an option does not fit the source.
    RecordingError
        If the source is a file that is not a recording.
    """
    # Imported here: to load a recording needs no websockets.
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
    if capacity > MAX_STATES:
        raise SettingsError(
            f"{history_seconds:,g} s at a state every {interval or 0.01:g} s are {capacity:,} "
            f"states, and {MAX_STATES:,} are possible.",
            "Give a smaller history_seconds, or a larger interval.",
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
    """Return the recording that a source names; for a market, None, the venue and the symbol."""
    from obi_widgets.feeds.simulation.simulator import LISTINGS

    if type(source).__name__ in ("History", "DataFrame"):
        raise ArgumentError(
            f"A {type(source).__name__} is neither a market nor a recording.",
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
                f"Give venue:SYMBOL with one of the venues {', '.join(VENUES)}, or a path.",
            )
    return Recording(source, market=market), "", ""
