"""Recording of a market to a file."""

from __future__ import annotations

import asyncio
import threading
import warnings
from typing import TYPE_CHECKING

from obi_widgets.checks import number, text
from obi_widgets.errors import RecordingError, RecordingWarning, VenueError
from obi_widgets.feeds import open_feed
from obi_widgets.feeds.blocking import run, run_and_wait
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.recording import Recorder
from obi_widgets.feeds.recording.lines import LONGEST

if TYPE_CHECKING:
    from pathlib import Path

FIRST_BOOK = 30.0
"""Timeout for the first book, seconds."""


def record(
    source: str,
    path: str | Path,
    *,
    seconds: float,
    edge: float | None = None,
    seed: int | None = None,
    warmup: float | None = None,
) -> Path:
    """Record a market's raw frames to a new file; return when the recording has ended.

    Each frame is written before it is decoded, so a frame that cannot be decoded does not stop the
    recording. In a notebook, widgets respond meanwhile. If you interrupt it, the file keeps what
    was recorded.

    Parameters
    ----------
    source : str
        ``venue:SYMBOL``, or ``sim:SYMBOL`` for the simulated exchange.
    path : str or Path
        A file that does not exist yet. With the suffix ``.gz`` it is compressed; with ``.txt``,
        ``.log`` or none it is plain text.
    seconds : float
        Duration in seconds, 0 to 30 days, counted from the first book, or from the end of the
        simulated past if there is one.
    edge : float, optional
        For the simulated exchange: the strength of its signal, bps; default 1. See `simulate`.
    seed : int, optional
        For the simulated exchange: the same seed gives the same market. By default it differs each
        time.
    warmup : float, optional
        For the simulated exchange: seconds of a past that is played first; default 0.

    Returns
    -------
    Path
        The file. `load` reads it.

    Raises
    ------
    ArgumentError
        If an argument has the wrong type.
    SourceError, SymbolError
        If there is no such venue, or it cannot have such a symbol.
    SettingsError
        If a number is out of its range, or an option does not fit the source.
    VenueError
        If no book arrived within 30 s. The message has the venue's reason.
    RecordingError
        If the file exists or cannot be written, or the source is a recording. Also if the disk is
        full or the file is removed meanwhile; what was recorded before is kept.

    Warns
    -----
    RecordingWarning
        If a frame could not be decoded; it is in the file nevertheless. If a record was too long
        for a line; it is not in the file.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.record("sim:BTC-PERP", "sim.gz", seconds=1).name
    'sim.gz'
    """
    seconds = number("seconds", seconds, 0, 30 * 86_400, "seconds")
    text("source", source, "Give venue:SYMBOL.")
    if source.startswith("sim:") and warmup is None:
        warmup = 0.0  # only charts need a simulated past
    feed = open_feed(source, edge=edge, seed=seed, warmup=warmup)
    venue = feed.market.venue
    if not isinstance(feed, LiveFeed):
        raise RecordingError(f"{source!r} is a recording already.", "Copy the file.")
    recorder = feed.recorder = Recorder(path, venue.name, venue.symbol)
    stop = threading.Event()
    try:
        run_and_wait(lambda: run(_read(feed, recorder, seconds, stop)), cancel=stop.set)
    finally:
        stop.set()
        recorder.close()
    if recorder.too_long:
        warnings.warn(
            f"{recorder.too_long:,} of {recorder.records + recorder.too_long:,} records were too "
            f"long for {recorder.path} and are not in it: a line may have {LONGEST:,} bytes.",
            RecordingWarning,
            stacklevel=2,
        )
    if feed.market.failures:
        warnings.warn(
            f"Decoding failed {feed.market.failures:,} times while recording. The frames are in "
            f"{recorder.path}.",
            RecordingWarning,
            stacklevel=2,
        )
    elif not feed.market.changed_at:
        where = ""
        if feed.messages:
            where = f" The frames that it sent are in {recorder.path}."
        else:
            recorder.path.unlink()
        raise VenueError(
            f"{venue.label} gave no book of {venue.symbol}. {feed.market.detail}{where}",
            feed.market.advice,
            source=source,
        )
    return recorder.path


async def _read(feed: LiveFeed, recorder: Recorder, seconds: float, stop: threading.Event) -> None:
    """Run a feed until ``seconds`` after its first book, or until it fails or is stopped."""
    clock = asyncio.get_running_loop().time
    reading = asyncio.create_task(feed.run())
    deadline = clock() + FIRST_BOOK
    counting = False
    while clock() < deadline and not (stop.is_set() or reading.done() or recorder.error):
        await asyncio.sleep(0.02)
        market = feed.market
        has_data = market.changed_at or market.failures
        if has_data and (not counting or (market.warming and not market.failures)):
            counting, deadline = True, clock() + seconds
    reading.cancel()
    await asyncio.wait([reading])
    if recorder.error is not None:
        raise recorder.error
    if not reading.cancelled() and (error := reading.exception()):
        raise error
