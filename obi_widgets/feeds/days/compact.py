"""Parquet files of the days of a folder."""

from __future__ import annotations

import contextlib
import time
import warnings
from typing import TYPE_CHECKING

from obi_widgets.checks import flag
from obi_widgets.errors import RecordingError, RecordingWarning
from obi_widgets.feeds.days.load_days import as_folder, kept
from obi_widgets.feeds.loading import INTERVAL, LEVELS, NoBookError, load, of_recordings
from obi_widgets.feeds.recording.folder import choose, is_recorded
from obi_widgets.feeds.recording.folder_days import date_of, days_in, parquet_of
from obi_widgets.history import parquet
from obi_widgets.history.filling import filled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from obi_widgets.feeds.recording.folder_days import Day
    from obi_widgets.history.columns import History


def compact(
    folder: str | Path,
    *,
    market: str | None = None,
    levels: int = LEVELS,
    interval: float = INTERVAL,
    remove: bool = False,
) -> list[Path]:
    """Write a Parquet file for each day of a folder that `record` wrote.

    A Parquet file is loaded many times faster than the recordings it was made from, and holds the
    levels and the interval that you choose. A day that is being recorded is left for later. One
    whose Parquet file was made of all its recordings is not written again: remove the Parquet file
    to write it with other levels. If recordings are gone, what the others add is joined to the
    Parquet file, which keeps its levels. A day without a book has none.

    Parameters
    ----------
    folder : str or Path
        The folder, or that of one market in it.
    market : str, optional
        ``venue:SYMBOL``; all markets if left out.
    levels : int
        Number of levels to keep on each side, 1 to 1,000.
    interval : float
        Seconds of event time between two states; 0 keeps every state.
    remove : bool
        Whether to remove recordings. One is removed once each day that it touches is over (UTC),
        and its Parquet file holds what the recording does. It is compared with the recordings
        first, and written again with the levels and the interval given here if those are finer.
        Recordings that are removed cannot be loaded with more levels.

    Returns
    -------
    list of Path
        The Parquet files, also those that were there before: ``<venue>_<SYMBOL>/<date>.parquet``.

    Raises
    ------
    RecordingError
        If it is no such folder, or its files cannot be read.
    SettingsError
        If a number is out of its range.
    HistoryError
        If a Parquet file cannot be written.

    Warns
    -----
    RecordingWarning
        If data of the book were not used, or a day has no book.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> folder = obi.record(["sim:BTC-PERP"], "days", seconds=1, progress=False)
    >>> [path.suffix for path in obi.compact(folder)]
    ['.parquet']
    """
    place, remove = as_folder(folder), flag("remove", remove)
    levels, interval = kept(levels, interval)
    found = days_in(place)
    chosen = [choose(place, [*found], market)] if market is not None or not found else [*found]
    return [
        path
        for name in chosen
        for path in _compact(name, found[name], levels, interval, remove=remove)
    ]


def _compact(
    market: str, days: Sequence[Day], levels: int, interval: float, *, remove: bool
) -> list[Path]:
    """Write the Parquet files of one market."""
    today = date_of(time.time_ns())
    place = next((day.files[-1].parent for day in reversed(days) if day.files), None)
    recording = place is not None and is_recorded(place)
    written: list[Path] = []
    saved: set[Path] = set()  # recordings of which a Parquet file holds a day
    needed: set[Path] = {*days[-1].files} if recording else set()
    for day in days:
        if day.date >= today:
            needed |= {*day.files}  # more of that day may come
            if day.files and recording:
                continue
        if day.compacted and day.parquet is not None and not (remove and {*day.files} - needed):
            written.append(day.parquet)
            continue
        try:
            written.append(_save(day, market, levels, interval))
        except NoBookError as error:
            warnings.warn(f"{error.what} It is left out.", RecordingWarning, stacklevel=3)
        else:
            saved |= {*day.files}
    if remove:
        for file in saved - needed:
            file.unlink()
    return written


def _save(day: Day, market: str, levels: int, interval: float) -> Path:
    """Write all that there is of a day, unless its Parquet file has it already; return that file.

    The file holds no less than the one before it, and has no fewer levels.
    """
    made_of = day.sizes()
    path = day.parquet
    if path is None:
        path = parquet_of(day.files[-1].parent, day.date)
        history = _recorded(day, market, levels, interval)
    else:
        saved = load(path)
        history = saved
        with contextlib.suppress(NoBookError):
            recorded = _recorded(day, market, saved.levels, saved.interval)
            if not day.recorded or filled(recorded, saved) is not recorded:
                history = filled(saved, recorded)
                made_of |= {**day.made_of, path.name: path.stat().st_size}
            elif levels > saved.levels or interval < saved.interval:
                finer = max(levels, saved.levels), min(interval, saved.interval)
                history = _recorded(day, market, *finer)
            else:
                history = recorded
        if day.compacted and parquet.hashes(history) == parquet.hashes(saved):
            return path
    parquet.save(history, path, made_of)
    if parquet.hashes(load(path)) != parquet.hashes(history):
        raise RecordingError(f"{path} differs from what was saved.", "Check the disk.", path=path)
    return path


def _recorded(day: Day, market: str, levels: int, interval: float) -> History:
    """Return what the recordings of a day hold of it; warn of what is missing."""
    history, missing = of_recordings([day], market, levels, interval, strict=False)
    if missing:
        warnings.warn(" ".join(missing), RecordingWarning, stacklevel=5)
    return history
