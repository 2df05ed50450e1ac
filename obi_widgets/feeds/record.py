"""Recording of a market to a file, or of several to a folder."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from obi_widgets.checks import flag, number, text
from obi_widgets.checks import path as as_path
from obi_widgets.errors import (
    ArgumentError,
    RecordingError,
    RecordingWarning,
    SettingsError,
    VenueError,
)
from obi_widgets.feeds.blocking import run, run_and_wait
from obi_widgets.feeds.by_ccxt.markets import refuse_recording
from obi_widgets.feeds.days.folder_recorder import Simulation, record_folder, targets_of
from obi_widgets.feeds.days.rotation import USUAL, rotation
from obi_widgets.feeds.given.following import GivenFeed
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.reach import Reach
from obi_widgets.feeds.recording import Recorder
from obi_widgets.feeds.recording.lines import LONGEST
from obi_widgets.feeds.sources import open_feed
from obi_widgets.market_data.venues import Venue, known_venue
from obi_widgets.market_data.venues.lmex import Simulated

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_SECONDS = 30 * 86_400
"""Longest recording that ends by itself, seconds."""

FIRST_BOOK = 30.0
"""Timeout for the first book, seconds."""


def record(
    source: str | Iterable[str],
    path: str | Path,
    *,
    seconds: float | None = None,
    rotate: float | str | None = None,
    max_size: float | str | None = None,
    progress: bool | None = None,
    edge: float | None = None,
    seed: int | None = None,
    warmup: float | None = None,
    proxy: str | None = None,
    urls: Mapping[str, str] | None = None,
    testnet: bool = False,
    origin: str | None = None,
) -> Path:
    """Record markets' raw frames to a folder, or one market's to a file; return when it has ended.

    Each frame is written before it is decoded, so a frame that cannot be decoded does not stop the
    recording. In a notebook, widgets respond meanwhile. If you interrupt it, or the process is
    killed, what was recorded is kept, up to the last second.

    One market and the name of a new file make one file. A list of markets, an existing folder, or
    ``rotate`` or ``max_size`` make a folder of files.

    Parameters
    ----------
    source : str or list of str
        ``venue:SYMBOL``, or ``sim:SYMBOL`` for the simulated exchange; or a list of them.
    path : str or Path
        A file that does not exist yet. With the suffix ``.gz`` it is compressed; with ``.txt``,
        ``.log`` or none it is plain text. Or a folder, which is made if it does not exist.
    seconds : float, optional
        Duration in seconds, 0 to 30 days, counted from the first book, or from the end of the
        simulated past if there is one. A folder needs none: it is recorded until you interrupt it.
    rotate : float or str, optional
        For a folder: seconds after which a new file begins, or text such as ``"15min"``, 5 seconds
        to a day; default ``"1h"``. Files begin at multiples of it UTC: for an hour, at full hours.
    max_size : float or str, optional
        For a folder: bytes after which a new file begins, or text such as ``"100MB"``; by default
        there is no limit.
    progress : bool, optional
        Whether to print the progress, and at the end what was recorded. By default for a folder.
    edge : float, optional
        For the simulated exchange: the strength of its signal, bps; default 1. See `simulate`.
    seed : int, optional
        For the simulated exchange: the same seed gives the same market. By default it differs each
        time. Of several markets the first has it, and each later one the next number.
    warmup : float, optional
        For the simulated exchange: seconds of a past that is played first; default 0.
    proxy, urls, testnet, origin
        Live markets only: how they are reached; see `Session`. ``urls`` are of one venue.

    Returns
    -------
    Path
        The file or the folder. `load` reads it, and `load_days` a folder.

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
        full or the file is removed meanwhile; what was recorded before is kept. If another recorder
        records the same market into the folder.

    Warns
    -----
    RecordingWarning
        If a frame could not be decoded; it is in the file nevertheless. If a record was too long
        for a line; it is not in the file. If one of several markets gave no book.

    Notes
    -----
    In a folder, ``<venue>_<SYMBOL>/<begin>.gz`` are the files of a market. Each begins with the
    instrument and a snapshot, and replays alone: before a file ends, the next one has connected to
    the venue by itself, and both hold the seconds between. `load` counts these once. Recording into
    the same folder again adds files. A market that fails, or a file that cannot be written, is
    tried again, and the others go on meanwhile. Markets of one venue share websockets, as far as it
    allows.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.record("sim:BTC-PERP", "sim.gz", seconds=1).name
    'sim.gz'
    >>> markets = ["sim:BTC-PERP", "sim:ETH-PERP"]
    >>> obi.record(markets, "data", rotate="1h", seconds=1, progress=False).name
    'data'
    >>> len(obi.load("data", market="sim:ETH-PERP")) > 3
    True
    """
    simulation = Simulation(edge, seed, warmup)
    reach = Reach(proxy, urls, testnet, origin)
    # As elsewhere, a decoder with endpoints of its own may stand for a name.
    many: object = [source] if isinstance(source, str | Venue) else source
    if many is source or rotate is not None or max_size is not None or _is_dir(path):
        if not isinstance(many, Iterable):
            advice = "Give venue:SYMBOL, or a list of them."
            raise ArgumentError(f"A {type(source).__name__} is no market.", advice)
        if seconds is not None:
            seconds = number("seconds", seconds, 0, LONGEST_SECONDS, "seconds")
        return record_folder(
            targets_of(many, simulation, reach),
            as_path(path, "Give the name of a folder."),
            rotation(USUAL if rotate is None else rotate, max_size),
            seconds=seconds,
            first_book=FIRST_BOOK,
            progress=True if progress is None else flag("progress", progress),
        )
    if progress is not None:
        raise SettingsError("progress is for a folder.", "Leave it out, or give rotate.")
    return _record_file(source, path, seconds, simulation, reach)


def _is_dir(path: str | Path) -> bool:
    return as_path(path, "Give the name of a file that does not exist.").is_dir()


def _record_file(
    source: str | Iterable[str],
    path: str | Path,
    seconds: float | None,
    simulation: Simulation,
    reach: Reach,
) -> Path:
    """Record one market to one file; see `record`."""
    seconds = number("seconds", seconds, 0, LONGEST_SECONDS, "seconds")
    source = text("source", source, "Give venue:SYMBOL.")
    warmup = simulation.warmup
    if known_venue(source.partition(":")[0]) is Simulated and warmup is None:
        warmup = 0.0  # only charts need a simulated past
    feed = open_feed(
        source, edge=simulation.edge, seed=simulation.seed, warmup=warmup, proxy=reach.proxy,
        urls=reach.urls, testnet=reach.testnet, origin=reach.origin,
    )  # fmt: skip
    if isinstance(feed, GivenFeed):
        raise refuse_recording(source)
    if not isinstance(feed, LiveFeed):
        raise RecordingError(f"{source!r} is a recording already.", "Copy the file.")
    venue = feed.market.venue
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
            stacklevel=3,
        )
    if feed.market.failures:
        warnings.warn(
            f"Decoding failed {feed.market.failures:,} times while recording. The frames are in "
            f"{recorder.path}.",
            RecordingWarning,
            stacklevel=3,
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
