"""Recording of a market to a file, without a widget."""

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
    """Record a market's raw frames to a new file; return when it is complete.

    A frame is written before it is decoded, so that no frame, whatever it holds, stops the
    recording. In a notebook the kernel's event loop keeps running, and widgets respond. If this
    is interrupted, the file keeps what was recorded.

    Parameters
    ----------
    source : str
        ``venue:SYMBOL``, or ``sim:SYMBOL`` for the simulated exchange.
    path : str or Path
        A file that does not exist yet. ``.gz`` is compressed; ``.txt``, ``.log`` or no suffix is
        plain text.
    seconds : float
        Duration by a monotonic clock, counted from the first book, or from the end of the
        simulated past if `warmup` asks for one; 0 to 30 days.
    edge, seed, warmup
        Options of the simulated exchange: see `obi_widgets.feeds.open_feed`. The default `warmup`
        is 0 here.

    Returns
    -------
    Path
        The file, for `load`.

    Raises
    ------
    ArgumentError
        If an argument has the wrong type.
    SourceError
        If there is no such venue.
    SettingsError
        If a number is out of its range.
    VenueError
        If no book arrived within 30 s; it gives the venue's reason.
    RecordingError
        If the file exists or cannot be written, or the source is itself a recording. If the disk
        is full or the file is removed; what was recorded before is kept.

    Warns
    -----
    RecordingWarning
        If decoding failed while recording; the frames are in the file nevertheless. If records
        were too long for a recording; these are not in the file.
    """
    seconds = number("seconds", seconds, 0, 30 * 86_400, "seconds")
    text("source", source, "Give venue:SYMBOL.")
    if source.startswith("sim:") and warmup is None:
        warmup = 0.0  # a simulated past is only useful to charts
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
            where = f" The frames it sent are in {recorder.path}."
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
