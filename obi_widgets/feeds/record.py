"""Recording a market without looking at it."""

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
"""Seconds to wait for it."""


def record(
    source: str,
    path: str | Path,
    *,
    seconds: float,
    edge: float | None = None,
    seed: int | None = None,
    warmup: float | None = None,
) -> Path:
    """Record a market's raw frames to a new file, and return when it is done.

    A frame is written before it is decoded: recording goes on whatever a venue sends. In a
    notebook, the kernel's event loop goes on meanwhile: widgets answer. Interrupting keeps what
    was recorded.

    Parameters
    ----------
    source : str
        ``venue:SYMBOL``, or ``sim:SYMBOL`` for the simulated exchange.
    path : str or Path
        A file that does not exist yet. ``.gz`` is compressed; ``.txt``, ``.log`` or no ending is
        plain text.
    seconds : float
        How long, by a clock that never jumps, from the first book on, or from the end of the past
        that is asked for with `warmup`; up to 30 days.
    edge, seed, warmup
        Of the simulated exchange: see `obi_widgets.feeds.open_feed`; no past when left out.

    Returns
    -------
    Path
        Of the file, for `load`.

    Raises
    ------
    ArgumentError
        An argument of another kind.
    SourceError
        When there is no such venue.
    SettingsError
        When a number is out of its range.
    VenueError
        When no book came within 30 s: with the reason that the venue gave.
    RecordingError
        When the file exists or cannot be written, or the source is itself a recording. When the
        disk fills up or the file is removed: what was recorded before is kept.

    Warns
    -----
    RecordingWarning
        When decoding failed meanwhile: the frames are recorded all the same. When something was
        too long for a recording, and is not in it.
    """
    seconds = number("seconds", seconds, 0, 30 * 86_400, "seconds")
    text("source", source, "Give venue:SYMBOL.")
    if source.startswith("sim:") and warmup is None:
        warmup = 0.0  # the past is for charts
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
        kept = ""
        if feed.messages:
            kept = f" What it sent is in {recorder.path}."
        else:
            recorder.path.unlink()
        raise VenueError(
            f"{venue.label} gave no book of {venue.symbol}. {feed.market.detail}{kept}",
            feed.market.advice,
        )
    return recorder.path


async def _read(feed: LiveFeed, recorder: Recorder, seconds: float, stop: threading.Event) -> None:
    clock = asyncio.get_running_loop().time
    reading = asyncio.create_task(feed.run())
    until = clock() + FIRST_BOOK
    counting = False
    while clock() < until and not (stop.is_set() or reading.done() or recorder.error):
        await asyncio.sleep(0.02)
        market = feed.market
        came = market.changed_at or market.failures
        if came and (not counting or (market.warming and not market.failures)):
            counting, until = True, clock() + seconds
    reading.cancel()
    await asyncio.wait([reading])
    if recorder.error is not None:
        raise recorder.error
    if not reading.cancelled() and (error := reading.exception()):
        raise error
