"""Loading of a folder day by day."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from obi_widgets.checks import flag, integer, number
from obi_widgets.checks import path as as_path
from obi_widgets.errors import RecordingError, RecordingWarning, SettingsError
from obi_widgets.feeds.loading import INTERVAL, LEVELS, NoBookError, load, of_days
from obi_widgets.feeds.recording.folder_days import days_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date
    from pathlib import Path

    from obi_widgets.feeds.recording.folder_days import Day
    from obi_widgets.history.columns import History


class Days(Sequence["History"]):
    """The days of a market in a folder: a sequence of histories, each loaded when it is asked for.

    A day is not kept: two loops load it twice. A loop leaves a day without a book out, and warns of
    it. `load_days` makes it.

    Parameters
    ----------
    market : str
        See below.
    dates : sequence of date
        See below.
    loader : callable
        Takes a date, and returns the history of that day.

    Attributes
    ----------
    market : str
        ``venue:SYMBOL``.
    dates : tuple of date
        The days, UTC.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> folder = obi.record(["sim:BTC-PERP"], "one", seconds=1, progress=False)
    >>> days = obi.load_days(folder)
    >>> len(days) == len(days.dates)
    True
    """

    def __init__(
        self, market: str, dates: Sequence[date], loader: Callable[[date], History]
    ) -> None:
        self.market = market
        self.dates: tuple[date, ...] = tuple(dates)
        self._loader = loader

    def __len__(self) -> int:
        return len(self.dates)

    @overload
    def __getitem__(self, at: int) -> History: ...
    @overload
    def __getitem__(self, at: slice) -> Days: ...
    def __getitem__(self, at: int | slice) -> History | Days:
        if isinstance(at, slice):
            return Days(self.market, self.dates[at], self._loader)
        return self._loader(self.dates[at])

    def __iter__(self) -> Iterator[History]:
        for one in self.dates:
            try:
                history = self._loader(one)
            except NoBookError as error:
                warnings.warn(f"{error.what} It is left out.", RecordingWarning, stacklevel=2)
            else:
                yield history

    def __repr__(self) -> str:
        if not self.dates:
            return f"<Days {self.market} none>"
        return f"<Days {self.market} {len(self)} from {self.dates[0]} to {self.dates[-1]} UTC>"


def load_day(day: Day, market: str, *, levels: int, interval: float, strict: bool) -> History:
    """Return the history of a day: its Parquet file if that fits, otherwise see `of_days`.

    Raises
    ------
    RecordingError
        If there is no book on that day.
    """
    if day.parquet is not None and day.compacted:
        try:
            return load(day.parquet, levels=levels, interval=interval, strict=strict)
        except SettingsError:  # saved with other levels or another interval
            if not day.recorded:
                raise
    history, missing = of_days([day], market, levels, interval, strict=strict)
    if missing:
        warnings.warn(" ".join(missing), RecordingWarning, stacklevel=4)
    return history


def load_days(
    folder: str | Path,
    *,
    market: str | None = None,
    levels: int = LEVELS,
    interval: float = INTERVAL,
    strict: bool = False,
) -> Days:
    """Load a folder that `record` wrote as one history for each day, UTC.

    A day is loaded when it is asked for, and not kept, so that memory holds one day and one file
    however many days there are. A state belongs to the day of its event time. If `compact` wrote a
    Parquet file of a day with the same levels and interval, that is read; otherwise the recordings.
    Of a day of which recordings are gone, the Parquet file is joined with what others add.

    Parameters
    ----------
    folder : str or Path
        The folder, or that of one market in it.
    market : str, optional
        ``venue:SYMBOL``. Needed if the folder holds several markets.
    levels, interval, strict
        As in `load`.

    Returns
    -------
    Days
        A sequence of `History`; ``dates`` has the days.

    Raises
    ------
    RecordingError
        If it is no such folder, or holds several markets and none is chosen. When a day is loaded:
        if it has no book, or its files cannot be read.
    SettingsError
        If a number is out of its range. When a day is loaded of which recordings are gone, and its
        Parquet file has other levels or another interval.

    Warns
    -----
    RecordingWarning
        When a day is loaded: if data of the book were not used. In a loop: if a day has no book; it
        is left out.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> folder = obi.record(["sim:BTC-PERP"], "btc", seconds=1, progress=False)
    >>> days = obi.load_days(folder, levels=10)
    >>> days.market
    'sim:BTC-PERP'
    >>> [history.levels for history in days][0]
    10
    """
    levels, interval = kept(levels, interval)
    strict = flag("strict", strict)
    chosen, days = days_of(as_folder(folder), market)
    by_date = {day.date: day for day in days}

    def load_date(one: date) -> History:
        return load_day(by_date[one], chosen, levels=levels, interval=interval, strict=strict)

    return Days(chosen, [*by_date], load_date)


def kept(levels: int, interval: float) -> tuple[int, float]:
    """Return the levels and the interval that are kept, after checking them."""
    return integer("levels", levels, 1, 1000), number("interval", interval, 0, 3600, "seconds")


def as_folder(folder: str | Path) -> Path:
    """Return the path of a folder that exists.

    Raises
    ------
    ArgumentError
        If it is no path.
    RecordingError
        If there is no such folder.
    """
    place = as_path(folder, "Give the folder that obi.record wrote.")
    if not place.is_dir():
        raise RecordingError(
            f"There is no folder {place}.", "Give the folder that obi.record wrote.", path=place
        )
    return place
